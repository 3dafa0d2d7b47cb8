//! A socket for an application that takes over a TLS connection; see [`crate::bridge`](mod@crate::bridge).

use std::io;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_io::Waker;

use crate::bridge::Client;
use crate::dispatch::reply::ReplyHandle;

/// The way back to a client whose connection was taken over.
pub type BridgedHandle = Arc<dyn Deref<Target = ReplyHandle> + Send + Sync>;

/// Makes the socket for an exchange that has become a [`Hijacked::Tunnel`](crate::Hijacked::Tunnel).
///
/// # Errors
/// When there are no descriptors or threads left; the connection is cut then.
pub fn bridge(handle: &BridgedHandle) -> io::Result<OwnedFd> {
    let made = handle.bridges().add(Box::new(Taken(handle.clone())));
    if made.is_err() {
        handle.abort();
    }
    made
}

struct Taken(BridgedHandle);

impl Client for Taken {
    fn has_room(&self) -> bool {
        self.0.has_credit()
    }

    fn write(&self, bytes: Bytes) -> bool {
        self.0.write(bytes).is_ok()
    }

    fn finish(&self) {
        self.0.finish(None);
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn take_input(&self) -> Option<Bytes> {
        self.0.take_input()
    }

    fn input_ended(&self) -> bool {
        self.0.input_ended()
    }

    fn is_gone(&self) -> bool {
        self.0.is_abandoned()
    }

    fn notify(&self, waker: Waker) {
        self.0.notify(waker);
    }
}
