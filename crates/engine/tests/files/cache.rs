//! Files in memory.

use std::fs;
use std::sync::Arc;

use hyperion_engine::files::{FileCache, Mount};

use crate::support::{fetch, hit, mount, mount_on, mount_with, settled};
use crate::tree::Tree;

/// A cache with room for some files of 10,000 bytes, and a mount of such files.
fn crowded() -> (Tree, Arc<FileCache>, Mount) {
    let tree = Tree::new();
    for number in 0..20 {
        tree.write(&format!("{number}"), [b'x'; 10_000]);
    }
    let cache = Arc::new(FileCache::new(100_000, 20_000));
    let mount = mount_on(&cache, &tree, |_| {});
    (tree, cache, mount)
}

#[test]
fn a_file_is_read_once() {
    let tree = Tree::of(&[("a", "a"), ("b c", "b")]);
    let mount = mount(&tree);
    let first = settled(&mount, "/a", &[]);
    assert!(Arc::ptr_eq(&first, &settled(&mount, "/a?x", &[])));
    assert!(Arc::ptr_eq(&first, &settled(&mount, "/%61", &[])));
    assert_eq!(settled(&mount, "/b%20c", &[]).body(), "b");
}

#[test]
fn w30_what_changes_on_disk_changes_at_once() {
    let tree = Tree::of(&[("a", "first"), ("other", "other")]);
    let mount = mount(&tree);
    settled(&mount, "/a", &[]);
    tree.write("a", "again");
    assert_eq!(hit(&mount, "/a", &[]).text(), "again");
    settled(&mount, "/a", &[]);
    fs::rename(tree.path("other"), tree.path("a")).unwrap();
    assert_eq!(hit(&mount, "/a", &[]).text(), "other");
    settled(&mount, "/a", &[]);
    fs::remove_file(tree.path("a")).unwrap();
    assert!(fetch(&mount, "/a", &[]).is_none());
    fs::create_dir(tree.path("a")).unwrap();
    assert!(fetch(&mount, "/a", &[]).is_none());
}

#[test]
fn w30_writing_the_same_size_with_the_same_time_is_noticed() {
    let tree = Tree::of(&[("a", "first")]);
    let mount = mount(&tree);
    let modified = fs::metadata(tree.path("a")).unwrap().modified().unwrap();
    settled(&mount, "/a", &[]);
    tree.write("a", "again");
    fs::File::options().write(true).open(tree.path("a")).unwrap().set_modified(modified).unwrap();
    assert_eq!(hit(&mount, "/a", &[]).text(), "again");
}

#[test]
fn w30_a_file_written_again_and_again_is_never_stale() {
    let tree = Tree::of(&[("a", "000000")]);
    let mount = mount(&tree);
    for number in 0..500 {
        let text = format!("{number:06}");
        fs::write(tree.path("a"), &text).unwrap();
        assert_eq!(hit(&mount, "/a", &[]).text(), text);
    }
}

#[test]
fn w30_a_file_that_was_just_written_is_not_kept() {
    let tree = Tree::new();
    let cache = Arc::new(FileCache::default());
    let mount = mount_on(&cache, &tree, |_| {});
    let was_kept = |number| {
        tree.write("a", format!("{number:03}"));
        assert_eq!(hit(&mount, "/a", &[]).body.len(), 3);
        !cache.is_empty()
    };
    // A slow machine may take long enough between the two for the file to be old.
    assert!(!(0..100).all(was_kept));
}

#[test]
fn w30_f7_a_link_that_is_swapped_is_followed_anew_and_not_out_of_the_root() {
    let outside = Tree::of(&[("secret", "secret")]);
    let tree = Tree::of(&[("one", "one"), ("two", "two")]);
    tree.link("current", "one");
    let mount = mount(&tree);
    assert_eq!(settled(&mount, "/current", &[]).body(), "one");
    let swap = |target: &std::path::Path| {
        tree.link("fresh", target);
        fs::rename(tree.path("fresh"), tree.path("current")).unwrap();
    };
    swap("two".as_ref());
    assert_eq!(hit(&mount, "/current", &[]).text(), "two");
    settled(&mount, "/current", &[]);
    swap(&outside.path("secret"));
    assert!(fetch(&mount, "/current", &[]).is_none());
    swap("one".as_ref());
    assert_eq!(hit(&mount, "/current", &[]).text(), "one");
}

#[test]
fn w30_the_cache_takes_no_more_than_it_may() {
    let (_tree, cache, mount) = crowded();
    for number in 0..20 {
        settled(&mount, &format!("/{number}"), &[]);
        assert!(cache.bytes() <= 100_000);
    }
    assert!((2..20).contains(&cache.len()), "{}", cache.len());
}

#[test]
fn w30_what_was_used_last_stays() {
    let (_tree, cache, mount) = crowded();
    let favourite = settled(&mount, "/0", &[]);
    for number in 1..20 {
        settled(&mount, &format!("/{number}"), &[]);
        assert!(Arc::ptr_eq(&favourite, &settled(&mount, "/0", &[])), "after {number}");
    }
    let before = cache.len();
    settled(&mount, "/1", &[]);
    assert_eq!(cache.len(), before, "another one made room");
}

#[test]
fn w30_what_is_not_there_takes_no_memory() {
    let (tree, cache, mount) = crowded();
    for number in 0..1000 {
        assert!(fetch(&mount, &format!("/missing-{number}"), &[]).is_none());
        assert!(fetch(&mount, &format!("/0/{number}"), &[]).is_none());
    }
    assert!(fetch(&mount, "/", &[]).is_none());
    assert!(cache.is_empty());
    drop(tree);
}

