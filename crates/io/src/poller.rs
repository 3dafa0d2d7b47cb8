//! Readiness of descriptors that somebody else owns and may close at any time.
//!
//! Each wait is for one time: what was reported is watched no more. Several may wait for one descriptor, each for
//! its own events.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::ops::BitOr;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::waker::{WakeCounter, Waker};

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// The longest sleep, so that any timeout can be expressed to the kernel.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Marks the events of the waker; no descriptor has this number.
const WAKER: u64 = u64::MAX;

/// What is waited for, or has come; in the bits of Ruby's `IO::READABLE`, `IO::PRIORITY` and `IO::WRITABLE`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Events(pub u32);

impl Events {
    /// There is something to read, or the end.
    pub const READABLE: Self = Self(1);
    /// There is urgent data.
    pub const PRIORITY: Self = Self(2);
    /// There is room to write.
    pub const WRITABLE: Self = Self(4);

    const ALL: [(Self, epoll::EventFlags); 3] = [
        (Self::READABLE, epoll::EventFlags::IN),
        (Self::PRIORITY, epoll::EventFlags::PRI),
        (Self::WRITABLE, epoll::EventFlags::OUT),
    ];

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn flags(self) -> epoll::EventFlags {
        let asked = Self::ALL.into_iter().filter(|(event, _)| !self.common(*event).is_empty());
        asked.fold(epoll::EventFlags::ONESHOT, |flags, (_, flag)| flags | flag)
    }

    /// A failure or a hang-up concerns whoever waits for anything.
    fn reported(flags: epoll::EventFlags) -> Self {
        if flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP) {
            return Self::READABLE | Self::PRIORITY | Self::WRITABLE;
        }
        let come = Self::ALL.into_iter().filter(|(_, flag)| flags.contains(*flag));
        come.fold(Self(0), |events, (event, _)| events | event)
    }
}

impl BitOr for Events {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Who waits for a descriptor, and for what.
type Waiting = Vec<(u64, Events)>;

/// A set of waits, which one thread takes care of.
pub struct Poller {
    epoll: OwnedFd,
    counter: WakeCounter,
    waiting: HashMap<RawFd, Waiting>,
    buffer: Box<[MaybeUninit<epoll::Event>]>,
}

// SAFETY: all that keeps the compiler from seeing it is the pointer in the union of the kernel's events, which are
// only ever written and read as numbers.
unsafe impl Send for Poller {}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let counter = WakeCounter::new()?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, counter.descriptor(), epoll::EventData::new_u64(WAKER), flags)?;
        let buffer = vec![MaybeUninit::uninit(); EVENTS_MAX].into();
        Ok(Self { epoll, counter, waiting: HashMap::new(), buffer })
    }

    /// Ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        self.counter.waker()
    }

    /// Waits for events of a descriptor on behalf of `token`, once.
    ///
    /// # Errors
    /// Those of epoll_ctl(2): EPERM for what is always ready, such as a file; EBADF for what is not open.
    pub fn watch(&mut self, descriptor: RawFd, token: u64, events: Events) -> io::Result<()> {
        if descriptor < 0 {
            return Err(Errno::BADF.into());
        }
        self.waiting.entry(descriptor).or_default().push((token, events));
        let watched = self.register(descriptor);
        if watched.is_err() {
            self.forget(descriptor, token);
        }
        watched
    }

    /// Ends a wait that was not reported.
    pub fn forget(&mut self, descriptor: RawFd, token: u64) {
        let Some(waiting) = self.waiting.get_mut(&descriptor) else { return };
        waiting.retain(|(who, _)| *who != token);
        let is_last = waiting.is_empty();
        // What cannot be watched any more is closed.
        let _ = match is_last {
            true => self.unregister(descriptor),
            false => self.register(descriptor),
        };
    }

    /// Everybody who waits for a descriptor that is being closed.
    pub fn close(&mut self, descriptor: RawFd) -> Vec<u64> {
        let waiting = self.waiting.get(&descriptor).cloned().unwrap_or_default();
        let _ = self.unregister(descriptor);
        waiting.into_iter().map(|(token, _)| token).collect()
    }

    /// Waits until something comes, somebody wakes this or the time is over; adds what has come to `ready`.
    ///
    /// # Errors
    /// When the kernel fails as a whole.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<(u64, Events)>,
    ) -> io::Result<()> {
        let timeout = timeout.map(|timeout| {
            let timeout = timeout.min(SLEEP_MAX);
            Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() }
        });
        let mut buffer = std::mem::take(&mut self.buffer);
        let waited = epoll::wait(&self.epoll, &mut *buffer, timeout.as_ref());
        let failure = match waited {
            Ok((events, _)) => {
                for event in events.iter().filter(|event| event.data.u64() != WAKER) {
                    let come = Events::reported(event.flags);
                    self.report(event.data.u64() as RawFd, come, ready);
                }
                None
            }
            Err(Errno::INTR) => None,
            Err(error) => Some(error),
        };
        self.buffer = buffer;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    fn report(&mut self, descriptor: RawFd, come: Events, ready: &mut Vec<(u64, Events)>) {
        let Some(waiting) = self.waiting.get_mut(&descriptor) else { return };
        waiting.retain(|&(token, wanted)| {
            let got = wanted.common(come);
            if !got.is_empty() {
                ready.push((token, got));
            }
            got.is_empty()
        });
        if waiting.is_empty() {
            self.waiting.remove(&descriptor);
        } else {
            let _ = self.register(descriptor);
        }
    }

    /// Tells the kernel what all that wait for a descriptor wait for. Whether it knows the descriptor cannot be
    /// known here: whoever owns it may have closed it, and got the number again.
    fn register(&self, descriptor: RawFd) -> io::Result<()> {
        let waiting = self.waiting.get(&descriptor).map(Vec::as_slice).unwrap_or_default();
        let flags = waiting.iter().fold(Events(0), |all, (_, events)| all | *events).flags();
        let data = epoll::EventData::new_u64(descriptor as u64);
        // SAFETY: the descriptor is only passed to the kernel, which checks it, and not kept.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        match epoll::modify(&self.epoll, borrowed, data, flags) {
            Err(Errno::NOENT) => Ok(epoll::add(&self.epoll, borrowed, data, flags)?),
            modified => Ok(modified?),
        }
    }

    fn unregister(&mut self, descriptor: RawFd) -> io::Result<()> {
        self.waiting.remove(&descriptor);
        if descriptor < 0 {
            return Err(Errno::BADF.into());
        }
        // SAFETY: as above.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        Ok(epoll::delete(&self.epoll, borrowed)?)
    }
}
