//! A connection, and what its engine does with it: time passes, events are collected, output is taken.
#![allow(dead_code, reason = "not every protocol needs all of it")]

use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use hyperion_buf::SendQueue;
use hyperion_proto::{Connection, Event, Fields, Response, ResponseBody, StreamId};

pub struct Driven {
    pub connection: Connection,
    pub now: Instant,
    /// Bytes that the socket holds for the client.
    pub backlog: u64,
    pub queue: SendQueue,
    pub events: Vec<Event>,
}

impl Driven {
    pub fn new(connection: Connection, now: Instant) -> Self {
        let (queue, events) = (SendQueue::new(), Vec::new());
        let mut driven = Self { connection, now, backlog: 0, queue, events };
        driven.poll();
        driven
    }

    /// Collects events and output without taking the output.
    pub fn poll(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.events.push(event);
        }
        self.connection.poll_transmit(&mut self.queue);
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        self.connection.handle_input(self.now, bytes);
        self.poll();
    }

    /// The same, byte by byte.
    pub fn receive_by_drips(&mut self, bytes: &[u8]) {
        bytes.chunks(1).for_each(|byte| self.receive(byte));
    }

    pub fn receive_eof(&mut self) {
        self.connection.handle_eof(self.now);
        self.poll();
    }

    pub fn drain(&mut self) {
        self.connection.drain(self.now);
    }

    pub fn last_call(&mut self) {
        self.connection.last_call(self.now);
    }

    pub fn cancel(&mut self, id: u32) {
        self.connection.reset(self.now, StreamId(id));
    }

    pub fn reject(&mut self, id: u32, status: u16, retry_after_s: Option<u32>) {
        self.connection.reject(self.now, StreamId(id), status, retry_after_s);
    }

    /// Lets the time pass and fires what is due on the way.
    pub fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.connection.poll_deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.connection.handle_timeout(self.now, self.backlog);
            self.poll();
        }
        self.now = until;
    }

    /// Takes at most `limit` bytes of output.
    pub fn take_output(&mut self, limit: u64) -> Vec<u8> {
        let mut taken = Vec::new();
        self.poll();
        while (taken.len() as u64) < limit && !self.queue.is_empty() {
            let count = copy_front(&self.queue, limit - taken.len() as u64, &mut taken);
            self.queue.advance(count);
            self.connection.handle_sent(self.now, count);
            self.poll();
        }
        taken
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
}

/// Appends at most `limit` bytes of the front of `queue` to `target`; returns how many.
fn copy_front(queue: &SendQueue, limit: u64, target: &mut Vec<u8>) -> u64 {
    let begin = target.len();
    if let Some(range) = queue.front_file() {
        target.resize(begin + range.length.min(limit) as usize, 0);
        range.file.read_exact_at(&mut target[begin..], range.offset).unwrap();
    } else {
        let mut slices = [IoSlice::new(&[])];
        queue.io_slices(&mut slices);
        let count = slices[0].len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        target.extend_from_slice(&slices[0][..count]);
    }
    (target.len() - begin) as u64
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

/// A 200 whose body follows.
pub fn stream() -> Response {
    response(200, &[], ResponseBody::Stream { length: None })
}
