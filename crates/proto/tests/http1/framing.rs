//! Group A of the attack table, up to A13: what frames a message, and what must not.

use hyperion_proto::Violation::{self, *};
use hyperion_proto::{BodyLength, Config, Event, Version};

use crate::support::*;

const EVIL: &str = "GET /evil HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn a1_repeated_content_length() {
    for lines in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\nContent-Length: 5\r\n",
    ] {
        assert_refused(post(lines, "hello"), 400, DuplicateContentLength);
    }
    for value in ["5, 6", "5, 5", "5,5"] {
        let lines = format!("content-length: {value}\r\n");
        assert_refused(post(&lines, "hello"), 400, BadContentLength);
    }
}

#[test]
fn a2_content_length_that_is_no_decimal_number() {
    for value in [
        "+5",
        "-5",
        "0x5",
        "5 5",
        "5_0",
        "",
        "５",
        "18446744073709551616",
        "5.0",
        "5;",
        "5\t",
        "999999999999999999999999999999",
    ] {
        assert_refused(post(&format!("content-length: {value}\r\n"), ""), 400, BadContentLength);
    }
    for value in ["\x0b5", "5\x0b", "\x0c5", "5\x0c"] {
        assert_refused(post(&format!("content-length: {value}\r\n"), ""), 400, BadFieldValue);
    }
    let mut peer = Peer::new();
    peer.send(post("content-length: 010\r\n", "0123456789"));
    assert_eq!(peer.request().body(), BodyLength::Known(10));
    assert!(peer.ended(0));
    let mut peer = Peer::new();
    peer.send(post("content-length:\t5\r\n", "hello"));
    assert_eq!(peer.request().body(), BodyLength::Known(5));
}

#[test]
fn a3_content_length_and_transfer_encoding() {
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
    ] {
        assert_refused(post(lines, &format!("0\r\n\r\n{EVIL}")), 400, LengthWithTransferEncoding);
    }
}

#[test]
fn a4_transfer_encoding_other_than_one_chunked() {
    for value in [
        "chunked, gzip",
        "chunked, chunked",
        "gzip, chunked, chunked",
        "gzip, , chunked",
        "gz ip, chunked",
        "chunked;q=1",
        "",
        "chunked,",
        ",chunked",
        "chun ked",
        "chunked\t",
    ] {
        let lines = format!("transfer-encoding: {value}\r\n");
        assert_refused(post(&lines, "0\r\n\r\n"), 400, BadTransferEncoding);
    }
    let twice = "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n";
    assert_refused(post(twice, "0\r\n\r\n"), 400, BadTransferEncoding);
    for value in ["xchunked", "identity", "gzip", "chunkedx", "gzip, chunked", "a,b ,\tchunked"] {
        let lines = format!("transfer-encoding: {value}\r\n");
        assert_refused(post(&lines, "0\r\n\r\n"), 501, UnknownTransferCoding);
    }
    for value in ["\x0bchunked", "chunked\x0c"] {
        let lines = format!("transfer-encoding: {value}\r\n");
        assert_refused(post(&lines, ""), 400, BadFieldValue);
    }
    assert_refused(post("transfer-encoding: chunked\0\r\n", ""), 400, NulByte);
    let mut peer = Peer::new();
    peer.send(post("Transfer-Encoding: ChunKED\r\n", "5\r\nhello\r\n0\r\n\r\n"));
    assert_eq!(peer.body(0), b"hello");
    let mut peer = Peer::new();
    peer.send(post("Transfer-Encoding:\tchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"));
    assert_eq!(peer.body(0), b"hello");
}

#[test]
fn a5_space_before_the_colon_and_folding() {
    for lines in [
        "Transfer-Encoding : chunked\r\n",
        "x: y\r\nTransfer-Encoding\t: chunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: y\r\n\tfolded\r\n",
    ] {
        let violation = match lines.starts_with("transfer-encoding:\r\n") {
            true => BadTransferEncoding,
            false => BadFieldLine,
        };
        assert_refused(post(lines, ""), 400, violation);
    }
    assert_refused("GET / HTTP/1.1\r\n host: a\r\n\r\n", 400, BadFieldLine);
}

