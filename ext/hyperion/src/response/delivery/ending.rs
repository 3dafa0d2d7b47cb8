//! The end of a delivery: a failure is answered or cuts the response, the body is closed, whoever waits is told.

use bytes::Bytes;
use hyperion_engine::{Completion, Reply, Response};
use magnus::prelude::*;
use magnus::{Error, Value};

use super::{Delivery, Progress};
use crate::request::env::Callbacks;
use crate::response::body;
use crate::response::finished;
use crate::response::rack_response::RackResponse;
use crate::vm::error;
use crate::vm::raw;

impl Delivery<'_> {
    /// Closes the body, tells the client of a failure and whoever waits of the end.
    pub(super) fn end(&self, progress: &Progress, failure: Option<&Error>) -> Result<(), Error> {
        error::leave_child(self.ruby, failure.is_some());
        let mut completion = progress.completion;
        if let Some(failure) = failure {
            if !error::is_disconnect(self.ruby, failure) {
                self.log_failure(failure);
            }
            if !progress.is_hijacked {
                completion = self.fail(completion, failure)?;
            }
        }
        let closed = match &progress.answer {
            Some(answer) if !progress.is_closed => {
                let closed = body::close(answer.body);
                error::tolerate(self.ruby, self.log, "closing a response body failed", closed)
            }
            Some(_) | None => Ok(()),
        };
        error::leave_child(self.ruby, failure.is_some());
        match closed {
            Ok(()) => self.announce_end(progress, completion, failure),
            Err(jump) => {
                raw::while_jumping(|| drop(self.announce_end(progress, completion, failure)));
                Err(jump)
            }
        }
    }

    fn log_failure(&self, failure: &Error) {
        let id = self.request.header("x-request-id").unwrap_or_default();
        let id = String::from_utf8_lossy(id);
        let facts = [
            ("method", self.request.method()),
            ("path", self.request.path()),
            ("request_id", &*id),
        ];
        let known = if id.is_empty() { &facts[..2] } else { &facts[..] };
        error::log_with(self.ruby, self.log, "the application failed", failure, known);
    }

    /// Answers 500, or cuts a response that has begun.
    fn fail(
        &self,
        completion: Option<Completion>,
        failure: &Error,
    ) -> Result<Option<Completion>, Error> {
        if self.client.is_answered() {
            self.client.abort();
            return Ok(completion);
        }
        let mut completion = completion;
        if completion.is_none() && Callbacks::of(self.env).are_wanted() {
            completion = Some(self.register(None)?);
        }
        let text = match self.shows_errors {
            true => error::describe(self.ruby, failure).into(),
            false => Bytes::from_static(b"Internal Server Error\n"),
        };
        self.record_extras()?;
        self.client.send(Reply { response: internal_server_error(text), completion });
        Ok(completion)
    }

    fn announce_end(
        &self,
        progress: &Progress,
        completion: Option<Completion>,
        failure: Option<&Error>,
    ) -> Result<(), Error> {
        // Behind the first word to the client an Array has run nothing that could have registered one.
        let may_be_late = progress.answer.is_none_or(|answer| !body::is_array(answer.body));
        let is_wanted = may_be_late && Callbacks::of(self.env).are_wanted();
        let keeps_input = progress.is_left_open && self.input.holds_anything();
        let completion = match completion {
            None if !progress.is_hijacked && (is_wanted || keeps_input) => {
                Some(self.await_end(progress)?)
            }
            known => known,
        };
        match completion {
            Some(completion) => self.finishing.release(self.ruby, self.log, completion, failure),
            None if !progress.is_hijacked => {
                // Neither memory nor a file waits for the collector.
                self.input.close();
                Ok(())
            }
            None if is_wanted => self.finish_hijacked(progress, failure),
            None => Ok(()),
        }
    }

    /// Callbacks were registered while the body was on its way, or a stream goes on with the request's body.
    fn await_end(&self, progress: &Progress) -> Result<Completion, Error> {
        let completion = self.register(progress.answer.as_ref())?;
        self.client.await_end(completion);
        Ok(completion)
    }

    pub(super) fn register(&self, answer: Option<&RackResponse>) -> Result<Completion, Error> {
        let told = self.told(answer);
        self.finishing.register(self.ruby, self.consumer, self.env, told, self.input)
    }

    /// Nobody can tell the end of what the application does with the socket.
    fn finish_hijacked(&self, progress: &Progress, failure: Option<&Error>) -> Result<(), Error> {
        let (status, headers) = self.told(progress.answer.as_ref());
        let nil = self.ruby.qnil().as_value();
        let exception = failure.map_or(nil, |failure| error::exception(self.ruby, failure));
        finished::run(self.ruby, self.log, self.env, status, headers, exception)
    }

    /// Status and headers, for callbacks.
    fn told(&self, answer: Option<&RackResponse>) -> (Value, Value) {
        let nil = self.ruby.qnil().as_value();
        answer.map_or((nil, nil), |answer| (answer.status, answer.headers))
    }
}

fn internal_server_error(text: Bytes) -> Response {
    let mut response = Response::plain(500, text);
    response.fields.put("connection", "close");
    response
}
