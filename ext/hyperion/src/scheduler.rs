//! `Hyperion::FiberLoop`: the part of `Hyperion::Scheduler` that runs the fibers of one thread. A fiber that would block transfers to the fiber that turns
//! the scheduler, with a note of what it waits for; that one lets go on whose wait is over, and sleeps while there
//! is none. What cannot be awaited so is done by threads: `lib/hyperion/scheduler.rb`.
//!
//! A fiber that waits has Rust on its stack, here and in whatever has called the application. It may never go on, so
//! nothing on these frames needs to be dropped for others to go on.

mod transfer;
mod turning;
mod waits;

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use hyperion_engine::poller::{Events, Poller};
use hyperion_engine::{Waker, foreign};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::rb_sys::AsRawValue;
use magnus::scan_args::scan_args;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{
    DataTypeFunctions, Error, Exception, Fiber, RArray, RClass, Ruby, TypedData, Value, function,
    kwargs, method,
};

use self::waits::{Outcome, Timer, Timers, Waits};
use crate::vm::error::{HYPERION, error};
use crate::vm::gvl::Birthplace;

/// The scheduler of one thread. Other threads call `unblock` only; the interpreter's lock keeps them apart.
#[derive(TypedData)]
#[magnus(class = "Hyperion::FiberLoop", mark, free_immediately)]
pub struct Scheduler {
    /// The fiber that turns, which is that of the thread.
    home: Opaque<Fiber>,
    birthplace: Cell<Birthplace>,
    poller: RefCell<Poller>,
    waker: RefCell<Waker>,
    waits: RefCell<Waits>,
    timers: RefCell<Timers>,
    is_asleep: Cell<bool>,
    is_closed: Cell<bool>,
}

impl DataTypeFunctions for Scheduler {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.home);
        self.waits.borrow().mark(marker);
        self.timers.borrow().mark(marker);
    }
}

/// What Ruby calls when a fiber would block.
impl Scheduler {
    /// `new`, of this class or one that inherits from it.
    fn new(ruby: &Ruby, class: RClass) -> Result<Obj<Self>, Error> {
        let poller = Poller::new().map_err(|failure| system_error(ruby, &failure))?;
        let waker = RefCell::new(poller.waker());
        let made = Self {
            home: ruby.fiber_current().into(),
            birthplace: Cell::new(Birthplace::here()),
            poller: RefCell::new(poller),
            waker,
            waits: RefCell::default(),
            timers: RefCell::default(),
            is_asleep: Cell::new(false),
            is_closed: Cell::new(false),
        };
        Ok(ruby.obj_wrap_as(made, class))
    }

