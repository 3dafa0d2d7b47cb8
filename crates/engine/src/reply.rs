use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyperion_proto::{Fields, Response, ResponseBody};

use crate::flow::{Flow, Interrupt, Wait};
use crate::inbox::{Inbox, Message, ReplyKey};
use crate::job::Body;
use crate::spool::Spool;

/// Bodies above this size wait for a slow reader in a file instead of in memory.
const MEMORY_BODY_BYTES: usize = 1024 * 1024;

/// A streamed response may run this far ahead of its reader, in a file, before its producer waits.
const SPOOL_BYTES: i64 = 1024 * 1024 * 1024;

const UNANSWERED: u8 = 0;
const STREAMING: u8 = 1;
const DONE: u8 = 2;

/// Asks for [`Work::Finished`](crate::Work::Finished) with this number once the response has left
/// or was cut.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Completion(pub u64);

/// A final response.
#[derive(Debug)]
pub struct Reply {
    /// Status, fields and body; `ResponseBody::Stream` and `Tunnel` are continued by
    /// [`ReplyHandle::write`] and ended by [`ReplyHandle::finish`].
    pub response: Response,
    /// Whether and under which number the end of the response is reported.
    pub completion: Option<Completion>,
}

/// A socket given up to the application, with the bytes received behind the request.
#[derive(Debug)]
pub struct Hijacked {
    /// The connected socket, non-blocking.
    pub socket: OwnedFd,
    /// Bytes already received and not part of the request.
    pub unread: Bytes,
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
    spool: Mutex<Option<Spool>>,
}

impl ReplyHandle {
    pub(crate) fn new(inbox: Arc<Inbox>, key: ReplyKey, flow: Arc<Flow>) -> Self {
        Self { inbox, key, flow, phase: AtomicU8::new(UNANSWERED), spool: Mutex::new(None) }
    }

    /// Whether the client has left, so that an answer would go nowhere.
    pub fn is_abandoned(&self) -> bool {
        self.flow.is_abandoned()
    }

    /// Whether a final response was handed over or the socket was hijacked.
    pub fn is_answered(&self) -> bool {
        self.phase.load(Ordering::Acquire) != UNANSWERED
    }

    /// Records how long the request waited for an executor, for the access log.
    pub fn record_dispatch(&self, queued: Duration) {
        self.flow.record_dispatch(queued);
    }

    /// Hands over the final response; a second one is ignored.
    pub fn send(&self, mut reply: Reply) {
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
        if let ResponseBody::Full(bytes) = &reply.response.body
            && bytes.len() > MEMORY_BODY_BYTES
            && let Ok(range) = Spool::create().and_then(|mut spool| spool.append(bytes))
        {
            reply.response.body = ResponseBody::File(range);
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
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let credit = {
            let mut state = self.flow.lock();
            let before = state.credit;
            state.credit -= bytes.len() as i64;
            before
        };
        let fits = credit > 0 && bytes.len() <= MEMORY_BODY_BYTES;
        if credit > 0 {
            *spool = None;
        }
        self.inbox.push(match spooled(&mut spool, &bytes, fits) {
            Some(range) => Message::BodyFile(self.key, range),
            None => Message::Body(self.key, bytes),
        });
        Ok(())
    }

    /// Whether the producer should wait before it writes more.
    pub fn needs_credit(&self) -> bool {
        self.flow.lock().credit <= -SPOOL_BYTES
    }

    /// Waits until [`needs_credit`](Self::needs_credit) is false.
    pub fn wait_credit(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        self.flow.wait(interrupt, timeout, |state| state.credit > -SPOOL_BYTES)
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

    /// The engine has answered by itself; the handle's drop says nothing.
    pub(crate) fn disarm(&self) {
        self.phase.store(DONE, Ordering::Release);
    }

    /// Asks the client for the body it holds back ([`Body::OnDemand`]).
    pub fn request_body(&self) {
        self.inbox.push(Message::WantBody(self.key));
    }

    /// Waits until the requested body is complete; take it with [`take_body`](Self::take_body).
    pub fn wait_body(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        self.flow.wait(interrupt, timeout, |state| state.body.is_some())
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
        let (bytes, emptied) = {
            let mut state = self.flow.lock();
            let bytes = state.input.pop_front();
            (bytes, state.input.is_empty())
        };
        if bytes.is_some() && emptied {
            self.inbox.push(Message::WantInput(self.key));
        }
        bytes
    }

    /// Whether the tunnel's peer sends no more.
    pub fn input_ended(&self) -> bool {
        self.flow.lock().input_ended
    }

    /// Takes the socket out of the engine; nothing else may be sent afterwards.
    ///
    /// # Errors
    /// [`WriteError::NotOpen`] when a response was handed over already.
    pub fn hijack(&self) -> Result<(), WriteError> {
        self.phase
            .compare_exchange(UNANSWERED, DONE, Ordering::AcqRel, Ordering::Acquire)
            .map_err(|_| WriteError::NotOpen)?;
        self.inbox.push(Message::Hijack(self.key));
        Ok(())
    }

    /// Waits for the hijacked socket; take it with [`take_hijacked`](Self::take_hijacked).
    pub fn wait_hijacked(&self, interrupt: &Interrupt, timeout: Option<Duration>) -> Wait {
        self.flow.wait(interrupt, timeout, |state| state.hijacked.is_some())
    }

    /// The hijacked socket, once.
    pub fn take_hijacked(&self) -> Option<Hijacked> {
        self.flow.lock().hijacked.take()
    }

    /// A new interrupt for the waits of this handle.
    pub fn interrupt(&self) -> Interrupt {
        Interrupt::new(self.flow.clone())
    }
}

impl Drop for ReplyHandle {
    fn drop(&mut self) {
        self.abort();
    }
}

/// The part of the spool file that now holds `bytes`; `None` when they go out from memory, because
/// they fit or because there is no room for a file.
fn spooled(
    spool: &mut Option<Spool>,
    bytes: &Bytes,
    fits: bool,
) -> Option<hyperion_buf::FileRange> {
    if fits {
        return None;
    }
    if spool.is_none() {
        *spool = Spool::create().ok();
    }
    spool.as_mut()?.append(bytes).ok()
}
