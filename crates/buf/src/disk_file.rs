use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};

/// Files below this size are closed at once.
const SMALL_BYTES: u64 = 1024 * 1024;

/// An open file. To close one that has no name any more gives its blocks and pages back, which takes long
/// where they are many: such a file may say that a thread of its own does so.
#[derive(Debug)]
pub struct DiskFile {
    /// Always there until it is dropped.
    file: Option<File>,
    is_temporary: bool,
    /// Dropped with the file.
    guard: Option<Guard>,
}

/// What is to be dropped when a file is, such as a count of what it takes.
type Guard = Box<dyn std::fmt::Debug + Send + Sync>;

impl DiskFile {
    /// A file without a name.
    pub fn temporary(file: File) -> Self {
        Self { file: Some(file), is_temporary: true, guard: None }
    }

    /// The same, with something that is dropped when the file is.
    pub fn guarded(file: File, guard: impl std::fmt::Debug + Send + Sync + 'static) -> Self {
        Self { file: Some(file), is_temporary: true, guard: Some(Box::new(guard)) }
    }

    fn takes_long_to_close(&self) -> bool {
        self.is_temporary && self.metadata().is_ok_and(|metadata| metadata.len() >= SMALL_BYTES)
    }
}

impl From<File> for DiskFile {
    fn from(file: File) -> Self {
        Self { file: Some(file), is_temporary: false, guard: None }
    }
}

impl Deref for DiskFile {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("the file is only taken when it is dropped")
    }
}

impl Read for DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&**self).read(buffer)
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&**self).seek(position)
    }
}

impl AsFd for DiskFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (**self).as_fd()
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if self.file.is_some() && self.takes_long_to_close() {
            let file = (self.file.take(), self.guard.take());
            // Where no thread can be had the closure is dropped here, and the file with it.
            let _ = std::thread::Builder::new().spawn(move || drop(file));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    fn is_open(descriptor: i32, link: &std::path::Path) -> bool {
        std::fs::read_link(format!("/proc/self/fd/{descriptor}")).is_ok_and(|found| found == link)
    }

    #[test]
    fn a_large_temporary_file_is_closed_by_another_thread() {
        for bytes in [10, 3 * SMALL_BYTES as usize] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![1; bytes]).unwrap();
            let descriptor = file.as_raw_fd();
            let link = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap();
            let file = DiskFile::temporary(file);
            assert_eq!(file.takes_long_to_close(), bytes > 10);
            drop(file);
            while is_open(descriptor, &link) {
                std::thread::yield_now();
            }
        }
    }
}
