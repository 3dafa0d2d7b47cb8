//! `io_read`, `io_write`, `io_pread` and `io_pwrite`: as the kernel's calls, but a fiber waits instead of its thread.
//! What waits for a disk is done by a thread of the pool, on a copy: a fiber that is interrupted meanwhile takes its
//! buffer with it.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use hyperion_engine::foreign::{self, Nature};
use hyperion_engine::poller::Events;
use magnus::prelude::*;
use magnus::scan_args::scan_args;
use magnus::{Error, RString, Ruby, Value};

use super::Scheduler;
use crate::vm::gvl::off_lock;
use crate::vm::raw::{with_buffer, with_buffer_mut, with_bytes};

/// What is read from a disk at once.
const PIECE_BYTES: usize = 1024 * 1024;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Direction {
    Read,
    Write,
}

/// One call of Ruby's.
struct Transfer {
    direction: Direction,
    descriptor: RawFd,
    buffer: Value,
    /// Where the bytes stand in the buffer.
    offset: usize,
    /// Where they stand in the file; without it where it is just now.
    position: Option<u64>,
    /// It is enough to move so many, or any where that is 0.
    least: usize,
}

impl Scheduler {
    /// `io_read(io, buffer, length, offset = 0)`
    pub(super) fn io_read(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<i64, Error> {
        this.transfer(ruby, &Transfer::of(Direction::Read, arguments)?)
    }

    /// `io_write(io, buffer, length, offset = 0)`
    pub(super) fn io_write(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<i64, Error> {
        this.transfer(ruby, &Transfer::of(Direction::Write, arguments)?)
    }

    /// `io_pread(io, buffer, from, length, offset = 0)`
    pub(super) fn io_pread(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<i64, Error> {
        this.transfer(ruby, &Transfer::at(Direction::Read, arguments)?)
    }

    /// `io_pwrite(io, buffer, from, length, offset = 0)`
    pub(super) fn io_pwrite(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<i64, Error> {
        this.transfer(ruby, &Transfer::at(Direction::Write, arguments)?)
    }

    /// How many bytes were moved; a negative errno where none was.
    fn transfer(&self, ruby: &Ruby, transfer: &Transfer) -> Result<i64, Error> {
        let mut moved = 0;
        loop {
            match self.step(ruby, transfer, moved)? {
                Ok(0) => return Ok(moved as i64),
                Ok(count) => moved += count,
                Err(failure) if failure.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if moved > 0 => return Ok(moved as i64),
                Err(failure) => {
                    return Ok(-i64::from(failure.raw_os_error().unwrap_or(libc_eio())));
                }
            }
            if moved >= transfer.least {
                return Ok(moved as i64);
            }
        }
    }

    fn step(
        &self,
        ruby: &Ruby,
        transfer: &Transfer,
        moved: usize,
    ) -> Result<io::Result<usize>, Error> {
        let nature = match foreign::nature(transfer.descriptor) {
            Ok(nature) => nature,
            Err(failure) => return Ok(Err(failure)),
        };
        let events = match transfer.direction {
            Direction::Read => Events::READABLE,
            Direction::Write => Events::WRITABLE,
        };
        match nature {
            Nature::Disk => return self.on_pool(ruby, transfer, moved),
            Nature::Pollable => self.await_events(ruby, transfer.descriptor, events)?,
            Nature::NonBlocking => {}
        }
        loop {
            match transfer.run(moved)? {
                Err(failure) if failure.kind() == io::ErrorKind::WouldBlock => {
                    self.await_events(ruby, transfer.descriptor, events)?;
                }
                done => return Ok(done),
            }
        }
    }

    fn await_events(&self, ruby: &Ruby, descriptor: RawFd, events: Events) -> Result<(), Error> {
        self.wait_for(ruby, descriptor, events, None).map(drop)
    }

    fn on_pool(
        &self,
        ruby: &Ruby,
        transfer: &Transfer,
        moved: usize,
    ) -> Result<io::Result<usize>, Error> {
        let class =
            ruby.get_inner(&crate::vm::error::HYPERION).const_get::<_, Value>("Scheduler")?;
        let position = transfer.position.map(|position| position.saturating_add(moved as u64));
        match transfer.direction {
            Direction::Read => {
                let length = with_buffer(
                    transfer.buffer,
                    transfer.offset.saturating_add(moved),
                    <[u8]>::len,
                )?;
                let arguments = (transfer.descriptor, length.min(PIECE_BYTES), position);
                let read: Value = class.funcall("read_on_pool", arguments)?;
                let Some(read) = RString::from_value(read) else { return outcome(read) };
                with_buffer_mut(transfer.buffer, transfer.offset.saturating_add(moved), |target| {
                    with_bytes(read, |bytes| {
                        let count = bytes.len().min(target.len());
                        target[..count].copy_from_slice(&bytes[..count]);
                        Ok(count)
                    })
                })
            }
            Direction::Write => {
                let bytes =
                    with_buffer(transfer.buffer, transfer.offset.saturating_add(moved), |bytes| {
                        ruby.str_from_slice(&bytes[..bytes.len().min(transfer.most(moved))])
                    })?;
                let arguments = (transfer.descriptor, bytes, position);
                outcome(class.funcall("write_on_pool", arguments)?)
            }
        }
    }
}

impl Transfer {
    fn of(direction: Direction, arguments: &[Value]) -> Result<Self, Error> {
        let arguments =
            scan_args::<(Value, Value, usize), (Option<usize>,), (), (), (), ()>(arguments)?;
        let (io, buffer, least) = arguments.required;
        let descriptor = io.funcall("fileno", ())?;
        let offset = arguments.optional.0.unwrap_or_default();
        Ok(Self { direction, descriptor, buffer, offset, position: None, least })
    }

    fn at(direction: Direction, arguments: &[Value]) -> Result<Self, Error> {
        let arguments =
            scan_args::<(Value, Value, u64, usize), (Option<usize>,), (), (), (), ()>(arguments)?;
        let (io, buffer, position, least) = arguments.required;
        let descriptor = io.funcall("fileno", ())?;
        let offset = arguments.optional.0.unwrap_or_default();
        Ok(Self { direction, descriptor, buffer, offset, position: Some(position), least })
    }

    /// What of the buffer is to be written behind so many bytes.
    fn most(&self, moved: usize) -> usize {
        match self.least {
            0 => usize::MAX,
            least => least.saturating_sub(moved),
        }
    }

    fn run(&self, moved: usize) -> Result<io::Result<usize>, Error> {
        let position = self.position.map(|position| position.saturating_add(moved as u64));
        match self.direction {
            Direction::Read => {
                with_buffer_mut(self.buffer, self.offset.saturating_add(moved), |bytes| {
                    foreign::read(self.descriptor, bytes, position)
                })
            }
            Direction::Write => {
                with_buffer(self.buffer, self.offset.saturating_add(moved), |bytes| {
                    foreign::write(
                        self.descriptor,
                        &bytes[..bytes.len().min(self.most(moved))],
                        position,
                    )
                })
            }
        }
    }
}

/// A count, or a negative errno.
fn outcome(result: Value) -> Result<io::Result<usize>, Error> {
    let result = i64::try_convert(result)?;
    Ok(usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result as i32)))
}

fn libc_eio() -> i32 {
    5
}

/// `Hyperion::Scheduler.read_disk(descriptor, length, position)`: a String, or a negative errno. Blocks its thread.
pub(super) fn read_disk(
    ruby: &Ruby,
    descriptor: RawFd,
    length: usize,
    position: Option<u64>,
) -> Value {
    let read = || {
        let own = foreign::duplicate(descriptor)?;
        let mut bytes = vec![0; length];
        let count = foreign::read(own.as_raw_fd(), &mut bytes, position)?;
        bytes.truncate(count);
        Ok::<_, io::Error>(bytes)
    };
    match off_lock(read) {
        Ok(bytes) => ruby.str_from_slice(&bytes).as_value(),
        Err(failure) => errno(ruby, &failure),
    }
}

/// `Hyperion::Scheduler.write_disk(descriptor, string, position)`: how many bytes, or a negative errno.
pub(super) fn write_disk(
    ruby: &Ruby,
    descriptor: RawFd,
    string: RString,
    position: Option<u64>,
) -> Value {
    let bytes = with_bytes(string, <[u8]>::to_vec);
    let write = || foreign::write(foreign::duplicate(descriptor)?.as_raw_fd(), &bytes, position);
    match off_lock(write) {
        Ok(count) => ruby.integer_from_u64(count as u64).as_value(),
        Err(failure) => errno(ruby, &failure),
    }
}

fn errno(ruby: &Ruby, failure: &io::Error) -> Value {
    ruby.integer_from_i64(-i64::from(failure.raw_os_error().unwrap_or(libc_eio()))).as_value()
}
