//! One connection: what was seen of its socket, and what is still to be done with it.

use std::io;
use std::os::fd::OwnedFd;

use hyperion_buf::SendQueue;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};

use crate::driver::{Completion, Key, Sink};
use crate::transmit::{Transmitted, transmit};

/// System calls that send, before the others get their turn.
const TRANSMITS_PER_TURN: usize = 16;

/// The side that receives. With edge-triggered events what was seen must be kept, because it is
/// not told again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Input {
    /// Everything was read; the next event says when to go on.
    Drained,
    /// There may be something to read.
    Readable,
    /// The peer has ended its side, and the sink knows.
    Ended,
}

/// The side that sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Output {
    /// The socket takes bytes, as far as is known.
    Writable,
    /// The socket was full; the next event says when to go on.
    Blocked,
}

/// What follows when all output has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Afterwards {
    Nothing,
    Shutdown,
    Detach,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub socket: OwnedFd,
    key: Key,
    queue: SendQueue,
    input: Input,
    output: Output,
    afterwards: Afterwards,
    paused: bool,
    /// The peer has gone, at least one way, so that a short read does not mean that all was read.
    hung_up: bool,
    /// Bytes that have left without the sink knowing.
    unreported: u64,
    failure: Option<io::Error>,
    dead: bool,
    /// Whether the driver has this connection on its list of those that want a turn.
    pub listed: bool,
}

/// What a turn has left to be done.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    Nothing,
    /// The connection used up its turn and wants another.
    Turn,
    /// The socket is to be given back.
    Detach,
}

impl Connection {
    pub fn new(key: Key, socket: OwnedFd) -> Self {
        Self {
            socket,
            key,
            queue: SendQueue::new(),
            input: Input::Drained,
            output: Output::Writable,
            afterwards: Afterwards::Nothing,
            paused: false,
            hung_up: false,
            unreported: 0,
            failure: None,
            dead: false,
            listed: false,
        }
    }

    /// Notes what an event says. Returns whether the connection wants a turn.
    pub fn handle_event(&mut self, flags: EventFlags) -> bool {
        if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
            self.hung_up = true;
        }
        let ended = self.input == Input::Ended;
        let readable = EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(readable) && !ended {
            self.input = Input::Readable;
        }
        if ended && flags.contains(EventFlags::ERR) {
            self.check_error();
        }
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            self.output = Output::Writable;
        }
        self.wants_turn()
    }

    /// Whether a turn would achieve anything.
    pub fn wants_turn(&self) -> bool {
        let reads = self.input == Input::Readable && !self.paused;
        let writes = self.output == Output::Writable && !self.queue.is_empty();
        let tells = self.unreported > 0 || self.failure.is_some();
        let detaches = self.afterwards == Afterwards::Detach && self.queue.is_empty();
        tells || !self.dead && (reads || writes || detaches)
    }

    pub fn pause(&mut self, paused: bool) {
        // What is not read yet belongs to whoever gets the socket.
        self.paused = paused || self.afterwards == Afterwards::Detach;
    }

    /// Takes output and sends what the socket takes at once.
    pub fn send(&mut self, output: &mut SendQueue) {
        if self.dead {
            output.clear();
            return;
        }
        self.queue.append(output);
        self.flush();
    }

    pub fn shutdown_write(&mut self) {
        if self.afterwards == Afterwards::Nothing {
            self.afterwards = Afterwards::Shutdown;
            self.flush();
        }
    }

    pub fn detach(&mut self) {
        self.afterwards = Afterwards::Detach;
        self.paused = true;
    }

    /// Does what can be done now, and tells `sink`.
    pub fn turn<S: Sink>(&mut self, buffer: &mut [u8], sink: &mut S) -> Next {
        let key = self.key;
        self.flush();
        if self.unreported > 0 {
            let bytes = std::mem::take(&mut self.unreported);
            sink.complete(Completion::Sent { key, bytes });
        }
        while self.reads() && self.receive(buffer, sink) {}
        if let Some(error) = self.failure.take() {
            sink.complete(Completion::Failed { key, error });
        }
        if self.dead {
            return Next::Nothing;
        }
        match self.wants_turn() {
            true if self.queue.is_empty() && self.afterwards == Afterwards::Detach => Next::Detach,
            true => Next::Turn,
            false => Next::Nothing,
        }
    }

    fn reads(&self) -> bool {
        self.input == Input::Readable && !self.paused && !self.dead
    }

    /// Reads once. Returns whether to read again within this turn.
    ///
    /// A read that does not fill the buffer has drained the socket, and what comes later is an
    /// event of its own. So a request costs one read, not two. A full buffer ends the turn.
    fn receive<S: Sink>(&mut self, buffer: &mut [u8], sink: &mut S) -> bool {
        let key = self.key;
        match rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => {
                self.input = Input::Ended;
                sink.complete(Completion::ReceivedEof { key });
                false
            }
            Ok((count, _)) => {
                let full = count == buffer.len();
                if !full && !self.hung_up {
                    self.input = Input::Drained;
                }
                sink.complete(Completion::Received { key, bytes: &buffer[..count] });
                !full
            }
            Err(Errno::AGAIN) => {
                self.input = Input::Drained;
                false
            }
            Err(Errno::INTR) => true,
            Err(error) => {
                self.fail(error.into());
                false
            }
        }
    }

    fn flush(&mut self) {
        for _ in 0..TRANSMITS_PER_TURN {
            if self.dead || self.output == Output::Blocked {
                return;
            }
            if self.queue.is_empty() {
                break;
            }
            match transmit(&self.socket, &self.queue) {
                Ok(Transmitted::Bytes(count)) => {
                    self.queue.advance(count);
                    self.unreported += count;
                }
                Ok(Transmitted::Blocked) => self.output = Output::Blocked,
                Err(error) => self.fail(error),
            }
        }
        if self.queue.is_empty() && self.afterwards == Afterwards::Shutdown {
            self.afterwards = Afterwards::Nothing;
            // It fails only when the connection is gone, which receiving reports.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
        }
    }

    /// Nothing is read any more that could bring an error to light, so it is asked for.
    fn check_error(&mut self) {
        if let Ok(Err(error)) = rustix::net::sockopt::socket_error(&self.socket) {
            self.fail(error.into());
        }
    }

    fn fail(&mut self, error: io::Error) {
        if !self.dead {
            self.dead = true;
            self.failure = Some(error);
            self.queue.clear();
        }
    }
}
