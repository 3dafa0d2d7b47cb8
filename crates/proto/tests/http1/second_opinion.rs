//! Heads with faults in them, read by httparse as well: what is taken here means the same to it.

use httparse::{EMPTY_HEADER, Status};
use hyperion_proto::{Config, Request};
use proptest::prelude::*;

use crate::fuzz::{mutated, settings};
use crate::mutations::{REQUESTS, WORDS};

/// More than any mutation has.
const FIELDS: usize = 256;

/// The first head there, with its empty line.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(&bytes[..end + 4])
}

/// It differs by design: a later minor version is taken as 1.1, and bytes above ASCII are escaped in a target.
fn is_comparable(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or(head);
    line.is_ascii() && (line.ends_with(b"HTTP/1.0") || line.ends_with(b"HTTP/1.1"))
}

/// Names with an underscore are dropped here, and a target with an authority decides the host (RFC 9112, section
/// 3.2.2).
fn is_kept((name, _): &(&[u8], &[u8]), target: &str) -> bool {
    let is_replaced = name.eq_ignore_ascii_case(b"host") && target.contains("://");
    !is_replaced && !name.contains(&b'_')
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn heads_that_are_taken_mean_the_same_to_another_parser(bytes in mutated(REQUESTS, WORDS)) {
        let Some(head) = head(&bytes).filter(|head| is_comparable(head)) else { return Ok(()) };
        let Ok(request) = Request::from_head(head, &Config::default()) else { return Ok(()) };
        let mut fields = [EMPTY_HEADER; FIELDS];
        let mut other = httparse::Request::new(&mut fields);
        prop_assert_eq!(other.parse(head), Ok(Status::Complete(head.len())));
        prop_assert_eq!(other.method, Some(request.method()));
        prop_assert_eq!(other.path, Some(request.target()));
        let others = other.headers.iter().map(|field| (field.name.as_bytes(), field.value));
        let others: Vec<_> = others.filter(|field| is_kept(field, request.target())).collect();
        let seen = request.headers().filter(|field| is_kept(field, request.target()));
        prop_assert_eq!(seen.collect::<Vec<_>>(), others);
    }
}
