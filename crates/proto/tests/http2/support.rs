use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_proto::{
    Closing, Config, Connection, Event, Fields, Request, Response, ResponseBody, StreamId,
};

use crate::driven::Driven;
pub use crate::driven::{fields, response, stream};
use crate::wire::*;

pub const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A client and the engine around one connection: it speaks frames, and answers when told to.
pub struct Peer {
    driven: Driven,
    /// All frames read so far.
    pub frames: Vec<Frame>,
    /// What the server sent that is no whole frame yet.
    pub unread: Vec<u8>,
    /// Hands over input byte by byte.
    pub drips: bool,
    /// What the server lets this client send.
    pub windows: Windows,
    block: Vec<u8>,
    decoder: loona_hpack::Decoder<'static>,
    answered: BTreeSet<u32>,
    probe: u32,
}

impl Deref for Peer {
    type Target = Driven;

    fn deref(&self) -> &Driven {
        &self.driven
    }
}

impl DerefMut for Peer {
    fn deref_mut(&mut self) -> &mut Driven {
        &mut self.driven
    }
}

/// Flow-control windows for request bodies.
pub struct Windows {
    pub connection: i64,
    pub initial: i64,
    pub spent: BTreeMap<u32, i64>,
}

/// A response as this client sees it.
#[derive(Debug, Default)]
pub struct Answer {
    pub interim: Vec<Vec<(String, String)>>,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    pub ended: bool,
}

impl Peer {
    /// Behind the exchange of prefaces.
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::greeting(config, &[])
    }

    /// Behind an exchange of prefaces in which the client said these settings.
    pub fn greeting(config: Config, said: &[(u16, u32)]) -> Self {
        let mut peer = Self::silent(config);
        peer.send(PREFACE).send(settings(said)).read();
        assert_eq!(peer.frames[0].kind, SETTINGS, "the server's preface: {:?}", peer.frames);
        peer.send(settings_ack());
        peer
    }

    /// Nothing is said yet.
    pub fn silent(config: Config) -> Self {
        let now = Instant::now();
        Self {
            driven: Driven::new(Connection::new(Arc::new(config), now), now),
            frames: Vec::new(),
            unread: Vec::new(),
            drips: false,
            windows: Windows { connection: 65_535, initial: 65_535, spent: BTreeMap::new() },
            block: Vec::new(),
            decoder: loona_hpack::Decoder::new(),
            answered: BTreeSet::new(),
            probe: 100_001,
        }
    }
}

/// What the client does.
impl Peer {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        match self.drips {
            true => self.receive_by_drips(bytes.as_ref()),
            false => self.receive(bytes.as_ref()),
        }
        self
    }

    pub fn end(&mut self) -> &mut Self {
        self.receive_eof();
        self
    }

    /// Lets the time pass and fires what is due on the way.
    pub fn pass(&mut self, time: Duration) -> &mut Self {
        self.advance(time);
        self
    }

    pub fn pass_s(&mut self, seconds: u64) -> &mut Self {
        self.pass(Duration::from_secs(seconds))
    }

    /// Sends as much of a body of `length` bytes as the server has room for, reading what it says
    /// in between, up to a reset; returns how many bytes went out. The last frame ends the stream.
    pub fn upload(&mut self, stream: u32, length: usize) -> usize {
        let mut left = length;
        while left > 0 {
            self.read();
            if self.reset_code(stream).is_some() || !self.is_open() {
                break;
            }
            let spent = self.windows.spent.entry(stream).or_default();
            let room = self.windows.connection.min(self.windows.initial - *spent).max(0) as usize;
            let part = room.min(left).min(16_384);
            if part == 0 {
                break;
            }
            *spent += part as i64;
            self.windows.connection -= part as i64;
            left -= part;
            let flags = if left == 0 { END_STREAM } else { 0 };
            self.send(data(stream, flags, vec![b'u'; part]));
        }
        self.read();
        length - left
    }

    /// Takes all output and makes frames of it.
    pub fn read(&mut self) -> &mut Self {
        self.sip(u64::MAX)
    }

    /// Takes at most `limit` bytes of output and makes frames of those that are whole.
    pub fn sip(&mut self, limit: u64) -> &mut Self {
        self.take(limit);
        while let Some((frame, length)) = Frame::parse(&self.unread) {
            self.unread.drain(..length);
            self.note(frame);
        }
        self
    }

    /// Takes at most `limit` bytes of output.
    pub fn take(&mut self, limit: u64) -> &mut Self {
        let taken = self.take_output(limit);
        self.unread.extend(taken);
        self
    }

    fn note(&mut self, mut frame: Frame) {
        match frame.kind {
            HEADERS | CONTINUATION => {
                self.block.extend(&frame.payload);
                if frame.has(END_HEADERS) {
                    let block = std::mem::take(&mut self.block);
                    for (name, value) in self.decoder.decode(&block).expect("a sound block") {
                        frame.fields.push((text(name), text(value)));
                    }
                }
            }
            SETTINGS if !frame.has(ACK) => {
                for (name, value) in frame.settings() {
                    if name == INITIAL_WINDOW_SIZE {
                        self.windows.initial = value.into();
                    }
                }
            }
            WINDOW_UPDATE if frame.stream == 0 => {
                self.windows.connection += i64::from(frame.number(0));
            }
            WINDOW_UPDATE => {
                *self.windows.spent.entry(frame.stream).or_default() -= i64::from(frame.number(0));
            }
            _ => {}
        }
        self.frames.push(frame);
    }
}

