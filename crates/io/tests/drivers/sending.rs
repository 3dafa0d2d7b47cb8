//! Bytes that leave.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use bytes::Bytes;
use hyperion_buf::{FileRange, SendQueue};

use crate::support::{key, pattern, read_in_background, reset};

fn file_of(bytes: &[u8]) -> Arc<hyperion_buf::DiskFile> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    Arc::new(file.into())
}

crate::on_each_driver! {
    fn i7_an_upload_is_handed_over_in_turns(harness) {
        const BYTES: usize = 16_000_000;
        let peer = harness.connect_tcp(key(0));
        let uploading = std::thread::spawn(move || {
            let mut peer = peer;
            peer.write_all(&pattern(BYTES)).unwrap();
            peer
        });
        let (mut before, mut turns, mut large) = (0, 0, 0);
        while before < BYTES {
            harness.wait(std::time::Duration::from_millis(100));
            let now = harness.journal.received(key(0)).len();
            large += usize::from(now - before > 128 * 1024);
            before = now;
            turns += 1;
        }
        // Each time that a connection shows that it sends much, that takes a turn or two.
        assert!(large <= 2 + turns / 16, "{large} of {turns} turns took in much");
        drop(uploading.join().unwrap());
    }

    fn an_echo_returns_what_was_sent(harness) {
        let mut peer = harness.connect_tcp(key(0));
        for round in 0..100 {
            let question = format!("round {round}");
            peer.write_all(question.as_bytes()).unwrap();
            harness.until("the question", |journal| {
                journal.received(key(0)) == question.as_bytes()
            });
            harness.journal.received.clear();
            harness.send(key(0), question.as_bytes());
            let mut answer = vec![0; question.len()];
            harness.until("the answer", |journal| journal.sent(key(0)) >= answer.len() as u64);
            harness.journal.sent.clear();
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(answer, question.as_bytes());
        }
    }

    fn sending_reports_nothing_by_itself(harness) {
        let _peer = harness.connect_tcp(key(0));
        harness.settle();
        harness.send(key(0), b"one");
        harness.send(key(0), b"two");
        assert_eq!(harness.journal.completions, 0);
        harness.until("both", |journal| journal.sent(key(0)) == 6);
    }

    fn a_huge_output_reaches_a_slow_reader_unchanged(harness) {
        let peer = harness.connect_tcp(key(0));
        let bytes = Bytes::from(pattern(20_000_000));
        let reader = read_in_background(peer, bytes.len(), 7001);
        let mut output = SendQueue::new();
        output.push_bytes(bytes.clone());
        harness.driver.send(key(0), &mut output);
        harness.until("everything", |journal| journal.sent(key(0)) == bytes.len() as u64);
        assert!(reader.join().unwrap() == bytes);
    }

    fn progress_is_reported_while_a_reader_is_slow(harness) {
        let mut peer = harness.connect_tcp(key(0));
        let mut output = SendQueue::new();
        output.push_bytes(Bytes::from(pattern(30_000_000)));
        harness.driver.send(key(0), &mut output);
        harness.until("a part", |journal| journal.sent(key(0)) > 0);
        harness.settle();
        let before = harness.journal.sent(key(0));
        assert!(before < 30_000_000);
        peer.read_exact(&mut vec![0; before as usize / 2]).unwrap();
        harness.until("another part", |journal| journal.sent(key(0)) > before);
    }

    fn many_small_sends_keep_their_order(harness) {
        let peer = harness.connect_unix(key(0));
        let bytes = pattern(200_000);
        let reader = read_in_background(peer, bytes.len(), 333);
        for (number, chunk) in bytes.chunks(40).enumerate() {
            let mut output = SendQueue::new();
            match number % 3 {
                0 => output.extend(chunk),
                1 => output.push_bytes(Bytes::copy_from_slice(chunk)),
                _ => {
                    output.extend(&chunk[..20]);
                    output.push_bytes(Bytes::copy_from_slice(&chunk[20..]));
                }
            }
            harness.driver.send(key(0), &mut output);
            if number % 50 == 0 {
                harness.wait(std::time::Duration::ZERO);
            }
        }
        harness.until("everything", |journal| journal.sent(key(0)) == bytes.len() as u64);
        assert!(reader.join().unwrap() == bytes);
    }

    fn a_file_is_sent_from_where_it_is_told(harness) {
        let peer = harness.connect_tcp(key(0));
        let content = pattern(5_000_000);
        let expected = content[1000..4_500_000].to_vec();
        let reader = read_in_background(peer, expected.len(), 16 * 1024);
        let mut output = SendQueue::new();
        let length = expected.len() as u64;
        output.push_file(FileRange { file: file_of(&content), offset: 1000, length });
        harness.driver.send(key(0), &mut output);
        harness.until("everything", |journal| journal.sent(key(0)) == length);
        assert!(reader.join().unwrap() == expected);
    }

    fn bytes_and_files_alternate(harness) {
        let peer = harness.connect_tcp(key(0));
        let content = pattern(700_000);
        let file = file_of(&content);
        let mut expected = Vec::new();
        let mut output = SendQueue::new();
        for round in 0..20_usize {
            let head = format!("head {round};");
            output.extend(head.as_bytes());
            expected.extend_from_slice(head.as_bytes());
            let range = round * 1000..round * 1000 + round * 30_000;
            let (offset, length) = (range.start as u64, range.len() as u64);
            output.push_file(FileRange { file: file.clone(), offset, length });
            expected.extend_from_slice(&content[range]);
            output.push_bytes(Bytes::from_static(b"tail;"));
            expected.extend_from_slice(b"tail;");
            if round % 5 == 4 {
                harness.driver.send(key(0), &mut output);
            }
        }
        let reader = read_in_background(peer, expected.len(), 4096);
        harness.until("everything", |journal| journal.sent(key(0)) == expected.len() as u64);
        assert!(reader.join().unwrap() == expected);
    }

    fn a_file_that_is_too_short_is_a_failure(harness) {
        let mut peer = harness.connect_tcp(key(0));
        let mut output = SendQueue::new();
        output.extend(b"head;");
        output.push_file(FileRange { file: file_of(b"short"), offset: 0, length: 100 });
        harness.driver.send(key(0), &mut output);
        harness.until("the failure", |journal| journal.has_failed(key(0)));
        assert_eq!(harness.journal.failed[0].1.kind(), std::io::ErrorKind::UnexpectedEof);
        assert_eq!(harness.journal.sent(key(0)), 10);
        harness.driver.close(key(0));
        harness.settle();
        let mut bytes = Vec::new();
        peer.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"head;short");
    }

    fn sending_to_a_peer_that_is_gone_is_one_failure(harness) {
        let peer = harness.connect_tcp(key(0));
        let mut output = SendQueue::new();
        output.push_bytes(Bytes::from(pattern(30_000_000)));
        harness.driver.send(key(0), &mut output);
        harness.until("a part", |journal| journal.sent(key(0)) > 0);
        reset(peer);
        harness.until("the failure", |journal| journal.has_failed(key(0)));
        harness.settle();
        assert_eq!(harness.journal.failed.len(), 1);
    }

    fn a_file_to_a_peer_that_is_gone_is_a_failure(harness) {
        let peer = harness.connect_tcp(key(0));
        let content = pattern(16_000_000);
        let mut output = SendQueue::new();
        output.push_file(FileRange { file: file_of(&content), offset: 0, length: 16_000_000 });
        harness.driver.send(key(0), &mut output);
        harness.until("a part", |journal| journal.sent(key(0)) > 0);
        reset(peer);
        harness.until("the failure", |journal| journal.has_failed(key(0)));
    }

    fn both_directions_flow_at_once(harness) {
        let peer = harness.connect_tcp(key(0));
        let bytes = pattern(4_000_000);
        let mut writing = peer.try_clone().unwrap();
        let reader = read_in_background(peer, bytes.len(), 32 * 1024);
        let upload = bytes.clone();
        let writer = std::thread::spawn(move || writing.write_all(&upload).unwrap());
        let mut echoed = 0;
        while harness.journal.sent(key(0)) < bytes.len() as u64 {
            harness.wait(std::time::Duration::from_millis(500));
            let fresh = harness.journal.received(key(0))[echoed..].to_vec();
            echoed += fresh.len();
            harness.send(key(0), &fresh);
        }
        writer.join().unwrap();
        assert!(reader.join().unwrap() == bytes);
    }
}
