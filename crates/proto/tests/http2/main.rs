//! The HTTP/2 machine, spoken to in hand-made frames through its public calls; time is virtual.
#![allow(clippy::unwrap_used, reason = "a test that fails here says so")]

#[path = "../driven/mod.rs"]
mod driven;
#[allow(dead_code, reason = "not every protocol needs all of it")]
#[path = "../fuzz/mod.rs"]
mod fuzz;

mod attacks;
mod cases;
mod codes;
mod drain;
mod floods;
mod flow;
mod frames;
mod framing;
mod hpack;
mod malformed;
mod mutations;
mod names;
mod properties;
mod request;
mod response;
mod streams;
mod support;
mod uploads;
mod wire;
