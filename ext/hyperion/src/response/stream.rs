//! `Hyperion::Stream`: what a streaming body's `call` and a partial hijack are given. Writing continues
//! the response; reading gives the request's body, or, once protocols were switched, whatever the
//! client sends. It may outlive the call and move to other threads.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use hyperion_engine::Wait;
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::scan_args::{get_kwargs, scan_args};
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{DataTypeFunctions, Error, RHash, RString, Ruby, TypedData, Value, method};

use crate::reply::SharedReply;
use crate::reply::wait_for;
use crate::request::input::Input;
use crate::request::live_input::Want;
use crate::request::read_arguments::{filled, read_arguments};
use crate::response::chunks::Chunks;
use crate::vm::class;
use crate::vm::error::{HYPERION, client_disconnected, contain};
use crate::vm::names::READ;

/// The two directions of one exchange.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Stream", mark, size, free_immediately, wb_protected)]
pub struct Stream {
    client: Arc<SharedReply>,
    /// What is read when protocols were not switched; never changed, so it needs no write barrier.
    input: Opaque<Obj<Input>>,
    /// Whether both directions carry raw bytes.
    is_tunnel: bool,
    /// Received in a tunnel and not yet read.
    received: RefCell<Bytes>,
    read_closed: Cell<bool>,
    write_closed: Cell<bool>,
    /// Closing it does not end the response: trailers follow.
    has_trailers: Cell<bool>,
    chunks: Chunks,
}

/// What is to be known of a stream beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Whether both directions carry raw bytes.
    pub is_tunnel: bool,
    /// Closing it does not end the response: trailers follow.
    pub has_trailers: bool,
}

impl DataTypeFunctions for Stream {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.input);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Nobody can write any more, which for a stream is what closing it means.
        if self.client.is_in_own_process() {
            // Nobody is left to be told of chunks that are not complete; the client sees a cut response.
            let _ = self.chunks.end(&self.client, None);
        }
    }
}

impl Stream {
    /// The stream of a response whose head was handed over.
    pub fn new(client: Arc<SharedReply>, input: Obj<Input>, chunks: Chunks, kind: Kind) -> Self {
        let Kind { is_tunnel, has_trailers } = kind;
        Self {
            client,
            chunks,
            input: input.into(),
            is_tunnel,
            received: RefCell::default(),
            read_closed: Cell::new(false),
            write_closed: Cell::new(false),
            has_trailers: Cell::new(has_trailers),
        }
    }

    /// Nobody will send trailers: closing it is the end.
    pub fn forgo_trailers(&self) {
        self.has_trailers.set(false);
    }

    /// Whether nothing more will be written.
    pub fn is_finished(&self) -> bool {
        self.write_closed.get()
    }

    /// `write(*strings)`: the number of bytes.
    fn write(ruby: &Ruby, this: Obj<Self>, pieces: &[Value]) -> Result<usize, Error> {
        contain(ruby, || {
            let mut written = 0;
            for piece in pieces {
                let piece = piece.to_r_string()?;
                this.write_piece(ruby, piece)?;
                written += piece.len();
            }
            Ok(written)
        })
    }

    /// `<<(string)`: self.
    fn append(ruby: &Ruby, this: Obj<Self>, piece: Value) -> Result<Obj<Self>, Error> {
        Self::write(ruby, this, &[piece])?;
        Ok(this)
    }

    /// `write_nonblock(string, exception: true)`: takes all of it, as the engine buffers.
    fn write_nonblock(ruby: &Ruby, this: Obj<Self>, arguments: &[Value]) -> Result<usize, Error> {
        let arguments = scan_args::<(Value,), (), (), (), RHash, ()>(arguments)?;
        Self::write(ruby, this, &[arguments.required.0])
    }

    /// `flush`: self; what was written is on its way already.
    fn flush(this: Obj<Self>) -> Obj<Self> {
        this
    }

    /// `read(length = nil, buffer = nil)`: as of IO.
    fn read(ruby: &Ruby, this: Obj<Self>, arguments: &[Value]) -> Result<Value, Error> {
        contain(ruby, || {
            this.check_readable(ruby)?;
            if !this.is_tunnel {
                return ruby.get_inner(this.input).funcall(*READ, arguments);
            }
            let (length, buffer) = read_arguments(ruby, arguments)?;
            let mut bytes = Vec::new();
            while length.is_none_or(|length| bytes.len() < length) {
                let most = length.map_or(usize::MAX, |length| length - bytes.len());
                match this.receive(ruby, most)? {
                    Some(part) => bytes.extend_from_slice(&part),
                    None => break,
                }
            }
            let at_end = bytes.is_empty() && length.is_some_and(|length| length > 0);
            filled(ruby, (!at_end).then_some(&bytes[..]), buffer)
        })
    }

    /// `readpartial(length, buffer = nil)`: what is there, at least one byte.
    fn readpartial(ruby: &Ruby, this: Obj<Self>, arguments: &[Value]) -> Result<Value, Error> {
        contain(ruby, || {
            let (length, buffer) = read_arguments(ruby, arguments)?;
            match this.next_part(ruby, length.unwrap_or(usize::MAX))? {
                Some(part) => filled(ruby, Some(&part), buffer),
                None => Err(end_of_file(ruby)),
            }
        })
    }

