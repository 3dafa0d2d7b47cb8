//! Accepting when the process has no descriptors left. It has a process of its own, because the
//! limit is the process's.
#![allow(clippy::unwrap_used, reason = "it is a test")]

mod support;

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use hyperion_io::{Driver, EpollDriver, UringDriver};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use support::Harness;

#[test]
fn c7_accepting_fails_once_and_recovers() {
    let former = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(200), ..former }).unwrap();
    fails_once_and_recovers(EpollDriver::new().unwrap());
    fails_once_and_recovers(UringDriver::new().unwrap());
    closes_when_all_are_accepted(EpollDriver::new().unwrap());
    closes_when_all_are_accepted(UringDriver::new().unwrap());
    closes_where_nobody_waits(EpollDriver::new().unwrap());
    closes_where_nobody_waits(UringDriver::new().unwrap());
    closes_what_another_has_ended(EpollDriver::new().unwrap());
    closes_what_another_has_ended(UringDriver::new().unwrap());
}

fn fails_once_and_recovers(driver: impl Driver<Socket = OwnedFd>) {
    let mut harness = Harness::new(driver);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    harness.driver.listen(listener.into()).unwrap();
    harness.settle();
    let clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let wasted = waste_all_descriptors();
    harness.until("the failure", |journal| !journal.accept_failures.is_empty());
    harness.settle();
    assert_eq!(harness.journal.accept_failures.len(), 1, "accepting is paused");
    let error = harness.journal.accept_failures[0].raw_os_error();
    assert_eq!(error, Some(rustix::io::Errno::MFILE.raw_os_error()));

    // Resuming too early fails once more, and only once.
    harness.driver.resume_accept();
    harness.until("the failure", |journal| journal.accept_failures.len() == 2);
    drop(wasted);
    harness.settle();
    assert_eq!(harness.journal.accept_failures.len(), 2);
    assert!(harness.journal.accepted.is_empty());

    harness.driver.resume_accept();
    harness.until("all clients", |journal| journal.accepted.len() == clients.len());
}

fn closes_when_all_are_accepted(driver: impl Driver<Socket = OwnedFd>) {
    let mut harness = Harness::new(driver);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    harness.driver.listen(listener.into()).unwrap();
    harness.driver.pause_accept();
    harness.settle();
    let clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    let wasted = waste_all_descriptors();
    harness.driver.close_listeners();
    harness.driver.resume_accept();
    harness.until("the failure", |journal| !journal.accept_failures.is_empty());
    harness.settle();
    assert_eq!((harness.journal.accept_failures.len(), harness.driver.is_listening()), (1, true));

    drop(wasted);
    harness.driver.resume_accept();
    harness.until("all clients", |journal| journal.accepted.len() == clients.len());
    assert!(!harness.driver.is_listening());
}

fn closes_where_nobody_waits(driver: impl Driver<Socket = OwnedFd>) {
    let mut harness = Harness::new(driver);
    harness.driver.listen(TcpListener::bind("127.0.0.1:0").unwrap().into()).unwrap();
    harness.settle();
    let _wasted = waste_all_descriptors();
    harness.driver.close_listeners();
    harness.settle();
    assert!(harness.journal.accept_failures.is_empty() && !harness.driver.is_listening());
}

/// A sibling has ended the socket meanwhile: it is looked for a descriptor before that is told.
fn closes_what_another_has_ended(driver: impl Driver<Socket = OwnedFd>) {
    let mut harness = Harness::new(driver);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    harness.driver.listen(listener.try_clone().unwrap().into()).unwrap();
    harness.driver.pause_accept();
    harness.settle();
    let _client = TcpStream::connect(address).unwrap();
    let _wasted = waste_all_descriptors();
    harness.driver.close_listeners();
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
    harness.settle();
    assert!(harness.journal.accept_failures.is_empty() && !harness.driver.is_listening());
}

fn waste_all_descriptors() -> Vec<File> {
    let mut wasted = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        wasted.push(file);
    }
    wasted
}
