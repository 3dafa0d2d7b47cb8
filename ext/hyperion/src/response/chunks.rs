//! What the application writes, taken apart where it has chunked it itself: framing is the server's.

use std::cell::RefCell;

use bytes::Bytes;
use hyperion_engine::{Fields, UnchunkError, Unchunker};
use magnus::{Error, RString, Ruby};

use crate::reply::SharedReply;
use crate::vm::error;
use crate::vm::raw;

/// The pieces of one response body.
#[derive(Debug, Default)]
pub struct Chunks(RefCell<Option<Unchunker>>);

impl Chunks {
    /// From here on the application has chunked what it writes.
    pub fn begin(&self) {
        self.0.replace(Some(Unchunker::default()));
    }

    /// For another object that writes the body.
    pub fn take(&self) -> Self {
        Self(RefCell::new(self.0.take()))
    }

    /// The payload of a piece.
    ///
    /// # Errors
    /// A `Hyperion::Error` where it does not follow the coding.
    pub fn payload(&self, ruby: &Ruby, piece: RString) -> Result<Bytes, Error> {
        match &mut *self.0.borrow_mut() {
            Some(unchunker) => raw::with_bytes(piece, |piece| unchunker.decode(piece))
                .map_err(|fault| malformed(ruby, fault)),
            None => Ok(raw::with_bytes(piece, Bytes::copy_from_slice)),
        }
    }

    /// Ends the response, with trailers if there are any. One whose chunks are not complete is cut.
    ///
    /// # Errors
    /// A `Hyperion::Error` in that case.
    pub fn finish(
        &self,
        ruby: &Ruby,
        client: &SharedReply,
        trailers: Option<Fields>,
    ) -> Result<(), Error> {
        self.end(client, trailers).map_err(|fault| malformed(ruby, fault))
    }

    /// [`finish`](Self::finish) for the collector, which calls no Ruby.
    ///
    /// # Errors
    /// As those of [`finish`](Self::finish).
    pub fn end(&self, client: &SharedReply, trailers: Option<Fields>) -> Result<(), UnchunkError> {
        match self.0.take().map_or(Ok(None), |mut unchunker| unchunker.finish()) {
            Ok(own) => client.finish(trailers.or(own)),
            Err(fault) => {
                client.abort();
                return Err(fault);
            }
        }
        Ok(())
    }
}

/// The payload of all of a body.
///
/// # Errors
/// A `Hyperion::Error` where it does not follow the coding.
pub fn payload_of(ruby: &Ruby, body: &[u8]) -> Result<Bytes, Error> {
    let mut unchunker = Unchunker::default();
    let payload = unchunker.decode(body);
    payload
        .and_then(|payload| unchunker.finish().map(|_| payload))
        .map_err(|fault| malformed(ruby, fault))
}

fn malformed(ruby: &Ruby, fault: UnchunkError) -> Error {
    let message = format!("the body that the application has chunked is malformed: {fault}");
    error::error(ruby, message)
}
