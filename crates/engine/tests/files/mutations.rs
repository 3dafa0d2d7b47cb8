//! Requests for files whose ranges and conditions have faults in them: whatever is sent belongs to the file.

use std::sync::LazyLock;

use hyperion_engine::files::Mount;
use proptest::prelude::*;

use crate::fuzz::{mutated, settings};
use crate::support::{hit, mount};
use crate::tree::Tree;

const SIZE: usize = 3000;

/// What a request says of the file; each line is a field.
const CONDITIONS: &[&[u8]] = &[
    b"range: bytes=0-0\n",
    b"range: bytes=10-19, -5,2990-\n",
    b"range: bytes=0-0,2-2,4-4,6-6,8-8\nif-range: \"x\"\n",
    b"if-range: Wed, 21 Oct 2015 07:28:00 GMT\nrange: bytes=5-\n",
    b"if-none-match: \"a\", W/\"b\" , *\n",
    b"if-match: *\nif-unmodified-since: Sunday, 06-Nov-94 08:49:37 GMT\n",
    b"if-modified-since: Sun Nov  6 08:49:37 1994\n",
    b"accept-encoding: gzip;q=0.5, br;q=1.000, identity;q=0\n",
];

const WORDS: &[&[u8]] = &[
    b"bytes=",
    b"BYTES=0-",
    b",",
    b"-",
    b"--",
    b"=",
    b"18446744073709551615",
    b"18446744073709551616",
    b"0-2999",
    b"\"",
    b"W/",
    b"*",
    b";q=",
    b" \t",
    b"\xff",
    b"range: bytes=1-2\n",
    b"if-range: \"\"\n",
];

struct Site {
    mount: Mount,
    content: Vec<u8>,
    _tree: Tree,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let content: String = (0..SIZE).map(|index| char::from(b'a' + (index % 23) as u8)).collect();
    let tree = Tree::of(&[("file.txt", &content)]);
    Site { mount: mount(&tree), content: content.into_bytes(), _tree: tree }
});

/// The lines that are fields, if those of a request could be.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| !name.is_empty() && is_name(name))
        .filter(|(_, value)| value.chars().all(|char| !char.is_control()))
        .collect()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn c10_what_is_sent_for_faulty_ranges_and_conditions_belongs_to_the_file(
        bytes in mutated(CONDITIONS, WORDS),
    ) {
        let text = String::from_utf8_lossy(&bytes);
        let fields = fields(&text);
        let seen = hit(&SITE.mount, "/file.txt", &fields);
        let content_range = seen.field("content-range").map(ToOwned::to_owned);
        match (seen.status, content_range) {
            (200, None) => prop_assert_eq!(&seen.body, &SITE.content),
            (206, Some(range)) => {
                let (place, size) = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
                let (first, last) = place.split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
                prop_assert_eq!(size.parse::<usize>().unwrap(), SIZE);
                prop_assert_eq!(&seen.body, &SITE.content[first..=last]);
            }
            (206, None) => {
                let kind = seen.field("content-type").unwrap();
                prop_assert!(kind.starts_with("multipart/byteranges; boundary="));
                prop_assert!(seen.body.len() < SIZE + 16 * 200, "{} bytes", seen.body.len());
            }
            (304, None) => prop_assert!(seen.body.is_empty()),
            (412, None) => prop_assert!(seen.body.len() < 100),
            (416, Some(range)) => prop_assert_eq!(range, format!("bytes */{SIZE}")),
            other => prop_assert!(false, "{other:?} for {fields:?}"),
        }
    }
}
