use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyperion_buf::FileRange;
use hyperion_io::{Key, Waker};
use hyperion_proto::{Fields, Response, ResponseBody, StreamId};

use crate::bridge::Bridges;
use crate::dispatch::body::Body;
use crate::dispatch::completion::Completion;
use crate::dispatch::flow::{Flow, FlowState, Hijacked, Interrupt, Wait};
use crate::log::Extras;
use crate::reactor::inbox::Inbox;
use crate::reactor::message::{Message, ReplyKey};
use crate::routes::Target;
use crate::sync::atomic::{AtomicBool, AtomicU8, Ordering};

#[cfg(test)]
mod tests;

/// A streamed response may run this far ahead of its reader, in a file, before its producer waits.
const SPOOL_BYTES: i64 = 256 * 1024 * 1024;

/// The same where no file can be written.
const UNSPOOLED_BYTES: i64 = 4 * 1024 * 1024;

const UNANSWERED: u8 = 0;
const STREAMING: u8 = 1;
const DONE: u8 = 2;
/// The application wants the connection, and has not got it.
const HIJACKED: u8 = 3;

/// A final response.
#[derive(Debug)]
pub struct Reply {
    /// Status, fields and body; `ResponseBody::Stream` and `Tunnel` are continued by
    /// [`ReplyHandle::write`] and ended by [`ReplyHandle::finish`].
    pub response: Response,
    /// Whether and under which number the end of the response is reported.
    pub completion: Option<Completion>,
}

/// Why a write was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// The peer left or the connection failed.
    #[error("the client closed the connection")]
    Abandoned,
    /// The response is complete, or none was begun.
    #[error("the response is not open for writing")]
    NotOpen,
}

/// The way back from an executor to one exchange. Its methods may be called from any thread; none
/// blocks but those named `wait_*`. Dropped unanswered it answers 500, dropped in mid-stream it cuts
/// the connection, so that no request is forgotten and no body ends early in silence.
#[derive(Debug)]
pub struct ReplyHandle {
    inbox: Arc<Inbox>,
    key: ReplyKey,
    flow: Arc<Flow>,
    phase: AtomicU8,
    spool_failed: AtomicBool,
}

impl ReplyHandle {
    pub(crate) fn new(inbox: Arc<Inbox>, key: ReplyKey, flow: Arc<Flow>) -> Self {
        Self {
            inbox,
            key,
            flow,
            phase: AtomicU8::new(UNANSWERED),
            spool_failed: AtomicBool::new(false),
        }
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.key.stream
    }

    pub(crate) fn session(&self) -> Key {
        self.key.session
    }

    /// Whether the client has left, so that an answer would go nowhere.
    pub fn is_abandoned(&self) -> bool {
        self.flow.is_abandoned()
    }

    /// Whether a final response was handed over or the socket was hijacked.
    pub fn is_answered(&self) -> bool {
        self.phase.load(Ordering::Acquire) != UNANSWERED
    }

