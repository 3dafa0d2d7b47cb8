//! A request body in a file.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use bytes::Bytes;
use hyperion_engine::DiskFile;

use crate::request::live_input::Want;

/// The complete body, read through a buffer.
pub struct Spooled {
    reader: BufReader<DiskFile>,
    length: u64,
}

impl Spooled {
    /// A body of so many bytes, its cursor at the start.
    pub fn new(file: DiskFile, length: u64) -> Self {
        Self { reader: BufReader::new(file), length }
    }

    /// Bytes of all of it.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether [`take`](Self::take) has all that is wanted in memory.
    pub fn has_at_hand(&self, want: Want) -> bool {
        let buffer = self.reader.buffer();
        match want {
            Want::Bytes(count) => buffer.len() >= count,
            Want::Some(most) => !buffer.is_empty() || most == 0,
            Want::Line => buffer.contains(&b'\n'),
            Want::All => false,
        }
    }

    /// The next bytes, or all that are left.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take(&mut self, want: Want) -> io::Result<Bytes> {
        let mut bytes = Vec::new();
        match want {
            Want::Line => drop(self.reader.read_until(b'\n', &mut bytes)?),
            Want::All => drop(self.reader.read_to_end(&mut bytes)?),
            Want::Bytes(count) | Want::Some(count) => {
                self.reader.by_ref().take(count as u64).read_to_end(&mut bytes)?;
            }
        }
        Ok(bytes.into())
    }

    /// Back to the start.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn rewind(&mut self) -> io::Result<u64> {
        self.reader.seek(SeekFrom::Start(0))
    }
}