#[test]
fn w30_many_names_of_large_or_empty_files_are_bounded_too() {
    let tree = Tree::of(&[("large", &"x".repeat(200_000)), ("empty", "")]);
    for number in 0..200 {
        tree.link(&format!("large-{number}"), "large");
        tree.link(&format!("empty-{number}"), "empty");
    }
    let cache = Arc::new(FileCache::new(100_000, 65_536));
    let mount = mount_on(&cache, &tree, |_| {});
    settled(&mount, "/empty", &[]);
    for number in 0..200 {
        assert_eq!(hit(&mount, &format!("/large-{number}"), &[]).body.len(), 200_000);
        assert_eq!(hit(&mount, &format!("/empty-{number}"), &[]).body.len(), 0);
    }
    assert!(cache.bytes() <= 100_000 && cache.len() < 100, "{}", cache.len());
}

#[test]
fn a_cache_without_room_serves_from_the_disk() {
    let tree = Tree::of(&[("a", "a"), ("empty", "")]);
    let cache = Arc::new(FileCache::new(0, 65_536));
    let mount = mount_on(&cache, &tree, |_| {});
    assert_eq!(hit(&mount, "/a", &[]).text(), "a");
    assert_eq!(hit(&mount, "/empty", &[]).text(), "");
    assert!(cache.is_empty());
}

#[test]
fn mounts_with_files_of_the_same_name_are_kept_apart() {
    let (one, two) = (Tree::of(&[("a", "one")]), Tree::of(&[("a", "two")]));
    let cache = Arc::new(FileCache::default());
    let first = mount_on(&cache, &one, |_| {});
    let second = mount_on(&cache, &two, |_| {});
    assert_eq!(settled(&first, "/a", &[]).body(), "one");
    assert_eq!(settled(&second, "/a", &[]).body(), "two");
    assert_eq!(cache.len(), 2);
    drop(first);
    assert_eq!(cache.len(), 1);
    assert_eq!(settled(&second, "/a", &[]).body(), "two");
    drop(second);
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn an_immutable_mount_is_read_when_it_is_opened() {
    let tree =
        Tree::of(&[("a.js", "a"), ("sub/deep/b.js", "b"), (".hidden", "h"), ("sub/.h/c", "c")]);
    tree.write("large", vec![0; 100_000]);
    tree.link("sub/circle", "..");
    tree.link("link.js", "a.js");
    let cache = Arc::new(FileCache::default());
    let mount = mount_on(&cache, &tree, |config| config.immutable = true);
    assert_eq!(cache.len(), 3);
    let seen = hit(&mount, "/sub/deep/b.js", &[]);
    assert_eq!(seen.field("cache-control"), Some("public, max-age=31536000, immutable"));
    let again = hit(&mount, "/a.js", &[("if-none-match", "*")]);
    assert_eq!((again.status, again.field("cache-control").is_some()), (304, true));
    assert_eq!(hit(&mount, "/link.js", &[]).text(), "a");
    assert_eq!(hit(&mount, "/large", &[]).body.len(), 100_000);
}

#[test]
fn an_immutable_mount_reads_encodings_with_their_original_only() {
    let tree = Tree::of(&[("a.js", "a"), ("a.js.gz", "gzip"), ("b.tar.gz", "b")]);
    let cache = Arc::new(FileCache::default());
    let mount = mount_on(&cache, &tree, |config| {
        config.immutable = true;
        config.precompressed = true;
    });
    assert_eq!(cache.len(), 1);
    assert_eq!(hit(&mount, "/a.js", &[("accept-encoding", "gzip")]).text(), "gzip");
    assert_eq!(hit(&mount, "/b.tar.gz", &[("accept-encoding", "gzip")]).text(), "b");
}

#[test]
fn an_immutable_file_is_not_looked_at_again() {
    let tree = Tree::of(&[("a", "a")]);
    let mount = mount_with(&tree, |config| config.immutable = true);
    fs::remove_file(tree.path("a")).unwrap();
    assert_eq!(hit(&mount, "/a", &[]).text(), "a");
    tree.write("b", "b");
    assert_eq!(hit(&mount, "/b", &[]).text(), "b", "a file that came later");
    tree.write("b", "other");
    assert_eq!(hit(&mount, "/b", &[]).text(), "b");
}

#[test]
fn a_large_file_of_an_immutable_mount_that_changes_all_the_same_is_sent_as_it_is() {
    let tree = Tree::of(&[("a", &"a".repeat(100_000))]);
    let mount = mount_with(&tree, |config| config.immutable = true);
    tree.write("a", "b".repeat(90_000));
    let seen = hit(&mount, "/a", &[]);
    assert_eq!((seen.body.len(), seen.body[0]), (90_000, b'b'));
}

#[test]
fn an_immutable_mount_larger_than_the_cache_fills_it_and_serves_the_rest() {
    let (tree, _, _) = crowded();
    let cache = Arc::new(FileCache::new(100_000, 20_000));
    let mount = mount_on(&cache, &tree, |config| config.immutable = true);
    assert!(cache.bytes() <= 100_000 && cache.len() >= 3);
    for number in 0..20 {
        assert_eq!(hit(&mount, &format!("/{number}"), &[]).body.len(), 10_000);
    }
    assert!(cache.bytes() <= 100_000);
}

#[test]
fn a_cache_control_of_the_mount_comes_before_that_of_immutable_files() {
    let tree = Tree::of(&[("a", "a")]);
    let mount = mount_with(&tree, |config| {
        config.immutable = true;
        config.headers.push(b"cache-control", b"max-age=5").unwrap();
    });
    assert_eq!(hit(&mount, "/a", &[]).field("cache-control"), Some("max-age=5"));
}
