//! The application's answer, read once: status, headers, body.

use hyperion_engine::Fields;
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::{Error, Fixnum, RArray, RHash, RString, Ruby, Symbol, Value};

use crate::response::sendfile::SendfileHeader;
use crate::vm::error;
use crate::vm::names::{INTEGER, TO_A, TO_ARY};
use crate::vm::raw;

/// Bytes of headers that most responses stay below.
const FIELDS_BYTES: usize = 256;

/// What the application returned, unread. It lives on the stack of the executor.
#[derive(Clone, Copy, Debug)]
pub struct RackResponse {
    /// The status, as given.
    pub status: Value,
    /// The headers, as given.
    pub headers: Value,
    /// The body.
    pub body: Value,
}

impl RackResponse {
    /// Takes the three parts.
    ///
    /// # Errors
    /// When `value` is no such thing.
    pub fn read(ruby: &Ruby, value: Value) -> Result<Self, Error> {
        let parts = match RArray::from_value(value) {
            Some(parts) => parts,
            None => converted(value)?.ok_or_else(|| not_three(ruby))?,
        };
        if parts.len() < 3 {
            return Err(not_three(ruby));
        }
        let part = |index| raw::element(ruby, parts, index);
        Ok(Self { status: part(0), headers: part(1), body: part(2) })
    }

    /// The status code.
    ///
    /// # Errors
    /// When it is no integer from 100 to 999.
    pub fn status_code(&self, ruby: &Ruby) -> Result<u16, Error> {
        let number = match Fixnum::from_value(self.status) {
            Some(number) => number.to_i64(),
            None => ruby.module_kernel().funcall(*INTEGER, (self.status,))?,
        };
        match u16::try_from(number) {
            Ok(code @ 100..=999) => Ok(code),
            _ => Err(error::error(ruby, format!("{number} is no status code"))),
        }
    }
}

fn converted(value: Value) -> Result<Option<RArray>, Error> {
    for name in [&TO_ARY, &TO_A] {
        if value.respond_to(**name, false)? {
            return value.funcall(**name, ());
        }
    }
    Ok(None)
}

fn not_three(ruby: &Ruby) -> Error {
    error::error(ruby, "the application's answer is not a status, headers and a body")
}

/// Response headers, ready to be sent.
#[derive(Debug, Default)]
pub struct Headers {
    /// What goes out.
    pub fields: Fields,
    /// The `rack.hijack` header: who writes the body.
    pub hijack: Option<Value>,
    /// Whether the application has chunked the body itself.
    pub is_chunked: bool,
    /// The header that names a file to be sent.
    pub sendfile: Option<RString>,
    /// Which header that is.
    sendfile_header: SendfileHeader,
}

impl Headers {
    /// Reads a Hash, or anything else whose `each` yields names and values.
    ///
    /// # Errors
    /// A `Hyperion::Error` that names the header which cannot be sent.
    pub fn read(ruby: &Ruby, headers: Value) -> Result<Self, Error> {
        Self::read_but(ruby, headers, SendfileHeader::Off)
    }

    /// [`read`](Self::read), but the header by which a file is named does not go out.
    ///
    /// # Errors
    /// As those of [`read`](Self::read).
    pub fn read_but(
        ruby: &Ruby,
        headers: Value,
        sendfile_header: SendfileHeader,
    ) -> Result<Self, Error> {
        let fields = Fields::with_capacity(FIELDS_BYTES);
        let mut read = Self { fields, sendfile_header, ..Self::default() };
        if let Some(hash) = RHash::from_value(headers) {
            hash.foreach(|name: Value, value: Value| {
                read.add(ruby, name, value)?;
                Ok(ForEach::Continue)
            })?;
            return Ok(read);
        }
        if !headers.respond_to("each", false)? {
            return Err(error::error(ruby, "the response headers do not respond to each"));
        }
        let pairs: RArray = headers.enumeratorize("each", ()).funcall(*TO_A, ())?;
        for index in 0..pairs.len() {
            let (name, value) = <(Value, Value)>::try_convert(raw::element(ruby, pairs, index))?;
            read.add(ruby, name, value)?;
        }
        Ok(read)
    }

    /// Adds a field, or one for each element of an Array.
    ///
    /// # Errors
    /// A `Hyperion::Error` that names it.
    pub fn add(&mut self, ruby: &Ruby, name: Value, value: Value) -> Result<(), Error> {
        let name = match (RString::from_value(name), Symbol::from_value(name)) {
            (Some(name), _) => name,
            (None, Some(name)) => name.as_value().to_r_string()?,
            (None, None) => {
                return Err(error::error(ruby, "a response header's name is not a String"));
            }
        };
        if raw::with_bytes(name, |name| name.starts_with(b"rack.")) {
            if raw::with_bytes(name, |name| name == b"rack.hijack") && !value.is_nil() {
                self.hijack = Some(value);
            }
            return Ok(());
        }
        if raw::with_bytes(name, |name| name.eq_ignore_ascii_case(b"transfer-encoding")) {
            return self.note_coding(ruby, value);
        }
        if raw::with_bytes(name, |name| self.sendfile_header.is_named(name)) {
            self.sendfile = RString::from_value(value);
            return Ok(());
        }
        if let Some(value) = RString::from_value(value) {
            return self.push(ruby, name, value);
        }
        match RArray::from_value(value) {
            Some(values) => (0..values.len()).try_for_each(|index| {
                self.add_other(ruby, name, raw::element(ruby, values, index))
            }),
            None => self.add_other(ruby, name, value),
        }
    }

    /// A value that is no String is sent as it prints itself.
    fn add_other(&mut self, ruby: &Ruby, name: RString, value: Value) -> Result<(), Error> {
        match value.is_nil() {
            true => Ok(()),
            false => self.push(ruby, name, value.to_r_string()?),
        }
    }

    /// The field itself does not go out: framing is the server's. What the application has done to the body
    /// must be undone for that, which is known for one coding.
    fn note_coding(&mut self, ruby: &Ruby, value: Value) -> Result<(), Error> {
        let coding = match value.is_nil() {
            true => return Ok(()),
            false => value.to_r_string()?,
        };
        let coding = raw::with_bytes(coding, |coding| coding.trim_ascii().to_ascii_lowercase());
        match &*coding {
            b"" | b"identity" => Ok(()),
            b"chunked" => {
                self.is_chunked = true;
                Ok(())
            }
            other => {
                let coding = other.escape_ascii();
                let message = format!("a body in the transfer coding \"{coding}\" cannot be sent");
                Err(error::error(ruby, message))
            }
        }
    }

    /// Adds a field for each line of the value.
    fn push(&mut self, ruby: &Ruby, name: RString, value: RString) -> Result<(), Error> {
        let fields = &mut self.fields;
        let pushed = raw::with_bytes(name, |name| {
            raw::with_bytes(value, |value| {
                if !value.contains(&b'\n') {
                    return fields.push(name, value);
                }
                let mut lines = value.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                lines.try_for_each(|line| fields.push(name, line))
            })
        });
        pushed.map_err(|cause| {
            error::error(ruby, format!("the header {} cannot be sent: {cause}", quoted(name)))
        })
    }
}

fn quoted(name: RString) -> String {
    raw::with_bytes(name, |name| format!("\"{}\"", name.escape_ascii()))
}