    /// `read_nonblock(length, buffer = nil, exception: true)`: what is there, without waiting.
    fn read_nonblock(ruby: &Ruby, this: Obj<Self>, arguments: &[Value]) -> Result<Value, Error> {
        contain(ruby, || {
            let scanned = scan_args::<(Value,), (Option<Value>,), (), (), RHash, ()>(arguments)?;
            let options =
                get_kwargs::<_, (), (Option<bool>,), ()>(scanned.keywords, &[], &["exception"])?;
            let raises = options.optional.0.unwrap_or(true);
            let nil = ruby.qnil().as_value();
            let buffer = scanned.optional.0.unwrap_or(nil);
            let (length, buffer) = read_arguments(ruby, &[scanned.required.0, buffer])?;
            this.check_readable(ruby)?;
            if this.would_block(ruby) {
                return if raises { Err(wait_readable(ruby)?) } else { Ok(wait_symbol(ruby)) };
            }
            match this.next_part(ruby, length.unwrap_or(usize::MAX))? {
                Some(part) => filled(ruby, Some(&part), buffer),
                None if raises => Err(end_of_file(ruby)),
                None => Ok(nil),
            }
        })
    }

    /// `close`: ends both directions.
    fn close(ruby: &Ruby, this: Obj<Self>) -> Result<(), Error> {
        this.read_closed.set(true);
        Self::close_write(ruby, this)
    }

    /// `close_read`: nothing more is read.
    fn close_read(&self) {
        self.read_closed.set(true);
    }

    /// `close_write`: the response is complete.
    fn close_write(ruby: &Ruby, this: Obj<Self>) -> Result<(), Error> {
        let was_closed = this.write_closed.replace(true);
        match !was_closed && this.client.is_in_own_process() && !this.has_trailers.get() {
            true => this.chunks.finish(ruby, &this.client, None),
            false => Ok(()),
        }
    }

    /// `closed?`: whether both directions have ended.
    fn is_closed(&self) -> bool {
        self.write_closed.get() && self.read_closed.get()
    }

    fn write_piece(&self, ruby: &Ruby, piece: RString) -> Result<(), Error> {
        if self.write_closed.get() {
            return Err(Error::new(ruby.exception_io_error(), "not opened for writing"));
        }
        self.client.write_piece(ruby, self.chunks.payload(ruby, piece)?)
    }

    fn check_readable(&self, ruby: &Ruby) -> Result<(), Error> {
        match self.read_closed.get() {
            true => Err(Error::new(ruby.exception_io_error(), "not opened for reading")),
            false => Ok(()),
        }
    }

    /// The next bytes from either source; `None` at the end.
    fn next_part(&self, ruby: &Ruby, most: usize) -> Result<Option<Bytes>, Error> {
        self.check_readable(ruby)?;
        if self.is_tunnel {
            return self.receive(ruby, most);
        }
        let part = ruby.get_inner(self.input).take(ruby, Want::Some(most))?;
        Ok((!part.is_empty() || most == 0).then_some(part))
    }

    /// The next bytes of the tunnel; `None` at the end. Waits without the interpreter's lock.
    fn receive(&self, ruby: &Ruby, most: usize) -> Result<Option<Bytes>, Error> {
        if !self.client.is_in_own_process() {
            return Err(client_disconnected(ruby));
        }
        loop {
            if let Some(part) = self.take_received(most) {
                return Ok(Some(part));
            }
            let waited = wait_for(ruby, &self.client, |client, interrupt, time| {
                client.wait_input(interrupt, time)
            })?;
            let is_over = waited != Wait::Ready || self.client.input_ended();
            if let Some(part) = self.take_received(most) {
                return Ok(Some(part));
            }
            if is_over {
                return Ok(None);
            }
        }
    }

    fn take_received(&self, most: usize) -> Option<Bytes> {
        let mut received = self.received.borrow_mut();
        if received.is_empty() {
            *received = self.client.take_input()?;
        }
        let length = received.len().min(most);
        Some(received.copy_to_bytes(length))
    }

    fn would_block(&self, ruby: &Ruby) -> bool {
        if !self.is_tunnel {
            return ruby.get_inner(self.input).would_block();
        }
        let mut received = self.received.borrow_mut();
        if received.is_empty() && self.client.is_in_own_process() {
            *received = self.client.take_input().unwrap_or_default();
        }
        received.is_empty() && !self.client.input_ended() && !self.client.is_abandoned()
    }
}

fn end_of_file(ruby: &Ruby) -> Error {
    Error::new(ruby.exception_eof_error(), "end of file reached")
}

fn wait_symbol(ruby: &Ruby) -> Value {
    ruby.to_symbol("wait_readable").as_value()
}

/// An IO::EAGAINWaitReadable, which `rescue IO::WaitReadable` catches.
fn wait_readable(ruby: &Ruby) -> Result<Error, Error> {
    let class: magnus::ExceptionClass = ruby.class_io().const_get("EAGAINWaitReadable")?;
    Ok(Error::new(class, "read would block"))
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = class::define::<Stream>(ruby, ruby.get_inner(&HYPERION), "Stream")?;
    class.define_method("write", method!(Stream::write, -1))?;
    class.define_method("<<", method!(Stream::append, 1))?;
    class.define_method("write_nonblock", method!(Stream::write_nonblock, -1))?;
    class.define_method("flush", method!(Stream::flush, 0))?;
    class.define_method("read", method!(Stream::read, -1))?;
    class.define_method("readpartial", method!(Stream::readpartial, -1))?;
    class.define_method("read_nonblock", method!(Stream::read_nonblock, -1))?;
    class.define_method("close", method!(Stream::close, 0))?;
    class.define_method("close_read", method!(Stream::close_read, 0))?;
    class.define_method("close_write", method!(Stream::close_write, 0))?;
    class.define_method("closed?", method!(Stream::is_closed, 0))
}
