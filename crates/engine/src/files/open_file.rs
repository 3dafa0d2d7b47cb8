//! Files that the application answers with: bodies with a path, and X-Sendfile.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use hyperion_proto::{FieldError, Fields, Request, Response, ResponseBody};
use rustix::fs::{FileType, Mode, OFlags};

use super::conditional::{self, Precondition, evaluate};
use super::partial::{Source, partial, selection, unsatisfiable, without};
use super::range::Selection;
use super::refusal::plain;
use super::validator::Validator;

/// Fields about the bytes of a 200, which other answers do not have.
const ABOUT_THE_BODY: [&str; 4] =
    ["accept-ranges", "content-disposition", "content-length", "content-type"];

/// Opens the regular file `path`, following links; a pipe or device is refused without waiting.
///
/// # Errors
/// When it cannot be opened, or is no regular file.
pub fn open_path(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    stamp(&file)?;
    Ok(file)
}

/// Makes the response of an application that answers with a file. Its status and fields are kept.
/// A 200 to GET or HEAD gets `last-modified`, `etag` and `accept-ranges` where the application gave
/// none, and the conditions and ranges of the request are answered with 304, 412, 206 or 416. Any
/// other response, and one that is encoded or partial already, is the whole file.
///
/// # Errors
/// When it is no regular file, or `fields` are so large that nothing can be added.
pub fn answer_open_file(
    request: &Request,
    file: File,
    status: u16,
    fields: Fields,
) -> io::Result<Response> {
    let stamp = stamp(&file)?;
    let source = Source::File(Arc::new(file.into()));
    if status != 200 || !matches!(request.method(), "GET" | "HEAD") || is_processed(&fields) {
        return Ok(Response { status, fields, body: source.body(0..stamp.size) });
    }
    let validators = Validators::of(&fields, &stamp);
    answer(request, &validators, fields, &source, stamp.size).map_err(io::Error::other)
}

/// The entity tag and date that the conditions of a request are compared with.
struct Validators {
    etag: Vec<u8>,
    last_modified: Option<SystemTime>,
}

impl Validators {
    /// Those of the application, else those of the file.
    fn of(fields: &Fields, stamp: &Validator) -> Self {
        let etag = match fields.find("etag") {
            Some(etag) => etag.to_vec(),
            None => stamp.etag(None).into_bytes(),
        };
        let last_modified = match fields.find("last-modified") {
            Some(value) => conditional::parse(value),
            None => Some(stamp.modified()).filter(|&time| time <= SystemTime::now()),
        };
        Self { etag, last_modified }
    }
}

fn answer(
    request: &Request,
    validators: &Validators,
    fields: Fields,
    source: &Source,
    size: u64,
) -> Result<Response, FieldError> {
    let Validators { etag, last_modified } = validators;
    let takes_ranges = fields.find("accept-ranges") != Some(&b"none"[..]);
    let mut fields = without(&fields, &["content-length"])?;
    add_missing(&mut fields, validators)?;
    match evaluate(request, etag, *last_modified) {
        Precondition::Proceed => {}
        Precondition::NotModified => {
            let fields = without(&fields, &ABOUT_THE_BODY)?;
            return Ok(Response { status: 304, fields, body: ResponseBody::Empty });
        }
        Precondition::Failed => return instead(&fields, plain(412)),
    }
    let selected = match takes_ranges {
        true => selection(request, etag, *last_modified, size),
        false => Selection::Whole,
    };
    match selected {
        Selection::Whole => Ok(Response { status: 200, fields, body: source.body(0..size) }),
        Selection::Parts(parts) => partial(&fields, source, &parts, size),
        Selection::Unsatisfiable => instead(&fields, unsatisfiable(size)),
    }
}

fn add_missing(fields: &mut Fields, validators: &Validators) -> Result<(), FieldError> {
    if fields.find("etag").is_none() {
        fields.push(b"etag", &validators.etag)?;
    }
    if let (None, Some(time)) = (fields.find("last-modified"), validators.last_modified) {
        fields.push(b"last-modified", httpdate::fmt_http_date(time).as_bytes())?;
    }
    if fields.find("accept-ranges").is_none() {
        fields.push(b"accept-ranges", b"bytes")?;
    }
    Ok(())
}

/// An error with the application's fields, but for those about the file.
fn instead(fields: &Fields, response: Response) -> Result<Response, FieldError> {
    let mut kept = without(fields, &ABOUT_THE_BODY)?;
    kept = without(&kept, &["cache-control", "etag", "expires", "last-modified"])?;
    for (name, value) in response.fields.iter() {
        kept.push(name, value)?;
    }
    Ok(Response { fields: kept, ..response })
}

/// Whether the application has done itself what ranges would be taken from.
fn is_processed(fields: &Fields) -> bool {
    ["content-encoding", "content-range", "transfer-encoding"]
        .iter()
        .any(|name| fields.find(name).is_some())
}

fn stamp(file: &File) -> io::Result<Validator> {
    let stat = rustix::fs::fstat(file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Validator::of(&stat)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}
