//! Accepting connections: one operation per listener, which completes for every client.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::opcode;
use io_uring::types::Fd;
use rustix::io::Errno;

use super::operation::Operation;
use super::ring::{Completed, Ring};
use crate::driver::{Completion, Peer, Sink};
use crate::socket::{Backlog, Listener, accept_all, concerns_one_connection, peer, tells_of_end};

/// How many numbers of listeners there are.
const LISTENERS_MAX: usize = 1 << 16;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Accepting {
    Idle,
    Armed,
    Cancelling,
}

/// Whether a listener goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ListenerState {
    Open,
    /// What has been completed is taken first.
    Closing,
    /// What has been completed is left to others who hold the socket, or there is nothing.
    Removed,
}

/// How connections are accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Means {
    /// By the ring. Of all who wait for a connection so, one is told: even one that is stopped.
    Accept,
    /// By calls of our own, when the ring tells that there is something.
    Poll,
}

struct Entry {
    listener: Listener,
    means: Means,
    accepting: Accepting,
    state: ListenerState,
    /// Operations whose last completion was not seen.
    in_flight: u32,
}

#[derive(Default)]
pub(super) struct Listeners {
    /// By number; closed ones leave a gap when nothing is in flight.
    entries: Vec<Option<Entry>>,
    paused: bool,
}

impl Listeners {
    pub fn add(&mut self, socket: OwnedFd, means: Means, ring: &mut Ring) -> io::Result<usize> {
        let number = self.entries.len();
        if number == LISTENERS_MAX {
            return Err(io::Error::other("too many listeners"));
        }
        let listener = Listener::adopt(socket)?;
        let accepting = Accepting::Idle;
        let entry = Entry { listener, means, accepting, state: ListenerState::Open, in_flight: 0 };
        self.entries.push(Some(entry));
        self.accept(number, ring);
        Ok(number)
    }

    pub fn pause(&mut self, ring: &mut Ring) {
        self.paused = true;
        for (number, entry) in self.entries.iter_mut().enumerate() {
            let Some(entry) = entry else { continue };
            if entry.accepting == Accepting::Armed {
                entry.accepting = Accepting::Cancelling;
                entry.cancel(number, ring);
            }
        }
    }

    pub fn resume(&mut self, ring: &mut Ring) {
        self.paused = false;
        for number in 0..self.entries.len() {
            self.accept(number, ring);
        }
    }

    pub fn refuse_clients(&self) {
        self.entries.iter().flatten().for_each(|entry| entry.listener.refuse_clients());
    }

    /// Ends accepting, once what has been completed is taken; a pause ends with it.
    pub fn close(&mut self, ring: &mut Ring) {
        self.paused = false;
        for number in 0..self.entries.len() {
            self.end(number, ListenerState::Closing, ring);
        }
    }

    /// Ends accepting from one that others hold, too.
    pub fn remove(&mut self, number: usize, ring: &mut Ring) {
        self.end(number, ListenerState::Removed, ring);
    }

    fn end(&mut self, number: usize, state: ListenerState, ring: &mut Ring) {
        let Some(Some(entry)) = self.entries.get_mut(number) else { return };
        entry.state = state;
        if entry.accepting == Accepting::Armed {
            entry.accepting = Accepting::Cancelling;
            entry.cancel(number, ring);
        }
    }

    pub fn is_listening(&self) -> bool {
        self.entries.iter().any(Option::is_some)
    }

    /// Drops those that have ended and that the kernel is done with, as far as there are descriptors for
    /// what they have completed.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) {
        for number in 0..self.entries.len() {
            self.finish_one(number, sink);
        }
    }

    fn finish_one<S: Sink>(&mut self, number: usize, sink: &mut S) {
        let Some(entry) = &self.entries[number] else { return };
        let is_taken = match entry.state {
            _ if entry.in_flight > 0 => return,
            ListenerState::Open => return,
            ListenerState::Closing if self.paused => return,
            ListenerState::Closing => accept_all(&entry.listener, number, sink) != Backlog::Blocked,
            ListenerState::Removed => true,
        };
        match is_taken {
            true => self.entries[number] = None,
            false => self.paused = true,
        }
    }

    /// Takes a completion of `Accept` or `CancelAccept`.
    pub fn handle<S: Sink>(&mut self, completed: &Completed, ring: &mut Ring, sink: &mut S) {
        let (number, accepts) = match completed.operation {
            Operation::Accept(number) => (number as usize, true),
            Operation::CancelAccept(number) => (number as usize, false),
            _ => return,
        };
        let Some(Some(entry)) = self.entries.get_mut(number) else { return };
        if !completed.more {
            entry.in_flight -= 1;
        }
        if accepts {
            self.handle_accept(number, completed, ring, sink);
        } else if completed.result < 0 && entry.accepting == Accepting::Cancelling {
            entry.cancel(number, ring);
        }
        self.finish_one(number, sink);
    }

    fn handle_accept<S: Sink>(
        &mut self,
        number: usize,
        completed: &Completed,
        ring: &mut Ring,
        sink: &mut S,
    ) {
        let Some(Some(entry)) = self.entries.get_mut(number) else { return };
        if !completed.more {
            entry.accepting = Accepting::Idle;
        }
        if completed.result >= 0 && entry.means == Means::Poll {
            if entry.state != ListenerState::Removed
                && accept_all(&entry.listener, number, sink) == Backlog::Shut
            {
                self.end(number, ListenerState::Removed, ring);
            }
        } else if completed.result >= 0 {
            // SAFETY: the kernel has just opened this descriptor for us.
            let socket = unsafe { OwnedFd::from_raw_fd(completed.result) };
            if let Some(peer) = entry.peer(&socket) {
                sink.complete(Completion::Accepted { listener: number, socket, peer });
            }
        } else {
            let error = Errno::from_raw_os_error(-completed.result);
            if tells_of_end(error) {
                entry.state = ListenerState::Removed;
            } else if error != Errno::CANCELED && !concerns_one_connection(error) {
                self.pause(ring);
                let error = error.into();
                sink.complete(Completion::AcceptFailed { listener: number, error });
            }
        }
        self.accept(number, ring);
    }

    /// Begins to accept, if that is wanted and not under way.
    fn accept(&mut self, number: usize, ring: &mut Ring) {
        let Some(Some(entry)) = self.entries.get_mut(number) else { return };
        if self.paused || entry.state != ListenerState::Open || entry.accepting != Accepting::Idle {
            return;
        }
        entry.accepting = Accepting::Armed;
        entry.in_flight += 1;
        let descriptor = Fd(entry.listener.socket.as_raw_fd());
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let accept = match entry.means {
            Means::Accept => opcode::AcceptMulti::new(descriptor).flags(flags).build(),
            Means::Poll => {
                opcode::PollAdd::new(descriptor, libc::POLLIN as u32).multi(true).build()
            }
        };
        // SAFETY: the socket is kept while anything is in flight; no memory is used.
        unsafe { ring.push(Operation::Accept(number as u32), accept) }
    }
}

impl Entry {
    fn cancel(&mut self, number: usize, ring: &mut Ring) {
        self.in_flight += 1;
        let accept = Operation::Accept(number as u32).to_word();
        // SAFETY: a cancellation uses neither memory nor descriptors.
        unsafe {
            let cancel = opcode::AsyncCancel::new(accept).build();
            ring.push(Operation::CancelAccept(number as u32), cancel);
        }
    }

    /// None if the client is gone already.
    fn peer(&self, socket: &OwnedFd) -> Option<Peer> {
        if self.listener.local {
            return Some(Peer::Unix);
        }
        rustix::net::getpeername(socket).ok().map(peer)
    }
}
