//! The interpreter: its lock, its exceptions, and the few calls of it that magnus does not wrap.

#[allow(unsafe_code)]
pub mod block;
pub mod class;
pub mod error;
#[allow(unsafe_code)]
pub mod gvl;
pub mod names;
#[allow(unsafe_code)]
pub mod raw;
