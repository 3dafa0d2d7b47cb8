//! Files that lie beside their original, encoded.

use std::time::{Duration, SystemTime};

use hyperion_engine::files::Mount;

use crate::support::{Seen, hit, mount, mount_with, settled};
use crate::tree::Tree;

const ALL: &str = "gzip, deflate, br, zstd";

fn encoded(files: &[(&str, &str)]) -> (Tree, Mount) {
    let tree = Tree::of(&[("app.css", "original")]);
    for (path, content) in files {
        tree.write(path, content);
    }
    let mount = mount_with(&tree, |config| config.precompressed = true);
    (tree, mount)
}

fn accepting(mount: &Mount, value: &str) -> Seen {
    hit(mount, "/app.css", &[("accept-encoding", value)])
}

fn set_age(tree: &Tree, path: &str, age: Duration) {
    let file = std::fs::File::options().write(true).open(tree.path(path)).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn the_client_gets_the_best_encoding_that_it_takes() {
    let (_tree, mount) =
        encoded(&[("app.css.br", "brotli"), ("app.css.zst", "zstandard"), ("app.css.gz", "gzip")]);
    for (accepted, coding, text) in [
        (ALL, Some("br"), "brotli"),
        ("gzip, zstd", Some("zstd"), "zstandard"),
        ("gzip", Some("gzip"), "gzip"),
        ("br;q=0.1, gzip;q=0.9", Some("gzip"), "gzip"),
        ("deflate", None, "original"),
        ("identity, gzip;q=0.5", None, "original"),
    ] {
        let seen = accepting(&mount, accepted);
        assert_eq!((seen.text(), seen.field("content-encoding")), (text, coding), "{accepted}");
        assert_eq!(seen.field("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(seen.field("vary"), Some("accept-encoding"));
    }
    let silent = hit(&mount, "/app.css", &[]);
    assert_eq!((silent.text(), silent.field("vary")), ("original", Some("accept-encoding")));
}

#[test]
fn each_encoding_has_an_entity_tag_of_its_own() {
    let (_tree, mount) = encoded(&[("app.css.gz", "gzip")]);
    let original = accepting(&mount, "identity");
    let gzip = accepting(&mount, "gzip");
    assert_ne!(original.etag(), gzip.etag());
    assert!(gzip.etag().ends_with("-gzip\""));
    let revalidated = [("accept-encoding", "gzip"), ("if-none-match", gzip.etag())];
    let seen = hit(&mount, "/app.css", &revalidated);
    assert_eq!((seen.status, seen.field("vary")), (304, Some("accept-encoding")));
    let other = [("accept-encoding", "gzip"), ("if-none-match", original.etag())];
    assert_eq!(hit(&mount, "/app.css", &other).status, 200);
}

#[test]
fn ranges_are_those_of_the_encoding() {
    let (_tree, mount) = encoded(&[("app.css.gz", "gzip")]);
    let seen = hit(&mount, "/app.css", &[("accept-encoding", "gzip"), ("range", "bytes=1-2")]);
    assert_eq!((seen.status, seen.text()), (206, "zi"));
    assert_eq!(seen.field("content-range"), Some("bytes 1-2/4"));
    assert_eq!(seen.field("content-encoding"), Some("gzip"));
}

#[test]
fn an_encoding_older_than_the_original_is_not_used() {
    let (tree, mount) = encoded(&[("app.css.br", "brotli"), ("app.css.gz", "gzip")]);
    set_age(&tree, "app.css", Duration::from_secs(100));
    set_age(&tree, "app.css.br", Duration::from_secs(101));
    set_age(&tree, "app.css.gz", Duration::from_secs(99));
    assert_eq!(accepting(&mount, ALL).text(), "gzip");
    settled(&mount, "/app.css", &[("accept-encoding", ALL)]);
    tree.write("app.css", "written since");
    let seen = accepting(&mount, ALL);
    assert_eq!((seen.text(), seen.field("vary")), ("written since", None));
}

#[test]
fn an_encoding_that_changes_or_goes_is_noticed() {
    let (tree, mount) = encoded(&[("app.css.br", "brotli"), ("app.css.gz", "gzip")]);
    settled(&mount, "/app.css", &[("accept-encoding", ALL)]);
    tree.write("app.css.br", "better");
    assert_eq!(accepting(&mount, ALL).text(), "better");
    settled(&mount, "/app.css", &[("accept-encoding", ALL)]);
    std::fs::remove_file(tree.path("app.css.br")).unwrap();
    assert_eq!(accepting(&mount, ALL).text(), "gzip");
}

#[test]
fn an_encoding_that_comes_later_is_found() {
    let (tree, mount) = encoded(&[]);
    assert_eq!(settled(&mount, "/app.css", &[("accept-encoding", ALL)]).body(), "original");
    tree.write("app.css.br", "brotli");
    while accepting(&mount, ALL).text() != "brotli" {
        std::thread::yield_now();
    }
}

#[test]
fn without_its_original_an_encoding_is_a_file_of_its_own() {
    let (tree, mount) = encoded(&[("app.css.gz", "gzip"), ("app.css.gz.br", "never")]);
    std::fs::remove_file(tree.path("app.css")).unwrap();
    let missed = mount.answer(&crate::requests::get("/app.css", &[("accept-encoding", ALL)]));
    assert!(missed.is_none());
    let seen = hit(&mount, "/app.css.gz", &[("accept-encoding", ALL)]);
    assert_eq!((seen.text(), seen.field("content-encoding")), ("gzip", None));
    assert_eq!(seen.field("content-type"), Some("application/gzip"));
}

#[test]
fn large_files_and_small_encodings_go_together() {
    let large = "x".repeat(100_000);
    let (tree, mount) = encoded(&[("app.css", &large), ("app.css.br", "small")]);
    tree.write("app.css.gz", "y".repeat(70_000));
    assert_eq!(accepting(&mount, "br").text(), "small");
    assert_eq!(accepting(&mount, "gzip").body.len(), 70_000);
    assert_eq!(accepting(&mount, "identity").body.len(), 100_000);
    assert_eq!(settled(&mount, "/app.css", &[("accept-encoding", "br")]).body(), "small");
    assert_eq!(accepting(&mount, "gzip").body.len(), 70_000);
}

#[test]
fn f7_an_encoding_that_is_a_link_out_of_the_root_or_no_file_is_not_used() {
    let outside = Tree::of(&[("secret", "secret")]);
    let (tree, mount) = encoded(&[("app.css.gz/file", "a directory")]);
    tree.link("app.css.br", outside.path("secret"));
    assert_eq!(accepting(&mount, ALL).text(), "original");
}

#[test]
fn encodings_are_looked_for_only_where_the_mount_says_so() {
    let tree = Tree::of(&[("app.css", "original"), ("app.css.gz", "gzip")]);
    let seen = accepting(&mount(&tree), ALL);
    assert_eq!((seen.text(), seen.field("vary")), ("original", None));
}
