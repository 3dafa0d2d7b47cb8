//! Leaving and retaking the interpreter's lock, and knowing that a process was forked.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use hyperion_engine::Waker;
use magnus::Error;
use magnus::rb_sys::protect;
use rb_sys::{
    Qnil, RB_NOGVL_INTR_FAIL, RB_NOGVL_UBF_ASYNC_SAFE, VALUE, rb_nogvl, rb_thread_schedule,
};

/// Runs `work` without the interpreter's lock. `unblock` runs in another thread and must make `work`
/// return soon; Ruby calls it when the thread is interrupted. `None` means that an interrupt was
/// pending, so that `work` was not begun: check for interrupts and come again.
///
/// No interrupt is checked when `work` has ended, so nothing is lost by a jump. A panic in `work` goes
/// on in the caller.
pub fn without_gvl<R>(work: impl FnOnce() -> R, unblock: impl Fn()) -> Option<R> {
    unsafe extern "C" fn interrupt<U: Fn()>(unblock: *mut c_void) {
        // SAFETY: the pointer made below; `U` is only called by shared reference.
        let unblock = unsafe { &*unblock.cast::<U>() };
        // A panic here would cross Ruby's frames, and there is nobody to tell.
        let _ = catch_unwind(AssertUnwindSafe(unblock));
    }
    fn interrupt_of<U: Fn()>(_: &U) -> Interrupt {
        interrupt::<U>
    }
    let data = std::ptr::from_ref(&unblock).cast_mut().cast();
    // SAFETY: `interrupt` gets the pointer that its type parameter promises, to a value that lives on this frame until
    // Ruby has forgotten it.
    unsafe { enter_region(work, interrupt_of(&unblock), data, 0) }
}

/// The same for a wait that a waker ends, also where this is the only thread of Ruby: Ruby calls the waker in a handler
/// of a signal then, where it would otherwise make a thread for it, whose end runs what the signal is to raise.
pub fn wait_without_gvl<R>(wait: impl FnOnce() -> R, waker: &Waker) -> Option<R> {
    unsafe extern "C" fn wake(waker: *mut c_void) {
        // SAFETY: the pointer made below. Waking is one write, which a handler of a signal may do.
        unsafe { &*waker.cast::<Waker>() }.wake();
    }
    let data = std::ptr::from_ref(waker).cast_mut().cast();
    // SAFETY: `wake` gets a pointer to a waker that the caller keeps until this returns.
    unsafe { enter_region(wait, wake, data, RB_NOGVL_UBF_ASYNC_SAFE) }
}

/// Runs a call of the kernel's that may take for ever without the interpreter's lock. Where the thread is interrupted,
/// a signal ends the call.
///
/// # Errors
/// Those of the call; EINTR where it was interrupted, or not begun.
pub fn off_lock_until_signalled<R>(work: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    /// Ruby's RUBY_UBF_IO.
    const BY_SIGNAL: usize = usize::MAX;
    // SAFETY: Ruby knows this address, calls nothing there, and sends signals instead.
    let ran = unsafe {
        let by_signal = std::mem::transmute::<usize, Interrupt>(BY_SIGNAL);
        enter_region(work, by_signal, std::ptr::null_mut(), 0)
    };
    ran.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
}

/// Runs `work`, which does not take for ever, without the interpreter's lock; an interrupt that is pending
/// waits for it.
pub fn off_lock<R>(work: impl FnOnce() -> R) -> R {
    let mut work = Some(work);
    let mut run = || work.take().map(|work| work());
    match without_gvl(&mut run, || {}) {
        Some(outcome) => outcome,
        None => run(),
    }
    .expect("the work is done once")
}

/// Lets threads go on that wait for the interpreter's lock, each for one turn; returns at once where there
/// are none. Interrupts are checked.
///
/// # Errors
/// What an interrupt raises.
pub fn give_way() -> Result<(), Error> {
    protect(|| {
        // SAFETY: the thread holds the interpreter's lock, and a jump ends at `protect`.
        unsafe { rb_thread_schedule() };
        Qnil as VALUE
    })
    .map(drop)
}

struct Region<F, R> {
    work: Option<F>,
    outcome: Option<Result<R, Box<dyn Any + Send>>>,
}

type Interrupt = unsafe extern "C" fn(*mut c_void);

/// # Safety
/// The thread holds the interpreter's lock; `interrupt` may be called with `data` until this returns, on any thread,
/// and lets no panic out.
unsafe fn enter_region<F: FnOnce() -> R, R>(
    work: F,
    interrupt: Interrupt,
    data: *mut c_void,
    flags: u32,
) -> Option<R> {
    unsafe extern "C" fn enter<F: FnOnce() -> R, R>(region: *mut c_void) -> *mut c_void {
        // SAFETY: the pointer made below, used by nobody else while this runs.
        let region = unsafe { &mut *region.cast::<Region<F, R>>() };
        if let Some(work) = region.work.take() {
            region.outcome = Some(catch_unwind(AssertUnwindSafe(work)));
        }
        std::ptr::null_mut()
    }
    let mut region = Region { work: Some(work), outcome: None };
    // SAFETY: `enter` gets the pointer that its type parameters promise, to a value that lives on this frame until
    // `rb_nogvl` has returned, when Ruby has forgotten it. It lets no panic cross its C caller and does not touch
    // Ruby. The flag is that of Ruby's header; with it Ruby does not jump out of the call.
    unsafe {
        rb_nogvl(
            Some(enter::<F, R>),
            (&raw mut region).cast(),
            Some(interrupt),
            data,
            (RB_NOGVL_INTR_FAIL | flags) as c_int,
        );
    }
    match region.outcome? {
        Ok(result) => Some(result),
        Err(panic) => resume_unwind(panic),
    }
}

/// How many forks lie between this process and the one that loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process in which something was made, and that owns it. In a child of it, sockets, locks and threads are the
/// parent's, and must not be touched, not even to be released.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OwningProcess(u32);

impl OwningProcess {
    /// This process.
    pub fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether this is that process, and not a child of it.
    pub fn is_current(self) -> bool {
        self == Self::current()
    }
}

/// The forks that lay before the process that serves.
static SERVING: AtomicU32 = AtomicU32::new(0);

/// This is the process that serves from now on.
pub fn serve_here() {
    SERVING.store(FORKS.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Whether this is a child of the process that serves: whatever the application has called in it and let
/// return must not go on as if it were the server.
pub fn is_child_of_server() -> bool {
    SERVING.load(Ordering::Relaxed) != FORKS.load(Ordering::Relaxed)
}

unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<extern "C" fn()>,
        parent: Option<extern "C" fn()>,
        child: Option<extern "C" fn()>,
    ) -> c_int;
}

/// Begins to count forks; once per load of the library.
pub fn watch_forks() {
    extern "C" fn count() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only changes an atomic, which is allowed in the child of a fork.
    unsafe { pthread_atfork(None, None, Some(count)) };
}
