//! A request body that is read while it arrives.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyperion_engine::Wait;
use magnus::{Error, Ruby};

use crate::reply::SharedReply;
use crate::reply::wait_for;
use crate::vm::error::error;

/// What has arrived and was not read.
#[derive(Debug)]
pub struct Arrived {
    bytes: BytesMut,
    /// How many of them have no line's end, so that a long line is looked at once.
    without_line_end: usize,
    has_ended: bool,
    /// Bytes that may be kept for one reader.
    most: u64,
    /// Bytes that were read.
    position: u64,
    /// It was told to go back to its start, which is gone.
    is_rewound: bool,
}

/// How much a reader wants.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// So many bytes.
    Bytes(usize),
    /// Any byte, and no more than so many.
    Some(usize),
    /// A line.
    Line,
    /// All to the end.
    All,
}

impl Arrived {
    /// Nothing yet, and never more than `most` bytes at once.
    pub fn new(most: u64) -> Self {
        Self {
            bytes: BytesMut::new(),
            without_line_end: 0,
            has_ended: false,
            most,
            position: 0,
            is_rewound: false,
        }
    }

    /// Goes back to the start, as Rack 2 does behind a form that it has read. What was read is not kept:
    /// whoever reads on is told.
    pub fn rewind(&mut self) {
        self.is_rewound = self.position > 0;
    }

    /// Whether what comes next is what a reader means.
    ///
    /// # Errors
    /// `Hyperion::Error` when that is what was read before.
    pub fn check_start(&self, ruby: &Ruby) -> Result<(), Error> {
        if self.is_rewound {
            return Err(error(
                ruby,
                "a request body that is read while it arrives is read only once",
            ));
        }
        Ok(())
    }

    /// Whether more may be waited for.
    ///
    /// # Errors
    /// `Hyperion::Error` when a reader has asked for more than may be kept.
    pub fn check_size(&self, ruby: &Ruby) -> Result<(), Error> {
        if self.bytes.len() as u64 <= self.most {
            return Ok(());
        }
        Err(error(
            ruby,
            format!(
                "more than {} bytes of a request body that still arrives were to be read at once: read it in \
                 parts",
                self.most
            ),
        ))
    }

    /// Takes what is wanted, or what is left at the end; `None` while more is needed.
    fn take(&mut self, want: Want) -> Option<Bytes> {
        let length = self.bytes.len();
        let enough = match want {
            Want::Bytes(count) => (length >= count).then_some(count),
            Want::Some(most) => (length > 0 || most == 0).then_some(length.min(most)),
            Want::Line => self.line(),
            Want::All => None,
        };
        let count = enough.or(self.has_ended.then_some(length))?;
        self.position += count as u64;
        self.without_line_end = self.without_line_end.saturating_sub(count);
        Some(self.bytes.split_to(count).freeze())
    }

    /// The length of the first line, with its end.
    fn line(&mut self) -> Option<usize> {
        let new = &self.bytes[self.without_line_end..];
        let end = new.iter().position(|byte| *byte == b'\n');
        let length = end.map(|end| self.without_line_end + end + 1);
        self.without_line_end = length.unwrap_or(self.bytes.len());
        length
    }

    /// Takes what is wanted, and gets more from the engine only where it is not here: what nobody asks
    /// for stays where it holds back the client.
    pub fn obtain(&mut self, want: Want, client: &SharedReply) -> Option<Bytes> {
        self.take(want).or_else(|| {
            if client.is_in_own_process() {
                self.fill(client);
            }
            self.take(want)
        })
    }

    /// Whether nothing is here, and something may still come.
    pub fn is_awaited(&mut self, client: &SharedReply) -> bool {
        if self.bytes.is_empty() && client.is_in_own_process() {
            self.fill(client);
        }
        self.bytes.is_empty()
            && !self.has_ended
            && client.is_in_own_process()
            && !client.is_abandoned()
    }

    /// Adds what the engine has received; `client` says whether it was all.
    fn fill(&mut self, client: &SharedReply) {
        // The end is looked at first, since what comes before it is there by then.
        let has_ended = client.input_ended();
        while let Some(bytes) = client.take_input() {
            self.bytes.extend_from_slice(&bytes);
        }
        self.has_ended |= has_ended;
    }
}

/// Waits for more without the interpreter's lock. False when no more will come although the body has not
/// ended.
///
/// # Errors
/// What an interrupt raises.
pub fn wait(ruby: &Ruby, client: &Arc<SharedReply>) -> Result<bool, Error> {
    if !client.is_in_own_process() {
        return Ok(false);
    }
    let waited =
        wait_for(ruby, client, |client, interrupt, time| client.wait_part(interrupt, time))?;
    Ok(waited != Wait::Abandoned && !client.is_taken_over())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(bytes: &str, has_ended: bool) -> Arrived {
        Arrived { bytes: bytes.into(), has_ended, ..Arrived::new(100) }
    }

    #[test]
    fn readers_get_what_they_want_or_wait() {
        let mut open = arrived("ab\ncd", false);
        assert_eq!(open.take(Want::Bytes(9)), None);
        assert_eq!(open.take(Want::All), None);
        assert_eq!(open.take(Want::Line).unwrap(), "ab\n");
        assert_eq!(open.take(Want::Line), None);
        assert_eq!(open.take(Want::Some(1)).unwrap(), "c");
        assert_eq!(open.take(Want::Bytes(1)).unwrap(), "d");
        assert_eq!(open.take(Want::Some(1)), None);
        assert_eq!(open.take(Want::Bytes(0)).unwrap(), "");
    }

    #[test]
    fn a_line_may_come_in_pieces_and_be_read_by_bytes_in_between() {
        let mut open = arrived("abc", false);
        assert_eq!(open.take(Want::Line), None);
        assert_eq!(open.take(Want::Bytes(1)).unwrap(), "a");
        open.bytes.extend_from_slice(b"d\ne\n\n");
        assert_eq!(open.take(Want::Line).unwrap(), "bcd\n");
        assert_eq!(open.take(Want::Line).unwrap(), "e\n");
        assert_eq!(open.take(Want::Line).unwrap(), "\n");
        assert_eq!(open.take(Want::Line), None);
    }

    #[test]
    fn at_the_end_they_get_what_is_left() {
        for want in [Want::Bytes(9), Want::Some(9), Want::Line, Want::All] {
            let mut ended = arrived("ab", true);
            assert_eq!(ended.take(want).unwrap(), "ab");
            assert_eq!(ended.take(want).unwrap(), "");
        }
    }
}
