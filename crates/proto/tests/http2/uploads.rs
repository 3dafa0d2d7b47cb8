//! How long and how large bodies of requests may be.

use std::time::Duration;

use hyperion_proto::{Config, ResponseBody, StreamId};

use crate::support::*;
use crate::wire::*;

#[test]
fn an_upload_that_stops_is_ended() {
    let mut peer = Peer::new();
    peer.send(post_of(1, "1000")).send(data(1, 0, "x")).read();
    peer.pass(Config::default().timeouts.read + Duration::from_secs(1)).read();
    assert!(peer.aborted(1), "{}", peer.history());
    assert!(
        peer.reset_code(1).is_some() || peer.answer(1).status() == Some(408),
        "{}",
        peer.history()
    );
}

#[test]
fn an_upload_that_drips_is_ended() {
    let mut peer = Peer::new();
    peer.send(post(1));
    for _ in 0..10 {
        if !peer.aborted(1) {
            peer.send(data(1, 0, "x")).pass_s(20).read();
        }
    }
    assert!(peer.aborted(1), "{}", peer.history());
    assert_eq!(peer.answer(1).status(), Some(408));
    peer.assert_alive();
}

#[test]
fn an_upload_that_the_application_pauses_is_not_too_slow() {
    let mut peer = Peer::new();
    peer.send(post(1)).send(data(1, 0, "x"));
    peer.connection.pause_body(StreamId(1));
    peer.pass_s(1000).read();
    assert!(!peer.aborted(1) && peer.is_open(), "{}", peer.history());
    peer.connection.resume_body(StreamId(1));
    peer.send(data(1, END_STREAM, "y"));
    assert_eq!((peer.body(1), peer.ended(1)), (b"xy".to_vec(), true));
}

#[test]
fn an_application_may_take_its_time() {
    let mut peer = Peer::new();
    peer.send(get(1)).read().pass_s(3600);
    assert!(peer.is_open() && !peer.aborted(1), "{}", peer.history());
    peer.respond(1, stream()).read().pass_s(3600).body_part(1, "late").finish(1, None).read();
    assert!(peer.answer(1).body == b"late" && peer.answer(1).ended, "{}", peer.history());
}

#[test]
fn a_body_above_the_limit_is_refused() {
    let mut config = Config::default();
    config.limits.body_bytes = 1000;
    for announced in [true, false] {
        let mut peer = Peer::with(config.clone());
        if announced {
            peer.send(post_of(1, "1001")).read();
        } else {
            peer.send(post(1))
                .send(data(1, 0, vec![b'x'; 600]))
                .send(data(1, 0, vec![b'x'; 401]))
                .read();
            assert!(peer.aborted(1), "{}", peer.history());
        }
        assert_eq!(peer.answer(1).status(), Some(413), "{}", peer.history());
        assert_eq!(peer.rejections(), [413]);
        assert!(peer.body(1).len() <= 1000 && !peer.ended(1));
        peer.assert_alive();
    }
    let mut peer = Peer::with(config);
    peer.send(post(1)).send(data(1, END_STREAM, vec![b'x'; 1000]));
    assert!(peer.ended(1), "exactly the limit: {}", peer.history());
    peer.respond(1, response(200, &[], ResponseBody::Empty)).read();
    assert_eq!(peer.answer(1).status(), Some(200));
}
