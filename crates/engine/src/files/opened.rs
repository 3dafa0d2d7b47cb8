//! Regular files, open.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_buf::DiskFile;
use rustix::fs::FileType;
use rustix::io::ReadWriteFlags;

use super::beneath::Root;
use super::negotiate::Coding;
use super::refusal::Refusal;
use super::validator::Validator;

/// A file below a root, or an encoding of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub path: CString,
    pub coding: Option<Coding>,
    pub file: Arc<DiskFile>,
    pub stamp: Validator,
}

impl Opened {
    /// Opens `path`, or the encoding that lies beside it.
    ///
    /// # Errors
    /// As for [`open_regular`].
    pub fn open(root: &Root, path: &[u8], coding: Option<Coding>) -> Result<Self, Refusal> {
        let suffix = coding.map_or("", Coding::suffix);
        let path = c_string([path, suffix.as_bytes()].concat())?;
        let (file, stamp) = open_regular(root, &path)?;
        Ok(Self { path, coding, file: Arc::new(file.into()), stamp })
    }

    /// All bytes; `None` when the file has changed since it was opened.
    ///
    /// # Errors
    /// When the disk fails, or is not to be waited for and has to be.
    pub fn read(&self, waits: bool) -> Result<Option<Bytes>, Refusal> {
        let mut bytes = vec![0; self.stamp.size as usize];
        match waits {
            true => match self.file.read_exact_at(&mut bytes, 0) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                result => result.map_err(|_| Refusal::Broken)?,
            },
            false => read_at_once(&self.file, &mut bytes)?,
        }
        let stamp = Validator::of(&rustix::fs::fstat(&self.file)?);
        Ok((stamp == self.stamp).then(|| bytes.into()))
    }
}

/// Reads what the kernel has in its memory.
///
/// # Errors
/// [`Refusal::Cold`] where that is not all.
fn read_at_once(file: &DiskFile, bytes: &mut [u8]) -> Result<(), Refusal> {
    let length = bytes.len();
    let mut slices = [IoSliceMut::new(bytes)];
    match rustix::io::preadv2(file, &mut slices, 0, ReadWriteFlags::NOWAIT) {
        Ok(count) if count == length => Ok(()),
        _ => Err(Refusal::Cold),
    }
}

/// Opens the regular file `path`; devices, pipes and sockets are not there.
///
/// # Errors
/// [`Refusal::Directory`] for a directory; why there is no such file otherwise.
pub(super) fn open_regular(root: &Root, path: &CStr) -> Result<(File, Validator), Refusal> {
    let file = root.open_file(path)?;
    let stat = rustix::fs::fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok((file.into(), Validator::of(&stat))),
        FileType::Directory => Err(Refusal::Directory),
        _ => Err(Refusal::Missing),
    }
}

/// A path for system calls.
///
/// # Errors
/// [`Refusal::Missing`] when it has a NUL.
pub(super) fn c_string(path: Vec<u8>) -> Result<CString, Refusal> {
    CString::new(path).map_err(|_| Refusal::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tree::Tree;

    #[test]
    fn w30_a_file_that_changes_while_it_is_read_is_not_taken() {
        let tree = Tree::of(&[("a", "0123")]);
        let root = Root::open(tree.root()).unwrap();
        let opened = Opened::open(&root, b"a", None).unwrap();
        assert_eq!(opened.read(true).unwrap().unwrap(), "0123");
        tree.write("a", "01234");
        assert_eq!(opened.read(true).unwrap(), None);
        tree.write("a", "012");
        assert_eq!(opened.read(true).unwrap(), None);
    }
}
