//! `Hyperion::Exchange`: the object behind `rack.hijack` of one request. Ruby's only way to the client of that
//! request leads through it, and ends when the request has ended.

use std::cell::RefCell;
use std::sync::Arc;

use hyperion_engine::ConnectionInfo;
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{DataTypeFunctions, Error, RHash, Ruby, TypedData, Value, method};

use crate::hijack;
use crate::reply::SharedReply;
use crate::response::chunks::Chunks;
use crate::vm::class;
use crate::vm::error::{HYPERION, contain};

/// One request, for as long as Ruby knows of it.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Exchange", mark, size, free_immediately, wb_protected)]
pub struct Exchange {
    /// Never changed, so that it needs no write barrier.
    env: Opaque<RHash>,
    client: RefCell<Option<Arc<SharedReply>>>,
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
    pub fn new(env: RHash, client: Arc<SharedReply>, connection: Arc<ConnectionInfo>) -> Self {
        let chunks = Chunks::default();
        Self { env: env.into(), client: RefCell::new(Some(client)), connection, chunks }
    }

    /// The way back, unless the request has ended.
    pub fn client(&self) -> Option<Arc<SharedReply>> {
        self.client.borrow().clone()
    }

    /// Ends the request for Ruby; an unanswered one is answered 500 once nobody else holds the way.
    pub fn release(&self) {
        drop(self.client.take());
    }

    /// `call`: takes the socket (`rack.hijack`).
    fn call(ruby: &Ruby, this: Obj<Self>) -> Result<Value, Error> {
        contain(ruby, || {
            hijack::hijack(ruby, ruby.get_inner(this.env), this.client(), &this.connection)
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
