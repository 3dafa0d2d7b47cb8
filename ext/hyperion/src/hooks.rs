//! The blocks of a `Hyperion::Runtime`, called around each request. What they raise is logged, and
//! stops neither the response nor the next block.

use std::cell::Cell;
use std::sync::Arc;

use hyperion_engine::{ConnectionInfo, Fields, Level, Log, Observed, Request as Head};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::value::Opaque;
use magnus::{ArgList, Error, RArray, Ruby, Value};

use crate::request::hook_request::{Request, text};
use crate::vm::error;
use crate::vm::names::CALL;
use crate::vm::raw;

/// What Ruby has registered: an Array of the blocks for the start of a request and an Array of those
/// for its end; nothing, where nobody wants to hear.
#[derive(Default)]
pub struct Hooks {
    blocks: Cell<Option<Opaque<RArray>>>,
    /// Requests of which no block has heard, as far as that is in the log.
    lost: Cell<u64>,
}

/// Places in what was registered.
const STARTS: usize = 0;
const ENDS: usize = 1;

impl Hooks {
    /// Marks what is registered.
    pub fn mark(&self, marker: &Marker) {
        if let Some(blocks) = self.blocks.get() {
            marker.mark(blocks);
        }
    }

    /// Registers other blocks, or none.
    pub fn replace(&self, blocks: Option<RArray>) {
        self.blocks.set(blocks.map(Opaque::from));
    }

    /// Who is to hear of a request, if anybody.
    pub fn observer<'a>(
        &self,
        ruby: &'a Ruby,
        log: &'a Log,
        head: &Arc<Head>,
        connection: &Arc<ConnectionInfo>,
    ) -> Option<Observer<'a>> {
        let blocks = ruby.get_inner(self.blocks.get()?);
        let request = Request::wrap(ruby, head.clone(), connection.clone());
        Some(Observer { ruby, log, blocks, request })
    }

    /// Logs that no block hears of some requests, of which there were `lost` in all: more were
    /// answered than fit into the queue to the executors.
    pub fn report_lost(&self, log: &Log, lost: u64) {
        let fresh = lost.saturating_sub(self.lost.replace(lost));
        if fresh > 0 {
            let facts = [("requests", &*fresh.to_string())];
            log.write(
                Level::Warn,
                "app",
                "requests were not reported to hooks: all threads were busy",
                &facts,
            );
        }
    }

    /// Tells of a request that the engine has answered by itself.
    ///
    /// # Errors
    /// A jump out of a block.
    pub fn observe(&self, ruby: &Ruby, log: &Log, observed: &Observed) -> Result<(), Error> {
        let Observed { request, connection, status, fields, .. } = observed;
        let Some(observer) = self.observer(ruby, log, request, connection) else { return Ok(()) };
        let nil = ruby.qnil().as_value();
        observer.started(nil)?;
        observer.answered(nil, *status, fields)
    }
}

/// The blocks that hear of one request; on the stack of an executor.
pub struct Observer<'a> {
    ruby: &'a Ruby,
    log: &'a Log,
    blocks: RArray,
    request: Value,
}

impl Observer<'_> {
    /// The request is about to be answered.
    ///
    /// # Errors
    /// A jump out of a block.
    pub fn started(&self, env: Value) -> Result<(), Error> {
        self.call(STARTS, "an on_request_start hook failed", (self.request, env))
    }

    /// The answer is known: what the application returned, or what it raised.
    ///
    /// # Errors
    /// A jump out of a block.
    fn ended(&self, env: Value, response: Value, exception: Value) -> Result<(), Error> {
        let arguments = (self.request, env, response, exception);
        self.call(ENDS, "an on_request_end hook failed", arguments)
    }

    /// [`ended`](Self::ended) with a response that no application has made.
    ///
    /// # Errors
    /// A jump out of a block.
    pub fn answered(&self, env: Value, status: u16, fields: &Fields) -> Result<(), Error> {
        let nil = self.ruby.qnil().as_value();
        self.ended(env, triplet(self.ruby, status, fields)?, nil)
    }

    /// [`ended`](Self::ended) with what a call has given.
    ///
    /// # Errors
    /// A jump out of a block.
    pub fn concluded(&self, env: Value, called: &Result<Value, Error>) -> Result<(), Error> {
        let nil = self.ruby.qnil().as_value();
        match called {
            Ok(response) => self.ended(env, *response, nil),
            Err(jump) if error::is_jump(jump) => {
                raw::while_jumping(|| drop(self.ended(env, nil, nil)));
                Ok(())
            }
            Err(failure) => self.ended(env, nil, error::exception(self.ruby, failure)),
        }
    }

    fn call(&self, list: usize, what: &str, arguments: impl ArgList + Copy) -> Result<(), Error> {
        let Some(blocks) = RArray::from_value(raw::element(self.ruby, self.blocks, list)) else {
            return Ok(());
        };
        for index in 0..blocks.len() {
            let block = raw::element(self.ruby, blocks, index);
            let called = block.funcall::<_, _, Value>(*CALL, arguments);
            error::leave_child(self.ruby, called.is_err());
            error::tolerate(self.ruby, self.log, what, called.map(drop))?;
        }
        Ok(())
    }
}

/// A response without its body, as an application would return it.
///
/// # Errors
/// Those of Ruby.
fn triplet(ruby: &Ruby, status: u16, fields: &Fields) -> Result<Value, Error> {
    let headers = ruby.hash_new();
    for (name, value) in fields.iter() {
        let (name, value) = (text(ruby, name), text(ruby, value));
        match headers.get(name) {
            Some(earlier) => match RArray::from_value(earlier) {
                Some(values) => values.push(value)?,
                None => {
                    headers.aset(name, ruby.ary_new_from_values(&[earlier, value.as_value()]))?
                }
            },
            None => headers.aset(name, value)?,
        }
    }
    let parts = ruby.ary_new_capa(3);
    parts.push(status)?;
    parts.push(headers)?;
    parts.push(ruby.ary_new())?;
    Ok(parts.as_value())
}
