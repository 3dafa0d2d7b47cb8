//! One socket, the protocol spoken over it, and its open exchanges. The reactor calls it with what the driver has
//! received and sent, with messages of executors, and when a deadline is due.
//!
//! What must stay true: no call touches the socket; what a session has to send leaves when the reactor flushes it.
//! Each exchange ends once, in [`ending`], and gives back what it counted as memory of the process. Once the socket
//! is on its way elsewhere ([`handoff`]), the protocol gets no more input.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyperion_buf::SendQueue;
use hyperion_io::Key;
use hyperion_proto::{BodyLength, Closing, Connection, Event, Request, Response, StreamId};

use crate::connection_info::{ConnectionInfo, Listener};
use crate::dispatch::body::Body;
use crate::dispatch::completion::Completion;
use crate::dispatch::flow::{Flow, InFlightGuard};
use crate::dispatch::job::Job;
use crate::dispatch::reply::ReplyHandle;
use crate::reactor::message::{Message, ReplyKey};
use crate::routes::{Mode, Resolution, Target};
use crate::session::exchange::{BodyStage, Exchange};
use crate::tls::Tls;

use self::ending::Rejection;
use self::handoff::Handoff;

pub(crate) use self::context::Context;
pub(crate) use self::handoff::SIBLING_WAIT;

mod answering;
pub(crate) mod body_buffer;
pub(crate) mod budget;
mod context;
mod ending;
pub(crate) mod exchange;
mod half_close;
mod handoff;
mod lookup;
mod memory;
mod request_body;
pub(crate) mod spool;

/// Buffer limit for one read of a gRPC request body, whose length the client chooses.
const CALL_READ_BYTES: u64 = 16 * 1024 * 1024;

/// Requests that one connection begins before the others get their turn.
const REQUESTS_PER_TURN: u32 = 64;

/// One socket's connection and its open exchanges: the only place where protocol meets I/O.
pub(crate) struct Session {
    pub key: Key,
    pub connection: Connection,
    pub output: SendQueue,
    pub dirty: bool,
    /// Receiving is paused.
    pub paused: bool,
    /// The write side is shut.
    pub write_shut: bool,
    /// It has used up its turn; the rest is for the next one.
    pub has_more: bool,
    /// A call into it has panicked: it is closed, and asked nothing any more.
    pub is_broken: bool,
    /// When it was accepted, or came from a sibling.
    pub opened_at: Instant,
    /// When bytes last left, or began to wait for that, or it was opened.
    progress_at: Instant,
    /// The timer entry that will look at this session.
    pub timer: Option<Instant>,
    info: Arc<ConnectionInfo>,
    /// When the first bytes of the next request came.
    arriving_since: Option<Instant>,
    exchanges: VecDeque<Exchange>,
    /// Of exchanges that are gone: jobs that occupy an executor nevertheless.
    orphaned_jobs: Vec<Arc<Flow>>,
    handoff: Option<Handoff>,
    /// When to find out whether a peer that sends no more is still there.
    probe_at: Option<Instant>,
    /// How often the request that is read now was handed over.
    hops: u32,
}

impl Session {
    pub fn new(key: Key, connection: Connection, info: Arc<ConnectionInfo>, now: Instant) -> Self {
        Self {
            key,
            opened_at: now,
            progress_at: now,
            connection,
            output: SendQueue::new(),
            dirty: false,
            paused: false,
            write_shut: false,
            has_more: false,
            is_broken: false,
            timer: None,
            info,
            arriving_since: None,
            exchanges: VecDeque::new(),
            orphaned_jobs: Vec::new(),
            handoff: None,
            probe_at: None,
            hops: 0,
        }
    }

    /// The listener the connection came in on.
    pub fn listener(&self) -> &Arc<Listener> {
        &self.info.listener
    }

    pub fn handle_received(&mut self, bytes: &[u8], context: &Context) {
        match &mut self.handoff {
            Some(handoff) => handoff.add(bytes),
            None => {
                if self.connection.is_idle() {
                    self.arriving_since = Some(context.now);
                }
                self.connection.handle_input(context.now, bytes);
            }
        }
    }

    pub fn handle_sent(&mut self, bytes: u64, context: &Context) {
        self.connection.handle_sent(context.now, bytes);
        self.progress_at = context.now;
        for exchange in &mut self.exchanges {
            if exchange.unsent > 0 {
                let freed = exchange.return_credit(self.connection.buffered(exchange.id));
                context.waiting.pieces.update(|all| all.saturating_sub(freed));
            }
        }
        self.advance(context);
    }

    /// Handles what the connection has to say and collects its output.
    pub fn advance(&mut self, context: &Context) {
        self.handle_events(context);
        let was_quiet = self.output.is_empty();
        self.connection.poll_transmit(&mut self.output);
        if was_quiet && !self.output.is_empty() {
            self.progress_at = context.now;
        }
    }