    /// `block(blocker, timeout = nil)`: waits until `unblock`; false where the time is over.
    fn block(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<bool, Error> {
        let arguments = scan_args::<(Value,), (Option<Value>,), (), (), (), ()>(arguments)?;
        let timeout = timeout(ruby, arguments.optional.0)?;
        let outcome = this.wait(ruby, timeout, |_| Ok(None))?;
        Ok(outcome != Outcome::Late)
    }

    /// `unblock(blocker, fiber)`: ends a wait; on any thread.
    fn unblock(&self, _blocker: Value, fiber: Value) -> bool {
        let is_known = self.waits.borrow_mut().wake_fiber(fiber, Outcome::Woken);
        self.wake_loop();
        is_known
    }

    fn wake_loop(&self) {
        if self.is_asleep.get() {
            self.waker.borrow().wake();
        }
    }

    /// `kernel_sleep(duration = nil)`
    fn kernel_sleep(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<bool, Error> {
        let arguments = scan_args::<(), (Option<Value>,), (), (), (), ()>(arguments)?;
        let timeout = timeout(ruby, arguments.optional.0)?;
        this.wait(ruby, timeout, |_| Ok(None)).map(|_| true)
    }

    /// `io_wait(io, events, timeout)`: the events that have come, or false.
    fn io_wait(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<Value, Error> {
        let arguments = scan_args::<(Value, u32), (Option<Value>,), (), (), (), ()>(arguments)?;
        let (io, events) = arguments.required;
        let timeout = timeout(ruby, arguments.optional.0)?;
        let descriptor: RawFd = io.funcall("fileno", ())?;
        let outcome = this
            .wait(ruby, timeout, |number| this.watch(ruby, number, descriptor, Events(events)))?;
        match outcome {
            Outcome::Ready(events) => Ok(ruby.integer_from_u64(events.0.into()).as_value()),
            Outcome::Closed => {
                Err(Error::new(ruby.exception_io_error(), "stream closed in another thread"))
            }
            Outcome::Waiting | Outcome::Woken | Outcome::Late => Ok(ruby.qfalse().as_value()),
        }
    }

    /// `timeout_after(duration, exception_class, *arguments) { |duration| … }`
    fn timeout_after(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<Value, Error> {
        let arguments = scan_args::<(Value, Value), (), RArray, (), (), ()>(arguments)?;
        let (duration, class) = arguments.required;
        let block = ruby.block_proc()?;
        let Some(timeout) = timeout(ruby, Some(duration))? else { return block.call((duration,)) };
        let fiber = ruby.fiber_current();
        let timer = Timer::Raise(fiber.into(), class.into(), arguments.splat.into());
        let key = this.timers.borrow_mut().start(timeout, timer);
        let result = block.call((duration,));
        this.timers.borrow_mut().cancel(key);
        result
    }

    /// `fiber { … }`: runs a block in a fiber of its own until it waits for the first time.
    fn fiber(ruby: &Ruby, this: &Self) -> Result<Fiber, Error> {
        if this.is_closed.get() {
            return Err(error(ruby, "the scheduler is closed"));
        }
        let class: RClass = ruby.class_object().const_get("Fiber")?;
        let fiber: Fiber =
            class.funcall_with_block("new", (kwargs!("blocking" => false),), ruby.block_proc()?)?;
        let enter = || fiber.transfer::<_, Value>(());
        if this.is_home(ruby) {
            enter()?;
        } else {
            this.wait_while(ruby, Some(Outcome::Woken), None, enter)?;
        }
        Ok(fiber)
    }

    /// `yield`: lets others go on.
    fn give_way(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        this.wait(ruby, None, |_| Ok(Some(Outcome::Woken))).map(drop)
    }

    /// `fiber_interrupt(fiber, exception)`: raises it in a fiber that waits; on any thread.
    fn fiber_interrupt(ruby: &Ruby, this: &Self, fiber: Fiber, exception: Value) {
        let timer = Timer::Raise(fiber.into(), exception.into(), ruby.ary_new().into());
        this.timers.borrow_mut().start(Duration::ZERO, timer);
        this.wake_loop();
    }

    /// `io_close(descriptor)`: closes it; whoever waits for it gets an IOError.
    fn io_close(&self, descriptor: RawFd) -> bool {
        let waiting = self.poller.borrow_mut().close(descriptor);
        let mut waits = self.waits.borrow_mut();
        waiting.into_iter().for_each(|number| waits.wake(number, Outcome::Closed));
        foreign::close(descriptor);
        true
    }

    /// `await_any(descriptors, timeout)`, which are `[descriptor, events]`: waits until something of it may have come.
    fn await_any(
        ruby: &Ruby,
        this: &Self,
        descriptors: RArray,
        seconds: Value,
    ) -> Result<(), Error> {
        let asked: Vec<(RawFd, u32)> = descriptors.to_vec()?;
        let timeout = timeout(ruby, Some(seconds))?;
        let begin = |number| {
            let watch = |&(descriptor, events): &(RawFd, u32)| {
                this.watch(ruby, number, descriptor, Events(events))
            };
            // One that is always ready is enough.
            asked.iter().map(watch).find(|watched| !matches!(watched, Ok(None))).unwrap_or(Ok(None))
        };
        this.wait(ruby, timeout, begin).map(drop)
    }

    /// `await_process(pid)`: waits until a child has ended. It returns at once for what is none, which waitpid(2) then
    /// tells.
    fn await_process(ruby: &Ruby, this: &Self, pid: i32) -> Result<(), Error> {
        let Ok(process) = foreign::open_process(pid) else { return Ok(()) };
        this.wait_for(ruby, process.as_raw_fd(), Events::READABLE, None).map(drop)
    }
}

/// Waiting.
impl Scheduler {
    /// Waits until the wait is over. `begin` gets its number; what it gives ends the wait at once, as soon as the
    /// others that can go on have had their turn.
    fn wait(
        &self,
        ruby: &Ruby,
        timeout: Option<Duration>,
        begin: impl FnOnce(u64) -> Result<Option<Outcome>, Error>,
    ) -> Result<Outcome, Error> {
        self.leave_parent(ruby)?;
        if self.is_home(ruby) {
            return Err(error(ruby, "this fiber turns the scheduler and cannot wait for it"));
        }
        let number = self.waits.borrow_mut().begin(ruby.fiber_current());
        match begin(number) {
            Ok(Some(outcome)) => self.waits.borrow_mut().wake(number, outcome),
            Ok(None) => {}
            Err(failure) => {
                self.waits.borrow_mut().end(ruby, number);
                return Err(failure);
            }
        }
        let home = ruby.get_inner(self.home);
        self.suspend(ruby, number, timeout, || home.transfer::<_, Value>(()))
    }

    /// The same for a fiber that goes elsewhere than home.
    fn wait_while(
        &self,
        ruby: &Ruby,
        outcome: Option<Outcome>,
        timeout: Option<Duration>,
        away: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Outcome, Error> {
        let number = self.waits.borrow_mut().begin(ruby.fiber_current());
        outcome.into_iter().for_each(|outcome| self.waits.borrow_mut().wake(number, outcome));
        self.suspend(ruby, number, timeout, away)
    }

    fn suspend(
        &self,
        ruby: &Ruby,
        number: u64,
        timeout: Option<Duration>,
        away: impl FnOnce() -> Result<Value, Error>,
    ) -> Result<Outcome, Error> {
        let start = |after| self.timers.borrow_mut().start(after, Timer::Wait(number));
        let key = timeout.and_then(start);
        let back = away();
        self.timers.borrow_mut().cancel(key);
        let wait = self.waits.borrow_mut().end(ruby, number);
        let outcome = wait.map_or(Outcome::Woken, |wait| {
            let mut poller = self.poller.borrow_mut();
            wait.descriptors.iter().for_each(|descriptor| poller.forget(*descriptor, number));
            wait.outcome
        });
        back.map(|_| outcome)
    }

    /// The events of a descriptor that have come; none where the time is over.
    fn wait_for(
        &self,
        ruby: &Ruby,
        descriptor: RawFd,
        events: Events,
        timeout: Option<Duration>,
    ) -> Result<Option<Events>, Error> {
        let begin = |number| self.watch(ruby, number, descriptor, events);
        match self.wait(ruby, timeout, begin)? {
            Outcome::Ready(events) => Ok(Some(events)),
            Outcome::Closed => {
                Err(Error::new(ruby.exception_io_error(), "stream closed in another thread"))
            }
            Outcome::Waiting | Outcome::Woken | Outcome::Late => Ok(None),
        }
    }

    fn watch(
        &self,
        ruby: &Ruby,
        number: u64,
        descriptor: RawFd,
        events: Events,
    ) -> Result<Option<Outcome>, Error> {
        match self.poller.borrow_mut().watch(descriptor, number, events) {
            Ok(()) => {
                self.waits.borrow_mut().watches(number, descriptor);
                Ok(None)
            }
            // What is always ready, as a file is.
            Err(failure) if failure.kind() == io::ErrorKind::PermissionDenied => {
                Ok(Some(Outcome::Ready(events)))
            }
            Err(failure) => Err(system_error(ruby, &failure)),
        }
    }

    fn is_home(&self, ruby: &Ruby) -> bool {
        ruby.fiber_current().as_raw() == ruby.get_inner(self.home).as_raw()
    }

    /// In a forked child the other fibers are the parent's, and so is what the poller watches.
    fn leave_parent(&self, ruby: &Ruby) -> Result<(), Error> {
        if self.birthplace.get().is_here() {
            return Ok(());
        }
        let poller = Poller::new().map_err(|failure| system_error(ruby, &failure))?;
        self.birthplace.set(Birthplace::here());
        self.waker.replace(poller.waker());
        self.poller.replace(poller);
        self.waits.replace(Waits::default());
        self.timers.replace(Timers::default());
        Ok(())
    }
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
    class.define_singleton_method("read_disk", function!(transfer::read_disk, 3))?;
    class.define_singleton_method("write_disk", function!(transfer::write_disk, 3))?;
    class.define_method("timeout_after", method!(Scheduler::timeout_after, -1))?;
    class.define_method("fiber", method!(Scheduler::fiber, 0))?;
    class.define_method("yield", method!(Scheduler::give_way, 0))?;
    class.define_method("run", method!(Scheduler::run, 0))?;
    class.define_method("close", method!(Scheduler::close, 0))?;
    class.define_method("io_close", method!(Scheduler::io_close, 1))?;
    class.define_method("fiber_interrupt", method!(Scheduler::fiber_interrupt, 2))?;
    class.define_private_method("await_any", method!(Scheduler::await_any, 2))?;
    class.define_private_method("await_process", method!(Scheduler::await_process, 1))
}
