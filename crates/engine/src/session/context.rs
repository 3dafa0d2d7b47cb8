use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::dispatch::queue::Service;
use crate::log::{Level, Log};
use crate::reactor::inbox::Inbox;
use crate::reactor::lookups::Lookups;
use crate::routes::Routes;
use crate::session::budget::Waiting;
use crate::session::spool::SpoolBound;
use crate::stats::{Recorder, Stats};

/// What every session of a reactor works with.
pub(crate) struct Context {
    pub config: Config,
    pub protocol: Arc<hyperion_proto::Config>,
    pub inbox: Arc<Inbox>,
    pub service: Arc<dyn Service>,
    pub routes: Arc<Routes>,
    pub stats: Arc<Stats>,
    /// Counts in `stats` what there is of each request.
    pub recorder: Recorder,
    pub log: Arc<Log>,
    pub lookups: Lookups,
    /// What request bodies may take on disk.
    pub spool_bound: SpoolBound,
    /// The time of this turn.
    pub now: Instant,
    /// The `Date` field of this second.
    pub date: String,
    /// Executors were given something since the driver was told how long to wait.
    pub gave: Cell<bool>,
    /// What waits in memory for the peers of this reactor.
    pub waiting: Waiting,
    /// When it was last told that no temporary file can be written.
    pub spool_complained_at: Cell<Option<Instant>>,
}

/// A complaint about temporary files is logged at most this often.
const SPOOL_LOG_INTERVAL: Duration = Duration::from_secs(10);

impl Context {
    /// Tells, now and then, why bodies cannot wait on a disk.
    pub(super) fn complain_about_spool(&self, error: &str) {
        let is_recent = |at: Instant| self.now.saturating_duration_since(at) < SPOOL_LOG_INTERVAL;
        if self.spool_complained_at.get().is_some_and(is_recent) {
            return;
        }
        self.spool_complained_at.set(Some(self.now));
        let folder = std::env::temp_dir();
        self.log.write(
            Level::Error,
            "engine",
            "bodies cannot be written to temporary files: requests with large ones are refused, and slow readers hold threads; make room, or name another directory in TMPDIR",
            &[("directory", &folder.to_string_lossy()), ("error", error)],
        );
    }

    /// Where executors find work. The one that drives this reactor must not sleep on what it gets.
    pub fn give(&self) -> &dyn Service {
        self.gave.set(true);
        &*self.service
    }
}
