use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk_file::DiskFile;

/// Largest buffer kept for reuse when a queue runs empty; larger ones go back to the allocator so
/// that an idle connection stays cheap.
const SPARE_CAPACITY_MAX: usize = 1024;

/// A copied run of bytes stops growing here, so that one long response does not reallocate forever.
const OWNED_LENGTH_MAX: usize = 64 * 1024;

/// A part of an open file, sent without passing through user space where the driver can.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The open file; its cursor is never used.
    pub file: Arc<DiskFile>,
    /// First byte to send.
    pub offset: u64,
    /// Bytes to send from `offset`.
    pub length: u64,
}

impl FileRange {
    /// Takes up to `count` bytes off its front, by reading them.
    ///
    /// # Errors
    /// Those of reading; `UnexpectedEof` when the file has become shorter than the range.
    pub fn take(&mut self, count: usize) -> io::Result<Bytes> {
        let count = self.length.min(count as u64) as usize;
        let mut bytes = vec![0; count];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        self.offset += count as u64;
        self.length -= count as u64;
        Ok(bytes.into())
    }
}

/// One contiguous part of the output.
#[derive(Clone, Debug)]
pub enum Segment {
    /// Bytes copied into the queue; neighbouring writes share one buffer.
    Owned(Vec<u8>),
    /// Bytes shared with their producer.
    Shared(Bytes),
    /// A file's bytes.
    File(FileRange),
}

impl Segment {
    /// Bytes in it.
    pub fn len(&self) -> u64 {
        match self {
            Self::Owned(bytes) => bytes.len() as u64,
            Self::Shared(bytes) => bytes.len() as u64,
            Self::File(range) => range.length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Output in order. A producer appends, a driver looks at the front and advances.
#[derive(Debug, Default)]
pub struct SendQueue {
    segments: VecDeque<Segment>,
    /// Bytes of the front `Owned` or `Shared` segment that have left already.
    front_offset: usize,
    length: u64,
    spare: Option<Vec<u8>>,
}

impl SendQueue {
    /// An empty queue; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes still to be sent, files included.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Copies `bytes` behind the output.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.append_with(|buffer| buffer.extend_from_slice(bytes));
    }

    /// Lets `write` append to the buffer at the end of the queue; it must not shorten it.
    pub fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.segments.back(), Some(Segment::Owned(last)) if last.len() < OWNED_LENGTH_MAX)
        {
            let buffer = self.spare.take().unwrap_or_else(|| Vec::with_capacity(512));
            self.segments.push_back(Segment::Owned(buffer));
        }
        let Some(Segment::Owned(buffer)) = self.segments.back_mut() else { return };
        let before = buffer.len();
        write(buffer);
        self.length += (buffer.len() - before) as u64;
    }

