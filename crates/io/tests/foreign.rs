//! Calls on descriptors of others that must not block, in whatever mode these are.
#![allow(clippy::unwrap_used, reason = "a test that fails here says so")]

use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use hyperion_io::foreign::{Attempt, read_now, write_now};

#[track_caller]
fn assert_read(descriptor: RawFd, position: Option<u64>, expected: &[u8]) {
    let mut bytes = [0; 8];
    match read_now(descriptor, &mut bytes, position) {
        Attempt::Done(Ok(count)) => assert_eq!(&bytes[..count], expected),
        other => panic!("{other:?}"),
    }
}

/// Fills it up; how much has gone in.
fn fill(descriptor: RawFd) -> usize {
    let mut total = 0;
    loop {
        match write_now(descriptor, &[b'x'; 100_000], None) {
            Attempt::Done(Ok(count)) => total += count,
            Attempt::WouldBlock => return total,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pipe_in_blocking_mode_does_not_block() {
    let (reader, writer): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    assert!(matches!(read_now(reader.as_raw_fd(), &mut [0; 8], None), Attempt::WouldBlock));
    assert!(matches!(write_now(writer.as_raw_fd(), b"hello", None), Attempt::Done(Ok(5))));
    assert_read(reader.as_raw_fd(), None, b"hello");
    assert!(fill(writer.as_raw_fd()) >= 4096);
    drop(reader);
    assert!(matches!(write_now(writer.as_raw_fd(), b"x", None), Attempt::Done(Err(_))));
}

#[test]
fn neither_does_a_socket() {
    let (one, other) = UnixStream::pair().unwrap();
    assert!(matches!(read_now(one.as_raw_fd(), &mut [0; 8], None), Attempt::WouldBlock));
    assert!(fill(one.as_raw_fd()) > 0);
    assert_read(other.as_raw_fd(), None, b"xxxxxxxx");
    drop(one);
}

#[test]
fn what_of_a_file_is_in_memory_is_read_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789").unwrap();
    let file = std::fs::File::open(file.path()).unwrap();
    assert_read(file.as_raw_fd(), Some(4), b"456789");
    assert_read(file.as_raw_fd(), None, b"01234567");
    assert_read(file.as_raw_fd(), None, b"89");
    assert_read(file.as_raw_fd(), None, b"");
}

#[test]
fn a_closed_one_is_an_error() {
    assert!(matches!(read_now(-1, &mut [0; 8], None), Attempt::Done(Err(_))));
    assert!(matches!(write_now(1_000_000, b"x", None), Attempt::Done(Err(_))));
}
