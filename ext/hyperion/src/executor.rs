//! The loop of one Ruby thread: take a job, call the application, hand the answer back, take the next.
//! The interpreter's lock is released only when there is nothing to do.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hyperion_engine::{
    Body, ConnectionInfo, Engine as Reactor, Job, JobQueue, Log, Request, Stats, Waited, Work,
};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{Error, RHash, Ruby, Value, kwargs};

use crate::delivery::Delivery;
use crate::env::{self, Facts};
use crate::error::{self, contain};
use crate::exchange::{Exchange, Peer};
use crate::finish::Finishing;
use crate::gvl::without_gvl;
use crate::input::Input;

/// What an executor works with; on the stack of its thread.
pub struct Executor<'a> {
    /// The interpreter.
    pub ruby: &'a Ruby,
    /// The application.
    pub app: Value,
    /// What every env starts as.
    pub template: RHash,
    /// Who wants to hear of the end of responses.
    pub finishing: &'a Finishing,
    /// Where work comes from.
    pub queue: Arc<JobQueue>,
    /// What brings it.
    pub reactor: Arc<Reactor>,
    /// Where faults of the application are told.
    pub log: Arc<Log>,
    /// What is counted.
    pub stats: Arc<Stats>,
}

impl Executor<'_> {
    /// Works until the queue is closed.
    ///
    /// # Errors
    /// What ends this thread: an interrupt between two jobs, or a jump out of the application. The job
    /// at hand has been dealt with.
    pub fn run(&self) -> Result<(), Error> {
        let mut streams_left_open = false;
        let mut work = self.queue.try_pop();
        loop {
            let Some(at_hand) = work.take() else {
                if std::mem::take(&mut streams_left_open) {
                    self.collect_streams()?;
                }
                let interrupted = AtomicBool::new(false);
                let wait = || self.reactor.wait(&self.queue, &interrupted);
                match without_gvl(wait, || self.reactor.interrupt(&self.queue, &interrupted)) {
                    Some(Waited::Available) => work = self.queue.take_after_wait(),
                    Some(Waited::Interrupted) | None => self.ruby.thread_check_ints()?,
                    Some(Waited::Closed) => return Ok(()),
                }
                continue;
            };
            match self.work(at_hand).and_then(|open| self.ruby.thread_check_ints().map(|()| open)) {
                Ok(open) => {
                    streams_left_open |= open;
                    work = self.queue.done_try_pop();
                }
                Err(jump) => {
                    self.queue.done();
                    return Err(jump);
                }
            }
        }
    }

    fn work(&self, work: Work) -> Result<bool, Error> {
        match work {
            Work::Request(job) => self.serve(*job),
            Work::Finished { completion, complete } => contain(self.ruby, || {
                self.finishing.finished(self.ruby, &self.log, completion, complete)
            })
            .map(|()| false)
            .or_else(|failure| self.absorb(failure)),
        }
    }

    fn serve(&self, job: Job) -> Result<bool, Error> {
        if job.reply.is_abandoned() {
            self.stats.cancelled_before_dispatch.add(1);
            return Ok(false);
        }
        job.reply.record_dispatch(job.received_at.elapsed());
        let Job { request, body, connection, reply, .. } = job;
        let peer = Arc::new(Peer::new(reply));
        contain(self.ruby, || self.answer(&request, body, &connection, &peer)).or_else(|failure| {
            // The request itself may not have got as far as an answer.
            if peer.is_here() && !peer.is_answered() {
                peer.abort();
            }
            self.absorb(failure)
        })
    }

    fn answer(
        &self,
        request: &Request,
        body: Body,
        connection: &Arc<ConnectionInfo>,
        peer: &Arc<Peer>,
    ) -> Result<bool, Error> {
        let env = env::begin(self.template)?;
        let input = self.ruby.obj_wrap(Input::new(body, peer));
        let exchange = self.ruby.obj_wrap(Exchange::new(env, peer.clone(), connection.clone()));
        let _released = ReleaseOnDrop(exchange);
        let facts = Facts { request, connection, input, exchange };
        let called = env::call(self.app, env, &facts);
        let delivery = Delivery {
            ruby: self.ruby,
            log: &self.log,
            finishing: self.finishing,
            env,
            exchange,
            peer,
            input,
            is_head: request.method() == "HEAD",
        };
        delivery.conclude(called)
    }

    /// Logs a failure that concerns no client; a jump goes on.
    fn absorb(&self, failure: Error) -> Result<bool, Error> {
        if error::is_jump(&failure) {
            return Err(failure);
        }
        error::log(self.ruby, &self.log, "a request failed", &failure);
        Ok(false)
    }

    /// Lets go of the streams that applications forgot to close; those that somebody still holds stay.
    fn collect_streams(&self) -> Result<(), Error> {
        let gc: Value = self.ruby.class_object().const_get("GC")?;
        gc.funcall::<_, _, Value>("start", (kwargs!("full_mark" => false),))?;
        Ok(())
    }
}

/// Ends a request for Ruby in every ending.
struct ReleaseOnDrop(Obj<Exchange>);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.0.release();
    }
}
