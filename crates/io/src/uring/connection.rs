//! One connection: what the kernel works on for it, and what comes next.
//!
//! ```text
//! input:  Idle ──────▶ Armed ──pause──▶ Cancelling
//!          ▲             │                  │
//!          ├─────────────┴──────────────────┤ last completion
//!                                           └──▶ Ended, if that was the end of the stream
//!
//! output: Idle ──bytes──▶ Sending        Idle ──file──▶ Polling
//!          ▲────completion───┘            ▲───completion───┘
//! ```
//!
//! Behind the end of its input, a connection that still sends is watched, since nothing else would tell
//! that its peer has reset it.
//!
//! While anything is in the kernel, neither the socket nor the output may go away; so a connection
//! that was closed stays in its slot until everything has come back.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};

use hyperion_buf::SendQueue;
use io_uring::types::{CancelBuilder, Fd};
use io_uring::{opcode, squeue};
use rustix::net::Shutdown;

use super::buffers::{BUFFER_GROUP, Buffers};
use super::message::Message;
use super::operation::Operation;
use super::ring::{Completed, Ring};
use crate::driver::{Completion, Key, Sink};
use crate::transmit::{SLICES_MAX, Transmitted, flags, transmit_file};

mod submission;

/// Bytes handed to the kernel in one operation without parts; the length is a 32-bit word.
const SEND_MAX: usize = 1 << 30;

/// System calls that send a file, before the others get their turn.
const TRANSMITS_PER_TURN: usize = 16;

/// Bytes that arrive between two sleeps, behind which a connection receives one buffer at a time: otherwise
/// the kernel hands over all the buffers it has, while others wait for their turn and for a buffer.
const RECEIVED_PER_TURN: usize = 64 * 1024;

/// So many buffers in a row that were not filled show that a connection sends less again.
const SMALL_RECEIVES: u32 = 64;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Input {
    Idle,
    Armed,
    Cancelling,
    Ended,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Output {
    Idle,
    /// The kernel reads the front of the queue.
    Sending,
    /// The kernel tells when the socket takes bytes.
    Polling,
}

/// What follows when all output has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Afterwards {
    Nothing,
    Shutdown,
    Detach,
}

/// Whether completions are still reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Open,
    /// It failed, and the reactor knows.
    Failed,
    /// The reactor has closed it.
    Closed,
}

pub(super) struct Connection {
    pub socket: OwnedFd,
    pub key: Key,
    slot: u32,
    queue: SendQueue,
    message: Option<Box<Message>>,
    input: Input,
    output: Output,
    afterwards: Afterwards,
    life: Life,
    paused: bool,
    /// The kernel tells when the socket fails.
    watched: bool,
    /// Bytes received between two sleeps, and which sleep came before.
    received_in: (u32, usize),
    /// It receives one buffer at a time.
    receives_once: bool,
    /// How often in a row it did not fill its buffer.
    small_receives: u32,
    /// Operations whose last completion was not seen.
    in_flight: u32,
    /// Those of them that cancel others.
    cancellations: u32,
}

/// What becomes of a connection for which nothing is in flight.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Stay,
    Drop,
    Detach,
}

impl Connection {
    pub fn new(key: Key, slot: u32, socket: OwnedFd) -> Self {
        Self {
            socket,
            key,
            slot,
            queue: SendQueue::new(),
            message: None,
            input: Input::Idle,
            output: Output::Idle,
            afterwards: Afterwards::Nothing,
            life: Life::Open,
            paused: false,
            watched: false,
            received_in: (0, 0),
            receives_once: false,
            small_receives: 0,
            in_flight: 0,
            cancellations: 0,
        }
    }

    /// Whether the slot is free, or the socket may be given back.
    pub fn fate(&self) -> Fate {
        let detached = self.afterwards == Afterwards::Detach && self.queue.is_empty();
        match self.life {
            _ if self.in_flight > 0 => Fate::Stay,
            Life::Closed => Fate::Drop,
            Life::Open if detached => Fate::Detach,
            Life::Open | Life::Failed => Fate::Stay,
        }
    }

