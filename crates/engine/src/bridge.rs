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

/// Of a bridge that brings more and more, so many pieces are transferred each way before the others get their turn.
const PIECES_PER_TURN: usize = 16;

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

    /// Ends all of them, and the thread.
    pub fn close(&self) {
        let carrier = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(carrier) = carrier {
            carrier.lock().closed = true;
            carrier.waker.wake();
        }
    }
}

impl Drop for Bridges {
    fn drop(&mut self) {
        self.close();
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
        // Signals belong to Ruby's main thread.
        let _ = hyperion_io::block_signals();
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
                let transferred = catch_unwind(AssertUnwindSafe(|| bridge.transfer(&mut buffer)));
                match transferred.unwrap_or(Transferred::Ended) {
                    Transferred::All => {}
                    Transferred::Some => self.ready(id),
                    Transferred::Ended => {
                        let Some(bridge) = bridges.remove(&id) else { continue };
                        // A forked child may hold the socket as well.
                        let _ = epoll::delete(&self.epoll, &bridge.socket);
                        let _ = shutdown(&bridge.socket, Shutdown::Both);
                    }
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

/// What has become of a bridge.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Transferred {
    /// Something will happen when there is more.
    All,
    /// There may be more.
    Some,
    /// It is over.
    Ended,
}

impl Bridge {
    /// Carries what there is in both directions.
    fn transfer(&mut self, buffer: &mut [u8]) -> Transferred {
        let to_client = self.transfer_to_client(buffer);
        if to_client == Transferred::Ended {
            return Transferred::Ended;
        }
        let transferred = to_client.max(self.transfer_to_application());
        if self.client.is_gone() { Transferred::Ended } else { transferred }
    }

    fn transfer_to_client(&self, buffer: &mut [u8]) -> Transferred {
        for _ in 0..PIECES_PER_TURN {
            // Like a socket of its own: an application that writes faster than its client reads waits.
            if !self.client.has_room() {
                return Transferred::All;
            }
            match recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                // Where it has not read all that there was for it, its end looks like a reset.
                Ok((0, _)) | Err(Errno::CONNRESET) => {
                    self.client.finish();
                    return Transferred::Ended;
                }
                Ok((length, _)) => {
                    if !self.client.write(Bytes::copy_from_slice(&buffer[..length])) {
                        return Transferred::Ended;
                    }
                }
                Err(Errno::AGAIN) => return Transferred::All,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.client.abort();
                    return Transferred::Ended;
                }
            }
        }
        Transferred::Some
    }

    fn transfer_to_application(&mut self) -> Transferred {
        let has_ended = self.client.input_ended();
        for _ in 0..PIECES_PER_TURN {
            if self.unwritten.is_empty() {
                let Some(bytes) = self.client.take_input() else {
                    self.tell_end(has_ended);
                    return Transferred::All;
                };
                self.unwritten = bytes;
            }
            match send(&self.socket, &self.unwritten, SendFlags::NOSIGNAL) {
                Ok(length) => self.unwritten.advance(length),
                Err(Errno::AGAIN) => return Transferred::All,
                Err(Errno::INTR) => {}
                // It reads no more. It may go on writing, and what it has written is to be read to its end.
                Err(Errno::PIPE) => self.unwritten.clear(),
                Err(_) => {
                    self.client.abort();
                    return Transferred::Ended;
                }
            }
        }
        Transferred::Some
    }

    fn tell_end(&mut self, has_ended: bool) {
        if has_ended && !self.told_end {
            self.told_end = true;
            let _ = shutdown(&self.socket, Shutdown::Write);
        }
    }
}
