//! What reactor and executor share about one exchange. The session makes a [`Flow`] with each job; the reactor
//! updates it, and the executor waits at it, by its [`ReplyHandle`](super::reply::ReplyHandle). Three flags tell how
//! it ends; none is ever taken back. The reactor sets two of them, the end of the job the third, in any order:
//!
//! ```text
//!   Open ── the response has left, or a hijack is refused ──▶ Abandoned: every wait ends, nothing more comes
//!     │                                                           │
//!     └──── the client is gone, or the response broken off ─────▶ Abandoned and cut: not all of it has left
//!
//!   In flight ── the job is dropped, done or not ─────────────▶ Released: it occupies no executor any more
//! ```
//!
//! `cut` is set before `abandoned`, so that whoever is woken sees both. A waiter looks at the state once more
//! before it believes that nothing comes: what has arrived before the end is still read.

use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hyperion_io::Waker;

use crate::dispatch::body::Body;
use crate::log::Extras;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What reactor and executor share about one exchange: credit for the response, input that the
/// executor waits for, and whether the peer is still there.
#[derive(Debug)]
pub(crate) struct Flow {
    abandoned: AtomicBool,
    /// The response has not left, or not all of it.
    cut: AtomicBool,
    /// Nobody works on it any more.
    released: AtomicBool,
    /// Microseconds between arrival and dispatch; `u64::MAX` before dispatch.
    queued_us: AtomicU64,
    /// What the application adds to the access line.
    extras: OnceLock<Box<Extras>>,
    state: Mutex<FlowState>,
    changed: Condvar,
}

/// A connection given up to the application.
#[derive(Debug)]
pub enum Hijacked {
    /// The socket itself.
    Socket {
        /// Connected and non-blocking.
        socket: OwnedFd,
        /// Bytes already received and not part of the request.
        unread: Bytes,
    },
    /// TLS is still spoken here: [`bridge`](crate::bridge()) makes a socket.
    Tunnel,
}

#[derive(Debug)]
pub(crate) struct FlowState {
    /// Response bytes the producer may still hand over; negative while more is buffered.
    pub credit: i64,
    /// Received and not yet read, of a tunnel or of a body that is read while it arrives; joined, so
    /// that small pieces cost no more than large ones.
    pub input: BytesMut,
    /// The peer sends no more of it.
    pub input_ended: bool,
    /// The application has taken the connection: nothing more comes of the request.
    pub taken_over: bool,
    /// A request body that was asked for and is now complete.
    pub body: Option<Body>,
    /// The connection given up by a full hijack.
    pub hijacked: Option<Hijacked>,
    /// Who is told of changes besides.
    waker: Option<Waker>,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// What was waited for is there.
    Ready,
    /// The peer left or the connection failed; nothing more will come.
    Abandoned,
    /// The time was over.
    TimedOut,
    /// [`Interrupt::raise`] was called.
    Interrupted,
}

/// Ends a wait from another thread, for the unblock function of a blocking region. It stays raised,
/// so an interrupt that arrives before the wait begins is not lost.
#[derive(Clone, Debug)]
pub struct Interrupt {
    flow: Arc<Flow>,
    raised: Arc<AtomicBool>,
}

impl Interrupt {
    pub(crate) fn new(flow: Arc<Flow>) -> Self {
        Self { flow, raised: Arc::new(AtomicBool::new(false)) }
    }

    /// Makes the waits that were given this interrupt return [`Wait::Interrupted`].
    pub fn raise(&self) {
        self.raised.store(true, Ordering::SeqCst);
        let _state = self.flow.lock();
        self.flow.changed.notify_all();
    }

    fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }
}

/// Held by a job for as long as it waits for an executor or occupies one.
#[derive(Debug)]
pub struct InFlightGuard(Arc<Flow>);

impl InFlightGuard {
    pub(crate) fn new(flow: Arc<Flow>) -> Self {
        Self(flow)
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.released.store(true, Ordering::Release);
    }
}

impl Flow {
    pub fn new(credit: u64) -> Arc<Self> {
        Arc::new(Self {
            abandoned: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            released: AtomicBool::new(false),
            queued_us: AtomicU64::new(u64::MAX),
            extras: OnceLock::new(),
            state: Mutex::new(FlowState {
                credit: credit as i64,
                input: BytesMut::new(),
                input_ended: false,
                taken_over: false,
                body: None,
                hijacked: None,
                waker: None,
            }),
            changed: Condvar::new(),
        })
    }

    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Nothing comes any more: every waiter returns.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.update(|_| {});
    }

    /// The same, and the response is cut.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.abandon();
    }

    /// Whether the response was cut.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Whether the job that belongs to it is over.
    pub fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    pub fn record_dispatch(&self, queued: Duration) {
        self.queued_us.store(queued.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn queued(&self) -> Option<Duration> {
        match self.queued_us.load(Ordering::Relaxed) {
            u64::MAX => None,
            microseconds => Some(Duration::from_micros(microseconds)),
        }
    }

    /// The first ones count.
    pub fn record_extras(&self, extras: Extras) {
        let _ = self.extras.set(Box::new(extras));
    }

    pub fn extras(&self) -> Option<&Extras> {
        self.extras.get().map(|extras| &**extras)
    }

    pub fn lock(&self) -> MutexGuard<'_, FlowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whoever waits for it.
    pub fn update(&self, change: impl FnOnce(&mut FlowState)) {
        let mut state = self.lock();
        change(&mut state);
        let waker = state.waker.clone();
        drop(state);
        self.changed.notify_all();
        waker.into_iter().for_each(|waker| waker.wake());
    }

    /// Wakes somebody who does not [`wait`](Self::wait) whenever a wait could end, in the place of the former one.
    pub fn notify(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    /// Waits until `ready` holds, the peer left, `interrupt` is raised or `timeout` is over.
    pub fn wait(
        &self,
        interrupt: &Interrupt,
        timeout: Option<Duration>,
        ready: impl Fn(&FlowState) -> bool,
    ) -> Wait {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.lock();
        loop {
            if ready(&state) {
                return Wait::Ready;
            }
            if self.is_abandoned() {
                return Wait::Abandoned;
            }
            if interrupt.is_raised() {
                return Wait::Interrupted;
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                        return Wait::TimedOut;
                    };
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
