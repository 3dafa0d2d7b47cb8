//! The trailers of a body that has them: a Hash, asked for between `each` and `close`.

use hyperion_engine::{Fields, Level, Log};
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::value::LazyId;
use magnus::{Error, RHash, RString, Ruby, Value};

use crate::answer::Headers;
use crate::{error, raw};

static TRAILERS: LazyId = LazyId::new("trailers");

/// Whether a body has trailers.
///
/// # Errors
/// What `respond_to?` raises.
pub fn are_offered(body: Value) -> Result<bool, Error> {
    body.respond_to(*TRAILERS, false)
}

/// The trailers of a body, if it has any that can be sent. A fault of theirs is logged and costs the
/// response nothing else, as all of its body has left.
///
/// # Errors
/// A jump that ends this thread.
pub fn of(ruby: &Ruby, log: &Log, body: Value) -> Result<Option<Fields>, Error> {
    if !are_offered(body)? {
        return Ok(None);
    }
    match read(ruby, body) {
        Ok(trailers) => Ok(trailers),
        Err(jump) if error::is_jump(&jump) => Err(jump),
        Err(failure) => {
            log.write(
                Level::Warn,
                "app",
                "the response goes out without its trailers",
                &[("error", &failure.to_string())],
            );
            Ok(None)
        }
    }
}

fn read(ruby: &Ruby, body: Value) -> Result<Option<Fields>, Error> {
    let trailers: Value = body.funcall(*TRAILERS, ())?;
    match RHash::from_value(trailers) {
        Some(hash) if !hash.is_empty() => {
            let fields = Headers::read(ruby, sendable(ruby, hash)?.as_value())?.fields;
            Ok((!fields.is_empty()).then_some(fields))
        }
        Some(_) => Err(error::error(ruby, "the trailers are empty")),
        None => {
            let class = trailers.class().inspect();
            Err(error::error(ruby, format!("the trailers are not a Hash but a {class}")))
        }
    }
}

/// Those whose names could be names of trailers: pseudo fields are none, nor is an empty name.
fn sendable(ruby: &Ruby, trailers: RHash) -> Result<RHash, Error> {
    let sendable = ruby.hash_new();
    trailers.foreach(|name: Value, value: Value| {
        let is_none = RString::from_value(name)
            .is_some_and(|name| raw::with_bytes(name, |name| matches!(name, [] | [b':', ..])));
        if !is_none {
            sendable.aset(name, value)?;
        }
        Ok(ForEach::Continue)
    })?;
    Ok(sendable)
}
