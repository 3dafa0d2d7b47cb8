//! Listening sockets, addresses, and signals.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketAddrAny, SocketFlags};

use crate::driver::{Completion, Peer, Sink};

/// Signals that a thread raises by its own doing.
const FAULTS: [libc::c_int; 6] =
    [libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGSEGV, libc::SIGTRAP];

/// When a silent peer is asked first, how long its answer is awaited, and how often it is asked.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// The address a socket is bound to; none if it is a UNIX socket.
///
/// # Errors
/// When it is not a socket.
pub fn local_address(socket: impl AsFd) -> io::Result<Option<SocketAddr>> {
    Ok(SocketAddr::try_from(rustix::net::getsockname(socket)?).ok())
}

/// Keeps signals away from the calling thread, so that they reach the threads that handle them.
/// The thread of a reactor needs this for another reason too: sending a file to a peer that is gone
/// raises SIGPIPE, and no flag of the system call prevents that. Signals that tell of a fault in the
/// thread itself are let through to whoever reports them.
///
/// # Errors
/// When the kernel refuses, which it never does for a valid set.
pub fn block_signals() -> io::Result<()> {
    let mut signals = std::mem::MaybeUninit::uninit();
    // SAFETY: `sigfillset` initialises the set that it is given, which is then changed and read; the
    // former mask is not asked for.
    let failure = unsafe {
        libc::sigfillset(signals.as_mut_ptr());
        for fault in FAULTS {
            libc::sigdelset(signals.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), std::ptr::null_mut())
    };
    match failure {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// Bytes in the send buffer of a connection, those on their way to the peer included.
pub(crate) fn backlog(socket: &impl AsRawFd) -> u64 {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int, and nothing on failure.
    unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    u64::try_from(bytes).unwrap_or(0)
}

/// Whether a connection has received what nobody has read.
pub(crate) fn has_unread(socket: impl AsFd) -> bool {
    rustix::io::ioctl_fionread(socket).is_ok_and(|bytes| bytes > 0)
}

/// Ends a connection whatever other processes hold its socket: one that the application forked has
/// a copy of each, and a mere close here would leave the peer waiting for that process. What was received
/// and not read resets it, as a close does: a peer that waits until it may send more would learn of nothing.
pub(crate) fn end(socket: impl AsFd) {
    // It fails where the peer has ended the connection before.
    let _ = rustix::net::shutdown(&socket, Shutdown::Both);
    if has_unread(&socket) {
        let _ = rustix::net::connect_unspec(&socket);
    }
}

/// Makes the kernel send a reset instead of an orderly end, whatever other processes hold the socket: this
/// ends the connection, and not the descriptor alone.
pub(crate) fn break_on_close(socket: impl AsFd) {
    let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
    if rustix::net::connect_unspec(&socket).is_err() {
        // A UNIX socket knows no reset; its peer sees at least that the connection has ended.
        end(socket);
    }
}

/// A listening socket as the drivers need it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub socket: OwnedFd,
    /// Clients of a UNIX socket have no address worth asking for.
    pub local: bool,
    /// Whether nobody is to connect any more, to whatever process.
    refuses: Cell<bool>,
}

impl Listener {
    /// Makes the socket non-blocking, so that a client that vanished cannot hold up its driver. For
    /// TCP it also turns off Nagle's algorithm and looks after silent peers, both of which accepted
    /// sockets inherit: that saves system calls for each of them.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&socket, true)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        let local = rustix::net::getsockname(&socket)?.address_family() == AddressFamily::UNIX;
        if !local {
            rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
            probe_silent_peers(&socket)?;
        }
        Ok(Self { socket, local, refuses: Cell::new(false) })
    }

    /// Between the last accept and the close somebody may connect, send a request and be reset. Whoever is
    /// ignored instead tries once more a second later, and is refused before anything is sent. Clients of a
    /// UNIX socket are kept away by the end of its file.
    pub fn refuse_clients(&self) {
        self.refuses.set(true);
        if !self.local {
            // Without it a request may be lost, as with any server.
            let _ = ignore_clients(&self.socket);
        }
    }
}

impl Drop for Listener {
    /// Where nobody is to connect any more, the end of this descriptor is the end of the socket: a process
    /// that hangs, or that the application has forked, may hold copies.
    fn drop(&mut self) {
        if self.refuses.get() {
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        }
    }
}

/// Has the kernel ask a peer that is silent whether it is still there. Where nothing is to be sent and
/// none of our deadlines runs, as in a conversation that rests, nothing else would show that its host
/// or the way to it is gone.
fn probe_silent_peers(socket: &OwnedFd) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_tcp_keepidle(socket, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, PROBE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    sockopt::set_socket_keepalive(socket, true)?;
    Ok(())
}

