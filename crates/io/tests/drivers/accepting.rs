//! Listening sockets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use hyperion_io::{Driver, EpollDriver, Peer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::key;

fn tcp_listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

crate::on_each_driver! {
    fn clients_are_accepted_with_their_address(harness) {
        let (listener, address) = tcp_listener();
        assert_eq!(harness.driver.listen(listener.into()).unwrap(), 0);
        let client = TcpStream::connect(address).unwrap();
        harness.until("a client", |journal| journal.accepted.len() == 1);
        let (listener, socket, peer) = harness.journal.accepted.pop().unwrap();
        assert_eq!(listener, 0);
        assert_eq!(peer, Peer::Tcp(client.local_addr().unwrap()));
        let socket = TcpStream::from(socket);
        assert!(socket.nodelay().unwrap(), "inherited from the listener");
        let flags = rustix::fs::fcntl_getfl(&socket).unwrap();
        assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
        let flags = rustix::io::fcntl_getfd(&socket).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }

    fn listeners_are_told_apart(harness) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let (listener, address) = tcp_listener();
        harness.driver.listen(listener.into()).unwrap();
        assert_eq!(harness.driver.listen(UnixListener::bind(&path).unwrap().into()).unwrap(), 1);
        let _local = UnixStream::connect(&path).unwrap();
        harness.until("a local client", |journal| journal.accepted.len() == 1);
        let _remote = TcpStream::connect(address).unwrap();
        harness.until("a remote client", |journal| journal.accepted.len() == 2);
        let accepted = &harness.journal.accepted;
        assert_eq!((accepted[0].0, accepted[0].2), (1, Peer::Unix));
        assert_eq!(accepted[1].0, 0);
    }

    fn a_pause_leaves_clients_in_the_backlog(harness) {
        let (listener, address) = tcp_listener();
        harness.driver.listen(listener.into()).unwrap();
        harness.settle();
        harness.driver.pause_accept();
        harness.settle();
        let _client = TcpStream::connect(address).unwrap();
        harness.settle();
        assert!(harness.journal.accepted.is_empty());
        harness.driver.resume_accept();
        harness.until("the client", |journal| journal.accepted.len() == 1);
    }

    fn a_pause_that_ends_at_once_changes_nothing(harness) {
        let (listener, address) = tcp_listener();
        harness.driver.listen(listener.into()).unwrap();
        harness.wait(Duration::ZERO);
        for _ in 0..3 {
            harness.driver.pause_accept();
            harness.driver.resume_accept();
        }
        let _client = TcpStream::connect(address).unwrap();
        harness.until("the client", |journal| journal.accepted.len() == 1);
    }

    fn closed_listeners_refuse_clients(harness) {
        let (listener, address) = tcp_listener();
        harness.driver.listen(listener.into()).unwrap();
        let client = TcpStream::connect(address).unwrap();
        harness.until("a client", |journal| journal.accepted.len() == 1);
        harness.driver.close_listeners();
        harness.settle();
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        // Connections outlive their listener, and new listeners get new numbers.
        let (_, socket, _) = harness.journal.accepted.pop().unwrap();
        harness.driver.attach(key(0), socket).unwrap();
        drop(client);
        harness.until("the end", |journal| !journal.ended.is_empty());
        assert_eq!(harness.driver.listen(tcp_listener().0.into()).unwrap(), 1);
    }

    fn i2_what_is_in_the_backlog_is_accepted_before_a_listener_closes(harness) {
        for is_paused in [false, true] {
            let (listener, address) = tcp_listener();
            harness.driver.listen(listener.into()).unwrap();
            harness.settle();
            if is_paused {
                harness.driver.pause_accept();
                harness.settle();
            }
            let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
            harness.driver.close_listeners();
            assert!(harness.driver.is_listening());
            harness.until("all clients", |journal| journal.accepted.len() == clients.len());
            harness.settle();
            assert!(!harness.driver.is_listening());
            harness.journal.accepted.clear();
            harness.driver.resume_accept();
        }
    }

    fn connections_of_one_who_does_not_accept_are_accepted_beside_it(harness) {
        let (listener, address) = tcp_listener();
        let copy = listener.try_clone().unwrap();
        let mut idle = EpollDriver::new().unwrap();
        idle.listen(listener.into()).unwrap();
        let early = TcpStream::connect(address).unwrap();
        let number = harness.driver.listen_beside(copy.into()).unwrap();
        harness.until("the one that waited", |journal| journal.accepted.len() == 1);
        let late: Vec<_> = (0..50).map(|_| TcpStream::connect(address).unwrap()).collect();
        harness.until("those that came", |journal| journal.accepted.len() == 1 + late.len());
        harness.driver.unlisten(number);
        harness.settle();
        let _next = TcpStream::connect(address).unwrap();
        harness.settle();
        assert_eq!(harness.journal.accepted.len(), 1 + late.len());
        drop(early);
    }

    fn a_listener_that_others_hold_is_left_to_them(harness) {
        let (listener, address) = tcp_listener();
        let number = harness.driver.listen(listener.try_clone().unwrap().into()).unwrap();
        let (other, other_address) = tcp_listener();
        harness.driver.listen(other.into()).unwrap();
        harness.settle();
        harness.driver.unlisten(number);
        harness.settle();
        let _other_client = TcpStream::connect(other_address).unwrap();
        harness.until("the other's client", |journal| journal.accepted.len() == 1);
        harness.journal.accepted.clear();
        let _client = TcpStream::connect(address).unwrap();
        harness.settle();
        assert!(harness.journal.accepted.is_empty());
        listener.accept().unwrap();
    }

    fn a_thousand_clients_talk_at_once(harness) {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let listener = listener.unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(1024).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        harness.driver.listen(listener.into()).unwrap();
        let clients: Vec<TcpStream> = (0..1000)
            .map(|_| {
                let client = TcpStream::connect(address).unwrap();
                harness.wait(Duration::ZERO);
                client
            })
            .collect();
        harness.until("all clients", |journal| journal.accepted.len() == 1000);
        let accepted = std::mem::take(&mut harness.journal.accepted);
        for (index, (_, socket, _)) in accepted.into_iter().enumerate() {
            harness.driver.attach(key(index as u32), socket).unwrap();
        }
        for (index, mut client) in clients.iter().enumerate() {
            use std::io::Write;
            write!(client, "client {index}").unwrap();
        }
        harness.until("all requests", |journal| {
            journal.received.values().filter(|bytes| bytes.len() >= 8).count() == 1000
        });
        harness.settle();
        for index in 0..1000 {
            let request = harness.journal.received(key(index)).to_vec();
            harness.send(key(index), &request);
        }
        harness.until("all answers", |journal| journal.sent.len() == 1000);
        let mut seen: Vec<usize> = clients
            .into_iter()
            .map(|mut client| {
                use std::io::Read;
                let mut answer = [0; 32];
                let count = client.read(&mut answer).unwrap();
                let answer = std::str::from_utf8(&answer[..count]).unwrap();
                answer.strip_prefix("client ").unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>(), "everyone has its own answer");
        seen.clear();
        harness.until("all ends", |journal| journal.ended.len() == 1000);
    }
}
