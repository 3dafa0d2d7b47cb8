//! The run: what is due goes to connections that rest, what they answer goes to the tally.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::answer::Progress;
use crate::connection::{Connection, Flight, Input};
use crate::message::Message;
use crate::plan::Plan;
use crate::poller::{Poller, Ready};
use crate::schedule::Schedule;
use crate::tally::Tally;
use crate::turns::Turns;

/// Bytes received by one read. One buffer serves all connections.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("connect: {0}")]
    Connect(io::Error),
    #[error("epoll: {0}")]
    Poll(#[from] io::Error),
}

/// All connections of a run. One request at a time is in flight on each.
pub struct Generator {
    port: u16,
    per_connection: Option<NonZeroU64>,
    messages: Vec<Message>,
    schedule: Schedule,
    connections: Vec<Connection>,
    /// Connections without a request, the one that has rested longest first.
    resting: VecDeque<usize>,
    poller: Poller,
    buffer: Box<[u8]>,
    tally: Tally,
    start: Instant,
}

impl Generator {
    /// Opens all connections; the run has not begun when it returns.
    pub fn new(plan: &Plan) -> Result<Self, RunError> {
        let poller = Poller::new()?;
        let open = |_| Connection::open(plan.port).map_err(RunError::Connect);
        let connections = (0..plan.connections).map(open).collect::<Result<Vec<_>, _>>()?;
        for (index, connection) in connections.iter().enumerate() {
            connection.await_established().map_err(RunError::Connect)?;
            poller.add(&connection.socket, index)?;
        }
        let weights: Vec<_> = plan.requests.iter().map(|request| request.weight).collect();
        let length = Duration::from_secs(u64::from(plan.seconds.get()));
        Ok(Self {
            port: plan.port,
            per_connection: plan.per_connection,
            messages: plan.requests.iter().map(|ask| Message::new(ask, plan.port)).collect(),
            schedule: Schedule::new(plan.rate.try_into().ok(), length, Turns::new(&weights)),
            resting: (0..connections.len()).collect(),
            tally: Tally::new(plan.requests.len(), connections.len()),
            connections,
            poller,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: Instant::now(),
        })
    }

    /// Runs to the end.
    pub fn run(mut self) -> Result<Tally, RunError> {
        self.start = Instant::now();
        loop {
            self.send_what_is_due()?;
            let now = self.now();
            if self.schedule.is_over(now, self.is_any_in_flight()) {
                break;
            }
            for event in 0..self.poller.wait(now, self.next_turn(now))? {
                if let Some(ready) = self.poller.ready(event) {
                    self.handle(ready)?;
                }
            }
        }
        if self.schedule.charges_unanswered() {
            self.charge_unanswered();
        }
        Ok(self.tally)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn is_any_in_flight(&self) -> bool {
        self.resting.len() < self.connections.len()
    }

    /// When there is something to do though no socket is ready.
    fn next_turn(&self, now: Duration) -> Duration {
        let due = if self.resting.is_empty() { None } else { self.schedule.due(now) };
        due.unwrap_or(self.schedule.deadline())
    }

    /// On as many connections as rest now: one that fails here rests again for the next turn.
    fn send_what_is_due(&mut self) -> Result<(), RunError> {
        for _ in 0..self.resting.len() {
            let now = self.now();
            let due = self.schedule.due(now).filter(|due| *due <= now);
            let Some(due) = due.filter(|_| now < self.schedule.deadline()) else { break };
            let Some(index) = self.resting.pop_front() else { break };
            self.begin(index, due)?;
        }
        Ok(())
    }

    fn begin(&mut self, index: usize, due: Duration) -> Result<(), RunError> {
        let kind = self.schedule.take();
        let connection = &mut self.connections[index];
        connection.requests += 1;
        let is_last = self.per_connection.is_some_and(|most| connection.requests >= most.get());
        connection.flight = Some(Flight { kind, due, is_last, sent: 0 });
        connection.answer.begin(self.messages[kind].asks_for_head());
        match connection.send(self.messages[kind].bytes(is_last)) {
            Ok(true) => Ok(()),
            Ok(false) => Ok(self.poller.watch_output(&connection.socket, index, true)?),
            Err(error) => self.handle_failure(index, error),
        }
    }

    fn handle(&mut self, ready: Ready) -> Result<(), RunError> {
        if ready.output {
            self.go_on_sending(ready.index)?;
        }
        if ready.input {
            self.receive(ready.index)?;
        }
        Ok(())
    }

    fn go_on_sending(&mut self, index: usize) -> Result<(), RunError> {
        let connection = &mut self.connections[index];
        let Some(flight) = connection.flight else { return Ok(()) };
        match connection.send(self.messages[flight.kind].bytes(flight.is_last)) {
            Ok(true) => Ok(self.poller.watch_output(&connection.socket, index, false)?),
            Ok(false) => Ok(()),
            Err(error) => self.handle_failure(index, error),
        }
    }

    fn receive(&mut self, index: usize) -> Result<(), RunError> {
        match self.connections[index].receive(&mut self.buffer) {
            Ok(Input::Nothing | Input::Answer(Ok(Progress::Unfinished))) => Ok(()),
            Ok(Input::Answer(Ok(Progress::Finished { reusable }))) => {
                self.complete(index, reusable)
            }
            Ok(Input::End) => self.reopen(index),
            Ok(Input::Answer(Err(_)) | Input::Excess) => self.fail(index),
            Err(error) => self.handle_failure(index, error),
        }
    }

    fn complete(&mut self, index: usize, reusable: bool) -> Result<(), RunError> {
        let now = self.now();
        let connection = &mut self.connections[index];
        let Some(flight) = connection.flight else { return Ok(()) };
        if self.schedule.counts(now) {
            self.tally.answer(flight.kind, index, now - flight.due);
        }
        // An answer may be quicker than its request; what is left of that must not reach the next.
        let request = self.messages[flight.kind].bytes(flight.is_last);
        if !reusable || flight.is_last || flight.sent < request.len() {
            return self.reopen(index);
        }
        connection.flight = None;
        self.resting.push_back(index);
        Ok(())
    }

    /// Where nobody listens any more there is nothing to measure.
    fn handle_failure(&mut self, index: usize, error: io::Error) -> Result<(), RunError> {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            return Err(RunError::Connect(error));
        }
        if self.connections[index].flight.is_some() { self.fail(index) } else { self.reopen(index) }
    }

    fn fail(&mut self, index: usize) -> Result<(), RunError> {
        self.tally.fail();
        self.reopen(index)
    }

    /// Puts a new connection in the place of this one. If it rested it keeps its turn.
    fn reopen(&mut self, index: usize) -> Result<(), RunError> {
        self.tally.reconnect();
        let fresh = Connection::open(self.port).map_err(RunError::Connect)?;
        self.poller.add(&fresh.socket, index)?;
        let ended = std::mem::replace(&mut self.connections[index], fresh);
        if ended.flight.is_some() {
            self.resting.push_back(index);
        }
        Ok(())
    }

    /// Every request that was due belongs to the result, answered or not, sent or not.
    fn charge_unanswered(&mut self) {
        let now = self.now();
        for flight in self.connections.iter().filter_map(|connection| connection.flight) {
            self.tally.give_up(flight.kind, now - flight.due);
        }
        while let Some(due) = self.schedule.due(now) {
            let kind = self.schedule.take();
            self.tally.give_up(kind, now - due);
        }
    }
}
