//! The queue of bytes and ranges of files that a connection has still to send; protocols fill it, drivers empty it.
//! Nothing here knows a protocol or a socket.
//!
//! | Module | What it holds |
//! |---|---|
//! | `send_queue` | [`SendQueue`]: what is to be sent, in order, and how much of it has left |
//! | `disk_file` | [`DiskFile`]: an open file that is sent without being read |
#![forbid(unsafe_code)]

mod disk_file;
mod send_queue;

pub use disk_file::DiskFile;
pub use send_queue::{FileRange, Segment, SendQueue};
