//! Reading and writing descriptors that somebody else owns, and may close at any time.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::fs::{FileType, OFlags};

/// How a descriptor is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Nature {
    /// Its calls never block.
    NonBlocking,
    /// Its calls block, unless it was ready before.
    Pollable,
    /// Nothing tells when it is ready: its calls wait for a disk.
    Disk,
}

/// How this one is waited for.
///
/// # Errors
/// Those of fcntl(2) and fstat(2).
pub fn nature(descriptor: RawFd) -> io::Result<Nature> {
    let descriptor = borrow(descriptor)?;
    if rustix::fs::fcntl_getfl(descriptor)?.contains(OFlags::NONBLOCK) {
        return Ok(Nature::NonBlocking);
    }
    Ok(match FileType::from_raw_mode(rustix::fs::fstat(descriptor)?.st_mode) {
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory => Nature::Disk,
        _ => Nature::Pollable,
    })
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
    let pid = Pid::from_raw(pid.max(0)).ok_or(rustix::io::Errno::SRCH)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A duplicate, which stays open whatever the owner does.
///
/// # Errors
/// Those of fcntl(2).
pub fn duplicate(descriptor: RawFd) -> io::Result<OwnedFd> {
    borrow(descriptor)?.try_clone_to_owned()
}

fn borrow(descriptor: RawFd) -> io::Result<BorrowedFd<'static>> {
    if descriptor < 0 {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: the descriptor is only passed to the kernel, which checks it, and not kept by any caller here.
    Ok(unsafe { BorrowedFd::borrow_raw(descriptor) })
}
