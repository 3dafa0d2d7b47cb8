//! A client of HTTP/2 with prior knowledge, as frames: it opens streams, gives room when it likes, and gathers what
//! came back of each.

use std::collections::{BTreeMap, VecDeque};

use hyperion_sim::{PeerId, World};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` in HPACK's static table (RFC 7541, appendix A), where the server's encoder has it.
const STATUS_200: u8 = 0x88;

/// Bytes of a request body in one frame; the servers' windows take all that clients here send.
const PIECE: usize = 50;

/// What came back on one stream.
#[derive(Debug, Default)]
pub struct Answer {
    /// Whether there was a head.
    pub is_begun: bool,
    /// Whether its status is 200.
    pub is_ok: bool,
    /// The body so far.
    pub body: Vec<u8>,
    /// It came to its proper end.
    pub is_complete: bool,
    /// The server has reset the stream.
    pub is_reset: bool,
}

/// One connection.
pub struct Client {
    pub peer: PeerId,
    pub answers: BTreeMap<u32, Answer>,
    /// Whether the server has said that it ends.
    pub is_ended: bool,
    /// Of what was received, so much was looked at.
    seen: usize,
    /// Room to give back, by stream; 0 is the connection.
    owed: BTreeMap<u32, u32>,
    /// Frames that wait, the first of which may have left in part.
    unsent: VecDeque<Vec<u8>>,
    is_first_begun: bool,
}

impl Client {
    /// Connects; each stream begins with room for `window` bytes.
    pub fn connect(world: &mut World, window: u32) -> Self {
        let peer = world.connect();
        let setting = [&4u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
        let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &setting)];
        world.send(peer, &hello.concat());
        Self {
            peer,
            answers: BTreeMap::new(),
            is_ended: false,
            seen: 0,
            owed: BTreeMap::new(),
            unsent: VecDeque::new(),
            is_first_begun: false,
        }
    }

    /// Has a request sent, after those before.
    pub fn request(&mut self, stream: u32, method: &str, path: &str, body: &[u8]) {
        // Now and then a head that is large enough to be counted.
        let long = "l".repeat(if stream % 8 == 3 { 6000 } else { 6 });
        let fields = [
            (":method", method),
            (":scheme", "http"),
            (":path", path),
            (":authority", "a"),
            ("x-long", &*long),
        ];
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                push_length(&mut block, text.len());
                block.extend(text.as_bytes());
            }
        }
        let ends = if body.is_empty() { END_STREAM } else { 0 };
        self.unsent.push_back(frame(HEADERS, END_HEADERS | ends, stream, &block));
        let count = body.len().div_ceil(PIECE);
        for (index, piece) in body.chunks(PIECE).enumerate() {
            let ends = if index + 1 == count { END_STREAM } else { 0 };
            self.unsent.push_back(frame(DATA, ends, stream, piece));
        }
    }

    /// Gives a stream up.
    pub fn cancel(&mut self, stream: u32) {
        self.unsent.push_back(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }

    /// Whether everything has left.
    pub fn is_quiet(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Sends up to `count` bytes of what waits.
    pub fn send(&mut self, world: &mut World, mut count: usize) {
        while count > 0
            && let Some(first) = self.unsent.front_mut()
        {
            let bytes: Vec<u8> = first.drain(..count.min(first.len())).collect();
            count -= bytes.len();
            world.send(self.peer, &bytes);
            self.is_first_begun = !first.is_empty();
            if first.is_empty() {
                self.unsent.pop_front();
            }
        }
    }

    /// Has a frame sent before those that wait.
    fn hurry(&mut self, frame: Vec<u8>) {
        self.unsent.insert(usize::from(self.is_first_begun), frame);
    }

    /// Looks at what has come, acknowledges what asks for it and remembers what room it owes.
    pub fn receive(&mut self, world: &World) {
        let received = world.received(self.peer);
        while let Some((kind, flags, stream, payload)) = next_frame(&received[self.seen..]) {
            self.seen += 9 + payload.len();
            self.take(kind, flags, stream, payload);
        }
    }

    /// Gives back the room it owes. False when it owed none.
    pub fn give_room(&mut self) -> bool {
        let owed = std::mem::take(&mut self.owed);
        for (stream, bytes) in &owed {
            self.hurry(frame(WINDOW_UPDATE, 0, *stream, &bytes.to_be_bytes()));
        }
        !owed.is_empty()
    }

    fn take(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let echo = if kind == PING { payload } else { &[] };
                self.hurry(frame(kind, ACK, 0, echo));
            }
            GOAWAY => self.is_ended = true,
            HEADERS | DATA | RST_STREAM => {
                let answer = self.answers.entry(stream).or_default();
                assert!(!answer.is_complete, "stream {stream} goes on behind its end");
                answer.is_begun |= kind == HEADERS;
                answer.is_ok |= kind == HEADERS && payload.first() == Some(&STATUS_200);
                answer.is_reset |= kind == RST_STREAM;
                if kind == DATA {
                    assert!(answer.is_begun, "a body without a head");
                    answer.body.extend(payload);
                    for owed in [0, stream] {
                        *self.owed.entry(owed).or_default() += payload.len() as u32;
                    }
                }
                answer.is_complete = kind != RST_STREAM && flags & END_STREAM != 0;
            }
            _ => {}
        }
        self.owed.retain(|_, bytes| *bytes > 0);
    }
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(length as u8) };
    block.push(127);
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Kind, flags, stream and payload, once all of it is there.
fn next_frame(bytes: &[u8]) -> Option<(u8, u8, u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<9>()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], stream, rest.get(..length)?))
}
