//! A read or a write that may block, for a thread of the pool.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use hyperion_engine::foreign;
use magnus::prelude::*;
use magnus::{DataTypeFunctions, Error, RClass, Ruby, TypedData, Value, method};

use crate::vm::gvl::off_lock_until_signalled;

/// What is done.
pub enum Work {
    /// At most so many bytes are read.
    Read(usize),
    /// These are written.
    Write(Vec<u8>),
}

/// It owns its descriptor, so that whoever waits for it may close theirs; it is done once.
#[derive(TypedData)]
#[magnus(class = "Hyperion::FiberLoop::BlockingTransfer", free_immediately)]
pub struct BlockingTransfer(RefCell<Option<(OwnedFd, Work, Option<u64>)>>);

impl DataTypeFunctions for BlockingTransfer {}

impl BlockingTransfer {
    pub fn new(descriptor: OwnedFd, work: Work, position: Option<u64>) -> Self {
        Self(RefCell::new(Some((descriptor, work, position))))
    }

    /// `call`: the bytes that were read, or how many were written; a negative errno where it fails.
    fn call(ruby: &Ruby, this: &Self) -> Value {
        let Some((descriptor, work, position)) = this.0.take() else {
            return ruby.qnil().as_value();
        };
        let descriptor = descriptor.as_raw_fd();
        let integer = |number| ruby.integer_from_i64(number).as_value();
        match work {
            Work::Read(length) => {
                let mut bytes = vec![0; length];
                let read = || foreign::read(descriptor, &mut bytes, position);
                match off_lock_until_signalled(read) {
                    Ok(count) => ruby.str_from_slice(&bytes[..count]).as_value(),
                    Err(failure) => integer(errno(&failure)),
                }
            }
            Work::Write(bytes) => {
                let write = || foreign::write(descriptor, &bytes, position);
                integer(off_lock_until_signalled(write).map_or_else(|e| errno(&e), |n| n as i64))
            }
        }
    }
}

/// As the hooks of a scheduler give it.
pub fn errno(failure: &io::Error) -> i64 {
    const EIO: i32 = 5;
    -i64::from(failure.raw_os_error().unwrap_or(EIO))
}

/// Defines `Hyperion::FiberLoop::BlockingTransfer`.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby, outer: RClass) -> Result<(), Error> {
    let class = crate::vm::class::define::<BlockingTransfer>(ruby, outer, "BlockingTransfer")?;
    class.define_method("call", method!(BlockingTransfer::call, 0))
}
