//! Sockets that go through a channel.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use hyperion_io::Peer;
use hyperion_io::passing::{Arrival, MESSAGE_BYTES_MAX, Receiver, pass, peer};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

fn channel() -> (OwnedFd, Receiver) {
    let flags = SocketFlags::CLOEXEC;
    let (sending, receiving) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    (sending, Receiver::new(0, receiving).unwrap())
}

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

#[test]
fn a_socket_arrives_with_its_message_and_works() {
    let (sending, mut receiver) = channel();
    let (mut client, server) = connected();
    pass(&sending, &server, b"a message").unwrap();
    drop(server);
    let (socket, message) = next(&mut receiver);
    assert_eq!(message, b"a message");
    let expected = Peer::Tcp(client.local_addr().unwrap());
    assert_eq!(peer(socket.as_fd()).unwrap(), expected);
    TcpStream::from(socket).write_all(b"hello").unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

fn next(receiver: &mut Receiver) -> (OwnedFd, Vec<u8>) {
    match receiver.receive().unwrap().unwrap() {
        Arrival::Socket(socket, message, _) => (socket, message.to_vec()),
        Arrival::OutOfDescriptors => panic!("there are descriptors"),
    }
}

#[test]
fn a_message_without_a_socket_is_passed_over() {
    let (sending, mut receiver) = channel();
    let (_client, server) = connected();
    rustix::net::send(&sending, b"alone", rustix::net::SendFlags::empty()).unwrap();
    pass(&sending, &server, b"with").unwrap();
    assert_eq!(next(&mut receiver).1, b"with");
}

#[test]
fn messages_keep_their_boundaries_and_their_order() {
    let (sending, mut receiver) = channel();
    let (_client, server) = connected();
    for length in [1, MESSAGE_BYTES_MAX, 7] {
        pass(&sending, &server, &vec![b'x'; length]).unwrap();
        assert_eq!(next(&mut receiver).1.len(), length);
    }
}

#[test]
fn a_full_channel_refuses_and_loses_nothing() {
    let (sending, mut receiver) = channel();
    let (_client, server) = connected();
    let mut passed = 0;
    while pass(&sending, &server, &[0; 1024]).is_ok() {
        passed += 1;
        assert!(passed < 1_000_000, "a channel has a limit");
    }
    for _ in 0..passed {
        assert!(receiver.receive().unwrap().is_some());
    }
    pass(&sending, &server, b"again").unwrap();
}

#[test]
fn what_is_in_the_channel_comes_out_before_the_end() {
    let (sending, mut receiver) = channel();
    let (_client, server) = connected();
    pass(&sending, &server, b"last").unwrap();
    let control = receiver.control();
    let waiting = std::thread::spawn(move || {
        let last = next(&mut receiver).1;
        (last, receiver.receive().unwrap().is_none())
    });
    control.end();
    assert_eq!(waiting.join().unwrap(), (b"last".to_vec(), true));
}

#[test]
fn a_channel_that_nobody_reads_refuses() {
    let (sending, receiver) = channel();
    drop(receiver);
    let (_client, server) = connected();
    assert!(pass(&sending, &server, b"x").is_err());
}

#[test]
fn i1_what_was_sent_to_others_comes_out_while_their_channel_is_read() {
    let (sending, mut receiver) = channel();
    let (to_other, from_other) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let (_client, server) = connected();
    pass(&to_other, &server, b"left behind").unwrap();
    let control = receiver.control();
    let waiting = std::thread::spawn(move || {
        let left_behind = from(&mut receiver);
        (left_behind, from(&mut receiver), receiver)
    });
    control.add(3, from_other.try_clone().unwrap());
    while !waiting.is_finished() {
        // What comes for the other behind this is its own, and what comes here is still ours.
        if rustix::io::ioctl_fionread(&from_other).unwrap() == 0 {
            control.remove(3);
            pass(&sending, &server, b"own").unwrap();
            break;
        }
    }
    let (left_behind, own, mut receiver) = waiting.join().unwrap();
    assert_eq!(left_behind, (b"left behind".to_vec(), 3));
    assert_eq!(own, (b"own".to_vec(), 0));
    pass(&to_other, &server, b"not ours").unwrap();
    control.end();
    assert!(receiver.receive().unwrap().is_none());
}

fn from(receiver: &mut Receiver) -> (Vec<u8>, usize) {
    match receiver.receive().unwrap().unwrap() {
        Arrival::Socket(_, message, slot) => (message.to_vec(), slot),
        Arrival::OutOfDescriptors => panic!("there are descriptors"),
    }
}
