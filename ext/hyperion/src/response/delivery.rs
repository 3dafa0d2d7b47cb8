//! From what the application returned, or raised, to the end of its response. The body is closed
//! exactly once, whatever happens, and every request is answered.

use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::files::answer_open_file;
use hyperion_engine::{Completion, Consumer, Fields, Log, Reply, Request, Response, ResponseBody};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{Error, RHash, RString, Ruby, Value};

use crate::exchange::Exchange;
use crate::reply::SharedReply;
use crate::request::env::Callbacks;
use crate::request::input::Input;
use crate::response::body::{self, Content};
use crate::response::chunks;
use crate::response::finished::{self, Finishing};
use crate::response::log_extras;
use crate::response::rack_response::{Headers, RackResponse};
use crate::response::sendfile;
use crate::response::sendfile::SendfileHeader;
use crate::response::stream::{Kind, Stream};
use crate::response::trailers;
use crate::routes::Table;
use crate::vm::block;
use crate::vm::error;
use crate::vm::gvl::off_lock;
use crate::vm::names::{CALL, EACH};
use crate::vm::raw;

/// One request that is being answered.
pub struct Delivery<'a> {
    /// The interpreter.
    pub ruby: &'a Ruby,
    /// Where faults of the application are told.
    pub log: &'a Log,
    /// Who wants to hear of its end.
    pub finishing: &'a Finishing,
    /// Who is told of it.
    pub consumer: &'a Consumer,
    /// The application's env.
    pub env: RHash,
    /// The way back, as Ruby has it.
    pub exchange: Obj<Exchange>,
    /// The way back.
    pub client: &'a Arc<SharedReply>,
    /// The request.
    pub request: &'a Request,
    /// The request's body.
    pub input: Obj<Input>,
    /// How the application may have files sent.
    pub sendfile_header: SendfileHeader,
    /// Whether clients are told what the application raises.
    pub shows_errors: bool,
    /// Where the directories are that it may name.
    pub table: &'a Table,
}

/// How far a response has come, for its end.
#[derive(Debug, Default)]
struct Progress {
    answer: Option<RackResponse>,
    completion: Option<Completion>,
    /// The application has the socket.
    is_hijacked: bool,
    /// A stream was left open by the call it was made for.
    is_left_open: bool,
    /// The body was closed by its own `to_ary`.
    is_closed: bool,
}

