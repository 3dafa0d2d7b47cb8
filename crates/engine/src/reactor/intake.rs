//! Whose connections a reactor accepts, and how it stops: nobody who has connected is left unheard.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hyperion_io::{Driver, Key};
use hyperion_proto::Shutdown;

use super::Reactor;
use crate::balance::Siblings;
use crate::log::Level;

/// A drain waits this long for requests on their way: on connections that were just made, and on those whose client
/// does not know yet that they end.
const DRAIN_WAIT: Duration = Duration::from_millis(300);

/// After refusing SYNs, listening sockets stay open this long, so that handshakes in progress complete.
const LAST_ACCEPT: Duration = Duration::from_millis(50);

/// After that, how often to look while there are requests that nobody has come to read.
const LAST_CALL_LOOK: Duration = Duration::from_millis(30);

/// What is accepted from, and how long still.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// By the driver's number of a listening socket: the listener that its connections belong to.
    listeners: Vec<usize>,
    /// By slot: the driver's numbers of sockets whose worker does not serve.
    covered: HashMap<usize, Vec<usize>>,
    /// When listening sockets to which nobody can connect any more are closed.
    closes_at: Option<Instant>,
    last_called_at: Option<Instant>,
    drains_at: Option<Instant>,
}

impl Intake {
    /// The driver has given a listening socket this number.
    pub fn add(&mut self, number: usize, listener: usize) {
        if self.listeners.len() <= number {
            self.listeners.resize(number + 1, usize::MAX);
        }
        self.listeners[number] = listener;
    }

    /// Which listener a connection from there belongs to.
    pub fn listener(&self, number: usize) -> usize {
        self.listeners.get(number).copied().unwrap_or(usize::MAX)
    }

    /// When listening sockets, or connections that rest, are closed.
    pub fn ends_at(&self) -> Option<Instant> {
        [self.closes_at, self.drains_at].into_iter().flatten().min()
    }
}

impl<D: Driver> Reactor<D>
where
    D::Socket: Into<OwnedFd> + TryFrom<OwnedFd>,
{
    /// Accepts for the worker of another slot as well, from sockets that stand in the order of the own ones.
    pub(super) fn cover(&mut self, slot: usize, sockets: Vec<OwnedFd>) {
        if self.sessions.shutdown != Shutdown::None || self.intake.covered.contains_key(&slot) {
            return;
        }
        if let Some(Err(error)) = self.siblings.as_ref().map(|siblings| siblings.cover(slot)) {
            self.complain_about_cover(slot, &error);
        }
        let mut numbers = Vec::new();
        for (listener, socket) in sockets.into_iter().enumerate() {
            let Ok(socket) = D::Socket::try_from(socket) else { continue };
            match self.driver.listen_beside(socket) {
                Ok(number) => {
                    self.intake.add(number, listener);
                    numbers.push(number);
                }
                Err(error) => self.complain_about_cover(slot, &error),
            }
        }
        self.intake.covered.insert(slot, numbers);
    }

    fn complain_about_cover(&self, slot: usize, error: &io::Error) {
        self.sessions.context.log.write(
            Level::Error,
            "engine",
            "connections of a worker that does not serve cannot be accepted",
            &[("slot", &slot.to_string()), ("error", &error.to_string())],
        );
    }

    /// The worker of that slot serves again.
    pub(super) fn uncover(&mut self, slot: usize) {
        self.siblings.iter().for_each(|siblings| siblings.uncover(slot));
        for number in self.intake.covered.remove(&slot).unwrap_or_default() {
            self.driver.unlisten(number);
        }
    }

    /// Lets nobody connect any more.
    pub(super) fn refuse_clients(&mut self) {
        self.driver.refuse_clients();
        self.intake.closes_at = self.sessions.context.now.checked_add(LAST_ACCEPT);
    }

    /// Accepts what has connected and no more, and takes one more request from each connection.
    pub(super) fn last_call(&mut self) {
        if self.intake.closes_at.is_none() {
            self.driver.close_listeners();
        }
        self.siblings.iter().for_each(Siblings::stop_adopting);
        self.intake.last_called_at.get_or_insert(self.sessions.context.now);
        self.sessions.begin_last_call();
    }

    /// The same, for as long as requests may be on their way; then connections close as they become idle.
    pub(super) fn drain(&mut self) {
        self.last_call();
        self.intake.drains_at =
            self.intake.last_called_at.and_then(|at| at.checked_add(DRAIN_WAIT));
        self.end_last_call();
    }

    pub(super) fn end_accepting(&mut self) {
        let now = self.sessions.context.now;
        if self.intake.closes_at.take_if(|at| *at <= now).is_some() {
            self.driver.close_listeners();
        }
    }

    /// Drains, once that is due, what awaits nothing. The clock alone does not tell: behind a stall, or in a
    /// large backlog, there are connections that were not heard yet.
    pub(super) fn end_last_call(&mut self) {
        let now = self.sessions.context.now;
        if self.intake.drains_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        let mut is_over = self.sessions.accepted.is_empty() && self.batch.is_empty();
        for key in self.sessions.keys() {
            match self.is_awaited(key) {
                true => is_over = false,
                false => self.sessions.apply_shutdown(key, Shutdown::Drain),
            }
        }
        match is_over {
            true => self.sessions.shutdown = Shutdown::Drain,
            false => self.intake.drains_at = now.checked_add(LAST_CALL_LOOK),
        }
    }

    /// Whether a connection is new, or has a request that is not read yet.
    fn is_awaited(&mut self, key: Key) -> bool {
        let now = self.sessions.context.now;
        let Some(session) = self.sessions.find(key) else { return false };
        now.saturating_duration_since(session.opened_at) < DRAIN_WAIT
            || session.connection.is_idle() && self.driver.has_unread(key)
    }

    /// Tells a new connection how far the shutdown is. One that comes late has its own last call.
    pub(super) fn apply_shutdown_to_new(&mut self, key: Key) {
        if self.sessions.shutdown == Shutdown::Drain {
            let now = self.sessions.context.now;
            self.intake.drains_at = self.intake.drains_at.or(now.checked_add(DRAIN_WAIT));
        }
        self.sessions.apply_shutdown(key, self.sessions.shutdown.min(Shutdown::LastCall));
    }
}
