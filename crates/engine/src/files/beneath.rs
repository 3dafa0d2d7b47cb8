//! Opening files below a directory and nowhere else, whatever links say.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Symbolic links followed for one path; the kernel has the same bound.
const LINKS_MAX: usize = 40;

/// The kernel answers `EAGAIN` when something was renamed while it resolved `..` in a link.
const ATTEMPTS_MAX: usize = 4;

/// A device or pipe must neither block nor become the terminal of this process.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that stays the same when its name is given to another.
#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    resolution: Resolution,
}

/// Who keeps a path below the root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Resolution {
    /// The kernel, by `openat2`.
    Kernel,
    /// We do, one segment after the other, where `openat2` is missing or forbidden.
    Steps,
}

impl Root {
    /// Opens `path`, following links; only what is below must stay below.
    ///
    /// # Errors
    /// When it is no directory or may not be entered.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let directory = rustix::fs::open(path, DIRECTORY, Mode::empty())?;
        let resolution = match open_by_kernel(directory.as_fd(), c".", DIRECTORY) {
            Err(Errno::NOSYS | Errno::PERM) => Resolution::Steps,
            _ => Resolution::Kernel,
        };
        Ok(Self { directory, resolution })
    }

    /// Opens what `path` names, which may be anything: look at it before use.
    ///
    /// # Errors
    /// `XDEV` for a path that leads out; `LOOP` for links that never end.
    pub fn open_file(&self, path: &CStr) -> Result<OwnedFd, Errno> {
        self.open_as(path, FILE)
    }

    /// Opens the directory `path` to list it.
    ///
    /// # Errors
    /// As for [`Root::open_file`].
    pub fn open_directory(&self, path: &CStr) -> Result<OwnedFd, Errno> {
        self.open_as(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// What `path` names now. Links may lead out of the root here: the answer is only good to be
    /// compared with that of an open file.
    pub fn stat(&self, path: &CStr) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.directory, path, AtFlags::NO_AUTOMOUNT)
    }

    fn open_as(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.resolution {
            Resolution::Kernel => open_by_kernel(self.directory.as_fd(), path, flags),
            Resolution::Steps => open_by_steps(self.directory.as_fd(), path.to_bytes(), flags),
        }
    }
}

fn open_by_kernel(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut attempt = 1;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if attempt < ATTEMPTS_MAX => attempt += 1,
            result => return result,
        }
    }
}

/// Opens each directory on the way by its descriptor, so that nobody can move the ground, and
/// follows links by hand: `..` goes back to a directory that was passed, never to a parent.
fn open_by_steps(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut passed: Vec<OwnedFd> = Vec::new();
    let mut ahead = Vec::new();
    push_segments(&mut ahead, path)?;
    let mut links = 0;
    while let Some(segment) = ahead.pop() {
        match &segment[..] {
            b"" | b"." => continue,
            b".." => {
                passed.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            _ => {}
        }
        let here = passed.last().map_or(root, AsFd::as_fd);
        let is_last = ahead.is_empty();
        let wanted = if is_last { flags } else { DIRECTORY };
        match rustix::fs::openat(here, &segment[..], wanted | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(found) if is_last => return Ok(found),
            Ok(directory) => passed.push(directory),
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => {
                let target = rustix::fs::readlinkat(here, &segment[..], Vec::new());
                let target = target.map_err(|_| error)?;
                links += 1;
                if links > LINKS_MAX {
                    return Err(Errno::LOOP);
                }
                push_segments(&mut ahead, target.to_bytes())?;
            }
            Err(error) => return Err(error),
        }
    }
    let here = passed.last().map_or(root, AsFd::as_fd);
    rustix::fs::openat(here, c".", flags, Mode::empty())
}

fn push_segments(ahead: &mut Vec<Vec<u8>>, path: &[u8]) -> Result<(), Errno> {
    match path {
        [] => Err(Errno::NOENT),
        [b'/', ..] => Err(Errno::XDEV),
        _ => {
            ahead.extend(path.split(|&byte| byte == b'/').rev().map(<[u8]>::to_vec));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