impl Delivery<'_> {
    /// Answers with what the application returned or raised, unless those who observed it end this
    /// thread. True when a stream was left open.
    ///
    /// # Errors
    /// A jump that ends this thread; the request has been dealt with.
    pub fn conclude(
        &self,
        called: Result<Value, Error>,
        observed: Result<(), Error>,
    ) -> Result<bool, Error> {
        // Only a hijack can have ended the exchange this early; what was returned is ignored.
        let is_hijacked = self.client.is_here() && self.client.is_answered();
        let mut progress = Progress { is_hijacked, ..Progress::default() };
        let failure = match called {
            Ok(value) if is_hijacked || observed.is_err() => {
                progress.answer = RackResponse::read(self.ruby, value).ok();
                observed.err()
            }
            Ok(value) => error::contain(self.ruby, || self.send(value, &mut progress)).err(),
            Err(failure) => Some(failure),
        };
        let ended = match failure {
            Some(jump) if error::is_jump(&jump) => {
                raw::while_jumping(|| drop(self.end(&progress, Some(&jump))));
                Err(jump)
            }
            failure => self.end(&progress, failure.as_ref()),
        };
        ended.map(|()| progress.is_left_open)
    }

    fn send(&self, value: Value, progress: &mut Progress) -> Result<(), Error> {
        if !self.client.is_here() {
            return Ok(());
        }
        let answer = *progress.answer.insert(RackResponse::read(self.ruby, value)?);
        let status = answer.status_code(self.ruby)?;
        let headers = Headers::read_but(self.ruby, answer.headers, self.sendfile_header)?;
        let Headers { mut fields, hijack, sendfile, is_chunked, .. } = headers;
        if is_chunked {
            // What it says of its chunks is not what the client gets.
            fields = sendfile::without_length(&fields)
                .map_err(|cause| error::error(self.ruby, cause.to_string()))?;
            self.exchange.chunks.begin();
        }
        let head = Head { status, fields };
        if let Some(writer) = hijack {
            return match self.has_no_body(status) {
                true => self.send_head(head, progress),
                false => self.send_stream(head, ResponseBody::Tunnel, writer, progress),
            };
        }
        if let Some(name) = sendfile {
            return self.send_named(head, name, progress);
        }
        match Content::of(self.ruby, answer.body, &mut progress.is_closed)? {
            Content::Full(_) if is_chunked && self.has_no_body(status) => {
                self.send_head(head, progress)
            }
            Content::Full(bytes) => {
                let bytes = match is_chunked {
                    true => chunks::payload_of(self.ruby, &bytes)?,
                    false => bytes,
                };
                self.reply(head, ResponseBody::Full(bytes), progress)
            }
            Content::File(file) => {
                let response = answer_open_file(self.request, file, status, head.fields)
                    .map_err(|cause| error::error(self.ruby, cause.to_string()))?;
                self.respond(response, progress)
            }
            Content::Each | Content::Call if self.has_no_body(status) => {
                self.send_head(head, progress)
            }
            Content::Each => self.send_each(head, answer.body, progress),
            Content::Call => {
                let kind = match status {
                    101 => ResponseBody::Tunnel,
                    _ => ResponseBody::Stream { length: None },
                };
                self.send_stream(head, kind, answer.body, progress)
            }
        }
    }

    fn has_no_body(&self, status: u16) -> bool {
        self.request.method() == "HEAD" || matches!(status, 204 | 304)
    }

    /// A response to HEAD, or one that has no body by its status: nobody is asked for one.
    fn send_head(&self, head: Head, progress: &mut Progress) -> Result<(), Error> {
        self.reply(head, ResponseBody::Stream { length: None }, progress)?;
        self.client.finish(None);
        Ok(())
    }

    fn send_named(&self, head: Head, name: RString, progress: &mut Progress) -> Result<(), Error> {
        let (routes, header) = (self.table.routes(), self.sendfile_header);
        let name = raw::with_bytes(name, <[u8]>::to_vec);
        let head = (head.status, head.fields);
        let response = off_lock(|| {
            sendfile::answer_named(self.log, header, &routes, self.request, head, &name)
        });
        self.respond(response, progress)
    }

    fn send_each(&self, head: Head, body: Value, progress: &mut Progress) -> Result<(), Error> {
        self.reply(head, ResponseBody::Stream { length: None }, progress)?;
        block::each::<Pieces>(body, *EACH, self.exchange.as_value())?;
        self.finish(trailers::of(self.ruby, self.log, body)?)
    }

    fn send_stream(
        &self,
        head: Head,
        kind: ResponseBody,
        writer: Value,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let is_tunnel = matches!(kind, ResponseBody::Tunnel);
        let has_trailers = !is_tunnel && trailers::are_offered(writer)?;
        self.reply(head, kind, progress)?;
        let chunks = self.exchange.chunks.take();
        let kind = Kind { is_tunnel, has_trailers };
        let stream = Stream::new(self.client.clone(), self.input, chunks, kind);
        let stream = self.ruby.obj_wrap(stream);
        writer.funcall::<_, _, Value>(*CALL, (stream,))?;
        progress.is_left_open = !stream.is_finished();
        if progress.is_left_open {
            stream.forgo_trailers();
        } else if has_trailers {
            self.finish(trailers::of(self.ruby, self.log, writer)?)?;
        }
        Ok(())
    }

    fn finish(&self, trailers: Option<Fields>) -> Result<(), Error> {
        error::leave_child(self.ruby, false);
        self.exchange.chunks.finish(self.ruby, self.client, trailers)
    }

    fn reply(&self, head: Head, body: ResponseBody, progress: &mut Progress) -> Result<(), Error> {
        self.respond(Response { status: head.status, fields: head.fields, body }, progress)
    }

    fn respond(&self, response: Response, progress: &mut Progress) -> Result<(), Error> {
        if let Some(answer) = &progress.answer
            && Callbacks::of(self.env).are_wanted()
        {
            progress.completion = Some(self.register(Some(answer))?);
        }
        self.record_extras()?;
        let reply = Reply { response, completion: progress.completion };
        if let Some(reply) = self.client.send_from_memory(reply) {
            off_lock(|| self.client.send_from_disk(reply));
        }
        Ok(())
    }

    /// Tells the access line what the application adds to it.
    fn record_extras(&self) -> Result<(), Error> {
        let extras = match self.log.logs_requests() {
            true => log_extras::of(self.env)?,
            false => None,
        };
        // Here comes the first word to the client: all that the application was asked for until now may have
        // forked.
        error::leave_child(self.ruby, false);
        if let Some(extras) = extras {
            self.client.record_extras(extras);
        }
        Ok(())
    }

    /// Closes the body, tells the client of a failure and whoever waits of the end.
    fn end(&self, progress: &Progress, failure: Option<&Error>) -> Result<(), Error> {
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

    fn register(&self, answer: Option<&RackResponse>) -> Result<Completion, Error> {
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

/// A response without its body.
struct Head {
    status: u16,
    fields: Fields,
}

/// Sends what `each` of a body yields.
struct Pieces;

impl block::Consumer for Pieces {
    fn consume(ruby: &Ruby, owner: Value, yielded: &[Value]) -> Result<(), Error> {
        let exchange = Obj::<Exchange>::try_convert(owner)?;
        let nil = ruby.qnil().as_value();
        let piece = body::piece(ruby, yielded.first().copied().unwrap_or(nil))?;
        match exchange.client() {
            Some(client) => client.write_piece(ruby, exchange.chunks.payload(ruby, piece)?),
            None => Err(Error::new(ruby.exception_io_error(), "the response has ended")),
        }
    }
}

fn internal_server_error(text: Bytes) -> Response {
    let mut response = Response::plain(500, text);
    response.fields.put("connection", "close");
    response
}
