//! Group B of the attack table: names, values and targets that pretend.

use hyperion_proto::Violation::*;
use hyperion_proto::{Config, Request, ResponseBody, StreamId, UnderscorePolicy};

use crate::support::*;

fn parse(head: &str, policy: UnderscorePolicy) -> Request {
    let config = Config { underscore_headers: policy, ..Config::default() };
    Request::from_head(head.as_bytes(), &config).unwrap()
}

fn names(request: &Request) -> Vec<String> {
    request.headers().map(|(name, _)| String::from_utf8(name.to_vec()).unwrap()).collect()
}

#[test]
fn b1_names_with_underscores_are_dropped_and_counted() {
    let head =
        get("/", "X_Forwarded_For: evil\r\nContent_Length: 5\r\nX.Forwarded.For: x\r\nX-A: 1\r\n");
    let request = parse(&head, UnderscorePolicy::Drop);
    assert_eq!(names(&request), ["host", "X.Forwarded.For", "X-A"]);
    assert_eq!(request.dropped_underscore_headers(), 2);
}

#[test]
fn b1_the_name_with_dashes_wins_where_underscores_are_allowed() {
    let head = get(
        "/",
        "X_Forwarded_For: evil\r\nX-Forwarded-For: good\r\nX_Other: kept\r\nContent_Length: 5\r\n\
         Transfer_Encoding: chunked\r\nX_Accel_Redirect: /\r\n",
    );
    let request = parse(&head, UnderscorePolicy::Allow);
    assert_eq!(names(&request), ["host", "X-Forwarded-For", "X_Other"]);
    assert_eq!(request.dropped_underscore_headers(), 4);
    assert_eq!(request.body(), hyperion_proto::BodyLength::None);
}

#[test]
fn b2_fields_that_speak_for_the_server_are_removed() {
    let head = get(
        "/",
        "Proxy: http://evil\r\nX-Sendfile-Type: X-Sendfile\r\nX-Accel-Mapping: a=b\r\n\
         x-accel-redirect: /secret\r\nrack.input: x\r\nProxy-Connection: close\r\n",
    );
    for policy in [UnderscorePolicy::Drop, UnderscorePolicy::Allow] {
        assert_eq!(names(&parse(&head, policy)), ["host", "rack.input", "Proxy-Connection"]);
    }
}

#[test]
fn b3_early_hints_and_trailers_cannot_frame() {
    let mut peer = Peer::new();
    peer.send(get("/", "te: trailers\r\n"));
    let hints = fields(&[("link", "</a>"), ("content-length", "5"), ("connection", "close")]);
    peer.connection.inform(StreamId(0), 103, &hints);
    assert_eq!(peer.read(), "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
    let trailers = fields(&[("transfer-encoding", "x"), ("content-length", "5"), ("x-sum", "1")]);
    peer.respond(0, stream()).finish(0, Some(&trailers));
    assert!(peer.read().ends_with("\r\n\r\n0\r\nx-sum: 1\r\n\r\n"));
}

#[test]
fn b6_repeated_fields_keep_their_order() {
    let request =
        parse(&get("/", "Cookie: a=1\r\naccept: x\r\ncookie:  b=2\t\r\n"), UnderscorePolicy::Drop);
    let cookies: Vec<_> = request
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"cookie"))
        .map(|(_, value)| value)
        .collect();
    assert_eq!(cookies, [&b"a=1"[..], b"b=2"]);
    assert_eq!(request.header("cookie"), Some(&b"a=1"[..]));
}

#[test]
fn b7_methods() {
    let head = |method: &str| format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
    for method in ["TRACE", "get", "M-SEARCH", "!#$%&'*+-.^_`|~", &"X".repeat(32)] {
        let mut peer = Peer::new();
        peer.send(head(method));
        assert_eq!(peer.request().method(), method);
    }
    assert_refused(head(&"X".repeat(33)), 501, MethodTooLong);
    assert_refused(head(&"X".repeat(10_240)), 501, MethodTooLong);
    assert_refused("CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", 501, ConnectMethod);
    for line in [" / HTTP/1.1", "G(T / HTTP/1.1", "G\u{e9}T / HTTP/1.1", "\"GET\" / HTTP/1.1"] {
        assert_refused(format!("{line}\r\nhost: a\r\n\r\n"), 400, BadRequestLine);
    }
}