    /// Puts shared bytes behind the output without copying them.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len() as u64;
            self.segments.push_back(Segment::Shared(bytes));
        }
    }

    /// Puts a part of a file behind the output.
    pub fn push_file(&mut self, range: FileRange) {
        if range.length > 0 {
            self.length += range.length;
            self.segments.push_back(Segment::File(range));
        }
    }

    /// Moves everything in `other` behind the output. Buffers move by ownership and are not joined,
    /// so memory that a kernel reads is never reallocated.
    pub fn append(&mut self, other: &mut SendQueue) {
        if self.is_empty() && other.front_offset == 0 {
            let spare = self.spare.take().or_else(|| self.take_empty_buffer());
            self.segments.clear();
            self.front_offset = 0;
            std::mem::swap(&mut self.segments, &mut other.segments);
            std::mem::swap(&mut self.length, &mut other.length);
            other.spare = other.spare.take().or(spare);
            return;
        }
        other.flatten_front();
        self.segments.append(&mut other.segments);
        self.length += std::mem::take(&mut other.length);
    }

    /// The front segment when it is a file.
    pub fn front_file(&self) -> Option<&FileRange> {
        match self.segments.front() {
            Some(Segment::File(range)) => Some(range),
            _ => None,
        }
    }

    /// Fills `slices` with the bytes in front of the first file; returns how many were set.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        let mut skip = self.front_offset;
        for segment in &self.segments {
            let bytes: &[u8] = match segment {
                Segment::Owned(bytes) => bytes,
                Segment::Shared(bytes) => bytes,
                Segment::File(_) => break,
            };
            if count == slices.len() {
                break;
            }
            let rest = &bytes[skip..];
            skip = 0;
            if !rest.is_empty() {
                slices[count] = IoSlice::new(rest);
                count += 1;
            }
        }
        count
    }

    /// Drops the first `count` bytes: they have left. `count` is at most `len()`.
    pub fn advance(&mut self, count: u64) {
        assert!(count <= self.length, "a driver cannot send more than it was given");
        self.length -= count;
        let mut left = count;
        while let Some(front) = self.segments.front_mut() {
            let available = match front {
                Segment::Owned(bytes) => (bytes.len() - self.front_offset) as u64,
                Segment::Shared(bytes) => (bytes.len() - self.front_offset) as u64,
                Segment::File(range) => range.length,
            };
            if left < available {
                self.advance_front(left);
                return;
            }
            left -= available;
            self.pop_front();
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.front_offset = 0;
        self.length = 0;
    }

    fn advance_front(&mut self, count: u64) {
        match self.segments.front_mut() {
            Some(Segment::File(range)) => {
                range.offset += count;
                range.length -= count;
            }
            _ => self.front_offset += count as usize,
        }
    }

    fn pop_front(&mut self) {
        self.front_offset = 0;
        if let Some(Segment::Owned(mut buffer)) = self.segments.pop_front()
            && self.spare.is_none()
            && buffer.capacity() <= SPARE_CAPACITY_MAX
        {
            buffer.clear();
            self.spare = Some(buffer);
        }
    }

    fn take_empty_buffer(&mut self) -> Option<Vec<u8>> {
        match self.segments.pop_back() {
            Some(Segment::Owned(buffer)) if buffer.is_empty() => Some(buffer),
            _ => None,
        }
    }

    fn flatten_front(&mut self) {
        let offset = std::mem::take(&mut self.front_offset);
        if offset == 0 {
            return;
        }
        match self.segments.front_mut() {
            Some(Segment::Owned(bytes)) => drop(bytes.drain(..offset)),
            Some(Segment::Shared(bytes)) => drop(bytes.split_to(offset)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(queue: &SendQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 16];
        let count = queue.io_slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn neighbouring_copies_share_one_buffer() {
        let mut queue = SendQueue::new();
        queue.extend(b"one ");
        queue.extend(b"two");
        let mut slices = [IoSlice::new(&[]); 4];
        assert_eq!(queue.io_slices(&mut slices), 1);
        assert_eq!(contents(&queue), b"one two");
        assert_eq!(queue.len(), 7);
    }

    #[test]
    fn advance_crosses_segments_and_resumes_inside_one() {
        let mut queue = SendQueue::new();
        queue.extend(b"head ");
        queue.push_bytes(Bytes::from_static(b"body"));
        queue.advance(7);
        assert_eq!(contents(&queue), b"dy");
        queue.advance(2);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_file_hides_what_follows_until_it_is_sent() {
        let file = Arc::new(std::fs::File::open("/dev/null").unwrap().into());
        let mut queue = SendQueue::new();
        queue.extend(b"head");
        queue.push_file(FileRange { file, offset: 3, length: 10 });
        queue.extend(b"tail");
        assert_eq!(contents(&queue), b"head");
        assert!(queue.front_file().is_none());
        queue.advance(6);
        let front = queue.front_file().unwrap();
        assert_eq!((front.offset, front.length), (5, 8));
        queue.advance(8);
        assert_eq!(contents(&queue), b"tail");
    }

    #[test]
    fn a_file_is_taken_piece_by_piece_up_to_its_end() {
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        let mut range = FileRange { file: Arc::new(file.into()), offset: 2, length: 9 };
        assert_eq!(range.take(3).unwrap(), "234");
        assert_eq!(range.take(5).unwrap(), "56789");
        assert_eq!(range.take(5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn appending_moves_everything_and_keeps_order() {
        let mut queue = SendQueue::new();
        let mut other = SendQueue::new();
        other.extend(b"abc");
        queue.append(&mut other);
        assert!(other.is_empty());
        other.extend(b"def");
        other.advance(1);
        queue.append(&mut other);
        assert_eq!(contents(&queue), b"abcef");
        assert_eq!(queue.len(), 5);
        assert!(other.is_empty());
    }

    #[test]
    fn a_small_buffer_is_reused_after_it_has_left() {
        let mut queue = SendQueue::new();
        queue.extend(b"abc");
        queue.advance(3);
        queue.extend(b"x");
        assert_eq!(contents(&queue), b"x");
        queue.clear();
        assert!(queue.is_empty() && contents(&queue).is_empty());
    }
}
