//! Opening files below a directory and nowhere else, whatever links say.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Symbolic links followed for one path; the kernel has the same bound.
const LINKS_MAX: usize = 40;

/// The kernel answers `EAGAIN` when something was renamed while it resolved `..` in a link.
const ATTEMPTS_MAX: usize = 4;

/// A device or pipe must neither block nor become the terminal of this process.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// The magic numbers of file systems on disks of this machine, and in its memory: ext2 to ext4, xfs, btrfs, f2fs,
/// zfs, bcachefs, jfs, overlayfs, tmpfs, ramfs, squashfs, erofs, exfat, fat.
const LOCAL: [u32; 14] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0xca45_1a4e,
    0x3153_464a,
    0x794c_7630,
    0x0102_1994,
    0x8584_58f6,
    0x7371_7368,
    0xe0f5_e1e2,
    0x2011_bab0,
    0x4d44,
];

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that stays the same when its name is given to another.
#[derive(Clone, Debug)]
pub(super) struct Root {
    directory: Arc<OwnedFd>,
    resolution: Resolution,
    device: u64,
    is_local: bool,
    /// Whether the disk, or whatever stands for it, may be waited for.
    waits: bool,
}

/// Who keeps a path below the root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Resolution {
    /// The kernel, by `openat2`, which can also say whether it would have to wait.
    Kernel,
    /// The same, but for that (before Linux 5.12).
    OldKernel,
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
        let open = |more| open_by_kernel(directory.as_fd(), c".", DIRECTORY, more);
        let resolution = match open(ResolveFlags::empty()) {
            Err(Errno::NOSYS | Errno::PERM) => Resolution::Steps,
            _ => match open(ResolveFlags::CACHED) {
                Err(Errno::INVAL) => Resolution::OldKernel,
                _ => Resolution::Kernel,
            },
        };
        let device = rustix::fs::fstat(&directory)?.st_dev;
        let is_local = is_local(directory.as_fd());
        Ok(Self { directory: directory.into(), resolution, device, is_local, waits: true })
    }

    /// The same directory for a thread that must not wait: whatever might is `AGAIN`.
    pub fn without_waiting(&self) -> Self {
        Self { waits: false, ..self.clone() }
    }

    /// Whether its files are on this machine.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether files are read though a disk has to be waited for.
    pub fn waits(&self) -> bool {
        self.waits
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
    /// It was a file of `device`.
    pub fn stat(&self, path: &CStr, device: u64) -> Result<Stat, Errno> {
        if !(self.waits || self.is_local && device == self.device) {
            return Err(Errno::AGAIN);
        }
        rustix::fs::statat(&self.directory, path, AtFlags::NO_AUTOMOUNT)
    }

    fn open_as(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let root = self.directory.as_fd();
        match self.resolution {
            _ if !self.waits && !self.is_local => Err(Errno::AGAIN),
            Resolution::Kernel if !self.waits => open_at_once(root, path, flags),
            Resolution::Kernel | Resolution::OldKernel => {
                open_by_kernel(root, path, flags, ResolveFlags::empty())
            }
            Resolution::Steps => open_by_steps(root, path.to_bytes(), flags),
        }
    }
}

fn open_by_kernel(
    root: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    more: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
    let mut attempt = 1;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if attempt < ATTEMPTS_MAX => attempt += 1,
            result => return result,
        }
    }
}

/// Opens what the kernel finds in its memory; `AGAIN` where it does not, or where the path comes to another
/// mount, which may be of another kind. One attempt is enough: whoever may wait looks next.
fn open_at_once(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV
        | ResolveFlags::CACHED;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        Err(Errno::XDEV | Errno::INTR) => Err(Errno::AGAIN),
        result => result,
    }
}

/// Whether a file system keeps its files on this machine. Of all others nobody knows what opening a file, or
/// reading it, waits for.
fn is_local(directory: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(directory).is_ok_and(|facts| LOCAL.contains(&(facts.f_type as u32)))
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
