//! Sans-IO protocols: bytes and events in, bytes and deadlines out. There is no clock, socket,
//! thread or file access here; the time is an argument and the caller moves the bytes.
//!
//! | Module | What it holds |
//! |---|---|
//! | `connection` | [`Connection`]: one peer, as the engine sees it; [`Event`], [`Closing`] |
//! | `tls` | TLS below the protocol; certificates, tickets; the only place that names rustls |
//! | `protocol` | which HTTP is spoken, and the switch between the machines; [`Shutdown`] |
//! | `life`, `event` | what both machines have in common: deadlines, the way to the end, responses on their way out; what they report |
//! | `http1` | the HTTP/1.0 and HTTP/1.1 machine: head, body framing, exchanges, encoding |
//! | `http2` | the HTTP/2 machine: streams over the h2 crate; the only place that names h2 and tokio |
//! | `message`, `prepared` | requests and responses that cross the border, their fields and their framing |
//! | `unchunker` | bodies that an application has framed itself |
//! | `config`, `limits`, `timers` | what bounds a connection in bytes and in time |
//! | `violation` | every fault of a peer, by name |
#![forbid(unsafe_code)]

mod config;
mod connection;
mod event;
mod http1;
mod http2;
mod life;
mod limits;
mod message;
mod prepared;
mod protocol;
mod timers;
mod tls;
mod unchunker;
mod violation;

pub use config::{Config, UnderscorePolicy};
pub use connection::Connection;
pub use event::{Closing, Event, StreamId};
pub use limits::Limits;
pub use message::fields::{FieldError, Fields};
pub use message::request::{BodyLength, Request, Version};
pub use message::response::{Response, ResponseBody};
pub use message::syntax::{list, saturating_decimal, trim_whitespace};
pub use prepared::Prepared;
pub use protocol::Shutdown;
pub use timers::Timeouts;
pub use tls::{
    Certificate, CertificateError, ClientAuth, ClientCertificate, Clock, TicketSecret, TlsConfig,
    TlsError, TlsSettings,
};
pub use unchunker::{UnchunkError, Unchunker};
pub use violation::Violation;
