//! Which paths lead to files.

use std::os::unix::net::UnixListener;

use hyperion_engine::files::{Mount, MountConfig, open_internal};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode};

use crate::support::{fetch, hit, mount, mount_on, mount_with};
use crate::tree::Tree;

fn guarded() -> (Tree, Mount) {
    let tree = Tree::of(&[
        ("public/a.txt", "a"),
        ("public/sub/b.txt", "b"),
        ("public/.env", "hidden"),
        ("public/.well-known/acme", "token"),
        ("public/caf\u{e9} 100%.txt", "coffee"),
        ("public/back\\slash", "backslash"),
        ("public/%2e%2e", "percent"),
        ("secret.txt", "secret"),
    ]);
    tree.link("public/out", "../secret.txt");
    tree.link("public/out-directory", "..");
    tree.link("public/absolute", tree.path("secret.txt"));
    tree.link("public/in", "sub/b.txt");
    let mount = mount_with(&tree, |config| config.root = tree.path("public"));
    (tree, mount)
}

#[test]
fn paths_are_decoded_once() {
    let (_tree, mount) = guarded();
    for (target, text) in [
        ("/a.txt", "a"),
        ("/%61.txt", "a"),
        ("/sub/b.txt", "b"),
        ("/in", "b"),
        ("/caf%C3%A9%20100%25.txt", "coffee"),
        ("/back%5cslash", "backslash"),
        ("/back\\slash", "backslash"),
        ("/%252e%252e", "percent"),
        ("/.well-known/acme", "token"),
        ("/a.txt?../secret.txt", "a"),
        ("http://other:80/a.txt", "a"),
    ] {
        assert_eq!(hit(&mount, target, &[]).text(), text, "{target}");
    }
}

#[test]
fn f7_nothing_outside_of_the_root_is_served() {
    let (_tree, mount) = guarded();
    for target in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/.%2E/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/sub/../../secret.txt",
        "/sub/../a.txt",
        "/./a.txt",
        "//a.txt",
        "/sub//b.txt",
        "/a.txt/",
        "/a.txt/..",
        "/a.txt%00.html",
        "/%00",
        "/sub%2fb.txt",
        "/%zz",
        "/%",
        "/a.txt%2",
        "/%252e%252e/secret.txt",
        "/..;/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",
        "/out",
        "/absolute",
        "/out-directory/secret.txt",
        "/sub",
        "/sub/",
        "/",
        "/.env",
        "/%2eenv",
        "http://other",
        "http://other/../secret.txt",
    ] {
        assert!(fetch(&mount, target, &[]).is_none(), "{target}");
    }
    let long = format!("/{}", "a/".repeat(4000));
    assert!(fetch(&mount, &long, &[]).is_none());
    assert!(fetch(&mount, &format!("/{}", "a".repeat(300)), &[]).is_none());
}

