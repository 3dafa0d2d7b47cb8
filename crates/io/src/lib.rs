//! Socket drivers, and no HTTP: what is read arrives as [`Completion`]s in a [`Sink`], what is to
//! be written is handed over as a `SendQueue`. Both drivers have the same shape, so that whoever
//! uses them cannot tell readiness from completion.
//!
//! ```text
//!                 attach, send, pause_receive, close, ...
//!   reactor ───────────────────────────────────────────────▶ Driver
//!      ▲                                                        │ wait
//!      └──────────── Sink::complete(Completion) ◀───────────────┘
//! ```
//!
//! - [`driver`]: the vocabulary, which a simulator implements as well
//! - [`epoll`]: readiness, for every Linux kernel that is still maintained
//! - [`uring`]: io_uring with multishot operations, for Linux 6.1 and newer
//! - [`poller`], [`foreign`]: readiness of descriptors that somebody else owns; reading and writing them
//! - [`passing`]: handing sockets to other processes
//! - [`process`]: ending a process in time, whatever its threads do
//! - [`shared_memory`]: numbers that processes share over a fork
//! - [`socket`]: addresses of sockets, signals of threads
//! - [`waker`]: ending a wait from another thread
//! - `table`, `transmit`: connections by key, so that a key of the past finds nothing; one system call's worth of
//!   output
//!
//! This crate is for Linux only. A kqueue driver is left out on purpose: nobody here could run it,
//! and a driver that was never run is worse than none.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "hyperion-io has no driver for this operating system: it needs epoll or io_uring, so Linux"
);

pub mod driver;
#[cfg(target_os = "linux")]
pub mod epoll;
#[cfg(target_os = "linux")]
pub mod foreign;
#[cfg(target_os = "linux")]
pub mod passing;
#[cfg(target_os = "linux")]
pub mod poller;
#[cfg(target_os = "linux")]
pub mod process;
#[cfg(target_os = "linux")]
pub mod shared_memory;
#[cfg(target_os = "linux")]
pub mod socket;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod transmit;
#[cfg(target_os = "linux")]
pub mod uring;
#[cfg(target_os = "linux")]
pub mod waker;

pub use driver::{Completion, Driver, Key, Peer, Sink};
#[cfg(target_os = "linux")]
pub use epoll::EpollDriver;
#[cfg(target_os = "linux")]
pub use shared_memory::SharedMemory;
#[cfg(target_os = "linux")]
pub use socket::{block_signals, local_address};
#[cfg(target_os = "linux")]
pub use uring::{RingSizes, UringDriver};
#[cfg(target_os = "linux")]
pub use waker::WakeCounter;
pub use waker::Waker;
