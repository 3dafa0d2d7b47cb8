//! The driver for every kernel: readiness, dressed as completion.
//!
//! A connection is registered once, edge-triggered, for everything; after that a request costs one
//! `epoll_wait`, one `recv` and one `send`. Output is sent at once, and only what the socket does
//! not take waits for an event.

mod connection;
mod listeners;

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use hyperion_buf::SendQueue;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use self::connection::{Connection, Next};
use self::listeners::{Listeners, Sharing};
use crate::driver::{Completion, Driver, Key, Sink};
use crate::socket;
use crate::table::{RESERVED_INDEX, Table};
use crate::waker::{WakeCounter, Waker};

/// Bytes received by one read. One buffer serves all connections.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// The longest sleep, so that any timeout can be expressed to the kernel.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Marks the events of the waker.
const WAKER: Key = Key { index: RESERVED_INDEX, generation: u32::MAX };

/// Drives sockets with epoll.
pub struct EpollDriver {
    epoll: OwnedFd,
    counter: WakeCounter,
    listeners: Listeners,
    /// A listener that could not be watched again, to be reported.
    accept_failure: Option<(usize, io::Error)>,
    connections: Table<Connection>,
    /// Connections that have something to do or to tell without an event.
    ready: Vec<Key>,
    /// An empty list to put in the place of the above while it is worked off.
    spare: Vec<Key>,
    buffer: Box<[u8]>,
    events: Box<[MaybeUninit<epoll::Event>]>,
}

// SAFETY: all that keeps the compiler from seeing it is the pointer in the union of the kernel's
// events, which are only ever written and read as numbers.
unsafe impl Send for EpollDriver {}

impl EpollDriver {
    /// An empty set of sockets.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let counter = WakeCounter::new()?;
        let data = epoll::EventData::new_u64(WAKER.as_u64());
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, counter.descriptor(), data, flags)?;
        Ok(Self {
            epoll,
            counter,
            listeners: Listeners::default(),
            accept_failure: None,
            connections: Table::new(),
            ready: Vec::new(),
            spare: Vec::new(),
            buffer: vec![0; RECEIVE_BUFFER_BYTES].into_boxed_slice(),
            events: vec![MaybeUninit::uninit(); EVENTS_MAX].into_boxed_slice(),
        })
    }

    /// Applies `change` to a connection, and sees to it that it gets a turn if it wants one.
    fn change(&mut self, key: Key, change: impl FnOnce(&mut Connection)) {
        let Some(connection) = self.connections.find(key) else { return };
        change(connection);
        if connection.wants_turn() && !std::mem::replace(&mut connection.listed, true) {
            self.ready.push(key);
        }
    }

    fn work_off_ready<S: Sink>(&mut self, sink: &mut S) {
        if let Some((listener, error)) = self.accept_failure.take() {
            sink.complete(Completion::AcceptFailed { listener, error });
        }
        let mut keys = std::mem::replace(&mut self.ready, std::mem::take(&mut self.spare));
        for key in keys.drain(..) {
            self.turn(key, sink);
        }
        self.spare = keys;
    }

    fn turn<S: Sink>(&mut self, key: Key, sink: &mut S) {
        let Some(connection) = self.connections.find(key) else { return };
        match connection.turn(&mut self.buffer, sink) {
            Next::Nothing => connection.listed = false,
            Next::Turn => {
                connection.listed = true;
                self.ready.push(key);
            }
            Next::Detach => {
                let connection = self.connections.remove(key).expect("it was found just now");
                // It is registered since it was attached.
                let _ = epoll::delete(&self.epoll, &connection.socket);
                sink.complete(Completion::Detached { key, socket: connection.socket });
            }
        }
    }

    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| {
            let timeout = timeout.min(SLEEP_MAX);
            // The kernel counts in milliseconds; rounding up keeps the reactor from turning in
            // circles until a deadline.
            Timespec {
                tv_sec: timeout.as_secs() as i64,
                tv_nsec: i64::from(timeout.subsec_nanos()),
            }
        });
        match epoll::wait(&self.epoll, &mut *self.events, timeout.as_ref()) {
            Ok((events, _)) => Ok(events.len()),
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn handle_events<S: Sink>(&mut self, count: usize, sink: &mut S) {
        let mut woken = false;
        for index in 0..count {
            // SAFETY: `epoll_wait` has just written the first `count` events.
            let event = unsafe { self.events[index].assume_init() };
            let key = Key::from_u64(event.data.u64());
            if key == WAKER {
                woken = true;
            } else if key.index == RESERVED_INDEX {
                self.listeners.accept(&self.epoll, key.generation as usize, sink);
            } else if let Some(connection) = self.connections.find(key)
                && connection.handle_event(event.flags)
                && !connection.listed
            {
                self.turn(key, sink);
            }
        }
        if woken {
            sink.complete(Completion::Woken);
        }
    }
}

