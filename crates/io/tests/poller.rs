//! Readiness of descriptors that others own.
#![allow(clippy::unwrap_used, reason = "a test that fails here says so")]

use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hyperion_io::poller::{Events, Poller};

const NONE: Option<Duration> = Some(Duration::ZERO);

fn poll(poller: &mut Poller, timeout: Option<Duration>) -> Vec<(u64, Events)> {
    let mut ready = Vec::new();
    poller.wait(timeout, &mut ready).unwrap();
    ready.sort_by_key(|(token, _)| *token);
    ready
}

#[test]
fn each_who_waits_for_a_descriptor_hears_of_its_own_events_once() {
    let mut poller = Poller::new().unwrap();
    let (mut one, other) = UnixStream::pair().unwrap();
    poller.watch(other.as_raw_fd(), 1, Events::READABLE).unwrap();
    assert!(poll(&mut poller, NONE).is_empty());
    poller.watch(other.as_raw_fd(), 2, Events::WRITABLE).unwrap();
    assert_eq!(poll(&mut poller, None), [(2, Events::WRITABLE)]);
    assert!(poll(&mut poller, NONE).is_empty(), "it is reported once");
    one.write_all(b"x").unwrap();
    assert_eq!(poll(&mut poller, None), [(1, Events::READABLE)]);
    assert!(poll(&mut poller, NONE).is_empty());
    poller.watch(other.as_raw_fd(), 3, Events::READABLE).unwrap();
    poller.watch(other.as_raw_fd(), 4, Events::READABLE).unwrap();
    poller.forget(other.as_raw_fd(), 3);
    assert_eq!(poll(&mut poller, None), [(4, Events::READABLE)]);
}

#[test]
fn an_end_is_told_whatever_is_waited_for() {
    let mut poller = Poller::new().unwrap();
    let (one, other) = UnixStream::pair().unwrap();
    poller.watch(other.as_raw_fd(), 1, Events::PRIORITY).unwrap();
    drop(one);
    assert_eq!(poll(&mut poller, None), [(1, Events::PRIORITY)]);
}

#[test]
fn a_number_that_is_closed_and_given_out_again_is_watched_anew() {
    let mut poller = Poller::new().unwrap();
    let (_one, other) = UnixStream::pair().unwrap();
    let mut number = OwnedFd::from(other);
    poller.watch(number.as_raw_fd(), 1, Events::READABLE).unwrap();
    let (mut three, four) = UnixStream::pair().unwrap();
    rustix::io::dup2(&four, &mut number).unwrap();
    drop(four);
    three.write_all(b"x").unwrap();
    poller.watch(number.as_raw_fd(), 2, Events::READABLE).unwrap();
    let tokens: Vec<_> = poll(&mut poller, None).into_iter().map(|(token, _)| token).collect();
    assert!(tokens.contains(&2));
}

#[test]
fn what_is_always_ready_or_not_open_is_an_error() {
    let mut poller = Poller::new().unwrap();
    let file = tempfile::tempfile().unwrap();
    let failure = poller.watch(file.as_raw_fd(), 1, Events::READABLE).unwrap_err();
    assert_eq!(failure.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(poller.watch(-1, 1, Events::READABLE).is_err());
    assert!(poller.watch(1_000_000, 1, Events::READABLE).is_err(), "nothing is open there");
    assert!(poll(&mut poller, NONE).is_empty());
}

#[test]
fn whoever_waits_for_what_is_closed_is_known() {
    let mut poller = Poller::new().unwrap();
    let (_one, other) = UnixStream::pair().unwrap();
    poller.watch(other.as_raw_fd(), 1, Events::READABLE).unwrap();
    poller.watch(other.as_raw_fd(), 2, Events::READABLE).unwrap();
    assert_eq!(poller.close(other.as_raw_fd()), [1, 2]);
    assert!(poller.close(other.as_raw_fd()).is_empty());
}

#[test]
fn another_thread_ends_a_wait() {
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    let thread = std::thread::spawn(move || waker.wake());
    assert!(poll(&mut poller, None).is_empty());
    thread.join().unwrap();
}
