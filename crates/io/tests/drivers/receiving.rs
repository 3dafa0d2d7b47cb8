//! Bytes that arrive.

use std::io::Write;
use std::time::Duration;

use hyperion_io::Key;

use crate::support::{key, pattern, reset, tcp_pair};

crate::on_each_driver! {
    fn bytes_arrive_in_order(harness) {
        let mut peer = harness.connect_tcp(key(0));
        let bytes = pattern(3_000_000);
        let expected = bytes.clone();
        let writer = std::thread::spawn(move || peer.write_all(&bytes).map(|()| peer).unwrap());
        harness.until("all bytes", |journal| journal.received(key(0)).len() >= expected.len());
        assert!(harness.journal.received(key(0)) == expected);
        drop(writer.join().unwrap());
        harness.until("the end", |journal| journal.ended == [key(0)]);
        harness.settle();
        assert_eq!(harness.journal.ended.len(), 1);
        assert!(harness.journal.failed.is_empty());
    }

    fn what_came_before_attaching_is_received(harness) {
        let (ours, mut theirs) = tcp_pair();
        theirs.write_all(b"early").unwrap();
        drop(theirs);
        harness.driver.attach(key(0), ours.into()).unwrap();
        harness.until("the end", |journal| journal.ended == [key(0)]);
        assert_eq!(harness.journal.received(key(0)), b"early");
    }

    fn a_half_closed_peer_is_still_answered(harness) {
        let mut peer = harness.connect_unix(key(0));
        peer.write_all(b"question").unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        harness.until("the end", |journal| journal.ended == [key(0)]);
        assert_eq!(harness.journal.received(key(0)), b"question");
        harness.send(key(0), b"answer");
        harness.until("the answer", |journal| journal.sent(key(0)) == 6);
        harness.driver.close(key(0));
        harness.settle();
        assert_eq!(std::io::read_to_string(peer).unwrap(), "answer");
    }

    fn a_reset_is_a_failure(harness) {
        let peer = harness.connect_tcp(key(0));
        harness.settle();
        reset(peer);
        harness.until("the failure", |journal| journal.has_failed(key(0)));
        harness.settle();
        assert_eq!(harness.journal.failed.len(), 1);
        let error = &harness.journal.failed[0].1;
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        harness.send(key(0), b"too late");
        harness.settle();
        assert!(harness.journal.sent.is_empty());
    }

    fn a_pause_holds_the_peer_back(harness) {
        let mut peer = harness.connect_tcp(key(0));
        harness.settle();
        harness.driver.pause_receive(key(0));
        harness.settle();
        peer.write_all(b"later").unwrap();
        harness.settle();
        assert_eq!(harness.journal.received(key(0)), b"");
        harness.driver.resume_receive(key(0));
        harness.until("the bytes", |journal| journal.received(key(0)) == b"later");
        peer.write_all(b", and on").unwrap();
        harness.until("more", |journal| journal.received(key(0)) == b"later, and on");
    }

    fn a_paused_connection_is_bounded(harness) {
        let mut peer = harness.connect_tcp(key(0));
        peer.set_nonblocking(true).unwrap();
        harness.driver.pause_receive(key(0));
        harness.settle();
        let bytes = pattern(64 * 1024);
        while peer.write(&bytes).is_ok() {
            harness.wait(Duration::ZERO);
        }
        harness.settle();
        assert!(harness.journal.received(key(0)).is_empty());
    }

    fn pausing_and_resuming_loses_nothing(harness) {
        let mut peer = harness.connect_tcp(key(0));
        let bytes = pattern(2_000_000);
        let expected = bytes.clone();
        let writer = std::thread::spawn(move || peer.write_all(&bytes).map(|()| peer).unwrap());
        let mut turn = 0;
        while harness.journal.received(key(0)).len() < expected.len() {
            match turn % 4 {
                0 => harness.driver.pause_receive(key(0)),
                1 => harness.driver.resume_receive(key(0)),
                2 => {
                    harness.driver.pause_receive(key(0));
                    harness.driver.resume_receive(key(0));
                }
                _ => {}
            }
            turn += 1;
            harness.wait(Duration::from_millis(1));
        }
        assert!(harness.journal.received(key(0)) == expected);
        drop(writer.join().unwrap());
        harness.driver.resume_receive(key(0));
        harness.until("the end", |journal| journal.ended == [key(0)]);
    }

    fn the_end_during_a_pause_is_reported_after_it(harness) {
        let mut peer = harness.connect_unix(key(0));
        harness.driver.pause_receive(key(0));
        harness.settle();
        peer.write_all(b"last words").unwrap();
        drop(peer);
        harness.settle();
        assert_eq!(harness.journal.completions, 0);
        harness.driver.resume_receive(key(0));
        harness.until("the end", |journal| journal.ended == [key(0)]);
        assert_eq!(harness.journal.received(key(0)), b"last words");
    }

    fn one_busy_peer_does_not_starve_another(harness) {
        let mut busy = harness.connect_tcp(key(0));
        let mut calm = harness.connect_tcp(key(1));
        let writer = std::thread::spawn(move || {
            let bytes = pattern(256 * 1024);
            while busy.write_all(&bytes).is_ok() {}
        });
        harness.until("a flood", |journal| journal.received(key(0)).len() > 1_000_000);
        calm.write_all(b"please").unwrap();
        let before = harness.journal.received(key(0)).len();
        harness.until("the calm one", |journal| journal.received(key(1)) == b"please");
        let between = harness.journal.received(key(0)).len() - before;
        assert!(between < 64 * 1024 * 1024, "{between} bytes of the flood came first");
        harness.driver.close(key(0));
        harness.settle();
        writer.join().unwrap();
    }

    fn keys_of_the_past_find_nothing(harness) {
        let mut peer = harness.connect_tcp(key(0));
        let old = Key { index: 0, generation: 0 };
        harness.driver.pause_receive(old);
        harness.driver.shutdown_write(old);
        harness.driver.close(old);
        harness.driver.detach(old);
        harness.driver.close(key(77));
        harness.send(old, b"misdirected");
        peer.write_all(b"fine").unwrap();
        harness.until("the bytes", |journal| journal.received(key(0)) == b"fine");
        harness.send(key(0), b"ok");
        harness.until("the answer", |journal| journal.sent(key(0)) == 2);
        assert_eq!(harness.journal.sent.len(), 1);
    }

    fn an_index_in_use_is_refused(harness) {
        let _peer = harness.connect_tcp(key(0));
        let (ours, _theirs) = tcp_pair();
        let next = Key { index: 0, generation: 2 };
        assert!(harness.driver.attach(next, ours.into()).is_err());
        let (ours, _theirs) = tcp_pair();
        let reserved = Key { index: u32::MAX, generation: 0 };
        assert!(harness.driver.attach(reserved, ours.into()).is_err());
    }
}
