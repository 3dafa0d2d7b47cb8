//! What any driver does, on real sockets. The same tests run with epoll and with io_uring.
#![allow(clippy::unwrap_used, reason = "it is a test")]

#[path = "../support/mod.rs"]
mod support;

mod accepting;
mod ending;
mod receiving;
mod sending;
mod waiting;