/// What the application does.
impl Peer {
    pub fn respond(&mut self, id: u32, response: Response) -> &mut Self {
        self.answered.insert(id);
        let now = self.now;
        self.connection.respond(now, StreamId(id), response, DATE);
        self.poll();
        self
    }

    /// Answers `ok` to every request that is complete and has no answer yet.
    pub fn respond_to_all(&mut self) -> &mut Self {
        let ended = self.events.iter().filter_map(|event| match event {
            Event::End { id, .. } if !self.answered.contains(&id.0) => Some(id.0),
            _ => None,
        });
        for id in ended.collect::<Vec<_>>() {
            self.respond(id, full("ok"));
        }
        self
    }

    pub fn body_part(&mut self, id: u32, bytes: impl Into<Bytes>) -> &mut Self {
        self.connection.send_body(StreamId(id), bytes.into());
        self.poll();
        self
    }

    pub fn finish(&mut self, id: u32, trailers: Option<&Fields>) -> &mut Self {
        let now = self.now;
        self.connection.finish(now, StreamId(id), trailers);
        self.poll();
        self
    }
}

/// What the application saw.
impl Peer {
    pub fn requests(&self) -> Vec<(u32, &Request)> {
        let request = |event| match event {
            &Event::Request { id, ref request } => Some((id.0, &**request)),
            _ => None,
        };
        self.events.iter().filter_map(request).collect()
    }

    pub fn request(&self, id: u32) -> &Request {
        let found = self.requests().into_iter().find(|(of, _)| *of == id);
        found.unwrap_or_else(|| panic!("no request {id}: {}", self.history())).1
    }

    /// The trailers of `id`, when its end was announced.
    pub fn trailers(&self, id: u32) -> Option<Option<&Fields>> {
        self.events.iter().find_map(|event| match event {
            Event::End { id: of, trailers } if of.0 == id => Some(trailers.as_deref()),
            _ => None,
        })
    }

    /// The ends of responses, as (id, complete).
    pub fn finished(&self) -> Vec<(u32, bool)> {
        let finished = |event: &Event| match event {
            Event::Finished { id, complete, .. } => Some((id.0, *complete)),
            _ => None,
        };
        self.events.iter().filter_map(finished).collect()
    }

    /// The statuses that the connection answered by itself.
    pub fn rejections(&self) -> Vec<u16> {
        let status = |event: &Event| match event {
            Event::Rejected { status, .. } => Some(*status),
            _ => None,
        };
        self.events.iter().filter_map(status).collect()
    }
}

