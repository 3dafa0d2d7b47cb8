//! `rack.response_finished` and `rack.after_reply`: what the application wants to be called when a
//! response has left.
//!
//! A response is over when two things have happened, in either order: the engine reports that it left
//! or was cut, and the executor has closed the body. With the second the callbacks run, on the thread that has
//! called the application: what it keeps by thread, such as a database connection, is there.

use std::cell::Cell;

use hyperion_engine::{Completion, Consumer, Log};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{ArgList, Error, RArray, RHash, Ruby, Value};

use crate::request::env::Callbacks;
use crate::request::input::Input;
use crate::vm::error;
use crate::vm::names::CALL;
use crate::vm::raw;

/// Responses whose end somebody wants to hear of.
pub struct Finishing {
    /// Number => [env, status, headers, exception, progress, input].
    pending: Opaque<RHash>,
    last: Cell<u64>,
}

/// Places in an entry.
const ENV: usize = 0;
const STATUS: usize = 1;
const HEADERS: usize = 2;
const EXCEPTION: usize = 3;
const PROGRESS: usize = 4;
const INPUT: usize = 5;

/// Progress of an entry: nothing, or what came first.
const UNDER_WAY: i64 = 0;
const RELEASED: i64 = 1;
const LEFT: i64 = 2;
const CUT: i64 = 3;

impl Finishing {
    /// Nothing to hear of.
    pub fn new(ruby: &Ruby) -> Self {
        Self { pending: ruby.hash_new().into(), last: Cell::new(0) }
    }

    /// Marks what is pending.
    pub fn mark(&self, marker: &Marker) {
        marker.mark(self.pending);
    }

    /// Takes note of a response whose end `consumer` is to be told.
    ///
    /// # Errors
    /// Those of Ruby.
    pub fn register(
        &self,
        ruby: &Ruby,
        consumer: &Consumer,
        env: RHash,
        (status, headers): (Value, Value),
        input: Obj<Input>,
    ) -> Result<Completion, Error> {
        let number = self.last.get() + 1;
        self.last.set(number);
        let entry = ruby.ary_new_capa(6);
        entry.push(env)?;
        entry.push(status)?;
        entry.push(headers)?;
        entry.push(ruby.qnil())?;
        entry.push(UNDER_WAY)?;
        entry.push(input)?;
        ruby.get_inner(self.pending).aset(number, entry)?;
        Ok(consumer.completion(number))
    }

    /// The executor is done with a response; `failure` is what went wrong in it.
    ///
    /// # Errors
    /// A jump out of a callback.
    pub fn release(
        &self,
        ruby: &Ruby,
        log: &Log,
        completion: Completion,
        failure: Option<&Error>,
    ) -> Result<(), Error> {
        let Some(entry) = self.entry(ruby, completion) else { return Ok(()) };
        if let Some(failure) = failure {
            entry.store(EXCEPTION as isize, error::exception(ruby, failure))?;
        }
        self.progress(ruby, log, completion, entry, RELEASED)
    }

    /// The engine is done with a response.
    ///
    /// # Errors
    /// A jump out of a callback.
    pub fn finished(
        &self,
        ruby: &Ruby,
        log: &Log,
        completion: Completion,
        complete: bool,
    ) -> Result<(), Error> {
        let Some(entry) = self.entry(ruby, completion) else { return Ok(()) };
        self.progress(ruby, log, completion, entry, if complete { LEFT } else { CUT })
    }

    fn progress(
        &self,
        ruby: &Ruby,
        log: &Log,
        completion: Completion,
        entry: RArray,
        now: i64,
    ) -> Result<(), Error> {
        let before: i64 = entry.entry(PROGRESS as isize)?;
        if before == UNDER_WAY {
            return entry.store(PROGRESS as isize, now);
        }
        let _: Value = ruby.get_inner(self.pending).delete(completion.number)?;
        let part = |index| raw::element(ruby, entry, index);
        let mut exception = part(EXCEPTION);
        if exception.is_nil() && (before == CUT || now == CUT) {
            exception = error::exception(ruby, &error::client_disconnected(ruby));
        }
        let env = RHash::try_convert(part(ENV))?;
        let ran = run(ruby, log, env, part(STATUS), part(HEADERS), exception);
        // Neither memory nor a file of a request waits for the collector.
        Obj::<Input>::try_convert(part(INPUT))?.close();
        ran
    }

    fn entry(&self, ruby: &Ruby, completion: Completion) -> Option<RArray> {
        ruby.get_inner(self.pending).get(completion.number).and_then(RArray::from_value)
    }
}

/// Runs the callbacks that stand in `env`, last registered first; what they raise is logged.
///
/// # Errors
/// A jump out of a callback, behind the others.
pub fn run(
    ruby: &Ruby,
    log: &Log,
    env: RHash,
    status: Value,
    headers: Value,
    exception: Value,
) -> Result<(), Error> {
    let Callbacks { finished, after_reply } = Callbacks::of(env);
    let mut round = Round { ruby, log, jump: None };
    if let Some(callbacks) = finished {
        for index in (0..callbacks.len()).rev() {
            let arguments = (env, status, headers, exception);
            let doing = "a rack.response_finished callback failed";
            round.call(raw::element(ruby, callbacks, index), arguments, doing);
        }
    }
    if let Some(callbacks) = after_reply {
        for index in 0..callbacks.len() {
            let doing = "a rack.after_reply callback failed";
            round.call(raw::element(ruby, callbacks, index), (), doing);
        }
    }
    round.jump.map_or(Ok(()), Err)
}

/// The callbacks of one response.
struct Round<'a> {
    ruby: &'a Ruby,
    log: &'a Log,
    /// A callback has ended this thread; the others, which know nothing of it, still run.
    jump: Option<Error>,
}

impl Round<'_> {
    fn call(&mut self, callback: Value, arguments: impl ArgList, doing: &str) {
        let (ruby, log) = (self.ruby, self.log);
        let call = || {
            let called = callback.funcall::<_, _, Value>(*CALL, arguments).map(drop);
            error::leave_child(ruby, called.is_err());
            error::tolerate(ruby, log, doing, called)
        };
        match self.jump {
            None => self.jump = call().err(),
            Some(_) => raw::while_jumping(|| drop(call())),
        }
    }
}
