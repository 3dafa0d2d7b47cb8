//! What goes with a socket that one worker hands to another.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_io::passing::MESSAGE_BYTES_MAX;

/// What goes with a socket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HandoffMessage {
    /// Number of the listener that the connection came in on; it is the same in all workers.
    pub listener: u32,
    /// How often the request was handed over, this time included; 0 for a connection without one.
    pub hops: u32,
    /// How long ago the request arrived.
    pub age: Duration,
    /// What was read from the socket and not answered, from the beginning of the request.
    pub bytes: Bytes,
}

/// A connection that has come from a sibling.
#[derive(Debug)]
pub(crate) struct ReceivedHandoff {
    pub socket: OwnedFd,
    pub handoff: HandoffMessage,
    /// To whom it was sent: the slot of this process, or one that it stands in for.
    pub slot: usize,
    pub arrived_at: Instant,
}

/// A request that was handed over so often stays where it is.
pub(crate) const HOPS_MAX: u32 = 3;

impl HandoffMessage {
    const HEAD_BYTES: usize = 16;

    /// Bytes read from a socket that a handoff can hold.
    pub const BYTES_MAX: usize = MESSAGE_BYTES_MAX - Self::HEAD_BYTES;

    /// With nothing but a connection in it.
    pub fn of_connection(listener: u32) -> Self {
        Self { listener, hops: 0, age: Duration::ZERO, bytes: Bytes::new() }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(Self::HEAD_BYTES + self.bytes.len());
        message.extend_from_slice(&self.listener.to_ne_bytes());
        message.extend_from_slice(&self.hops.to_ne_bytes());
        message.extend_from_slice(&(self.age.as_nanos() as u64).to_ne_bytes());
        message.extend_from_slice(&self.bytes);
        message
    }

    pub(super) fn of_bytes(message: &[u8]) -> Option<Self> {
        let (listener, rest) = message.split_first_chunk()?;
        let (hops, rest) = rest.split_first_chunk()?;
        let (age, bytes) = rest.split_first_chunk()?;
        Some(Self {
            listener: u32::from_ne_bytes(*listener),
            hops: u32::from_ne_bytes(*hops),
            age: Duration::from_nanos(u64::from_ne_bytes(*age)),
            bytes: Bytes::copy_from_slice(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let bytes = Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n");
        let handoff =
            HandoffMessage { listener: 7, hops: 2, age: Duration::from_micros(1500), bytes };
        assert_eq!(HandoffMessage::of_bytes(&handoff.to_bytes()), Some(handoff));
        let empty = HandoffMessage::of_connection(1);
        assert_eq!(HandoffMessage::of_bytes(&empty.to_bytes()), Some(empty));
        assert_eq!(HandoffMessage::of_bytes(&[0; 15]), None);
    }
}
