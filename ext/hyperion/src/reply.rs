//! The way back to one client, for all Ruby objects of its request.

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;
use hyperion_engine::{Interrupt, ReplyHandle, Wait, WriteError};
use magnus::{Error, Ruby};

use crate::scheduler::Scheduler;
use crate::vm::error::client_disconnected;
use crate::vm::gvl::{OwningProcess, without_gvl};

/// The way back to one client, shared by the Ruby objects of one request.
#[derive(Debug)]
pub struct SharedReply {
    /// Always there until it is dropped.
    handle: Option<ReplyHandle>,
    process: OwningProcess,
}

impl SharedReply {
    /// Wraps a handle in the process it belongs to.
    pub fn new(handle: ReplyHandle) -> Self {
        Self { handle: Some(handle), process: OwningProcess::current() }
    }

    /// Whether this is the process that may answer, and not a child of it.
    pub fn is_in_own_process(&self) -> bool {
        self.process.is_current()
    }

    /// Hands over a piece of a streamed body, and waits while the client is too far behind.
    ///
    /// # Errors
    /// `Hyperion::ClientDisconnected` when nobody reads any more, an IOError when the body has ended.
    pub fn write_piece(&self, ruby: &Ruby, bytes: Bytes) -> Result<(), Error> {
        if !self.is_in_own_process() {
            return Err(client_disconnected(ruby));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        match self.write(bytes) {
            Ok(()) => {}
            Err(WriteError::Abandoned) => return Err(client_disconnected(ruby)),
            Err(WriteError::NotOpen) => {
                return Err(Error::new(ruby.exception_io_error(), "not opened for writing"));
            }
        }
        if self.needs_credit() {
            wait_for(ruby, self, |client, interrupt, time| client.wait_credit(interrupt, time))?;
        }
        Ok(())
    }
}

impl Deref for SharedReply {
    type Target = ReplyHandle;

    fn deref(&self) -> &ReplyHandle {
        self.handle.as_ref().expect("the handle is only taken by drop")
    }
}

impl Drop for SharedReply {
    fn drop(&mut self) {
        if !self.is_in_own_process() {
            // Its locks may be held by threads that a forked child does not have.
            std::mem::forget(self.handle.take());
        }
    }
}

/// Waits for something of an exchange: a fiber by its scheduler, a thread without the interpreter's lock;
/// interruptible. `wait` is given how long it may take.
///
/// # Errors
/// What the interrupt raises.
pub fn wait_for(
    ruby: &Ruby,
    client: &SharedReply,
    wait: impl Fn(&SharedReply, &Interrupt, Option<Duration>) -> Wait,
) -> Result<Wait, Error> {
    let interrupt = client.interrupt();
    if let Some(scheduler) = Scheduler::of_current_fiber() {
        let look = || Some(wait(client, &interrupt, Some(Duration::ZERO)));
        let ready = || look().filter(|waited| *waited != Wait::TimedOut);
        return scheduler.wait_until(ruby, |waker| client.notify(waker), ready);
    }
    loop {
        let interrupt = client.interrupt();
        match without_gvl(|| wait(client, &interrupt, None), || interrupt.raise()) {
            Some(Wait::Interrupted) | None => ruby.thread_check_ints()?,
            Some(waited) => return Ok(waited),
        }
    }
}
