//! Where protocols meet I/O, without Ruby: one reactor per process owns every socket, complete
//! requests become [`Job`]s in one bounded queue, and answers come back through a [`ReplyHandle`].
//!
//! ```text
//! Driver ──Received──▶ Session ──▶ Connection ──Event──▶ Job ──▶ JobQueue ──▶ executor
//!    ▲                                                                          │
//!    └──send── Session ◀── Connection ◀──Message── Inbox ◀───── ReplyHandle ◀───┘
//! ```
//!
//! | Module | What it holds |
//! |---|---|
//! | `engine`, `config` | [`Engine`]: starts and stops the threads of a process; its settings |
//! | `reactor` | the loop that owns all connections: turns, accepting, last call and drain, timers, the inbox, which thread drives it |
//! | `session`, `connection_info` | one connection: its exchanges, bodies in memory and in files, 503, half-close probes (is a client that sends no more still there?), handoff; its addresses |
//! | `dispatch` | jobs to executors and replies back: [`JobQueue`], [`ReplyHandle`], flow, queue time |
//! | `routes`, `files` | what is answered without Ruby: static responses, directories of files, ETag, ranges, 304 |
//! | `balance` | connections that go to other workers |
//! | `bridge` | sockets for applications that take over TLS connections |
//! | `admin`, `stats`, `metrics` | `/-/` pages, the counters that processes share, the exposition of metrics |
//! | `log` | access lines, patterns, JSON, escaping, the thread that writes |
//! | `tls` | certificates of an address, and reading them again |
//! | `fault`, `stop` | what a panic costs; the last line of a process that is ended |
//! | `sync` | locks and atomics, which a model checker replaces in tests |
#![forbid(unsafe_code)]

mod admin;
mod balance;
mod bridge;
mod config;
mod connection_info;
mod dispatch;
mod engine;
mod fault;
pub mod files;
mod log;
pub mod metrics;
#[cfg(test)]
#[cfg(feature = "model")]
#[path = "../tests/models/mod.rs"]
mod models;
mod reactor;
mod routes;
mod session;
mod stats;
pub mod stop;
mod sync;
mod tls;

pub use admin::Admin;
pub use balance::Channels;
pub use config::{Config, IoChoice};
pub use connection_info::{ConnectionInfo, Listener};
pub use dispatch::body::Body;
pub use dispatch::completion::Completion;
pub use dispatch::flow::{Hijacked, InFlightGuard, Interrupt, Wait};
pub use dispatch::job::{Job, Observed};
pub use dispatch::queue::{Consumer, JobQueue, Kind, Service, Waited, Work};
pub use dispatch::reply::{Reply, ReplyHandle, WriteError};
pub use engine::{Engine, StartError};
#[cfg(feature = "faults")]
pub use fault::injected as faults;
pub use log::config::{LogConfig, LogFormat};
pub use log::{ExtraValue, Extras, Level, Log, Pattern, PatternError, Terminal};
pub use reactor::Reactor;
pub use reactor::clock::Clock;
pub use reactor::inbox::Inbox;
pub use routes::{Mode, NativeResponse, Routes, Search, StaticResponse, Target};
pub use stats::{Counter, Gauge, Phase, Restart, Segment, Snapshot, Stats, Tally, Worker};

pub use tls::{ClientCertificates, KeyPair, Tls, TlsLoadError, TlsSource};

pub use dispatch::bridged::{BridgedHandle, bridge};
pub use hyperion_buf::{DiskFile, FileRange};
pub use hyperion_io::{Waker, foreign, poller};
pub use hyperion_proto::{
    BodyLength, ClientCertificate, Config as ProtocolConfig, FieldError, Fields, Limits, Request,
    Response, ResponseBody, Timeouts, UnchunkError, Unchunker, UnderscorePolicy, Version,
};
