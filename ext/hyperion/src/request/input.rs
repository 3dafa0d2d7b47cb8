//! `Hyperion::Input`: rack.input. Complete in memory or in a file when the application is called, or
//! still with a client that waits to be asked for it.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::Body;
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{Error, RString, Ruby, TypedData, Value, method};

use crate::reply::SharedReply;
use crate::reply::wait_for;
use crate::request::live_input::{self, Arrived, Want};
use crate::request::read_arguments::{filled, read_arguments};
use crate::request::spooled_input::Spooled;
use crate::vm::class;
use crate::vm::error::{HYPERION, client_disconnected, contain};
use crate::vm::gvl::off_lock;

/// The body of one request.
#[derive(TypedData, magnus::DataTypeFunctions)]
#[magnus(class = "Hyperion::Input", size, free_immediately, wb_protected)]
pub struct Input {
    source: RefCell<Source>,
    /// Bytes that the collector knows of.
    held: Cell<isize>,
}

/// Bodies in memory from this size on are told to the collector.
const NOTED_BYTES: usize = 16 * 1024;

/// Where the bytes are.
enum Source {
    Empty(io::Empty),
    Memory(Cursor<Bytes>),
    File(Spooled),
    /// With the client, who waits to be asked.
    Client {
        client: Arc<SharedReply>,
        asked: bool,
    },
    /// Read while it arrives, or once the client was asked for it.
    Live {
        client: Arc<SharedReply>,
        arrived: Arrived,
        asked: bool,
    },
    /// Another thread reads from its file.
    InUse,
    Closed,
}

impl Drop for Input {
    fn drop(&mut self) {
        self.tell_collector(0);
    }
}

impl Input {
    /// The input of a request with this body.
    pub fn new(body: Body, client: &Arc<SharedReply>) -> Self {
        let memory = match &body {
            Body::Memory(bytes) if bytes.len() >= NOTED_BYTES => bytes.len(),
            _ => 0,
        };
        let source = RefCell::new(Source::new(body, client));
        let input = Self { source, held: Cell::new(0) };
        input.tell_collector(memory as isize);
        input
    }

    /// The object holds so many bytes from now on.
    fn tell_collector(&self, bytes: isize) {
        let before = self.held.replace(bytes);
        if before != bytes
            && let Ok(ruby) = Ruby::get()
        {
            ruby.gc_adjust_memory_usage(bytes - before);
        }
    }

    /// `read(length = nil, buffer = nil)`: as of IO.
    fn read(ruby: &Ruby, this: Obj<Self>, arguments: &[Value]) -> Result<Value, Error> {
        contain(ruby, || {
            let (length, buffer) = read_arguments(ruby, arguments)?;
            let bytes = this.take(ruby, length.map_or(Want::All, Want::Bytes))?;
            let at_end = bytes.is_empty() && length.is_some_and(|length| length > 0);
            filled(ruby, (!at_end).then_some(&bytes[..]), buffer)
        })
    }

    /// `gets`: the next line, or nil.
    fn gets(ruby: &Ruby, this: Obj<Self>) -> Result<Option<RString>, Error> {
        contain(ruby, || {
            let line = this.take(ruby, Want::Line)?;
            Ok((!line.is_empty()).then(|| ruby.str_from_slice(&line)))
        })
    }

    /// `each { |line| }`: the lines that are left.
    fn each(ruby: &Ruby, this: Obj<Self>) -> Result<Value, Error> {
        if !ruby.block_given() {
            return Ok(this.enumeratorize("each", ()).as_value());
        }
        while let Some(line) = Self::gets(ruby, this)? {
            let _: Value = ruby.yield_value(line)?;
        }
        Ok(this.as_value())
    }

    /// `rewind`: back to the start.
    fn rewind(ruby: &Ruby, this: Obj<Self>) -> Result<u64, Error> {
        contain(ruby, || this.source(ruby, Source::rewind))
    }

