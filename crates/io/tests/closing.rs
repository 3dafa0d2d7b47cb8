//! Closing listening sockets while clients connect as fast as they can.
#![allow(clippy::unwrap_used, reason = "it is a test")]

mod support;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use hyperion_io::{Driver, EpollDriver, UringDriver};

use support::Harness;

/// One in twenty loses a client where clients are not refused first.
const ROUNDS: usize = 30;

#[test]
fn i2_nobody_who_has_connected_is_left_behind_by_epoll() {
    (0..ROUNDS).for_each(|_| close_under_load(EpollDriver::new().unwrap()));
}

#[test]
fn i2_nobody_who_has_connected_is_left_behind_by_io_uring() {
    (0..ROUNDS).for_each(|_| close_under_load(UringDriver::new().unwrap()));
}

fn close_under_load(driver: impl Driver<Socket = OwnedFd>) {
    let mut harness = Harness::new(driver);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Who does not find room in the backlog seems to be connected for a moment.
    rustix::net::listen(&listener, 4096).unwrap();
    let address = listener.local_addr().unwrap();
    harness.driver.listen(listener.into()).unwrap();
    let clients: Vec<_> = (0..2).map(|_| thread::spawn(move || connect_on(address))).collect();
    harness.until("some clients", |journal| journal.accepted.len() > 20);
    harness.driver.refuse_clients();
    harness.settle();
    harness.driver.close_listeners();
    while harness.driver.is_listening() {
        harness.wait(Duration::from_millis(100));
    }
    let connected: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    harness.settle();
    assert_eq!(harness.journal.accepted.len(), connected.len());
}

/// Connects until nobody accepts.
fn connect_on(address: SocketAddr) -> Vec<TcpStream> {
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(50)).ok();
    std::iter::from_fn(connect).collect()
}

#[test]
fn i1_copies_in_other_processes_end_with_the_listener_by_epoll() {
    end_all_copies(EpollDriver::new().unwrap(), EpollDriver::new().unwrap());
}

#[test]
fn i1_copies_in_other_processes_end_with_the_listener_by_io_uring() {
    end_all_copies(UringDriver::new().unwrap(), UringDriver::new().unwrap());
}

/// A second driver stands for a worker that has not heard of the end, a third copy for a forked child.
fn end_all_copies<D: Driver<Socket = OwnedFd>>(driver: D, other: D) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut late = Harness::new(other);
    late.driver.listen(listener.try_clone().unwrap().into()).unwrap();
    late.driver.listen_beside(listener.try_clone().unwrap().into()).unwrap();
    late.settle();
    let mut harness = Harness::new(driver);
    harness.driver.listen(listener.try_clone().unwrap().into()).unwrap();
    harness.driver.refuse_clients();
    harness.driver.close_listeners();
    while harness.driver.is_listening() {
        harness.wait(Duration::from_millis(100));
    }
    let error = TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    while late.driver.is_listening() {
        late.wait(Duration::from_millis(100));
    }
    assert!(late.journal.accept_failures.is_empty(), "it is no failure");
    TcpListener::bind(address).unwrap();
}
