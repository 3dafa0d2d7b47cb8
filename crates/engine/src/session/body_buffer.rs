use std::io::{self, Seek};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::dispatch::body::Body;
use crate::session::budget::{MemoryBudget, Share};
use crate::session::spool::{Spool, SpoolBound};

/// A request body as it arrives: the first piece as it is, more pieces joined in memory, and all of
/// it in a temporary file once it outgrows the threshold, or all bodies together their budget.
#[derive(Debug, Default)]
pub(crate) struct BodyBuffer {
    kept: Kept,
    /// What it takes of the budget.
    share: Option<Share>,
}

#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    One(Bytes),
    Joined(BytesMut),
    Spooled(Spool),
}

impl BodyBuffer {
    /// Adds a piece.
    ///
    /// # Errors
    /// When the temporary file cannot be made or written.
    pub fn push(
        &mut self,
        bytes: Bytes,
        threshold_bytes: usize,
        budget: &Arc<MemoryBudget>,
        bound: &SpoolBound,
    ) -> io::Result<()> {
        if let Kept::Spooled(spool) = &mut self.kept {
            return spool.append(&bytes).map(drop);
        }
        let length = self.memory().len() + bytes.len();
        if length > threshold_bytes
            || !self.share.get_or_insert_with(|| budget.share()).grow(length)
        {
            let mut spool = Spool::create(bound)?;
            spool.append(self.memory())?;
            spool.append(&bytes)?;
            *self = Self { kept: Kept::Spooled(spool), share: None };
            return Ok(());
        }
        match &mut self.kept {
            Kept::Nothing => self.kept = Kept::One(bytes),
            Kept::One(first) => {
                let mut joined = BytesMut::with_capacity(length * 2);
                joined.extend_from_slice(first);
                joined.extend_from_slice(&bytes);
                self.kept = Kept::Joined(joined);
            }
            Kept::Joined(joined) => joined.extend_from_slice(&bytes),
            Kept::Spooled(_) => {}
        }
        Ok(())
    }

    /// The complete body.
    ///
    /// # Errors
    /// When the temporary file cannot be rewound.
    pub fn finish(self) -> io::Result<Body> {
        Ok(match self.kept {
            Kept::Nothing => Body::Empty,
            Kept::One(bytes) => Body::Memory(bytes),
            Kept::Joined(joined) => Body::Memory(joined.freeze()),
            Kept::Spooled(spool) => {
                let length = spool.len();
                let mut file = spool
                    .into_file()
                    .ok_or_else(|| io::Error::other("the spooled body is still shared"))?;
                file.rewind()?;
                Body::File { file, length }
            }
        })
    }

    fn memory(&self) -> &[u8] {
        match &self.kept {
            Kept::One(bytes) => bytes,
            Kept::Joined(joined) => joined,
            Kept::Nothing | Kept::Spooled(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn bound() -> SpoolBound {
        SpoolBound { bytes: None, stats: Arc::default() }
    }

    fn body(pieces: &[&'static [u8]], threshold_bytes: usize) -> Body {
        let mut buffer = BodyBuffer::default();
        for piece in pieces {
            let piece = Bytes::from_static(piece);
            buffer.push(piece, threshold_bytes, &Arc::default(), &bound()).unwrap();
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
    fn i5_bodies_that_are_many_go_to_files_until_others_are_complete() {
        let budget = Arc::<MemoryBudget>::default();
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let receive = || {
            let mut buffer = BodyBuffer::default();
            buffer.push(piece.clone(), 2 << 20, &budget, &bound()).unwrap();
            buffer
        };
        let received: Vec<_> = (0..100).map(|_| receive()).collect();
        let is_spooled = |buffer: &BodyBuffer| matches!(buffer.kept, Kept::Spooled(_));
        let spooled = received.iter().filter(|buffer| is_spooled(buffer)).count();
        assert_eq!(spooled, 100 - 32);
        let mut small = BodyBuffer::default();
        small.push(Bytes::from_static(b"small"), 2 << 20, &budget, &bound()).unwrap();
        assert!(!is_spooled(&small), "as small ones are no more than the rest of a request");
        received.into_iter().for_each(|buffer| drop(buffer.finish().unwrap()));
        assert!(!is_spooled(&receive()));
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
