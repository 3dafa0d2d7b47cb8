//! What the simulations share: a configuration, requests, and a client's view of the answers.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::{Config, Fields, IoChoice, Routes, StaticResponse, Target};
use hyperion_sim::{PeerId, World};

#[path = "../../../engine/tests/support/mod.rs"]
mod engine;

/// The default configuration, without a log. `GET /native` needs no executor, nor does `POST`.
pub fn config() -> Config {
    let mut routes = Routes::default();
    for method in ["GET", "POST"] {
        let body = Bytes::from(format!("native {method}"));
        let response = StaticResponse::new(200, Fields::new(), body).unwrap();
        routes.add(method, "/native", Target::Static(Arc::new(response)));
    }
    Config {
        routes: Arc::new(routes),
        max_connections: 1000,
        spool_threshold_bytes: 64,
        ..engine::config(IoChoice::Auto)
    }
}

/// Nothing counts any more, nobody waits, every socket is closed, and each completion is reported once.
pub fn assert_nothing_is_left(world: &World, peers: impl IntoIterator<Item = PeerId>, seed: u64) {
    assert_eq!(world.stats.engine_panics.value(), 0, "seed {seed}");
    assert_eq!(world.stats.connections_active.value(), 0, "seed {seed}");
    assert_eq!(world.app.waiting(), 0, "seed {seed}");
    for peer in peers {
        assert!(world.is_closed(peer), "seed {seed}: {peer:?} is still open");
    }
    let (mut asked, finished) = world.app.completions();
    let mut reported: Vec<u64> = finished.iter().map(|(number, _)| *number).collect();
    asked.sort_unstable();
    reported.sort_unstable();
    assert_eq!(asked, reported, "seed {seed}: each completion is reported once");
}

/// A request for `path`.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: sim\r\n\r\n").into_bytes()
}

/// A request with a body of known length.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: sim\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A request whose body comes in chunks of `size` bytes.
pub fn post_chunked(path: &str, body: &str, size: usize) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut bytes = head.into_bytes();
    for chunk in body.as_bytes().chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// One response as a client understands it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub status: u16,
    pub body: String,
    pub closes: bool,
}

/// Splits what a client received into complete responses; the rest is an unfinished one.
pub fn parse(mut bytes: &[u8]) -> (Vec<Seen>, Vec<u8>) {
    let mut responses = Vec::new();
    while let Some((seen, length)) = parse_one(bytes) {
        responses.push(seen);
        bytes = &bytes[length..];
    }
    (responses, bytes.to_vec())
}

fn parse_one(bytes: &[u8]) -> Option<(Seen, usize)> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..head_length].to_vec()).unwrap().to_ascii_lowercase();
    let status: u16 = head[9..12].parse().unwrap();
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
    };
    let closes = field("connection:").is_some_and(|value| value == "close");
    let rest = &bytes[head_length..];
    let (body, length) = if status < 200 {
        (Vec::new(), 0)
    } else if let Some(length) = field("content-length:") {
        let length: usize = length.parse().unwrap();
        (rest.get(..length)?.to_vec(), length)
    } else if field("transfer-encoding:").as_deref() == Some("chunked") {
        parse_chunks(rest)?
    } else {
        assert!(closes, "{head}");
        (rest.to_vec(), rest.len())
    };
    let body = String::from_utf8(body).unwrap();
    Some((Seen { status, body, closes }, head_length + length))
}

fn parse_chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        assert_eq!(bytes.get(at + size..at + size + 2)?, b"\r\n");
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
