use std::io::{self, Write};
use std::sync::Arc;

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