    /// Whether the driver must be told something.
    pub fn wants_flush(&self) -> bool {
        self.has_more
            || !self.output.is_empty()
            || self.connection.wants_input() == self.paused
            || !matches!(self.connection.closing(), Closing::Open)
    }

    /// Carries out what an executor said; true when the socket is to be detached.
    pub fn apply(&mut self, message: Message, context: &Context) -> bool {
        let now = context.now;
        match message {
            Message::Respond(key, response, completion) => {
                self.take_response(key.stream, *response, completion, context);
            }
            Message::Inform(key, status, fields) => {
                if self.admits(key.stream, &fields, "an informational response", context) {
                    self.connection.inform(key.stream, status, &fields);
                }
            }
            Message::Body(key, bytes) => self.take_body(key.stream, bytes, context),
            Message::BodyFile(key, range) => {
                self.add_unsent(key, range.length);
                self.connection.send_file(key.stream, range);
            }
            Message::AwaitEnd(key, end, flow) => self.await_end(key.stream, end, &flow, context),
            Message::Finish(key, trailers) => {
                let trailers = trailers
                    .filter(|fields| self.admits(key.stream, fields, "a trailer section", context));
                self.connection.finish(now, key.stream, trailers.as_ref());
            }
            Message::SpoolFailed(_, error) => {
                context.complain_about_spool(&error);
                context.stats.reject("spool_failed");
            }
            Message::Abort(key) => self.fail(key.stream, now),
            Message::Refuse(key) => self.refuse(key.stream, "stopping", context),
            Message::Target(key, target) => self.record_target(key.stream, target, context),
            Message::Found(key, found) => self.take_found(key.stream, *found, context),
            Message::WantBody(key) => self.connection.send_continue(key.stream),
            Message::WantInput(key) => self.resume_tunnel(key.stream),
            Message::Hijack(key) => return self.begin_hijack(key.stream, context),
            Message::Adopt(..)
            | Message::Routes(_)
            | Message::Cover(..)
            | Message::Uncover(_)
            | Message::RefuseClients
            | Message::LastCall
            | Message::Drain
            | Message::Stop => {}
        }
        false
    }

    fn take_response(
        &mut self,
        id: StreamId,
        response: Response,
        completion: Option<Completion>,
        context: &Context,
    ) {
        let is_admitted = self.admits(id, &response.fields, "a response", context);
        let Some(exchange) = self.exchange(id) else {
            if let Some(completion) = completion {
                context.give().finished(completion, false);
            }
            return;
        };
        exchange.completion = completion;
        if is_admitted {
            self.respond(id, response, context);
        } else {
            exchange.status = 500;
            self.connection.reject(context.now, id, 500, None);
        }
    }

    fn take_body(&mut self, id: StreamId, bytes: Bytes, context: &Context) {
        let length = bytes.len() as u64;
        if let Some(exchange) = self.exchange(id) {
            exchange.unsent += length;
            exchange.in_memory += length;
            context.waiting.pieces.update(|all| all + length);
        }
        self.connection.send_body(id, bytes);
    }

    fn handle_events(&mut self, context: &Context) {
        let mut aborted = None;
        let mut requests = 0;
        self.has_more = false;
        while !self.has_more
            && let Some(event) = self.connection.poll_event()
        {
            requests += u32::from(matches!(event, Event::Request { .. }));
            self.has_more = requests == REQUESTS_PER_TURN;
            if let Event::Rejected { violation, status, bytes, line, .. } = event {
                let rejection = Rejection { violation, status, bytes, line: &line };
                self.end_rejected(aborted.take(), &rejection, context);
                continue;
            }
            self.end_aborted(aborted.take(), context);
            match event {
                Event::Request { id, request } => self.open(id, request, context),
                Event::Data { id, bytes } => self.receive_body(id, bytes, context),
                Event::End { id, .. } => self.end_body(id, context),
                Event::Aborted { id } => aborted = self.take_exchange(id, context),
                Event::Finished { id, bytes, complete } => {
                    self.close_exchange(id, bytes, complete, context);
                }
                Event::Rejected { .. } => {}
            }
        }
        self.end_aborted(aborted, context);
    }

    /// The socket is gone: whoever still works for it is told. False once nobody is left.
    pub fn abandon_next(&mut self, context: &Context) -> bool {
        let Some(mut exchange) = self.exchanges.pop_front() else { return false };
        exchange.release(&context.waiting);
        self.abandon_exchange(&exchange, context);
        self.end_exchange(exchange, 0, false, context);
        true
    }

