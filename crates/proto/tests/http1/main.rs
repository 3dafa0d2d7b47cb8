//! The HTTP/1 machine, spoken to in bytes through its public calls; time is virtual.
#![allow(clippy::unwrap_used, reason = "a test that fails here says so")]

#[path = "../driven/mod.rs"]
mod driven;
#[path = "../fuzz/mod.rs"]
mod fuzz;

mod bounds;
mod connection;
mod desync;
mod framing;
mod identity;
mod mutations;
mod prepared;
mod properties;
mod request;
mod response;
mod second_opinion;
mod support;
