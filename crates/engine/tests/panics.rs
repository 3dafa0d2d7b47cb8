//! A fault of the server itself costs the connection that met it, and nobody else.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use hyperion_engine::{Completion, IoChoice, Job, Service, Stats};

/// Answers at once; a path with `panic` in it is too much for it.
struct Fragile;

impl Service for Fragile {
    fn submit(&self, job: Box<Job>) -> Result<(), Box<Job>> {
        assert!(!job.request.path().contains("panic"), "as a fault of ours would");
        support::answer(&job, "fine");
        Ok(())
    }

    fn finished(&self, _completion: Completion, _complete: bool) {}

    fn is_lone(&self) -> bool {
        false
    }
}

fn talk(address: SocketAddr, path: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // Where the connection is reset there is no answer.
    let _ = client.read_to_string(&mut answer);
    answer
}

#[test]
fn g7_a_panic_costs_one_connection_and_is_counted() {
    for io in [IoChoice::Epoll, IoChoice::IoUring] {
        let stats = Arc::new(Stats::default());
        let (engine, address) =
            support::start(support::config(io), Arc::new(Fragile), stats.clone());
        for round in 1..=3 {
            let answer = talk(address, "/panic");
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 500"), "{answer}");
            assert_eq!(stats.engine_panics.value(), round);
            assert!(talk(address, "/").ends_with("fine"));
        }
        assert_eq!(stats.connections_accepted.value(), 6);
        engine.stop();
    }
}
