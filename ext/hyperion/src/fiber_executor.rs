//! The loop of a Ruby thread that runs each request in a fiber of its own: one that waits lets the others of its
//! thread go on, and the loop take more work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyperion_engine::{Waited, Work};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{Error, RArray, RClass, Ruby, Value, method};

use crate::engine::Engine;
use crate::executor::{TURN, collect_streams, pause};
use crate::fiber_work::FiberWork;
use crate::scheduler::Scheduler;
use crate::vm::error::{self, HYPERION};
use crate::vm::gvl::without_gvl;
use crate::vm::names::{KEYS, STORAGE};
use crate::vm::raw;

/// What the loop and its fibers share.
struct Fibers {
    work: FiberWork,
    has_left_streams_open: AtomicBool,
    /// How often the loop has gone on.
    rounds: AtomicU64,
}

/// `run_fibers(scheduler, limit)` of `Hyperion::Engine`: takes work until the engine is stopped and all fibers have
/// ended; so many at once. What ends this thread, an interrupt or a jump out of the application, cuts what is under way.
fn run_fibers(
    ruby: &Ruby,
    engine: Obj<Engine>,
    scheduler: Obj<Scheduler>,
    limit: usize,
) -> Result<(), Error> {
    let native = engine.running(ruby)?.clone();
    let fibers = Arc::new(Fibers {
        work: FiberWork::new(engine.queue()),
        has_left_streams_open: AtomicBool::new(false),
        rounds: AtomicU64::new(0),
    });
    let _cut = CutOnDrop(fibers.clone());
    let consumer = &fibers.work.consumer;
    let mut turn = Instant::now();
    loop {
        let has_room = || (fibers.work.count() < limit).then_some(());
        scheduler.wait_until(ruby, |waker| fibers.work.wake_when_less(waker), has_room)?;
        if let Some(work) = consumer.take_after_wait() {
            fibers.begin(ruby, engine, scheduler, work)?;
            pause(ruby, &mut turn)?;
            if !scheduler.is_idle() {
                Scheduler::give_way(ruby, &scheduler)?;
            }
            continue;
        }
        if fibers.has_left_streams_open.swap(false, Ordering::Relaxed) {
            collect_streams(ruby)?;
        }
        if consumer.is_closed() {
            return Scheduler::run(ruby, &scheduler);
        }
        if !scheduler.is_idle() {
            scheduler.wait_for_work(ruby, consumer)?;
        } else {
            scheduler.end_hold();
            match without_gvl(|| native.wait(consumer), || native.interrupt(consumer)) {
                Some(Waited::Available | Waited::Closed) => {}
                Some(Waited::Interrupted) | None => ruby.thread_check_ints()?,
            }
        }
        turn = Instant::now();
    }
}

impl Fibers {
    /// Begins a fiber, which runs until it waits for the first time. Where none can be had, the thread does the work.
    fn begin(
        self: &Arc<Self>,
        ruby: &Ruby,
        engine: Obj<Engine>,
        scheduler: Obj<Scheduler>,
        work: Work,
    ) -> Result<(), Error> {
        let number = self.work.begin(work.kind());
        let work = Arc::new(Mutex::new(Some(work)));
        let (fibers, at_hand) = (self.clone(), work.clone());
        let own = Opaque::from(engine);
        let block = ruby.proc_from_fn(move |ruby, _, _| match taken(&at_hand) {
            Some(work) => fibers.work_on(ruby, ruby.get_inner(own), number, work),
            None => Ok(()),
        });
        let begun = scheduler.begin(ruby, block);
        self.rounds.fetch_add(1, Ordering::Relaxed);
        match begun {
            Ok(_) => Ok(()),
            Err(failure) => match taken(&work) {
                Some(work) => self.work(ruby, engine, number, work),
                None => Err(failure),
            },
        }
    }

    /// Does work in this fiber, and goes on with more while that costs nobody anything: the loop has not gone on by
    /// itself, nobody else waits, and nothing in the fiber would reach the next request.
    fn work_on(
        &self,
        ruby: &Ruby,
        engine: Obj<Engine>,
        number: u64,
        work: Work,
    ) -> Result<(), Error> {
        let (round, begun) = (self.rounds.load(Ordering::Relaxed), Instant::now());
        let mut next = Some((number, work));
        while let Some((number, work)) = next {
            self.work(ruby, engine, number, work)?;
            let goes_on = self.rounds.load(Ordering::Relaxed) == round
                && begun.elapsed() < TURN
                && self.work.count() == 0
                && is_fresh(ruby)?;
            let more = goes_on.then(|| self.work.consumer.take_after_wait()).flatten();
            next = more.map(|work| (self.work.begin(work.kind()), work));
        }
        Ok(())
    }

    fn work(&self, ruby: &Ruby, engine: Obj<Engine>, number: u64, work: Work) -> Result<(), Error> {
        let executor = engine.executor(ruby, &self.work.consumer, Some((&self.work, number)))?;
        let worked = executor.work(work);
        error::leave_child(ruby, worked.is_err());
        self.work.end(number);
        let has_left_open = worked?;
        self.has_left_streams_open.fetch_or(has_left_open, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether nothing was kept in the fiber: no local of it, no storage, no instance variable.
fn is_fresh(ruby: &Ruby) -> Result<bool, Error> {
    let fiber = ruby.fiber_current();
    let locals: RArray = ruby.thread_current().funcall(*KEYS, ())?;
    if !locals.is_empty() || raw::has_instance_variables(fiber.as_value()) {
        return Ok(false);
    }
    match fiber.respond_to(*STORAGE, false)? {
        true => Ok(fiber.funcall::<_, _, Value>(*STORAGE, ())?.is_nil()),
        false => Ok(true),
    }
}

fn taken(work: &Mutex<Option<Work>>) -> Option<Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}

struct CutOnDrop(Arc<Fibers>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.work.cut();
    }
}

/// Adds the method to the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class: RClass = ruby.get_inner(&HYPERION).const_get("Engine")?;
    class.define_method("run_fibers", method!(run_fibers, 2))
}
