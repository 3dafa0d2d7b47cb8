use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hyperion_buf::{DiskFile, FileRange};

use crate::stats::Stats;

/// What all request bodies together may take on disk.
#[derive(Clone, Debug)]
pub(crate) struct SpoolBound {
    /// In bytes; without it a quarter of what they take and of what is free, together.
    pub bytes: Option<u64>,
    /// Where it is counted, for all processes.
    pub stats: Arc<Stats>,
}

/// What one body takes of it, until it is dropped.
#[derive(Debug)]
struct Taken {
    bytes: AtomicU64,
    stats: Arc<Stats>,
}

/// So much is taken at once.
const STEP_BYTES: u64 = 1024 * 1024;

impl Drop for Taken {
    fn drop(&mut self) {
        self.stats.spooled_bytes.take_back(self.bytes.load(Ordering::Relaxed));
    }
}

impl Taken {
    /// Takes what a file of that length needs.
    fn grow(&self, file: &File, length: u64, bound: Option<u64>) -> io::Result<()> {
        let needed = length.next_multiple_of(STEP_BYTES);
        let more = needed.saturating_sub(self.bytes.load(Ordering::Relaxed));
        if more == 0 {
            return Ok(());
        }
        let all = self.stats.spooled_by_all();
        let bound = match bound {
            Some(bound) => bound,
            None => (free_bytes(file)?.saturating_add(all)) / 4,
        };
        if all + more > bound {
            let message =
                format!("max_spool_bytes: all bodies together may take {bound} bytes on disk");
            return Err(io::Error::other(message));
        }
        self.stats.spooled_bytes.add(more);
        self.bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }
}

fn free_bytes(file: &File) -> io::Result<u64> {
    let disk = rustix::fs::fstatvfs(file)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A request body that outgrew memory, in an unlinked temporary file that is only appended to.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<DiskFile>,
    length: u64,
    taken: Arc<Taken>,
    bound: Option<u64>,
}

impl Spool {
    /// An empty spool in the system's temporary directory.
    pub fn create(bound: &SpoolBound) -> io::Result<Self> {
        let taken = Arc::new(Taken { bytes: AtomicU64::new(0), stats: bound.stats.clone() });
        let file = DiskFile::guarded(tempfile::tempfile()?, taken.clone());
        Ok(Self { file: Arc::new(file), length: 0, taken, bound: bound.bytes })
    }

    /// Bytes appended so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Appends `bytes` and returns where they are.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<FileRange> {
        self.taken.grow(&self.file, self.length + bytes.len() as u64, self.bound)?;
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
    fn bodies_together_take_no_more_than_their_bound() {
        let bound = SpoolBound { bytes: Some(3 * STEP_BYTES), stats: Arc::default() };
        let mut one = Spool::create(&bound).unwrap();
        one.append(&vec![1; 2 * STEP_BYTES as usize]).unwrap();
        let mut other = Spool::create(&bound).unwrap();
        other.append(b"a few").unwrap();
        let error = other.append(&vec![1; STEP_BYTES as usize]).unwrap_err();
        assert!(error.to_string().starts_with("max_spool_bytes: "), "{error}");
        assert_eq!(bound.stats.spooled_by_all(), 3 * STEP_BYTES);
        drop(one.into_file());
        // Another thread may close it.
        while bound.stats.spooled_by_all() > STEP_BYTES {
            std::thread::yield_now();
        }
        other.append(&vec![1; STEP_BYTES as usize]).unwrap();
        drop(other);
        while bound.stats.spooled_by_all() > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn without_a_bound_a_quarter_of_the_disk_is_for_bodies() {
        let bound = SpoolBound { bytes: None, stats: Arc::default() };
        let mut spool = Spool::create(&bound).unwrap();
        let free = free_bytes(&spool.file).unwrap();
        bound.stats.spooled_bytes.add(free);
        assert!(spool.append(b"x").is_err());
        bound.stats.spooled_bytes.take_back(free);
        spool.append(b"x").unwrap();
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
