//! Requests and directories for the tests of files.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_proto::{Config, Request};
use tempfile::TempDir;

/// A request as a connection would parse it.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> Request {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut config = Config::default();
    config.limits.head_bytes = 4 * 1024 * 1024;
    Request::from_head((head + "\r\n").as_bytes(), &config).expect("the request is valid")
}

pub fn get(target: &str, headers: &[(&str, &str)]) -> Request {
    request("GET", target, headers)
}

/// A directory of its own for one test.
pub struct Tree(TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("there is room for a directory"))
    }

    /// A tree of files, each with some content.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        for (path, content) in files {
            tree.write(path, content);
        }
        tree
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file is in a directory")).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn link(&self, path: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(path)).unwrap();
    }
}