    /// Whether all of the response was handed over, or the socket was hijacked.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase.load(Ordering::Acquire), DONE | HIJACKED)
    }

    /// Records how long the request waited for an executor, for the access log.
    pub fn record_dispatch(&self, queued: Duration) {
        self.flow.record_dispatch(queued);
    }

    /// Records what the access line is to tell besides; to be called before [`send`](Self::send), and
    /// once.
    pub fn record_extras(&self, extras: Extras) {
        self.flow.record_extras(extras);
    }

    /// Says who answers a request whose target was a [`Search`](crate::Search).
    pub fn record_target(&self, target: Target) {
        self.inbox.push(Message::Target(self.key, target));
    }

    /// Hands over the final response; a second one is ignored.
    pub fn send(&self, reply: Reply) {
        if let Some(reply) = self.send_from_memory(reply) {
            self.send_from_disk(reply);
        }
    }

    /// The same, but gives it back where its body must first be written to a disk.
    pub fn send_from_memory(&self, mut reply: Reply) -> Option<Reply> {
        if let ResponseBody::Full(bytes) = &mut reply.response.body {
            match self.inbox.budget.admit(bytes) {
                Some(admitted) => *bytes = admitted,
                None => return Some(reply),
            }
        }
        self.hand_over(reply);
        None
    }

    /// The same, by way of a temporary file. Where there can be none it leaves from memory.
    pub fn send_from_disk(&self, mut reply: Reply) {
        if let ResponseBody::Full(bytes) = &reply.response.body {
            match self.inbox.spool.store(bytes) {
                Ok(range) => reply.response.body = ResponseBody::File(range),
                Err(error) => self.tell_failed_spool(&error),
            }
        }
        self.hand_over(reply);
    }

    fn hand_over(&self, reply: Reply) {
        let phase = match reply.response.body {
            ResponseBody::Stream { .. } | ResponseBody::Tunnel => STREAMING,
            _ => DONE,
        };
        if self
            .phase
            .compare_exchange(UNANSWERED, phase, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            return;
        }
        self.inbox.push(Message::Respond(self.key, Box::new(reply.response), reply.completion));
    }

    /// Sends an informational response such as 103 before the final one.
    pub fn inform(&self, status: u16, fields: Fields) {
        if !self.is_answered() {
            self.inbox.push(Message::Inform(self.key, status, fields));
        }
    }

    /// Hands over more of a streamed body. It does not block: while the client reads slowly the bytes
    /// wait in a temporary file; [`wait_credit`](Self::wait_credit) says when to pause.
    ///
    /// # Errors
    /// [`WriteError`] when the response is not open or the client has left.
    pub fn write(&self, bytes: Bytes) -> Result<(), WriteError> {
        if self.phase.load(Ordering::Acquire) != STREAMING {
            return Err(WriteError::NotOpen);
        }
        if self.is_abandoned() {
            return Err(WriteError::Abandoned);
        }
        let before = {
            let mut state = self.flow.lock();
            state.credit -= bytes.len() as i64;
            state.credit + bytes.len() as i64
        };
        if before > 0
            && self.inbox.budget.has_room_for_pieces()
            && let Some(admitted) = self.inbox.budget.admit(&bytes)
        {
            self.inbox.push(Message::Body(self.key, admitted));
            return Ok(());
        }
        self.inbox.push(match self.store(&bytes) {
            Some(range) => Message::BodyFile(self.key, range),
            None => Message::Body(self.key, bytes),
        });
        Ok(())
    }

    /// Whether the producer should wait before it writes more.
    pub fn needs_credit(&self) -> bool {
        self.flow.lock().credit <= self.least_credit()
    }

    /// Waits until [`needs_credit`](Self::needs_credit) is false.
    pub fn wait_credit(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        let least = self.least_credit();
        self.flow.wait(interrupt, timeout, |state| state.credit > least)
    }

    /// Asks for the end of a response that was handed over without a [`Completion`]; it may have come already.
    pub fn await_end(&self, completion: Completion) {
        self.inbox.push(Message::AwaitEnd(self.key, completion, self.flow.clone()));
    }

    /// Ends a streamed body; trailers go out where the protocol and the client allow.
    pub fn finish(&self, trailers: Option<Fields>) {
        if self.phase.compare_exchange(STREAMING, DONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
        {
            self.inbox.push(Message::Finish(self.key, trailers));
        }
    }

    /// The producer failed: 500 before a response was handed over, a cut connection after.
    pub fn abort(&self) {
        if self.phase.swap(DONE, Ordering::AcqRel) != DONE {
            self.inbox.push(Message::Abort(self.key));
        }
    }

    /// Nobody will begin this request: 503, for the client to send it again.
    pub(crate) fn refuse(&self) {
        if self
            .phase
            .compare_exchange(UNANSWERED, DONE, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
        {
            self.inbox.push(Message::Refuse(self.key));
        }
    }

    /// The engine has answered by itself; the handle's drop says nothing.
    pub(crate) fn disarm(&self) {
        self.phase.store(DONE, Ordering::Release);
    }

    /// Asks the client for the body it holds back ([`Body::OnDemand`]).
    pub fn request_body(&self) {
        self.inbox.push(Message::WantBody(self.key));
    }

    /// Waits until the requested body is complete, or will never be; take it with
    /// [`take_body`](Self::take_body).
    pub fn wait_body(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        let is_over = |state: &FlowState| state.input_ended || state.taken_over;
        self.flow.wait(interrupt, timeout, |state| state.body.is_some() || is_over(state))
    }

    /// Waits for more of a body that is read while it arrives, or for its end; take it with
    /// [`take_input`](Self::take_input).
    pub fn wait_part(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        let is_over = |state: &FlowState| state.input_ended || state.taken_over;
        self.flow.wait(interrupt, timeout, |state| !state.input.is_empty() || is_over(state))
    }

    /// Whether the application has taken the connection.
    pub fn is_taken_over(&self) -> bool {
        self.flow.lock().taken_over
    }

    /// The requested body, once.
    pub fn take_body(&self) -> Option<Body> {
        self.flow.lock().body.take()
    }

    /// Waits for input of a tunnel or its end; take it with [`take_input`](Self::take_input).
    pub fn wait_input(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        self.flow.wait(interrupt, timeout, |state| !state.input.is_empty() || state.input_ended)
    }

    /// The next bytes received in a tunnel; `None` when nothing is there (yet, or after the end).
    pub fn take_input(&self) -> Option<Bytes> {
        let bytes = std::mem::take(&mut self.flow.lock().input);
        if bytes.is_empty() {
            return None;
        }
        self.inbox.push(Message::WantInput(self.key));
        Some(bytes.freeze())
    }

    /// Whether the tunnel's peer sends no more.
    pub fn input_ended(&self) -> bool {
        self.flow.lock().input_ended
    }

    /// Takes the connection out of the engine; no response may be sent afterwards.
    ///
    /// # Errors
    /// [`WriteError::NotOpen`] when a response was handed over already.
    pub fn hijack(&self) -> Result<(), WriteError> {
        self.phase
            .compare_exchange(UNANSWERED, HIJACKED, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| WriteError::NotOpen)?;
        self.flow.update(|state| state.taken_over = true);
        self.inbox.push(Message::Hijack(self.key));
        Ok(())
    }

    /// Waits for the hijacked connection; take it with [`take_hijacked`](Self::take_hijacked).
    pub fn wait_hijacked(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        self.flow.wait(interrupt, timeout, |state| state.hijacked.is_some())
    }

    /// The hijacked connection, once. Where nobody takes it, the handle's drop cuts it.
    pub fn take_hijacked(&self) -> Option<Hijacked> {
        let hijacked = self.flow.lock().hijacked.take();
        match &hijacked {
            Some(Hijacked::Tunnel) => self.phase.store(STREAMING, Ordering::Release),
            Some(Hijacked::Socket { .. }) => self.phase.store(DONE, Ordering::Release),
            None => {}
        }
        hijacked
    }

    /// Whether the client has taken enough for more to be written.
    pub(crate) fn has_credit(&self) -> bool {
        self.flow.lock().credit > 0
    }

    /// Wakes somebody besides whenever a wait of this handle could end, in the place of the former one.
    pub fn notify(&self, waker: Waker) {
        self.flow.notify(waker);
    }

    pub(crate) fn bridges(&self) -> &Bridges {
        &self.inbox.bridges
    }

    /// A new interrupt for the waits of this handle.
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.flow.clone())
    }

    /// The part of the spool file that now holds `bytes`. Where no file can be written the bytes go
    /// out from memory, and from then on the producer waits for its reader.
    fn store(&self, bytes: &Bytes) -> Option<FileRange> {
        if self.spool_failed.load(Ordering::Relaxed) {
            return None;
        }
        match self.inbox.spool.store(bytes) {
            Ok(range) => Some(range),
            Err(error) => {
                self.spool_failed.store(true, Ordering::Relaxed);
                self.tell_failed_spool(&error);
                None
            }
        }
    }

    fn tell_failed_spool(&self, error: &std::io::Error) {
        self.inbox.push(Message::SpoolFailed(self.key, error.to_string()));
    }

    /// Where there is no disk, memory has to do, as far as there is some; then the producer waits for its reader,
    /// who has a deadline.
    fn least_credit(&self) -> i64 {
        match self.spool_failed.load(Ordering::Relaxed) {
            false => -SPOOL_BYTES,
            true if self.inbox.budget.has_room_for_pieces() => -UNSPOOLED_BYTES,
            true => 0,
        }
    }
}

impl Drop for ReplyHandle {
    fn drop(&mut self) {
        self.abort();
    }
}
