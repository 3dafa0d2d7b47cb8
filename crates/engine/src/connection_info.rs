use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use hyperion_proto::ClientCertificate;

use crate::tls::Tls;

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
