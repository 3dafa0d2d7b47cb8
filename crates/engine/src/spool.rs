use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyperion_buf::{DiskFile, FileRange};

/// Bytes that outgrew memory, in an unlinked temporary file that is only appended to.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<DiskFile>,
    length: u64,
}

impl Spool {
    /// An empty spool in the system's temporary directory.
    pub fn create() -> io::Result<Self> {
        Ok(Self { file: Arc::new(DiskFile::temporary(tempfile::tempfile()?)), length: 0 })
    }

    /// Bytes appended so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Appends `bytes` and returns where they are.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<FileRange> {
        (&**self.file).write_all(bytes)?;
        let offset = self.length;
        self.length += bytes.len() as u64;
        Ok(FileRange { file: self.file.clone(), offset, length: bytes.len() as u64 })
    }

    /// Gives up the file when nobody else holds it.
    pub fn into_file(self) -> Option<DiskFile> {
        Arc::into_inner(self.file)
    }
}

/// A file takes no more responses once it holds so much: it is closed when the last of them has left.
const SHARED_BYTES: u64 = 8 * 1024 * 1024;

/// Where responses wait that outgrew memory. Many share a file: with one for each, clients that do not read
/// would take all descriptors, and nobody else could be accepted.
#[derive(Debug, Default)]
pub(crate) struct SharedSpool(Mutex<Open>);

/// The file that is filled, while anything in it is needed.
#[derive(Debug, Default)]
struct Open {
    file: Weak<DiskFile>,
    length: u64,
}

impl SharedSpool {
    /// Writes `bytes` and returns where they are.
    ///
    /// # Errors
    /// When there can be no file, or it cannot be written.
    pub fn store(&self, bytes: &[u8]) -> io::Result<FileRange> {
        let range = self.reserve(bytes.len() as u64)?;
        range.file.write_all_at(bytes, range.offset)?;
        Ok(range)
    }

    /// A place of its own, so that nobody waits for what another writes.
    fn reserve(&self, length: u64) -> io::Result<FileRange> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match open.file.upgrade().filter(|_| open.length < SHARED_BYTES) {
            Some(file) => file,
            None => {
                let file = Arc::new(DiskFile::temporary(tempfile::tempfile()?));
                *open = Open { file: Arc::downgrade(&file), length: 0 };
                file
            }
        };
        let offset = open.length;
        open.length += length;
        Ok(FileRange { file, offset, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(range: &FileRange) -> Vec<u8> {
        range.clone().take(range.length as usize).unwrap().to_vec()
    }

    #[test]
    fn responses_of_many_threads_share_files_and_stay_apart() {
        let spool = SharedSpool::default();
        let ranges: Vec<_> = std::thread::scope(|scope| {
            let store = |byte: u8| {
                let spool = &spool;
                scope.spawn(move || spool.store(&vec![byte; 100_000]).unwrap())
            };
            let threads: Vec<_> = (0..200).map(store).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (byte, range) in ranges.iter().enumerate() {
            assert_eq!(contents(range), vec![byte as u8; 100_000]);
        }
        let mut files: Vec<_> = ranges.iter().map(|range| Arc::as_ptr(&range.file)).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn a_file_is_closed_with_the_last_response_in_it() {
        let spool = SharedSpool::default();
        let (one, two) = (spool.store(b"one").unwrap(), spool.store(b"two").unwrap());
        let file = Arc::downgrade(&one.file);
        drop(one);
        assert_eq!(contents(&two), b"two");
        drop(two);
        assert!(file.upgrade().is_none());
        assert_eq!(spool.store(b"three").unwrap().offset, 0);
    }
}
