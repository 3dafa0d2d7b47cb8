//! Accepting connections.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::SocketFlags;

use crate::driver::{Completion, Key, Sink};
use crate::socket::{Listener, concerns_one_connection, peer};
use crate::table::RESERVED_INDEX;

/// Connections accepted from one listener before others get their turn. A small number also lets
/// several processes share a listener fairly.
const ACCEPTS_PER_EVENT: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Listeners {
    listeners: Vec<Listener>,
    paused: bool,
    /// Numbers of listeners start here, because those before were closed.
    first: usize,
}

impl Listeners {
    pub fn add(&mut self, epoll: &OwnedFd, socket: OwnedFd) -> io::Result<usize> {
        let listener = Listener::adopt(socket)?;
        let number = self.first + self.listeners.len();
        if !self.paused {
            watch(epoll, &listener, number)?;
        }
        self.listeners.push(listener);
        Ok(number)
    }

    /// Registrations with `EXCLUSIVE` cannot be changed, only removed.
    pub fn pause(&mut self, epoll: &OwnedFd) {
        if std::mem::replace(&mut self.paused, true) {
            return;
        }
        for listener in &self.listeners {
            // It is registered; were it not, the pause would be complete anyhow.
            let _ = epoll::delete(epoll, &listener.socket);
        }
    }

    /// Returns the first listener that could not be watched.
    pub fn resume(&mut self, epoll: &OwnedFd) -> Option<(usize, io::Error)> {
        if !std::mem::replace(&mut self.paused, false) {
            return None;
        }
        for (index, listener) in self.listeners.iter().enumerate() {
            let number = self.first + index;
            if let Err(error) = watch(epoll, listener, number) {
                self.pause(epoll);
                return Some((number, error));
            }
        }
        None
    }

    /// Other processes may hold the same sockets, so that closing does not end the registration.
    pub fn close(&mut self, epoll: &OwnedFd) {
        let paused = self.paused;
        self.pause(epoll);
        self.paused = paused;
        self.first += self.listeners.len();
        self.listeners.clear();
    }

    /// Accepts what waits at listener `number`.
    pub fn accept<S: Sink>(&mut self, epoll: &OwnedFd, number: usize, sink: &mut S) {
        for _ in 0..ACCEPTS_PER_EVENT {
            if self.paused {
                return;
            }
            let Some(index) = number.checked_sub(self.first) else { return };
            let Some(listener) = self.listeners.get(index) else { return };
            match accept(listener) {
                Ok((socket, peer)) => {
                    sink.complete(Completion::Accepted { listener: number, socket, peer });
                }
                Err(Errno::AGAIN) => return,
                Err(error) if concerns_one_connection(error) => {}
                Err(error) => {
                    self.pause(epoll);
                    let error = error.into();
                    sink.complete(Completion::AcceptFailed { listener: number, error });
                }
            }
        }
    }
}

fn accept(listener: &Listener) -> rustix::io::Result<(OwnedFd, crate::driver::Peer)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, address) = rustix::net::acceptfrom_with(&listener.socket, flags)?;
    Ok((socket, peer(address)))
}

fn watch(epoll: impl AsFd, listener: &Listener, number: usize) -> io::Result<()> {
    let data = Key { index: RESERVED_INDEX, generation: number as u32 }.as_u64();
    let flags = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE;
    epoll::add(epoll, &listener.socket, epoll::EventData::new_u64(data), flags)?;
    Ok(())
}
