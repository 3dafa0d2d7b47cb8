//! The trailers of a body that has them: a Hash, asked for between `each` and `close`.

use hyperion_engine::{Fields, Level, Log};
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::{Error, RHash, RString, Ruby, Symbol, Value};

use crate::response::rack_response::Headers;
use crate::vm::error;
use crate::vm::names::TRAILERS;
use crate::vm::raw;

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
    match read(ruby, log, body) {
        Ok(trailers) => Ok(trailers),
        Err(jump) if error::is_jump(&jump) => Err(jump),
        Err(failure) => {
            warn(log, "the response goes out without its trailers", &failure);
            Ok(None)
        }
    }
}

fn read(ruby: &Ruby, log: &Log, body: Value) -> Result<Option<Fields>, Error> {
    let trailers: Value = body.funcall(*TRAILERS, ())?;
    let Some(trailers) = RHash::from_value(trailers) else {
        let class = trailers.class().inspect();
        return Err(error::error(ruby, format!("the trailers are not a Hash but a {class}")));
    };
    if trailers.is_empty() {
        return Err(error::error(ruby, "the trailers are empty"));
    }
    let mut sendable = Headers::default();
    trailers.foreach(|name: Value, value: Value| {
        if is_trailer(name)?
            && let Err(failure) = sendable.add(ruby, name, value)
        {
            // The others are sent, as without its status a call has failed.
            warn(log, "a trailer is left out", &failure);
        }
        Ok(ForEach::Continue)
    })?;
    Ok((!sendable.fields.is_empty()).then_some(sendable.fields))
}

/// Whether it could be the name of a trailer: pseudo fields are none, nor is an empty name.
fn is_trailer(name: Value) -> Result<bool, Error> {
    let name = match Symbol::from_value(name) {
        Some(symbol) => Some(symbol.as_value().to_r_string()?),
        None => RString::from_value(name),
    };
    Ok(name.is_none_or(|name| raw::with_bytes(name, |name| !matches!(name, [] | [b':', ..]))))
}

fn warn(log: &Log, message: &str, failure: &Error) {
    log.write(Level::Warn, "app", message, &[("error", &failure.to_string())]);
}
