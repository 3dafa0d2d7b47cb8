//! The two queues shared with the kernel: nothing is lost when one is full, and whatever the
//! kernel still works on is counted.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, squeue};

use super::operation::Operation;

/// The longest sleep, so that any timeout can be expressed to the kernel.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// `IORING_ENTER_GETEVENTS`: lets the kernel do the work that it has put off until now.
const ENTER_GETEVENTS: u32 = 1;

pub(super) struct Ring {
    uring: IoUring,
    /// Submissions that did not fit; they keep their order.
    backlog: VecDeque<squeue::Entry>,
    /// Operations begun, whose last completion was not seen.
    in_flight: usize,
}

/// One completion.
#[derive(Debug)]
pub(super) struct Completed {
    pub operation: Operation,
    /// What the system call would have returned, as an error number if negative.
    pub result: i32,
    /// The buffer that the kernel chose, if it did.
    pub buffer: Option<u16>,
    /// Whether the operation goes on.
    pub more: bool,
}

impl Ring {
    /// The kernel completes operations only while this thread waits for them (`DEFER_TASKRUN`), so
    /// they come in batches, and no signal disturbs what the thread does in between. In return the
    /// thread that makes the ring is the only one that may use it.
    ///
    /// # Errors
    /// When the kernel has no io_uring, forbids it, or is too old for that.
    pub fn new(submissions: u32, completions: u32) -> io::Result<Self> {
        let uring = IoUring::builder()
            .setup_clamp()
            .setup_cqsize(completions)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_taskrun_flag()
            .setup_defer_taskrun()
            .dontfork()
            .build(submissions)?;
        let parameters = uring.params();
        if !parameters.is_feature_ext_arg() || !parameters.is_feature_nodrop() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "waiting with a timeout, or keeping completions when their queue is full",
            ));
        }
        Ok(Self { uring, backlog: VecDeque::new(), in_flight: 0 })
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn submitter(&self) -> io_uring::Submitter<'_> {
        self.uring.submitter()
    }

    /// Queues an operation; the next [`Ring::enter`] begins it.
    ///
    /// # Safety
    /// All memory and descriptors that `entry` names must stay valid and where they are, and the
    /// memory unchanged, until the last completion of `operation` was taken out.
    pub unsafe fn push(&mut self, operation: Operation, entry: squeue::Entry) {
        self.in_flight += 1;
        self.backlog.push_back(entry.user_data(operation.to_word()));
        self.fill();
    }

    /// Begins what was queued, and sleeps until something completes or `timeout` is over.
    pub fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.fill();
        while !self.backlog.is_empty() {
            let submitted = tolerate(self.uring.submit().map(drop))?;
            self.fill();
            if !submitted {
                // The kernel wants its completions taken out first.
                return Ok(());
            }
        }
        let entered = match timeout {
            Some(Duration::ZERO) => return self.enter_without_sleep(),
            Some(timeout) => {
                let timeout = Timespec::from(timeout.min(SLEEP_MAX));
                let arguments = SubmitArgs::new().timespec(&timeout);
                self.uring.submitter().submit_with_args(1, &arguments)
            }
            None => self.uring.submit_and_wait(1),
        };
        tolerate(entered.map(drop))?;
        Ok(())
    }

    /// Takes out one completion.
    pub fn pop(&mut self) -> Option<Completed> {
        loop {
            let entry = self.uring.completion().next()?;
            let more = cqueue::more(entry.flags());
            if !more {
                self.in_flight -= 1;
            }
            let Some(operation) = Operation::from_word(entry.user_data()) else { continue };
            let buffer = cqueue::buffer_select(entry.flags());
            return Some(Completed { operation, result: entry.result(), buffer, more });
        }
    }

    fn enter_without_sleep(&mut self) -> io::Result<()> {
        let queue = self.uring.submission();
        let count = queue.len();
        let idle = count == 0 && !queue.taskrun() && !queue.cq_overflow();
        drop(queue);
        if idle {
            return Ok(());
        }
        // SAFETY: it submits what is queued, which `push` vouches for, and has no argument.
        let entered = unsafe {
            self.uring.submitter().enter::<libc::sigset_t>(count as u32, 0, ENTER_GETEVENTS, None)
        };
        tolerate(entered.map(drop))?;
        Ok(())
    }

    fn fill(&mut self) {
        let mut queue = self.uring.submission();
        while let Some(entry) = self.backlog.front() {
            // SAFETY: whoever called `push` vouches for the entry.
            if unsafe { queue.push(entry) }.is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }
}

/// Whether the ring was entered to the end; false for what merely ended it early.
fn tolerate(entered: io::Result<()>) -> io::Result<bool> {
    match entered {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(false),
            _ => Err(error),
        },
    }
}
