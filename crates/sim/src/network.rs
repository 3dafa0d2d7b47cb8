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
    /// Received by the client.
    pub to_client: Vec<u8>,
    /// Bytes the client still has room for; `None` is unlimited.
    pub window: Option<usize>,
    /// The client sends no more.
    pub client_ended: bool,
    /// The end was delivered to the server.
    pub end_delivered: bool,
    /// The server sends no more.
    pub server_ended: bool,
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

impl Faults {
    /// A network that misbehaves in every way, drawn from `random`.
    pub fn random(random: &mut Random) -> Self {
        Self {
            receive_bytes: [0, 1, 7, 100][random.below(4)],
            send_bytes: [0, 1, 13, 500][random.below(4)],
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
