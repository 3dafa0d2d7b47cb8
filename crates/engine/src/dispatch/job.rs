use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use hyperion_buf::DiskFile;
use hyperion_proto::{ClientCertificate, Fields, Request};

use crate::dispatch::flow::Engagement;
use crate::dispatch::reply::ReplyHandle;
use crate::routes::Target;
use crate::tls::Tls;

/// A request on its way to an executor, with everything needed to answer it.
#[derive(Debug)]
pub struct Job {
    /// Head of the request.
    pub request: Arc<Request>,
    /// Who is to answer it.
    pub target: Target,
    /// Body of the request.
    pub body: Body,
    /// The connection it came on.
    pub connection: Arc<ConnectionInfo>,
    /// The one-way handle back; dropped unanswered it answers 500.
    pub reply: ReplyHandle,
    /// When the request arrived.
    pub received_at: Instant,
    /// Whoever works on it keeps this until the work is done, even for a client that has left.
    pub engagement: Engagement,
}

/// A request that was answered without an executor, for whoever wants to hear of each.
#[derive(Debug)]
pub struct Observed {
    /// Head of the request.
    pub request: Arc<Request>,
    /// The connection it came on.
    pub connection: Arc<ConnectionInfo>,
    /// The status of the response.
    pub status: u16,
    /// The fields of the response, but for those added on its way.
    pub fields: Box<Fields>,
    /// Who answered.
    pub target: Target,
}

/// The body of a request.
#[derive(Debug)]
pub enum Body {
    /// No body, or one of no bytes.
    Empty,
    /// The complete body.
    Memory(Bytes),
    /// The complete body in an unlinked temporary file, its cursor at the start.
    File {
        /// The file.
        file: DiskFile,
        /// Bytes in it.
        length: u64,
    },
    /// The client waits for `100 Continue`; see [`ReplyHandle::request_body`].
    OnDemand,
    /// It is read while it arrives; see [`ReplyHandle::take_input`].
    Live {
        /// Bytes that a reader may ask for at once, since there is no end to wait for.
        at_once: u64,
        /// The client waits for `100 Continue`; see [`ReplyHandle::request_body`].
        on_demand: bool,
    },
}

impl Body {
    /// Its bytes, where all of it is here.
    pub fn complete_length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Memory(bytes) => Some(bytes.len() as u64),
            Self::File { length, .. } => Some(*length),
            Self::OnDemand | Self::Live { .. } => None,
        }
    }
}

/// What a request's environment tells about its connection; made once per connection.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// The peer's address without the port; `127.0.0.1` for a unix socket, whose peers are local.
    pub remote_addr: String,
    /// The peer's port; 0 for a unix socket.
    pub remote_port: u16,
    /// The listener the connection came in on.
    pub listener: Arc<Listener>,
    /// What the client has shown in the TLS handshake; set before its first request.
    pub certificate: OnceLock<ClientCertificate>,
}

impl ConnectionInfo {
    /// The TLS that is spoken on it.
    pub fn tls(&self) -> Option<&Tls> {
        match &*self.listener {
            Listener::Tls(_, tls) => Some(tls),
            Listener::Tcp(_) | Listener::Unix | Listener::Admin => None,
        }
    }
}

/// Where a listening socket is bound.
#[derive(Clone, Debug)]
pub enum Listener {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A TCP address where TLS is spoken.
    Tls(SocketAddr, Arc<Tls>),
    /// A unix socket.
    Unix,
    /// Any socket where only [`Admin`](crate::Admin) answers.
    Admin,
}
