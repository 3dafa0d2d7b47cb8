//! The driver for Linux 6.1 and newer: the kernel works on operations, and a turn of the reactor
//! costs one system call, whatever the number of connections.
//!
//! Accepting and receiving are multishot: begun once, completing again and again. Received bytes
//! are in buffers that the kernel picks from a common ring. Output belongs to the kernel until it
//! has left. Nothing is given back, and no slot is used again, while the kernel works on it.

mod buffers;
mod connection;
mod listeners;
mod message;
mod operation;
mod probe;
mod ring;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use hyperion_buf::SendQueue;
use io_uring::opcode;
use io_uring::types::{CancelBuilder, Fd};
use slab::Slab;

use self::buffers::Buffers;
use self::connection::{Connection, Fate};
use self::listeners::{Listeners, Means};
use self::operation::Operation;
use self::ring::{Completed, Ring};
use crate::driver::{Completion, Driver, Key, Sink};
use crate::socket;
use crate::table::Table;
use crate::waker::{WakeCounter, Waker};

/// How long the end of the ring waits for the kernel to give everything back.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// How much the ring holds. None of it limits the number of connections.
#[derive(Clone, Copy, Debug)]
pub struct RingSizes {
    /// Operations submitted at once; more wait in memory.
    pub submissions: u32,
    /// Completions at hand at once; the kernel keeps more.
    pub completions: u32,
    /// Buffers to receive into, rounded up to a power of two; when they run out, receiving goes on
    /// in the next turn.
    pub buffers: u16,
    /// Bytes of each.
    pub buffer_bytes: u32,
}

impl Default for RingSizes {
    fn default() -> Self {
        Self { submissions: 256, completions: 4096, buffers: 256, buffer_bytes: 16 * 1024 }
    }
}

/// Drives sockets with io_uring. It belongs to the thread that makes it.
pub struct UringDriver {
    ring: Ring,
    buffers: Buffers,
    counter: WakeCounter,
    listeners: Listeners,
    /// Slots of the connections that the reactor knows.
    slots: Table<u32>,
    /// These, and those that are closed but still in the kernel's hands.
    connections: Slab<Connection>,
    woken: bool,
    /// Counts the waits.
    round: u32,
}

impl UringDriver {
    /// An empty set of sockets, on a kernel that was seen to do everything that is needed.
    ///
    /// # Errors
    /// When the kernel lacks io_uring or a part of it, or does not allow its use. The text says
    /// which.
    pub fn new() -> io::Result<Self> {
        probe::probe()?;
        Self::with_sizes(RingSizes::default())
    }

    /// An empty set of sockets with a ring of these sizes. It does not look whether the kernel can
    /// do all that is needed.
    ///
    /// # Errors
    /// When the ring cannot be made.
    pub fn with_sizes(sizes: RingSizes) -> io::Result<Self> {
        let explain = |part: &'static str| {
            move |error: io::Error| io::Error::new(error.kind(), format!("{part}: {error}"))
        };
        let ring = Ring::new(sizes.submissions, sizes.completions)
            .map_err(explain("io_uring with deferred task work (Linux 6.1) is not available"))?;
        let buffers = Buffers::new(sizes.buffers, sizes.buffer_bytes, &ring.submitter())
            .map_err(explain("io_uring buffer rings are not available"))?;
        let mut driver = Self {
            ring,
            buffers,
            counter: WakeCounter::new()?,
            listeners: Listeners::default(),
            slots: Table::new(),
            connections: Slab::new(),
            woken: false,
            round: 0,
        };
        driver.watch_counter();
        Ok(driver)
    }

    fn watch_counter(&mut self) {
        let descriptor = Fd(self.counter.descriptor().as_raw_fd());
        let poll = opcode::PollAdd::new(descriptor, libc::POLLIN as u32).multi(true).build();
        // SAFETY: the counter is kept as long as the ring; no memory is used.
        unsafe { self.ring.push(Operation::Wake, poll) }
    }

    /// Applies `change` to a connection that the reactor knows.
    fn change(&mut self, key: Key, change: impl FnOnce(&mut Connection, &mut Ring)) {
        let Some(&mut slot) = self.slots.find(key) else { return };
        change(&mut self.connections[slot as usize], &mut self.ring);
    }

    /// Drops a connection as soon as the kernel is done with it.
    fn forget(&mut self, key: Key) {
        self.change(key, Connection::close);
        if let Some(slot) = self.slots.remove(key)
            && self.connections[slot as usize].fate() == Fate::Drop
        {
            self.connections.remove(slot as usize);
        }
    }

    fn deliver<S: Sink>(&mut self, sink: &mut S) {
        while let Some(completed) = self.ring.pop() {
            self.handle(&completed, sink);
        }
        if std::mem::take(&mut self.woken) {
            sink.complete(Completion::Woken);
        }
    }

    fn handle<S: Sink>(&mut self, completed: &Completed, sink: &mut S) {
        match completed.operation {
            Operation::Accept(_) | Operation::CancelAccept(_) => {
                self.listeners.handle(completed, &mut self.ring, sink);
            }
            Operation::Receive(slot)
            | Operation::Send(slot)
            | Operation::Poll(slot)
            | Operation::Watch(slot)
            | Operation::Cancel(slot) => self.handle_connection(slot, completed, sink),
            Operation::Wake => {
                self.woken = true;
                if !completed.more {
                    self.watch_counter();
                }
            }
            Operation::CancelAll => {}
        }
    }

    fn handle_connection<S: Sink>(&mut self, slot: u32, completed: &Completed, sink: &mut S) {
        let index = slot as usize;
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.handle(completed, &mut self.ring, &mut self.buffers, self.round, sink);
        match connection.fate() {
            Fate::Stay => {}
            Fate::Drop => drop(self.connections.remove(index)),
            Fate::Detach => {
                let Connection { key, socket, .. } = self.connections.remove(index);
                self.slots.remove(key);
                sink.complete(Completion::Detached { key, socket });
            }
        }
    }

    /// Cancels everything, and waits until the kernel has given everything back.
    fn tear_down(&mut self) -> bool {
        let give_up_at = Instant::now() + TEARDOWN_TIMEOUT;
        while self.ring.pop().is_some_and(|completed| self.discard(&completed)) {}
        while self.ring.in_flight() > 0 {
            let everything = CancelBuilder::any().all();
            let cancel = opcode::AsyncCancel2::new(everything).build();
            // SAFETY: a cancellation uses neither memory nor descriptors.
            unsafe { self.ring.push(Operation::CancelAll, cancel) }
            let patience = Duration::from_millis(100);
            if self.ring.enter(Some(patience)).is_err() || Instant::now() > give_up_at {
                return false;
            }
            while self.ring.pop().is_some_and(|completed| self.discard(&completed)) {}
        }
        true
    }

    /// Takes a completion of which nobody wants to know.
    fn discard(&mut self, completed: &Completed) -> bool {
        use std::os::fd::FromRawFd;
        if matches!(completed.operation, Operation::Accept(_)) && completed.result >= 0 {
            // SAFETY: the kernel has just opened this descriptor for us.
            drop(unsafe { OwnedFd::from_raw_fd(completed.result) });
        }
        true
    }
}

