//! The loop of one Ruby thread: take a job, call the application, hand the answer back, take the next.
//! The interpreter's lock is released only when there is nothing to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_engine::{
    Body, ConnectionInfo, Consumer, Engine as NativeEngine, Job, Log, NativeResponse, Observed,
    Reply, Request, Response, Service, Stats, Target, Waited, Work,
};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{Error, RHash, Ruby, Value, kwargs};

use crate::exchange::Exchange;
use crate::fiber_work::FiberWork;
use crate::hooks::{Hooks, Observer};
use crate::reply::SharedReply;
use crate::request::env::{self, Facts};
use crate::request::input::Input;
use crate::response::delivery::Delivery;
use crate::response::early_hints::{EarlyHints, HintsPolicy};
use crate::response::finished::Finishing;
use crate::response::sendfile::SendfileHeader;
use crate::routes::Table;
use crate::vm::error::{self, contain};
use crate::vm::gvl::{give_way, off_lock, without_gvl};
use crate::vm::names::CALL;

/// So long an executor takes one job after another before it lets those go on that wait for the
/// interpreter's lock. It does so between two jobs. Left to itself Ruby takes the lock away after a tenth of
/// a second, in the middle of a job, which then waits for as long a turn of every other executor; and one
/// that comes back from a database waits for the end of such a turn, too.
pub const TURN: Duration = Duration::from_millis(5);

/// What an executor works with; on the stack of its thread.
pub struct Executor<'a> {
    /// The interpreter.
    pub ruby: &'a Ruby,
    /// The application.
    pub app: Value,
    /// What is answered without it.
    pub table: &'a Table,
    /// Who is told of each request.
    pub hooks: &'a Hooks,
    /// How the application may have files sent.
    pub sendfile_header: SendfileHeader,
    /// Who may be sent early hints.
    pub early_hints: HintsPolicy,
    /// Whether clients are told what the application raises.
    pub shows_errors: bool,
    /// What every env starts as.
    pub template: RHash,
    /// Who wants to hear of the end of responses.
    pub finishing: &'a Finishing,
    /// Where work comes from.
    pub consumer: &'a Consumer,
    /// What the fibers of the thread have begun, and the number of what this is for, where it has any.
    pub fiber: Option<(&'a FiberWork, u64)>,
    /// What brings it.
    pub engine: Arc<NativeEngine>,
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
        let mut turn = Instant::now();
        let mut work = self.consumer.try_pop();
        loop {
            let Some(at_hand) = work.take() else {
                if std::mem::take(&mut streams_left_open) {
                    collect_streams(self.ruby)?;
                }
                let wait = || self.engine.wait(self.consumer);
                match without_gvl(wait, || self.engine.interrupt(self.consumer)) {
                    Some(Waited::Available) => work = self.consumer.take_after_wait(),
                    Some(Waited::Interrupted) | None => self.ruby.thread_check_ints()?,
                    Some(Waited::Closed) => return Ok(()),
                }
                turn = Instant::now();
                continue;
            };
            let kind = at_hand.kind();
            let worked = self.work(at_hand);
            // Whatever was called may have forked; nothing of the server is for the child.
            error::leave_child(self.ruby, worked.is_err());
            match worked.and_then(|open| pause(self.ruby, &mut turn).map(|()| open)) {
                Ok(open) => {
                    streams_left_open |= open;
                    work = self.consumer.done_try_pop(kind);
                }
                Err(jump) => {
                    self.consumer.done(kind);
                    return Err(jump);
                }
            }
        }
    }

    /// Does what was taken. True when a stream was left open.
    ///
    /// # Errors
    /// A jump that ends this thread; the work has been dealt with.
    pub fn work(&self, work: Work) -> Result<bool, Error> {
        match work {
            Work::Request(job) => self.serve(*job),
            Work::Finished { completion, complete } => contain(self.ruby, || {
                self.finishing.finished(self.ruby, &self.log, completion, complete)
            })
            .map(|()| false)
            .or_else(|failure| self.absorb(failure)),
            Work::Observed(batch) => contain(self.ruby, || self.run_observers(batch))
                .map(|()| false)
                .or_else(|failure| self.absorb(failure)),
        }
    }

    /// Tells of requests that the engine has answered. What is left when a hook ends this thread goes
    /// to another.
    fn run_observers(&self, batch: Vec<Observed>) -> Result<(), Error> {
        self.hooks.report_lost(&self.log, self.consumer.queue().unobserved());
        let mut batch = batch.into_iter();
        let told =
            batch.try_for_each(|observed| self.hooks.observe(self.ruby, &self.log, &observed));
        batch.for_each(|observed| self.consumer.queue().observe(observed));
        told
    }

    fn serve(&self, job: Job) -> Result<bool, Error> {
        if job.reply.is_abandoned() {
            self.stats.cancelled_before_dispatch.add(1);
            return Ok(false);
        }
        let queued = job.queue_time();
        job.reply.record_dispatch(queued);
        let Job { request, target, body, connection, reply, in_flight, .. } = job;
        let client = Arc::new(SharedReply::new(reply));
        let _in_flight = match self.fiber {
            Some((work, number)) => {
                work.keep(number, client.clone(), in_flight);
                None
            }
            None => Some(in_flight),
        };
        let call = Call { request: &request, connection: &connection, client: &client, queued };
        let answered = contain(self.ruby, || self.answer(&call, &target, body));
        answered.or_else(|failure| {
            // The request itself may not have got as far as an answer.
            if client.is_in_own_process() && !client.is_answered() {
                client.abort();
            }
            self.absorb(failure)
        })
    }

    fn answer(&self, call: &Call<'_>, target: &Target, body: Body) -> Result<bool, Error> {
        let Call { request, connection, client, queued } = *call;
        let observer = self.hooks.observer(self.ruby, &self.log, request, connection);
        let (target, own_answer) = resolve(target, request, client);
        let target = &target;
        if observer.is_none() && own_answer.is_some() {
            return Ok(send(client, own_answer));
        }
        let env = env::begin(self.template)?;
        let body_length = body.complete_length();
        let input = self.ruby.obj_wrap(Input::new(body, client));
        let exchange = self.ruby.obj_wrap(Exchange::new(env, client.clone(), connection.clone()));
        let _released = ReleaseOnDrop(exchange);
        let hints = self.early_hints.allows(request.version());
        let hints = hints.then(|| self.ruby.obj_wrap(EarlyHints::new(exchange)));
        let facts = Facts { request, connection, input, exchange, hints, body_length, queued };
        if let (Some(observer), Some(response)) = (&observer, &own_answer) {
            let observed = observe(observer, env, &facts, response);
            send(client, own_answer);
            return observed.map(|()| false);
        }
        let (called, observed) = match observer {
            None => (env::call(self.callee(target), env, &facts), Ok(())),
            Some(observer) => call_observed(self.callee(target), &observer, env, &facts),
        };
        let delivery = Delivery {
            ruby: self.ruby,
            log: &self.log,
            finishing: self.finishing,
            consumer: self.consumer,
            env,
            exchange,
            client,
            request,
            input,
            sendfile_header: self.sendfile_header,
            shows_errors: self.shows_errors,
            table: self.table,
        };
        delivery.conclude(called, observed)
    }

    /// A block that is no longer registered leaves its requests to the application.
    fn callee(&self, target: &Target) -> Value {
        let block = match target {
            Target::Block(number) => self.table.block(self.ruby, *number),
            _ => None,
        };
        block.unwrap_or(self.app)
    }

    /// Logs a failure that concerns no client; a jump goes on.
    fn absorb(&self, failure: Error) -> Result<bool, Error> {
        self.stats.engine_panics.add(error::take_panics());
        if error::is_jump(&failure) {
            return Err(failure);
        }
        error::log(self.ruby, &self.log, "a request failed", &failure);
        Ok(false)
    }
}

