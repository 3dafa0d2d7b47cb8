use std::sync::Arc;

use crate::admin::Admin;
use crate::balance::Channels;
use crate::log::config::LogConfig;
use crate::routes::Routes;

/// Everything an engine is told; resolved and checked before.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits and timers of the protocols.
    pub protocol: hyperion_proto::Config,
    /// What is answered without the application; see
    /// [`Engine::replace_routes`](crate::Engine::replace_routes).
    pub routes: Arc<Routes>,
    /// To the other workers of a cluster.
    pub channels: Option<Arc<Channels>>,
    /// Who may ask the server about itself.
    pub admin: Arc<Admin>,
    /// Which driver to use.
    pub io: IoChoice,
    /// Connections open at once; the next ones are told 503.
    pub max_connections: usize,
    /// TLS handshakes that may begin in a second; connections on top are closed. None for no bound.
    pub handshakes_per_second: Option<u32>,
    /// The application is called before the body has arrived, and not for gRPC alone.
    pub streams_request_bodies: bool,
    /// Request bodies above this many bytes are kept in a temporary file.
    pub spool_threshold_bytes: usize,
    /// What request bodies of all processes may take on disk; without it a quarter of what they take and of
    /// what is free there.
    pub max_spool_bytes: Option<u64>,
    /// Logging.
    pub log: LogConfig,
}

/// The choice of a driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IoChoice {
    /// The one that is right on most machines.
    Auto,
    /// Readiness.
    Epoll,
    /// Completions; falls back to epoll with a warning where the kernel does not allow it.
    IoUring,
}
