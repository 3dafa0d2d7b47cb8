use std::time::{Instant, SystemTime};

use crate::limits::Limits;
use crate::timers::Timeouts;

/// Everything that shapes a connection; shared by all connections of a process.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Bounds in bytes and counts.
    pub limits: Limits,
    /// Bounds in time.
    pub timeouts: Timeouts,
    /// What happens to field names with an underscore.
    pub underscore_headers: UnderscorePolicy,
    /// One moment in both clocks, so that answers made here carry a `date`; without it they have
    /// none, as RFC 9110, section 6.6.1 asks of a server without a clock.
    pub date_origin: Option<(Instant, SystemTime)>,
}

impl Config {
    /// The IMF-fixdate at `now`; empty without an origin.
    pub(crate) fn date(&self, now: Instant) -> String {
        self.date_origin.map_or_else(String::new, |(instant, time)| {
            httpdate::fmt_http_date(time + now.saturating_duration_since(instant))
        })
    }
}

/// What happens to request fields whose name has an underscore. In a Rack env `X_Forwarded_For` and
/// `X-Forwarded-For` become the same key, so a client could pass one off as the other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UnderscorePolicy {
    /// Such fields are left out and counted.
    #[default]
    Drop,
    /// Such fields are kept, unless the same name with dashes is there too or the name stands for a
    /// field that frames, routes or controls the request.
    Allow,
}
