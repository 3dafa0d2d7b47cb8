//! What arrives, on its way to the h2 crate: judged where that crate lets pass what it must not, or ends
//! the connection without saying for which reason, or where the fault is one stream's alone.
//!
//! A header block waits here until all of it has come, which that crate would wait for as well.

use std::collections::VecDeque;

use bytes::BytesMut;
use h2::Reason;

use super::frames::{FRAME_BYTES, Frames, Head, Kind, Part};
use super::header_block;

/// `host` without a value, by its number (RFC 7541, appendix A). As the first field of trailers it makes
/// each pseudo field behind it one that comes too late, which the h2 crate refuses; elsewhere it drops
/// them in silence. Among trailers the field itself means nothing, and goes no further.
const LATE_PSEUDO_MARKER: u8 = 0x80 | 38;

/// What makes any header block malformed for the h2 crate: a field, and behind it a pseudo field.
const MALFORMED_BLOCK: [u8; 2] = [LATE_PSEUDO_MARKER, 0x80 | 2];

/// SETTINGS_INITIAL_WINDOW_SIZE, and its largest value (RFC 9113, section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
const WINDOW_MAX: u32 = (1 << 31) - 1;

/// Streams that are looked after. One that many others were opened behind has only what the h2 crate does.
const OPEN_MAX: usize = 256;

/// The frames of a client.
#[derive(Debug)]
pub(super) struct FrameFilter {
    frames: Frames,
    judge: FrameValidator,
}

#[derive(Debug, Default)]
struct FrameValidator {
    /// What the present payload belongs to; none before the first frame.
    head: Option<Head>,
    /// Bytes of that payload that are still to come.
    left: usize,
    /// The last stream that was opened, and whether the client has reset it.
    latest: u32,
    latest_reset: bool,
    /// The last streams that were opened and that the client has not ended.
    open: VecDeque<u32>,
    /// A setting, as far as it has come.
    setting: [u8; 6],
    setting_bytes: usize,
    /// The head of the HEADERS whose block is waited for; none where payloads go on as they come.
    waits: Option<Head>,
    /// All that has come of it, behind what HEADERS has in front of its block, and is not yet a whole.
    block: Vec<u8>,
    /// The block of an open stream is one of trailers.
    is_trailers: bool,
    /// A block of more bytes is not waited for, and the last stream whose head was such.
    block_bytes: usize,
    overlong: Option<u32>,
    has_stand_ins: bool,
}

impl FrameFilter {
    /// Header blocks of at most `block_bytes` are looked into.
    pub fn new(block_bytes: usize) -> Self {
        let judge = FrameValidator { block_bytes, ..FrameValidator::default() };
        Self { frames: Frames::default(), judge }
    }

    /// Hands over `bytes` to `output`, each head of a frame only once it is complete, and shows it.
    ///
    /// # Errors
    /// Why the connection has to end.
    pub fn read(
        &mut self,
        bytes: &[u8],
        output: &mut BytesMut,
        mut show: impl FnMut(Head),
    ) -> Result<(), Reason> {
        let judge = &mut self.judge;
        self.frames.advance(bytes, |part| match part {
            Part::Head(head) => {
                show(head);
                judge.handle_head(head, output)
            }
            Part::Payload(bytes) => judge.handle_payload(bytes, output),
        })
    }

    /// Whether a frame or a header block is incomplete.
    pub fn is_partial(&self) -> bool {
        self.frames.is_partial()
    }

    /// Whether names were malformed, for which others stand: [`header_block::has_stand_in`].
    pub fn has_stand_ins(&self) -> bool {
        self.judge.has_stand_ins
    }

    /// Whether the head of a stream was too long to be looked into.
    pub fn is_overlong(&self, stream: u32) -> bool {
        self.judge.overlong == Some(stream)
    }

    /// The stream whose DATA frame is incomplete.
    pub fn open_data(&self) -> Option<u32> {
        self.frames.open_data()
    }
}

