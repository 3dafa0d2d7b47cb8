//! A socket for an application that takes over a TLS connection (`rack.hijack`): one end of a pair. What is
//! written to it leaves encrypted, and what the client sends can be read from it. One thread carries the
//! bytes of all of them, begins with the first and ends with the engine.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use hyperion_io::{WakeCounter, Waker};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};

const EVENTS: usize = 64;
const READ_BYTES: usize = 64 * 1024;

/// Names the counter that ends the thread's wait.
const WAKE: u64 = u64::MAX;

/// The client's end of a connection that was taken over.
pub(crate) trait Client: Send + Sync {
    /// Whether it takes more at present.
    fn has_room(&self) -> bool;
    /// False where nobody takes it any more.
    fn write(&self, bytes: Bytes) -> bool;
    /// The application writes no more.
    fn finish(&self);
    /// The application is gone.
    fn abort(&self);
    /// What it has sent and nobody has taken yet.
    fn take_input(&self) -> Option<Bytes>;
    fn input_ended(&self) -> bool;
    fn is_gone(&self) -> bool;
    /// Wakes somebody whenever any of this changes.
    fn notify(&self, waker: Waker);
}

/// All bridges of an engine.
#[derive(Debug, Default)]
pub(crate) struct Bridges(Mutex<Option<Arc<Carrier>>>);

impl Bridges {
    /// Makes the socket for an application that takes over the connection of `client`.
    ///
    /// # Errors
    /// When there are no descriptors or threads left.
    pub fn add(&self, client: Box<dyn Client>) -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        self.carrier()?.add(client, ours)?;
        Ok(theirs)
    }

    fn carrier(&self) -> io::Result<Arc<Carrier>> {
        let mut carrier = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let carrier = match &mut *carrier {
            Some(carrier) => carrier,
            none => none.insert(Carrier::start()?),
        };
        Ok(carrier.clone())
    }
}

impl Drop for Bridges {
    fn drop(&mut self) {
        let carrier = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(carrier) = carrier {
            carrier.lock().closed = true;
            carrier.waker.wake();
        }
    }
}

/// What the thread shares with those who bring it work.
struct Carrier {
    epoll: OwnedFd,
    waker: Waker,
    news: Mutex<News>,
}

#[derive(Default)]
struct News {
    last: u64,
    begun: Vec<(u64, Bridge)>,
    /// Something has happened on the client's side of these.
    ready: Vec<u64>,
    closed: bool,
}

impl Carrier {
    fn start() -> io::Result<Arc<Self>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let counter = WakeCounter::new()?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, counter.descriptor(), epoll::EventData::new_u64(WAKE), edge)?;
        let carrier = Arc::new(Self { epoll, waker: counter.waker(), news: Mutex::default() });
        let its = carrier.clone();
        std::thread::Builder::new().name("hyperion-bridge".to_owned()).spawn(move || its.run())?;
        Ok(carrier)
    }

    fn add(self: &Arc<Self>, client: Box<dyn Client>, socket: OwnedFd) -> io::Result<()> {
        let mut news = self.lock();
        news.last += 1;
        let id = news.last;
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(id), flags)?;
        let carrier = self.clone();
        client.notify(Waker::new(Arc::new(move || carrier.ready(id))));
        news.begun.push((id, Bridge { client, socket, unwritten: Bytes::new(), told_end: false }));
        news.ready.push(id);
        drop(news);
        self.waker.wake();
        Ok(())
    }

    fn ready(&self, id: u64) {
        self.lock().ready.push(id);
        self.waker.wake();
    }

    fn run(&self) {
        let mut bridges = HashMap::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut events = [MaybeUninit::uninit(); EVENTS];
        loop {
            let happened: Vec<u64> = match epoll::wait(&self.epoll, &mut events[..], None) {
                Ok((events, _)) => events.iter().map(|event| event.data.u64()).collect(),
                Err(_) => Vec::new(),
            };
            let News { begun, ready, closed, .. } = self.take_news();
            bridges.extend(begun);
            if closed {
                return;
            }
            for id in happened.into_iter().chain(ready).filter(|&id| id != WAKE) {
                let Some(bridge) = bridges.get_mut(&id) else { continue };
                let carried = catch_unwind(AssertUnwindSafe(|| bridge.carry(&mut buffer)));
                if !carried.unwrap_or(false)
                    && let Some(bridge) = bridges.remove(&id)
                {
                    // A forked child may hold the socket as well.
                    let _ = epoll::delete(&self.epoll, &bridge.socket);
                    let _ = shutdown(&bridge.socket, Shutdown::Both);
                }
            }
        }
    }

    fn take_news(&self) -> News {
        let mut news = self.lock();
        let (last, closed) = (news.last, news.closed);
        News {
            last,
            closed,
            ..std::mem::replace(&mut *news, News { last, closed, ..News::default() })
        }
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Carrier")
    }
}

/// One client and one application.
struct Bridge {
    client: Box<dyn Client>,
    socket: OwnedFd,
    /// Of the client, for the application.
    unwritten: Bytes,
    /// The application knows that the client sends no more.
    told_end: bool,
}

impl Bridge {
    /// Carries what there is in both directions. False when it is over.
    fn carry(&mut self, buffer: &mut [u8]) -> bool {
        self.carry_to_client(buffer) && self.carry_to_application() && !self.client.is_gone()
    }

    fn carry_to_client(&self, buffer: &mut [u8]) -> bool {
        // Like a socket of its own: an application that writes faster than its client reads waits.
        while self.client.has_room() {
            match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => {
                    self.client.finish();
                    return false;
                }
                Ok((length, _)) => {
                    if !self.client.write(Bytes::copy_from_slice(&buffer[..length])) {
                        return false;
                    }
                }
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.client.abort();
                    return false;
                }
            }
        }
        true
    }

    fn carry_to_application(&mut self) -> bool {
        let has_ended = self.client.input_ended();
        loop {
            if self.unwritten.is_empty() {
                let Some(bytes) = self.client.take_input() else { break };
                self.unwritten = bytes;
            }
            match send(&self.socket, &self.unwritten, SendFlags::NOSIGNAL) {
                Ok(length) => self.unwritten.advance(length),
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => {}
                // It reads no more; what it has written before is on its way.
                Err(_) => {
                    self.client.finish();
                    return false;
                }
            }
        }
        if has_ended && !self.told_end {
            self.told_end = true;
            let _ = shutdown(&self.socket, Shutdown::Write);
        }
        true
    }
}
