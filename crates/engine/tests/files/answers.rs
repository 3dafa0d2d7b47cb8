//! What a file is answered with.

use hyperion_engine::NativeResponse;

use crate::requests::{get, request};
use crate::support::{Seen, fetch, hit, mount, mount_with};
use crate::tree::Tree;

const LARGE: usize = 100_000;

#[test]
fn a_small_file_is_prepared_with_all_its_fields() {
    let tree = Tree::of(&[("css/app.css", "body {}")]);
    let seen = hit(&mount(&tree), "/css/app.css?v=1", &[]);
    assert_eq!((seen.status, seen.text(), seen.is_prepared), (200, "body {}", true));
    assert_eq!(seen.field("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(seen.field("accept-ranges"), Some("bytes"));
    assert!(seen.etag().starts_with('"') && seen.etag().len() > 10);
    let modified = std::fs::metadata(tree.path("css/app.css")).unwrap().modified().unwrap();
    assert_eq!(seen.field("last-modified"), Some(&*httpdate::fmt_http_date(modified)));
    for name in ["cache-control", "content-encoding", "content-range", "vary"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
}

#[test]
fn a_large_file_is_sent_from_the_disk() {
    let tree = Tree::of(&[("a.bin", &"x".repeat(LARGE))]);
    let seen = hit(&mount(&tree), "/a.bin", &[]);
    assert_eq!((seen.status, seen.body.len(), seen.is_prepared), (200, LARGE, false));
    assert_eq!(seen.field("content-type"), Some("application/octet-stream"));
}

#[test]
fn files_on_both_sides_of_the_limit_of_memory_are_the_same() {
    let tree =
        Tree::of(&[("at", &"x".repeat(65_536)), ("above", &"x".repeat(65_537)), ("none", "")]);
    let mount = mount(&tree);
    assert!(hit(&mount, "/at", &[]).is_prepared);
    assert!(!hit(&mount, "/above", &[]).is_prepared);
    assert_eq!(hit(&mount, "/none", &[]).body, b"");
    let names = |target| -> Vec<String> {
        let fields = hit(&mount, target, &[]).fields;
        fields.iter().map(|(name, _)| String::from_utf8(name.into()).unwrap()).collect()
    };
    assert_eq!(names("/at"), names("/above"));
}

#[test]
fn head_is_answered_as_get_is() {
    let tree = Tree::of(&[("small", "abc"), ("large", &"x".repeat(LARGE))]);
    let mount = mount(&tree);
    for target in ["/small", "/large"] {
        let head = request("HEAD", target, &[("range", "bytes=0-1")]);
        let head = Seen::from(mount.answer(&head).unwrap());
        let get = hit(&mount, target, &[]);
        assert_eq!((head.status, head.body.len()), (200, get.body.len()));
        assert_eq!(head.fields.wire(), get.fields.wire());
    }
}

#[test]
fn other_methods_go_on_to_the_application() {
    let tree = Tree::of(&[("a", "a")]);
    let mount = mount(&tree);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "QUERY"] {
        assert!(mount.answer(&request(method, "/a", &[])).is_none(), "{method}");
    }
}

#[test]
fn without_fallthrough_misses_and_other_methods_are_answered() {
    let tree = Tree::of(&[("a", "a"), ("folder/b", "b")]);
    let mount = mount_with(&tree, |config| config.fallthrough = false);
    for target in ["/b", "/folder", "/folder/", "/", "/%2e%2e/a", "/.env"] {
        let seen = hit(&mount, target, &[]);
        assert_eq!((seen.status, seen.text()), (404, "Not Found\n"), "{target}");
    }
    let post = Seen::from(mount.answer(&request("POST", "/a", &[])).unwrap());
    assert_eq!((post.status, post.field("allow")), (405, Some("GET, HEAD")));
    assert_eq!(hit(&mount, "/a", &[]).status, 200);
}

#[test]
fn headers_of_the_mount_are_on_files_and_on_304_but_not_on_errors() {
    let tree = Tree::of(&[("a.txt", "a")]);
    let mount = mount_with(&tree, |config| {
        config.fallthrough = false;
        config.headers.push(b"Cache-Control", b"max-age=60").unwrap();
        config.headers.push(b"x-content-type-options", b"nosniff").unwrap();
    });
    let seen = hit(&mount, "/a.txt", &[]);
    let again = hit(&mount, "/a.txt", &[("if-none-match", seen.etag())]);
    assert_eq!(again.status, 304);
    for answer in [&seen, &again] {
        assert_eq!(answer.field("cache-control"), Some("max-age=60"));
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    }
    assert_eq!(hit(&mount, "/b.txt", &[]).field("cache-control"), None);
}

#[test]
fn a_content_type_of_the_mount_replaces_the_guess() {
    let tree = Tree::of(&[("page", "<p>")]);
    let mount = mount_with(&tree, |config| {
        config.headers.push(b"Content-Type", b"text/html").unwrap();
    });
    let wire = hit(&mount, "/page", &[]).fields;
    assert_eq!(
        wire.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-type")).count(),
        1
    );
    assert_eq!(wire.find("content-type"), Some(&b"text/html"[..]));
}

#[test]
fn an_index_answers_for_its_directory() {
    let tree = Tree::of(&[
        ("index.html", "root"),
        ("a/index.htm", "a"),
        ("b/c.txt", "c"),
        ("d/index.html/e", "e"),
        ("d/index.htm", "d"),
    ]);
    let mount =
        mount_with(&tree, |config| config.index = vec!["index.html".into(), "index.htm".into()]);
    let root = hit(&mount, "/", &[]);
    assert_eq!(
        (root.text(), root.field("content-type")),
        ("root", Some("text/html; charset=utf-8"))
    );
    assert_eq!(hit(&mount, "/a/", &[]).text(), "a");
    assert_eq!(hit(&mount, "/d/", &[]).text(), "d");
    for target in ["/b/", "/b", "/none/", "/a//"] {
        assert!(fetch(&mount, target, &[]).is_none(), "{target}");
    }
    tree.write("a/index.html", "preferred");
    assert_eq!(hit(&mount, "/a/", &[]).text(), "preferred");
}

#[test]
fn a_directory_with_an_index_is_redirected_to_its_slash() {
    let tree =
        Tree::of(&[("a b/index.html", "a"), ("index.html", "root"), ("c\\d/index.html", "c")]);
    let mount = mount_with(&tree, |config| {
        config.prefix = "/docs".into();
        config.index = vec!["index.html".into()];
    });
    for (target, location) in [
        ("/docs", "/docs/"),
        ("/docs?x=1", "/docs/?x=1"),
        ("/docs/a%20b", "/docs/a%20b/"),
        ("/docs/a%20b?q=%2f&r=//", "/docs/a%20b/?q=%2f&r=//"),
        ("/docs/c\\d", "/docs/c%5Cd/"),
        ("http://other/docs/a%20b", "/docs/a%20b/"),
    ] {
        let seen = hit(&mount, target, &[]);
        assert_eq!((seen.status, seen.field("location")), (301, Some(location)), "{target}");
    }
    assert_eq!(hit(&mount, "/docs/", &[]).text(), "root");
}

#[test]
fn f7_a_redirect_never_leads_to_another_host() {
    let tree = Tree::of(&[("evil.example/index.html", "x")]);
    let mount = mount_with(&tree, |config| config.index = vec!["index.html".into()]);
    for target in ["//evil.example", "///evil.example", "/.//evil.example", "/%2fevil.example"] {
        assert!(fetch(&mount, target, &[]).is_none(), "{target}");
    }
}

#[test]
fn a_modification_in_the_future_is_not_told() {
    let tree = Tree::of(&[("a", "a")]);
    let file = std::fs::File::options().write(true).open(tree.path("a")).unwrap();
    let future = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    file.set_modified(future).unwrap();
    let seen = hit(&mount(&tree), "/a", &[]);
    assert_eq!((seen.status, seen.field("last-modified")), (200, None));
    assert!(seen.field("etag").is_some());
}

#[test]
fn an_unreadable_file_is_a_miss_or_forbidden() {
    use std::os::unix::fs::PermissionsExt;
    let tree = Tree::of(&[("a", "a")]);
    let nobody = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(tree.path("a"), nobody).unwrap();
    // Whoever is allowed everything reads it all the same.
    let is_readable = std::fs::File::open(tree.path("a")).is_ok();
    let status = if is_readable { 200 } else { 403 };
    assert_eq!(fetch(&mount(&tree), "/a", &[]).is_some(), is_readable);
    let strict = mount_with(&tree, |config| config.fallthrough = false);
    assert_eq!(hit(&strict, "/a", &[]).status, status);
}

#[test]
fn many_threads_may_ask_at_once() {
    let tree = Tree::of(&[("a", "a"), ("b", &"b".repeat(LARGE))]);
    let mount = mount(&tree);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let answer = mount.answer(&get("/a", &[])).unwrap();
                    assert!(matches!(answer, NativeResponse::Prepared(prepared) if prepared.body() == "a"));
                    assert_eq!(hit(&mount, "/b", &[]).body.len(), LARGE);
                }
            });
        }
    });
}
