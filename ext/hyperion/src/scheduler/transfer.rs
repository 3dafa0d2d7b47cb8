//! `io_read`, `io_write`, `io_pread` and `io_pwrite`: as the kernel's calls, but a fiber waits instead of its thread.

use std::io;
use std::os::fd::RawFd;

use hyperion_engine::foreign::{self, Attempt};
use hyperion_engine::poller::Events;
use magnus::prelude::*;
use magnus::scan_args::scan_args;
use magnus::{Error, RString, Ruby, TryConvert, Value};

use super::Scheduler;
use super::blocking_transfer::{BlockingTransfer, Work, errno};
use crate::vm::raw::{with_buffer, with_buffer_mut, with_bytes};

/// What is moved at once: the interpreter's lock is held meanwhile, or a copy made.
const PIECE_BYTES: usize = 1024 * 1024;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Direction {
    Read,
    Write,
}

impl Direction {
    fn events(self) -> Events {
        match self {
            Self::Read => Events::READABLE,
            Self::Write => Events::WRITABLE,
        }
    }
}

/// One call of Ruby's.
struct Transfer {
    direction: Direction,
    io: Value,
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
                Err(failure) => return Ok(errno(&failure)),
            }
            if moved >= transfer.least {
                return Ok(moved as i64);
            }
        }
    }

    /// Moves some bytes. After each wait the IO is asked anew for its descriptor: it may have been closed, and its
    /// number given to something else.
    fn step(
        &self,
        ruby: &Ruby,
        transfer: &Transfer,
        moved: usize,
    ) -> Result<io::Result<usize>, Error> {
        loop {
            let descriptor = transfer.descriptor()?;
            let attempt = transfer.attempt(descriptor, moved)?;
            match attempt {
                Attempt::Done(done) => return Ok(done),
                _ if foreign::is_on_disk(descriptor) => break,
                Attempt::WouldBlock => {
                    self.wait_for(ruby, descriptor, transfer.direction.events(), None)?;
                }
                Attempt::Unsupported => {
                    self.wait_for(ruby, descriptor, transfer.direction.events(), None)?;
                    break;
                }
            }
        }
        self.on_pool(transfer, moved)
    }

    /// By a thread, on a copy of the bytes: a fiber that is interrupted meanwhile takes its buffer with it.
    fn on_pool(&self, transfer: &Transfer, moved: usize) -> Result<io::Result<usize>, Error> {
        let Some(itself) = self.itself.get() else { return Ok(Ok(0)) };
        let own = match foreign::duplicate(transfer.descriptor()?) {
            Ok(own) => own,
            Err(failure) => return Ok(Err(failure)),
        };
        let work = transfer.copy(moved)?;
        let blocking = BlockingTransfer::new(own, work, transfer.position_behind(moved));
        let itself = Ruby::get_with(transfer.io).get_inner(itself);
        let result: Value = itself.funcall("blocking_operation_wait", (blocking,))?;
        let Some(read) = RString::from_value(result) else {
            let result = i64::try_convert(result)?;
            return Ok(
                usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result as i32))
            );
        };
        with_buffer_mut(transfer.buffer, transfer.offset_behind(moved), |target| {
            with_bytes(read, |bytes| {
                let count = bytes.len().min(target.len());
                target[..count].copy_from_slice(&bytes[..count]);
                Ok(count)
            })
        })
    }
}

impl Transfer {
    fn of(direction: Direction, arguments: &[Value]) -> Result<Self, Error> {
        let arguments =
            scan_args::<(Value, Value, usize), (Option<usize>,), (), (), (), ()>(arguments)?;
        let (io, buffer, least) = arguments.required;
        let offset = arguments.optional.0.unwrap_or_default();
        Ok(Self { direction, io, buffer, offset, position: None, least })
    }

    fn at(direction: Direction, arguments: &[Value]) -> Result<Self, Error> {
        let arguments =
            scan_args::<(Value, Value, u64, usize), (Option<usize>,), (), (), (), ()>(arguments)?;
        let (io, buffer, position, least) = arguments.required;
        let offset = arguments.optional.0.unwrap_or_default();
        Ok(Self { direction, io, buffer, offset, position: Some(position), least })
    }

    /// An IOError where it is closed.
    fn descriptor(&self) -> Result<RawFd, Error> {
        self.io.funcall("fileno", ())
    }

    fn offset_behind(&self, moved: usize) -> usize {
        self.offset.saturating_add(moved)
    }

    fn position_behind(&self, moved: usize) -> Option<u64> {
        self.position.map(|position| position.saturating_add(moved as u64))
    }

    /// What of the buffer is to be written.
    fn rest<'a>(&self, bytes: &'a [u8], moved: usize) -> &'a [u8] {
        let most = match self.least {
            0 => PIECE_BYTES,
            least => PIECE_BYTES.min(least.saturating_sub(moved)),
        };
        &bytes[..bytes.len().min(most)]
    }

    fn attempt(&self, descriptor: RawFd, moved: usize) -> Result<Attempt, Error> {
        let (offset, position) = (self.offset_behind(moved), self.position_behind(moved));
        match self.direction {
            Direction::Read => with_buffer_mut(self.buffer, offset, |bytes| {
                let most = bytes.len().min(PIECE_BYTES);
                foreign::read_now(descriptor, &mut bytes[..most], position)
            }),
            Direction::Write => with_buffer(self.buffer, offset, |bytes| {
                foreign::write_now(descriptor, self.rest(bytes, moved), position)
            }),
        }
    }

    fn copy(&self, moved: usize) -> Result<Work, Error> {
        with_buffer(self.buffer, self.offset_behind(moved), |bytes| match self.direction {
            Direction::Read => Work::Read(bytes.len().min(PIECE_BYTES)),
            Direction::Write => Work::Write(self.rest(bytes, moved).to_vec()),
        })
    }
}
