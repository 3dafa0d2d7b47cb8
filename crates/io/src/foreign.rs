//! Reading and writing descriptors that somebody else owns, and may close at any time.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

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
    let kind = FileType::from_raw_mode(rustix::fs::fstat(descriptor)?.st_mode);
    if matches!(kind, FileType::RegularFile | FileType::BlockDevice | FileType::Directory) {
        return Ok(Nature::Disk);
    }
    Ok(match rustix::fs::fcntl_getfl(descriptor)?.contains(OFlags::NONBLOCK) {
        true => Nature::NonBlocking,
        false => Nature::Pollable,
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
