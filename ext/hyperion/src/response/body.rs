//! The kinds of response bodies, decided in one function, and their end.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use magnus::prelude::*;
use magnus::{Error, RArray, RString, Ruby, Value};

use crate::response::sendfile;
use crate::response::sendfile::Found;
use crate::response::trailers;
use crate::vm::error;
use crate::vm::gvl::off_lock;
use crate::vm::names::{CALL, CLOSE, EACH, PATH, TO_ARY, TO_PATH};
use crate::vm::raw;

/// What is to be done with a body.
#[derive(Debug)]
pub enum Content {
    /// All of it is here.
    Full(Bytes),
    /// A regular file, sent without passing through Ruby.
    File(File),
    /// To be produced by `each`.
    Each,
    /// To be produced by `call`.
    Call,
}

impl Content {
    /// Looks at a body. One that is asked for an Array closes itself (Rack SPEC, "The Body"), which is noted in
    /// `is_closed`.
    ///
    /// # Errors
    /// What its methods raise; a `Hyperion::Error` when it is no body.
    pub fn of(ruby: &Ruby, body: Value, is_closed: &mut bool) -> Result<Self, Error> {
        if let Some(pieces) = raw::plain_array(body) {
            return joined(ruby, pieces).map(Self::Full);
        }
        // Trailers need a framing that leaves room for them.
        let has_trailers = trailers::are_offered(body)?;
        if !has_trailers
            && body.respond_to(*TO_PATH, false)?
            && let Some(content) = at_path(ruby, body.funcall(*TO_PATH, ())?)?
        {
            return Ok(content);
        }
        if !has_trailers
            && body.respond_to(*TO_ARY, false)?
            && let Some(pieces) = RArray::from_value(body.funcall::<_, _, Value>(*TO_ARY, ())?)
        {
            *is_closed = true;
            return joined(ruby, pieces).map(Self::Full);
        }
        if body.respond_to(*EACH, false)? {
            return Ok(Self::Each);
        }
        if body.respond_to(*CALL, false)? {
            return Ok(Self::Call);
        }
        Err(error::error(ruby, "the response body responds to neither each nor call"))
    }
}

/// The bytes of all pieces.
fn joined(ruby: &Ruby, pieces: RArray) -> Result<Bytes, Error> {
    if pieces.len() == 1 {
        let piece = piece(ruby, raw::element(ruby, pieces, 0))?;
        return Ok(raw::with_bytes(piece, Bytes::copy_from_slice));
    }
    let mut bytes = BytesMut::new();
    for index in 0..pieces.len() {
        let piece = piece(ruby, raw::element(ruby, pieces, index))?;
        raw::with_bytes(piece, |piece| bytes.extend_from_slice(piece));
    }
    Ok(bytes.freeze())
}

/// A piece of a body, which must be a String.
///
/// # Errors
/// When it is not.
pub fn piece(ruby: &Ruby, value: Value) -> Result<RString, Error> {
    RString::from_value(value).ok_or_else(|| {
        let class = value.class().inspect();
        error::error(ruby, format!("a piece of the response body is not a String but a {class}"))
    })
}

/// A regular file; `None` for anything else, whose body may still know how to `each`.
///
/// # Errors
/// When `path` is neither text nor an object with a path, such as a Pathname.
fn at_path(ruby: &Ruby, path: Value) -> Result<Option<Content>, Error> {
    if path.is_nil() {
        return Ok(None);
    }
    let path: RString = ruby.class_file().funcall(*PATH, (path,))?;
    let path = raw::with_bytes(path, <[u8]>::to_vec);
    let found = off_lock(|| sendfile::open(Path::new(OsStr::from_bytes(&path))));
    Ok(found.map(|found| match found {
        Found::File(file) => Content::File(file),
        Found::Bytes(bytes) => Content::Full(bytes),
    }))
}

/// Whether a body is no more than an Array, of which no method is called.
pub fn is_array(body: Value) -> bool {
    raw::plain_array(body).is_some()
}

/// Calls `close` of a body that has one.
///
/// # Errors
/// What it raises.
pub fn close(body: Value) -> Result<(), Error> {
    if !is_array(body) && body.respond_to(*CLOSE, false)? {
        body.funcall::<_, _, Value>(*CLOSE, ())?;
    }
    Ok(())
}
