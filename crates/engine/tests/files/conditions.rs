//! Conditional requests to a mount.

use hyperion_engine::files::Mount;

use crate::requests::request;
use crate::support::{Seen, hit, mount};
use crate::tree::Tree;

fn tree() -> (Tree, Mount) {
    let tree =
        Tree::of(&[("small.txt", "0123456789"), ("large.txt", &"0123456789".repeat(10_000))]);
    let mount = mount(&tree);
    (tree, mount)
}

#[test]
fn w7_what_the_client_has_is_not_sent_again() {
    let (_tree, mount) = tree();
    for target in ["/small.txt", "/large.txt"] {
        let first = hit(&mount, target, &[]);
        let modified = first.field("last-modified").unwrap();
        for condition in [
            ("if-none-match", first.etag()),
            ("if-none-match", "*"),
            ("if-none-match", &*format!("\"x\", W/{}", first.etag())),
            ("if-modified-since", modified),
        ] {
            let seen = hit(&mount, target, &[condition]);
            assert_eq!((seen.status, &*seen.body), (304, &b""[..]), "{target} {condition:?}");
            assert_eq!(seen.etag(), first.etag());
            assert_eq!(seen.field("last-modified"), Some(modified));
            for name in ["content-type", "content-length", "accept-ranges"] {
                assert_eq!(seen.field(name), None, "{name}");
            }
            let head = mount.answer(&request("HEAD", target, &[condition])).unwrap();
            assert_eq!(Seen::from(head).status, 304);
        }
    }
}

#[test]
fn conditions_that_fail_are_412() {
    let (_tree, mount) = tree();
    for target in ["/small.txt", "/large.txt"] {
        let etag = hit(&mount, target, &[]).etag().to_owned();
        for condition in [
            ("if-match", "\"x\""),
            ("if-match", &*format!("W/{etag}")),
            ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            let seen = hit(&mount, target, &[condition, ("range", "bytes=0-1")]);
            assert_eq!((seen.status, seen.text()), (412, "Precondition Failed\n"));
        }
        assert_eq!(hit(&mount, target, &[("if-match", &etag)]).status, 200);
    }
}

#[test]
fn a_new_content_has_a_new_tag() {
    let (tree, mount) = tree();
    let before = hit(&mount, "/small.txt", &[]);
    tree.write("fresh.txt", "9876543210");
    std::fs::rename(tree.path("fresh.txt"), tree.path("small.txt")).unwrap();
    let after = hit(&mount, "/small.txt", &[("if-none-match", before.etag())]);
    assert_eq!((after.status, after.text()), (200, "9876543210"));
    assert_ne!(before.etag(), after.etag());
}

#[test]
fn every_mount_gives_the_same_tag() {
    let (tree, first) = tree();
    let second = mount(&tree);
    let etag = |mount| Seen::etag(&hit(mount, "/small.txt", &[])).to_owned();
    assert_eq!(etag(&first), etag(&second));
}

#[test]
fn f7_a_huge_if_none_match_is_read_once() {
    let (_tree, mount) = tree();
    let etag = hit(&mount, "/small.txt", &[]).etag().to_owned();
    let list = "\"x\",".repeat(50_000);
    assert_eq!(hit(&mount, "/small.txt", &[("if-none-match", &list)]).status, 200);
    assert_eq!(hit(&mount, "/small.txt", &[("if-none-match", &(list + &etag))]).status, 304);
}
