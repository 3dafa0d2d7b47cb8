//! Handing sockets, with a message each, to other processes of the same server.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
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
}

impl Receiver {
    /// Receives from `channel`, which other processes may read from as well: each socket comes out
    /// once.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new(channel: OwnedFd) -> io::Result<Self> {
        Ok(Self { channel, ending: WakeCounter::new()?, buffer: vec![0; MESSAGE_BYTES_MAX] })
    }

    /// Ends the wait in [`receive`](Self::receive), for good.
    pub fn ending(&self) -> Waker {
        self.ending.waker()
    }

    /// The next socket with its message; a message without one, where the process has no descriptor
    /// left for it. `None` behind the end, once nothing is left in the channel.
    ///
    /// # Errors
    /// When the channel is broken.
    pub fn receive(&mut self) -> io::Result<Option<(Option<OwnedFd>, &[u8])>> {
        loop {
            if let Some((socket, length)) = self.take()? {
                return Ok(Some((socket, &self.buffer[..length])));
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

    /// What is in the channel now.
    fn take(&mut self) -> io::Result<Option<(Option<OwnedFd>, usize)>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        loop {
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received = match recvmsg(&self.channel, &mut slices, &mut control, flags) {
                Ok(received) => received,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let socket = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
                _ => None,
            });
            return match socket {
                None if received.bytes == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
                socket => Ok(Some((socket, received.bytes))),
            };
        }
    }
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