/// What the client saw.
impl Peer {
    /// The answer on a stream so far.
    pub fn answer(&self, id: u32) -> Answer {
        let mut answer = Answer::default();
        for frame in self.frames.iter().filter(|frame| frame.stream == id) {
            match frame.kind {
                DATA => answer.body.extend(&frame.payload),
                HEADERS | CONTINUATION if frame.fields.is_empty() => {}
                HEADERS | CONTINUATION => {
                    let fields = frame.fields.clone();
                    if !answer.fields.is_empty() {
                        answer.trailers = fields;
                    } else if fields[0].1.starts_with('1') {
                        answer.interim.push(fields);
                    } else {
                        answer.fields = fields;
                    }
                }
                _ => {}
            }
            answer.ended |= frame.kind <= HEADERS && frame.has(END_STREAM);
        }
        answer
    }

    /// The code of the RST_STREAM on a stream.
    pub fn reset_code(&self, id: u32) -> Option<u32> {
        self.frames
            .iter()
            .find(|frame| frame.kind == RST_STREAM && frame.stream == id)
            .map(|frame| frame.number(0))
    }

    /// The GOAWAY frames, as (last stream, code).
    pub fn goaways(&self) -> Vec<(u32, u32)> {
        let goaway = |frame: &Frame| (frame.number(0), frame.number(4));
        self.frames.iter().filter(|frame| frame.kind == GOAWAY).map(goaway).collect()
    }

    /// The frames of one kind on one stream.
    pub fn frames_of(&self, kind: u8, stream: u32) -> Vec<&Frame> {
        let wanted = |frame: &&Frame| frame.kind == kind && frame.stream == stream;
        self.frames.iter().filter(wanted).collect()
    }

    /// The bytes of window given to this client for a stream, or for the connection.
    pub fn credit(&self, stream: u32) -> u64 {
        let updates = self.frames_of(WINDOW_UPDATE, stream);
        updates.iter().map(|frame| u64::from(frame.number(0))).sum()
    }

    /// A setting that the server announced.
    pub fn setting(&self, name: u16) -> Option<u32> {
        let of_server = self.frames_of(SETTINGS, 0);
        of_server
            .iter()
            .filter(|frame| !frame.has(ACK))
            .flat_map(|frame| frame.settings())
            .find_map(|(of, value)| (of == name).then_some(value))
    }

    pub fn is_open(&self) -> bool {
        self.connection.closing() == Closing::Open
    }

    /// Whether the connection still answers a ping and a new request.
    pub fn is_alive(&mut self) -> bool {
        let id = self.probe;
        self.probe += 2;
        self.drips = false;
        self.send(ping(*b"probing!")).send(get(id)).read();
        self.respond(id, full("alive")).read();
        let ponged =
            |frame: &Frame| frame.kind == PING && frame.has(ACK) && frame.payload == b"probing!";
        let answer = self.answer(id);
        self.frames.iter().any(ponged) && answer.ended && answer.body == b"alive"
    }

    pub fn assert_alive(&mut self) {
        assert!(self.is_alive(), "no life: {}", self.history());
    }

    /// What happened, for messages of failed tests.
    pub fn history(&self) -> String {
        let skip = self.frames.len().saturating_sub(12);
        let events = &self.events[self.events.len().saturating_sub(12)..];
        let closing = self.connection.closing();
        let mut text = format!("{closing:?}; received {:?}; events ", &self.frames[skip..]);
        for event in events {
            text.extend(format!("{event:?}, ").chars().take(300));
        }
        text
    }
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    pub fn status(&self) -> Option<u16> {
        self.field(":status").map(|status| status.parse().unwrap())
    }
}

/// A 200 with this text.
pub fn full(body: &'static str) -> Response {
    response(200, &[], ResponseBody::Full(Bytes::from_static(body.as_bytes())))
}

/// A 200 with so many bytes.
pub fn large(length: usize) -> Response {
    response(200, &[], ResponseBody::Full(Bytes::from(vec![b'x'; length])))
}

fn text(bytes: Vec<u8>) -> String {
    bytes.escape_ascii().to_string()
}
