//! How much memory processes take, as the kernel tells it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::stats::Snapshot;

/// The shares of processes are asked for again behind this time.
const FRESH: Duration = Duration::from_secs(1);

/// The memory of one process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Memory {
    /// Resident bytes, pages that it shares included; none when the process is gone.
    pub resident_bytes: Option<u64>,
    /// Resident bytes, shared pages divided among those who share them; none when the process is gone, or
    /// was not looked at yet.
    pub proportional_bytes: Option<u64>,
}

/// Shares as they were told last. The kernel walks all of a process's memory for one, which takes it
/// milliseconds, and who shows them has other things to do; so a thread of its own asks.
static SHARES: Mutex<Option<Shares>> = Mutex::new(None);

#[derive(Debug)]
struct Shares {
    asked_at: Instant,
    bytes: HashMap<u64, u64>,
}

/// The memory of each process that lives, in the order of [`Snapshot::workers`]. Shares may be some seconds old.
pub fn memory_of(snapshot: &Snapshot) -> Vec<Memory> {
    let pids: Vec<u64> = snapshot.workers().iter().map(|worker| worker.pid.into()).collect();
    let shares = shares_of(&pids);
    let measure = |pid: u64| Memory {
        resident_bytes: resident_bytes(pid),
        proportional_bytes: shares.get(&pid).copied(),
    };
    pids.into_iter().map(measure).collect()
}

/// What is known; where that is old, a thread finds out what is now.
fn shares_of(pids: &[u64]) -> HashMap<u64, u64> {
    // In a forked child nobody may ever let go of the lock.
    let Ok(mut shares) = SHARES.try_lock() else { return HashMap::new() };
    let is_fresh = |shares: &Shares| {
        shares.asked_at.elapsed() < FRESH && pids.iter().all(|pid| shares.bytes.contains_key(pid))
    };
    let known = shares.as_ref().map_or_else(HashMap::new, |shares| shares.bytes.clone());
    if !shares.as_ref().is_some_and(is_fresh) {
        *shares = Some(Shares { asked_at: Instant::now(), bytes: known.clone() });
        let pids = pids.to_vec();
        let _ = std::thread::Builder::new().spawn(move || ask_for_shares(&pids));
    }
    known
}

fn ask_for_shares(pids: &[u64]) {
    let bytes = pids.iter().filter_map(|pid| Some((*pid, proportional_bytes(*pid)?))).collect();
    if let Ok(mut shares) = SHARES.lock() {
        *shares = Some(Shares { asked_at: Instant::now(), bytes });
    }
}

/// Resident bytes of a process, pages that it shares included; none when it is gone.
pub(super) fn resident_bytes(pid: u64) -> Option<u64> {
    let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
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
