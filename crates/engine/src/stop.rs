//! The end of a process, for who drives it from outside the engine.

use std::fmt::Display;
use std::time::SystemTime;

use crate::log;

pub use hyperion_io::process::{
    Heard, StopWatch, announce_stop, end_watch, exit_at_once, parent_pid, watch_signals, write_line,
};

/// Keeps signals away from the calling thread.
pub fn block_signals() {
    // It fails for no valid set.
    let _ = hyperion_io::block_signals();
}

/// The time as log lines show it.
pub fn timestamp(time: SystemTime) -> impl Display {
    humantime::format_rfc3339_millis(time)
}

/// The time as lines for people show it.
pub fn time_of_day(time: SystemTime, utc_offset_s: i32) -> String {
    log::time_of_day(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), utc_offset_s)
}
