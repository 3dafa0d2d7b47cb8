//! Files that the application answers with: bodies that have a path, and the headers by which it
//! names a file instead of sending one.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::Bytes;
use hyperion_engine::files::{self, InternalFile};
use hyperion_engine::{Fields, Level, Log, Request, Response, Routes};

/// The response header by which an application has a file sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SendfileHeader {
    /// None; such headers are the client's.
    #[default]
    Off,
    /// `X-Sendfile`, an absolute path.
    Path,
    /// `X-Accel-Redirect`, a path below a mount.
    Mounted,
}

impl SendfileHeader {
    /// Whether this is its name.
    pub fn is_named(self, name: &[u8]) -> bool {
        match self {
            Self::Off => false,
            Self::Path => name.eq_ignore_ascii_case(b"x-sendfile"),
            Self::Mounted => name.eq_ignore_ascii_case(b"x-accel-redirect"),
        }
    }
}

/// The response with the file that the application has named instead of a body. What it has said
/// about the length of its own body is left out. A file that cannot be sent is logged, and answered
/// 404, or 503 where the server is short of something.
pub fn answer_named(
    log: &Log,
    header: SendfileHeader,
    routes: &Routes,
    request: &Request,
    (status, fields): (u16, Fields),
    name: &[u8],
) -> Response {
    let answer = find(header, routes, name).and_then(|found| {
        let mut fields = without_length(&fields).map_err(io::Error::other)?;
        files::ensure_content_type(&mut fields, &found.name).map_err(io::Error::other)?;
        files::answer_open_file(request, found.file, status, fields)
    });
    answer.unwrap_or_else(|cause| {
        let path = name.escape_ascii().to_string();
        let facts = [("path", &*path), ("error", &*cause.to_string())];
        log.write(Level::Warn, "app", "the file that the application named is not sent", &facts);
        match is_shortage(&cause) {
            true => Response::phrase(503),
            false => Response::phrase(404),
        }
    })
}

/// The regular file at the path of a body; `None` for anything else, whose body may still know how
/// to `each`.
pub fn open(path: &Path) -> Option<Found> {
    let mut file = files::open_path(path).ok()?;
    let size = file.metadata().ok()?.len();
    if !UNTRUE_SIZES.contains(&size) {
        return Some(Found::File(file));
    }
    let mut bytes = Vec::new();
    (&file).take(MADE_BYTES).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 == size {
        return file.rewind().ok().map(|()| Found::File(file));
    }
    Some(Found::Bytes(bytes.into()))
}

/// What is at the path of a body.
#[derive(Debug)]
pub enum Found {
    /// A file as any other.
    File(File),
    /// All of a file that the system makes as it is read, as those below /proc and /sys.
    Bytes(Bytes),
}

/// What the system says of the size of files that it makes.
const UNTRUE_SIZES: [u64; 2] = [0, 4096];

/// As much is read of such a file.
const MADE_BYTES: u64 = 16 * 1024 * 1024;

fn find(header: SendfileHeader, routes: &Routes, name: &[u8]) -> io::Result<InternalFile> {
    if header == SendfileHeader::Mounted {
        let path = std::str::from_utf8(name).map_err(|_| io::ErrorKind::NotFound)?;
        let found = files::open_internal(routes.mounts(), path)?;
        return found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no mount has it"));
    }
    let path = Path::new(std::ffi::OsStr::from_bytes(name));
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not absolute"));
    }
    Ok(InternalFile { file: files::open_path(path)?, name: name.to_vec() })
}

/// Whether it is the server that cannot, and not the file.
fn is_shortage(cause: &io::Error) -> bool {
    const ENOMEM: i32 = 12;
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EIO: i32 = 5;
    matches!(cause.raw_os_error(), Some(EIO | ENOMEM | ENFILE | EMFILE))
        || cause.kind() == io::ErrorKind::Other
}

/// The fields but for those about the length of a body.
///
/// # Errors
/// Never: all of them were fields before.
pub fn without_length(fields: &Fields) -> Result<Fields, hyperion_engine::FieldError> {
    let mut kept = Fields::with_capacity(fields.wire().len());
    let others = fields.iter().filter(|(name, _)| {
        !name.eq_ignore_ascii_case(b"content-length")
            && !name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    for (name, value) in others {
        kept.push(name, value)?;
    }
    Ok(kept)
}
