//! Memory that a process shares with those it forks.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Numbers that a process and all it forks from now on see alike, zero at first. They live as long as
/// one of these processes holds them; no name leads to them from outside.
#[derive(Debug)]
pub struct SharedMemory {
    start: NonNull<AtomicU64>,
    length: usize,
}

// SAFETY: the memory stays where it is until the drop, and atomics may be used from any thread.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; nothing but atomics is ever lent.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Room for `length` numbers. What was never written takes no memory.
    ///
    /// # Errors
    /// Those of mmap(2): usually a limit of address space.
    pub fn new(length: usize) -> io::Result<Self> {
        let length = length.max(1);
        let bytes = bytes(length).ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let start = unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            mmap_anonymous(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED)?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// All numbers.
    pub fn cells(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, as long as this, zeroed by the kernel, and stays until
        // the drop; other processes change it by atomic operations only.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        let bytes = bytes(self.length).expect("it was computed before");
        // SAFETY: this is the mapping that `new` made, and nothing borrows from it any more. It can
        // fail only for an address that is none.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), bytes) };
    }
}

fn bytes(length: usize) -> Option<usize> {
    length.checked_mul(size_of::<AtomicU64>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn numbers_begin_at_zero_and_keep_what_threads_add() {
        let memory = SharedMemory::new(3).unwrap();
        assert_eq!(memory.cells().len(), 3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| memory.cells()[2].fetch_add(5, Ordering::Relaxed));
            }
        });
        let values: Vec<_> =
            memory.cells().iter().map(|cell| cell.load(Ordering::Relaxed)).collect();
        assert_eq!(values, [0, 0, 20]);
    }

    #[test]
    fn a_forked_process_writes_what_its_parent_reads() {
        let memory = SharedMemory::new(1).unwrap();
        // SAFETY: the child only stores a number and ends, which is allowed behind a fork of a process
        // with threads.
        let child = unsafe { libc::fork() };
        if child == 0 {
            memory.cells()[0].store(7, Ordering::Release);
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: waits for the process made above.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(memory.cells()[0].load(Ordering::Acquire), 7);
    }

    #[test]
    fn a_length_beyond_the_address_space_is_an_error() {
        assert!(SharedMemory::new(usize::MAX).is_err());
    }
}
