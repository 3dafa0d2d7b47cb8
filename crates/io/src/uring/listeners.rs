//! Accepting connections: one operation per listener, which completes for every client.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::opcode;
use io_uring::types::Fd;
use rustix::io::Errno;

use super::operation::Operation;
use super::ring::{Completed, Ring};
use crate::driver::{Completion, Peer, Sink};
use crate::socket::{Listener, concerns_one_connection, peer};

/// How many numbers of listeners there are.
const LISTENERS_MAX: usize = 1 << 16;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Accepting {
    Idle,
    Armed,
    Cancelling,
}

struct Entry {
    listener: Listener,
    accepting: Accepting,
    closed: bool,
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
    pub fn add(&mut self, socket: OwnedFd, ring: &mut Ring) -> io::Result<usize> {
        let number = self.entries.len();
        if number == LISTENERS_MAX {
            return Err(io::Error::other("too many listeners"));
        }
        let listener = Listener::adopt(socket)?;
        let accepting = Accepting::Idle;
        self.entries.push(Some(Entry { listener, accepting, closed: false, in_flight: 0 }));
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

    pub fn close(&mut self, ring: &mut Ring) {
        let paused = self.paused;
        self.pause(ring);
        self.paused = paused;
        for entry in &mut self.entries {
            if let Some(present) = entry {
                present.closed = true;
                if present.in_flight == 0 {
                    *entry = None;
                }
            }
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
        self.entries[number].take_if(|entry| entry.closed && entry.in_flight == 0);
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
        if completed.result >= 0 {
            // SAFETY: the kernel has just opened this descriptor for us.
            let socket = unsafe { OwnedFd::from_raw_fd(completed.result) };
            if let Some(peer) = entry.peer(&socket) {
                sink.complete(Completion::Accepted { listener: number, socket, peer });
            }
        } else {
            let error = Errno::from_raw_os_error(-completed.result);
            if error != Errno::CANCELED && !concerns_one_connection(error) {
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
        if self.paused || entry.closed || entry.accepting != Accepting::Idle {
            return;
        }
        entry.accepting = Accepting::Armed;
        entry.in_flight += 1;
        let descriptor = Fd(entry.listener.socket.as_raw_fd());
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let accept = opcode::AcceptMulti::new(descriptor).flags(flags).build();
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
