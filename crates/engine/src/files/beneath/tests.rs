use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::files::tree::Tree;

/// Both ways of resolving must agree.
fn roots(path: &Path) -> [Root; 2] {
    let root = Root::open(path).unwrap();
    [Resolution::Kernel, Resolution::Steps].map(|resolution| Root { resolution, ..root.clone() })
}

/// The content of a file, or why there is none.
fn read(root: &Root, path: &[u8]) -> Result<String, Errno> {
    let opened = root.open_file(&std::ffi::CString::new(path).unwrap())?;
    let mut text = String::new();
    let read = File::from(opened).read_to_string(&mut text);
    read.map_err(|error| Errno::from_io_error(&error).unwrap())?;
    Ok(text)
}

/// A root with links of every kind, beside a directory that nobody may reach.
fn tree() -> (Tree, PathBuf) {
    let tree = Tree::of(&[
        ("root/a.txt", "a"),
        ("root/sub/b.txt", "b"),
        ("root/sub/deep/c.txt", "c"),
        ("secret.txt", "secret"),
        ("outside/d.txt", "secret"),
    ]);
    let outside = tree.path("outside");
    let inside = tree.path("root/a.txt");
    for (path, target) in [
        ("root/in", "sub/b.txt"),
        ("root/in-directory", "sub"),
        ("root/sub/up", "../a.txt"),
        ("root/sub/deep/up-twice", "../../sub/../a.txt"),
        ("root/out", "../secret.txt"),
        ("root/out-and-in", "../root/a.txt"),
        ("root/out-directory", "../outside"),
        ("root/absolute", outside.to_str().unwrap()),
        ("root/absolute-inside", inside.to_str().unwrap()),
        ("root/self", "self"),
        ("root/ping", "pong"),
        ("root/pong", "ping"),
        ("root/circle", "."),
        ("root/dangling", "nothing"),
        ("root/to-file-with-slash", "a.txt/"),
        ("root/to-directory-with-slash", "sub/"),
        ("root/magic", "/proc/self/root"),
    ] {
        tree.link(path, target);
    }
    let root = tree.path("root");
    (tree, root)
}

#[test]
fn the_kernel_resolves_where_it_can() {
    let tree = Tree::new();
    let kernel = rustix::fs::open(tree.root(), DIRECTORY, Mode::empty()).unwrap();
    let has_openat2 =
        open_by_kernel(kernel.as_fd(), c".", DIRECTORY, ResolveFlags::empty()).is_ok();
    let expected = if has_openat2 { Resolution::Kernel } else { Resolution::Steps };
    assert_eq!(Root::open(tree.root()).unwrap().resolution, expected);
}

#[test]
fn i7_whoever_must_not_wait_opens_what_the_kernel_has_at_hand() {
    let tree = Tree::of(&[("a", "here")]);
    let root = Root::open(tree.root()).unwrap();
    assert_eq!(read(&root, b"a").unwrap(), "here", "it is at hand from now on");
    let at_once = root.without_waiting();
    assert_eq!(read(&at_once, b"a").unwrap(), "here");
    assert_eq!(at_once.stat(c"a", root.device).unwrap().st_size, 4);
    assert_eq!(at_once.stat(c"a", root.device + 1).unwrap_err(), Errno::AGAIN);
    assert_eq!(read(&at_once, b"/etc/passwd").unwrap_err(), Errno::AGAIN, "someone else decides");
}

#[test]
fn i7_whoever_must_not_wait_opens_nothing_of_a_file_system_that_may_be_elsewhere() {
    let root = Root::open(Path::new("/proc/self")).unwrap();
    assert!(read(&root, b"status").is_ok());
    let at_once = root.without_waiting();
    assert_eq!(read(&at_once, b"status").unwrap_err(), Errno::AGAIN);
    assert_eq!(at_once.stat(c"status", root.device).unwrap_err(), Errno::AGAIN);
    let around = Root::open(Path::new("/")).unwrap();
    assert!(read(&around, b"proc/self/status").is_ok());
    let found = read(&around.without_waiting(), b"proc/self/status");
    assert_eq!(found.unwrap_err(), Errno::AGAIN, "it lies on another mount");
}

