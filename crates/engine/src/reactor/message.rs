//! What comes back to the reactor.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_buf::FileRange;
use hyperion_io::Key;
use hyperion_proto::{Fields, Response, StreamId};

use crate::balance::handoff_message::ReceivedHandoff;
use crate::dispatch::body::Body;
use crate::dispatch::completion::Completion;
use crate::dispatch::flow::Flow;
use crate::routes::{NativeResponse, Routes, Target};

/// Names one exchange of one connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ReplyKey {
    pub session: Key,
    pub stream: StreamId,
}

/// What comes back to the reactor from executors and from the process.
#[derive(Debug)]
pub(crate) enum Message {
    /// The final response of an exchange.
    Respond(ReplyKey, Box<Response>, Option<Completion>),
    /// An informational response.
    Inform(ReplyKey, u16, Fields),
    /// More of a streamed body.
    Body(ReplyKey, Bytes),
    /// More of a streamed body, from a spool file.
    BodyFile(ReplyKey, FileRange),
    /// Somebody wants to hear of the end of a response that is on its way.
    AwaitEnd(ReplyKey, Completion, Arc<Flow>),
    /// A streamed body is complete.
    Finish(ReplyKey, Option<Fields>),
    /// No temporary file could be written for a response, for this reason.
    SpoolFailed(ReplyKey, String),
    /// The producer failed.
    Abort(ReplyKey),
    /// The request was not begun, and will not be.
    Refuse(ReplyKey),
    /// This is who answers, which the request alone did not tell.
    Target(ReplyKey, Target),
    /// A file that was looked for is there, or not.
    Found(ReplyKey, Box<Found>),
    /// The executor wants the body that the client holds back.
    WantBody(ReplyKey),
    /// A tunnel's reader has room again.
    WantInput(ReplyKey),
    /// The executor takes the connection.
    Hijack(ReplyKey),
    /// A connection from a sibling, with what came with it.
    Adopt(Box<ReceivedHandoff>),
    /// From now on these routes.
    Routes(Arc<Routes>),
    /// Accept for the worker of this slot as well.
    Cover(usize, Vec<OwnedFd>),
    /// That worker accepts by itself again.
    Uncover(usize),
    /// Let nobody connect any more, to whatever process.
    RefuseClients,
    /// Stop accepting and take one more request from each connection at most.
    LastCall,
    /// Stop accepting and close connections as they become idle.
    Drain,
    /// Drop everything and end the reactor.
    Stop,
}

impl Message {
    /// The session a message is for.
    pub fn session(&self) -> Option<Key> {
        match self {
            Message::Respond(key, ..)
            | Message::Inform(key, ..)
            | Message::Body(key, _)
            | Message::BodyFile(key, _)
            | Message::AwaitEnd(key, ..)
            | Message::Finish(key, _)
            | Message::SpoolFailed(key, _)
            | Message::Abort(key)
            | Message::Refuse(key)
            | Message::Target(key, _)
            | Message::Found(key, _)
            | Message::WantBody(key)
            | Message::WantInput(key)
            | Message::Hijack(key) => Some(key.session),
            Message::Adopt(_)
            | Message::Routes(_)
            | Message::Cover(..)
            | Message::Uncover(_)
            | Message::RefuseClients
            | Message::LastCall
            | Message::Drain
            | Message::Stop => None,
        }
    }
}

/// What came of looking for a file.
#[derive(Debug)]
pub(crate) struct Found {
    pub target: Target,
    /// None where it is the application's turn.
    pub answer: Option<NativeResponse>,
    pub body: Body,
}
