//! Accepting connections.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll;

use crate::driver::{Key, Sink};
use crate::socket::{Backlog, Listener, accept_all, accept_some};
use crate::table::RESERVED_INDEX;

/// Connections accepted from one listener before others get their turn. A small number also lets
/// several processes share a listener fairly.
const ACCEPTS_PER_EVENT: usize = 16;

#[derive(Debug)]
struct Entry {
    listener: Listener,
    sharing: Sharing,
}

/// Who is told of a connection where several processes watch the same socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sharing {
    /// One of them.
    Exclusive,
    /// Whoever says so, and one of the others.
    Always,
}

#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// By number; closed ones leave a gap.
    listeners: Vec<Option<Entry>>,
    paused: bool,
    /// The next wait takes what is left in the backlogs, and closes all.
    closing: bool,
}

impl Listeners {
    pub fn add(&mut self, epoll: &OwnedFd, socket: OwnedFd, sharing: Sharing) -> io::Result<usize> {
        let entry = Entry { listener: Listener::adopt(socket)?, sharing };
        let number = self.listeners.len();
        if !self.paused {
            entry.watch(epoll, number)?;
        }
        self.listeners.push(Some(entry));
        Ok(number)
    }

    /// Other processes may hold the same socket, so that closing does not end the registration.
    pub fn remove(&mut self, epoll: &OwnedFd, number: usize) {
        if let Some(Entry { listener, .. }) = self.listeners.get_mut(number).and_then(Option::take)
        {
            // It is registered, unless there is a pause.
            let _ = epoll::delete(epoll, &listener.socket);
        }
    }

    /// Registrations with `EXCLUSIVE` cannot be changed, only removed.
    pub fn pause(&mut self, epoll: &OwnedFd) {
        if std::mem::replace(&mut self.paused, true) {
            return;
        }
        for Entry { listener, .. } in self.listeners.iter().flatten() {
            // It is registered; were it not, the pause would be complete anyhow.
            let _ = epoll::delete(epoll, &listener.socket);
        }
    }

    /// Returns the first listener that could not be watched.
    pub fn resume(&mut self, epoll: &OwnedFd) -> Option<(usize, io::Error)> {
        if !std::mem::replace(&mut self.paused, false) || self.closing {
            return None;
        }
        for (number, entry) in self.listeners.iter().enumerate() {
            let Some(entry) = entry else { continue };
            if let Err(error) = entry.watch(epoll, number) {
                self.pause(epoll);
                return Some((number, error));
            }
        }
        None
    }

    pub fn refuse_clients(&self) {
        self.listeners.iter().flatten().for_each(|entry| entry.listener.refuse_clients());
    }

    /// Ends accepting, once what has been completed is taken; a pause ends with it.
    pub fn close(&mut self) {
        self.closing = self.is_listening();
        self.paused = false;
    }

    /// Whether the next wait is to [`finish`](Self::finish).
    pub fn is_closing(&self) -> bool {
        self.closing && !self.paused
    }

    pub fn is_listening(&self) -> bool {
        self.listeners.iter().any(Option::is_some)
    }

    /// Does what [`close`](Self::close) has announced, as far as there are descriptors for it.
    pub fn finish<S: Sink>(&mut self, epoll: &OwnedFd, sink: &mut S) {
        for number in 0..self.listeners.len() {
            let Some(Entry { listener, .. }) = &self.listeners[number] else { continue };
            if accept_all(listener, number, sink) == Backlog::Blocked {
                return self.pause(epoll);
            }
            self.remove(epoll, number);
        }
        self.closing = false;
    }

    /// Accepts what waits at listener `number`.
    pub fn accept<S: Sink>(&mut self, epoll: &OwnedFd, number: usize, sink: &mut S) {
        let entry = self.listeners.get(number).and_then(Option::as_ref);
        let Some(Entry { listener, .. }) = entry.filter(|_| !self.paused) else { return };
        match accept_some(listener, number, ACCEPTS_PER_EVENT, sink) {
            Backlog::Taken => {}
            Backlog::Blocked => self.pause(epoll),
            Backlog::Shut => self.remove(epoll, number),
        }
    }
}

impl Entry {
    fn watch(&self, epoll: impl AsFd, number: usize) -> io::Result<()> {
        let data = Key { index: RESERVED_INDEX, generation: number as u32 }.as_u64();
        let flags = match self.sharing {
            Sharing::Exclusive => epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE,
            Sharing::Always => epoll::EventFlags::IN,
        };
        epoll::add(epoll, &self.listener.socket, epoll::EventData::new_u64(data), flags)?;
        Ok(())
    }
}
