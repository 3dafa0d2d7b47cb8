//! The arguments of `read`, and the strings it gives back.

use magnus::prelude::*;
use magnus::{Error, RString, Ruby, Value};

use crate::vm::gvl::give_way;

/// Bytes that are copied in one turn of the interpreter's lock.
const COPY_BYTES: usize = 1024 * 1024;

/// The arguments of `read(length = nil, buffer = nil)`.
///
/// # Errors
/// As of IO#read.
pub fn read_arguments(
    ruby: &Ruby,
    arguments: &[Value],
) -> Result<(Option<usize>, Option<RString>), Error> {
    let (length, buffer) = match arguments {
        [] => (None, None),
        [length] => (Option::<i64>::try_convert(*length)?, None),
        [length, buffer] => {
            (Option::<i64>::try_convert(*length)?, Option::<RString>::try_convert(*buffer)?)
        }
        _ => return Err(Error::new(ruby.exception_arg_error(), "too many arguments")),
    };
    if let Some(buffer) = buffer {
        // Before anything is taken, which would be lost.
        buffer.check_frozen()?;
    }
    let length = length.map(usize::try_from).transpose();
    let length = length.map_err(|_| Error::new(ruby.exception_arg_error(), "negative length"))?;
    Ok((length, buffer))
}

/// What `read` returns: the bytes, in the given buffer if there is one.
///
/// # Errors
/// When the buffer is frozen.
pub fn filled(ruby: &Ruby, bytes: Option<&[u8]>, buffer: Option<RString>) -> Result<Value, Error> {
    let result = string_of(ruby, bytes.unwrap_or_default())?;
    let result = match buffer {
        None => result,
        Some(buffer) => {
            buffer.replace(result)?;
            buffer
        }
    };
    Ok(if bytes.is_some() { result.as_value() } else { ruby.qnil().as_value() })
}

/// A String with these bytes. To copy many of them takes long enough for other threads to have turns.
pub fn string_of(ruby: &Ruby, bytes: &[u8]) -> Result<RString, Error> {
    if bytes.len() <= COPY_BYTES {
        return Ok(ruby.str_from_slice(bytes));
    }
    let string = ruby.str_buf_new(bytes.len());
    for piece in bytes.chunks(COPY_BYTES) {
        string.cat(piece);
        give_way()?;
    }
    Ok(string)
}