impl Driver for UringDriver {
    type Socket = OwnedFd;

    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn waker(&self) -> Waker {
        self.counter.waker()
    }

    fn listen(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listeners.add(socket, Means::Accept, &mut self.ring)
    }

    fn listen_beside(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listeners.add(socket, Means::Poll, &mut self.ring)
    }

    fn pause_accept(&mut self) {
        self.listeners.pause(&mut self.ring);
    }

    fn resume_accept(&mut self) {
        self.listeners.resume(&mut self.ring);
    }

    fn unlisten(&mut self, number: usize) {
        self.listeners.remove(number, &mut self.ring);
    }

    fn refuse_clients(&mut self) {
        self.listeners.refuse_clients();
    }

    fn close_listeners(&mut self) {
        self.listeners.close(&mut self.ring);
    }

    fn is_listening(&self) -> bool {
        self.listeners.is_listening()
    }

    fn attach(&mut self, key: Key, socket: OwnedFd) -> io::Result<()> {
        self.slots.check_vacant(key)?;
        let entry = self.connections.vacant_entry();
        let slot = u32::try_from(entry.key()).expect("descriptors are fewer than that");
        let connection = entry.insert(Connection::new(key, slot, socket));
        self.slots.insert(key, slot);
        connection.receive(&mut self.ring);
        Ok(())
    }

    fn pause_receive(&mut self, key: Key) {
        self.change(key, Connection::pause);
    }

    fn resume_receive(&mut self, key: Key) {
        self.change(key, Connection::resume);
    }

    fn send(&mut self, key: Key, output: &mut SendQueue) {
        match self.slots.find(key) {
            Some(_) => self.change(key, |connection, ring| connection.send(output, ring)),
            None => output.clear(),
        }
    }

    fn backlog(&mut self, key: Key) -> u64 {
        let slot = self.slots.find(key).map(|slot| *slot as usize);
        slot.map_or(0, |slot| socket::backlog(&self.connections[slot].socket))
    }

    fn has_unread(&mut self, key: Key) -> bool {
        let slot = self.slots.find(key).map(|slot| *slot as usize);
        slot.is_some_and(|slot| socket::has_unread(&self.connections[slot].socket))
    }

    fn shutdown_write(&mut self, key: Key) {
        self.change(key, Connection::shutdown_write);
    }

    fn close(&mut self, key: Key) {
        self.change(key, |connection, _| socket::end(&connection.socket));
        self.forget(key);
    }

    fn reset(&mut self, key: Key) {
        self.change(key, |connection, _| socket::break_on_close(&connection.socket));
        self.forget(key);
    }

    fn detach(&mut self, key: Key) {
        self.change(key, Connection::detach);
    }

    fn wait<S: Sink>(&mut self, timeout: Option<Duration>, sink: &mut S) -> io::Result<()> {
        self.round = self.round.wrapping_add(1);
        self.listeners.finish(sink);
        self.deliver(sink);
        let timeout = if sink.has_work() { Some(Duration::ZERO) } else { timeout };
        self.ring.enter(timeout)?;
        self.deliver(sink);
        Ok(())
    }
}

impl Drop for UringDriver {
    /// The kernel may use buffers and output as long as an operation is in flight; should it not
    /// give them back in time, they are left to it.
    fn drop(&mut self) {
        if !self.tear_down() {
            self.buffers.leak();
            std::mem::forget(std::mem::take(&mut self.connections));
        }
    }
}

impl fmt::Debug for UringDriver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UringDriver").finish_non_exhaustive()
    }
}
