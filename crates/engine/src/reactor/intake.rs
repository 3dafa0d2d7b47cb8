//! Whose connections a reactor accepts, and how it stops: nobody who has connected is left unheard.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hyperion_io::Driver;

use super::Reactor;
use crate::log::Level;
use crate::sessions::Phase;
use crate::siblings::Siblings;

/// So long a reactor that drains awaits requests that are on their way: on connections that were just made,
/// and on those whose client does not know yet that they end.
const LAST_CALL: Duration = Duration::from_millis(300);

/// What is accepted from, and how long still.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// By the driver's number of a listening socket: the listener that its connections belong to.
    listeners: Vec<usize>,
    /// By slot: the driver's numbers of sockets whose worker does not serve.
    covered: HashMap<usize, Vec<usize>>,
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

    /// When connections that rest are closed.
    pub fn drains_at(&self) -> Option<Instant> {
        self.drains_at
    }
}

impl<D: Driver> Reactor<D>
where
    D::Socket: Into<OwnedFd> + TryFrom<OwnedFd>,
{
    /// Accepts for the worker of another slot as well, from sockets that stand in the order of the own ones.
    pub(super) fn cover(&mut self, slot: usize, sockets: Vec<OwnedFd>) {
        if self.sessions.phase != Phase::Open || self.intake.covered.contains_key(&slot) {
            return;
        }
        self.siblings.iter().for_each(|siblings| siblings.shun(slot, true));
        let mut numbers = Vec::new();
        for (listener, socket) in sockets.into_iter().enumerate() {
            let Ok(socket) = D::Socket::try_from(socket) else { continue };
            match self.driver.listen_beside(socket) {
                Ok(number) => {
                    self.intake.add(number, listener);
                    numbers.push(number);
                }
                Err(error) => self.sessions.context.log.write(
                    Level::Error,
                    "engine",
                    "connections of a worker that does not serve cannot be accepted",
                    &[("slot", &slot.to_string()), ("error", &error.to_string())],
                ),
            }
        }
        self.intake.covered.insert(slot, numbers);
    }

    /// The worker of that slot serves again.
    pub(super) fn uncover(&mut self, slot: usize) {
        self.siblings.iter().for_each(|siblings| siblings.shun(slot, false));
        for number in self.intake.covered.remove(&slot).unwrap_or_default() {
            self.driver.unlisten(number);
        }
    }

    /// Accepts what has connected and no more, and takes one more request from each connection.
    pub(super) fn last_call(&mut self) {
        self.driver.close_listeners();
        self.siblings.iter().for_each(Siblings::leave);
        self.intake.last_called_at.get_or_insert(self.sessions.context.now);
        self.sessions.leave(Phase::LastCall);
    }

    /// The same, for as long as requests may be on their way; then connections close as they become idle.
    pub(super) fn drain(&mut self) {
        self.last_call();
        self.intake.drains_at = self.intake.last_called_at.and_then(|at| at.checked_add(LAST_CALL));
        self.end_last_call();
    }

    pub(super) fn end_last_call(&mut self) {
        let now = self.sessions.context.now;
        if self.intake.drains_at.take_if(|at| *at <= now).is_some() {
            self.sessions.leave(Phase::Drain);
        }
    }
}
