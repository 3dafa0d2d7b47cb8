//! Where a chunked body ends.

use super::Fault;

/// How far a chunked body has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chunks {
    /// In the digits of a size, of which there were some already or not.
    Size {
        bytes: u64,
        is_empty: bool,
    },
    /// In what follows the size up to the end of the line.
    Extension {
        bytes: u64,
    },
    /// So many bytes of the chunk are still to come.
    Data {
        bytes: u64,
    },
    /// In the line end behind a chunk.
    DataEnd,
    /// In the trailers, in a line that has something in it or not.
    Trailer {
        is_empty: bool,
    },
    Complete,
}

impl Chunks {
    /// At the start of a body.
    pub fn new() -> Self {
        Self::Size { bytes: 0, is_empty: true }
    }

    /// Takes what has arrived. Returns what follows the body.
    pub fn handle_bytes<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Fault> {
        while let Some((first, rest)) = bytes.split_first() {
            match *self {
                Self::Complete => break,
                Self::Data { bytes: left } => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    *self = match left - taken as u64 {
                        0 => Self::DataEnd,
                        bytes => Self::Data { bytes },
                    };
                    bytes = &bytes[taken..];
                }
                state => {
                    *self = state.after(*first)?;
                    bytes = rest;
                }
            }
        }
        Ok(bytes)
    }

    /// Whether nothing more belongs to the body.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }

    /// The state behind a byte of what is not data. What ends a line is its LF.
    fn after(self, byte: u8) -> Result<Self, Fault> {
        Ok(match (self, byte) {
            (Self::Size { is_empty: false, bytes } | Self::Extension { bytes }, b'\n') => {
                match bytes {
                    0 => Self::Trailer { is_empty: true },
                    bytes => Self::Data { bytes },
                }
            }
            (Self::Size { is_empty: false, bytes }, b'\r' | b';' | b' ' | b'\t') => {
                Self::Extension { bytes }
            }
            (Self::Size { bytes, .. }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(Fault::Chunk)?;
                let bytes = bytes.checked_mul(16).ok_or(Fault::Chunk)? + u64::from(digit);
                Self::Size { bytes, is_empty: false }
            }
            (Self::DataEnd, b'\n') => Self::new(),
            (Self::DataEnd, b'\r') => self,
            (Self::DataEnd, _) => return Err(Fault::Chunk),
            (Self::Trailer { is_empty: true }, b'\n') => Self::Complete,
            (Self::Trailer { is_empty }, b'\r') => Self::Trailer { is_empty },
            (Self::Trailer { .. }, _) => Self::Trailer { is_empty: byte == b'\n' },
            (Self::Extension { .. } | Self::Data { .. } | Self::Complete, _) => self,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows the body, if it is complete.
    fn rest(text: &str) -> Result<Option<&str>, Fault> {
        let mut chunks = Chunks::new();
        let rest = chunks.handle_bytes(text.as_bytes())?;
        Ok(chunks.is_complete().then(|| str::from_utf8(rest).unwrap()))
    }

    #[test]
    fn a_body_ends_behind_its_trailers() {
        assert_eq!(rest("0\r\n\r\nHTTP"), Ok(Some("HTTP")));
        assert_eq!(rest("3\r\nabc\r\n0\r\n\r\n"), Ok(Some("")));
        assert_eq!(rest("A;b=c\r\n0123456789\r\n00 \r\nD: e\r\nF: \r\n\r\nrest"), Ok(Some("rest")));
        assert_eq!(rest("1\na\n0\n\n"), Ok(Some("")));
    }

    #[test]
    fn what_is_not_complete_is_waited_for() {
        for text in ["", "0", "0\r\n", "0\r\n\r", "3\r\nab", "3\r\nabc\r\n", "0\r\nA: b\r\n"] {
            assert_eq!(rest(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_chunked() {
        for text in ["\r\n", ";a\r\n", "g\r\n", "-1\r\n", "3\r\nabcd", "10000000000000000\r\n"] {
            assert_eq!(rest(text), Err(Fault::Chunk), "{text:?}");
        }
        assert_eq!(rest("ffffffffffffffff\r\na"), Ok(None));
    }
}
