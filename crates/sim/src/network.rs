use std::collections::VecDeque;

use crate::random::Random;

/// Names one simulated client.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeerId(pub usize);

/// What the network does to traffic. With the default it delivers everything at once.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Largest piece handed to the server in one completion; 0 means no limit.
    pub receive_bytes: usize,
    /// Largest piece taken from the server in one completion; 0 means no limit.
    pub send_bytes: usize,
    /// What a socket of the server holds for a client that has not taken it yet; 0 where it holds nothing, so
    /// that output leaves only as far as the client has room.
    pub socket_bytes: usize,
    /// In so many of 100 waits a connection makes no progress.
    pub stall_percent: u32,
    /// In so many of 10,000 waits a connection is reset.
    pub reset_per_10000: u32,
    /// Whether piece sizes vary below their limits.
    pub vary: bool,
}

/// One connection between a scripted client and the server.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// Sent by the client, not yet received by the server.
    pub to_server: VecDeque<u8>,
    /// What the server's socket holds: reported as sent, and not yet taken by the client.
    pub held: VecDeque<u8>,
    /// Received by the client.
    pub to_client: Vec<u8>,
    /// Bytes the client still has room for; `None` is unlimited.
    pub window: Option<usize>,
    /// The client sends no more.
    pub client_ended: bool,
    /// The end was delivered to the server.
    pub end_delivered: bool,
    /// The server sends no more behind what its socket holds.
    pub finished: bool,
    /// The connection broke; the server learns of it once.
    pub reset: bool,
    pub reset_delivered: bool,
    /// The server broke the connection on purpose.
    pub broken: bool,
    /// The server closed its socket.
    pub closed: bool,
    /// The server gave the socket away.
    pub detached: bool,
}

impl Link {
    /// Bytes that the server's socket takes now.
    pub fn room(&self, faults: &Faults) -> usize {
        match faults.socket_bytes {
            0 => self.window.unwrap_or(usize::MAX),
            bytes => bytes.saturating_sub(self.held.len()),
        }
    }

    /// Whether the client has something to take, and room for it.
    pub fn can_deliver(&self) -> bool {
        !self.held.is_empty() && self.window != Some(0)
    }

    /// The client takes what it has room for.
    pub fn deliver(&mut self, faults: &Faults, random: &mut Random) {
        if !self.can_deliver() {
            return;
        }
        let available = self.held.len().min(self.window.unwrap_or(usize::MAX));
        let count = match faults.socket_bytes {
            0 => available,
            _ => faults.piece(faults.send_bytes, available, random),
        };
        self.to_client.extend(self.held.drain(..count));
        self.window = self.window.map(|window| window - count);
    }

    /// The server has closed its socket. The kernel goes on to send what that holds, unless there is something
    /// that the server has not read: this breaks the connection.
    pub fn close(&mut self) {
        self.closed = true;
        self.finished = true;
        if !self.to_server.is_empty() {
            self.held.clear();
        }
    }

    /// The client sends, and what comes to a closed socket is answered by a reset.
    pub fn send(&mut self, bytes: &[u8]) {
        self.to_server.extend(bytes);
        if self.closed {
            self.held.clear();
        }
    }

    /// Whether the client has all that it will get.
    pub fn is_ended(&self) -> bool {
        self.reset || self.finished && self.held.is_empty()
    }
}

impl Faults {
    /// A network that misbehaves in every way, drawn from `random`.
    pub fn random(random: &mut Random) -> Self {
        Self {
            receive_bytes: [0, 1, 7, 100][random.below(4)],
            send_bytes: [0, 1, 13, 500][random.below(4)],
            socket_bytes: [0, 0, 50, 2000][random.below(4)],
            stall_percent: [0, 10, 50][random.below(3)],
            reset_per_10000: [0, 0, 0, 20][random.below(4)],
            vary: random.percent(50),
        }
    }

    pub(crate) fn stalls(&self, random: &mut Random) -> bool {
        random.percent(self.stall_percent)
    }

    pub(crate) fn resets(&self, random: &mut Random) -> bool {
        self.reset_per_10000 > 0 && random.below(10_000) < self.reset_per_10000 as usize
    }

    pub(crate) fn piece(&self, limit: usize, available: usize, random: &mut Random) -> usize {
        let most = if limit == 0 { available } else { available.min(limit) };
        if self.vary && most > 1 { 1 + random.below(most) } else { most }
    }
}
