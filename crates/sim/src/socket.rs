use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

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

/// Connections that have left a simulated driver, by the number of the real socket that stands for each meanwhile;
/// with its other end.
static IN_TRANSIT: LazyLock<Mutex<HashMap<u64, (ServerEnd, OwnedFd)>>> =
    LazyLock::new(Mutex::default);

impl From<SimSocket> for OwnedFd {
    /// Stands for the connection with whoever gets it, an application or another worker.
    fn from(socket: SimSocket) -> Self {
        let (given, kept) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
                .expect("a pair of sockets can be made");
        if let SimSocket::Connected(end) = socket {
            lock(&IN_TRANSIT).insert(number_of(&given), (end, kept));
        }
        given
    }
}

impl TryFrom<OwnedFd> for SimSocket {
    type Error = OwnedFd;

    /// Only what stands for a connection of a simulation is one.
    fn try_from(socket: OwnedFd) -> Result<Self, OwnedFd> {
        match lock(&IN_TRANSIT).remove(&number_of(&socket)) {
            Some((end, _)) => {
                end.with_link(|link| link.detached = false);
                Ok(Self::Connected(end))
            }
            None => Err(socket),
        }
    }
}

fn number_of(socket: impl AsFd) -> u64 {
    rustix::fs::fstat(socket).expect("an open socket has a status").st_ino
}

/// The server's end of a link: as a real socket does, it closes when it is dropped.
#[derive(Debug)]
pub struct ServerEnd {
    pub(crate) peer: PeerId,
    network: Arc<Mutex<Network>>,
}

impl ServerEnd {
    pub(crate) fn new(peer: PeerId, network: Arc<Mutex<Network>>) -> Self {
        Self { peer, network }
    }

    fn with_link(&self, change: impl FnOnce(&mut Link)) {
        lock(&self.network).links.get_mut(&self.peer).map(change);
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.with_link(|link| {
            if !link.detached {
                link.close();
            }
        });
    }
}

/// The network of a simulation, shared by its driver, its sockets and its scripts.
#[derive(Debug)]
pub(crate) struct Network {
    pub links: BTreeMap<PeerId, Link>,
    pub faults: Faults,
    pub random: Random,
}

/// Who has connected to a worker and is not accepted yet, and to which listener.
pub(crate) type Backlog = Mutex<Vec<(usize, PeerId)>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
