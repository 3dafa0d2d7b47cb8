//! A process that has no descriptor left. The limit is that of the whole process, so this test has
//! one of its own.
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::fs::File;
use std::sync::Arc;

use hyperion_engine::NativeResponse;
use hyperion_engine::files::{FileCache, Mount, MountConfig};
use requests::get;
use rustix::process::{Resource, getrlimit, setrlimit};
use tree::Tree;

#[path = "files/requests.rs"]
mod requests;
#[path = "files/tree.rs"]
mod tree;

fn status(mount: &Mount, target: &str) -> Option<u16> {
    mount.answer(&get(target, &[])).map(|answer| match answer {
        NativeResponse::Prepared(prepared) => prepared.status(),
        NativeResponse::Response(response) => response.status,
    })
}

#[test]
fn f7_without_descriptors_files_on_disk_are_503_and_those_in_memory_are_served() {
    let tree = Tree::of(&[("small", "small"), ("large", &"x".repeat(100_000))]);
    tree.link("link", "small");
    let config = MountConfig { root: tree.root().into(), immutable: true, ..Default::default() };
    let mount = Mount::open(config, Arc::new(FileCache::default())).unwrap();
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(64);
    setrlimit(Resource::Nofile, limit).unwrap();
    let mut taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(taken.len() < 64);

    assert_eq!(status(&mount, "/small"), Some(200));
    assert_eq!(status(&mount, "/large"), Some(503));
    assert_eq!(status(&mount, "/link"), Some(503));
    assert_eq!(status(&mount, "/none"), Some(503));
    assert!(mount.open_internal("/small").is_err());

    taken.pop();
    assert_eq!(status(&mount, "/large"), Some(200));
    assert_eq!(status(&mount, "/link"), Some(200));
    assert_eq!(status(&mount, "/none"), None);
}
