//! Memory that the kernel receives into: it picks a buffer when bytes arrive, so connections that
//! wait hold none.

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use rustix::mm::{Advice, MapFlags, ProtFlags};

/// The only group of buffers in the ring.
pub(super) const BUFFER_GROUP: u16 = 0;

const PAGE_BYTES: usize = 4096;

/// One mapping: the ring of free buffers, and behind it the buffers themselves.
pub(super) struct Buffers {
    mapping: NonNull<c_void>,
    mapped_bytes: usize,
    ring_bytes: usize,
    count: u16,
    buffer_bytes: usize,
    /// Buffers ever put into the ring, modulo its word size.
    tail: u16,
    leaked: bool,
}

impl Buffers {
    /// Maps `count` buffers, rounded up to a power of two, of `buffer_bytes` each.
    ///
    /// # Errors
    /// When there is no memory, or the kernel does not know rings of buffers.
    pub fn new(count: u16, buffer_bytes: u32, submitter: &Submitter<'_>) -> io::Result<Self> {
        let count = count.clamp(1, 1 << 15).next_power_of_two();
        let buffer_bytes = buffer_bytes.max(1) as usize;
        let ring_bytes =
            (usize::from(count) * size_of::<BufRingEntry>()).next_multiple_of(PAGE_BYTES);
        let mapped_bytes = ring_bytes + usize::from(count) * buffer_bytes;
        let mapping = map(mapped_bytes)?;
        let mut buffers =
            Self { mapping, mapped_bytes, ring_bytes, count, buffer_bytes, tail: 0, leaked: false };
        // SAFETY: the mapping begins on a page, has room for `count` entries, and outlives the
        // ring: whoever owns both sees to it that nothing is in flight before it is unmapped.
        unsafe {
            submitter.register_buf_ring_with_flags(
                mapping.addr().get() as u64,
                count,
                BUFFER_GROUP,
                0,
            )?;
        }
        for id in 0..count {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    /// Bytes of each buffer.
    pub fn size(&self) -> usize {
        self.buffer_bytes
    }

    /// The first `length` bytes of the buffer that the kernel has chosen.
    pub fn bytes(&self, id: u16, length: usize) -> &[u8] {
        assert!(id < self.count && length <= self.buffer_bytes, "the kernel uses its own buffers");
        let offset = self.offset(id);
        // SAFETY: the range is inside the mapping, which is zeroed or written by the kernel, and
        // the kernel does not write to it again until `give_back`, which takes `&mut self`.
        unsafe {
            let start = self.mapping.as_ptr().cast::<u8>().cast_const().add(offset);
            std::slice::from_raw_parts(start, length)
        }
    }

    /// Lets the kernel use the buffer again.
    pub fn give_back(&mut self, id: u16) {
        assert!(id < self.count, "the kernel uses its own buffers");
        let ring = self.mapping.as_ptr().cast::<BufRingEntry>();
        let slot = usize::from(self.tail & (self.count - 1));
        let address = self.mapping.addr().get() + self.offset(id);
        // SAFETY: `slot` is inside the ring, and the kernel reads it only behind the new tail.
        // Setting the fields leaves the tail alone, which lies in the first entry.
        unsafe {
            let entry = &mut *ring.add(slot);
            entry.set_addr(address as u64);
            entry.set_len(self.buffer_bytes as u32);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the tail is an aligned word of the mapping, shared with the kernel only.
        unsafe {
            let tail = BufRingEntry::tail(ring.cast_const()).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    /// Leaves the memory to the kernel for good.
    pub fn leak(&mut self) {
        self.leaked = true;
    }

    fn offset(&self, id: u16) -> usize {
        self.ring_bytes + usize::from(id) * self.buffer_bytes
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        if !self.leaked {
            // SAFETY: it is our mapping, and the owner has seen to it that the kernel is done.
            let _ = unsafe { rustix::mm::munmap(self.mapping.as_ptr(), self.mapped_bytes) };
        }
    }
}

/// Maps memory that a forked child does not see: its copy would make the kernel write into pages
/// that are not ours any more.
fn map(bytes: usize) -> io::Result<NonNull<c_void>> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: it is a new mapping at an address of the kernel's choice, and the advice concerns
    // that mapping only.
    let mapping = unsafe {
        let mapping =
            rustix::mm::mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE)?;
        rustix::mm::madvise(mapping, bytes, Advice::LinuxDontFork)?;
        mapping
    };
    NonNull::new(mapping).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
}
