//! One request and its response on a multiplexed connection.
//!
//! ```text
//! Waiting ──respond──▶ Streaming ──finish, and all pieces given to h2──▶ Given
//!    └──────────── respond without a body ──────────────────────────────▲
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;

use super::header_block::has_stand_in;
use super::request;
use crate::event::{Event, StreamId};
use crate::limits::Limits;
use crate::message::framing::{Framing, Piece};
use crate::timers::throughput::MinimumRate;
use crate::violation::Violation;

/// Bytes that are asked of the peer's window, and read of a file, at once.
const PIECE_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Stream {
    pub id: StreamId,
    /// HEAD: the response has no body.
    pub head_only: bool,
    /// The application does not know it, or not any more.
    pub is_silent: bool,
    pub opened_at: Instant,
    respond: SendResponse<Bytes>,
    waker: Waker,
    pub input: Input,
    pub output: Output,
}

/// The body of the request.
#[derive(Debug)]
pub(super) struct Input {
    /// None once it has ended.
    body: Option<RecvStream>,
    pub paused: bool,
    /// It is half of a conversation, which is as large as its parties want, and once the other half has
    /// begun as long.
    pub is_conversation: bool,
    pub received: u64,
    /// When it last came on, or began to be awaited; none where that is yet to be looked up.
    pub since: Option<Instant>,
}

/// The body of the response.
#[derive(Debug)]
pub(super) struct Output {
    send: Option<SendStream<Bytes>>,
    pub answer: Answer,
    pieces: VecDeque<Piece>,
    pub pending: u64,
    ending: Option<Option<HeaderMap>>,
    /// Bytes given to h2.
    pub given: u64,
    /// Of these, bytes and whole pieces that the peer's budget has not earned yet.
    unearned: (u64, u32),
    /// When its reader was looked at, or began to be awaited; none where that is yet to be looked up.
    pub since: Option<Instant>,
    pub pace: MinimumRate,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Waiting,
    Streaming(Framing),
    Given,
}

/// Why a stream is over before its response is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The peer has reset it, or broken its framing.
    Reset,
    /// What follows the body has a malformed name.
    Malformed,
    /// The body, or what follows it, is not what is allowed.
    Refused(Violation),
    /// The response cannot be completed.
    Broken,
}

/// Streams that have something to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready(Arc<Mutex<Vec<u32>>>);

impl Ready {
    pub fn push(&self, id: StreamId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(id.0);
    }

    pub fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Alarm {
    ready: Ready,
    id: StreamId,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.id);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.id);
    }
}

impl Stream {
    pub fn new(
        id: StreamId,
        body: RecvStream,
        respond: SendResponse<Bytes>,
        ready: &Ready,
        now: Instant,
    ) -> Self {
        let alarm = Alarm { ready: ready.clone(), id };
        let body = (!body.is_end_stream()).then_some(body);
        Self {
            id,
            head_only: false,
            is_silent: false,
            opened_at: now,
            respond,
            waker: Arc::new(alarm).into(),
            input: Input {
                body,
                paused: false,
                is_conversation: false,
                received: 0,
                since: Some(now),
            },
            output: Output {
                send: None,
                answer: Answer::Waiting,
                pieces: VecDeque::new(),
                pending: 0,
                ending: None,
                given: 0,
                unearned: (0, 0),
                since: None,
                pace: MinimumRate::default(),
            },
        }
    }

    /// Does what there is to do; `suspects` says that malformed names are to be looked for.
    ///
    /// # Errors
    /// What ends the stream.
    pub fn poll(
        &mut self,
        now: Instant,
        limits: &Limits,
        suspects: bool,
        events: &mut VecDeque<Event>,
    ) -> Result<(), Fault> {
        let waker = self.waker.clone();
        let context = &mut Context::from_waker(&waker);
        let reset = match &mut self.output.send {
            Some(send) => send.poll_reset(context),
            None => self.respond.poll_reset(context),
        };
        if reset.is_ready() {
            return Err(Fault::Reset);
        }
        self.input.receive(self.id, now, limits, suspects, events, context)?;
        self.output.give(context)
    }

    /// Sends a head; `ended` says that it is all.
    ///
    /// # Errors
    /// When the stream is over.
    pub fn send_head(&mut self, head: http::Response<()>, ended: bool) -> Result<(), Fault> {
        let sent = self.respond.send_response(head, ended).map_err(|_| Fault::Reset)?;
        if ended {
            self.output.answer = Answer::Given;
        } else {
            self.output.send = Some(sent);
        }
        Ok(())
    }

    /// Sends an informational response; a stream that is over gets none.
    pub fn inform(&mut self, head: http::Response<()>) {
        if self.output.answer == Answer::Waiting {
            let _ = self.respond.send_informational(head);
        }
    }

    /// What is told of it when it is over before its response is, of whose body `unsent` bytes have not left.
    pub fn aborted(&self, unsent: u64) -> Option<Event> {
        let id = self.id;
        let event = match self.output.answer {
            Answer::Waiting => Event::Aborted { id },
            Answer::Streaming(_) | Answer::Given => {
                let bytes = self.output.given.saturating_sub(unsent);
                Event::Finished { id, bytes, complete: false }
            }
        };
        (!self.is_silent).then_some(event)
    }

