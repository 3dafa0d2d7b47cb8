//! What is exported, by name.

/// A set of samples under one name.
#[derive(Debug)]
pub(super) struct Family {
    /// The name of the samples, where a histogram's have more behind it.
    pub name: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    /// The unit that the name ends with.
    pub unit: Option<&'static str>,
}

/// What kind of number a family is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! families {
    ($($ident:ident = $kind:ident $name:literal $(in $unit:literal)?, $help:literal;)*) => {
        $(pub(super) static $ident: Family = Family {
            name: $name,
            help: $help,
            kind: Kind::$kind,
            unit: families!(@unit $($unit)?),
        };)*
        /// Every family, by name.
        pub(super) static ALL: [&Family; [$(stringify!($ident)),*].len()] = [$(&$ident),*];
    };
    (@unit) => { None };
    (@unit $unit:literal) => { Some($unit) };
}

families! {
    BYTES_READ = Counter "hyperion_bytes_read_total",
        "Bytes read from sockets.";
    BYTES_WRITTEN = Counter "hyperion_bytes_written_total",
        "Bytes written to sockets.";
    CONNECTIONS_ACCEPTED = Counter "hyperion_connections_accepted_total",
        "Connections accepted.";
    CONNECTIONS_ACTIVE = Gauge "hyperion_connections_active",
        "Connections open now.";
    CONNECTIONS_PASSED = Counter "hyperion_connections_passed_total",
        "Connections that one worker accepted and gave to another that had fewer.";
    DISPATCH_MODE = Counter "hyperion_dispatch_mode_total",
        "Requests given to whoever answers them, by who that is and by what drives the sockets.";
    ENGINE_PANICS = Counter "hyperion_engine_panics_total",
        "Faults of the server itself that were contained.";
    EXECUTORS_BUSY = Gauge "hyperion_executors_busy",
        "Ruby threads, or fibers, that run the application now, by process.";
    FIBER_HOLDS = Counter "hyperion_fiber_holds_total",
        "Times that a fiber kept the others of its thread waiting for more than 100 ms.";
    IO_URING_WORKERS_ACTIVE = Gauge "hyperion_io_uring_workers_active",
        "1 for each process whose sockets are driven by io_uring.";
    LOG_LINES_DROPPED = Counter "hyperion_log_lines_dropped_total",
        "Log lines dropped because too many waited to be written.";
    PER_CONN_REJECTIONS = Counter "hyperion_per_conn_rejections_total",
        "Requests turned away because their connection had too many open, by process.";
    PROCESS_RESIDENT_MEMORY = Gauge "hyperion_process_resident_memory_bytes" in "bytes",
        "Resident memory, pages shared with other processes included, by process.";
    QUEUE = Histogram "hyperion_queue_seconds" in "seconds",
        "Time between a request's arrival and its dispatch to a thread.";
    REJECTIONS = Counter "hyperion_rejections_total",
        "Requests and connections turned away by the server itself, by reason.";
    REQUEST_DURATION = Histogram "hyperion_request_duration_seconds" in "seconds",
        "Time between a request's first byte and the last of its response.";
    REQUESTS_CANCELLED = Counter "hyperion_requests_cancelled_total",
        "Requests whose client left before a thread took them.";
    REQUESTS_DISPATCH = Counter "hyperion_requests_dispatch_total",
        "Requests given to whoever answers them, by process.";
    REQUESTS_PASSED = Counter "hyperion_requests_passed_total",
        "Requests that waited with one worker and were given to another whose thread was idle.";
    REQUESTS = Counter "hyperion_requests_total",
        "Request heads received.";
    RESPONSES_STATUS = Counter "hyperion_responses_status_total",
        "Responses that ended, by status; 499 is a client that left before its answer.";
    SPOOLED_BYTES = Gauge "hyperion_spooled_bytes" in "bytes",
        "What large request bodies take in temporary files now.";
    THREADPOOL_QUEUE_DEPTH = Gauge "hyperion_threadpool_queue_depth",
        "Requests that wait for a thread now, by process.";
    UNDERSCORE_HEADERS_DROPPED = Counter "hyperion_underscore_headers_dropped_total",
        "Request fields left out for an underscore in their name.";
    WORKER_RESTARTS = Counter "hyperion_worker_restarts_total",
        "Workers replaced, by reason.";
    WORKER_STALLS = Counter "hyperion_worker_stalls_total",
        "Times that a worker began none of the requests that waited, for a third of worker_timeout.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_openmetrics() {
        for family in ALL {
            let counts = family.name.ends_with("_total");
            assert_eq!(counts, family.kind == Kind::Counter, "{}", family.name);
            if let Some(unit) = family.unit {
                assert!(family.name.ends_with(&format!("_{unit}")), "{}", family.name);
            }
            assert!(!family.help.contains(['\n', '\\', '"']), "{}", family.name);
        }
        let names: Vec<_> = ALL.iter().map(|family| family.name).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
    }
}
