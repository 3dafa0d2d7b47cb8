//! `Hyperion::EarlyHints`: the object behind `rack.early_hints`, which sends headers before the response.

use hyperion_engine::Version;
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{DataTypeFunctions, Error, Ruby, TypedData, Value, method};

use crate::exchange::Exchange;
use crate::response::rack_response::Headers;
use crate::vm::class;
use crate::vm::error::{HYPERION, contain};

const EARLY_HINTS: u16 = 103;

/// Who is sent them. Over HTTP/1.1 proxies and clients that are widely used take a 103 for the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HintsPolicy {
    /// Nobody.
    Off,
    /// Clients that speak HTTP/2.
    Http2,
    /// All but those of HTTP/1.0, which knows no such responses.
    On,
}

impl HintsPolicy {
    /// Whether a client of that version may be sent hints.
    pub fn allows(self, version: Version) -> bool {
        match self {
            Self::Off => false,
            Self::Http2 => version == Version::Http2,
            Self::On => version != Version::Http10,
        }
    }
}

/// Sends the hints of one request.
#[derive(TypedData)]
#[magnus(class = "Hyperion::EarlyHints", mark, size, free_immediately, wb_protected)]
pub struct EarlyHints {
    /// Never changed, so that it needs no write barrier.
    exchange: Opaque<Obj<Exchange>>,
}

impl DataTypeFunctions for EarlyHints {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.exchange);
    }
}

impl EarlyHints {
    /// For the request of that exchange.
    pub fn new(exchange: Obj<Exchange>) -> Self {
        Self { exchange: exchange.into() }
    }

    /// `call(headers)`: sends a 103 response (RFC 8297). Once the response has begun, or the client has left,
    /// and for no headers at all, it does nothing. Raises `Hyperion::Error` when the headers break HTTP.
    fn call(ruby: &Ruby, this: Obj<Self>, headers: Value) -> Result<bool, Error> {
        contain(ruby, || {
            let Headers { fields, .. } = Headers::read(ruby, headers)?;
            if let Some(client) = ruby.get_inner(this.exchange).client()
                && client.is_in_own_process()
                && !fields.is_empty()
            {
                client.inform(EARLY_HINTS, fields);
            }
            Ok(true)
        })
    }
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    class::define::<EarlyHints>(ruby, ruby.get_inner(&HYPERION), "EarlyHints")?
        .define_method("call", method!(EarlyHints::call, 1))
}
