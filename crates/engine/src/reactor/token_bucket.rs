use std::time::Instant;

/// So many a second, and as many at once.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    left: f64,
    counted_at: Option<Instant>,
}

impl Rate {
    pub fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: per_second, counted_at: None }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self, now: Instant) -> bool {
        if let Some(before) = self.counted_at.replace(now) {
            let earned = now.saturating_duration_since(before).as_secs_f64() * self.per_second;
            self.left = (self.left + earned).min(self.per_second);
        }
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn as_many_as_a_second_brings_and_no_more() {
        let now = Instant::now();
        let mut rate = Rate::new(3);
        let mut taken =
            |after_ms| (0..10).filter(|_| rate.take(now + Duration::from_millis(after_ms))).count();
        assert_eq!((taken(0), taken(0), taken(500), taken(1000)), (3, 0, 1, 2));
        assert_eq!(taken(100_000), 3);
    }
}
