use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::network::{Faults, Link, PeerId};
use crate::random::Random;

/// A listening or connected socket that exists only here.
#[derive(Debug)]
pub enum SimSocket {
    /// A listener.
    Listener,
    /// A client's connection.
    Connected(ServerEnd),
}

impl From<SimSocket> for OwnedFd {
    /// Stands in for the socket that a hijack hands out.
    fn from(_: SimSocket) -> Self {
        File::open("/dev/null").expect("/dev/null can be opened").into()
    }
}

impl TryFrom<OwnedFd> for SimSocket {
    type Error = OwnedFd;

    /// No real socket is ever one of these.
    fn try_from(socket: OwnedFd) -> Result<Self, OwnedFd> {
        Err(socket)
    }
}

/// The server's end of a [`Link`]: as a real socket does, it closes when it is dropped.
#[derive(Debug)]
pub struct ServerEnd {
    pub(crate) peer: PeerId,
    network: Arc<Mutex<Network>>,
}

impl ServerEnd {
    pub(crate) fn new(peer: PeerId, network: Arc<Mutex<Network>>) -> Self {
        Self { peer, network }
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        if let Some(link) = lock(&self.network).links.get_mut(&self.peer)
            && !link.detached
        {
            link.close();
        }
    }
}

/// The network of a simulation, shared by its driver, its sockets and its scripts.
#[derive(Debug)]
pub(crate) struct Network {
    pub links: BTreeMap<PeerId, Link>,
    /// Who has connected, and to which listener.
    pub backlog: VecDeque<(usize, PeerId)>,
    pub faults: Faults,
    pub random: Random,
}

pub(crate) fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().unwrap_or_else(PoisonError::into_inner)
}
