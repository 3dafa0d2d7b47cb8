//! Full hijack (`rack.hijack`): the socket leaves the engine and becomes a Ruby socket. Of a TLS connection the
//! application gets one end of a pair, behind whose other end the engine goes on with TLS.

use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::{BridgedHandle, ConnectionInfo, Hijacked, Listener, bridge};
use magnus::prelude::*;
use magnus::{Error, RClass, RHash, Ruby, Value};

use crate::reply::SharedReply;
use crate::reply::wait_for;
use crate::vm::error::client_disconnected;
use crate::vm::names::{FOR_FD, UNGETBYTE};

const HIJACK_IO: &str = "rack.hijack_io";

/// The client's socket as a Ruby socket, with the bytes received behind the request still to be read.
/// A second call gives the same object.
///
/// # Errors
/// `Hyperion::ClientDisconnected` when the client has left, an IOError when a response was begun.
pub fn hijack(
    ruby: &Ruby,
    env: RHash,
    client: Option<Arc<SharedReply>>,
    connection: &ConnectionInfo,
) -> Result<Value, Error> {
    if let Some(io) = env.get(HIJACK_IO).filter(|io| !io.is_nil()) {
        return Ok(io);
    }
    let client =
        client.filter(|client| client.is_in_own_process()).ok_or_else(|| too_late(ruby))?;
    client.hijack().map_err(|_| too_late(ruby))?;
    wait_for(ruby, &client, |client, interrupt, time| client.wait_hijacked(interrupt, time))?;
    let hijacked = client.take_hijacked().ok_or_else(|| client_disconnected(ruby))?;
    let io = match hijacked {
        Hijacked::Socket { socket, unread } => {
            ruby_socket(ruby, socket, &unread, &connection.listener)
        }
        Hijacked::Tunnel => {
            let handle: BridgedHandle = client;
            let socket = bridge(&handle)
                .map_err(|cause| Error::new(ruby.exception_io_error(), cause.to_string()))?;
            ruby_socket(ruby, socket, &Bytes::new(), &Listener::Unix)
        }
    }?;
    env.aset(HIJACK_IO, io)?;
    Ok(io)
}

fn ruby_socket(
    ruby: &Ruby,
    socket: OwnedFd,
    unread: &Bytes,
    listener: &Listener,
) -> Result<Value, Error> {
    ruby.require("socket")?;
    let class = match listener {
        Listener::Tcp(_) | Listener::Tls(..) => "TCPSocket",
        Listener::Admin | Listener::Unix => "UNIXSocket",
    };
    let class: RClass = ruby.class_object().const_get(class)?;
    // From here on the descriptor is Ruby's, which closes it with the object.
    let io: Value = class.funcall(*FOR_FD, (socket.into_raw_fd(),))?;
    if !unread.is_empty() {
        let unread = ruby.str_from_slice(unread);
        io.funcall::<_, _, Value>(*UNGETBYTE, (unread,))?;
    }
    Ok(io)
}

fn too_late(ruby: &Ruby) -> Error {
    Error::new(ruby.exception_io_error(), "the response has begun; the socket cannot be taken")
}
