//! The description of output that consists of several parts.

use std::io::IoSlice;
use std::ptr;

use crate::transmit::SLICES_MAX;

/// A `msghdr` with its parts. The kernel reads it while it sends, so it is boxed and left alone.
pub(super) struct Message {
    header: libc::msghdr,
    parts: [libc::iovec; SLICES_MAX],
}

impl Message {
    pub fn new() -> Box<Self> {
        const NOTHING: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        // SAFETY: a header of zeroes is valid: no address, no parts, no control data.
        let header = unsafe { std::mem::zeroed() };
        Box::new(Self { header, parts: [NOTHING; SLICES_MAX] })
    }

    /// Describes `slices`, at most `SLICES_MAX`. What is returned is valid while both they and the
    /// box are neither moved nor changed.
    pub fn describe(&mut self, slices: &[IoSlice<'_>]) -> *const libc::msghdr {
        for (part, slice) in self.parts.iter_mut().zip(slices) {
            part.iov_base = slice.as_ptr().cast_mut().cast();
            part.iov_len = slice.len();
        }
        self.header.msg_iov = self.parts.as_mut_ptr();
        self.header.msg_iovlen = slices.len() as _;
        &raw const self.header
    }
}