impl FrameValidator {
    fn handle_head(&mut self, head: Head, output: &mut BytesMut) -> Result<(), Reason> {
        let former = self.head.replace(head);
        self.left = head.length();
        self.setting_bytes = 0;
        if !head.has_possible_length() {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        if former.is_none() && (!head.is(Kind::SETTINGS) || head.is_ack()) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if former.is_some_and(Head::expects_continuation) {
            if !head.is(Kind::CONTINUATION) || former.map(Head::stream) != Some(head.stream()) {
                return Err(Reason::PROTOCOL_ERROR);
            }
        } else {
            self.track_streams(head)?;
            self.waits = head.is(Kind::HEADERS).then_some(head);
        }
        if self.waits.is_none() {
            output.extend_from_slice(&head.bytes());
        } else if self.left == 0 {
            self.end_fragment(&[], output)?;
        }
        Ok(())
    }

    /// Keeps track of streams, and finds those fields that are trailers. What the last stream does not
    /// decide is left to the h2 crate.
    fn track_streams(&mut self, head: Head) -> Result<(), Reason> {
        let stream = head.stream();
        let is_latest = stream == self.latest && stream > 0;
        self.is_trailers = false;
        if head.is(Kind::HEADERS) {
            if stream > self.latest {
                self.begin_stream(stream);
            } else if self.open.contains(&stream) {
                self.is_trailers = true;
            } else if is_latest {
                return Err(Reason::STREAM_CLOSED);
            }
        } else if head.is(Kind::DATA) && is_latest {
            if !self.latest_reset && !self.open.contains(&stream) {
                return Err(Reason::STREAM_CLOSED);
            }
        } else if head.is_reset() {
            self.latest_reset |= is_latest;
        }
        if head.ends_stream() || head.is_reset() {
            self.open.retain(|open| *open != stream);
        }
        Ok(())
    }

    fn begin_stream(&mut self, stream: u32) {
        (self.latest, self.latest_reset) = (stream, false);
        self.open.truncate(OPEN_MAX - 1);
        self.open.push_front(stream);
    }

    fn handle_payload(&mut self, bytes: &[u8], output: &mut BytesMut) -> Result<(), Reason> {
        self.left -= bytes.len();
        if self.head.is_some_and(|head| head.is(Kind::SETTINGS)) {
            bytes.iter().try_for_each(|byte| self.handle_setting(*byte))?;
        }
        if self.waits.is_none() {
            output.extend_from_slice(bytes);
            return Ok(());
        }
        if self.left > 0 {
            self.block.extend_from_slice(bytes);
            return Ok(());
        }
        self.end_fragment(bytes, output)
    }

    /// All of a frame with a part of a header block has come, `last` of it just now.
    fn end_fragment(&mut self, last: &[u8], output: &mut BytesMut) -> Result<(), Reason> {
        let (Some(opening), Some(head)) = (self.waits, self.head) else { return Ok(()) };
        if self.block.is_empty() && !head.expects_continuation() {
            // As nearly all do, it has come in a piece.
            let payload = if head.is(Kind::HEADERS) { head.without_padding(last)? } else { last };
            self.pass(opening, payload, true, output);
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.block);
        block.extend_from_slice(last);
        if head.is(Kind::HEADERS) {
            block = head.without_padding(&block)?.to_vec();
        }
        if !head.expects_continuation() {
            self.pass(opening, &block, true, output);
        } else if block.len() > self.block_bytes {
            if !self.is_trailers {
                self.overlong = Some(opening.stream());
            }
            self.pass(opening, &block, false, output);
            self.waits = None;
        } else {
            self.block = block;
        }
        Ok(())
    }

    /// Hands over a block, behind its priority if it has one; `is_whole` says that it is complete.
    fn pass(&mut self, opening: Head, payload: &[u8], is_whole: bool, output: &mut BytesMut) {
        let (priority, block) = payload.split_at(opening.priority_bytes());
        let mark = self.is_trailers.then_some(LATE_PSEUDO_MARKER);
        let start = output.len();
        let head_bytes = opening.bytes().len();
        output.reserve(head_bytes + payload.len() + 1 + MALFORMED_BLOCK.len());
        output.extend_from_slice(&opening.bytes());
        output.extend_from_slice(priority);
        if header_block::rewrite(block, mark, output) {
            // Refused where it is read, it has no part in what the frames behind it mean.
            output.extend_from_slice(if is_whole { &MALFORMED_BLOCK } else { &[] });
            self.has_stand_ins = true;
        }
        let length = output.len() - start - head_bytes;
        if length <= FRAME_BYTES {
            let head = opening.of_block(length, is_whole).bytes();
            output[start..start + head_bytes].copy_from_slice(&head);
            return;
        }
        let payload = output.split_off(start).split_off(head_bytes);
        let mut parts = payload.chunks(FRAME_BYTES).peekable();
        let mut head = opening;
        while let Some(part) = parts.next() {
            head = head.of_block(part.len(), is_whole && parts.peek().is_none());
            output.extend_from_slice(&head.bytes());
            output.extend_from_slice(part);
            head = head.continuation();
        }
    }

    fn handle_setting(&mut self, byte: u8) -> Result<(), Reason> {
        self.setting[self.setting_bytes] = byte;
        self.setting_bytes = (self.setting_bytes + 1) % self.setting.len();
        let [a, b, c, d, e, f] = self.setting;
        let value = u32::from_be_bytes([c, d, e, f]);
        let is_complete = self.setting_bytes == 0;
        match u16::from_be_bytes([a, b]) {
            INITIAL_WINDOW_SIZE if is_complete && value > WINDOW_MAX => {
                Err(Reason::FLOW_CONTROL_ERROR)
            }
            _ => Ok(()),
        }
    }
}
