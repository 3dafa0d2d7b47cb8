use std::time::Duration;

/// How fast a peer has to take what is sent: in each span all that was pending, or as much as the
/// slowest pace allows.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Bytes the peer had taken when they were last counted.
    mark: u64,
    /// Bytes that must be taken within the span.
    need: u64,
}

impl Pace {
    /// Begins a span. The mark is what was taken when it was last counted, so a span may credit a peer
    /// with more than it took in it, but never with less.
    pub fn begin(&mut self, unsent: u64, span: Duration, bytes_per_second: u64) {
        let least = span.as_millis() * u128::from(bytes_per_second) / 1000;
        self.need = unsent.min(u64::try_from(least).unwrap_or(u64::MAX));
    }

    /// At the end of a span: whether the peer has kept pace. What counts is what the peer has taken,
    /// not what the socket has: its buffer holds megabytes.
    pub fn is_kept(&mut self, taken: u64) -> bool {
        let kept = taken.saturating_sub(self.mark) >= self.need;
        self.mark = taken;
        kept
    }
}
