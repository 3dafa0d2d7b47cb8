//! Listening sockets, addresses, and limits of the process.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrAny};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::driver::Peer;

/// The address a socket is bound to; none if it is a UNIX socket.
///
/// # Errors
/// When it is not a socket.
pub fn local_address(socket: impl AsFd) -> io::Result<Option<SocketAddr>> {
    Ok(SocketAddr::try_from(rustix::net::getsockname(socket)?).ok())
}

/// Raises the limit of open descriptors to the most this process may have, and returns it.
///
/// # Errors
/// When the limit cannot be changed.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised)?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Keeps signals away from the calling thread, so that they reach the threads that handle them.
/// The thread of a reactor needs this for another reason too: sending a file to a peer that is gone
/// raises SIGPIPE, and no flag of the system call prevents that.
///
/// # Errors
/// When the kernel refuses, which it never does for a valid set.
pub fn block_signals() -> io::Result<()> {
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set that it is given, and `pthread_sigmask` reads it;
    // the former mask is not asked for.
    let failure = unsafe {
        libc::sigfillset(signals.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), std::ptr::null_mut())
    };
    match failure {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// A listening socket as the drivers need it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub socket: OwnedFd,
    /// Clients of a UNIX socket have no address worth asking for.
    pub local: bool,
}

impl Listener {
    /// Makes the socket non-blocking, so that a client that vanished cannot hold up its driver. For
    /// TCP it also turns off Nagle's algorithm, which accepted sockets inherit: that saves a system
    /// call for each of them.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        let local = rustix::net::getsockname(&socket)?.address_family() == AddressFamily::UNIX;
        if !local {
            rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        }
        Ok(Self { socket, local })
    }
}

/// Who a socket address belongs to.
pub(crate) fn peer(address: Option<SocketAddrAny>) -> Peer {
    match address.map(SocketAddr::try_from) {
        Some(Ok(address)) => Peer::Tcp(address),
        _ => Peer::Unix,
    }
}

/// Whether a failure to accept is about one connection, so that the next one may be accepted at
/// once. Linux reports errors of the network that belong to the new connection here.
pub(crate) fn concerns_one_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::INTR
            | Errno::NETDOWN
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP
            | Errno::NETUNREACH
            | Errno::PERM
    )
}
