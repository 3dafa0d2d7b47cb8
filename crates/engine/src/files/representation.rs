//! One file as it is served: the original or one of its encodings.

use std::ffi::CString;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyperion_buf::DiskFile;
use hyperion_proto::{FieldError, Fields, Prepared, Request, Response};
use rustix::io::Errno;

use super::beneath::Root;
use super::conditional::{Precondition, evaluate};
use super::negotiate::Coding;
use super::opened::{Opened, open_regular};
use super::partial::{Source, partial, selection, unsatisfiable};
use super::range::Selection;
use super::refusal::{Refusal, plain};
use super::validator::Validator;
use crate::routes::NativeResponse;

/// What one takes in memory beside its body and path, roughly.
const OVERHEAD_BYTES: u64 = 1024;

/// Fields of a 200 that a 304 leaves out (RFC 9110, section 15.4.5).
const NOT_IN_304: [&str; 3] = ["accept-ranges", "content-encoding", "content-type"];

/// What it is called, what it was when it was opened, and the responses it makes.
#[derive(Debug)]
pub(super) struct Representation {
    pub coding: Option<Coding>,
    path: CString,
    stamp: Validator,
    etag: String,
    last_modified: Option<SystemTime>,
    /// The fields of a 200.
    fields: Fields,
    /// The 200, for a file that is kept in memory.
    complete: Option<Arc<Prepared>>,
    not_modified: Arc<Prepared>,
}

/// What the representations of one file have in common.
#[derive(Debug)]
pub(super) struct Traits<'a> {
    pub content_type: &'a str,
    /// Fields of the mount.
    pub headers: &'a Fields,
    /// There are encodings to choose from.
    pub varies: bool,
    pub now: SystemTime,
}

impl Representation {
    /// Renders the responses for a file; `body` is what it holds, for one that is kept in memory.
    ///
    /// # Errors
    /// When the mount's fields are so large that there is no room for others.
    pub fn new(
        opened: Opened,
        body: Option<Bytes>,
        traits: &Traits<'_>,
    ) -> Result<Self, FieldError> {
        let Opened { path, coding, stamp, .. } = opened;
        let etag = stamp.etag(coding);
        // A date in the future would be later than the response that carries it.
        let last_modified = Some(stamp.modified()).filter(|&time| time <= traits.now);
        let fields = traits.fields(coding, &etag, last_modified)?;
        let bare = super::partial::without(&fields, &NOT_IN_304)?;
        let not_modified = Arc::new(Prepared::new(304, bare, Bytes::new()));
        let complete = body.map(|body| Arc::new(Prepared::new(200, fields.clone(), body)));
        Ok(Self { coding, path, stamp, etag, last_modified, fields, complete, not_modified })
    }

    /// The bytes of memory that it takes, roughly.
    pub fn cost(&self) -> u64 {
        let body = self.complete.as_ref().map_or(0, |complete| 2 * complete.body().len() as u64);
        body + 2 * self.path.as_bytes().len() as u64 + OVERHEAD_BYTES
    }

    /// Looks whether the file is still what was opened.
    ///
    /// # Errors
    /// [`Refusal::Changed`] when it is not.
    pub fn check(&self, root: &Root) -> Result<(), Refusal> {
        match root.stat(&self.path, self.stamp.device) {
            Ok(stat) if Validator::of(&stat) == self.stamp => Ok(()),
            Err(Errno::AGAIN) => Err(Refusal::Cold),
            _ => Err(Refusal::Changed),
        }
    }

    /// Opens the file again.
    ///
    /// # Errors
    /// [`Refusal::Changed`] when it is not what was opened.
    pub fn reopen(&self, root: &Root) -> Result<Arc<DiskFile>, Refusal> {
        let (file, stamp) = open_regular(root, &self.path)?;
        if stamp == self.stamp { Ok(Arc::new(file.into())) } else { Err(Refusal::Changed) }
    }

    /// Answers a GET or HEAD; `open` is called when the file itself is to be sent.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn answer(
        &self,
        request: &Request,
        open: impl FnOnce() -> Result<Arc<DiskFile>, Refusal>,
    ) -> Result<NativeResponse, Refusal> {
        match evaluate(request, self.etag.as_bytes(), self.last_modified) {
            Precondition::Proceed => {}
            Precondition::NotModified => {
                return Ok(NativeResponse::Prepared(self.not_modified.clone()));
            }
            Precondition::Failed => return Ok(NativeResponse::Response(plain(412))),
        }
        let size = self.stamp.size;
        let parts = match selection(request, self.etag.as_bytes(), self.last_modified, size) {
            Selection::Whole => None,
            Selection::Parts(parts) => Some(parts),
            Selection::Unsatisfiable => return Ok(NativeResponse::Response(unsatisfiable(size))),
        };
        let source = match (&self.complete, &parts) {
            (Some(complete), None) => return Ok(NativeResponse::Prepared(complete.clone())),
            (Some(complete), Some(_)) => Source::Memory(complete.body().clone()),
            (None, _) => Source::File(open()?),
        };
        let response = match parts {
            Some(parts) => {
                partial(&self.fields, &source, &parts, size).map_err(|_| Refusal::Broken)?
            }
            None => {
                Response { status: 200, fields: self.fields.clone(), body: source.body(0..size) }
            }
        };
        Ok(NativeResponse::Response(response))
    }
}

impl Traits<'_> {
    fn fields(
        &self,
        coding: Option<Coding>,
        etag: &str,
        last_modified: Option<SystemTime>,
    ) -> Result<Fields, FieldError> {
        let mut fields = Fields::with_capacity(self.headers.wire().len() + 256);
        let mut push = |name: &str, value: &str| fields.push(name.as_bytes(), value.as_bytes());
        if self.headers.find("content-type").is_none() {
            push("content-type", self.content_type)?;
        }
        if let Some(coding) = coding {
            push("content-encoding", coding.token())?;
        }
        if let Some(time) = last_modified {
            push("last-modified", &httpdate::fmt_http_date(time))?;
        }
        push("etag", etag)?;
        push("accept-ranges", "bytes")?;
        if self.varies {
            push("vary", "accept-encoding")?;
        }
        for (name, value) in self.headers.iter() {
            fields.push(name, value)?;
        }
        Ok(fields)
    }
}
