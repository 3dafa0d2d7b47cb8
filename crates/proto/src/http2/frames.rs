//! Frames as they pass by (RFC 9113, section 4.1), known by their heads alone.

use h2::Reason;

const FRAME_HEAD: usize = 9;

/// The longest payload, since no other is agreed upon (section 6.5.2).
pub(super) const FRAME_BYTES: usize = 16_384;

/// Bytes of a DATA frame that make it a part of an upload rather than a prod at its stream.
const UPLOAD_BYTES: usize = 1024;

/// Follows the frames in a direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; FRAME_HEAD],
    filled: usize,
    /// Bytes of the current frame's payload that are still to come.
    payload: usize,
    /// A header block has begun and not ended.
    in_block: bool,
}

/// What the head of a frame says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    kind: Kind,
    flags: u8,
    stream: u32,
    length: usize,
}

/// What a frame is (section 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kind(u8);

impl Kind {
    pub const DATA: Self = Self(0);
    pub const HEADERS: Self = Self(1);
    pub const PRIORITY: Self = Self(2);
    pub const RST_STREAM: Self = Self(3);
    pub const SETTINGS: Self = Self(4);
    pub const PING: Self = Self(6);
    pub const GOAWAY: Self = Self(7);
    pub const WINDOW_UPDATE: Self = Self(8);
    pub const CONTINUATION: Self = Self(9);
}

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITIZED: u8 = 0x20;

/// What comes next in a direction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Head(Head),
    /// All or some of the payload of the last head; never empty.
    Payload(&'a [u8]),
}

impl Frames {
    /// Goes on through `bytes`, and shows what they are, each head once it is complete.
    ///
    /// # Errors
    /// The first of `show`, at which this ends.
    pub fn advance<E>(
        &mut self,
        mut bytes: &[u8],
        mut show: impl FnMut(Part<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let payload;
            (payload, bytes) = bytes.split_at(self.payload.min(bytes.len()));
            if !payload.is_empty() {
                self.payload -= payload.len();
                show(Part::Payload(payload))?;
            }
            let head;
            (head, bytes) = bytes.split_at((FRAME_HEAD - self.filled).min(bytes.len()));
            self.head[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            if self.filled == FRAME_HEAD {
                show(Part::Head(self.begin()))?;
            }
        }
        Ok(())
    }

    /// Whether a frame or a header block is incomplete.
    pub fn is_partial(&self) -> bool {
        self.filled > 0 || self.payload > 0 || self.in_block
    }

    /// The stream whose DATA frame is incomplete.
    pub fn open_data(&self) -> Option<u32> {
        let head = Head::parse(self.head);
        (self.payload > 0 && head.kind == Kind::DATA).then_some(head.stream)
    }

    fn begin(&mut self) -> Head {
        self.filled = 0;
        let head = Head::parse(self.head);
        self.payload = head.length;
        if matches!(head.kind, Kind::HEADERS | Kind::CONTINUATION) {
            self.in_block = head.expects_continuation();
        }
        head
    }
}

impl Head {
    fn parse([a, b, c, kind, flags, s, t, u, v]: [u8; FRAME_HEAD]) -> Self {
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let stream = u32::from_be_bytes([s, t, u, v]) & !(1 << 31);
        Self { kind: Kind(kind), flags, stream, length }
    }

    /// As it is sent.
    pub fn bytes(self) -> [u8; FRAME_HEAD] {
        let Self { kind: Kind(kind), flags, stream, length } = self;
        let [.., a, b, c] = length.to_be_bytes();
        let [s, t, u, v] = stream.to_be_bytes();
        [a, b, c, kind, flags, s, t, u, v]
    }

    pub fn stream(self) -> u32 {
        self.stream
    }

    pub fn length(self) -> usize {
        self.length
    }

    pub fn is(self, kind: Kind) -> bool {
        self.kind == kind
    }

    pub fn is_ack(self) -> bool {
        self.flags & ACK != 0
    }

    pub fn ends_stream(self) -> bool {
        matches!(self.kind, Kind::DATA | Kind::HEADERS) && self.flags & END_STREAM != 0
    }

