use std::io::{self, Seek};

use bytes::{Bytes, BytesMut};

use crate::job::Body;
use crate::spool::Spool;

/// A request body as it arrives: the first piece as it is, more pieces joined in memory, and all of
/// it in a temporary file once it outgrows the threshold.
#[derive(Debug, Default)]
pub(crate) enum BodyBuffer {
    #[default]
    Empty,
    One(Bytes),
    Joined(BytesMut),
    Spooled(Spool),
}

impl BodyBuffer {
    /// Adds a piece.
    ///
    /// # Errors
    /// When the temporary file cannot be made or written.
    pub fn push(&mut self, bytes: Bytes, threshold_bytes: usize) -> io::Result<()> {
        if let BodyBuffer::Spooled(spool) = self {
            return spool.append(&bytes).map(drop);
        }
        if self.len() + bytes.len() > threshold_bytes {
            let mut spool = Spool::create()?;
            spool.append(self.memory())?;
            spool.append(&bytes)?;
            *self = BodyBuffer::Spooled(spool);
            return Ok(());
        }
        match self {
            BodyBuffer::Empty => *self = BodyBuffer::One(bytes),
            BodyBuffer::One(first) => {
                let mut joined = BytesMut::with_capacity((first.len() + bytes.len()) * 2);
                joined.extend_from_slice(first);
                joined.extend_from_slice(&bytes);
                *self = BodyBuffer::Joined(joined);
            }
            BodyBuffer::Joined(joined) => joined.extend_from_slice(&bytes),
            BodyBuffer::Spooled(_) => {}
        }
        Ok(())
    }

    /// The complete body.
    ///
    /// # Errors
    /// When the temporary file cannot be rewound.
    pub fn finish(self) -> io::Result<Body> {
        Ok(match self {
            BodyBuffer::Empty => Body::Empty,
            BodyBuffer::One(bytes) => Body::Memory(bytes),
            BodyBuffer::Joined(joined) => Body::Memory(joined.freeze()),
            BodyBuffer::Spooled(spool) => {
                let length = spool.len();
                let mut file = spool
                    .into_file()
                    .ok_or_else(|| io::Error::other("the spooled body is still shared"))?;
                file.rewind()?;
                Body::File { file, length }
            }
        })
    }

    fn len(&self) -> usize {
        self.memory().len()
    }

    fn memory(&self) -> &[u8] {
        match self {
            BodyBuffer::One(bytes) => bytes,
            BodyBuffer::Joined(joined) => joined,
            BodyBuffer::Empty | BodyBuffer::Spooled(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn body(pieces: &[&'static [u8]], threshold_bytes: usize) -> Body {
        let mut buffer = BodyBuffer::default();
        for piece in pieces {
            buffer.push(Bytes::from_static(piece), threshold_bytes).unwrap();
        }
        buffer.finish().unwrap()
    }

    #[test]
    fn small_bodies_stay_in_memory() {
        assert!(matches!(body(&[], 10), Body::Empty));
        assert!(matches!(body(&[b"one"], 10), Body::Memory(bytes) if bytes == "one"));
        assert!(matches!(body(&[b"a", b"b", b"c"], 10), Body::Memory(bytes) if bytes == "abc"));
    }

    #[test]
    fn large_bodies_go_to_a_file_and_are_read_from_its_start() {
        let Body::File { mut file, length } = body(&[b"abc", b"def", b"gh"], 5) else {
            panic!("the body was not spooled");
        };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), length), ("abcdefgh", 8));
    }
}