    /// Begins to receive, if that is wanted and not under way.
    pub fn receive(&mut self, ring: &mut Ring) {
        let wanted = self.life == Life::Open
            && !self.paused
            && self.afterwards != Afterwards::Detach
            && self.input == Input::Idle;
        if wanted {
            self.input = Input::Armed;
            let entry = match self.receives_once {
                false => opcode::RecvMulti::new(self.descriptor(), BUFFER_GROUP).build(),
                true => opcode::Recv::new(self.descriptor(), std::ptr::null_mut(), 0)
                    .buf_group(BUFFER_GROUP)
                    .build()
                    .flags(squeue::Flags::BUFFER_SELECT),
            };
            self.push(ring, Operation::Receive(self.slot), entry);
        }
    }

    pub fn pause(&mut self, ring: &mut Ring) {
        self.paused = true;
        if self.input == Input::Armed {
            self.input = Input::Cancelling;
            self.cancel(Operation::Receive(self.slot), ring);
        }
    }

    pub fn resume(&mut self, ring: &mut Ring) {
        self.paused = false;
        self.receive(ring);
    }

    pub fn send(&mut self, output: &mut SendQueue, ring: &mut Ring) {
        if self.life == Life::Open {
            // The kernel may be reading what is queued; appending leaves that where it is.
            self.queue.append(output);
            self.transmit(ring);
            self.watch(ring);
        } else {
            output.clear();
        }
    }

    pub fn shutdown_write(&mut self, ring: &mut Ring) {
        if self.afterwards == Afterwards::Nothing {
            self.afterwards = Afterwards::Shutdown;
            self.transmit(ring);
        }
    }

    /// The cancellation is submitted even if nothing is received, because its completion is what
    /// carries the connection to its fate.
    pub fn detach(&mut self, ring: &mut Ring) {
        self.afterwards = Afterwards::Detach;
        if self.input == Input::Armed {
            self.input = Input::Cancelling;
        }
        self.cancel(Operation::Receive(self.slot), ring);
        if self.watched {
            self.cancel(Operation::Watch(self.slot), ring);
        }
    }

    pub fn close(&mut self, ring: &mut Ring) {
        self.life = Life::Closed;
        if self.in_flight > 0 {
            self.cancel_all(ring);
        } else {
            self.queue.clear();
        }
    }

    /// Takes the completion of any of this connection's operations.
    pub fn handle<S: Sink>(
        &mut self,
        completed: &Completed,
        ring: &mut Ring,
        buffers: &mut Buffers,
        round: u32,
        sink: &mut S,
    ) {
        if !completed.more {
            self.in_flight -= 1;
        }
        match completed.operation {
            Operation::Receive(_) => self.handle_receive(completed, ring, buffers, round, sink),
            Operation::Send(_) => self.handle_send(completed.result, ring, sink),
            Operation::Poll(_) => self.handle_poll(completed.result, ring, sink),
            Operation::Watch(_) => self.handle_watch(sink),
            _ => self.handle_cancel(completed.result, ring),
        }
    }

    fn handle_receive<S: Sink>(
        &mut self,
        completed: &Completed,
        ring: &mut Ring,
        buffers: &mut Buffers,
        round: u32,
        sink: &mut S,
    ) {
        if !completed.more {
            self.input = Input::Idle;
        }
        if let Some(id) = completed.buffer {
            self.choose_receive(completed.result, buffers.size(), round, ring);
            if completed.result > 0 && self.life == Life::Open {
                let bytes = buffers.bytes(id, completed.result as usize);
                sink.complete(Completion::Received { key: self.key, bytes });
            }
            buffers.give_back(id);
        }
        match -completed.result {
            0 => self.end(sink),
            ..0 | libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            code => self.fail(io::Error::from_raw_os_error(code), sink),
        }
        self.receive(ring);
    }

