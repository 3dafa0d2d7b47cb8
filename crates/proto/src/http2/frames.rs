//! Frames as they pass by (RFC 9113, section 4.1), known by their heads alone.

const FRAME_HEAD: usize = 9;

/// The longest payload, since no other is agreed upon (section 6.5.2).
const FRAME_BYTES: usize = 16_384;

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
    kind: u8,
    flags: u8,
    stream: u32,
    length: usize,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

impl Frames {
    /// Goes on through `bytes`, and shows each head that is complete. Where one is not accepted, this
    /// ends, and returns the bytes without the last one of that head, with which it is not complete.
    pub fn advance<'a>(
        &mut self,
        bytes: &'a [u8],
        mut accepts: impl FnMut(Head) -> bool,
    ) -> &'a [u8] {
        let mut at = 0;
        while at < bytes.len() {
            let skipped = self.payload.min(bytes.len() - at);
            self.payload -= skipped;
            at += skipped;
            let taken = (FRAME_HEAD - self.filled).min(bytes.len() - at);
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[at..at + taken]);
            self.filled += taken;
            at += taken;
            if self.filled == FRAME_HEAD && !accepts(self.begin()) {
                return &bytes[..at - 1];
            }
        }
        bytes
    }

    /// Whether a frame or a header block is incomplete.
    pub fn is_partial(&self) -> bool {
        self.filled > 0 || self.payload > 0 || self.in_block
    }

    /// The stream whose DATA frame is incomplete.
    pub fn open_data(&self) -> Option<u32> {
        let head = Head::parse(self.head);
        (self.payload > 0 && head.kind == DATA).then_some(head.stream)
    }

    fn begin(&mut self) -> Head {
        self.filled = 0;
        let head = Head::parse(self.head);
        self.payload = head.length;
        if matches!(head.kind, HEADERS | CONTINUATION) {
            self.in_block = head.flags & END_HEADERS == 0;
        }
        head
    }
}

impl Head {
    fn parse([a, b, c, kind, flags, s, t, u, v]: [u8; FRAME_HEAD]) -> Self {
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Self { kind, flags, stream: u32::from_be_bytes([s, t, u, v]) & !(1 << 31), length }
    }

    /// What it costs the peer.
    pub fn cost(self) -> i64 {
        match self.kind {
            HEADERS => 0,
            DATA if self.length > 0 || self.flags & END_STREAM != 0 => 0,
            DATA | RST_STREAM | CONTINUATION => 10,
            SETTINGS | PING => 4,
            _ => 1,
        }
    }

    pub fn stream(self) -> u32 {
        self.stream
    }

    /// Whether it carries a part of a body that is worth its frame.
    pub fn is_upload(self) -> bool {
        self.kind == DATA && self.length >= UPLOAD_BYTES
    }

    pub fn is_reset(self) -> bool {
        self.kind == RST_STREAM
    }

    /// Whether a frame of its kind may be so long (section 4.2).
    pub fn has_possible_length(self) -> bool {
        let Self { kind, flags, length, .. } = self;
        length <= FRAME_BYTES
            && match kind {
                PRIORITY => length == 5,
                RST_STREAM | WINDOW_UPDATE => length == 4,
                SETTINGS if flags & ACK != 0 => length == 0,
                SETTINGS => length.is_multiple_of(6),
                PING => length == 8,
                GOAWAY => length >= 8,
                _ => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let mut bytes = vec![0, 0, 2, PING, 0, 0, 0, 0, 0, 1, 2];
        bytes.extend([0, 0, 1, HEADERS, 0, 0, 0, 0, 1, 7]);
        bytes.extend([0, 0, 0, CONTINUATION, END_HEADERS, 0, 0, 0, 1]);
        bytes.extend([0, 0, 0, DATA, END_STREAM, 0, 0, 0, 1]);
        for size in 1..=bytes.len() {
            let (mut frames, mut cost) = (Frames::default(), 0);
            for piece in bytes.chunks(size) {
                frames.advance(piece, |head| {
                    cost += head.cost();
                    true
                });
            }
            assert_eq!((cost, frames.is_partial()), (14, false), "in pieces of {size}");
        }
        let mut frames = Frames::default();
        frames.advance(&bytes[..21], |_| true);
        assert!(frames.is_partial(), "a header block is open");
    }
}
