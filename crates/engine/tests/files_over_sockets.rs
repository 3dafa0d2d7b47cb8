//! Mounted files over real sockets, by both drivers and without an executor.
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use hyperion_engine::files::{FileCache, Mount, MountConfig};
use hyperion_engine::{Config, IoChoice, JobQueue, Routes};
use tree::Tree;

mod support;
#[path = "files/tree.rs"]
mod tree;

const LARGE: u64 = 64 * 1024 * 1024;

struct NativeResponse {
    head: String,
    body: Vec<u8>,
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    fn send(&mut self, request_lines: &[&str]) {
        let requests = request_lines.iter().map(|line| format!("{line}\r\nhost: a\r\n\r\n"));
        self.0.get_mut().write_all(requests.collect::<String>().as_bytes()).unwrap();
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "the server hung up: {head}");
        }
        head
    }

    /// The next answer, whose body has as many bytes as it says.
    fn answer(&mut self) -> NativeResponse {
        let head = self.head();
        let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        NativeResponse { head, body }
    }
}

fn on_both_drivers(root: &Path, test: impl Fn(SocketAddr)) {
    for io in [IoChoice::Epoll, IoChoice::IoUring] {
        let mount = MountConfig {
            root: root.into(),
            index: vec!["index.html".into()],
            fallthrough: false,
            ..MountConfig::default()
        };
        let mut routes = Routes::default();
        routes.mount(Arc::new(Mount::open(mount, Arc::new(FileCache::default())).unwrap()));
        let config = Config { routes: Arc::new(routes), ..support::config(io) };
        let queue = Arc::new(JobQueue::new(100));
        let (engine, address) = support::start(config, queue.clone(), Arc::default());
        test(address);
        queue.close();
        engine.stop();
    }
}

/// A file of zeros that takes no room on the disk.
fn add_zeros(tree: &Tree, path: &str, length: u64) {
    tree.write(path, "");
    let file = std::fs::File::options().write(true).open(tree.path(path)).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn answers_of_every_kind_leave_in_order_on_one_connection() {
    let tree = Tree::of(&[("small.txt", "small"), ("docs/index.html", "index")]);
    let content: Vec<u8> = (0..1_000_000_u32).map(|index| (index % 251) as u8).collect();
    tree.write("large.bin", &content);
    on_both_drivers(tree.root(), |address| {
        let mut client = Client::connect(address);
        client.send(&[
            "GET /large.bin HTTP/1.1",
            "GET /small.txt HTTP/1.1",
            "GET /large.bin HTTP/1.1\r\nrange: bytes=500000-500009,10-19",
            "GET /large.bin HTTP/1.1\r\nrange: bytes=-1000",
            "GET /docs HTTP/1.1",
            "GET /docs/ HTTP/1.1",
            "GET /large.bin HTTP/1.1\r\nrange: bytes=1000000-",
            "GET /large.bin HTTP/1.1",
        ]);
        assert!(client.answer().body == content);
        assert_eq!(client.answer().body, b"small");
        let parts = client.answer();
        assert!(parts.head.starts_with("HTTP/1.1 206 Partial Content\r\n"));
        let has = |part: &[u8]| parts.body.windows(part.len()).any(|bytes| bytes == part);
        assert!(has(&content[500_000..500_010]) && has(&content[10..20]));
        assert!(client.answer().body == content[999_000..]);
        let redirect = client.answer();
        assert!(redirect.head.contains("301 Moved") && redirect.head.contains("location: /docs/"));
        assert_eq!(client.answer().body, b"index");
        assert!(client.answer().head.contains("content-range: bytes */1000000\r\n"));
        assert!(client.answer().body == content);
    });
}

#[test]
fn head_and_304_have_no_body() {
    let tree = Tree::of(&[("small.txt", "small")]);
    add_zeros(&tree, "large", LARGE);
    on_both_drivers(tree.root(), |address| {
        let mut client = Client::connect(address);
        for (path, length) in [("/small.txt", 5), ("/large", LARGE)] {
            client.send(&[
                &format!("HEAD {path} HTTP/1.1"),
                &format!("GET {path} HTTP/1.1\r\nif-none-match: *"),
            ]);
            let head = client.head();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
            let not_modified = client.head();
            assert!(not_modified.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{not_modified}");
            assert!(!not_modified.contains("content-length"), "{not_modified}");
        }
    });
}

#[test]
fn f7_a_file_that_is_truncated_while_it_is_sent_ends_its_connection_and_no_other() {
    let tree = Tree::of(&[("small.txt", "small")]);
    on_both_drivers(tree.root(), |address| {
        add_zeros(&tree, "large", LARGE);
        let mut reader = Client::connect(address);
        reader.send(&["GET /large HTTP/1.1", "GET /small.txt HTTP/1.1"]);
        let head = reader.head();
        assert!(head.contains(&format!("content-length: {LARGE}\r\n")), "{head}");
        add_zeros(&tree, "large", 1000);
        let mut rest = Vec::new();
        // Whether the end is clean depends on what the client had still sent.
        let _ = reader.0.read_to_end(&mut rest);
        assert!((rest.len() as u64) < LARGE, "the file was sent in full");
        assert!(rest.iter().all(|&byte| byte == 0), "something else follows the part");

        let mut other = Client::connect(address);
        other.send(&["GET /small.txt HTTP/1.1", "GET /large HTTP/1.1"]);
        assert_eq!(other.answer().body, b"small");
        assert_eq!(other.answer().body.len(), 1000);
    });
}

#[test]
fn f7_traversal_on_the_wire_reaches_nothing() {
    let tree = Tree::of(&[("public/a.txt", "a"), ("secret.txt", "secret")]);
    tree.link("public/out", "../secret.txt");
    on_both_drivers(&tree.path("public"), |address| {
        let mut client = Client::connect(address);
        for target in ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/out", "/%00"] {
            client.send(&[&format!("GET {target} HTTP/1.1"), "GET /a.txt HTTP/1.1"]);
            assert!(client.answer().head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{target}");
            assert_eq!(client.answer().body, b"a");
        }
    });
}
