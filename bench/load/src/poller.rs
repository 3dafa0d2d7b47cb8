//! Waiting for sockets and for a point in time, both by one epoll.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// Marks the events of the timer.
const TIMER: u64 = u64::MAX;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A set of sockets, each with an index, and a timer. The timeout of epoll itself is late by up to a
/// millisecond, and so would every request be.
pub struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// When the timer goes off.
    armed: Option<Duration>,
    events: Vec<epoll::Event>,
}

/// What a socket is ready for. One that has failed is ready for both.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    pub index: usize,
    pub input: bool,
    pub output: bool,
}

impl Poller {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), epoll::EventFlags::IN)?;
        Ok(Self { epoll, timer, armed: None, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Tells of the input of this socket until it is closed.
    pub fn add(&self, socket: impl AsFd, index: usize) -> io::Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN)?)
    }

    /// Tells of the output of this socket as well, or no longer.
    pub fn watch_output(&self, socket: impl AsFd, index: usize, on: bool) -> io::Result<()> {
        let mut flags = epoll::EventFlags::IN;
        flags.set(epoll::EventFlags::OUT, on);
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.epoll, socket, data, flags)?)
    }

    /// Returns when a socket is ready or the time has come, and says how many events there are.
    pub fn wait(&mut self, now: Duration, until: Duration) -> io::Result<usize> {
        let timeout = if until > now { None } else { Some(&AT_ONCE) };
        if timeout.is_none() && self.armed != Some(until) {
            self.arm(until - now)?;
            self.armed = Some(until);
        }
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout) {
            Ok(count) => Ok(count),
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// What one of the events is about, unless it is the time.
    pub fn ready(&mut self, event: usize) -> Option<Ready> {
        let (flags, index) = (self.events[event].flags, self.events[event].data.u64());
        if index == TIMER {
            self.armed = None;
            return None;
        }
        let failed = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
        let ready = |flag| failed || flags.contains(flag);
        Some(Ready {
            index: usize::try_from(index).expect("it was one"),
            input: ready(epoll::EventFlags::IN),
            output: ready(epoll::EventFlags::OUT),
        })
    }

    fn arm(&self, after: Duration) -> io::Result<()> {
        let it_value = Timespec::try_from(after).map_err(io::Error::other)?;
        let value = Itimerspec { it_interval: AT_ONCE, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }
}
