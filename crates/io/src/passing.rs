//! Handing sockets, with a message each, to other processes of the same server.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
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

/// The end of a channel that sockets come out of.
#[derive(Debug)]
pub struct Receiver {
    channel: OwnedFd,
    ending: WakeCounter,
    buffer: Vec<u8>,
    /// The message that was looked at.
    preview: Vec<u8>,
}

/// What is in a channel.
#[derive(Debug)]
pub enum Arrival<'a> {
    /// A socket and its message.
    Socket(OwnedFd, &'a [u8]),
    /// A socket for which this process has no descriptor; it stays in the channel.
    Short,
}

impl Receiver {
    /// Receives from `channel`, which other processes may read from as well: each socket comes out
    /// once.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new(channel: OwnedFd) -> io::Result<Self> {
        let (buffer, preview) = (vec![0; MESSAGE_BYTES_MAX], vec![0; MESSAGE_BYTES_MAX]);
        Ok(Self { channel, ending: WakeCounter::new()?, buffer, preview })
    }

    /// Ends the wait in [`receive`](Self::receive), for good.
    pub fn ending(&self) -> Waker {
        self.ending.waker()
    }

    /// The next socket with its message. `None` behind the end, once nothing is left in the channel.
    ///
    /// # Errors
    /// When the channel is broken.
    pub fn receive(&mut self) -> io::Result<Option<Arrival<'_>>> {
        loop {
            match self.take()? {
                Taken::Socket(socket, length) => {
                    return Ok(Some(Arrival::Socket(socket, &self.buffer[..length])));
                }
                Taken::Short => return Ok(Some(Arrival::Short)),
                Taken::Nothing => {}
            }
            let mut both = [
                PollFd::new(&self.channel, PollFlags::IN),
                PollFd::new(self.ending.descriptor(), PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let [channel, ending] = both.map(|one| one.revents());
            if channel.is_empty() && !ending.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Waits for the end to be announced; false when it was not in that time.
    pub fn waits_for_end(&self, timeout: Duration) -> bool {
        let mut ending = [PollFd::new(self.ending.descriptor(), PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).ok();
        poll(&mut ending, timeout.as_ref()).is_ok() && !ending[0].revents().is_empty()
    }

    /// Whether there is a descriptor for one more socket.
    pub fn can_receive(&self) -> bool {
        rustix::io::fcntl_dupfd_cloexec(&self.channel, 0).is_ok()
    }

    /// What is in the channel now. The kernel drops a socket that finds no descriptor together with its
    /// message, so a look goes before: what it gives is held until the socket itself is here.
    fn take(&mut self) -> io::Result<Taken> {
        let (held, length) = match self.read(RecvFlags::PEEK)? {
            Read::Nothing => return Ok(Taken::Nothing),
            Read::Short(_) => return Ok(Taken::Short),
            Read::Alone(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Nobody sends such a message.
            Read::Alone(_) => return self.read(RecvFlags::empty()).map(|_| Taken::Nothing),
            Read::Socket(held, length) => (held, length),
        };
        std::mem::swap(&mut self.buffer, &mut self.preview);
        match self.read(RecvFlags::empty())? {
            // Another process that reads from here was quicker.
            Read::Nothing | Read::Alone(_) => Ok(Taken::Nothing),
            Read::Socket(socket, length) => Ok(Taken::Socket(socket, length)),
            Read::Short(read) if self.buffer[..read] == self.preview[..length] => {
                Ok(Taken::Socket(held, read))
            }
            Read::Short(_) => Ok(Taken::Short),
        }
    }

    fn read(&mut self, how: RecvFlags) -> io::Result<Read> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        loop {
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC | how;
            let received = match recvmsg(&self.channel, &mut slices, &mut control, flags) {
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
                None if is_short => Read::Short(received.bytes),
                None => Read::Alone(received.bytes),
            });
        }
    }
}

/// What one call reads: a socket or none, and bytes of its message.
enum Read {
    Socket(OwnedFd, usize),
    /// The socket found no descriptor.
    Short(usize),
    /// There was no socket.
    Alone(usize),
    Nothing,
}

enum Taken {
    Socket(OwnedFd, usize),
    Short,
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
