//! Where protocols meet I/O, without Ruby: one reactor per process owns every socket, complete
//! requests become [`Job`]s in one bounded queue, and answers come back through an [`ReplyHandle`].
//!
//! ```text
//! Driver ──Received──▶ Session ──▶ Connection ──Event──▶ Job ──▶ JobQueue ──▶ executor
//!    ▲                                                                          │
//!    └──send── Session ◀── Connection ◀──Message── Inbox ◀───── ReplyHandle ◀───┘
//! ```
#![forbid(unsafe_code)]

mod access_log;
mod admin;
mod body;
mod bridge;
mod budget;
mod config;
mod engine;
mod fault;
pub mod files;
mod flow;
mod inbox;
mod job;
mod job_queue;
mod log;
mod lookups;
pub mod metrics;
#[cfg(test)]
#[cfg(feature = "model")]
#[path = "../tests/models/mod.rs"]
mod models;
mod queue_time;
mod rate;
mod reactor;
mod relay;
mod reply;
mod routes;
mod session;
mod sessions;
mod siblings;
mod spool;
mod stats;
pub mod stop;
mod stream;
mod sync;
mod timers;
mod tls;

pub use admin::Admin;
pub use config::{Config, IoChoice, LogConfig, LogFormat};
pub use engine::{Engine, StartError};
pub use flow::{Engagement, Interrupt, Wait};
pub use inbox::Inbox;
pub use job::{Body, ConnectionInfo, Job, Listener, Observed};
pub use job_queue::{Consumer, JobQueue, Service, Waited, Work};
pub use log::{ExtraValue, Extras, Level, Log, Pattern, PatternError, Terminal};
pub use reactor::Reactor;
pub use reply::{Completion, Hijacked, Reply, ReplyHandle, WriteError};
pub use routes::{Answer, Mode, Routes, Search, StaticResponse, Target};
pub use sessions::Clock;
pub use siblings::Channels;
pub use stats::{Counter, Gauge, Phase, Restart, Segment, Snapshot, Stats, Tally, Worker};

pub use tls::{Clients, KeyPair, Tls, TlsLoadError, TlsSource};

pub use bridge::{BridgedHandle, bridge};
pub use hyperion_buf::{DiskFile, FileRange};
pub use hyperion_proto::{
    BodyLength, ClientCertificate, Config as ProtocolConfig, FieldError, Fields, Limits, Request,
    Response, ResponseBody, Timeouts, UnchunkError, Unchunker, UnderscorePolicy, Version,
};
