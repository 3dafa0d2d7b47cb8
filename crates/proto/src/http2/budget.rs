//! How many frames that do no work a peer may send. The h2 crate bounds what each of them costs in
//! memory; this bounds how many there are, since each costs time and some an answer.
//!
//! A peer begins with a fortune, spends it on such frames and earns by time, by bytes of bodies and by
//! responses that reach their end.

use std::time::Instant;

const FORTUNE: i64 = 4000;
const PER_SECOND: f64 = 500.0;
const PER_RESPONSE: i64 = 10;
/// Bytes of bodies, in either direction, that pay for one frame; window updates come with them.
const BYTES_PER_FRAME: u64 = 128;

const FRAME_HEAD: usize = 9;

/// The longest payload, since no other is agreed upon (section 6.5.2).
const FRAME_BYTES: usize = 16_384;

/// What a reset costs that the peer has made necessary.
const RESET_COST: i64 = 10;

/// Bytes of a DATA frame that make it a part of an upload rather than a prod at its stream.
const LATE_BYTES: usize = 1024;

/// Resets that answer late frames may stay unpaid for so many of them.
const LATE_MAX: i64 = 128;

/// What a peer has left.
#[derive(Debug)]
pub(super) struct Budget {
    left: i64,
    counted_at: Instant,
    /// Bytes that have not yet paid for a frame.
    bytes: u64,
    /// Frames of bodies that came behind the end of their stream, each of which may be answered by a reset.
    late: i64,
}

impl Budget {
    pub fn new(now: Instant) -> Self {
        Self { left: FORTUNE, counted_at: now, bytes: 0, late: 0 }
    }

    /// Takes `cost`; false when the peer cannot pay.
    pub fn spend(&mut self, now: Instant, cost: i64) -> bool {
        if cost == 0 {
            return true;
        }
        let passed = now.saturating_duration_since(self.counted_at);
        let income = (passed.as_secs_f64() * PER_SECOND) as i64;
        if income > 0 {
            self.counted_at = now;
            self.earn(income);
        }
        self.left -= cost;
        self.left >= 0
    }

    /// Takes what so many resets cost. A client that is answered before it has sent all of a body cannot
    /// know that yet, and is not to blame for those that its frames meet.
    pub fn spend_resets(&mut self, now: Instant, resets: i64) -> bool {
        let unpaid = (resets - self.late).max(0);
        self.late = (self.late - resets).max(0);
        self.spend(now, unpaid * RESET_COST)
    }

    /// So many frames have come behind the end of their stream.
    pub fn forgive(&mut self, late: i64) {
        self.late = (self.late + late).min(LATE_MAX);
    }

    pub fn earn_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.earn((self.bytes / BYTES_PER_FRAME) as i64);
        self.bytes %= BYTES_PER_FRAME;
    }

    pub fn earn_response(&mut self) {
        self.earn(PER_RESPONSE);
    }

    fn earn(&mut self, amount: i64) {
        self.left = self.left.saturating_add(amount).min(FORTUNE);
    }
}

/// Follows the frames in a direction by their heads alone (RFC 9113, section 4.1).
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; FRAME_HEAD],
    filled: usize,
    /// Bytes of the current frame's payload that are still to come.
    payload: usize,
    /// A header block has begun and not ended.
    in_block: bool,
}

