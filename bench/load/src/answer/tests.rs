use super::*;

const STAYS: Progress = Progress::Finished { reusable: true };
const GOES: Progress = Progress::Finished { reusable: false };

const COUNTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10;a=b\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n";
const INTERIM: &[u8] =
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
const CLOSING: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na";
const UNBOUNDED: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello";

fn answer() -> Answer {
    let mut answer = Answer::new();
    answer.begin(false);
    answer
}

/// What the last of these pieces brings; all before must leave the answer unfinished.
fn in_pieces(pieces: &[&[u8]]) -> Result<Progress, Fault> {
    let mut answer = answer();
    let (last, before) = pieces.split_last().unwrap();
    for piece in before {
        assert_eq!(answer.handle_bytes(piece), Ok(Progress::Unfinished), "{pieces:?}");
    }
    answer.handle_bytes(last)
}

#[test]
fn an_answer_may_be_split_at_each_byte() {
    let answers =
        [(COUNTED, STAYS), (EMPTY, STAYS), (CHUNKED, STAYS), (INTERIM, STAYS), (CLOSING, GOES)];
    for (bytes, end) in answers {
        assert_eq!(in_pieces(&[bytes]), Ok(end));
        for at in 1..bytes.len() {
            assert_eq!(in_pieces(&[&bytes[..at], &bytes[at..]]), Ok(end), "split at {at}");
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(in_pieces(&single), Ok(end));
    }
}

#[test]
fn a_body_without_a_length_ends_with_the_connection_wherever_it_is_split() {
    for at in 1..UNBOUNDED.len() {
        let mut answer = answer();
        for piece in [&UNBOUNDED[..at], &UNBOUNDED[at..]] {
            assert_eq!(answer.handle_bytes(piece), Ok(Progress::Unfinished), "split at {at}");
        }
        assert_eq!(answer.handle_end(), Ok(GOES));
    }
}

#[test]
fn a_connection_that_ends_within_an_answer_is_a_fault() {
    for bytes in [COUNTED, CHUNKED, INTERIM, CLOSING] {
        for at in 0..bytes.len() {
            let mut answer = answer();
            assert_eq!(answer.handle_bytes(&bytes[..at]), Ok(Progress::Unfinished));
            assert_eq!(answer.handle_end(), Err(Fault::Ended), "ended at {at}");
        }
    }
}

#[test]
fn nothing_may_follow_an_answer() {
    for bytes in [COUNTED, EMPTY, CHUNKED, INTERIM] {
        assert_eq!(in_pieces(&[&[bytes, b"H"].concat()]), Err(Fault::Excess));
    }
}

#[test]
fn the_answer_to_head_has_no_body() {
    let mut answer = answer();
    answer.begin(true);
    let head = &COUNTED[..COUNTED.len() - 5];
    assert_eq!(answer.handle_bytes(head), Ok(STAYS));
    answer.begin(true);
    assert_eq!(answer.handle_bytes(&UNBOUNDED[..19]), Ok(STAYS));
}

#[test]
fn one_answer_follows_another() {
    let mut answer = Answer::new();
    for (bytes, end) in [(CHUNKED, STAYS), (COUNTED, STAYS), (CLOSING, GOES), (COUNTED, STAYS)] {
        answer.begin(false);
        assert_eq!(answer.handle_bytes(bytes), Ok(end));
    }
}

#[test]
fn what_is_left_of_a_broken_head_does_not_reach_the_next() {
    let mut answer = answer();
    assert_eq!(answer.handle_bytes(b"HTTP/1.1 2"), Ok(Progress::Unfinished));
    answer.begin(false);
    assert_eq!(answer.handle_bytes(COUNTED), Ok(STAYS));
}

#[test]
fn faults_have_names() {
    let field = |text: &str| in_pieces(&[format!("HTTP/1.1 200 OK\r\n{text}\r\n\r\n").as_bytes()]);
    assert_eq!(in_pieces(&[b"HTTP/1.1 500 Oh\r\n\r\n"]), Err(Fault::Status(500)));
    assert_eq!(in_pieces(&[b"hello"]), Err(Fault::Head));
    assert_eq!(field("Content-Length: a"), Err(Fault::Framing));
    assert_eq!(field("Transfer-Encoding: chunked\r\n\r\ng"), Err(Fault::Chunk));
    let endless = vec![b'a'; HEAD_BYTES_MAX];
    assert_eq!(in_pieces(&[b"HTTP/1.1 200 OK\r\nA: ", &endless]), Err(Fault::Long));
}