    /// Decides by what arrives whether to receive as much as there is, or one buffer in a turn.
    fn choose_receive(&mut self, received: i32, full: usize, round: u32, ring: &mut Ring) {
        let received = usize::try_from(received).unwrap_or(0);
        if self.received_in.0 != round {
            self.received_in = (round, 0);
        }
        self.received_in.1 += received;
        if self.receives_once {
            self.small_receives = if received >= full { 0 } else { self.small_receives + 1 };
            self.receives_once = self.small_receives < SMALL_RECEIVES;
        } else if self.received_in.1 >= RECEIVED_PER_TURN {
            (self.receives_once, self.small_receives) = (true, 0);
            if self.input == Input::Armed {
                self.input = Input::Cancelling;
                self.cancel(Operation::Receive(self.slot), ring);
            }
        }
    }

    /// The next owner of a detached socket sees its end as well.
    fn end<S: Sink>(&mut self, sink: &mut S) {
        self.input = Input::Ended;
        if self.life == Life::Open && self.afterwards != Afterwards::Detach {
            sink.complete(Completion::ReceivedEof { key: self.key });
        }
    }

    fn handle_send<S: Sink>(&mut self, result: i32, ring: &mut Ring, sink: &mut S) {
        self.output = Output::Idle;
        match -result {
            ..=0 => self.sent(result as u64, sink),
            libc::EAGAIN => return self.poll(ring),
            libc::EINTR | libc::ECANCELED => {}
            code => self.fail(io::Error::from_raw_os_error(code), sink),
        }
        self.transmit(ring);
    }

    fn handle_poll<S: Sink>(&mut self, result: i32, ring: &mut Ring, sink: &mut S) {
        self.output = Output::Idle;
        match -result {
            ..=0 => self.transmit_files(sink),
            libc::EINTR | libc::ECANCELED => {}
            code => self.fail(io::Error::from_raw_os_error(code), sink),
        }
        self.transmit(ring);
    }

    /// Both sides may have ended, which is no failure.
    fn handle_watch<S: Sink>(&mut self, sink: &mut S) {
        self.watched = false;
        if let Ok(Err(error)) = rustix::net::sockopt::socket_error(&self.socket) {
            self.fail(error.into(), sink);
        }
    }

    /// A receive that was being restarted is not found, and must be cancelled again. When the
    /// connection is closed that holds for everything but cancellations: two of those, each beginning
    /// another for the other's sake, would never end.
    fn handle_cancel(&mut self, result: i32, ring: &mut Ring) {
        self.cancellations -= 1;
        let found = u32::try_from(result).unwrap_or(0);
        if self.life == Life::Closed {
            if self.cancellations == 0 && found < self.in_flight {
                self.cancel_all(ring);
            }
        } else if result < 0 && self.input == Input::Cancelling {
            self.cancel(Operation::Receive(self.slot), ring);
        }
    }

    /// The kernel has no operation that sends a file, so the system call does.
    fn transmit_files<S: Sink>(&mut self, sink: &mut S) {
        let mut total = 0;
        let mut failure = None;
        for _ in 0..TRANSMITS_PER_TURN {
            let Some(range) = self.queue.front_file() else { break };
            match transmit_file(&self.socket, range) {
                Ok(Transmitted::Bytes(count)) => {
                    total += count;
                    self.queue.advance(count);
                }
                Ok(Transmitted::Blocked) => break,
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        if total > 0 && self.life == Life::Open {
            sink.complete(Completion::Sent { key: self.key, bytes: total });
        }
        if let Some(error) = failure {
            self.fail(error, sink);
        }
    }

    fn sent<S: Sink>(&mut self, bytes: u64, sink: &mut S) {
        self.queue.advance(bytes);
        if bytes > 0 && self.life == Life::Open {
            sink.complete(Completion::Sent { key: self.key, bytes });
        }
    }

    fn fail<S: Sink>(&mut self, error: io::Error, sink: &mut S) {
        if self.life == Life::Open {
            self.life = Life::Failed;
            sink.complete(Completion::Failed { key: self.key, error });
        }
    }
}