/// What the head of a frame says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    kind: u8,
    flags: u8,
    stream: u32,
    length: usize,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frames {
    /// Goes on through `bytes`, and shows each head that is complete. Where one is not accepted, this
    /// ends, and returns the bytes without the last one of that head, with which it is not complete.
    pub fn advance<'a>(
        &mut self,
        bytes: &'a [u8],
        mut accepts: impl FnMut(Head) -> bool,
    ) -> &'a [u8] {
        let mut at = 0;
        while at < bytes.len() {
            let skipped = self.payload.min(bytes.len() - at);
            self.payload -= skipped;
            at += skipped;
            let taken = (FRAME_HEAD - self.filled).min(bytes.len() - at);
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[at..at + taken]);
            self.filled += taken;
            at += taken;
            if self.filled == FRAME_HEAD && !accepts(self.begin()) {
                return &bytes[..at - 1];
            }
        }
        bytes
    }

    /// Whether a frame or a header block is incomplete.
    pub fn is_partial(&self) -> bool {
        self.filled > 0 || self.payload > 0 || self.in_block
    }

    /// The stream whose DATA frame is incomplete.
    pub fn open_data(&self) -> Option<u32> {
        let head = Head::parse(self.head);
        (self.payload > 0 && head.kind == DATA).then_some(head.stream)
    }

    fn begin(&mut self) -> Head {
        self.filled = 0;
        let head = Head::parse(self.head);
        self.payload = head.length;
        if matches!(head.kind, HEADERS | CONTINUATION) {
            self.in_block = head.flags & END_HEADERS == 0;
        }
        head
    }
}

impl Head {
    fn parse([a, b, c, kind, flags, s, t, u, v]: [u8; FRAME_HEAD]) -> Self {
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Self { kind, flags, stream: u32::from_be_bytes([s, t, u, v]) & !(1 << 31), length }
    }

    /// What it costs the peer.
    pub fn cost(self) -> i64 {
        match self.kind {
            HEADERS => 0,
            DATA if self.length > 0 || self.flags & END_STREAM != 0 => 0,
            DATA | RST_STREAM | CONTINUATION => 10,
            SETTINGS | PING => 4,
            _ => 1,
        }
    }

    pub fn stream(self) -> u32 {
        self.stream
    }

    /// Whether it carries a part of a body that is worth its frame.
    pub fn is_upload(self) -> bool {
        self.kind == DATA && self.length >= LATE_BYTES
    }

    pub fn is_reset(self) -> bool {
        self.kind == RST_STREAM
    }

    /// Whether a frame of its kind may be so long (section 4.2).
    pub fn has_possible_length(self) -> bool {
        let Self { kind, flags, length, .. } = self;
        length <= FRAME_BYTES
            && match kind {
                PRIORITY => length == 5,
                RST_STREAM | WINDOW_UPDATE => length == 4,
                SETTINGS if flags & ACK != 0 => length == 0,
                SETTINGS => length.is_multiple_of(6),
                PING => length == 8,
                GOAWAY => length >= 8,
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_fortune_is_spent_and_earned_again() {
        let now = Instant::now();
        let mut budget = Budget::new(now);
        assert!(budget.spend(now, FORTUNE));
        assert!(!budget.spend(now, 1));
        budget.earn_response();
        assert!(budget.spend(now, PER_RESPONSE - 1));
        assert!(!budget.spend(now, 1));
        budget.earn_bytes(BYTES_PER_FRAME * 2);
        assert!(budget.spend(now, 1));
        assert!(budget.spend(now + Duration::from_secs(1), PER_SECOND as i64));
        assert!(!budget.spend(now + Duration::from_secs(1), FORTUNE));
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut bytes = vec![0, 0, 2, PING, 0, 0, 0, 0, 0, 1, 2];
        bytes.extend([0, 0, 1, HEADERS, 0, 0, 0, 0, 1, 7]);
        bytes.extend([0, 0, 0, CONTINUATION, END_HEADERS, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, DATA, END_STREAM, 0, 0, 0, 1]);
        for size in 1..=bytes.len() {
            let (mut frames, mut cost) = (Frames::default(), 0);
            for piece in bytes.chunks(size) {
                frames.advance(piece, |head| {
                    cost += head.cost();
                    true
                });
            }
            assert_eq!((cost, frames.is_partial()), (14, false), "in pieces of {size}");
        }
        let mut frames = Frames::default();
        frames.advance(&bytes[..21], |_| true);
        assert!(frames.is_partial(), "a header block is open");
    }
}