/// Of a TCP header: the flags, and that which asks for a connection.
const FLAGS_AT: u32 = 13;
const SYN: u32 = 2;

/// Makes the kernel ignore whoever wants to connect, and take what belongs to a connection that is being made.
fn ignore_clients(socket: &OwnedFd) -> io::Result<()> {
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS_AT),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, SYN),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the kernel copies the program and its steps, which outlive the call.
    let failure = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        )
    };
    match failure {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the next connection out of the backlog.
fn accept(listener: &Listener) -> rustix::io::Result<(OwnedFd, Peer)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (socket, address) = rustix::net::acceptfrom_with(&listener.socket, flags)?;
    Ok((socket, peer(address)))
}

/// What a listening socket has to say without being accepted from.
fn look_at(listener: &Listener) -> PollFlags {
    let mut wanted = [PollFd::new(&listener.socket, PollFlags::IN)];
    match poll(&mut wanted, Some(&Timespec::default())) {
        Ok(_) => wanted[0].revents(),
        Err(_) => PollFlags::empty(),
    }
}

/// What has become of those who wait to be accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Backlog {
    /// There are no more now, or as many were taken as were wanted.
    Taken,
    /// None can be accepted now, which was reported.
    Blocked,
    /// Nobody can ever connect again: another process has ended the socket.
    Shut,
}

/// Takes all that the kernel has completed out of the backlog, before the listener is closed: whoever is
/// left in it when nobody holds it any more is reset, with a request that may have been sent.
pub(crate) fn accept_all<S: Sink>(listener: &Listener, number: usize, sink: &mut S) -> Backlog {
    accept_some(listener, number, usize::MAX, sink)
}

/// Takes up to `most` connections out of the backlog.
pub(crate) fn accept_some<S: Sink>(
    listener: &Listener,
    number: usize,
    most: usize,
    sink: &mut S,
) -> Backlog {
    for _ in 0..most {
        match accept(listener) {
            Ok((socket, peer)) => {
                sink.complete(Completion::Accepted { listener: number, socket, peer });
            }
            Err(Errno::AGAIN) => return Backlog::Taken,
            Err(error) if tells_of_end(error) => return Backlog::Shut,
            Err(error) if concerns_one_connection(error) => {}
            // It is looked for a descriptor first, and for a connection then.
            Err(error) => {
                let state = look_at(listener);
                if state.contains(PollFlags::HUP) {
                    return Backlog::Shut;
                }
                if !state.contains(PollFlags::IN) {
                    return Backlog::Taken;
                }
                let error = error.into();
                sink.complete(Completion::AcceptFailed { listener: number, error });
                return Backlog::Blocked;
            }
        }
    }
    Backlog::Taken
}

/// Whether a failure to accept means that the socket does not listen any more.
pub(crate) fn tells_of_end(error: Errno) -> bool {
    error == Errno::INVAL
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;

    #[test]
    fn only_internet_sockets_have_an_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(local_address(&listener).unwrap(), Some(listener.local_addr().unwrap()));
        let (local, _) = UnixStream::pair().unwrap();
        assert_eq!(local_address(&local).unwrap(), None);
        assert!(local_address(std::fs::File::open("/dev/null").unwrap()).is_err());
    }

    #[test]
    fn accepted_sockets_notice_that_a_silent_peer_is_gone() {
        use rustix::net::sockopt;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Listener::adopt(listener.try_clone().unwrap().into()).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!sockopt::socket_keepalive(&client).unwrap());
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&accepted).unwrap(), PROBE_AFTER);
        assert_eq!(sockopt::tcp_keepintvl(&accepted).unwrap(), PROBE_INTERVAL);
        assert_eq!(sockopt::tcp_keepcnt(&accepted).unwrap(), PROBES);
    }

    #[test]
    fn a_thread_blocks_all_signals_but_its_own_faults() {
        let status = std::thread::spawn(|| {
            block_signals().unwrap();
            std::fs::read_to_string("/proc/thread-self/status").unwrap()
        });
        let status = status.join().unwrap();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let blocked = u64::from_str_radix(blocked.trim(), 16).unwrap();
        let is_blocked = |signal: i32| blocked & 1 << (signal - 1) != 0;
        assert!(is_blocked(libc::SIGPIPE) && is_blocked(libc::SIGTERM));
        assert!(!is_blocked(libc::SIGSEGV) && !is_blocked(libc::SIGABRT));
    }
}