#[test]
fn f7_only_regular_files_are_served_and_nothing_blocks() {
    let tree = Tree::of(&[("a", "a")]);
    rustix::fs::mknodat(CWD, tree.path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _listener = UnixListener::bind(tree.path("socket")).unwrap();
    let everything = mount(&tree);
    assert!(fetch(&everything, "/pipe", &[]).is_none());
    assert!(fetch(&everything, "/socket", &[]).is_none());
    let devices = mount_with(&tree, |config| config.root = "/dev".into());
    for target in ["/null", "/zero", "/tty", "/stdin", "/fd/0"] {
        assert!(fetch(&devices, target, &[]).is_none(), "{target}");
    }
    let processes = mount_with(&tree, |config| config.root = "/proc".into());
    assert!(fetch(&processes, "/self/cwd/Cargo.toml", &[]).is_none());
    assert!(fetch(&processes, "/self/root/etc/passwd", &[]).is_none());
}

#[test]
fn dotfiles_are_served_when_asked_for() {
    let (tree, _) = guarded();
    let mount = mount_with(&tree, |config| {
        config.root = tree.path("public");
        config.dotfiles = true;
    });
    assert_eq!(hit(&mount, "/.env", &[]).text(), "hidden");
    assert!(fetch(&mount, "/../secret.txt", &[]).is_none());
}

#[test]
fn a_prefix_is_whole_segments() {
    let tree = Tree::of(&[("a.txt", "a")]);
    for prefix in ["/assets", "/assets/"] {
        let mount = mount_with(&tree, |config| config.prefix = prefix.into());
        assert_eq!(mount.prefix(), "/assets");
        assert!(mount.matches("/assets") && mount.matches("/assets/x"));
        for path in ["/assetsx", "/asset", "/", "/x/assets", "*", "/Assets/x"] {
            assert!(!mount.matches(path), "{path}");
        }
        assert_eq!(hit(&mount, "/assets/a.txt", &[]).text(), "a");
        for target in ["/a.txt", "/assetsa.txt", "/assets", "/assets/", "/assets/assets/a.txt"] {
            assert!(fetch(&mount, target, &[]).is_none(), "{target}");
        }
    }
    let root = mount(&tree);
    assert_eq!(root.prefix(), "/");
    assert!(root.matches("/") && root.matches("/x") && !root.matches("*"));
}

#[test]
fn an_internal_mount_answers_nobody() {
    let tree = Tree::of(&[("a.txt", "a")]);
    let internal = mount_with(&tree, |config| config.internal = true);
    assert!(fetch(&internal, "/a.txt", &[]).is_none());
    let strict = mount_with(&tree, |config| {
        config.internal = true;
        config.fallthrough = false;
    });
    assert_eq!(hit(&strict, "/a.txt", &[]).status, 404);
}

#[test]
fn the_application_opens_files_by_their_path_in_a_mount() {
    let (tree, outer) = guarded();
    let change = |config: &mut MountConfig| {
        config.prefix = "/private/".into();
        config.root = tree.path("public/sub");
        config.internal = true;
    };
    let mounts = [outer, mount_on(&Default::default(), &tree, change)];
    let open = |path: &str| {
        let file = open_internal(&mounts, path).unwrap()?;
        let text = std::io::read_to_string(file.file).unwrap();
        Some((text, String::from_utf8(file.name).unwrap()))
    };
    let found = |text: &str, name: &str| Some((text.to_owned(), name.to_owned()));
    assert_eq!(open("/private/b.txt"), found("b", "b.txt"));
    assert_eq!(open("/private/b%2etxt?x=/y"), found("b", "b.txt"));
    assert_eq!(open("/sub/b.txt"), found("b", "b.txt"));
    assert_eq!(open("/caf%C3%A9%20100%25.txt"), found("coffee", "caf\u{e9} 100%.txt"));
    for path in [
        "/private/a.txt",
        "/private",
        "/private/",
        "/private/../a.txt",
        "/private/%2e%2e/a.txt",
        "/out",
        "/absolute",
        "/.env",
        "/sub",
        "/a.txt\0",
        "",
        "private/b.txt",
        "?/private/b.txt",
    ] {
        assert_eq!(open(path), None, "{path:?}");
    }
    assert!(open_internal([], "/a.txt").unwrap().is_none());
}

proptest! {
    #[test]
    fn f7_no_path_finds_the_secret(
        segments in proptest::collection::vec(
            proptest::sample::select(vec![
                "", ".", "..", "%2e", "%2e%2e", ".%2e", "%2f", "%5c", "\\", "%00", "a.txt", "sub",
                "b.txt", "out", "out-directory", "absolute", "in", "secret.txt", "public", "%",
                "..%2f", "%2e%2e%2f", "%252e%252e", "%25", "~", "*",
            ]),
            0..7,
        ),
    ) {
        thread_local!(static GUARDED: (Tree, Mount) = guarded());
        let target = format!("/{}", segments.join("/"));
        GUARDED.with(|(_, mount)| {
            if let Some(seen) = fetch(mount, &target, &[]) {
                prop_assert_eq!(seen.status, 200);
                prop_assert!(matches!(seen.text(), "a" | "b" | "percent"), "{}", target);
            }
            let file = mount.open_internal(&target).unwrap();
            let text = file.map(|file| std::io::read_to_string(file.file).unwrap());
            prop_assert_ne!(text.as_deref(), Some("secret"));
            Ok(())
        })?;
    }
}
