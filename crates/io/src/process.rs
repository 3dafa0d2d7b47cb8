//! The end of a process, whatever its threads do: requests to stop are noted in the signal's handler, before
//! whoever else handles it, and reach a thread that needs nothing of the rest of the process.

use std::io;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

/// Ends the process: nothing is flushed, no handler runs, no thread is waited for.
pub fn exit_at_once(status: i32) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { libc::_exit(status) }
}

/// Gives memory that was freed back to the system, which the allocator keeps otherwise. It takes a while.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator looks after its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Signals that ask a process to stop.
const STOPPING: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT];

/// The process that watches; a child of it has the same handlers, and tells nobody.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// Where the handler writes to.
static NOTES: AtomicI32 = AtomicI32::new(-1);
/// Who handled each of [`STOPPING`] before, and by which convention.
static FORMER: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
static FORMER_FLAGS: [AtomicI32; 3] = [const { AtomicI32::new(0) }; 3];

/// What a [`StopWatch`] has heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A signal of this number.
    Signal(i32),
    /// The program stops of its own accord.
    Announced,
    /// The watch is over.
    Ended,
    /// Nothing, in the time given.
    Nothing,
}

const ANNOUNCED: u8 = 0;
const ENDED: u8 = u8::MAX;

/// Hears of requests to stop. There is one in a process; a new one takes the place of the former.
#[derive(Debug)]
pub struct StopWatch {
    notes: OwnedFd,
}

impl StopWatch {
    /// A watch of this process. Signals are heard once [`watch_signals`] was called.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (notes, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        end_watch();
        // It stays open as long as the process: a handler may be about to write to it.
        NOTES.store(writer.into_raw_fd(), Ordering::SeqCst);
        OWNER.store(own_pid(), Ordering::SeqCst);
        Ok(Self { notes })
    }

    /// Waits for the next request.
    pub fn wait(&self, timeout: Duration) -> Heard {
        let mut notes = [PollFd::new(&self.notes, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).ok();
        let _ = poll(&mut notes, timeout.as_ref());
        let mut note = [0];
        match rustix::io::read(&self.notes, &mut note) {
            Ok(1) => match note[0] {
                ANNOUNCED => Heard::Announced,
                ENDED => Heard::Ended,
                signal => Heard::Signal(signal.into()),
            },
            Err(Errno::AGAIN | Errno::INTR) => Heard::Nothing,
            Ok(_) | Err(_) => Heard::Ended,
        }
    }
}

/// Hears of signals to stop from now on, where somebody handles them: who does is called as before. To be
/// called again when a handler was replaced.
pub fn watch_signals() {
    for (index, signal) in STOPPING.into_iter().enumerate() {
        // SAFETY: an all-zero action is a valid one.
        let mut former: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: the former action is written to a value that is ours.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut former) };
        let handler = former.sa_sigaction;
        if [libc::SIG_DFL, libc::SIG_IGN, note as *const () as usize].contains(&handler) {
            continue;
        }
        FORMER[index].store(handler, Ordering::SeqCst);
        FORMER_FLAGS[index].store(former.sa_flags, Ordering::SeqCst);
        former.sa_sigaction = note as *const () as usize;
        former.sa_flags |= libc::SA_SIGINFO;
        // SAFETY: `note` has the signature that SA_SIGINFO asks for, and calls what is allowed in a handler.
        unsafe { libc::sigaction(signal, &raw const former, std::ptr::null_mut()) };
    }
}

/// Tells the watch of this process that it stops of its own accord.
pub fn announce_stop() {
    write_note(ANNOUNCED);
}

/// Ends the watch of this process, if there is one.
pub fn end_watch() {
    write_note(ENDED);
    if is_own() {
        OWNER.store(0, Ordering::SeqCst);
    }
}

fn is_own() -> bool {
    OWNER.load(Ordering::SeqCst) == own_pid()
}

fn own_pid() -> i32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

fn write_note(note: u8) {
    if is_own() {
        // SAFETY: one byte of this frame is read; the descriptor is never closed.
        unsafe {
            libc::write(NOTES.load(Ordering::SeqCst), (&raw const note).cast(), 1);
        }
    }
}

extern "C" fn note(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the location is that of this thread, and stays.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    write_note(signal as u8);
    if let Some(index) = STOPPING.iter().position(|one| *one == signal) {
        let former = FORMER[index].load(Ordering::SeqCst);
        // SAFETY: what stood in the action of this signal, by the convention that stood beside it.
        unsafe {
            if FORMER_FLAGS[index].load(Ordering::SeqCst) & libc::SA_SIGINFO == 0 {
                std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(former)(signal);
            } else {
                type Informed = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
                std::mem::transmute::<usize, Informed>(former)(signal, info, context);
            }
        }
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

/// The process that made this one, or that has adopted it.
pub fn parent_pid() -> i32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::getppid() }
}

/// Writes a line there, with nothing but system calls, if whoever reads it takes it in time.
pub fn write_line(descriptor: impl AsFd, mut text: &[u8], patience: Duration) {
    while !text.is_empty() {
        let mut ready = [PollFd::new(&descriptor, PollFlags::OUT)];
        let timeout = Timespec::try_from(patience).ok();
        if !matches!(poll(&mut ready, timeout.as_ref()), Ok(1..)) {
            return;
        }
        match rustix::io::write(&descriptor, text) {
            Ok(written) => text = &text[written..],
            Err(_) => return,
        }
    }
}
