//! Handing sockets, with a message each, to other processes of the same server.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::driver::Peer;
use crate::waker::{WakeCounter, Waker};

/// The longest message that goes with a socket, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 96 * 1024;

/// Sends `socket` into `channel`, a unix socket that keeps the boundaries of messages. It does not
/// wait; the caller keeps its own descriptor in any case.
///
/// # Errors
/// When the channel is full, nobody can read from it, or the message is too long for it.
pub fn pass(channel: impl AsFd, socket: impl AsFd, message: &[u8]) -> io::Result<()> {
    let sockets = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&sockets));
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    match sendmsg(channel, &[IoSlice::new(message)], &mut control, flags)? {
        sent if sent == message.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// The ends of channels that sockets come out of.
#[derive(Debug)]
pub struct Receiver {
    channels: Vec<Channel>,
    orders: Arc<Orders>,
    wake_counter: WakeCounter,
    buffer: Vec<u8>,
    /// The message that was looked at.
    preview: Vec<u8>,
}

/// The end of one channel.
#[derive(Debug)]
struct Channel {
    slot: usize,
    socket: OwnedFd,
}

/// What is in a channel.
#[derive(Debug)]
pub enum Arrival<'a> {
    /// A socket and its message, and the slot whose channel it was sent into.
    Socket(OwnedFd, &'a [u8], usize),
    /// A socket for which this process has no descriptor; it stays in the channel.
    OutOfDescriptors,
}

/// What a receiver was told and has not followed yet.
#[derive(Debug, Default)]
struct Orders {
    changes: Mutex<Vec<Change>>,
    ended: AtomicBool,
}

#[derive(Debug)]
enum Change {
    Add(Channel),
    Remove(usize),
}

/// Tells a [`Receiver`] what to do, from any thread.
#[derive(Debug)]
pub struct Control {
    orders: Arc<Orders>,
    waker: Waker,
}

impl Control {
    /// Receives from the channel of another slot as well.
    pub fn add(&self, slot: usize, channel: OwnedFd) {
        self.change(Change::Add(Channel { slot, socket: channel }));
    }

    /// Leaves that channel to others.
    pub fn remove(&self, slot: usize) {
        self.change(Change::Remove(slot));
    }

    /// Ends the wait in [`Receiver::receive`], for good.
    pub fn end(&self) {
        self.orders.ended.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn change(&self, change: Change) {
        self.orders.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
        self.waker.wake();
    }
}

impl Receiver {
    /// Receives from the `channel` of a slot, which other processes may read from as well: each socket
    /// comes out once.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new(slot: usize, channel: OwnedFd) -> io::Result<Self> {
        let (buffer, preview) = (vec![0; MESSAGE_BYTES_MAX], vec![0; MESSAGE_BYTES_MAX]);
        let (channels, orders) = (vec![Channel { slot, socket: channel }], Arc::default());
        Ok(Self { channels, orders, wake_counter: WakeCounter::new()?, buffer, preview })
    }

    /// What tells this receiver what to do.
    pub fn control(&self) -> Control {
        Control { orders: self.orders.clone(), waker: self.wake_counter.waker() }
    }

    /// The next socket with its message. `None` behind the end, once nothing is left in the channels.
    ///
    /// # Errors
    /// When a channel is broken.
    pub fn receive(&mut self) -> io::Result<Option<Arrival<'_>>> {
        loop {
            // What was sent before the end was announced is seen behind it.
            let is_ended = self.orders.ended.load(Ordering::Acquire);
            self.follow_orders();
            for index in 0..self.channels.len() {
                match self.take(index)? {
                    Taken::Socket(socket, length) => {
                        let slot = self.channels[index].slot;
                        let message = &self.buffer[..length];
                        return Ok(Some(Arrival::Socket(socket, message, slot)));
                    }
                    Taken::OutOfDescriptors => return Ok(Some(Arrival::OutOfDescriptors)),
                    Taken::Nothing => {}
                }
            }
            if is_ended {
                return Ok(None);
            }
            self.sleep()?;
        }
    }

    fn follow_orders(&mut self) {
        let changes = std::mem::take(
            &mut *self.orders.changes.lock().unwrap_or_else(PoisonError::into_inner),
        );
        for change in changes {
            match change {
                Change::Add(channel) => self.channels.push(channel),
                Change::Remove(slot) => self.channels.retain(|channel| channel.slot != slot),
            }
        }
    }

    /// Waits for something in a channel, or for an order.
    fn sleep(&self) -> io::Result<()> {
        let channels =
            self.channels.iter().map(|channel| PollFd::new(&channel.socket, PollFlags::IN));
        let wake_up = PollFd::new(self.wake_counter.descriptor(), PollFlags::IN);
        let mut all: Vec<_> = channels.chain([wake_up]).collect();
        match poll(&mut all, None) {
            Ok(_) | Err(Errno::INTR) => self.reset_wake_counter(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn reset_wake_counter(&self) {
        // It fails where nobody has woken this thread.
        let _ = rustix::io::read(self.wake_counter.descriptor(), &mut [0; 8]);
    }

    /// Waits for the end to be announced; false when it was not in that time, or something else was.
    pub fn waits_for_end(&self, timeout: Duration) -> bool {
        let mut wake_up = [PollFd::new(self.wake_counter.descriptor(), PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).ok();
        let _ = poll(&mut wake_up, timeout.as_ref());
        self.reset_wake_counter();
        self.orders.ended.load(Ordering::Acquire)
    }

    /// Whether there is a descriptor for one more socket.
    pub fn can_receive(&self) -> bool {
        rustix::io::fcntl_dupfd_cloexec(self.wake_counter.descriptor(), 0).is_ok()
    }

    /// What is in a channel now. The kernel drops a socket that finds no descriptor together with its
    /// message, so a look goes before: what it gives is held until the socket itself is here.
    fn take(&mut self, index: usize) -> io::Result<Taken> {
        let (held, length) = match self.read(index, RecvFlags::PEEK)? {
            Read::Nothing => return Ok(Taken::Nothing),
            Read::OutOfDescriptors(_) => return Ok(Taken::OutOfDescriptors),
            Read::Alone(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Nobody sends such a message.
            Read::Alone(_) => {
                return self.read(index, RecvFlags::empty()).map(|_| Taken::Nothing);
            }
            Read::Socket(held, length) => (held, length),
        };
        std::mem::swap(&mut self.buffer, &mut self.preview);
        match self.read(index, RecvFlags::empty())? {
            // Another process that reads from here was quicker.
            Read::Nothing | Read::Alone(_) => Ok(Taken::Nothing),
            Read::Socket(socket, length) => Ok(Taken::Socket(socket, length)),
            Read::OutOfDescriptors(read) if self.buffer[..read] == self.preview[..length] => {
                Ok(Taken::Socket(held, read))
            }
            Read::OutOfDescriptors(_) => Ok(Taken::OutOfDescriptors),
        }
    }

    fn read(&mut self, index: usize, how: RecvFlags) -> io::Result<Read> {
        let channel = &self.channels[index].socket;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        loop {
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC | how;
            let received = match recvmsg(channel, &mut slices, &mut control, flags) {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Ok(Read::Nothing),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let socket = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
                _ => None,
            });
            let is_short = received.flags.contains(ReturnFlags::CTRUNC);
            return Ok(match socket {
                Some(socket) => Read::Socket(socket, received.bytes),
                None if is_short => Read::OutOfDescriptors(received.bytes),
                None => Read::Alone(received.bytes),
            });
        }
    }
}

/// What one call reads: a socket or none, and bytes of its message.
enum Read {
    Socket(OwnedFd, usize),
    /// The socket found no descriptor.
    OutOfDescriptors(usize),
    /// There was no socket.
    Alone(usize),
    Nothing,
}

enum Taken {
    Socket(OwnedFd, usize),
    OutOfDescriptors,
    Nothing,
}

/// Who is at the other end of a connected socket.
///
/// # Errors
/// When it is no longer connected.
pub fn peer(socket: BorrowedFd<'_>) -> io::Result<Peer> {
    let address = rustix::net::getpeername(socket)?;
    let tcp = address.and_then(|address| SocketAddr::try_from(address).ok());
    Ok(tcp.map_or(Peer::Unix, Peer::Tcp))
}
