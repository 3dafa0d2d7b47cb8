//! From what the application returned, or raised, to the end of its response. The body is closed
//! exactly once, whatever happens, and every request is answered.

mod ending;

use std::sync::Arc;

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
use crate::response::finished::Finishing;
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
        let is_hijacked = self.client.is_in_own_process() && self.client.is_answered();
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
        if !self.client.is_in_own_process() {
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
        let content = Content::of(self.ruby, answer.body, &mut progress.is_closed)?;
        self.send_content(head, content, answer.body, is_chunked, progress)
    }

    fn send_content(
        &self,
        head: Head,
        content: Content,
        body: Value,
        is_chunked: bool,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let status = head.status;
        match content {
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
            Content::Each => self.send_each(head, body, progress),
            Content::Call => {
                let kind = match status {
                    101 => ResponseBody::Tunnel,
                    _ => ResponseBody::Stream { length: None },
                };
                self.send_stream(head, kind, body, progress)
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
