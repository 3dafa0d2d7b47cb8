pub mod throughput;

use std::time::{Duration, Instant};

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a whole head, from its first byte or from accept; and between two parts of a body.
    pub read: Duration,
    /// For head and body together, extended by the time that the body takes at the slowest pace
    /// allowed; `None` means no such bound.
    pub request_read: Option<Duration>,
    /// Between two requests.
    pub idle: Duration,
    /// In every span of this length the peer takes what is pending, or as much as the slowest pace
    /// allows.
    pub write: Duration,
    /// For a TLS handshake, from accept.
    pub tls_handshake: Duration,
    /// For the peer to end its side after the last response.
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            request_read: Some(Duration::from_secs(60)),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            tls_handshake: Duration::from_secs(10),
            linger: Duration::from_secs(2),
        }
    }
}

/// The timers of a connection.
///
/// | Timer | runs while | when it fires |
/// |---|---|---|
/// | `Head` | a head is awaited or incomplete | 408, or a silent close when no byte came |
/// | `Request` | head or body are incomplete | 408 |
/// | `Body` | a body is incomplete; restarts with each part | 408 |
/// | `Idle` | nothing is under way between two requests | silent close |
/// | `Write` | output has not left | close when too little left, else it restarts |
/// | `Linger` | the write side is shut | close, unless the peer still takes what the socket holds |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Timer {
    Head,
    Request,
    Body,
    Idle,
    Write,
    Linger,
}

impl Timer {
    const COUNT: usize = 6;
    pub const ALL: [Self; Self::COUNT] =
        [Self::Head, Self::Request, Self::Body, Self::Idle, Self::Write, Self::Linger];
}

/// When each running timer fires.
///
/// Calls that carry no time start a timer from the last time known, which may be long past. Such a
/// timer is an estimate: it can only fire too early, and then it is started again in earnest.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    at: [Option<Instant>; Timer::COUNT],
    estimates: u8,
}

impl Deadlines {
    pub fn start(&mut self, timer: Timer, at: Instant, exact: bool) {
        self.at[timer as usize] = Some(at);
        let bit = 1 << timer as u8;
        self.estimates = if exact { self.estimates & !bit } else { self.estimates | bit };
    }

    pub fn stop(&mut self, timer: Timer) -> Option<Instant> {
        self.at[timer as usize].take()
    }

    pub fn stop_all(&mut self) {
        self.at = [None; Timer::COUNT];
    }

    pub fn is_running(&self, timer: Timer) -> bool {
        self.at[timer as usize].is_some()
    }

    pub fn is_estimate(&self, timer: Timer) -> bool {
        self.estimates & (1 << timer as u8) != 0
    }

    pub fn extend(&mut self, timer: Timer, by: Duration) {
        if let Some(at) = &mut self.at[timer as usize] {
            *at += by;
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.at.iter().flatten().min().copied()
    }

    pub fn is_expired(&self, timer: Timer, now: Instant) -> bool {
        self.at[timer as usize].is_some_and(|at| at <= now)
    }
}