    fn open(&mut self, id: StreamId, request: Arc<Request>, context: &Context) {
        if self.info.tls().is_some_and(Tls::asks_clients)
            && self.info.certificate.get().is_none()
            && let Some(certificate) = self.connection.peer_certificate()
        {
            let _ = self.info.certificate.set(certificate);
        }
        let hops = std::mem::take(&mut self.hops);
        let dropped = request.dropped_underscore_headers();
        if hops == 0 {
            context.stats.requests.add(1);
        }
        if hops == 0 && dropped > 0 {
            context.stats.underscore_headers_dropped.add(dropped.into());
        }
        let (listener, segment) = (&self.info.listener, context.stats.segment());
        if let Some(response) = context.config.admin.answer(&request, listener, segment) {
            context.recorder.dispatched(Mode::Native);
            return self.answer_for_server(id, request, response, context);
        }
        if self.connection.is_misdirected(&request) {
            context.stats.reject("misdirected_request");
            return self.answer_for_server(id, request, answering::misdirected(), context);
        }
        let target = match context.routes.resolve(&request) {
            Resolution::Executor(target) => target,
            Resolution::Native(answer, target) => {
                return self.answer(id, request, answer, target, context);
            }
        };
        let has_body = request.body() != BodyLength::None;
        let on_demand = request.expects_continue() && has_body;
        let is_live = has_body && (request.is_grpc() || context.config.streams_request_bodies);
        let most = context.protocol.limits.body_bytes;
        let at_once = if request.is_grpc() { most.min(CALL_READ_BYTES) } else { most };
        let head_bytes = request.head().len();
        let mut exchange = Exchange::new(id, request, target, self.take_arrival(context));
        exchange.hops = hops;
        self.exchanges.push_back(exchange);
        if !self.admits_head(id, head_bytes, context) {
            return;
        }
        if is_live {
            let body = Body::Live { at_once, on_demand };
            self.dispatch(id, body, BodyStage::Live, context);
        } else if on_demand {
            self.dispatch(id, Body::OnDemand, BodyStage::OnDemand, context);
        }
    }

    /// When the request began to arrive. Of one behind another only the end of its head is noticed.
    fn take_arrival(&mut self, context: &Context) -> Instant {
        self.arriving_since.take().unwrap_or(context.now)
    }

    fn dispatch(&mut self, id: StreamId, body: Body, body_stage: BodyStage, context: &Context) {
        let key = ReplyKey { session: self.key, stream: id };
        let exceeds_share = self.exceeds_share(context);
        let Some(exchange) = find(&mut self.exchanges, id) else { return };
        exchange.body_stage = body_stage;
        if exceeds_share {
            context.stats.per_conn_rejections.add(1);
            return self.connection.refuse_unprocessed(context.now, id);
        }
        if let Target::Search(search) = &exchange.target
            && search.is_native()
            && body_stage == BodyStage::Dispatched
        {
            return self.look_up(id, body, context);
        }
        let flow = Flow::new(context.protocol.limits.output_bytes);
        exchange.flow = Some(flow.clone());
        let job = Job {
            request: exchange.request.clone(),
            target: exchange.target.clone(),
            body,
            connection: self.info.clone(),
            reply: ReplyHandle::new(context.inbox.clone(), key, flow.clone()),
            received_at: exchange.received_at,
            in_flight: InFlightGuard::new(flow),
        };
        match context.give().submit(Box::new(job)) {
            Ok(()) if exchange.hops == 0 => {
                let mode = exchange.target.mode();
                mode.into_iter().for_each(|mode| context.recorder.dispatched(mode));
            }
            Ok(()) => {}
            Err(job) => {
                job.reply.disarm();
                self.refuse(id, "queue_full", context);
            }
        }
    }

    fn fail(&mut self, id: StreamId, now: Instant) {
        if let Some(exchange) = find(&mut self.exchanges, id)
            && exchange.status == 0
        {
            exchange.status = 500;
        }
        self.connection.reset(now, id);
    }

    fn add_unsent(&mut self, key: ReplyKey, bytes: u64) {
        if let Some(exchange) = self.exchange(key.stream) {
            exchange.unsent += bytes;
        }
    }

    /// What it keeps counts no more, whatever fails from here on.
    fn take_exchange(&mut self, id: StreamId, context: &Context) -> Option<Exchange> {
        let index = self.exchanges.iter().position(|exchange| exchange.id == id)?;
        let mut exchange = self.exchanges.remove(index)?;
        exchange.release(&context.waiting);
        Some(exchange)
    }

    fn exchange(&mut self, id: StreamId) -> Option<&mut Exchange> {
        find(&mut self.exchanges, id)
    }
}

fn find(exchanges: &mut VecDeque<Exchange>, id: StreamId) -> Option<&mut Exchange> {
    exchanges.iter_mut().find(|exchange| exchange.id == id)
}
