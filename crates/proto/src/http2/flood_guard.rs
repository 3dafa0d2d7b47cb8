//! How many frames that do no work a peer may send. The h2 crate bounds what each of them costs in
//! memory; this bounds how many there are, since each costs time and some an answer.
//!
//! A peer begins with a fortune, spends it on such frames and earns by time, by what it takes of responses, as
//! it takes it, and by responses that reach their end.

use std::time::Instant;

const INITIAL_TOKENS: i64 = 4000;
const PER_SECOND: f64 = 500.0;
const PER_RESPONSE: i64 = 10;
/// For each piece that the application writes: clients grant their windows, and measure the way by pings.
const PER_PIECE: i64 = 10;
/// Bytes of bodies that pay for one frame; window updates come with them.
const BYTES_PER_FRAME: u64 = 128;

/// What a reset costs that the peer has made necessary.
const RESET_COST: i64 = 10;

/// Resets that answer late frames may stay unpaid for so many of them.
const LATE_MAX: i64 = 128;

/// What a peer has left.
#[derive(Debug)]
pub(super) struct FloodGuard {
    left: i64,
    counted_at: Instant,
    /// Bytes that have not yet paid for a frame.
    bytes: u64,
    /// Frames of bodies that came behind the end of their stream, each of which may be answered by a reset.
    late: i64,
}

impl FloodGuard {
    pub fn new(now: Instant) -> Self {
        Self { left: INITIAL_TOKENS, counted_at: now, bytes: 0, late: 0 }
    }

    /// Takes `cost`; false when the peer cannot pay.
    pub fn take(&mut self, now: Instant, cost: i64) -> bool {
        if cost == 0 {
            return true;
        }
        let passed = now.saturating_duration_since(self.counted_at);
        let income = (passed.as_secs_f64() * PER_SECOND) as i64;
        if income > 0 {
            self.counted_at = now;
            self.refill(income);
        }
        self.left -= cost;
        self.left >= 0
    }

    /// Takes what so many resets cost. A client that is answered before it has sent all of a body cannot
    /// know that yet, and is not to blame for those that its frames meet.
    pub fn spend_resets(&mut self, now: Instant, resets: i64) -> bool {
        let unpaid = (resets - self.late).max(0);
        self.late = (self.late - resets).max(0);
        self.take(now, unpaid * RESET_COST)
    }

    /// So many frames have come behind the end of their stream.
    pub fn refund(&mut self, late: i64) {
        self.late = (self.late + late).min(LATE_MAX);
    }

    pub fn refill_by_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.refill((self.bytes / BYTES_PER_FRAME) as i64);
        self.bytes %= BYTES_PER_FRAME;
    }

    pub fn refill_by_pieces(&mut self, pieces: u32) {
        self.refill(PER_PIECE * i64::from(pieces));
    }

    pub fn earn_response(&mut self) {
        self.refill(PER_RESPONSE);
    }

    fn refill(&mut self, amount: i64) {
        self.left = self.left.saturating_add(amount).min(INITIAL_TOKENS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_fortune_is_spent_and_earned_again() {
        let now = Instant::now();
        let mut budget = FloodGuard::new(now);
        assert!(budget.take(now, INITIAL_TOKENS));
        assert!(!budget.take(now, 1));
        budget.earn_response();
        assert!(budget.take(now, PER_RESPONSE - 1));
        assert!(!budget.take(now, 1));
        budget.refill_by_bytes(BYTES_PER_FRAME * 2);
        assert!(budget.take(now, 1));
        assert!(budget.take(now + Duration::from_secs(1), PER_SECOND as i64));
        assert!(!budget.take(now + Duration::from_secs(1), INITIAL_TOKENS));
    }
}