    /// `size`: bytes of the body.
    fn size(ruby: &Ruby, this: Obj<Self>) -> Result<u64, Error> {
        contain(ruby, || {
            this.fetch(ruby)?;
            this.source(ruby, |source| source.len())
        })
    }

    /// `close`: nothing more is read, and what is left is let go.
    pub fn close(&self) {
        self.source.replace(Source::Closed);
        self.tell_collector(0);
    }

    /// Whether there is anything that [`close`](Self::close) lets go.
    pub fn holds_anything(&self) -> bool {
        !matches!(*self.source.borrow(), Source::Empty(_) | Source::Closed)
    }

    fn source<T>(
        &self,
        ruby: &Ruby,
        read: impl FnOnce(&mut Source) -> io::Result<T>,
    ) -> Result<T, Error> {
        read(&mut self.source.borrow_mut())
            .map_err(|error| Error::new(ruby.exception_io_error(), error.to_string()))
    }

    /// Takes what is wanted, or what is left, and waits for it where it is still to arrive.
    ///
    /// # Errors
    /// An IOError of a closed input, `Hyperion::ClientDisconnected` when no more will come,
    /// `Hyperion::Error` when more than may be kept is wanted at once of a body that still arrives.
    pub fn take(&self, ruby: &Ruby, want: Want) -> Result<Bytes, Error> {
        self.fetch(ruby)?;
        loop {
            let client = match &mut *self.source.borrow_mut() {
                Source::Live { client, arrived, asked } => {
                    arrived.check_start(ruby)?;
                    if let Some(bytes) = arrived.obtain(want, client) {
                        return Ok(bytes);
                    }
                    arrived.check_size(ruby)?;
                    request_once(asked, client);
                    client.clone()
                }
                _ => break,
            };
            // Nothing is borrowed while other threads run.
            if !live_input::wait(ruby, &client)? {
                return Err(cut_off(ruby, &client));
            }
        }
        match self.take_file(ruby)? {
            None => self.source(ruby, |source| source.take(want)),
            Some(mut file) => {
                // A disk may be slow, and other threads have other things to do.
                let taken = match file.has_at_hand(want) {
                    true => file.take(want),
                    false => off_lock(|| file.take(want)),
                };
                self.put_back(file);
                taken.map_err(|error| Error::new(ruby.exception_io_error(), error.to_string()))
            }
        }
    }

    /// The file to read from, where the body is in one; nothing is borrowed while other threads run.
    fn take_file(&self, ruby: &Ruby) -> Result<Option<Spooled>, Error> {
        let mut source = self.source.borrow_mut();
        match std::mem::replace(&mut *source, Source::InUse) {
            Source::File(file) => Ok(Some(file)),
            Source::InUse => Err(Error::new(ruby.exception_io_error(), in_use().to_string())),
            other => {
                *source = other;
                Ok(None)
            }
        }
    }

    /// Another thread may have closed the input meanwhile.
    fn put_back(&self, file: Spooled) {
        let mut source = self.source.borrow_mut();
        if matches!(*source, Source::InUse) {
            *source = Source::File(file);
        }
    }

    /// Whether whoever reads now has to wait for what still arrives.
    pub fn would_block(&self) -> bool {
        match &mut *self.source.borrow_mut() {
            Source::Live { client, arrived, asked } => {
                request_once(asked, client);
                arrived.is_awaited(client)
            }
            _ => false,
        }
    }

    /// Gets the body from a client that holds it back.
    fn fetch(&self, ruby: &Ruby) -> Result<(), Error> {
        loop {
            let client = match &mut *self.source.borrow_mut() {
                Source::Client { client, asked } => {
                    if !client.is_in_own_process() {
                        return Err(client_disconnected(ruby));
                    }
                    request_once(asked, client);
                    client.clone()
                }
                _ => return Ok(()),
            };
            // Nothing is borrowed while other threads run.
            wait_for(ruby, &client, |client, interrupt, time| client.wait_body(interrupt, time))?;
            let body = client.take_body().ok_or_else(|| cut_off(ruby, &client))?;
            self.source.replace(Source::new(body, &client));
        }
    }
}