#[test]
fn a6_transfer_encoding_on_http10() {
    assert_refused(
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        TransferEncodingOnHttp10,
    );
    assert_refused(
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello",
        400,
        LengthWithTransferEncoding,
    );
}

fn assert_body_refused(body: &str, violation: Violation) {
    for drip in [false, true] {
        let mut peer = Peer::new();
        match drip {
            true => peer.drip(chunked(body)),
            false => peer.send(chunked(body)),
        };
        assert!(peer.aborted(0) && !peer.ended(0), "{body:?}");
        peer.assert_refused(violation.status(), violation);
    }
}

#[test]
fn a7_chunk_sizes() {
    for size in [
        "+5",
        "0x5",
        "-1",
        "5_0",
        " 5",
        "5 ",
        "5\t",
        "FFFFFFFFFFFFFFFFF",
        "",
        "g",
        "00000000000000005",
    ] {
        assert_body_refused(&format!("{size}\r\nhello\r\n0\r\n\r\n"), BadChunkSize);
    }
    assert_body_refused("5\nhello\r\n0\r\n\r\n", BadChunkSize);
    assert_body_refused("5\rhello\r\n0\r\n\r\n", BadChunkSize);
    assert_body_refused("FFFFFFFFFFFFFFFF\r\nhello", BodyTooLarge);
}

#[test]
fn a8_chunk_extensions() {
    for extension in [
        ";",
        ";;a",
        ";a=",
        ";a=b;",
        ";a\n",
        ";a\x01",
        ";a=\"x\ny\"",
        ";a=\"x\ry\"",
        "; a",
        ";a =b",
        ";a=\"b",
    ] {
        assert_body_refused(&format!("5{extension}\r\nhello\r\n0\r\n\r\n"), BadChunkExtension);
    }
    let mut peer = Peer::new();
    peer.send(chunked("5;a;b=c;d=\"e \\\" \t;\"\r\nhello\r\n0;z\r\n\r\n"));
    assert_eq!(peer.body(0), b"hello");
    assert!(peer.ended(0));
    assert_body_refused(&format!("5;{}", "a".repeat(1 << 20)), ChunkExtensionsTooLong);
    let chunk = format!("1;{}\r\nx\r\n", "a".repeat(8000));
    assert_body_refused(&chunk.repeat(3), ChunkExtensionsTooLong);
}

#[test]
fn a9_chunk_data_without_its_end() {
    assert_body_refused("5\r\nhello!\r\n0\r\n\r\n", BadChunkEnd);
    assert_body_refused("5\r\nhello0\r\n\r\n", BadChunkEnd);
    assert_body_refused("5\r\nhello\n0\r\n\r\n", BadChunkEnd);
    assert_body_refused("5\r\nhello\r0\r\n\r\n", BadChunkEnd);
}

#[test]
fn a10_tiny_chunks_cost_few_events_and_count_against_the_limit() {
    let mut config = Config::default();
    config.limits.body_bytes = 100_000;
    let mut peer = Peer::with(config);
    peer.send(chunked(&"1\r\nx\r\n".repeat(100_000)));
    assert_eq!(peer.body(0).len(), 100_000);
    assert!(peer.events.len() < 5, "one event for one piece of input");
    peer.send("1\r\n");
    peer.assert_refused(413, BodyTooLarge);
}

#[test]
fn a11_trailers_are_kept_apart_and_filtered() {
    let mut peer = Peer::new();
    peer.drip(chunked(
        "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: x\r\n\
         Content-Type: y\r\nx_y: z\r\nX-Checksum: \tabc \r\n\r\n",
    ));
    assert!(peer.request().header("x-checksum").is_none());
    let trailers = peer.events.iter().find_map(|event| match event {
        Event::End { trailers, .. } => trailers.as_deref(),
        _ => None,
    });
    assert_eq!(trailers.unwrap().wire(), b"X-Checksum: abc\r\n");
    assert_eq!(peer.rejections(), []);
}