#[test]
fn b7_of_two_faults_of_a_request_line_the_same_is_told_however_it_is_cut() {
    let x = |count: usize| "X".repeat(count);
    for (line, status, violation) in [
        (format!("{}: a", x(33)), 501, MethodTooLong),
        (format!("{}(GET / HTTP/1.1", x(33)), 501, MethodTooLong),
        (format!("{}(GET / HTTP/1.1", x(32)), 400, BadRequestLine),
        (format!("GET / HTTP/1.1{}", x(33_000)), 414, TargetTooLong),
    ] {
        assert_refused(format!("{line}\r\nhost: a\r\n\r\n"), status, violation);
    }
}

#[test]
fn b7_versions() {
    let head = |version: &str| format!("GET / {version}\r\nhost: a\r\n\r\n");
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0"] {
        assert_refused(head(version), 505, UnsupportedVersion);
    }
    for version in ["HTTP/1.2", "HTTP/1.9"] {
        let mut peer = Peer::new();
        peer.send(head(version));
        assert_eq!(peer.request().version(), hyperion_proto::Version::Http11);
        assert!(peer.request().keep_alive());
    }
    for version in
        ["http/1.1", "HTTP/1", "HTTP/1.1 ", " HTTP/1.1", "HTTP/1.10", "HTTP/11", "", "ICY/1.0"]
    {
        assert_refused(head(version), 400, BadRequestLine);
    }
    assert_refused("GET /\r\n\r\n", 400, MissingVersion);
}

#[test]
fn b8_targets_are_kept_as_they_came() {
    for target in [
        "//host/x", "/a/../b", "/%2e%2e/", "/a\\b", "/%00", "/%0d%0a", "/%c0%af", "/?a?b",
        "/{}|^`\"",
    ] {
        let mut peer = Peer::new();
        peer.send(get(target, ""));
        assert_eq!(peer.request().target(), target);
        let path = target.split('?').next().unwrap();
        assert_eq!(peer.request().path(), path);
    }
    let request = parse(&get("/a?", ""), UnderscorePolicy::Drop);
    assert_eq!((request.path(), request.query()), ("/a", Some("")));
    let request = parse(&get("http://b?x=1", ""), UnderscorePolicy::Drop);
    assert_eq!((request.path(), request.query(), request.host()), ("/", Some("x=1"), Some("b")));
}

#[test]
fn b8_bytes_beyond_ascii_are_escaped_and_kept() {
    let mut peer = Peer::new();
    peer.send(b"GET /caf\xc3\xa9?q=\xff HTTP/1.1\r\nhost: a\r\n\r\n");
    let request = peer.request();
    assert_eq!((request.target(), request.path()), ("/caf%C3%A9?q=%FF", "/caf%C3%A9"));
    let query = Some(&b"q=\xff"[..]);
    assert_eq!(request.verbatim(), (&b"/caf\xc3\xa9?q=\xff"[..], &b"/caf\xc3\xa9"[..], query));
    let request = parse(&get("/a?b", ""), UnderscorePolicy::Drop);
    assert_eq!(request.verbatim(), (&b"/a?b"[..], &b"/a"[..], Some(&b"b"[..])));
    let request = parse(&get("http://b/\u{e9}", ""), UnderscorePolicy::Drop);
    assert_eq!(request.verbatim().1, b"/%C3%A9");
}

#[test]
fn b8_targets_that_are_refused() {
    for target in [
        "/a#b",
        "/\u{e9}#b",
        "\u{e9}",
        "/\x7f",
        "/\x01",
        "/\t",
        "a",
        "a:80",
        "*",
        "ftp://a/",
        "?x",
        "mailto:x",
    ] {
        assert_refused(get(target, ""), 400, BadTarget);
    }
    assert_refused(get("/a b", ""), 400, BadRequestLine);
    assert_refused(get(&format!("/{}", "a".repeat(64 * 1024)), ""), 414, TargetTooLong);
    assert_refused(get(&format!("/{}", "a".repeat(32 * 1024)), ""), 414, TargetTooLong);
    let longest = format!("/{}", "a".repeat(32 * 1024 - 1));
    let mut peer = Peer::new();
    peer.send(get(&longest, ""));
    assert_eq!(peer.request().target(), longest);
}

#[test]
fn b8_asterisk_is_for_options() {
    let mut peer = Peer::new();
    peer.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((peer.request().path(), peer.request().query()), ("*", None));
    peer.respond(0, response(204, &[], ResponseBody::Empty));
    assert!(peer.read().starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn tls_on_a_plain_port_is_answered_readably() {
    let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    hello.extend([0x0a; 500]);
    assert_refused(&hello, 400, TlsOnPlainPort);
    let mut peer = Peer::new();
    peer.send(&hello);
    assert!(peer.read().ends_with("This port speaks plain HTTP, not HTTPS\n"));
    assert_refused([0x16, 0x41], 400, BadRequestLine);
}
