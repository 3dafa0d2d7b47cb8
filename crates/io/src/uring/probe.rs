//! Whether this kernel can do what the driver asks of it. Versions and tables of operations do not
//! tell: sandboxes forbid single operations, and old kernels know them with fewer flags. So a tiny
//! ring serves one connection, by way of everything that a real one would meet.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use hyperion_buf::{FileRange, SendQueue};
use rustix::fs::MemfdFlags;

use super::{RingSizes, UringDriver};
use crate::driver::{Completion, Driver, Key, Sink};

/// How long one step may take on a machine that is very busy.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

const KEY: Key = Key { index: 0, generation: 0 };
const SIZES: RingSizes =
    RingSizes { submissions: 8, completions: 16, buffers: 2, buffer_bytes: 64 };

/// # Errors
/// When a step does not work; the text names it.
pub(super) fn probe() -> io::Result<()> {
    let mut driver = UringDriver::with_sizes(SIZES)?;
    let mut seen = Seen::default();
    let mut peer = accept(&mut driver, &mut seen)?;
    receive(&mut driver, &mut seen, &mut peer)?;
    send(&mut driver, &mut seen, &mut peer)?;
    wake(&mut driver, &mut seen)?;
    detach(&mut driver, &mut seen)
}

/// What the driver has reported.
#[derive(Default)]
struct Seen {
    accepted: Option<OwnedFd>,
    received: Vec<u8>,
    sent: u64,
    woken: bool,
    detached: bool,
    failure: Option<io::Error>,
}

impl Sink for Seen {
    fn complete(&mut self, completion: Completion<'_>) {
        match completion {
            Completion::Accepted { socket, .. } => self.accepted = Some(socket),
            Completion::Received { bytes, .. } => self.received.extend_from_slice(bytes),
            Completion::Sent { bytes, .. } => self.sent += bytes,
            Completion::Woken => self.woken = true,
            Completion::Detached { .. } => self.detached = true,
            Completion::AcceptFailed { error, .. } | Completion::Failed { error, .. } => {
                self.failure = Some(error);
            }
            Completion::ReceivedEof { .. } => {}
        }
    }

    fn has_work(&self) -> bool {
        false
    }
}

fn accept(driver: &mut UringDriver, seen: &mut Seen) -> io::Result<UnixStream> {
    let name = format!("hyperion-probe-{:016x}", RandomState::new().hash_one(std::process::id()));
    let address = SocketAddr::from_abstract_name(name)?;
    driver.listen(UnixListener::bind_addr(&address)?.into())?;
    expect(driver, seen, "waiting with a timeout", |_| true)?;
    let peer = UnixStream::connect_addr(&address)?;
    peer.set_read_timeout(Some(PROBE_TIMEOUT))?;
    expect(driver, seen, "multishot accept", |seen| seen.accepted.is_some())?;
    driver.close_listeners();
    Ok(peer)
}

/// The first bytes arrive after the operation has begun, so that it must wait for them.
fn receive(driver: &mut UringDriver, seen: &mut Seen, peer: &mut UnixStream) -> io::Result<()> {
    if let Some(socket) = seen.accepted.take() {
        driver.attach(KEY, socket)?;
    }
    driver.wait(Some(Duration::ZERO), seen)?;
    for step in ["multishot receive", "multishot receive, the second time"] {
        seen.received.clear();
        peer.write_all(b"hello")?;
        expect(driver, seen, step, |seen| seen.received == b"hello")?;
    }
    driver.pause_receive(KEY);
    driver.resume_receive(KEY);
    seen.received.clear();
    peer.write_all(b"again")?;
    expect(driver, seen, "cancelling a receive", |seen| seen.received == b"again")
}

fn send(driver: &mut UringDriver, seen: &mut Seen, peer: &mut UnixStream) -> io::Result<()> {
    let mut file = File::from(rustix::fs::memfd_create("probe", MemfdFlags::CLOEXEC)?);
    file.write_all(b"file")?;
    let file = Arc::new(file.into());
    let mut first = SendQueue::new();
    first.extend(b"one ");
    let mut second = SendQueue::new();
    second.extend(b"two ");
    first.append(&mut second);
    first.push_file(FileRange { file, offset: 0, length: 4 });
    first.append_with(|tail| tail.extend_from_slice(b" end"));
    let length = first.len();
    driver.send(KEY, &mut first);
    expect(driver, seen, "sending", |seen| seen.sent == length)?;
    let mut bytes = [0; 16];
    peer.read_exact(&mut bytes)?;
    match &bytes {
        b"one two file end" => Ok(()),
        _ => Err(io::Error::other("io_uring: sending changed what was sent")),
    }
}

fn wake(driver: &mut UringDriver, seen: &mut Seen) -> io::Result<()> {
    let waker = driver.waker();
    for step in ["multishot poll", "multishot poll, the second time"] {
        seen.woken = false;
        waker.wake();
        expect(driver, seen, step, |seen| seen.woken)?;
    }
    Ok(())
}

fn detach(driver: &mut UringDriver, seen: &mut Seen) -> io::Result<()> {
    driver.detach(KEY);
    expect(driver, seen, "cancelling", |seen| seen.detached)
}

/// Turns the driver until `done`. One turn is made in any case.
fn expect(
    driver: &mut UringDriver,
    seen: &mut Seen,
    step: &str,
    done: impl Fn(&Seen) -> bool,
) -> io::Result<()> {
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("io_uring: {step} does not work here: {error}"))
    };
    let deadline = std::time::Instant::now() + PROBE_TIMEOUT;
    driver.wait(Some(Duration::from_micros(1)), seen).map_err(explain)?;
    while !done(seen) {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if let Some(error) = seen.failure.take() {
            return Err(explain(error));
        }
        if left.is_zero() {
            return Err(explain(io::ErrorKind::TimedOut.into()));
        }
        driver.wait(Some(left), seen).map_err(explain)?;
    }
    Ok(())
}
