//! How fast a peer has to take what it is sent. The timers of a connection, of a stream of HTTP/2 and of the end of
//! TLS ask at equal intervals, as long as something waits for the peer.
//!
//! What must stay true: what counts is what the peer has taken, not what the socket's buffer has. A peer that stops
//! is found one look behind its span at the latest; one that takes all there is, or keeps the minimum
//! rate, is never cut.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Config;

/// Looks at a peer within the span in which it has to take something: as many as it has seconds, within these
/// bounds.
const LOOKS: [u32; 2] = [32, 300];

fn looks(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX).clamp(LOOKS[0], LOOKS[1])
}

/// How fast a peer has to take what is sent: in each window the smaller of what was pending at its start and what
/// the minimum rate makes of its length. A peer that has stopped is found one look after its time at the latest.
#[derive(Debug, Default)]
pub(crate) struct MinimumRate {
    /// By look: bytes that the peer had taken, and bytes that waited for it.
    looks: VecDeque<(u64, u64)>,
}

impl MinimumRate {
    /// The time between two looks.
    pub fn interval(span: Duration) -> Duration {
        (span / looks(span)).max(Duration::from_millis(1))
    }

    /// Nothing waits for the peer.
    pub fn reset(&mut self) {
        if !self.looks.is_empty() {
            self.looks = VecDeque::new();
        }
    }

    /// Looks at the peer of a connection that was sent `sent` bytes, of which the socket still holds `backlog`;
    /// `unsent` more wait for the socket.
    pub fn is_kept_by_peer(
        &mut self,
        sent: u64,
        backlog: u64,
        unsent: u64,
        config: &Config,
    ) -> bool {
        let (span, rate) = (config.timeouts.write, config.limits.body_bytes_per_second);
        self.is_kept(sent.saturating_sub(backlog), unsent + backlog, span, rate)
    }

    /// Looks, one interval behind the look before: whether the peer has kept pace. What counts is what the
    /// peer has taken, not what the socket has: its buffer holds megabytes.
    pub fn is_kept(
        &mut self,
        taken: u64,
        waiting: u64,
        span: Duration,
        bytes_per_second: u64,
    ) -> bool {
        let least = least(span, bytes_per_second);
        self.looks.push_back((taken, waiting));
        if self.looks.len() <= looks(span) as usize {
            return true;
        }
        let Some((taken_then, waiting_then)) = self.looks.pop_front() else { return true };
        taken.saturating_sub(taken_then) >= waiting_then.min(least)
    }
}

/// How a peer that was told the end takes the rest of what the socket holds. Who closes sooner risks it: what
/// the peer sends to a closed socket is answered by a reset, and that discards it.
#[derive(Debug, Default)]
pub(crate) struct LingerProgress {
    left: Option<u64>,
}

impl LingerProgress {
    /// Looks, `linger` behind the look before: whether the peer has more to take, and keeps pace.
    pub fn goes_on(&mut self, backlog: u64, config: &Config) -> bool {
        let least = least(config.timeouts.linger, config.limits.body_bytes_per_second);
        let before = self.left.replace(backlog);
        backlog > 0 && before.is_none_or(|left| left.saturating_sub(backlog) >= left.min(least))
    }
}

/// Bytes that the slowest pace takes in a span.
fn least(span: Duration, bytes_per_second: u64) -> u64 {
    let bytes = span.as_millis() * u128::from(bytes_per_second) / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    /// Looks until the peer is found too slow; `taken` tells what it has taken by each look.
    fn looks(taken: impl Fn(u64) -> u64) -> Option<u64> {
        let mut pace = MinimumRate::default();
        (0..500).find(|look| !pace.is_kept(taken(*look), 1_000_000 - taken(*look), SPAN, 500))
    }

    #[test]
    fn a_peer_that_stops_is_found_within_a_second_of_its_time() {
        for seconds in [1, 20, 32, 33, 60, 299, 300] {
            let span = Duration::from_secs(seconds);
            let mut pace = MinimumRate::default();
            let look = (0..).find(|_| !pace.is_kept(0, 1_000_000, span, 500)).unwrap();
            let found = MinimumRate::interval(span) * look;
            let late = found.checked_sub(span).unwrap_or_default();
            assert!(found + Duration::from_micros(1) >= span, "{found:?} of {span:?}");
            assert!(late <= Duration::from_secs(1), "{found:?} of {span:?}");
        }
    }

    #[test]
    fn a_peer_that_stops_is_found_a_span_later() {
        assert_eq!(looks(|_| 0), Some(32));
        assert_eq!(looks(|look| if look < 5 { 0 } else { 500_000 }), Some(5 + 32));
        assert_eq!(looks(|look| look.min(100) * 1000), Some(100 + 32 - 14));
    }

    #[test]
    fn a_peer_that_is_just_quick_enough_is_left_alone() {
        assert_eq!(looks(|look| look * 469), None);
        assert_eq!(looks(|look| look * 468), Some(32));
        assert_eq!(looks(|look| look / 32 * 15_000), None);
    }

    #[test]
    fn a_peer_that_was_told_the_end_may_take_the_rest() {
        let config = Config::default();
        assert_eq!(least(config.timeouts.linger, config.limits.body_bytes_per_second), 1000);
        let mut progress = LingerProgress::default();
        assert!([9000, 8000, 7000, 500].iter().all(|left| progress.goes_on(*left, &config)));
        assert!(!progress.goes_on(1, &config));
        let mut progress = LingerProgress::default();
        assert!(progress.goes_on(9000, &config) && !progress.goes_on(8001, &config));
        assert!(!LingerProgress::default().goes_on(0, &config));
    }

    #[test]
    fn a_peer_that_takes_all_there_is_is_quick_enough() {
        let mut pace = MinimumRate::default();
        assert!((0..500).all(|look| pace.is_kept(look * 10, 300, SPAN, 500)));
        assert!(!(0..500).all(|look| pace.is_kept(5000 + look * 9, 300, SPAN, 500)));
    }
}