#[test]
fn a11_trailers_are_bounded_and_strict() {
    assert_body_refused(&format!("0\r\n{}", "a: b\r\n".repeat(100_000)), TrailersTooLarge);
    assert_body_refused(&format!("0\r\na: {}", "b".repeat(9000)), TrailersTooLarge);
    assert_body_refused(&format!("0\r\n{}\r\n", "a: b\r\n".repeat(65)), TrailersTooLarge);
    for trailer in
        ["a: b\n", "a\r\n", ": b\r\n", "a : b\r\n", " a: b\r\n", "a: b\0\r\n", "a: b\rc\r\n"]
    {
        assert_body_refused(&format!("0\r\n{trailer}\r\n"), BadTrailer);
    }
}

#[test]
fn a12_line_ends_and_bytes_that_do_not_belong_in_a_head() {
    let cases: [(&str, Violation); 14] = [
        ("GET / HTTP/1.1\nhost: a\r\n\r\n", BareLf),
        ("GET / HTTP/1.1\r\nhost: a\n\r\n", BareLf),
        ("GET / HTTP/1.1\r\nhost: a\r\n\n", BareLf),
        ("GET / HTTP/1.1\r\nx: a\rb\r\n\r\n", BareCr),
        ("GET / HTTP/1.1\rhost: a\r\r", BareCr),
        ("GET / HTTP/1.1\r\nhost: a\r\r\n", BareCr),
        ("GET / HTTP/1.1\r\nx: \0\r\n\r\n", NulByte),
        ("GET / HTTP/1.1\r\nx\0: a\r\n\r\n", NulByte),
        ("GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", BadFieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\nnocolon\r\n\r\n", BadFieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\n: empty\r\n\r\n", BadFieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\na b: c\r\n\r\n", BadFieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\né: c\r\n\r\n", BadFieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: \x1b[0m\r\n\r\n", BadFieldValue),
    ];
    for (head, violation) in cases {
        assert_refused(head, 400, violation);
    }
}

#[test]
fn a12_bad_bytes_are_answered_before_the_head_is_complete() {
    for (part, violation) in [
        ("GET / HTTP/1.1\n", BareLf),
        ("GET /\r\n", MissingVersion),
        ("GET / HTTP/1.1\r\nhost: a\rb", BareCr),
        ("GET / HTTP/1.1\r\nx: \0", NulByte),
        ("{", BadRequestLine),
        ("GET(", BadRequestLine),
        ("\n", BareLf),
        ("\r\n\r\n", BadRequestLine),
    ] {
        assert_refused(part, 400, violation);
    }
}

#[test]
fn one_empty_line_in_front_of_a_request_is_skipped() {
    let mut peer = Peer::new();
    peer.drip("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").respond(0, text(""));
    peer.send("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n");
    peer.read();
    assert_eq!(peer.requests().len(), 2);
}

#[test]
fn a13_hosts() {
    assert_refused("GET / HTTP/1.1\r\n\r\n", 400, MissingHost);
    assert_refused(get("/", "host: a\r\n"), 400, DuplicateHost);
    assert_refused(get("/", "Host: b\r\n"), 400, DuplicateHost);
    for host in ["a:", "[::1]:"] {
        let mut peer = Peer::new();
        peer.send(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        assert_eq!(peer.request().host(), Some(host), "an empty port is legal");
    }
    for host in
        ["", ":", ":80", "a/b", "u@a", "a,b", "a b", "a:x", "http://a", "[::1", "a\"b", "a\\b"]
    {
        assert_refused(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"), 400, BadHost);
    }
    assert_refused("GET http://u@b/ HTTP/1.1\r\nhost: a\r\n\r\n", 400, BadHost);
    assert_refused("GET http:/// HTTP/1.1\r\nhost: a\r\n\r\n", 400, BadHost);
    let mut peer = Peer::new();
    peer.send("GET HTTP://b:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
    let request = peer.request();
    assert_eq!((request.host(), request.path(), request.query()), (Some("b:81"), "/p", Some("q")));
    assert_eq!(request.header("host"), Some(&b"b:81"[..]));
    assert_eq!(request.target(), "HTTP://b:81/p?q");
    let mut peer = Peer::new();
    peer.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((peer.request().host(), peer.request().version()), (None, Version::Http10));
}
