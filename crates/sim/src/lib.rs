//! The engine without sockets or clocks: a driver whose peers are scripted, whose time jumps to the
//! next event, and whose network splits, stalls and resets as a seed says. What runs here is the
//! code that serves real connections; only the driver is another. The message of a failed test names
//! its seed; the same seed gives the same run.
//!
//! | Module | What it holds |
//! |---|---|
//! | `world`, `cluster` | [`World`]: one reactor, its clients and its application; [`Cluster`]: several that share work |
//! | `app` | [`App`]: an application that answers when it is told to |
//! | `driver`, `socket` | [`SimDriver`]: a `Driver` whose sockets are links of the network |
//! | `network`, `random`, `clock` | links between clients and server, [`Faults`]; chance by seed; virtual time |
#![forbid(unsafe_code)]

mod app;
mod clock;
mod cluster;
mod driver;
mod network;
mod random;
mod socket;
mod world;

pub use app::{Answer, App};
pub use clock::VirtualClock;
pub use cluster::Cluster;
pub use driver::SimDriver;
pub use network::{Faults, PeerId};
pub use random::Random;
pub use socket::{ServerEnd, SimSocket};
pub use world::World;