    /// Whether a header block goes on in the next frame.
    pub fn expects_continuation(self) -> bool {
        matches!(self.kind, Kind::HEADERS | Kind::CONTINUATION) && self.flags & END_HEADERS == 0
    }

    /// For a payload of so many bytes, without padding; `is_last` says that the header block ends.
    pub fn of_block(self, length: usize, is_last: bool) -> Self {
        let end = if is_last { END_HEADERS } else { 0 };
        Self { flags: self.flags & !(PADDED | END_HEADERS) | end, length, ..self }
    }

    /// Of the frame behind it, which goes on with the header block.
    pub fn continuation(self) -> Self {
        Self { kind: Kind::CONTINUATION, flags: 0, ..self }
    }

    /// What HEADERS has in front of its header block, but for the length of padding (section 6.2).
    pub fn priority_bytes(self) -> usize {
        if self.flags & PRIORITIZED != 0 { 5 } else { 0 }
    }

    /// The payload of HEADERS without padding, which is long enough for a priority if there is to be one.
    ///
    /// # Errors
    /// Where it is not so long as it says.
    pub fn without_padding(self, payload: &[u8]) -> Result<&[u8], Reason> {
        let mut rest = payload;
        if self.flags & PADDED != 0 {
            let (&padding, behind) = payload.split_first().ok_or(Reason::PROTOCOL_ERROR)?;
            let length = behind.len().checked_sub(padding.into());
            rest = &behind[..length.ok_or(Reason::PROTOCOL_ERROR)?];
        }
        if rest.len() < self.priority_bytes() {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(rest)
    }

    /// What it costs the peer.
    pub fn cost(self) -> i64 {
        match self.kind {
            Kind::HEADERS => 0,
            Kind::DATA if self.length > 0 || self.ends_stream() => 0,
            Kind::DATA | Kind::RST_STREAM | Kind::CONTINUATION => 10,
            Kind::SETTINGS | Kind::PING => 4,
            _ => 1,
        }
    }

    /// Whether it carries a part of a body that is worth its frame.
    pub fn is_upload(self) -> bool {
        self.kind == Kind::DATA && self.length >= UPLOAD_BYTES
    }

    pub fn is_reset(self) -> bool {
        self.kind == Kind::RST_STREAM
    }

    /// Whether a frame of its kind may be so long (section 4.2).
    pub fn has_possible_length(self) -> bool {
        let length = self.length;
        length <= FRAME_BYTES
            && match self.kind {
                Kind::PRIORITY => length == 5,
                Kind::RST_STREAM | Kind::WINDOW_UPDATE => length == 4,
                Kind::SETTINGS if self.is_ack() => length == 0,
                Kind::SETTINGS => length.is_multiple_of(6),
                Kind::PING => length == 8,
                Kind::GOAWAY => length >= 8,
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut bytes = vec![0, 0, 2, 6, 0, 0, 0, 0, 0, 1, 2];
        bytes.extend([0, 0, 1, 1, 0, 0, 0, 0, 1, 7]);
        bytes.extend([0, 0, 0, 9, END_HEADERS, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, 0, END_STREAM, 0, 0, 0, 1]);
        for size in 1..=bytes.len() {
            let (mut frames, mut cost, mut again) = (Frames::default(), 0, Vec::new());
            for piece in bytes.chunks(size) {
                let shown = frames.advance(piece, |part| {
                    match part {
                        Part::Head(head) => {
                            cost += head.cost();
                            again.extend(head.bytes());
                        }
                        Part::Payload(bytes) => again.extend(bytes),
                    }
                    Ok::<(), ()>(())
                });
                assert!(shown.is_ok());
            }
            assert_eq!((cost, frames.is_partial()), (14, false), "in pieces of {size}");
            assert_eq!(again, bytes, "in pieces of {size}");
        }
        let mut frames = Frames::default();
        assert!(frames.advance(&bytes[..21], |_| Ok::<(), ()>(())).is_ok());
        assert!(frames.is_partial(), "a header block is open");
        assert!(frames.advance(&bytes[21..], |_| Err(())).is_err());
    }
}