#[test]
fn files_and_links_inside_are_found() {
    let (_tree, path) = tree();
    for root in roots(&path) {
        for (name, content) in [
            ("a.txt", "a"),
            ("sub/b.txt", "b"),
            ("sub/deep/c.txt", "c"),
            ("in", "b"),
            ("in-directory/b.txt", "b"),
            ("in-directory/deep/c.txt", "c"),
            ("sub/up", "a"),
            ("sub/deep/up-twice", "a"),
            ("circle/circle/circle/a.txt", "a"),
            ("to-directory-with-slash/b.txt", "b"),
        ] {
            assert_eq!(read(&root, name.as_bytes()).as_deref(), Ok(content), "{name} {root:?}");
        }
    }
}

#[test]
fn f7_links_out_of_the_root_are_refused() {
    let (_tree, path) = tree();
    for root in roots(&path) {
        for (name, error) in [
            ("out", Errno::XDEV),
            ("out-and-in", Errno::XDEV),
            ("out-directory/d.txt", Errno::XDEV),
            ("absolute/d.txt", Errno::XDEV),
            ("absolute-inside", Errno::XDEV),
            ("magic/etc/passwd", Errno::XDEV),
            ("../secret.txt", Errno::XDEV),
            ("sub/../../secret.txt", Errno::XDEV),
            ("/etc/passwd", Errno::XDEV),
            ("self", Errno::LOOP),
            ("ping", Errno::LOOP),
            ("dangling", Errno::NOENT),
            ("nothing", Errno::NOENT),
            ("a.txt/b", Errno::NOTDIR),
            ("a.txt/", Errno::NOTDIR),
            ("to-file-with-slash", Errno::NOTDIR),
            ("", Errno::NOENT),
        ] {
            assert_eq!(read(&root, name.as_bytes()), Err(error), "{name} {root:?}");
        }
    }
}

#[test]
fn f7_a_link_that_is_swapped_while_paths_are_resolved_never_leads_out() {
    let (tree, path) = tree();
    let [kernel, steps] = roots(&path);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for target in ["sub", "../outside"] {
                    tree.link("root/fresh", target);
                    fs::rename(tree.path("root/fresh"), tree.path("root/moving")).unwrap();
                }
            }
        });
        let _end = EndOnDrop(&is_over);
        for root in [kernel, steps] {
            let mut seen = [0, 0];
            while seen.iter().any(|&count| count < 200) {
                match read(&root, b"moving/d.txt") {
                    Err(Errno::NOENT) => seen[0] += 1,
                    Err(Errno::XDEV) => seen[1] += 1,
                    other => panic!("{other:?} by {root:?}"),
                }
            }
        }
    });
}

/// Lets the other thread end when a test fails, too.
struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_root_stays_the_same_when_its_name_is_given_to_another() {
    let tree = Tree::of(&[("old/a.txt", "old"), ("new/a.txt", "new")]);
    tree.link("current", "old");
    let roots = roots(&tree.path("current"));
    fs::remove_file(tree.path("current")).unwrap();
    tree.link("current", "new");
    for root in &roots {
        assert_eq!(read(root, b"a.txt").as_deref(), Ok("old"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn f7_both_ways_agree_and_neither_finds_a_secret(
        segments in proptest::collection::vec(
            proptest::sample::select(vec![
                "", ".", "..", "a.txt", "sub", "deep", "b.txt", "d.txt", "up", "in-directory",
                "out", "out-directory", "absolute", "circle", "self", "outside", "secret.txt",
                "magic", "to-directory-with-slash", "root",
            ]),
            1..7,
        ),
    ) {
        thread_local! {
            static TREE: ((Tree, PathBuf), [Root; 2]) = {
                let tree = tree();
                let roots = roots(&tree.1);
                (tree, roots)
            };
        }
        let path = segments.join("/");
        let [kernel, steps] =
            TREE.with(|(_, roots)| [0, 1].map(|index| read(&roots[index], path.as_bytes())));
        prop_assert_ne!(kernel.as_deref(), Ok("secret"));
        prop_assert_eq!(kernel, steps, "{}", path);
    }
}