    /// Whether the peer is to go on with the body in time. Before its answer begins, a conversation is
    /// held to that like any request: it holds whoever waits for it.
    pub fn awaits_body(&self) -> bool {
        let converses = self.input.is_conversation && self.output.answer != Answer::Waiting;
        self.input.is_open() && !self.input.paused && !converses
    }

    pub fn reset(&mut self, reason: Reason) {
        match &mut self.output.send {
            Some(send) => send.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
    }
}

impl Input {
    /// Whether more of it is to come.
    pub fn is_open(&self) -> bool {
        self.body.is_some()
    }

    fn receive(
        &mut self,
        id: StreamId,
        now: Instant,
        limits: &Limits,
        suspects: bool,
        events: &mut VecDeque<Event>,
        context: &mut Context<'_>,
    ) -> Result<(), Fault> {
        while let Some(body) = self.body.as_mut().filter(|_| !self.paused) {
            match body.poll_data(context) {
                Poll::Pending => break,
                Poll::Ready(Some(Err(_))) => return Err(Fault::Reset),
                Poll::Ready(Some(Ok(bytes))) => {
                    let _ = body.flow_control().release_capacity(bytes.len());
                    self.received += bytes.len() as u64;
                    self.since = Some(now);
                    if self.received > limits.body_bytes && !self.is_conversation {
                        return Err(Fault::Refused(Violation::BodyTooLarge));
                    }
                    if !bytes.is_empty() {
                        events.push_back(Event::Data { id, bytes });
                    }
                }
                Poll::Ready(None) => {
                    let Poll::Ready(trailers) = body.poll_trailers(context) else { break };
                    let trailers = trailers.map_err(|_| Fault::Reset)?;
                    if suspects && trailers.as_ref().is_some_and(has_stand_in) {
                        return Err(Fault::Malformed);
                    }
                    let trailers = match trailers {
                        Some(map) => request::trailers(map, limits).map_err(Fault::Refused)?,
                        None => None,
                    };
                    events.push_back(Event::End { id, trailers });
                    self.body = None;
                }
            }
        }
        Ok(())
    }
}

impl Output {
    /// Puts a piece behind the others. What exceeds the announced length is a fault.
    ///
    /// # Errors
    /// [`Fault::Broken`].
    pub fn push(&mut self, piece: Piece) -> Result<(), Fault> {
        let Answer::Streaming(framing) = &mut self.answer else { return Ok(()) };
        match framing {
            Framing::Nothing => return Ok(()),
            Framing::Length(left) => {
                *left = left.checked_sub(piece.len()).ok_or(Fault::Broken)?;
            }
            Framing::Chunked | Framing::UntilClose | Framing::Raw => {}
        }
        if piece.len() > 0 && self.ending.is_none() {
            self.pending += piece.len();
            self.pieces.push_back(piece);
        }
        Ok(())
    }

    /// Nothing more is pushed.
    ///
    /// # Errors
    /// [`Fault::Broken`] when less was pushed than was announced.
    pub fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Fault> {
        match self.answer {
            Answer::Streaming(Framing::Length(1..)) => return Err(Fault::Broken),
            Answer::Streaming(_) if self.ending.is_none() => self.ending = Some(trailers),
            _ => {}
        }
        Ok(())
    }

    /// Whether it waits for the peer to make room.
    pub fn is_stalled(&self) -> bool {
        self.pending > 0
    }

    /// Bytes and whole pieces that were given since the last call.
    pub fn take_unearned(&mut self) -> (u64, u32) {
        std::mem::take(&mut self.unearned)
    }

    /// Gives h2 what there is room for.
    fn give(&mut self, context: &mut Context<'_>) -> Result<(), Fault> {
        let Some(send) = &mut self.send else { return Ok(()) };
        while let Some(piece) = self.pieces.front_mut() {
            let wanted = piece.len().min(PIECE_BYTES as u64) as usize;
            send.reserve_capacity(wanted);
            let room = match send.capacity() {
                0 => match send.poll_capacity(context) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Some(Ok(room))) => room,
                    Poll::Ready(_) => return Err(Fault::Reset),
                },
                room => room,
            };
            if room == 0 {
                continue;
            }
            let bytes = piece.take(room.min(wanted)).map_err(|_| Fault::Broken)?;
            self.pending -= bytes.len() as u64;
            self.given += bytes.len() as u64;
            self.unearned.0 += bytes.len() as u64;
            if piece.len() == 0 {
                self.unearned.1 += 1;
                self.pieces.pop_front();
            }
            if self.pending == 0 {
                self.since = None;
                self.pace.reset();
            }
            let ended = self.pieces.is_empty() && matches!(self.ending, Some(None));
            send.send_data(bytes, ended).map_err(|_| Fault::Reset)?;
            if ended {
                self.answer = Answer::Given;
            }
        }
        match self.ending.take() {
            Some(_) if self.answer == Answer::Given => {}
            Some(Some(trailers)) => {
                send.send_trailers(trailers).map_err(|_| Fault::Reset)?;
                self.answer = Answer::Given;
            }
            Some(None) => {
                send.send_data(Bytes::new(), true).map_err(|_| Fault::Reset)?;
                self.answer = Answer::Given;
            }
            None => {}
        }
        Ok(())
    }
}
