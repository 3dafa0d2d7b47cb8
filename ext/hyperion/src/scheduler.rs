//! `Hyperion::FiberLoop`: the part of `Hyperion::Scheduler` that runs the fibers of one thread. What cannot be awaited
//! by a loop is done by threads: `lib/hyperion/scheduler.rb`.
//!
//! The loop has a fiber of its own. A fiber that would block leaves a note of what it waits for and transfers to the
//! loop, which transfers back when the wait is over. The thread's first fiber is one of those that wait: for the others
//! to end, or for a fiber that it begins to come to its first wait.
//!
//! A fiber that waits has Rust on its stack, here and in whatever has called the application. It may never go on, so
//! nothing on these frames needs to be dropped for others to go on.

mod blocking_transfer;
mod hold;
mod outside;
mod suspension;
mod transfer;
mod turning;
mod waits;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use hyperion_engine::poller::{Events, Poller};
use hyperion_engine::{Waker, foreign};
use magnus::block::Proc;
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::rb_sys::AsRawValue;
use magnus::scan_args::scan_args;
use magnus::typed_data::Obj;
use magnus::value::{Lazy, Opaque};
use magnus::{
    DataTypeFunctions, Error, Exception, Fiber, RArray, RClass, Ruby, Thread, TypedData, Value,
    method,
};

use self::hold::Hold;
use self::outside::Outside;
use self::waits::{Outcome, Timer, Timers, Waits};
use crate::vm::error::{HYPERION, error};
use crate::vm::gvl::OwningProcess;
use crate::vm::names::NEW;
use crate::vm::raw;

static FIBER: Lazy<RClass> =
    Lazy::new(|ruby| ruby.class_object().const_get("Fiber").expect("Ruby has fibers"));

/// The scheduler of one thread. Other threads call `unblock` and `fiber_interrupt` only; the interpreter's lock keeps
/// them apart.
#[derive(TypedData)]
#[magnus(class = "Hyperion::FiberLoop", mark, free_immediately)]
pub struct Scheduler {
    /// This very object.
    itself: Cell<Option<Opaque<Obj<Self>>>>,
    /// The thread whose fibers these are: the first that uses it.
    owner: Cell<Option<Opaque<Thread>>>,
    /// The fiber that has the loop; made when it is needed.
    home: Cell<Option<Opaque<Fiber>>>,
    /// The fiber that is raising something in another one.
    raiser: Cell<Option<Opaque<Fiber>>>,
    /// The loop runs what may resume a fiber, to which it must not be gone back from there: a handler of a signal, or a
    /// fiber in which it raises something.
    may_be_resuming: Cell<bool>,
    hold: Cell<Hold>,
    process: Cell<OwningProcess>,
    /// None while the loop sleeps in it, and behind the end.
    poller: RefCell<Option<Poller>>,
    waker: RefCell<Waker>,
    waits: RefCell<Waits>,
    timers: RefCell<Timers>,
    outside: RefCell<Outside>,
    is_asleep: Cell<bool>,
    is_closed: Cell<bool>,
}

impl DataTypeFunctions for Scheduler {
    fn mark(&self, marker: &Marker) {
        // What points to the object itself does not keep it alive, but where it is.
        self.itself.get().into_iter().for_each(|itself| marker.mark(itself));
        self.owner.get().into_iter().for_each(|owner| marker.mark(owner));
        [self.home.get(), self.raiser.get()].into_iter().flatten().for_each(|f| marker.mark(f));
        self.waits.borrow().mark(marker);
        self.timers.borrow().mark(marker);
    }
}

/// What Ruby calls when a fiber would block.
impl Scheduler {
    /// `new`, of this class or one that inherits from it.
    fn new(ruby: &Ruby, class: RClass) -> Result<Obj<Self>, Error> {
        let poller = new_poller(ruby)?;
        let waker = RefCell::new(poller.waker());
        let made = Self {
            itself: Cell::default(),
            owner: Cell::default(),
            home: Cell::default(),
            raiser: Cell::default(),
            may_be_resuming: Cell::new(false),
            hold: Cell::default(),
            process: Cell::new(OwningProcess::current()),
            poller: RefCell::new(Some(poller)),
            waker,
            waits: RefCell::default(),
            timers: RefCell::default(),
            outside: RefCell::default(),
            is_asleep: Cell::new(false),
            is_closed: Cell::new(false),
        };
        let made = ruby.obj_wrap_as(made, class);
        made.itself.set(Some(made.into()));
        Ok(made)
    }

