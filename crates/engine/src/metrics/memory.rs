//! How much memory processes take, as the kernel tells it.

use std::time::{Duration, Instant};

use crate::stats::Snapshot;

/// The kernel walks all of a process's memory for its share, and whoever asks waits meanwhile; so the
/// shares of those that come later are left out.
const PATIENCE: Duration = Duration::from_millis(50);

/// The memory of one process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Memory {
    /// Resident bytes, pages that it shares included; none when the process is gone.
    pub resident_bytes: Option<u64>,
    /// Resident bytes, shared pages divided among those who share them; none when the process is gone,
    /// or when asking for the others has taken long.
    pub proportional_bytes: Option<u64>,
}

/// The memory of each process that lives, in the order of [`Snapshot::workers`]. It may take some
/// milliseconds.
pub fn weigh(snapshot: &Snapshot) -> Vec<Memory> {
    let begin = Instant::now();
    let weigh = |pid| Memory {
        resident_bytes: resident_bytes(pid),
        proportional_bytes: (begin.elapsed() < PATIENCE).then(|| proportional_bytes(pid)).flatten(),
    };
    snapshot.workers().iter().map(|worker| weigh(worker.pid.into())).collect()
}

/// Resident bytes of a process, pages that it shares included; none when it is gone.
pub(super) fn resident_bytes(pid: u64) -> Option<u64> {
    kilobytes(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// Resident bytes of a process, shared pages divided among those who share them; none when it is
/// gone or belongs to somebody else. It takes the kernel milliseconds for a large process.
fn proportional_bytes(pid: u64) -> Option<u64> {
    kilobytes(&std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss:")
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_some_memory() {
        let own = std::process::id().into();
        let (resident, proportional) = (resident_bytes(own), proportional_bytes(own));
        assert!(resident > Some(1024 * 1024), "{resident:?}");
        assert!(proportional.is_none() || proportional > Some(100 * 1024), "{proportional:?}");
    }

    #[test]
    fn a_process_that_is_gone_has_none() {
        assert_eq!(resident_bytes(u64::MAX), None);
        assert_eq!(kilobytes("Pss_Anon: 1 kB\nPss:       12 kB\n", "Pss:"), Some(12 * 1024));
        assert_eq!(kilobytes("VmRSS: many kB\n", "VmRSS:"), None);
    }
}
