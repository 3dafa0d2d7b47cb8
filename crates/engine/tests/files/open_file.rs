//! Files that an application answers with.

use std::fs::File;
use std::io::ErrorKind;

use hyperion_engine::files::{answer_open_file, ensure_content_type, open_path};
use hyperion_engine::{Fields, NativeResponse};
use rustix::fs::{CWD, FileType, Mode};

use crate::requests::{get, request};
use crate::support::Seen;
use crate::tree::Tree;

const CONTENT: &str = "0123456789";

type Headers<'a> = &'a [(&'a str, &'a str)];

fn fields(pairs: Headers<'_>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    fields
}

/// What becomes of the application's `status` and `response` for a request.
fn answered(method: &str, headers: Headers<'_>, status: u16, response: Headers<'_>) -> Seen {
    let tree = Tree::of(&[("file.txt", CONTENT)]);
    let file = open_path(&tree.path("file.txt")).unwrap();
    let request = request(method, "/anything", headers);
    let response = answer_open_file(&request, file, status, fields(response)).unwrap();
    Seen::from(NativeResponse::Response(response))
}

#[test]
fn w7_a_200_keeps_its_fields_and_gets_what_ranges_and_caches_need() {
    let response = [("Content-Type", "text/x"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
    let seen = answered("GET", &[], 200, &response);
    assert_eq!((seen.status, seen.text()), (200, CONTENT));
    let wire = b"Content-Type: text/x\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n";
    assert!(seen.fields.wire().starts_with(wire));
    assert_eq!(seen.field("accept-ranges"), Some("bytes"));
    assert!(seen.field("etag").is_some() && seen.field("last-modified").is_some());
}

#[test]
fn w7_another_status_is_kept_with_the_whole_file() {
    for status in [201, 203, 206, 404, 410, 500] {
        let response = [("content-type", "text/html"), ("x-error", "yes")];
        let conditions = [("range", "bytes=0-1"), ("if-none-match", "*")];
        let seen = answered("GET", &conditions, status, &response);
        assert_eq!((seen.status, seen.text()), (status, CONTENT));
        assert_eq!(seen.fields.wire(), fields(&response).wire());
    }
}

#[test]
fn w7_another_method_gets_the_whole_file() {
    let seen = answered("POST", &[("range", "bytes=0-1"), ("if-match", "\"x\"")], 200, &[]);
    assert_eq!((seen.status, seen.text(), seen.fields.len()), (200, CONTENT, 0));
}

#[test]
fn w7_head_has_the_fields_of_get_and_no_range() {
    let seen = answered("HEAD", &[("range", "bytes=0-1")], 200, &[]);
    assert_eq!((seen.status, seen.body.len()), (200, CONTENT.len()));
    assert_eq!(seen.field("accept-ranges"), Some("bytes"));
    assert_eq!(answered("HEAD", &[("if-none-match", "*")], 200, &[]).status, 304);
}

#[test]
fn w7_a_range_replaces_the_length_of_the_application() {
    let response = [("content-length", "10"), ("content-type", "text/plain")];
    let seen = answered("GET", &[("range", "bytes=2-4")], 200, &response);
    assert_eq!((seen.status, seen.text()), (206, "234"));
    assert_eq!(seen.field("content-range"), Some("bytes 2-4/10"));
    assert_eq!(seen.field("content-length"), None, "the connection writes the right one");
    let several = answered("GET", &[("range", "bytes=0-1,5-6")], 200, &response);
    assert_eq!((several.status, several.field("content-length")), (206, None));
    assert!(several.text().contains("content-range: bytes 5-6/10\r\n\r\n56\r\n"));
    let beyond = answered("GET", &[("range", "bytes=10-")], 200, &response);
    assert_eq!((beyond.status, beyond.field("content-range")), (416, Some("bytes */10")));
    assert_eq!(beyond.field("content-length"), None);
}

#[test]
fn a_wrong_length_of_the_application_does_not_cut_the_file() {
    let seen = answered("GET", &[], 200, &[("content-length", "3")]);
    assert_eq!((seen.text(), seen.field("content-length")), (CONTENT, None));
}

#[test]
fn the_validators_of_the_application_are_the_ones_that_count() {
    let response = [("ETag", "\"mine\""), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let status = |name, value| answered("GET", &[(name, value)], 200, &response).status;
    assert_eq!(status("if-none-match", "\"mine\""), 304);
    assert_eq!(status("if-none-match", "\"other\""), 200);
    assert_eq!(status("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"), 304);
    assert_eq!(status("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT"), 200);
    assert_eq!(status("if-match", "\"other\""), 412);
    let seen = answered("GET", &[], 200, &response);
    assert_eq!(
        seen.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"etag")).count(),
        1
    );
    let if_range = |value| {
        let headers = [("range", "bytes=0-0"), ("if-range", value)];
        answered("GET", &headers, 200, &response).status
    };
    assert_eq!((if_range("\"mine\""), if_range("\"other\"")), (206, 200));
}

#[test]
fn a_weak_tag_of_the_application_revalidates_but_joins_no_parts() {
    let response = [("etag", "W/\"weak\"")];
    assert_eq!(answered("GET", &[("if-none-match", "\"weak\"")], 200, &response).status, 304);
    let resumed = [("range", "bytes=0-1"), ("if-range", "W/\"weak\"")];
    assert_eq!(answered("GET", &resumed, 200, &response).status, 200);
}

#[test]
fn a_304_keeps_what_is_not_about_the_body() {
    let response = [
        ("content-type", "text/plain"),
        ("content-length", "10"),
        ("content-disposition", "attachment"),
        ("cache-control", "private"),
        ("set-cookie", "a=1"),
    ];
    let seen = answered("GET", &[("if-none-match", "*")], 200, &response);
    assert_eq!((seen.status, &*seen.body), (304, &b""[..]));
    assert!(seen.field("etag").is_some());
    assert_eq!(
        (seen.field("cache-control"), seen.field("set-cookie")),
        (Some("private"), Some("a=1"))
    );
    for name in ["content-type", "content-length", "content-disposition", "accept-ranges"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
}

#[test]
fn an_error_is_not_cached_or_named_like_the_file() {
    let response = [
        ("content-type", "application/pdf"),
        ("content-disposition", "attachment"),
        ("cache-control", "max-age=60"),
        ("x-request-id", "7"),
    ];
    for (condition, status) in [(("range", "bytes=50-"), 416), (("if-match", "\"x\""), 412)] {
        let seen = answered("GET", &[condition], 200, &response);
        assert_eq!((seen.status, seen.field("x-request-id")), (status, Some("7")));
        assert_eq!(seen.field("content-type"), Some("text/plain; charset=utf-8"));
        for name in ["content-disposition", "cache-control", "etag"] {
            assert_eq!(seen.field(name), None, "{name}");
        }
    }
}

#[test]
fn what_is_encoded_or_partial_already_is_left_alone() {
    for field in [("content-encoding", "gzip"), ("content-range", "bytes 0-9/20")] {
        let conditions = [("range", "bytes=0-1"), ("if-none-match", "*")];
        let seen = answered("GET", &conditions, 200, &[field]);
        assert_eq!((seen.status, seen.text(), seen.fields.len()), (200, CONTENT, 1), "{field:?}");
    }
}

#[test]
fn an_application_can_refuse_ranges() {
    let seen = answered("GET", &[("range", "bytes=0-1")], 200, &[("accept-ranges", "none")]);
    assert_eq!((seen.status, seen.text()), (200, CONTENT));
    assert_eq!(seen.field("accept-ranges"), Some("none"));
}

#[test]
fn f7_what_is_no_regular_file_is_refused_without_waiting() {
    let tree = Tree::new();
    rustix::fs::mknodat(CWD, tree.path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    for path in [tree.path("pipe"), tree.path(""), "/dev/zero".into()] {
        assert_eq!(open_path(&path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
    }
    assert_eq!(open_path(&tree.path("none")).unwrap_err().kind(), ErrorKind::NotFound);
    let device = File::open("/dev/null").unwrap();
    let refused = answer_open_file(&get("/", &[]), device, 200, Fields::new());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_content_type_comes_from_the_name_unless_the_application_gave_one() {
    let mut fields = Fields::new();
    ensure_content_type(&mut fields, b"report.pdf").unwrap();
    ensure_content_type(&mut fields, b"report.txt").unwrap();
    assert_eq!(fields.wire(), b"content-type: application/pdf\r\n");
}