impl Source {
    fn new(body: Body, client: &Arc<SharedReply>) -> Self {
        match body {
            Body::Empty => Source::Empty(io::empty()),
            Body::Memory(bytes) => Source::Memory(Cursor::new(bytes)),
            Body::File { file, length } => Source::File(Spooled::new(file, length)),
            Body::OnDemand => Source::Client { client: client.clone(), asked: false },
            Body::Live { at_once, on_demand } => Source::Live {
                client: client.clone(),
                arrived: Arrived::new(at_once),
                asked: !on_demand,
            },
        }
    }

    /// The next bytes, or all that are left.
    fn take(&mut self, want: Want) -> io::Result<Bytes> {
        let length = match want {
            Want::Bytes(length) | Want::Some(length) => Some(length),
            Want::All => None,
            Want::Line => {
                let mut line = Vec::new();
                self.reader()?.read_until(b'\n', &mut line)?;
                return Ok(line.into());
            }
        };
        if let Source::Memory(cursor) = self {
            let start = cursor.position() as usize;
            let left = cursor.get_ref().len() - start;
            let end = start + length.unwrap_or(left).min(left);
            cursor.set_position(end as u64);
            return Ok(cursor.get_ref().slice(start..end));
        }
        let mut bytes = Vec::new();
        let limit = length.map_or(u64::MAX, |length| length as u64);
        self.reader()?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    fn reader(&mut self) -> io::Result<&mut dyn BufRead> {
        match self {
            Source::Empty(reader) => Ok(reader),
            Source::Memory(reader) => Ok(reader),
            Source::File(_) | Source::InUse => Err(in_use()),
            Source::Client { .. } | Source::Live { .. } => {
                Err(io::Error::other("the body has not arrived"))
            }
            Source::Closed => Err(io::Error::other("closed stream")),
        }
    }

    fn rewind(&mut self) -> io::Result<u64> {
        match self {
            Source::Memory(reader) => reader.seek(SeekFrom::Start(0)),
            Source::File(file) => file.rewind(),
            Source::InUse => Err(in_use()),
            Source::Empty(_) | Source::Client { .. } => Ok(0),
            Source::Live { arrived, .. } => {
                arrived.rewind();
                Ok(0)
            }
            Source::Closed => Err(io::Error::other("closed stream")),
        }
    }

    fn len(&self) -> io::Result<u64> {
        match self {
            Source::Memory(reader) => Ok(reader.get_ref().len() as u64),
            Source::File(file) => Ok(file.len()),
            Source::InUse => Err(in_use()),
            Source::Empty(_) | Source::Client { .. } => Ok(0),
            Source::Live { .. } => Err(io::Error::other("a body that still arrives has no size")),
            Source::Closed => Err(io::Error::other("closed stream")),
        }
    }
}

/// Tells a client that holds back its body to send it.
fn request_once(asked: &mut bool, client: &SharedReply) {
    if !std::mem::replace(asked, true) && client.is_in_own_process() {
        client.request_body();
    }
}

/// Why no more will come: the client has left, or has its response and was told to send no more.
fn cut_off(ruby: &Ruby, client: &SharedReply) -> Error {
    match client.is_complete() || client.is_taken_over() {
        true => Error::new(ruby.exception_io_error(), "closed stream"),
        false => client_disconnected(ruby),
    }
}

fn in_use() -> io::Error {
    io::Error::other("another thread reads from this request body")
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = class::define::<Input>(ruby, ruby.get_inner(&HYPERION), "Input")?;
    class.define_method("read", method!(Input::read, -1))?;
    class.define_method("gets", method!(Input::gets, 0))?;
    class.define_method("each", method!(Input::each, 0))?;
    class.define_method("rewind", method!(Input::rewind, 0))?;
    class.define_method("size", method!(Input::size, 0))?;
    class.define_method("close", method!(Input::close, 0))
}
