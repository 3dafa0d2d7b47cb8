//! The engine without sockets or clocks: a driver whose peers are scripted, whose time jumps to the
//! next event, and whose network splits, stalls and resets as a seed says. What runs here is the
//! code that serves real connections; only the driver is another.
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
