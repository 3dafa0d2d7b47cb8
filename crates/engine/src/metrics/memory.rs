//! How much memory processes take, as the kernel tells it.

/// Resident bytes of a process, pages that it shares included; none when it is gone.
pub(crate) fn resident_bytes(pid: u64) -> Option<u64> {
    kilobytes(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// Resident bytes of a process, shared pages divided among those who share them; none when it is
/// gone or belongs to somebody else. It takes the kernel milliseconds for a large process.
pub(crate) fn proportional_bytes(pid: u64) -> Option<u64> {
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
