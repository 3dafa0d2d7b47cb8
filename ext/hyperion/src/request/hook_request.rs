//! `Hyperion::Request`: what hooks are told of a request, whoever answers it.

use std::sync::Arc;

use hyperion_engine::{ConnectionInfo, Request as Head, Version};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{DataTypeFunctions, Error, RHash, RString, Ruby, TypedData, Value, method};

use crate::vm::class;
use crate::vm::error::HYPERION;

/// A request's head and where it came from; frozen.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Request", size, free_immediately)]
pub struct Request {
    head: Arc<Head>,
    connection: Arc<ConnectionInfo>,
}

impl DataTypeFunctions for Request {}

impl Request {
    /// The object for one request.
    pub fn wrap(ruby: &Ruby, head: Arc<Head>, connection: Arc<ConnectionInfo>) -> Value {
        let request = ruby.obj_wrap(Self { head, connection });
        request.freeze();
        request.as_value()
    }

    /// `method`: as received.
    fn method(ruby: &Ruby, this: Obj<Self>) -> RString {
        ruby.str_new(this.head.method())
    }

    /// `path`: not decoded.
    fn path(ruby: &Ruby, this: Obj<Self>) -> RString {
        ruby.str_new(this.head.path())
    }

    /// `query`: what follows the `?`, not decoded; empty without one.
    fn query(ruby: &Ruby, this: Obj<Self>) -> RString {
        ruby.str_new(this.head.query().unwrap_or_default())
    }

    /// `headers`: a new Hash of names in lower case; values of the same name are joined.
    fn headers(ruby: &Ruby, this: Obj<Self>) -> Result<RHash, Error> {
        let headers = ruby.hash_new();
        for (name, value) in this.head.headers() {
            let name = text(ruby, &name.to_ascii_lowercase());
            match headers.get(name).and_then(RString::from_value) {
                Some(earlier) => {
                    let is_cookie = crate::vm::raw::with_bytes(name, |name| name == b"cookie");
                    earlier.cat(if is_cookie { b"; " } else { b", " });
                    earlier.cat(value);
                }
                None => headers.aset(name, text(ruby, value))?,
            }
        }
        Ok(headers)
    }

    /// `remote_addr`: the client's address.
    fn remote_addr(ruby: &Ruby, this: Obj<Self>) -> RString {
        ruby.str_new(&this.connection.remote_addr)
    }

    /// `http_version`: as `SERVER_PROTOCOL` in env.
    fn http_version(ruby: &Ruby, this: Obj<Self>) -> RString {
        ruby.str_new(match this.head.version() {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
        })
    }
}

/// A String in UTF-8 where the bytes are that, else a binary one.
pub fn text(ruby: &Ruby, bytes: &[u8]) -> RString {
    match std::str::from_utf8(bytes) {
        Ok(text) => ruby.str_new(text),
        Err(_) => ruby.str_from_slice(bytes),
    }
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = class::define::<Request>(ruby, ruby.get_inner(&HYPERION), "Request")?;
    class.define_method("method", method!(Request::method, 0))?;
    class.define_method("path", method!(Request::path, 0))?;
    class.define_method("query", method!(Request::query, 0))?;
    class.define_method("headers", method!(Request::headers, 0))?;
    class.define_method("remote_addr", method!(Request::remote_addr, 0))?;
    class.define_method("http_version", method!(Request::http_version, 0))
}
