//! The vocabulary between a reactor and its driver.
//!
//! A reactor calls operations between two calls of [`Driver::wait`], and collects completions
//! while one runs. Operations never report anything themselves, and a sink never calls back into
//! the driver, so neither side meets the other half-way through a change.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use hyperion_buf::SendQueue;

use crate::waker::Waker;

/// The name of a connection, chosen by the reactor: a slot, and how often it was used before.
///
/// An index may be attached again once the connection that held it was closed or detached; the
/// generation keeps late events of the former owner away from the new one. Drivers refuse
/// `u32::MAX` as an index, they use it themselves.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Key {
    /// The slot; drivers keep an array this long, so it should stay small.
    pub index: u32,
    /// Tells apart the connections that shared a slot.
    pub generation: u32,
}

impl Key {
    /// The key in one word.
    pub fn as_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The key that [`Key::as_u64`] put into one word.
    pub fn from_u64(word: u64) -> Self {
        Self { index: word as u32, generation: (word >> 32) as u32 }
    }
}

/// Who is at the other end of an accepted connection.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Peer {
    /// A TCP client at this address.
    Tcp(SocketAddr),
    /// A local client; its address says nothing.
    Unix,
}

/// Something that happened. `S` is the driver's type of socket.
#[derive(Debug)]
pub enum Completion<'a, S = OwnedFd> {
    /// A client has connected.
    Accepted {
        /// What [`Driver::listen`] returned for the listening socket.
        listener: usize,
        /// The connection; it does not block and is closed on exec.
        socket: S,
        /// The client.
        peer: Peer,
    },
    /// Accepting does not work for now, usually for want of descriptors or memory. Connections
    /// that merely vanished before they were accepted are not reported. The driver has stopped
    /// accepting on all listeners until [`Driver::resume_accept`].
    AcceptFailed {
        /// The listener that failed first.
        listener: usize,
        /// Why.
        error: io::Error,
    },
    /// Bytes have arrived.
    Received {
        /// The connection.
        key: Key,
        /// At least one byte, lent for this call only.
        bytes: &'a [u8],
    },
    /// The peer will send nothing more. Reported once.
    ReceivedEof {
        /// The connection.
        key: Key,
    },
    /// A part of the output has left; there may be several reports for one [`Driver::send`].
    Sent {
        /// The connection.
        key: Key,
        /// Bytes that have left since the last report.
        bytes: u64,
    },
    /// The connection is dead. It is the last completion of its key, and the reactor has yet to
    /// [`Driver::close`] it.
    Failed {
        /// The connection.
        key: Key,
        /// Why.
        error: io::Error,
    },
    /// The answer to [`Driver::detach`]: all output has left. It is the last completion of its key.
    Detached {
        /// The connection.
        key: Key,
        /// The connection's socket, with everything in it that was not reported as received.
        socket: S,
    },
    /// [`Waker::wake`] was called.
    Woken,
}

/// Where completions go.
pub trait Sink<S = OwnedFd> {
    /// Takes one completion.
    fn complete(&mut self, completion: Completion<'_, S>);

    /// Whether something waits to be done, so that the driver must not sleep. A sink that says so
    /// for mere progress of its output pays for it with a system call that finds nothing.
    fn has_work(&self) -> bool;
}

/// A set of sockets, and what is to be done with them.
///
/// All operations that take a [`Key`] ignore keys that are not attached, or not any more.
pub trait Driver {
    /// A connection or a listening socket; a file descriptor, except in a simulation.
    type Socket;

    /// `epoll`, `io_uring`, or what a simulation calls itself.
    fn name(&self) -> &'static str;

    /// A handle that ends [`Driver::wait`] from any thread.
    fn waker(&self) -> Waker;

    /// Accepts connections from a listening socket. Returns the listener's number, counted from
    /// zero.
    ///
    /// # Errors
    /// When the socket cannot be watched; it is closed then.
    fn listen(&mut self, socket: Self::Socket) -> io::Result<usize>;

    /// Leaves new connections in the backlog. Those that were accepted already are still reported.
    fn pause_accept(&mut self);

    /// Ends a pause, whoever began it.
    fn resume_accept(&mut self);

    /// As [`listen`](Self::listen), for a socket that another process holds, too, and may not accept from: each
    /// readiness is reported to both.
    ///
    /// # Errors
    /// As of [`Driver::listen`].
    fn listen_beside(&mut self, socket: Self::Socket) -> io::Result<usize>;

    /// Stops accepting from one listening socket, which other processes hold as well: what is in its
    /// backlog is left to them. Connections that were accepted already are still reported.
    fn unlisten(&mut self, number: usize);

    /// Lets nobody connect to the listening sockets any more, whatever other processes hold them. Those who
    /// have begun to connect are still accepted, as long as the sockets are open.
    fn refuse_clients(&mut self);

    /// Closes all listening sockets. All connections that the kernel has completed by then are still
    /// reported, in one of the next waits; those for which there is no descriptor, behind
    /// [`Driver::resume_accept`].
    fn close_listeners(&mut self);

    /// Whether a listening socket is not yet closed.
    fn is_listening(&self) -> bool;

    /// Takes a connection, whose socket does not block, and begins to receive.
    ///
    /// # Errors
    /// When the socket cannot be watched or the index is in use; the socket is closed then.
    fn attach(&mut self, key: Key, socket: Self::Socket) -> io::Result<()>;

    /// Stops receiving, so that the peer is slowed down. What was under way is still delivered.
    /// While receiving is paused the driver does not look for the end of the connection either.
    fn pause_receive(&mut self, key: Key);

    /// Ends a pause.
    fn resume_receive(&mut self, key: Key);

    /// Takes everything out of `output`, to be sent behind what was handed over before. The output
    /// of a connection that failed is dropped.
    fn send(&mut self, key: Key, output: &mut SendQueue);

    /// Bytes reported as sent that the peer has not taken yet; 0 where that is unknown.
    fn backlog(&mut self, key: Key) -> u64;

    /// Whether the peer has sent what was not received yet.
    fn has_unread(&mut self, key: Key) -> bool;

    /// Tells the peer that nothing more comes, once all output has left.
    fn shutdown_write(&mut self, key: Key);

    /// Drops the connection and its output. Nothing is reported for this key any more.
    fn close(&mut self, key: Key);

    /// Like [`Driver::close`], but the peer is told that the connection broke, so that it does not
    /// take a part of the output for the whole.
    fn reset(&mut self, key: Key);

    /// Gives the socket back in [`Completion::Detached`], once all output has left. Nothing is
    /// received any more, except what was under way.
    fn detach(&mut self, key: Key);

    /// Delivers what is at hand; then sleeps, unless the sink has work, until there is more or
    /// `timeout` is over; and delivers that. A signal may end the sleep early.
    ///
    /// # Errors
    /// When the driver as a whole does not work any more.
    fn wait<S: Sink<Self::Socket>>(
        &mut self,
        timeout: Option<Duration>,
        sink: &mut S,
    ) -> io::Result<()>;
}
