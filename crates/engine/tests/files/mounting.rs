//! What cannot be mounted, and what is said about it.

use std::sync::Arc;

use hyperion_engine::files::{FileCache, Mount, MountConfig, MountError};

use crate::tree::Tree;

fn refused(tree: &Tree, change: impl FnOnce(&mut MountConfig)) -> MountError {
    let mut config = MountConfig { root: tree.root().into(), ..MountConfig::default() };
    change(&mut config);
    Mount::open(config, Arc::new(FileCache::default())).expect_err("it was mounted")
}

#[test]
fn a_root_that_cannot_be_opened_is_named_with_what_helps() {
    let tree = Tree::of(&[("file", "")]);
    let said = |path: &str| refused(&tree, |config| config.root = tree.path(path)).to_string();
    let path = |path: &str| tree.path(path).display().to_string();
    let missing = format!("{}: No such file", path("none"));
    assert!(said("none").starts_with(&missing), "{}", said("none"));
    assert!(said("none").ends_with("create the directory or mount another one"));
    assert!(said("file").starts_with(&format!("{}: Not a directory", path("file"))));
    assert!(said("file").ends_with("mount the directory that the file is in"));
}

#[test]
fn a_prefix_must_be_a_path_that_requests_can_have() {
    let tree = Tree::new();
    let prefixes = [
        "assets", "", "//", "/a//b", "/a/..", "/.", "/a b", "/a%20b", "/a?b", "/a#b", "/\u{e9}",
        "/a//", "/a\n",
    ];
    for prefix in prefixes {
        let error = refused(&tree, |config| config.prefix = prefix.into());
        assert!(matches!(&error, MountError::Prefix(named) if named == prefix), "{prefix:?}");
        assert!(error.to_string().contains("give a path such as \"/assets\""));
    }
}

#[test]
fn an_index_must_be_a_plain_name() {
    let tree = Tree::new();
    for name in ["", ".", "..", "a/b", "/index.html", "a\0"] {
        let error = refused(&tree, |config| config.index = vec!["ok.html".into(), name.into()]);
        assert!(matches!(&error, MountError::Index(named) if named == name), "{name:?}");
    }
}

#[test]
fn headers_that_each_file_decides_are_refused() {
    let tree = Tree::new();
    for name in ["ETag", "content-length", "Last-Modified", "content-encoding", "connection"] {
        let error = refused(&tree, |config| config.headers.push(name.as_bytes(), b"x").unwrap());
        assert!(matches!(&error, MountError::Header(named) if named == name), "{name}");
        assert!(error.to_string().starts_with(name));
    }
    let error = refused(&tree, |config| config.headers.push(b"x", &[b'x'; 20_000]).unwrap());
    assert!(matches!(&error, MountError::HeadersSize(prefix) if prefix.is_empty()));
}
