//! Parts of files.

use hyperion_engine::files::Mount;
use proptest::prelude::*;

use crate::support::{Seen, hit, mount, mount_with};
use crate::tree::Tree;

const SIZE: usize = 100_000;

/// A small and a large file that begin alike.
fn tree() -> (Tree, Mount, String) {
    let content: String = (0..SIZE).map(|index| char::from(b'a' + (index % 23) as u8)).collect();
    let tree = Tree::of(&[("small.txt", &content[..1000]), ("large.txt", &content)]);
    let mount = mount(&tree);
    (tree, mount, content)
}

/// The parts of a multipart body, each as (fields, content).
fn parts(seen: &Seen) -> Vec<(String, String)> {
    let content_type = seen.field("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let text = format!("\r\n{}", seen.text());
    let mut pieces = text.split(&format!("\r\n--{boundary}")).collect::<Vec<_>>();
    assert_eq!((pieces.remove(0), pieces.pop()), ("", Some("--\r\n")));
    let pieces = pieces.into_iter().map(|piece| {
        let (head, content) = piece.split_once("\r\n\r\n").unwrap();
        (head.trim_start().to_owned(), content.to_owned())
    });
    pieces.collect()
}

#[test]
fn a_range_is_a_part_and_says_which() {
    let (_tree, mount, content) = tree();
    for (target, size) in [("/small.txt", 1000), ("/large.txt", SIZE)] {
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=10-19", 10, 19),
            ("bytes=990-", 990, size - 1),
            ("bytes=-10", size - 10, size - 1),
            ("bytes=500-99999999", 500, size - 1),
        ] {
            let seen = hit(&mount, target, &[("range", range)]);
            assert_eq!((seen.status, seen.text()), (206, &content[first..=last]), "{range}");
            let expected = format!("bytes {first}-{last}/{size}");
            assert_eq!(seen.field("content-range"), Some(&*expected));
            assert_eq!(seen.field("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(seen.etag(), hit(&mount, target, &[]).etag());
        }
    }
}

#[test]
fn several_ranges_are_parts_of_one_body() {
    let (_tree, mount, content) = tree();
    for (target, size) in [("/small.txt", 1000), ("/large.txt", SIZE)] {
        let seen = hit(&mount, target, &[("range", "bytes=-5, 0-2,500-509")]);
        assert_eq!((seen.status, seen.field("content-range")), (206, None));
        let parts = parts(&seen);
        let ranges = [(size - 5, size - 1), (0, 2), (500, 509)];
        assert_eq!(parts.len(), ranges.len());
        for ((head, text), (first, last)) in parts.iter().zip(ranges) {
            let range = format!("content-range: bytes {first}-{last}/{size}");
            assert_eq!(head, &format!("content-type: text/plain; charset=utf-8\r\n{range}"));
            assert_eq!(text, &content[first..=last]);
        }
    }
}

#[test]
fn every_multipart_body_has_a_boundary_of_its_own() {
    let (_tree, mount, _) = tree();
    let mut boundaries: Vec<String> = (0..50)
        .map(|_| hit(&mount, "/small.txt", &[("range", "bytes=0-1,3-4")]))
        .map(|seen| seen.field("content-type").unwrap().to_owned())
        .collect();
    boundaries.sort();
    boundaries.dedup();
    assert_eq!(boundaries.len(), 50);
}

#[test]
fn what_lies_behind_the_end_is_416_with_the_size() {
    let (_tree, mount, _) = tree();
    for (target, size) in [("/small.txt", 1000), ("/large.txt", SIZE)] {
        for range in ["bytes=100000-", "bytes=-0", "bytes=100000-100001,200000-"] {
            let seen = hit(&mount, target, &[("range", range)]);
            assert_eq!((seen.status, seen.text()), (416, "Range Not Satisfiable\n"), "{range}");
            assert_eq!(seen.field("content-range"), Some(&*format!("bytes */{size}")));
        }
    }
}

#[test]
fn c10_abuse_gets_the_whole_file() {
    let (_tree, mount, _) = tree();
    let many = format!("bytes={}", (0..1000).map(|n| format!("{n}-{n},")).collect::<String>());
    let repeated = format!("bytes={}", "0-,".repeat(16));
    let repeated_often = format!("bytes={}", "0-,".repeat(20_000));
    for range in [
        &*many,
        &repeated,
        &repeated_often,
        "bytes=0-10,5-15",
        "bytes=9-0",
        "bytes=a-z",
        "bytes",
        "bytes=",
        "lines=0-5",
        "bytes=0-1;2-3",
    ] {
        let seen = hit(&mount, "/large.txt", &[("range", range)]);
        assert_eq!((seen.status, seen.body.len()), (200, SIZE), "{range:.50}");
        assert_eq!(seen.field("content-range"), None);
    }
    let twice = hit(&mount, "/small.txt", &[("range", "bytes=0-1"), ("range", "bytes=3-4")]);
    assert_eq!(twice.status, 200);
}

#[test]
fn if_range_decides_between_a_part_and_the_whole() {
    let (_tree, mount, _) = tree();
    for target in ["/small.txt", "/large.txt"] {
        let first = hit(&mount, target, &[]);
        let modified = first.field("last-modified").unwrap();
        let status = |value: &str| {
            hit(&mount, target, &[("range", "bytes=0-1"), ("if-range", value)]).status
        };
        assert_eq!((status(first.etag()), status(modified)), (206, 206));
        assert_eq!(status(&format!("W/{}", first.etag())), 200);
        assert_eq!(status("\"other\""), 200);
        assert_eq!(status("Sun, 06 Nov 1994 08:49:37 GMT"), 200);
    }
}

#[test]
fn a_file_that_is_not_modified_has_no_ranges() {
    let (_tree, mount, _) = tree();
    let etag = hit(&mount, "/small.txt", &[]).etag().to_owned();
    let conditions = [("range", "bytes=0-1"), ("if-none-match", &*etag)];
    assert_eq!(hit(&mount, "/small.txt", &conditions).status, 304);
}

#[test]
fn an_empty_file_has_no_parts() {
    let tree = Tree::of(&[("empty", "")]);
    let mount = mount(&tree);
    assert_eq!(hit(&mount, "/empty", &[("range", "bytes=0-")]).status, 416);
    assert_eq!(hit(&mount, "/empty", &[("range", "bytes=-1")]).status, 200);
}

#[test]
fn headers_of_the_mount_are_on_parts_too() {
    let (tree, _, _) = tree();
    let mount = mount_with(&tree, |config| {
        config.headers.push(b"cache-control", b"no-cache").unwrap();
    });
    for range in ["bytes=0-1", "bytes=0-1,3-4"] {
        let seen = hit(&mount, "/small.txt", &[("range", range)]);
        assert_eq!((seen.status, seen.field("cache-control")), (206, Some("no-cache")));
    }
}

proptest! {
    #[test]
    fn c10_whatever_is_asked_the_parts_are_the_bytes_they_say(
        range in "bytes=([0-9]{0,4}-[0-9]{0,4},){0,5}",
    ) {
        thread_local!(static TREE: (Tree, Mount, String) = tree());
        TREE.with(|(_, mount, content)| {
            let seen = hit(mount, "/small.txt", &[("range", &range)]);
            match (seen.status, seen.field("content-range")) {
                (200, None) => prop_assert_eq!(seen.text(), &content[..1000]),
                (416, Some(size)) => prop_assert_eq!(size, "bytes */1000"),
                (206, Some(range)) => prop_assert_eq!(seen.text(), &content[bytes_of(range)]),
                (206, None) => for (head, text) in parts(&seen) {
                    let range = head.rsplit_once("content-range: ").unwrap().1;
                    prop_assert_eq!(&text, &content[bytes_of(range)]);
                },
                other => prop_assert!(false, "{:?}", other),
            }
            Ok(())
        })?;
    }
}

/// The indices that a `content-range` of 1000 bytes means.
fn bytes_of(content_range: &str) -> std::ops::RangeInclusive<usize> {
    let range = content_range.strip_prefix("bytes ").unwrap().strip_suffix("/1000").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    first.parse().unwrap()..=last.parse().unwrap()
}