impl Driver for EpollDriver {
    type Socket = OwnedFd;

    fn name(&self) -> &'static str {
        "epoll"
    }

    fn waker(&self) -> Waker {
        self.counter.waker()
    }

    fn listen(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listeners.add(&self.epoll, socket, Sharing::Exclusive)
    }

    fn listen_beside(&mut self, socket: OwnedFd) -> io::Result<usize> {
        self.listeners.add(&self.epoll, socket, Sharing::Always)
    }

    fn pause_accept(&mut self) {
        self.listeners.pause(&self.epoll);
    }

    fn resume_accept(&mut self) {
        self.accept_failure = self.listeners.resume(&self.epoll);
    }

    fn unlisten(&mut self, number: usize) {
        self.listeners.remove(&self.epoll, number);
    }

    fn refuse_clients(&mut self) {
        self.listeners.refuse_clients();
    }

    fn close_listeners(&mut self) {
        self.listeners.close();
    }

    fn is_listening(&self) -> bool {
        self.listeners.is_listening()
    }

    fn attach(&mut self, key: Key, socket: OwnedFd) -> io::Result<()> {
        self.connections.check_vacant(key)?;
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        // What has arrived already is an event of the next wait, so there is no need to look now.
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(key.as_u64()), flags)?;
        self.connections.insert(key, Connection::new(key, socket));
        Ok(())
    }

    fn pause_receive(&mut self, key: Key) {
        self.change(key, |connection| connection.pause(true));
    }

    fn resume_receive(&mut self, key: Key) {
        self.change(key, |connection| connection.pause(false));
    }

    fn send(&mut self, key: Key, output: &mut SendQueue) {
        match self.connections.find(key) {
            Some(_) => self.change(key, |connection| connection.send(output)),
            None => output.clear(),
        }
    }

    fn backlog(&mut self, key: Key) -> u64 {
        self.connections.find(key).map_or(0, |connection| socket::backlog(&connection.socket))
    }

    fn has_unread(&mut self, key: Key) -> bool {
        self.connections.find(key).is_some_and(|connection| socket::has_unread(&connection.socket))
    }

    fn shutdown_write(&mut self, key: Key) {
        self.change(key, Connection::shutdown_write);
    }

    fn close(&mut self, key: Key) {
        if let Some(connection) = self.connections.remove(key) {
            socket::end(&connection.socket);
        }
    }

    fn reset(&mut self, key: Key) {
        if let Some(connection) = self.connections.remove(key) {
            socket::break_on_close(&connection.socket);
        }
    }

    fn detach(&mut self, key: Key) {
        self.change(key, Connection::detach);
    }

    fn wait<S: Sink>(&mut self, timeout: Option<Duration>, sink: &mut S) -> io::Result<()> {
        if self.listeners.is_closing() {
            self.listeners.finish(&self.epoll, sink);
        }
        self.work_off_ready(sink);
        let timeout = match sink.has_work() || !self.ready.is_empty() {
            true => Some(Duration::ZERO),
            false => timeout,
        };
        let count = self.sleep(timeout)?;
        self.handle_events(count, sink);
        Ok(())
    }
}

impl fmt::Debug for EpollDriver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EpollDriver").finish_non_exhaustive()
    }
}
