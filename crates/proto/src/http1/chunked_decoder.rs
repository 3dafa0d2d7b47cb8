//! The chunked transfer coding (RFC 9112, section 7.1), as strict as its grammar.
//!
//! ```text
//!          ┌──────────────────────────── CRLF ◀── DataEnd ◀── Data
//!          ▼                                                   ▲
//! Size ── hex ──┬── CR ──▶ SizeLf ── LF, size > 0 ─────────────┘
//!               │             └───── LF, size = 0 ──▶ Trailers ── empty line ──▶ Done
//!               └── ";" ──▶ Extension ── CR ──▶ SizeLf
//! ```
//! White space around a size or an extension is refused: no client needs it and proxies disagree
//! about it.

use super::field_line::FieldLine;
use crate::limits::Limits;
use crate::message::fields::{Fields, is_forbidden_trailer};
use crate::message::syntax;
use crate::violation::Violation;

/// Decodes one chunked body.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// The size being read, then the bytes of the chunk still to come.
    size: u64,
    digits: u8,
    extension_bytes: usize,
    /// Payload of all chunks announced so far.
    announced: u64,
    trailer: Vec<u8>,
    /// Start of the trailer line being read.
    line_start: usize,
    trailers: Fields,
    trailer_count: usize,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    Done,
}

/// The position inside chunk extensions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Extension {
    NameStart,
    Name,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    QuotedEnd,
}

impl Chunked {
    /// Takes bytes from the front of `input` until it is used up or the body ends, and gives the
    /// payload in them to `payload`; returns how many were taken.
    pub fn decode(
        &mut self,
        input: &[u8],
        limits: &Limits,
        mut payload: impl FnMut(&[u8]),
    ) -> Result<usize, Violation> {
        let mut used = 0;
        while used < input.len() && self.state != State::Done {
            used += match self.state {
                State::Data => self.take_data(&input[used..], &mut payload),
                State::Trailers => self.take_trailers(&input[used..], limits)?,
                _ => {
                    self.step(input[used], limits)?;
                    1
                }
            };
        }
        Ok(used)
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailers, once the body is done; forbidden names are left out.
    pub fn take_fields(&mut self) -> Fields {
        std::mem::take(&mut self.trailers)
    }

    fn take_data(&mut self, input: &[u8], payload: &mut impl FnMut(&[u8])) -> usize {
        let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(input.len());
        payload(&input[..length]);
        self.size -= length as u64;
        if self.size == 0 {
            self.state = State::DataCr;
        }
        length
    }

    fn step(&mut self, byte: u8, limits: &Limits) -> Result<(), Violation> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';') if self.digits > 0 => {
                self.count_extension(limits)?;
                State::Extension(Extension::NameStart)
            }
            (State::Size, _) => {
                self.push_digit(byte)?;
                State::Size
            }
            (State::Extension(extension), _) => {
                self.count_extension(limits)?;
                extension.next(byte)?
            }
            (State::SizeLf, b'\n') => self.begin_chunk(limits)?,
            (State::SizeLf, _) => return Err(Violation::BadChunkSize),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            _ => return Err(Violation::BadChunkEnd),
        };
        Ok(())
    }

    fn push_digit(&mut self, byte: u8) -> Result<(), Violation> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return Err(Violation::BadChunkSize),
        };
        self.digits += 1;
        if self.digits > 16 {
            return Err(Violation::BadChunkSize);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(())
    }

    fn count_extension(&mut self, limits: &Limits) -> Result<(), Violation> {
        self.extension_bytes += 1;
        if self.extension_bytes > limits.chunk_extension_bytes {
            return Err(Violation::ChunkExtensionsTooLong);
        }
        Ok(())
    }

    fn begin_chunk(&mut self, limits: &Limits) -> Result<State, Violation> {
        self.digits = 0;
        if self.size == 0 {
            return Ok(State::Trailers);
        }
        self.announced = self.announced.saturating_add(self.size);
        if self.announced > limits.body_bytes {
            return Err(Violation::BodyTooLarge);
        }
        Ok(State::Data)
    }

    /// Takes whole lines; what is incomplete waits in `trailer`, which so never grows above its
    /// limit.
    fn take_trailers(&mut self, input: &[u8], limits: &Limits) -> Result<usize, Violation> {
        let end = memchr::memchr(b'\n', input).map(|at| at + 1);
        let taken = &input[..end.unwrap_or(input.len())];
        if self.trailer.len() + taken.len() > limits.trailer_bytes {
            return Err(Violation::TrailersTooLarge);
        }
        self.trailer.extend_from_slice(taken);
        let line = &self.trailer[self.line_start..];
        match (end, line) {
            (Some(_), b"\r\n") => {
                self.trailer = Vec::new();
                self.state = State::Done;
            }
            (Some(_), [content @ .., b'\r', b'\n']) => {
                self.trailer_count += 1;
                if self.trailer_count > limits.trailer_fields {
                    return Err(Violation::TrailersTooLarge);
                }
                keep_trailer(&mut self.trailers, content)?;
                self.line_start = self.trailer.len();
            }
            (Some(_), _) => return Err(Violation::BadTrailer),
            (None, _) => {}
        }
        Ok(taken.len())
    }
}

fn keep_trailer(trailers: &mut Fields, content: &[u8]) -> Result<(), Violation> {
    let line = FieldLine::parse(content).map_err(|_| Violation::BadTrailer)?;
    let name = &content[..line.name_length];
    if line.has_underscore || is_forbidden_trailer(name) {
        return Ok(());
    }
    trailers
        .push(name, &content[line.value_start..line.value_end])
        .map_err(|_| Violation::BadTrailer)
}

impl Extension {
    fn next(self, byte: u8) -> Result<State, Violation> {
        let is_token = syntax::is_token_byte(byte);
        let next = match (self, byte) {
            (Self::Name | Self::Value | Self::QuotedEnd, b'\r') => return Ok(State::SizeLf),
            (Self::Name | Self::Value | Self::QuotedEnd, b';') => Self::NameStart,
            (Self::Name, b'=') => Self::ValueStart,
            (Self::NameStart | Self::Name, _) if is_token => Self::Name,
            (Self::ValueStart, b'"') => Self::Quoted,
            (Self::ValueStart | Self::Value, _) if is_token => Self::Value,
            (Self::Quoted, b'"') => Self::QuotedEnd,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, b'\t' | b' '..=b'~' | 0x80..) => Self::Quoted,
            _ => return Err(Violation::BadChunkExtension),
        };
        Ok(State::Extension(next))
    }
}
