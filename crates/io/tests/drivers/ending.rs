//! Shutting down, closing, giving away.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use bytes::Bytes;
use hyperion_buf::SendQueue;
use hyperion_io::Key;

use crate::support::{key, pattern, read_in_background, tcp_pair};

/// Ten million bytes, more than any socket takes at once.
fn huge() -> SendQueue {
    static BYTES: LazyLock<Bytes> = LazyLock::new(|| pattern(10_000_000).into());
    let mut output = SendQueue::new();
    output.push_bytes(BYTES.clone());
    output
}

crate::on_each_driver! {
    fn a_shutdown_follows_all_output(harness) {
        let mut peer = harness.connect_tcp(key(0));
        harness.driver.send(key(0), &mut huge());
        harness.driver.shutdown_write(key(0));
        let reader = read_in_background(peer.try_clone().unwrap(), usize::MAX >> 1, 65536);
        harness.until("everything", |journal| journal.sent(key(0)) == 10_000_000);
        assert!(reader.join().unwrap() == pattern(10_000_000));
        // The other direction is still open.
        peer.write_all(b"thanks").unwrap();
        harness.until("the thanks", |journal| journal.received(key(0)) == b"thanks");
    }

    fn a_reset_tells_the_peer_that_something_is_missing(harness) {
        let mut broken = harness.connect_tcp(key(0));
        let mut closed = harness.connect_tcp(key(1));
        harness.send(key(0), b"part");
        harness.send(key(1), b"part");
        harness.until("both parts", |journal| journal.sent(key(0)) + journal.sent(key(1)) == 8);
        let mut bytes = [0; 8];
        assert_eq!((broken.read(&mut bytes).unwrap(), closed.read(&mut bytes).unwrap()), (4, 4));
        harness.driver.reset(key(0));
        harness.driver.close(key(1));
        harness.settle();
        let error = broken.read(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(closed.read(&mut bytes).unwrap(), 0);
    }

    fn a_peer_that_has_closed_is_noticed_by_what_is_sent_to_it(harness) {
        let (gone, mut reader) = (harness.connect_tcp(key(0)), harness.connect_tcp(key(1)));
        drop(gone);
        reader.shutdown(std::net::Shutdown::Write).unwrap();
        harness.until("both ends", |journal| {
            [key(0), key(1)].iter().all(|key| journal.ended.contains(key))
        });
        harness.send(key(0), b"is there");
        harness.send(key(1), b"anybody");
        harness.until("the failure", |journal| journal.has_failed(key(0)));
        harness.driver.shutdown_write(key(1));
        let mut bytes = String::new();
        reader.read_to_string(&mut bytes).unwrap();
        harness.settle();
        assert_eq!((&*bytes, harness.journal.has_failed(key(1))), ("anybody", false));
    }

    fn a_close_ends_a_connection_whose_socket_others_hold(harness) {
        let (ours, mut peer) = tcp_pair();
        ours.set_nonblocking(true).unwrap();
        let _copy = ours.try_clone().unwrap();
        harness.driver.attach(key(0), ours.into()).unwrap();
        harness.settle();
        harness.driver.close(key(0));
        assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    }

    fn a_close_ends_a_connection_whose_peer_waits_to_send_more(harness) {
        let (ours, theirs) = (tcp_pair(), tcp_pair());
        let _copy = theirs.0.try_clone().unwrap();
        let peers = [ours.1, theirs.1];
        harness.driver.attach(key(0), ours.0.into()).unwrap();
        harness.driver.attach(key(1), theirs.0.into()).unwrap();
        harness.wait(std::time::Duration::ZERO);
        peers.iter().for_each(crate::support::fill);
        harness.driver.close(key(0));
        harness.driver.close(key(1));
        harness.settle();
        for mut peer in peers {
            let error = peer.write_all(&pattern(10_000_000)).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        }
    }

    fn a_shutdown_without_output_comes_at_once(harness) {
        let mut peer = harness.connect_unix(key(0));
        harness.driver.shutdown_write(key(0));
        harness.settle();
        assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(harness.journal.completions, 0);
        harness.send(key(0), b"after the end");
        harness.until("the failure", |journal| journal.has_failed(key(0)));
    }

    fn closing_drops_output_and_silences_the_key(harness) {
        let mut peer = harness.connect_tcp(key(0));
        harness.driver.send(key(0), &mut huge());
        harness.until("a part", |journal| journal.sent(key(0)) > 0);
        peer.write_all(b"never seen").unwrap();
        harness.driver.close(key(0));
        let before = harness.journal.completions;
        harness.settle();
        assert_eq!(harness.journal.completions, before);
        let mut rest = vec![0; 65536];
        let mut total = 0;
        loop {
            match peer.read(&mut rest) {
                Ok(0) | Err(_) => break,
                Ok(count) => total += count,
            }
        }
        assert!(total < 10_000_000);
    }

    fn closing_at_once_is_silent(harness) {
        for index in 0..20 {
            let mut peer = harness.connect_tcp(key(index));
            peer.write_all(b"hello").unwrap();
            harness.send(key(index), b"world");
            harness.driver.close(key(index));
        }
        harness.settle();
        assert_eq!(harness.journal.completions, 0);
    }

    fn late_events_do_not_reach_the_next_generation(harness) {
        for generation in 0..200 {
            let old = Key { index: 5, generation };
            let new = Key { index: 5, generation: generation + 1 };
            let (ours, mut theirs) = tcp_pair();
            harness.driver.attach(old, ours.into()).unwrap();
            harness.wait(std::time::Duration::ZERO);
            theirs.write_all(b"for the old one").unwrap();
            harness.driver.send(old, &mut huge());
            harness.driver.close(old);
            let (ours, mut theirs) = tcp_pair();
            harness.driver.attach(new, ours.into()).unwrap();
            theirs.write_all(b"new").unwrap();
            harness.journal = Default::default();
            harness.until("the new one", |journal| journal.received(new) == b"new");
            assert_eq!(harness.journal.received.len(), 1);
            assert!(harness.journal.failed.is_empty() && harness.journal.sent.is_empty());
            harness.driver.close(new);
        }
    }

    fn a_detached_socket_keeps_its_unread_bytes(harness) {
        let mut peer = harness.connect_unix(key(0));
        peer.write_all(b"upgrade;").unwrap();
        harness.until("the request", |journal| journal.received(key(0)) == b"upgrade;");
        harness.driver.detach(key(0));
        peer.write_all(b"next protocol").unwrap();
        harness.until("the socket", |journal| journal.detached.len() == 1);
        let (detached, socket) = harness.journal.detached.pop().unwrap();
        assert_eq!(detached, key(0));
        let mut socket = UnixStream::from(socket);
        socket.set_nonblocking(true).unwrap();
        // A driver may have taken in what came first, but reports it before it lets go.
        let mut bytes = harness.journal.received(key(0)).to_vec();
        let mut rest = [0; 64];
        if let Ok(count) = socket.read(&mut rest) {
            bytes.extend_from_slice(&rest[..count]);
        }
        assert_eq!(bytes, b"upgrade;next protocol");
        peer.write_all(b"!").unwrap();
        let before = harness.journal.completions;
        harness.settle();
        assert_eq!(harness.journal.completions, before);
        assert_eq!(socket.read(&mut rest).unwrap(), 1);
    }

    fn a_socket_is_detached_behind_its_output(harness) {
        let peer = harness.connect_tcp(key(0));
        harness.driver.send(key(0), &mut huge());
        harness.driver.detach(key(0));
        harness.settle();
        assert!(harness.journal.detached.is_empty());
        let reader = read_in_background(peer, 10_000_005, 65536);
        harness.until("the socket", |journal| journal.detached.len() == 1);
        assert_eq!(harness.journal.sent(key(0)), 10_000_000);
        let (_, socket) = harness.journal.detached.pop().unwrap();
        let mut socket = TcpStream::from(socket);
        socket.set_nonblocking(false).unwrap();
        socket.write_all(b"after").unwrap();
        let bytes = reader.join().unwrap();
        assert!(bytes.ends_with(b"after") && bytes[..10_000_000] == pattern(10_000_000));
    }

    fn a_paused_connection_can_be_detached(harness) {
        let mut peer = harness.connect_tcp(key(0));
        harness.driver.pause_receive(key(0));
        harness.settle();
        peer.write_all(b"unread").unwrap();
        harness.settle();
        harness.driver.detach(key(0));
        harness.driver.resume_receive(key(0));
        harness.until("the socket", |journal| journal.detached.len() == 1);
        let mut socket = TcpStream::from(harness.journal.detached.pop().unwrap().1);
        let mut bytes = [0; 6];
        socket.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"unread");
        let next = Key { index: 0, generation: 9 };
        harness.driver.attach(next, tcp_pair().0.into()).unwrap();
    }

    fn a_close_gives_the_socket_back_whatever_is_being_cancelled(harness) {
        for index in 0..30 {
            let key = key(index);
            let (ours, mut peer) = tcp_pair();
            let inode = rustix::fs::fstat(&ours).unwrap().st_ino;
            harness.driver.attach(key, ours.into()).unwrap();
            peer.write_all(&pattern(200_000)).unwrap();
            if index % 3 > 0 {
                harness.wait(std::time::Duration::ZERO);
            }
            match index % 4 {
                0 => crate::support::reset(peer),
                1 => harness.driver.pause_receive(key),
                2 => harness.driver.detach(key),
                _ => {}
            }
            if index % 5 > 2 {
                harness.wait(std::time::Duration::ZERO);
            }
            harness.driver.close(key);
            harness.settle();
            harness.journal.detached.clear();
            assert!(!crate::support::holds_socket(inode), "the socket of round {index} leaks");
        }
    }

    fn detaching_a_dead_connection_is_a_failure(harness) {
        let peer = harness.connect_tcp(key(0));
        harness.driver.send(key(0), &mut huge());
        harness.driver.detach(key(0));
        harness.settle();
        crate::support::reset(peer);
        harness.until("the failure", |journal| journal.has_failed(key(0)));
        assert!(harness.journal.detached.is_empty());
        harness.driver.close(key(0));
        harness.settle();
    }

    fn h6_a_reset_reaches_the_peer_of_a_socket_that_others_hold(harness) {
        let (ours, mut peer) = tcp_pair();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let _copy = ours.try_clone().unwrap();
        harness.driver.attach(key(0), ours.into()).unwrap();
        harness.settle();
        harness.driver.reset(key(0));
        harness.settle();
        let error = peer.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    fn h6_a_reset_reaches_the_peer_of_a_unix_socket_that_others_hold(harness) {
        let (ours, mut peer) = UnixStream::pair().unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        ours.set_nonblocking(true).unwrap();
        let _copy = ours.try_clone().unwrap();
        harness.driver.attach(key(0), ours.into()).unwrap();
        harness.settle();
        harness.driver.reset(key(0));
        harness.settle();
        assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    }

    fn a_driver_is_dropped_with_everything_in_flight(harness) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        harness.driver.listen(listener.into()).unwrap();
        let peers: Vec<_> = (0..50)
            .map(|index| {
                let peer = harness.connect_tcp(key(index));
                harness.driver.send(key(index), &mut huge());
                peer
            })
            .collect();
        harness.wait(std::time::Duration::ZERO);
        for index in 0..25 {
            harness.driver.close(key(index));
        }
        drop(harness);
        let expected = pattern(10_000_000);
        for mut peer in peers {
            let mut bytes = Vec::new();
            let _ = peer.read_to_end(&mut bytes);
            assert!(bytes.len() < expected.len() && expected.starts_with(&bytes));
        }
    }
}
