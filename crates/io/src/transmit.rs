//! One system call's worth of output.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use hyperion_buf::{FileRange, SendQueue};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};

/// Parts handed to one system call.
pub(crate) const SLICES_MAX: usize = 16;

/// Bytes of a file handed to one system call, so that a fast reader does not hold up the others.
pub(crate) const FILE_CHUNK_MAX: u64 = 1024 * 1024;

#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Transmitted {
    /// So many bytes have left, at least one.
    Bytes(u64),
    /// The socket takes nothing for now.
    Blocked,
}

/// Sends the front of `output`, which is not empty, and leaves it to the caller to advance.
///
/// # Errors
/// When the connection is dead, or a file is shorter than its range.
pub(crate) fn transmit(socket: impl AsFd, output: &SendQueue) -> io::Result<Transmitted> {
    match output.front_file() {
        Some(range) => transmit_file(socket, range),
        None => transmit_bytes(socket, output),
    }
}

/// Sends bytes from a file, without reading them into this process.
///
/// # Errors
/// When the connection is dead, or the file is shorter than its range.
pub(crate) fn transmit_file(socket: impl AsFd, range: &FileRange) -> io::Result<Transmitted> {
    let mut offset = range.offset;
    let count = range.length.min(FILE_CHUNK_MAX) as usize;
    loop {
        match rustix::fs::sendfile(&socket, &*range.file, Some(&mut offset), count) {
            Ok(0) => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file has become shorter while it was sent",
                ));
            }
            Ok(sent) => return Ok(Transmitted::Bytes(sent as u64)),
            Err(Errno::AGAIN) => return Ok(Transmitted::Blocked),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn transmit_bytes(socket: impl AsFd, output: &SendQueue) -> io::Result<Transmitted> {
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = output.io_slices(&mut slices);
    let flags = flags(&slices[..count], output);
    loop {
        let sent = match slices[..count] {
            [slice] => rustix::net::send(&socket, &slice, flags),
            ref slices => {
                let mut control = SendAncillaryBuffer::default();
                rustix::net::sendmsg(&socket, slices, &mut control, flags)
            }
        };
        match sent {
            Ok(sent) => return Ok(Transmitted::Bytes(sent as u64)),
            Err(Errno::AGAIN) => return Ok(Transmitted::Blocked),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Where more output follows at once, the kernel should not send a packet that is not full: a head
/// travels together with the first bytes of its file.
pub(crate) fn flags(slices: &[IoSlice<'_>], output: &SendQueue) -> SendFlags {
    let length: usize = slices.iter().map(|slice| slice.len()).sum();
    match (length as u64) < output.len() {
        true => SendFlags::NOSIGNAL | SendFlags::MORE,
        false => SendFlags::NOSIGNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::Arc;

    fn announces_more(output: &SendQueue) -> bool {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = output.io_slices(&mut slices);
        flags(&slices[..count], output).contains(SendFlags::MORE)
    }

    #[test]
    fn only_a_head_that_is_followed_announces_more() {
        let mut output = SendQueue::new();
        output.extend(b"head");
        assert!(!announces_more(&output));
        let file = Arc::new(File::open("/dev/null").unwrap().into());
        output.push_file(FileRange { file, offset: 0, length: 10 });
        assert!(announces_more(&output));
    }
}
