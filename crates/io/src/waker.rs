//! Ending a wait from another thread.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Ends a driver's wait. Clones wake the same driver, and may outlive it.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that calls `wake`; drivers without a file descriptor make theirs with it.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self(wake)
    }

    /// Makes the current wait return, or the next one if none is under way.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Waker")
    }
}

/// The counter behind a driver's wakers. It is watched edge-triggered, where every write is an
/// event of its own, and so it is never read: that saves a system call for each wake.
#[cfg(target_os = "linux")]
#[derive(Clone, Debug)]
pub struct WakeCounter(Arc<OwnedFd>);

#[cfg(target_os = "linux")]
impl WakeCounter {
    /// A counter that nobody has raised.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(counter)))
    }

    /// What to watch.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// A waker that raises it.
    pub fn waker(&self) -> Waker {
        let counter = self.0.clone();
        Waker::new(Arc::new(move || {
            // A write fails only when the counter is full, which takes centuries of waking.
            let _ = rustix::io::write(&*counter, &1u64.to_ne_bytes());
        }))
    }
}
