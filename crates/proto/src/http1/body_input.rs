//! What arrives behind a head: the body of a request, the bytes of a tunnel, or what is thrown away.

use std::time::Duration;

use bytes::Bytes;

use super::input::Step;
use super::{Connection, Input};
use crate::event::{Event, StreamId};
use crate::life::State;
use crate::message::fields::Fields;
use crate::timers::Timer;

impl Connection {
    pub(super) fn take_body(&mut self, bytes: &[u8]) -> Step {
        let Input::Body(receiving) = &mut self.input else { return Step::Wait };
        if receiving.is_paused() {
            return Step::Stall;
        }
        let received = match receiving.receive(bytes, &self.config.limits) {
            Ok(received) => received,
            Err(violation) => {
                self.violate(violation, Bytes::new());
                return Step::Used(bytes.len());
            }
        };
        let id = receiving.id;
        let done = receiving.is_done();
        let discarded = receiving.discarded;
        let trailers = if done { receiving.take_trailers() } else { None };
        self.life.deadlines.stop(Timer::Body);
        self.life.deadlines.extend(Timer::Request, self.earned(received.payload_length));
        if !received.payload.is_empty() {
            self.life.events.push_back(Event::Data { id, bytes: received.payload });
        }
        if discarded.is_some_and(|count| count > self.config.limits.linger_bytes) {
            self.flush(false);
        } else if done {
            self.end_body(id, trailers, discarded.is_none());
        }
        Step::Used(received.used)
    }

    fn end_body(&mut self, id: StreamId, trailers: Option<Box<Fields>>, wanted: bool) {
        let in_tunnel = self.index_of(id).is_some_and(|index| self.exchanges[index].is_tunnel());
        if wanted && !in_tunnel {
            self.life.events.push_back(Event::End { id, trailers });
        }
        self.end_request();
    }

    /// The time that `length` bytes of body may take at the slowest pace.
    fn earned(&self, length: u64) -> Duration {
        let rate = self.config.limits.body_bytes_per_second.max(1);
        Duration::from_nanos(length.saturating_mul(1_000_000_000) / rate)
    }

    pub(super) fn take_tunnel(&mut self, bytes: &[u8]) -> Step {
        let Input::Tunnel { id, paused, .. } = self.input else { return Step::Wait };
        if paused {
            return Step::Stall;
        }
        self.life.events.push_back(Event::Data { id, bytes: Bytes::copy_from_slice(bytes) });
        Step::Used(bytes.len())
    }

    pub(super) fn discard(&mut self, bytes: &[u8]) -> Step {
        self.unread = true;
        self.life.discarded = self.life.discarded.saturating_add(bytes.len() as u64);
        if self.life.state == State::Lingering {
            self.linger_on(bytes.len() as u64);
        }
        Step::Used(bytes.len())
    }

    /// A client that sends on may not have read its response yet; a reset would take it away.
    fn linger_on(&mut self, received: u64) {
        let limits = &self.config.limits;
        if self.life.discarded > limits.lingering_close_bytes {
            return self.close();
        }
        let rate = limits.lingering_close_bytes_per_second.max(1);
        self.life
            .deadlines
            .extend(Timer::Linger, Duration::from_nanos(received * 1_000_000_000 / rate));
    }
}
