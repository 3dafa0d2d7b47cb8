//! The inbox against the turns of a real reactor, which sleeps for ever where a wake-up is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hyperion_io::Key;
use hyperion_proto::StreamId;
use shuttle::thread::spawn;

use super::network::Network;
use super::{check, join, threads};
use crate::dispatch::queue::JobQueue;
use crate::reactor::message::{Message, ReplyKey};

/// Nobody's exchange: what is for it is dropped as soon as the reactor comes to it.
const NOBODY: ReplyKey = ReplyKey { session: Key { index: 7, generation: 7 }, stream: StreamId(1) };

/// A piece of a response that counts the pieces that are left.
struct Piece(Arc<AtomicUsize>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        b"piece"
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_message_ends_the_sleep_of_the_reactor_whoever_speaks_besides() {
    check(|| {
        let (mut reactor, inbox) = Network::default().reactor(&Arc::new(JobQueue::new(1)));
        let left = Arc::new(AtomicUsize::new(4));
        let pieces = left.clone();
        let turns = spawn(move || {
            while left.load(Ordering::SeqCst) > 0 {
                reactor.turn(true).unwrap();
            }
        });
        join(threads(2, move |_| {
            for _ in 0..2 {
                let piece = Bytes::from_owner(Piece(pieces.clone()));
                inbox.push(Message::Body(NOBODY, piece));
            }
        }));
        join([turns]);
    });
}

#[test]
fn a_reactor_that_sleeps_shows_that_it_turns_when_it_is_asked() {
    check(|| {
        let (mut reactor, inbox) = Network::default().reactor(&Arc::new(JobQueue::new(1)));
        let turn = spawn(move || reactor.turn(true).unwrap());
        inbox.ask_for_beat();
        join([turn]);
        assert_eq!(inbox.ask_for_beat(), 1);
    });
}

#[test]
fn a_reactor_that_is_told_to_stop_stops() {
    check(|| {
        let (mut reactor, inbox) = Network::default().reactor(&Arc::new(JobQueue::new(1)));
        let stopping = inbox.clone();
        let turns = spawn(move || {
            while !reactor.is_stopped() {
                reactor.turn(true).unwrap();
            }
        });
        join(threads(2, move |number| match number {
            0 => stopping.drain(),
            _ => stopping.stop(),
        }));
        join([turns]);
        assert!(inbox.is_drained());
    });
}
