//! `Hyperion::Exchange`: the object behind `rack.hijack` of one request. Ruby's only way to the client of that
//! request leads through it, and ends when the request has ended.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::{ConnectionInfo, ReplyHandle, WriteError};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{DataTypeFunctions, Error, RHash, Ruby, TypedData, Value, method};

use crate::hijack;
use crate::response::chunks::Chunks;
use crate::vm::class;
use crate::vm::error::{HYPERION, client_disconnected, contain};
use crate::vm::gvl::{Birthplace, wait_for};

/// The way back to one client, shared by the Ruby objects of one request.
#[derive(Debug)]
pub struct Peer {
    /// Always there until it is dropped.
    handle: Option<ReplyHandle>,
    birthplace: Birthplace,
}

impl Peer {
    /// Wraps a handle in the process it belongs to.
    pub fn new(handle: ReplyHandle) -> Self {
        Self { handle: Some(handle), birthplace: Birthplace::here() }
    }

    /// Whether this is the process that may answer, and not a child of it.
    pub fn is_here(&self) -> bool {
        self.birthplace.is_here()
    }

    /// Hands over a piece of a streamed body, and waits while the client is too far behind.
    ///
    /// # Errors
    /// `Hyperion::ClientDisconnected` when nobody reads any more, an IOError when the body has ended.
    pub fn write_piece(&self, ruby: &Ruby, bytes: Bytes) -> Result<(), Error> {
        if !self.is_here() {
            return Err(client_disconnected(ruby));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match self.write(bytes) {
            Ok(()) => {}
            Err(WriteError::Abandoned) => return Err(client_disconnected(ruby)),
            Err(WriteError::NotOpen) => {
                return Err(Error::new(ruby.exception_io_error(), "not opened for writing"));
            }
        }
        if self.needs_credit() {
            wait_for(ruby, self, |peer, interrupt| peer.wait_credit(interrupt, None))?;
        }
        Ok(())
    }
}

impl Deref for Peer {
    type Target = ReplyHandle;

    fn deref(&self) -> &ReplyHandle {
        self.handle.as_ref().expect("the handle is only taken by drop")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.is_here() {
            // Its locks may be held by threads that a forked child does not have.
            std::mem::forget(self.handle.take());
        }
    }
}

/// One request, for as long as Ruby knows of it.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Exchange", mark, size, free_immediately, wb_protected)]
pub struct Exchange {
    /// Never changed, so that it needs no write barrier.
    env: Opaque<RHash>,
    peer: RefCell<Option<Arc<Peer>>>,
    connection: Arc<ConnectionInfo>,
    /// What `each` of the body yields.
    pub chunks: Chunks,
}

impl DataTypeFunctions for Exchange {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.env);
    }
}

impl Exchange {
    /// The exchange of the request that `env` describes.
    pub fn new(env: RHash, peer: Arc<Peer>, connection: Arc<ConnectionInfo>) -> Self {
        let chunks = Chunks::default();
        Self { env: env.into(), peer: RefCell::new(Some(peer)), connection, chunks }
    }

    /// The way back, unless the request has ended.
    pub fn peer(&self) -> Option<Arc<Peer>> {
        self.peer.borrow().clone()
    }

    /// Ends the request for Ruby; an unanswered one is answered 500 once nobody else holds the way.
    pub fn release(&self) {
        drop(self.peer.take());
    }

    /// `call`: takes the socket (`rack.hijack`).
    fn call(ruby: &Ruby, this: Obj<Self>) -> Result<Value, Error> {
        contain(ruby, || {
            hijack::hijack(ruby, ruby.get_inner(this.env), this.peer(), &this.connection)
        })
    }
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    class::define::<Exchange>(ruby, ruby.get_inner(&HYPERION), "Exchange")?
        .define_method("call", method!(Exchange::call, 0))
}
