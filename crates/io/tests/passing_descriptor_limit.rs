//! Sockets that come while the process has no descriptor left. It has a process of its own, because the
//! limit is the process's.
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use hyperion_io::passing::{Arrival, Receiver, pass};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn i1_a_socket_waits_in_the_channel_until_there_is_a_descriptor() {
    let former = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..former }).unwrap();
    let flags = SocketFlags::CLOEXEC;
    let (sending, receiving) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let mut receiver = Receiver::new(0, receiving).unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    pass(&sending, &theirs, b"a request").unwrap();
    drop(theirs);

    let mut wasted = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        wasted.push(file);
    }
    for _ in 0..3 {
        assert!(matches!(receiver.receive().unwrap(), Some(Arrival::OutOfDescriptors)));
        assert!(!receiver.can_receive() && !receiver.waits_for_end(Duration::ZERO));
    }
    // One for a look at it, and one for the socket itself.
    wasted.truncate(wasted.len() - 2);
    assert!(receiver.can_receive());
    let Some(Arrival::Socket(socket, message, 0)) = receiver.receive().unwrap() else {
        panic!("there is a descriptor for it");
    };
    assert_eq!(message, b"a request");
    UnixStream::from(socket).write_all(b"an answer").unwrap();
    let mut answer = String::new();
    ours.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "an answer");
}
