//! TLS below HTTP, between two machines in memory: this server and the client of rustls.
#![allow(clippy::unwrap_used, reason = "a test that fails here says so")]

mod certificates;
#[path = "../driven/mod.rs"]
mod driven;
mod handshake;
mod resumption;
mod session;
mod support;
