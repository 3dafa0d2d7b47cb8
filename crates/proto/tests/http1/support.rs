use std::io::IoSlice;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_buf::SendQueue;
use hyperion_proto::{
    Closing, Config, Connection, Event, Fields, Prepared, Request, Response, ResponseBody,
    StreamId, Violation,
};

pub const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A client and the engine around one connection: it speaks bytes, and answers when told to.
pub struct Peer {
    pub connection: Connection,
    pub now: Instant,
    /// Bytes that the socket holds for the client.
    pub backlog: u64,
    pub queue: SendQueue,
    pub received: Vec<u8>,
    pub events: Vec<Event>,
}

impl Peer {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let now = Instant::now();
        Self::of(Connection::new(Arc::new(config), now), now)
    }

    pub fn parallel(in_flight: usize) -> Self {
        let mut config = Config::default();
        config.limits.in_flight = NonZeroUsize::new(in_flight).unwrap();
        Self::with(config)
    }

    pub fn of(connection: Connection, now: Instant) -> Self {
        let mut peer = Self {
            connection,
            now,
            backlog: 0,
            queue: SendQueue::new(),
            received: Vec::new(),
            events: Vec::new(),
        };
        peer.poll();
        peer
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.connection.handle_input(self.now, bytes.as_ref());
        self.poll();
        self
    }

    pub fn drip(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for byte in bytes.as_ref() {
            self.send([*byte]);
        }
        self
    }

    pub fn end(&mut self) -> &mut Self {
        self.connection.handle_eof(self.now);
        self.poll();
        self
    }

    /// Lets the time pass and fires what is due on the way.
    pub fn pass(&mut self, time: Duration) -> &mut Self {
        let until = self.now + time;
        while let Some(at) = self.connection.poll_deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.connection.handle_timeout(self.now, self.backlog);
            self.poll();
        }
        self.now = until;
        self
    }

    pub fn pass_s(&mut self, seconds: u64) -> &mut Self {
        self.pass(Duration::from_secs(seconds))
    }

    /// Collects events and output without taking the output.
    pub fn poll(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
        self.connection.poll_transmit(&mut self.queue);
    }

    /// Takes at most `limit` bytes of output.
    pub fn take(&mut self, limit: u64) -> &mut Self {
        self.poll();
        let mut left = limit;
        while left > 0 && !self.queue.is_empty() {
            let count = match self.queue.front_file() {
                Some(range) => {
                    let count = range.length.min(left);
                    self.received.extend(std::iter::repeat_n(b'F', count as usize));
                    count
                }
                None => {
                    let mut slices = [IoSlice::new(&[])];
                    self.queue.io_slices(&mut slices);
                    let count = slices[0].len().min(usize::try_from(left).unwrap());
                    self.received.extend_from_slice(&slices[0][..count]);
                    count as u64
                }
            };
            self.queue.advance(count);
            left -= count;
            self.connection.handle_sent(self.now, count);
            self.poll();
        }
        self
    }

    /// Takes all output; returns what came since the last call.
    pub fn read(&mut self) -> String {
        self.take(u64::MAX);
        String::from_utf8(std::mem::take(&mut self.received)).unwrap()
    }

    /// The requests announced so far.
    pub fn requests(&self) -> Vec<&Request> {
        let mut requests = Vec::new();
        for event in &self.events {
            if let Event::Request { request, .. } = event {
                requests.push(&**request);
            }
        }
        requests
    }

    pub fn request(&self) -> &Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "one request, not {:?}", self.events);
        requests[0]
    }

    /// The body received for `id`.
    pub fn body(&self, id: u32) -> Vec<u8> {
        let mut body = Vec::new();
        for event in &self.events {
            if let Event::Data { id: StreamId(of), bytes } = event
                && *of == id
            {
                body.extend_from_slice(bytes);
            }
        }
        body
    }

    pub fn ended(&self, id: u32) -> bool {
        self.events.iter().any(|event| matches!(event, Event::End { id: of, .. } if of.0 == id))
    }

    pub fn aborted(&self, id: u32) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Aborted { id: of } if of.0 == id))
    }

    pub fn rejections(&self) -> Vec<Violation> {
        let violation = |event: &Event| match event {
            Event::Rejected { violation, .. } => Some(*violation),
            _ => None,
        };
        self.events.iter().filter_map(violation).collect()
    }

    /// The ends of responses, as (id, bytes, complete).
    pub fn finished(&self) -> Vec<(u32, u64, bool)> {
        let finished = |event: &Event| match event {
            Event::Finished { id, bytes, complete } => Some((id.0, *bytes, *complete)),
            _ => None,
        };
        self.events.iter().filter_map(finished).collect()
    }

    pub fn respond(&mut self, id: u32, response: Response) -> &mut Self {
        self.connection.respond(self.now, StreamId(id), response, DATE);
        self.poll();
        self
    }

    pub fn respond_prepared(&mut self, id: u32, prepared: &Prepared) -> &mut Self {
        self.connection.respond_prepared(self.now, StreamId(id), prepared, DATE);
        self.poll();
        self
    }

    pub fn body_part(&mut self, id: u32, bytes: &'static str) -> &mut Self {
        self.connection.send_body(StreamId(id), Bytes::from_static(bytes.as_bytes()));
        self.poll();
        self
    }

    pub fn finish(&mut self, id: u32, trailers: Option<&Fields>) -> &mut Self {
        self.connection.finish(self.now, StreamId(id), trailers);
        self.poll();
        self
    }

    pub fn closing(&self) -> Closing {
        self.connection.closing()
    }

    /// The answer is an error of this status, the connection ends, and nothing sent behind it is
    /// taken for a request.
    pub fn assert_refused(&mut self, status: u16, violation: Violation) {
        assert_eq!(self.rejections(), [violation]);
        self.send("GET /evil HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = self.read();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{violation:?}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert_eq!(self.closing(), Closing::ShutdownWrite);
        assert!(self.requests().iter().all(|request| request.path() != "/evil"));
        self.end();
        assert_eq!(self.closing(), Closing::Close);
    }
}

pub fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    fields
}

pub fn response(status: u16, pairs: &[(&str, &str)], body: ResponseBody) -> Response {
    Response { status, fields: fields(pairs), body }
}

pub fn text(body: &'static str) -> Response {
    response(200, &[], full(body))
}

pub fn full(body: &'static str) -> ResponseBody {
    ResponseBody::Full(Bytes::from_static(body.as_bytes()))
}

pub fn stream() -> Response {
    response(200, &[], ResponseBody::Stream { length: None })
}

/// A GET for `path` with `host` and further field lines.
pub fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
}

/// A POST with field lines and body.
pub fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n{body}")
}

/// A chunked POST with this raw body.
pub fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked\r\n", body)
}

/// `bytes` sent whole and byte by byte are refused the same way.
pub fn assert_refused(bytes: impl AsRef<[u8]>, status: u16, violation: Violation) {
    let bytes = bytes.as_ref();
    let mut whole = Peer::new();
    whole.send(bytes);
    whole.assert_refused(status, violation);
    let mut dripped = Peer::new();
    dripped.drip(bytes);
    dripped.assert_refused(status, violation);
}
