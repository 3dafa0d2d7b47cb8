//! Bodies of responses that an application has chunked itself (RFC 9112, section 7.1). Each protocol frames
//! bodies in its own way, so they are taken apart first.

use bytes::{Bytes, BytesMut};

use crate::http1::Chunked;
use crate::limits::Limits;
use crate::message::fields::Fields;
use crate::violation::Violation;

/// Takes one such body apart.
#[derive(Debug)]
pub struct Unchunker {
    chunked: Chunked,
    limits: Limits,
}

/// Why a body is not what it was said to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnchunkError {
    /// It does not follow the coding.
    #[error("{0}")]
    Malformed(#[from] Violation),
    /// There is something behind the last chunk.
    #[error("bytes behind the last chunk")]
    Surplus,
    /// The last chunk has not come.
    #[error("no last chunk")]
    Unfinished,
}

impl Default for Unchunker {
    fn default() -> Self {
        let limits = Limits { body_bytes: u64::MAX, ..Limits::default() };
        Self { chunked: Chunked::default(), limits }
    }
}

impl Unchunker {
    /// The payload in the next bytes.
    ///
    /// # Errors
    /// When they are not what the coding allows here.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Bytes, UnchunkError> {
        let mut payload = BytesMut::new();
        let extend = |part: &[u8]| payload.extend_from_slice(part);
        let used = self.chunked.decode(bytes, &self.limits, extend)?;
        match used == bytes.len() {
            true => Ok(payload.freeze()),
            false => Err(UnchunkError::Surplus),
        }
    }

    /// The trailers, behind all bytes.
    ///
    /// # Errors
    /// When the last chunk has not come.
    pub fn finish(&mut self) -> Result<Option<Fields>, UnchunkError> {
        if !self.chunked.is_done() {
            return Err(UnchunkError::Unfinished);
        }
        let trailers = self.chunked.take_fields();
        Ok((!trailers.is_empty()).then_some(trailers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let body = b"5;a=b\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nx-sum: 6\r\n\r\n";
        for length in 1..body.len() {
            let mut unchunker = Unchunker::default();
            let pieces = body.chunks(length).map(|piece| unchunker.decode(piece).unwrap());
            assert_eq!(pieces.collect::<Vec<_>>().concat(), b"hello world");
            let trailers = unchunker.finish().unwrap().unwrap();
            assert_eq!(trailers.find("x-sum"), Some(&b"6"[..]));
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for body in
            [&b"hello"[..], b"5\r\nhello world", b"0\r\n\r\nmore", b"-1\r\n", b"5\r\nhello0\r\n"]
        {
            assert!(Unchunker::default().decode(body).is_err(), "{}", body.escape_ascii());
        }
        for body in [&b""[..], b"5\r\nhel", b"5\r\nhello\r\n", b"0\r\n"] {
            let mut unchunker = Unchunker::default();
            unchunker.decode(body).unwrap();
            assert!(unchunker.finish().is_err(), "{}", body.escape_ascii());
        }
    }
}