    /// `block(blocker, timeout = nil)`: waits until `unblock`; false where the time is over.
    fn block(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<bool, Error> {
        let arguments = scan_args::<(Value,), (Option<Value>,), (), (), (), ()>(arguments)?;
        let outcome = this.wait(ruby, arguments.optional.0, |_| Ok(None))?;
        Ok(outcome != Outcome::Late)
    }

    /// `unblock(blocker, fiber)`: ends a wait; on any thread.
    fn unblock(ruby: &Ruby, this: &Self, _blocker: Value, fiber: Value) -> Result<bool, Error> {
        this.leave_parent(ruby)?;
        let is_known = this.waits.borrow_mut().wake_fiber(fiber, Outcome::Woken);
        this.wake_loop();
        Ok(is_known)
    }

    fn wake_loop(&self) {
        if self.is_asleep.get() {
            self.waker.borrow().wake();
        }
    }

    /// `kernel_sleep(duration = nil)`
    fn kernel_sleep(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<bool, Error> {
        let arguments = scan_args::<(), (Option<Value>,), (), (), (), ()>(arguments)?;
        arguments.optional.0.filter(|time| !time.is_nil()).map_or(Ok(()), raw::check_interval)?;
        this.wait(ruby, arguments.optional.0, |_| Ok(None)).map(|_| true)
    }

    /// `io_wait(io, events, timeout)`: the events that have come, or false.
    fn io_wait(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<Value, Error> {
        let arguments = scan_args::<(Value, u32), (Option<Value>,), (), (), (), ()>(arguments)?;
        let (io, events) = arguments.required;
        let descriptor: RawFd = io.funcall("fileno", ())?;
        let come = this.wait_for(ruby, descriptor, Events(events), arguments.optional.0)?;
        Ok(match come {
            Some(events) => ruby.integer_from_u64(events.0.into()).as_value(),
            None => ruby.qfalse().as_value(),
        })
    }

    /// `timeout_after(duration, exception_class, *arguments) { |duration| … }`
    fn timeout_after(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<Value, Error> {
        let arguments = scan_args::<(Value, Value), (), RArray, (), (), ()>(arguments)?;
        let (duration, class) = arguments.required;
        let block = ruby.block_proc()?;
        this.enter(ruby)?;
        let Some(timeout) = timeout(ruby, Some(duration))? else { return block.call((duration,)) };
        let fiber = ruby.fiber_current();
        let timer = Timer::Raise(fiber.into(), class.into(), arguments.splat.into());
        let number = this.timers.borrow_mut().start(timeout, timer);
        let result = block.call((duration,));
        this.timers.borrow_mut().cancel(number);
        result
    }

    /// `fiber { … }`: runs a block in a fiber of its own until it waits for the first time.
    fn fiber(ruby: &Ruby, this: &Self) -> Result<Fiber, Error> {
        this.begin(ruby, ruby.block_proc()?)
    }

    /// The same for the server's own blocks.
    ///
    /// # Errors
    /// Those of Ruby, such as where no fiber can be had.
    pub fn begin(&self, ruby: &Ruby, block: Proc) -> Result<Fiber, Error> {
        self.enter(ruby)?;
        if self.is_closed.get() {
            return Err(error(ruby, "the scheduler is closed"));
        }
        let home = self.home(ruby)?;
        let fiber: Fiber = ruby.get_inner(&FIBER).funcall_with_block(*NEW, (), block)?;
        if is_current(ruby, home) {
            // Such as in a handler of a signal, which Ruby runs in whatever fiber there is.
            self.let_go_on(fiber)?;
        } else {
            self.wait_while(ruby, || self.let_go_on(fiber))?;
        }
        Ok(fiber)
    }

    /// `raising { … }`: the block raises something in a fiber. Where that one waits it goes on at once, and the caller,
    /// which waits for nothing, is to go on behind it.
    fn raising(ruby: &Ruby, this: &Self) -> Result<Value, Error> {
        this.enter(ruby)?;
        let block = ruby.block_proc()?;
        this.raiser.set(Some(ruby.fiber_current().into()));
        let raised = block.call(());
        this.raiser.set(None);
        raised
    }

    /// `yield`: lets all others go on that can.
    ///
    /// # Errors
    /// What is raised meanwhile.
    pub fn give_way(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        this.wait(ruby, None, |_| Ok(Some(Outcome::Woken))).map(drop)
    }

    /// `fiber_interrupt(fiber, exception)`: raises it in a fiber that waits; on any thread.
    fn fiber_interrupt(
        ruby: &Ruby,
        this: &Self,
        fiber: Fiber,
        exception: Value,
    ) -> Result<(), Error> {
        this.leave_parent(ruby)?;
        let timer = Timer::Raise(fiber.into(), exception.into(), ruby.ary_new().into());
        this.timers.borrow_mut().start(Duration::ZERO, timer);
        this.wake_loop();
        Ok(())
    }

    /// `io_close(descriptor)`: closes it; whoever waits for it gets an IOError.
    fn io_close(ruby: &Ruby, this: &Self, descriptor: RawFd) -> Result<bool, Error> {
        this.enter(ruby)?;
        let waiting = this.poller.borrow_mut().as_mut().map(|poller| poller.close(descriptor));
        let mut waits = this.waits.borrow_mut();
        waiting.into_iter().flatten().for_each(|number| waits.wake(number, Outcome::Closed));
        foreign::close(descriptor);
        Ok(true)
    }

    /// `await_any(descriptors, timeout)`, which are `[descriptor, events]`: waits until something of it may have come.
    fn await_any(
        ruby: &Ruby,
        this: &Self,
        descriptors: RArray,
        seconds: Value,
    ) -> Result<(), Error> {
        let asked: Vec<(RawFd, u32)> = descriptors.to_vec()?;
        let begin = |number| {
            let watch = |&(descriptor, events): &(RawFd, u32)| {
                this.watch(ruby, number, descriptor, Events(events))
            };
            // One that is always ready is enough.
            asked.iter().map(watch).find(|watched| !matches!(watched, Ok(None))).unwrap_or(Ok(None))
        };
        this.wait(ruby, Some(seconds), begin).map(drop)
    }

    /// `await_process(pid)`: waits until a process has ended; false where the kernel cannot tell.
    fn await_process(ruby: &Ruby, this: &Self, pid: i32) -> Result<bool, Error> {
        let Ok(process) = foreign::open_process(pid) else { return Ok(false) };
        let begin = |number| {
            let descriptor = process.as_raw_fd();
            this.waits.borrow_mut().keep(number, process);
            this.watch(ruby, number, descriptor, Events::READABLE)
        };
        this.wait(ruby, None, begin).map(|_| true)
    }
}

/// A poller; where there are no descriptors left, behind a collection of those that nobody needs.
fn new_poller(ruby: &Ruby) -> Result<Poller, Error> {
    Poller::new()
        .or_else(|_| {
            ruby.gc_start();
            Poller::new()
        })
        .map_err(|failure| system_error(ruby, &failure))
}

fn is_current(ruby: &Ruby, fiber: Fiber) -> bool {
    ruby.fiber_current().as_raw() == fiber.as_raw()
}

/// Seconds as Ruby gives them; nil is for ever.
fn timeout(ruby: &Ruby, seconds: Option<Value>) -> Result<Option<Duration>, Error> {
    let Some(seconds) = seconds.filter(|seconds| !seconds.is_nil()) else { return Ok(None) };
    let seconds: f64 = ruby.module_kernel().funcall("Float", (seconds,))?;
    if seconds < 0.0 || seconds.is_nan() {
        return Err(Error::new(ruby.exception_arg_error(), "time interval must not be negative"));
    }
    Ok(Duration::try_from_secs_f64(seconds).ok())
}

fn system_error(ruby: &Ruby, failure: &io::Error) -> Error {
    let number = failure.raw_os_error().unwrap_or_default();
    let made: Result<Exception, Error> = ruby
        .class_object()
        .const_get::<_, RClass>("SystemCallError")
        .and_then(|class| class.funcall("new", (number,)));
    match made {
        Ok(exception) => exception.into(),
        Err(failure) => failure,
    }
}

/// Defines `Hyperion::FiberLoop`.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    Lazy::force(&FIBER, ruby);
    let class =
        crate::vm::class::define::<Scheduler>(ruby, ruby.get_inner(&HYPERION), "FiberLoop")?;
    class.define_singleton_method("new", method!(Scheduler::new, 0))?;
    class.define_method("block", method!(Scheduler::block, -1))?;
    class.define_method("unblock", method!(Scheduler::unblock, 2))?;
    class.define_method("kernel_sleep", method!(Scheduler::kernel_sleep, -1))?;
    class.define_method("io_wait", method!(Scheduler::io_wait, -1))?;
    class.define_method("io_read", method!(Scheduler::io_read, -1))?;
    class.define_method("io_write", method!(Scheduler::io_write, -1))?;
    class.define_method("io_pread", method!(Scheduler::io_pread, -1))?;
    class.define_method("io_pwrite", method!(Scheduler::io_pwrite, -1))?;
    class.define_method("timeout_after", method!(Scheduler::timeout_after, -1))?;
    class.define_method("fiber", method!(Scheduler::fiber, 0))?;
    class.define_method("yield", method!(Scheduler::give_way, 0))?;
    class.define_method("run", method!(Scheduler::run, 0))?;
    class.define_method("close", method!(Scheduler::close, 0))?;
    class.define_method("io_close", method!(Scheduler::io_close, 1))?;
    class.define_method("fiber_interrupt", method!(Scheduler::fiber_interrupt, 2))?;
    class.define_method("hold", method!(Scheduler::hold, 0))?;
    class.define_method("raising", method!(Scheduler::raising, 0))?;
    class.define_private_method("await_any", method!(Scheduler::await_any, 2))?;
    class.define_private_method("await_process", method!(Scheduler::await_process, 1))?;
    blocking_transfer::init(ruby, class)
}
