//! Output vocabulary shared by protocols and drivers: what is to be sent, in which order, and
//! how much of it has left. Nothing here knows a protocol or a socket.
#![forbid(unsafe_code)]

mod disk_file;
mod send_queue;

pub use disk_file::DiskFile;
pub use send_queue::{FileRange, Segment, SendQueue};
