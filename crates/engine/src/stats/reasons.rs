//! Closed sets of reasons, so that nothing from outside ever names a series.

use hyperion_proto::Violation;

/// Why requests and connections are turned away, beside the faults of the protocol.
const OTHERS: [&str; 9] = [
    "accept_failed",
    "max_connections",
    "misdirected_request",
    "other",
    "queue_full",
    "response_memory_full",
    "spool_failed",
    "stopping",
    "tls_handshake_rate",
];

/// Why a worker was replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restart {
    /// A fault ended it, or it ended with a status other than 0.
    Crash,
    /// It ended in peace without being told by its master.
    Exit,
    /// It had answered as many requests as it may.
    MaxRequests,
    /// It took more memory than it may.
    MaxRss,
    /// A signal from outside ended it.
    Signal,
    /// It gave no sign of life or made no progress.
    Timeout,
}

impl Restart {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Crash, Self::Exit, Self::MaxRequests, Self::MaxRss, Self::Signal, Self::Timeout];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Exit => "exit",
            Self::MaxRequests => "max_requests",
            Self::MaxRss => "max_rss",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
        }
    }

    /// The reason of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The number of a reason; one that is not known counts as `other`.
pub(super) fn index(reason: &str) -> usize {
    let named = |wanted: &str| names().position(|name| name == wanted);
    named(reason).or_else(|| named("other")).expect("`other` is one of the names")
}

/// Every reason, by its number.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Violation::ALL.into_iter().map(Violation::name).chain(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::layout;

    #[test]
    fn there_is_room_for_every_reason_and_none_is_named_twice() {
        let all: std::collections::BTreeSet<_> = names().collect();
        assert_eq!(all.len(), names().count());
        assert!(all.len() <= layout::REASONS);
        assert!(layout::RESTARTS + Restart::ALL.len() <= layout::LABELS);
    }

    #[test]
    fn a_reason_that_nobody_listed_is_an_other() {
        assert_eq!(names().nth(index("solar flare")), Some("other"));
        for listed in ["bare_lf", "misdirected_request"] {
            assert_eq!(names().nth(index(listed)), Some(listed));
        }
    }

    #[test]
    fn each_restart_is_listed_at_its_place() {
        for (index, restart) in Restart::ALL.into_iter().enumerate() {
            assert_eq!(restart as usize, index);
            assert_eq!(Restart::named(restart.name()), Some(restart));
        }
        assert_eq!(Restart::named("solar flare"), None);
    }
}
