//! One request and its response, from the parsed head to the last byte written.
//!
//! ```text
//! Waiting ──respond──▶ Streaming ──finish──▶ Done
//!    └──────── respond with all bytes ────────▲
//! ```

use std::io;

use bytes::Bytes;
use hyperion_buf::{Segment, SendQueue};

use super::encoder::{self, Persistence};
use crate::event::StreamId;
use crate::message::fields::Fields;
use crate::message::framing::{Asked, Framing, Piece};
use crate::message::request::Version;

#[derive(Debug)]
pub(super) struct Exchange {
    pub id: StreamId,
    pub asked: Asked,
    /// The application knows of it and hears of its end.
    pub announced: bool,
    /// The connection ends behind this response.
    pub close: bool,
    pub answer: Answer,
    /// Output that waits for the responses in front of this one.
    pub held: SendQueue,
    /// Bytes behind the head, chunk framing included.
    pub body_bytes: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Waiting,
    Streaming(Framing),
    Done { complete: bool },
}

impl Exchange {
    pub fn new(id: StreamId, asked: Asked, announced: bool) -> Self {
        Self {
            id,
            asked,
            announced,
            close: false,
            answer: Answer::Waiting,
            held: SendQueue::new(),
            body_bytes: 0,
        }
    }

    pub fn is_done(&self) -> bool {
        matches!(self.answer, Answer::Done { .. })
    }

    pub fn is_complete(&self) -> bool {
        self.answer == Answer::Done { complete: true }
    }

    /// Whether nothing behind it is answered.
    pub fn is_last(&self) -> bool {
        self.close || self.is_tunnel()
    }

    pub fn is_tunnel(&self) -> bool {
        self.answer == Answer::Streaming(Framing::Raw)
    }

    /// What the head of the response says about the connection.
    pub fn persistence(&self) -> Persistence {
        match self.asked.version {
            _ if self.close => Persistence::Close,
            Version::Http10 => Persistence::KeepAlive,
            Version::Http11 | Version::Http2 => Persistence::Implied,
        }
    }

    /// Frames a piece of the body and puts it into `out`, or into `held` when there is none. What
    /// exceeds the announced length is cut, and the connection ends, as the response is wrong.
    pub fn write(&mut self, out: Option<&mut SendQueue>, mut piece: Piece) {
        let Answer::Streaming(framing) = &mut self.answer else { return };
        let out = out.unwrap_or(&mut self.held);
        let before = out.len();
        match framing {
            Framing::Nothing => {}
            Framing::Length(left) => {
                if piece.len() > *left {
                    self.close = true;
                    piece.truncate(*left);
                }
                *left -= piece.len();
                piece.push_to(out);
            }
            Framing::Chunked if piece.len() == 0 => {}
            Framing::Chunked => {
                encoder::write_chunk_size(out, piece.len());
                piece.push_to(out);
                out.extend(b"\r\n");
            }
            Framing::UntilClose | Framing::Raw => piece.push_to(out),
        }
        self.body_bytes += out.len() - before;
    }

    /// Ends the body.
    pub fn finish(&mut self, out: Option<&mut SendQueue>, trailers: Option<&Fields>) {
        let Answer::Streaming(framing) = self.answer else { return };
        let out = out.unwrap_or(&mut self.held);
        let before = out.len();
        let mut complete = true;
        match framing {
            Framing::Nothing | Framing::Length(0) => {}
            Framing::Length(_) => complete = false,
            Framing::Chunked => {
                let trailers = trailers.filter(|_| self.asked.takes_trailers);
                encoder::write_last_chunk(out, trailers);
            }
            Framing::UntilClose | Framing::Raw => self.close = true,
        }
        self.body_bytes += out.len() - before;
        self.close |= !complete;
        self.answer = Answer::Done { complete };
    }

    /// Ends the response without a clean end.
    pub fn cut(&mut self) {
        self.close = true;
        self.answer = Answer::Done { complete: false };
    }
}

impl From<Segment> for Piece {
    fn from(segment: Segment) -> Self {
        match segment {
            Segment::Owned(bytes) => Self::Bytes(bytes.into()),
            Segment::Shared(bytes) => Self::Bytes(bytes),
            Segment::File(range) => Self::File(range),
        }
    }
}

impl Piece {
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.length,
        }
    }

    /// Takes up to `count` bytes off its front; a file is read.
    ///
    /// # Errors
    /// Those of reading.
    pub fn take(&mut self, count: usize) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.split_to(count.min(bytes.len()))),
            Self::File(range) => range.take(count),
        }
    }

    fn truncate(&mut self, length: u64) {
        match self {
            Self::Bytes(bytes) => bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX)),
            Self::File(range) => range.length = range.length.min(length),
        }
    }

    fn push_to(self, out: &mut SendQueue) {
        match self {
            Self::Bytes(bytes) if bytes.len() <= encoder::COPY_MAX => out.extend(&bytes),
            Self::Bytes(bytes) => out.push_bytes(bytes),
            Self::File(range) => out.push_file(range),
        }
    }
}
