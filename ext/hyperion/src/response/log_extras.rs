//! `hyperion.log_extras`: a Hash of what the application adds to the access line of its response.

use hyperion_engine::{ExtraValue, Extras};
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::value::{Qfalse, Qtrue};
use magnus::{Error, Fixnum, Float, RHash, RString, Ruby, Value};

use crate::request::env;
use crate::vm::error;
use crate::vm::raw;

/// What `env` holds; `None` where there is nothing. What is too much or cannot be shown, as something
/// other than a Hash, is counted instead.
///
/// # Errors
/// A jump out of a `to_s`.
pub fn of(env: RHash) -> Result<Option<Extras>, Error> {
    let Some(value) = env::log_extras(env) else { return Ok(None) };
    let mut extras = Extras::default();
    match RHash::from_value(value) {
        Some(hash) => collect(hash, &mut extras)?,
        None => extras.omit(1),
    }
    Ok((!extras.is_empty()).then_some(extras))
}

fn collect(hash: RHash, extras: &mut Extras) -> Result<(), Error> {
    let mut left = hash.len() as u64;
    let collected = hash.foreach(|name: Value, value: Value| {
        if !extras.has_room() {
            return Ok(ForEach::Stop);
        }
        left = left.saturating_sub(1);
        match add(extras, name, value) {
            Err(failure) if error::is_jump(&failure) => return Err(failure),
            Err(_) => extras.omit(1),
            Ok(()) => {}
        }
        Ok(ForEach::Continue)
    });
    extras.omit(left);
    match collected {
        Err(failure) if error::is_jump(&failure) => Err(failure),
        _ => Ok(()),
    }
}

fn add(extras: &mut Extras, name: Value, value: Value) -> Result<(), Error> {
    let name = text(name)?;
    let mut push = |value: ExtraValue<'_>| raw::with_bytes(name, |name| extras.push(name, value));
    if value.is_nil() {
        push(ExtraValue::Nothing);
    } else if Qtrue::from_value(value).is_some() || Qfalse::from_value(value).is_some() {
        push(ExtraValue::Flag(value.to_bool()));
    } else if let Some(number) = Fixnum::from_value(value) {
        push(ExtraValue::Integer(number.to_i64()));
    } else if let Some(number) = Float::from_value(value) {
        push(ExtraValue::Float(number.to_f64()));
    } else {
        raw::with_bytes(text(value)?, |text| push(ExtraValue::Text(text)));
    }
    Ok(())
}

/// A String, or what its `to_s` returns, in UTF-8 where that is possible.
fn text(value: Value) -> Result<RString, Error> {
    value.to_r_string()?.conv_enc(Ruby::get_with(value).utf8_encoding())
}
