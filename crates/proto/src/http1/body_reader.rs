//! Receiving a request body.

use std::sync::Arc;

use bytes::Bytes;

use super::chunked_decoder::Chunked;
use crate::event::StreamId;
use crate::limits::Limits;
use crate::message::fields::Fields;
use crate::message::request::{BodyLength, Request};
use crate::violation::Violation;

/// A body on its way in.
#[derive(Debug)]
pub(super) struct Receiving {
    pub id: StreamId,
    /// Kept for the log, should the body fail.
    request: Arc<Request>,
    decoder: Decoder,
    /// The reader wants no more for now.
    pub paused: bool,
    /// The client waits for `100 Continue`, and nothing of the body has come.
    pub awaited: bool,
    /// The response is complete: what still comes is counted here and thrown away.
    pub discarded: Option<u64>,
}

#[derive(Debug)]
enum Decoder {
    /// Bytes still to come.
    Length(u64),
    /// Boxed, as most connections never need it.
    Chunked(Box<Chunked>),
}

/// What came out of one piece of input.
#[derive(Debug)]
pub(super) struct Received {
    /// Bytes of input taken.
    pub used: usize,
    /// Bytes of payload among them.
    pub payload_length: u64,
    /// The payload; empty while it is discarded.
    pub payload: Bytes,
}

impl Receiving {
    /// The body that `request` announces; `None` when there are no bytes to wait for.
    pub fn begin(id: StreamId, request: &Arc<Request>) -> Option<Self> {
        let decoder = match request.body {
            BodyLength::None | BodyLength::Known(0) => return None,
            BodyLength::Known(length) => Decoder::Length(length),
            BodyLength::Chunked => Decoder::Chunked(Box::default()),
        };
        let awaited = request.expects_continue;
        Some(Self {
            id,
            request: request.clone(),
            decoder,
            paused: false,
            awaited,
            discarded: None,
        })
    }

    /// The head that the body belongs to.
    pub fn head(&self) -> &[u8] {
        &self.request.head
    }

    /// Takes the part of `input` that belongs to the body.
    pub fn receive(&mut self, input: &[u8], limits: &Limits) -> Result<Received, Violation> {
        self.awaited &= input.is_empty();
        let received = match (&mut self.decoder, self.discarded) {
            (Decoder::Length(left), discarded) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= used as u64;
                let kept = if discarded.is_none() { &input[..used] } else { &[] };
                Received {
                    used,
                    payload_length: used as u64,
                    payload: Bytes::copy_from_slice(kept),
                }
            }
            (Decoder::Chunked(chunked), Some(_)) => {
                let mut payload_length = 0;
                let used = chunked.decode(input, limits, |bytes| payload_length += bytes.len())?;
                Received { used, payload_length: payload_length as u64, payload: Bytes::new() }
            }
            (Decoder::Chunked(chunked), None) => {
                let mut payload = Vec::new();
                let used =
                    chunked.decode(input, limits, |bytes| payload.extend_from_slice(bytes))?;
                Received { used, payload_length: payload.len() as u64, payload: payload.into() }
            }
        };
        if let Some(discarded) = &mut self.discarded {
            *discarded += received.used as u64;
        }
        Ok(received)
    }

    /// Whether the body must not be read now.
    pub fn is_paused(&self) -> bool {
        self.paused && self.discarded.is_none()
    }

    /// Nobody wants the rest.
    pub fn discard(&mut self) {
        self.discarded = Some(0);
    }

    pub fn is_done(&self) -> bool {
        match &self.decoder {
            Decoder::Length(left) => *left == 0,
            Decoder::Chunked(chunked) => chunked.is_done(),
        }
    }

    /// The trailers of a body that is done.
    pub fn take_trailers(&mut self) -> Option<Box<Fields>> {
        let Decoder::Chunked(chunked) = &mut self.decoder else { return None };
        let trailers = chunked.take_fields();
        if trailers.is_empty() { None } else { Some(Box::new(trailers)) }
    }

    /// Whether a response that does not wait for the body must end the connection: a client that
    /// holds the body back may or may not send it, and a long rest is not worth receiving.
    pub fn ends_connection(&self, limits: &Limits) -> bool {
        self.awaited || matches!(self.decoder, Decoder::Length(left) if left > limits.linger_bytes)
    }
}