/// Between two jobs.
///
/// # Errors
/// What an interrupt raises.
pub fn pause(ruby: &Ruby, turn: &mut Instant) -> Result<(), Error> {
    if turn.elapsed() < TURN {
        return ruby.thread_check_ints();
    }
    give_way()?;
    *turn = Instant::now();
    Ok(())
}

/// Lets go of the streams that applications forgot to close; those that somebody still holds stay.
///
/// # Errors
/// Those of Ruby.
pub fn collect_streams(ruby: &Ruby) -> Result<(), Error> {
    let gc: Value = ruby.class_object().const_get("GC")?;
    gc.funcall::<_, _, Value>("start", (kwargs!("full_mark" => false),))?;
    Ok(())
}

/// One request on its way through an executor.
#[derive(Clone, Copy)]
struct Call<'a> {
    request: &'a Arc<Request>,
    connection: &'a Arc<ConnectionInfo>,
    client: &'a Arc<SharedReply>,
    queued: Duration,
}

/// Who answers, and what needs no Ruby code.
fn resolve(target: &Target, request: &Request, client: &SharedReply) -> (Target, Option<Response>) {
    let Target::Search(search) = target else {
        return (target.clone(), target.answer(request));
    };
    let (found, answer) = off_lock(|| search.run(request));
    client.record_target(found.clone());
    (found, answer.map(NativeResponse::into_response))
}

/// Sends what the engine has made. False, as no stream is left open by it.
fn send(client: &SharedReply, response: Option<Response>) -> bool {
    if let Some(response) = response.filter(|_| client.is_in_own_process()) {
        client.send(Reply { response, completion: None });
    }
    false
}

/// Tells of a response that needs no application.
fn observe(
    observer: &Observer<'_>,
    env: RHash,
    facts: &Facts<'_>,
    response: &Response,
) -> Result<(), Error> {
    env::complete(env, facts)?;
    observer.started(env.as_value())?;
    observer.answered(env.as_value(), response.status, &response.fields)
}

/// Calls the application between those who observe it: what it gave, and whether they end this thread.
fn call_observed(
    app: Value,
    observer: &Observer<'_>,
    env: RHash,
    facts: &Facts<'_>,
) -> (Result<Value, Error>, Result<(), Error>) {
    let begun = env::complete(env, facts).and_then(|()| observer.started(env.as_value()));
    if let Err(failure) = begun {
        return (Err(failure), Ok(()));
    }
    let called = app.funcall(*CALL, (env,));
    let observed = observer.concluded(env.as_value(), &called);
    (called, observed)
}

/// Ends a request for Ruby in every ending.
struct ReleaseOnDrop(Obj<Exchange>);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        self.0.release();
    }
}
