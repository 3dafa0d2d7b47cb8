//! Where an answer ends, as a state machine over bytes that come in pieces of any size.
//!
//! ```text
//!           ┌ 1xx ┐        content-length
//!           ▼     │     ┌────────────────────▶ Counted ──┐
//!   begin ─▶ Head ──────┼─ chunked ──────────▶ Chunked ──┼─▶ Finished
//!                       ├─ neither ──────────▶ Unbounded ┘ handle_end
//!                       └─ HEAD or no bytes ─────────────▶
//! ```
//!
//! Call `begin` for each request, then `handle_bytes` with what comes until it says that the answer
//! is finished, or `handle_end` when the connection ends before that. An answer must be 200.

mod chunks;
mod head;

use self::chunks::Chunks;
use self::head::{Framing, Head};

/// The longest head that is waited for.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The answer that is being read on one connection.
#[derive(Debug)]
pub struct Answer {
    state: State,
    /// The head as far as it came, unless it came at once.
    head: Vec<u8>,
    to_head: bool,
    reusable: bool,
}

#[derive(Debug)]
enum State {
    Head,
    /// So many bytes of the body are still to come.
    Counted(u64),
    Chunked(Chunks),
    /// The body ends with the connection.
    Unbounded,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    Unfinished,
    /// It is complete; the connection may take another request or not.
    Finished {
        reusable: bool,
    },
}

/// Why an answer is no good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The body is not chunked as it should be.
    Chunk,
    /// The connection has ended within the answer.
    Ended,
    /// Bytes follow that nobody asked for.
    Excess,
    /// Nobody can tell how long the body is.
    Framing,
    /// The head is none of HTTP/1.
    Head,
    /// The head does not end.
    Long,
    Status(u16),
}

impl Answer {
    /// Of a connection that was not asked anything yet.
    pub fn new() -> Self {
        Self { state: State::Head, head: Vec::new(), to_head: false, reusable: false }
    }

    /// Expects the answer to the next request; one to HEAD has no body.
    pub fn begin(&mut self, to_head: bool) {
        self.state = State::Head;
        self.head.clear();
        self.to_head = to_head;
    }

    /// Takes what has arrived.
    pub fn handle_bytes(&mut self, mut bytes: &[u8]) -> Result<Progress, Fault> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Head => match self.handle_head(bytes)? {
                    Some(rest) => bytes = rest,
                    None => break,
                },
                State::Counted(left) => {
                    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    bytes = &bytes[taken..];
                }
                State::Chunked(chunks) => bytes = chunks.handle_bytes(bytes)?,
                State::Unbounded => break,
            }
            if self.is_complete() {
                return if bytes.is_empty() { Ok(self.finished()) } else { Err(Fault::Excess) };
            }
        }
        Ok(Progress::Unfinished)
    }

    /// Takes the end of the connection.
    pub fn handle_end(&mut self) -> Result<Progress, Fault> {
        match self.state {
            State::Unbounded => Ok(self.finished()),
            _ => Err(Fault::Ended),
        }
    }

    /// Returns what follows the head, once that is complete.
    fn handle_head<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
        let before = self.head.len();
        // Nearly always the head comes at once, and nothing is copied.
        let parsed = if before == 0 {
            Head::parse(bytes)?
        } else {
            self.head.extend_from_slice(bytes);
            Head::parse(&self.head)?
        };
        let Some(head) = parsed else {
            if before == 0 {
                self.head.extend_from_slice(bytes);
            }
            return if self.head.len() > HEAD_BYTES_MAX { Err(Fault::Long) } else { Ok(None) };
        };
        self.head.clear();
        if !head.is_interim {
            self.reusable = head.reusable;
            self.state = self.body(head.framing);
        }
        Ok(Some(&bytes[head.length - before..]))
    }

    fn body(&self, framing: Framing) -> State {
        match framing {
            _ if self.to_head => State::Counted(0),
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => State::Chunked(Chunks::new()),
            Framing::Connection => State::Unbounded,
        }
    }

    fn is_complete(&self) -> bool {
        match &self.state {
            State::Counted(left) => *left == 0,
            State::Chunked(chunks) => chunks.is_complete(),
            State::Head | State::Unbounded => false,
        }
    }

    fn finished(&self) -> Progress {
        let bounded = !matches!(self.state, State::Unbounded);
        Progress::Finished { reusable: self.reusable && bounded }
    }
}

#[cfg(test)]
mod tests;
