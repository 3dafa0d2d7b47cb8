use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyperion_buf::DiskFile;
use hyperion_proto::{
    Closing, Config, Connection, Event, Fields, Prepared, Request, Response, ResponseBody,
    StreamId, Violation,
};

use crate::driven::Driven;
pub use crate::driven::{fields, response, stream};

pub const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// A client and the engine around one connection: it speaks bytes, and answers when told to.
pub struct Peer {
    driven: Driven,
    pub received: Vec<u8>,
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
        Self { driven: Driven::new(connection, now), received: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.receive(bytes.as_ref());
        self
    }

    pub fn drip(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.receive_by_drips(bytes.as_ref());
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

    /// Takes at most `limit` bytes of output.
    pub fn take(&mut self, limit: u64) -> &mut Self {
        let taken = self.take_output(limit);
        self.received.extend(taken);
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
        let now = self.now;
        self.connection.respond(now, StreamId(id), response, DATE);
        self.poll();
        self
    }

    pub fn respond_prepared(&mut self, id: u32, prepared: &Prepared) -> &mut Self {
        let now = self.now;
        self.connection.respond_prepared(now, StreamId(id), prepared, DATE);
        self.poll();
        self
    }

    pub fn body_part(&mut self, id: u32, bytes: &'static str) -> &mut Self {
        self.connection.send_body(StreamId(id), Bytes::from_static(bytes.as_bytes()));
        self.poll();
        self
    }

    pub fn finish(&mut self, id: u32, trailers: Option<&Fields>) -> &mut Self {
        let now = self.now;
        self.connection.finish(now, StreamId(id), trailers);
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

pub fn text(body: &'static str) -> Response {
    response(200, &[], full(body))
}

pub fn full(body: &'static str) -> ResponseBody {
    ResponseBody::Full(Bytes::from_static(body.as_bytes()))
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

/// A file that consists of `F`.
pub fn file_of_f() -> Arc<DiskFile> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[b'F'; 64]).unwrap();
    Arc::new(file.into())
}
