//! What a reactor gives to its siblings and takes from them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use hyperion_io::{Driver, Peer, passing};
use hyperion_proto::Shutdown;

use super::Reactor;
use crate::balance::handoff_message::{HOPS_MAX, HandoffMessage};
use crate::balance::{Channels, Siblings};
use crate::connection_info::Listener;
use crate::fault::contain;
use crate::session::SIBLING_WAIT;

impl<D: Driver> Reactor<D>
where
    D::Socket: Into<OwnedFd> + TryFrom<OwnedFd>,
{
    /// Shares its work with the other workers of these from now on.
    ///
    /// # Errors
    /// When there are no descriptors left, or no thread.
    pub fn join(&mut self, channels: Arc<Channels>) -> io::Result<()> {
        let context = &self.sessions.context;
        let (stats, inbox, log) =
            (context.stats.clone(), context.inbox.clone(), context.log.clone());
        self.siblings = Some(Siblings::start(channels, stats, inbox, log)?);
        Ok(())
    }

    /// Gives a connection to the sibling that has the fewest; it comes back where this process has.
    pub(super) fn give_away(&self, listener: usize, socket: D::Socket) -> Option<D::Socket> {
        let Some(siblings) = &self.siblings else { return Some(socket) };
        let is_for_all = |address: &Arc<Listener>| !matches!(**address, Listener::Admin);
        if self.sessions.shutdown != Shutdown::None
            || !self.sessions.listeners.get(listener).is_some_and(is_for_all)
        {
            return Some(socket);
        }
        self.show_connections();
        let Some(reservation) = siblings.reserve_for_connection() else { return Some(socket) };
        let socket: OwnedFd = socket.into();
        let handoff = HandoffMessage::of_connection(listener as u32);
        match siblings.send(reservation, socket.as_fd(), &handoff) {
            Ok(()) => {
                self.sessions.context.stats.connections_passed.add(1);
                None
            }
            Err(_) => socket.try_into().ok(),
        }
    }

    /// Takes a connection from a sibling, with what was read from it.
    pub(super) fn adopt(&mut self, socket: OwnedFd, handoff: &HandoffMessage, at: Instant) {
        let peer = passing::peer(socket.as_fd());
        if let (Ok(peer), Ok(socket)) = (peer, D::Socket::try_from(socket)) {
            self.take_in(socket, peer, handoff, at);
        }
    }

    fn take_in(&mut self, socket: D::Socket, peer: Peer, handoff: &HandoffMessage, at: Instant) {
        let Some(key) = self.sessions.open(handoff.listener as usize, peer) else { return };
        if let Err(error) = self.driver.attach(key, socket) {
            self.sessions.complain_about_accept(&error);
            self.sessions.slab.remove(key.index as usize);
            return;
        }
        if !handoff.bytes.is_empty() {
            let received_at = at.checked_sub(handoff.age).unwrap_or(at);
            self.sessions.handle(key, |session, context| {
                session.resume(handoff, received_at, context);
            });
        }
        self.apply_shutdown_to_new(key);
    }

    /// Gives requests that wait to siblings that have an executor to spare; from a worker that is to end,
    /// to whoever serves.
    pub(super) fn share_requests(&mut self) {
        let now = self.sessions.context.now;
        let waits = self.sessions.context.stats.queue_depth.value() > 0;
        let is_shutting_down = self.sessions.shutdown != Shutdown::None;
        let Some(siblings) = self.siblings.as_ref().filter(|_| waits) else {
            self.shares_at = None;
            return;
        };
        if *self.shares_at.get_or_insert(now + SIBLING_WAIT) > now {
            return;
        }
        self.shares_at = Some(now + SIBLING_WAIT);
        while let Some(reservation) = siblings.reserve_for_request(is_shutting_down) {
            match self.sessions.release_waiting(reservation) {
                Some(key) => self.driver.detach(key),
                None => return siblings.cancel(reservation),
            }
        }
    }

    pub(super) fn hand_over_detached(&mut self) {
        for (key, socket) in std::mem::take(&mut self.sessions.detached) {
            if self.sessions.find(key).is_none() {
                continue;
            }
            let mut session = self.sessions.slab.remove(key.index as usize);
            let listener = self.sessions.number_of(session.listener());
            let now = self.sessions.context.now;
            let context = &self.sessions.context;
            let unused = session.unused_reservation();
            let detached = contain(&context.stats, || {
                session.handle_detached(socket.into(), listener, context)
            });
            self.sessions.abandon(session);
            let Some(siblings) = &self.siblings else { continue };
            let Some(detached) = detached else {
                unused.into_iter().for_each(|unused| siblings.cancel(unused));
                continue;
            };
            let Some((reservation, socket, handoff)) = detached else { continue };
            match siblings.send(reservation, socket.as_fd(), &handoff) {
                Ok(()) => self.sessions.context.stats.requests_passed.add(1),
                Err(_) => self.adopt(socket, &HandoffMessage { hops: HOPS_MAX, ..handoff }, now),
            }
        }
    }
}
