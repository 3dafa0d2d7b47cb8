//! Reading and writing descriptors that somebody else owns, and may close at any time.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{FileType, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

/// To the kernel, the position at which the file stands.
const HERE: u64 = u64::MAX;

/// A call that must not block.
#[derive(Debug)]
pub enum Attempt {
    /// It has ended.
    Done(io::Result<usize>),
    /// It would have blocked.
    WouldBlock,
    /// The kernel cannot tell for this descriptor.
    Unsupported,
}

/// Reads without blocking, whatever the mode of the descriptor; from `position` where one is given.
pub fn read_now(descriptor: RawFd, bytes: &mut [u8], position: Option<u64>) -> Attempt {
    let now = borrow(descriptor).and_then(|borrowed| {
        let mut buffers = [IoSliceMut::new(bytes)];
        rustix::io::preadv2(
            borrowed,
            &mut buffers,
            position.unwrap_or(HERE),
            ReadWriteFlags::NOWAIT,
        )
    });
    attempt(descriptor, now, || read(descriptor, bytes, position))
}

/// Writes without blocking, whatever the mode of the descriptor; at `position` where one is given.
pub fn write_now(descriptor: RawFd, bytes: &[u8], position: Option<u64>) -> Attempt {
    let now = borrow(descriptor).and_then(|borrowed| {
        let buffers = [IoSlice::new(bytes)];
        rustix::io::pwritev2(borrowed, &buffers, position.unwrap_or(HERE), ReadWriteFlags::NOWAIT)
    });
    attempt(descriptor, now, || write(descriptor, bytes, position))
}

/// What has become of a call; `plain` is the same call in the descriptor's own mode.
fn attempt(
    descriptor: RawFd,
    now: Result<usize, Errno>,
    plain: impl FnOnce() -> io::Result<usize>,
) -> Attempt {
    match now {
        Err(Errno::AGAIN) => Attempt::WouldBlock,
        // Not every kernel and not every file system knows the flag.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) if is_non_blocking(descriptor) => match plain() {
            Err(failure) if failure.kind() == io::ErrorKind::WouldBlock => Attempt::WouldBlock,
            done => Attempt::Done(done),
        },
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Attempt::Unsupported,
        done => Attempt::Done(done.map_err(io::Error::from)),
    }
}

/// A file is never ready or not, and its mode says nothing.
fn is_non_blocking(descriptor: RawFd) -> bool {
    let flags = borrow(descriptor).and_then(rustix::fs::fcntl_getfl);
    flags.is_ok_and(|flags| flags.contains(OFlags::NONBLOCK)) && !is_on_disk(descriptor)
}

/// Whether a disk is waited for, which no event tells the end of.
pub fn is_on_disk(descriptor: RawFd) -> bool {
    let Ok(stat) = borrow(descriptor).and_then(rustix::fs::fstat) else { return false };
    let kind = FileType::from_raw_mode(stat.st_mode);
    matches!(kind, FileType::RegularFile | FileType::BlockDevice | FileType::Directory)
}

/// read(2), or pread(2) where a position is given.
///
/// # Errors
/// Those of the call.
pub fn read(descriptor: RawFd, bytes: &mut [u8], position: Option<u64>) -> io::Result<usize> {
    let descriptor = borrow(descriptor)?;
    Ok(match position {
        Some(position) => rustix::io::pread(descriptor, bytes, position)?,
        None => rustix::io::read(descriptor, bytes)?,
    })
}

/// write(2), or pwrite(2) where a position is given.
///
/// # Errors
/// Those of the call.
pub fn write(descriptor: RawFd, bytes: &[u8], position: Option<u64>) -> io::Result<usize> {
    let descriptor = borrow(descriptor)?;
    Ok(match position {
        Some(position) => rustix::io::pwrite(descriptor, bytes, position)?,
        None => rustix::io::write(descriptor, bytes)?,
    })
}

/// Closes it on behalf of its owner. What the kernel says of it tells nothing that the owner could act on.
pub fn close(descriptor: RawFd) {
    if descriptor >= 0 {
        // SAFETY: whoever calls owns the descriptor, and gives it up by this call.
        drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    }
}

/// A descriptor that is readable once a child process has ended.
///
/// # Errors
/// Those of pidfd_open(2); ESRCH for what is no process.
pub fn open_process(pid: i32) -> io::Result<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(pid.max(0)).ok_or(Errno::SRCH)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A duplicate, which stays open whatever the owner does.
///
/// # Errors
/// Those of fcntl(2).
pub fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    borrow(descriptor)?.try_clone_to_owned()
}

fn borrow(descriptor: RawFd) -> Result<BorrowedFd<'static>, Errno> {
    if descriptor < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the descriptor is only passed to the kernel, which checks it, and not kept by any caller here.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
