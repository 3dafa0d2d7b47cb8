//! Which HTTP is spoken, and the switch from the one to the other.

use std::sync::Arc;
use std::time::Instant;

use hyperion_buf::SendQueue;

use crate::config::Config;
use crate::event::{Closing, Event};
use crate::http2::PREFACE;
use crate::timers::Timer;
use crate::violation::Violation;
use crate::{http1, http2};

/// HTTP/1 until the client shows by its first bytes that it speaks HTTP/2; whether it said so in a TLS
/// handshake or knew it before, those bytes are the same (RFC 9113, section 3.4).
#[derive(Debug)]
pub(crate) struct Protocol {
    config: Arc<Config>,
    pub machine: Machine,
    /// What has come of the preface so far; none once it is known what is spoken.
    held: Option<Vec<u8>>,
    agreed: Option<Agreed>,
    shutdown: Shutdown,
    is_refused: bool,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most connections speak HTTP/1")]
pub(crate) enum Machine {
    Http1(http1::Connection),
    Http2(Box<http2::Connection>),
}

/// What the peers have agreed to speak before the first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Agreed {
    /// Any version of HTTP/1.
    Http1,
    Http2,
}

/// How far the server that a connection belongs to has been told to end.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Shutdown {
    /// It serves.
    None,
    /// Each connection may bring one more request.
    LastCall,
    /// Connections close as they become idle.
    Drain,
}

/// Calls the same on whichever machine there is.
macro_rules! on_machine {
    ($machine:expr, $each:ident => $call:expr) => {
        match $machine {
            $crate::protocol::Machine::Http1($each) => $call,
            $crate::protocol::Machine::Http2($each) => $call,
        }
    };
}
pub(crate) use on_machine;

impl Protocol {
    pub fn new(config: Arc<Config>, now: Instant) -> Self {
        let machine = Machine::Http1(http1::Connection::new(config.clone(), now));
        let held = Some(Vec::new());
        Self { config, machine, held, agreed: None, shutdown: Shutdown::None, is_refused: false }
    }

    /// The TLS handshake is done: time counts from here.
    pub fn begin(&mut self, now: Instant, agreed: Option<Agreed>) {
        if self.is_refused {
            // The answer that waits is one of HTTP/1.
            if agreed == Some(Agreed::Http2) {
                self.handle_disconnect();
            }
        } else if self.closing() == Closing::Open {
            self.switch(now, Machine::Http1(http1::Connection::new(self.config.clone(), now)));
            self.agreed = agreed;
            if agreed == Some(Agreed::Http1) {
                self.held = None;
            }
        }
    }

    /// Answers for the server as a whole: it has no room for this connection.
    pub fn refuse(&mut self) {
        self.is_refused = true;
        self.held = None;
        self.violate_http1(Violation::TooManyConnections);
    }

    /// Answers what is no HTTP that could be spoken here.
    pub fn violate(&mut self, now: Instant, violation: Violation) {
        self.machine = Machine::Http1(http1::Connection::new(self.config.clone(), now));
        self.held = None;
        self.violate_http1(violation);
    }

    fn violate_http1(&mut self, violation: Violation) {
        if let Machine::Http1(http1) = &mut self.machine {
            http1.refuse(violation);
        }
    }

    fn switch(&mut self, now: Instant, machine: Machine) {
        self.machine = machine;
        match self.shutdown {
            Shutdown::None => {}
            Shutdown::LastCall => self.last_call(now),
            Shutdown::Drain => self.drain(now),
        }
    }

    pub fn is_http1(&self) -> bool {
        matches!(self.machine, Machine::Http1(_))
    }
}

/// Input.
impl Protocol {
    pub fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        if self.held.is_some() {
            return self.look_for_preface(now, bytes);
        }
        on_machine!(&mut self.machine, machine => machine.handle_input(now, bytes));
    }

    /// Fires the timers whose time has come. Of what has left, the socket still holds `backlog` bytes.
    pub fn handle_timeout(&mut self, now: Instant, backlog: u64) {
        on_machine!(&mut self.machine, machine => {
            machine.life.wake(now, backlog);
            for timer in Timer::ALL {
                if machine.life.is_due(timer) {
                    machine.fire(timer);
                }
            }
            if !machine.life.is_closed() {
                machine.advance();
            }
        });
    }

    fn look_for_preface(&mut self, now: Instant, bytes: &[u8]) {
        let Some(mut held) = self.held.take() else { return };
        let known = held.len();
        let expected = &PREFACE[known..];
        let matching =
            bytes.iter().zip(expected).take_while(|(byte, wanted)| byte == wanted).count();
        if matching == expected.len() {
            let http2 = http2::Connection::new(self.config.clone(), now);
            self.switch(now, Machine::Http2(Box::new(http2)));
            return self.handle_input(now, &bytes[matching..]);
        }
        if matching == bytes.len() {
            held.extend_from_slice(bytes);
            self.held = Some(held);
            return;
        }
        if self.agreed == Some(Agreed::Http2) {
            return self.break_agreement(now);
        }
        if known > 0 {
            self.handle_input(now, &held);
        }
        self.handle_input(now, bytes);
    }

    /// The client has agreed to HTTP/2 and speaks something else: no preface is a connection error (RFC 9113,
    /// section 3.4).
    fn break_agreement(&mut self, now: Instant) {
        const NO_FRAME: [u8; 9] = [u8::MAX; 9];
        let http2 = http2::Connection::new(self.config.clone(), now);
        self.switch(now, Machine::Http2(Box::new(http2)));
        self.handle_input(now, &NO_FRAME);
    }

    pub fn handle_eof(&mut self, now: Instant) {
        if let Some(held) = self.held.take().filter(|held| !held.is_empty()) {
            self.handle_input(now, &held);
        }
        on_machine!(&mut self.machine, machine => machine.handle_eof(now));
    }

    pub fn handle_disconnect(&mut self) {
        on_machine!(&mut self.machine, machine => machine.handle_disconnect());
    }

    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        on_machine!(&mut self.machine, machine => machine.handle_sent(now, bytes));
    }
}

/// What TLS comes between.
impl Protocol {
    pub fn poll_event(&mut self) -> Option<Event> {
        on_machine!(&mut self.machine, machine => machine.poll_event())
    }

    pub fn poll_transmit(&mut self, out: &mut SendQueue) {
        on_machine!(&mut self.machine, machine => machine.poll_transmit(out));
    }

    pub fn poll_deadline(&self) -> Option<Instant> {
        on_machine!(&self.machine, machine => machine.poll_deadline())
    }

    pub fn wants_input(&self) -> bool {
        on_machine!(&self.machine, machine => machine.wants_input())
    }

    pub fn is_idle(&self) -> bool {
        on_machine!(&self.machine, machine => machine.is_idle())
    }

    pub fn closing(&self) -> Closing {
        on_machine!(&self.machine, machine => machine.closing())
    }

    pub fn is_cut(&self) -> bool {
        match &self.machine {
            Machine::Http1(http1) => http1.is_cut(),
            Machine::Http2(_) => false,
        }
    }
}

/// The end of serving.
impl Protocol {
    pub fn last_call(&mut self, now: Instant) {
        self.shutdown = Shutdown::LastCall;
        match &mut self.machine {
            Machine::Http1(http1) => http1.last_call(now),
            Machine::Http2(http2) => http2.drain(now),
        }
    }

    pub fn drain(&mut self, now: Instant) {
        self.shutdown = Shutdown::Drain;
        on_machine!(&mut self.machine, machine => machine.drain(now));
    }
}
