//! What arrives, on its way to the h2 crate: judged where that crate lets pass what it must not, or ends
//! the connection without saying for which reason.

use std::collections::VecDeque;

use bytes::BytesMut;
use h2::Reason;

use super::frames::{FRAME_BYTES, Frames, Head, Kind, Part};

/// `host` without a value, by its number (RFC 7541, appendix A). As the first field of trailers it makes
/// each pseudo field behind it one that comes too late, which the h2 crate refuses; elsewhere it drops
/// them in silence. Among trailers the field itself means nothing, and goes no further.
const MARK: u8 = 0x80 | 38;

/// SETTINGS_INITIAL_WINDOW_SIZE, and its largest value (RFC 9113, section 6.5.2).
const INITIAL_WINDOW_SIZE: u16 = 4;
const WINDOW_MAX: u32 = (1 << 31) - 1;

/// Streams that are looked after. One that many others were opened behind has only what the h2 crate does.
const OPEN_MAX: usize = 256;

/// The frames of a client.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    frames: Frames,
    judge: Judge,
}

#[derive(Debug, Default)]
struct Judge {
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
    mark: Mark,
}

/// Where the mark goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Mark {
    /// Nowhere.
    #[default]
    None,
    /// Behind so many bytes, which are no part of the header block.
    Behind(usize),
    /// Here, but behind changes of the dynamic table's size, which stand in front (RFC 7541, section 4.2).
    Here,
    /// Behind the number that such a change consists of.
    BehindNumber,
}

impl Inbound {
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

    /// The stream whose DATA frame is incomplete.
    pub fn open_data(&self) -> Option<u32> {
        self.frames.open_data()
    }
}

impl Judge {
    fn handle_head(&mut self, head: Head, output: &mut BytesMut) -> Result<(), Reason> {
        let former = self.head.replace(head);
        self.left = head.length();
        self.setting_bytes = 0;
        self.mark = Mark::None;
        if !head.has_possible_length() {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        if former.is_none() && (!head.is(Kind::SETTINGS) || head.is_ack()) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if !former.is_some_and(Head::expects_continuation) {
            self.follow(head)?;
        }
        let is_marked = self.mark != Mark::None;
        output.extend_from_slice(&head.bytes(usize::from(is_marked)));
        if is_marked && self.left == 0 {
            output.extend_from_slice(&[MARK]);
        }
        Ok(())
    }

    /// Keeps track of streams, and finds those fields that are trailers. What the last stream does not
    /// decide is left to the h2 crate.
    fn follow(&mut self, head: Head) -> Result<(), Reason> {
        let stream = head.stream();
        let is_latest = stream == self.latest && stream > 0;
        if head.is(Kind::HEADERS) {
            if stream > self.latest {
                self.begin_stream(stream);
            } else if self.open.contains(&stream) {
                if head.length() < FRAME_BYTES {
                    self.mark = Mark::behind(head.bytes_before_block());
                }
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
        let mut rest = bytes;
        while self.mark != Mark::None
            && let Some((&byte, behind)) = rest.split_first()
        {
            let next = self.mark.next(byte);
            if next == Mark::None {
                output.extend_from_slice(&[MARK]);
            } else {
                output.extend_from_slice(&[byte]);
                rest = behind;
            }
            self.mark = next;
        }
        output.extend_from_slice(rest);
        if self.mark != Mark::None && self.left == 0 {
            output.extend_from_slice(&[MARK]);
        }
        Ok(())
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

impl Mark {
    fn behind(bytes: usize) -> Self {
        if bytes == 0 { Self::Here } else { Self::Behind(bytes) }
    }

    /// Where it goes once `byte` has been looked at; `None` says that it goes in front of that.
    fn next(self, byte: u8) -> Self {
        const SIZE_CHANGE: u8 = 0b001;
        const PREFIX: u8 = 0b1_1111;
        const MORE: u8 = 1 << 7;
        match self {
            Self::None => Self::None,
            Self::Behind(bytes) => Self::behind(bytes - 1),
            Self::Here if byte >> 5 != SIZE_CHANGE => Self::None,
            Self::Here if byte & PREFIX == PREFIX => Self::BehindNumber,
            Self::BehindNumber if byte & MORE != 0 => Self::BehindNumber,
            Self::Here | Self::BehindNumber => Self::Here,
        }
    }
}
