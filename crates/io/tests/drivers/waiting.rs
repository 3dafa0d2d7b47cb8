//! Sleeping and waking.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::key;

crate::on_each_driver! {
    fn a_timeout_is_neither_early_nor_late(harness) {
        harness.settle();
        for timeout in [300_u64, 1_500, 20_000, 50_000].map(Duration::from_micros) {
            let start = Instant::now();
            harness.wait(timeout);
            assert!(start.elapsed() >= timeout, "early after {:?}", start.elapsed());
            assert!(start.elapsed() < timeout + Duration::from_secs(2), "late");
        }
    }

    fn a_timeout_of_zero_does_not_sleep(harness) {
        harness.settle();
        let start = Instant::now();
        for _ in 0..1000 {
            harness.wait(Duration::ZERO);
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    fn idle_connections_do_not_wake_the_driver(harness) {
        let _peers: Vec<_> = (0..10).map(|index| harness.connect_unix(key(index))).collect();
        harness.send(key(0), b"something");
        harness.until("that", |journal| journal.sent(key(0)) == 9);
        harness.settle();
        let mut waits = 0;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            harness.wait(Duration::from_millis(50));
            waits += 1;
        }
        assert!(waits <= 5, "{waits} waits of 50 ms in 200 ms");
    }

    fn the_longest_timeout_is_accepted(harness) {
        let waker = harness.driver.waker();
        waker.wake();
        harness.wait(Duration::MAX);
        waker.wake();
        harness.wait_for_ever();
        assert_eq!(harness.journal.woken, 2);
    }

    fn work_in_the_sink_prevents_sleep(harness) {
        let mut peer = harness.connect_tcp(key(0));
        harness.settle();
        harness.journal.has_work = true;
        let start = Instant::now();
        harness.wait_for_ever();
        harness.driver.wait(Some(Duration::from_secs(30)), &mut harness.journal).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5));
        // Events are delivered all the same.
        peer.write_all(b"hello").unwrap();
        harness.until("the bytes", |journal| journal.received(key(0)) == b"hello");
        harness.send(key(0), b"answer");
        harness.until("the answer", |journal| journal.sent(key(0)) == 6);
    }

    fn a_wake_ends_a_sleep_from_another_thread(harness) {
        let waker = harness.driver.waker();
        let (asleep, when_asleep) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut wakes = 0;
            while when_asleep.recv().is_ok() {
                waker.wake();
                wakes += 1;
            }
            wakes
        });
        for _ in 0..100 {
            asleep.send(()).unwrap();
            let before = harness.journal.woken;
            harness.wait_for_ever();
            assert_eq!(harness.journal.woken, before + 1);
        }
        drop(asleep);
        assert_eq!(thread.join().unwrap(), 100);
    }

    fn wakes_before_a_wait_are_not_lost_but_joined(harness) {
        harness.settle();
        let waker = harness.driver.waker();
        for _ in 0..10 {
            waker.clone().wake();
        }
        harness.wait_for_ever();
        assert_eq!(harness.journal.woken, 1);
        harness.settle();
        assert_eq!(harness.journal.woken, 1);
    }

    fn a_waker_outlives_its_driver(harness) {
        let waker = harness.driver.waker();
        waker.wake();
        harness.wait(Duration::ZERO);
        drop(harness);
        waker.wake();
    }
}
