//! io_uring when its queues and buffers are far too small for what happens.
#![allow(clippy::unwrap_used, reason = "it is a test")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use hyperion_buf::SendQueue;
use hyperion_io::{Driver, RingSizes, UringDriver};

use support::{Harness, key, pattern, read_in_background, tcp_pair};

const TINY: RingSizes = RingSizes { submissions: 2, completions: 4, buffers: 1, buffer_bytes: 32 };

fn tiny() -> Harness<UringDriver> {
    Harness::new(UringDriver::with_sizes(TINY).unwrap())
}

#[test]
fn many_peers_share_one_buffer() {
    let mut harness = tiny();
    let mut peers: Vec<_> = (0..50).map(|index| harness.connect_tcp(key(index))).collect();
    harness.settle();
    let bytes = pattern(1000);
    for peer in &mut peers {
        peer.write_all(&bytes).unwrap();
    }
    harness.until("all bytes", |journal| {
        (0..50).all(|index| journal.received(key(index)).len() == bytes.len())
    });
    for index in 0..50 {
        assert_eq!(harness.journal.received(key(index)), bytes);
    }
    assert!(harness.journal.largest_receive <= 32);
    drop(peers);
    harness.until("all ends", |journal| journal.ended.len() == 50);
    assert!(harness.journal.failed.is_empty());
}

#[test]
fn completions_that_do_not_fit_are_not_lost() {
    let mut harness = tiny();
    let mut peers: Vec<_> = (0..40).map(|index| harness.connect_tcp(key(index))).collect();
    harness.settle();
    let bytes = Bytes::from(pattern(100_000));
    for index in 0..40 {
        for chunk in bytes.chunks(1000) {
            let mut output = SendQueue::new();
            output.push_bytes(bytes.slice_ref(chunk));
            harness.driver.send(key(index), &mut output);
        }
    }
    let readers: Vec<_> = peers
        .iter()
        .map(|peer| read_in_background(peer.try_clone().unwrap(), bytes.len(), 5000))
        .collect();
    harness.until("everything", |journal| {
        (0..40).all(|index| journal.sent(key(index)) == bytes.len() as u64)
    });
    for reader in readers {
        assert!(reader.join().unwrap() == bytes);
    }
    for peer in &mut peers {
        peer.write_all(b"done").unwrap();
    }
    harness
        .until("all bytes", |journal| (0..40).all(|index| journal.received(key(index)) == b"done"));
}

#[test]
fn many_clients_are_accepted_through_a_small_queue() {
    let mut harness = tiny();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    harness.driver.listen(listener.into()).unwrap();
    harness.settle();
    let clients: Vec<_> =
        (0..100).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    harness.until("all clients", |journal| journal.accepted.len() == clients.len());
}

#[test]
fn pauses_and_closes_overtake_each_other() {
    let mut harness = tiny();
    let mut peers = Vec::new();
    for round in 0..300_u32 {
        let key = hyperion_io::Key { index: round % 7, generation: round / 7 };
        let old = hyperion_io::Key { generation: key.generation.wrapping_sub(1), ..key };
        harness.driver.close(old);
        let (ours, mut theirs) = tcp_pair();
        harness.driver.attach(key, ours.into()).unwrap();
        theirs.write_all(&pattern(100)).unwrap();
        if round % 2 == 0 {
            harness.driver.pause_receive(key);
        }
        if round % 3 == 0 {
            harness.wait(Duration::ZERO);
        }
        harness.send(key, &pattern(50));
        harness.driver.resume_receive(key);
        peers.push(theirs);
        if peers.len() > 20 {
            peers.remove(0);
        }
    }
    let last: Vec<_> =
        (0..7).map(|index| hyperion_io::Key { index, generation: (299 - index) / 7 }).collect();
    for key in &last {
        harness.send(*key, b"still here");
    }
    harness.until("all answers", |journal| last.iter().all(|key| journal.sent(*key) == 60));
    for peer in peers.iter_mut().rev().take(7) {
        let mut bytes = [0; 60];
        peer.read_exact(&mut bytes).unwrap();
        assert!(bytes.ends_with(b"still here") && bytes[..50] == pattern(50));
    }
}

#[test]
fn a_ring_is_dropped_while_its_queues_overflow() {
    let mut harness = tiny();
    let mut peers: Vec<_> = (0..30).map(|index| harness.connect_tcp(key(index))).collect();
    for (index, peer) in peers.iter_mut().enumerate() {
        peer.write_all(&pattern(500)).unwrap();
        let mut output = SendQueue::new();
        output.push_bytes(Bytes::from(pattern(3_000_000)));
        harness.driver.send(key(index as u32), &mut output);
    }
    harness.wait(Duration::ZERO);
    let start = std::time::Instant::now();
    drop(harness);
    assert!(start.elapsed() < Duration::from_millis(1500), "it waited for its patience to end");
}
