//! Why there is no file to send, and the short answers that say so.

use bytes::Bytes;
use hyperion_proto::{Fields, Response, ResponseBody};
use rustix::io::Errno;

/// Why a path leads to no file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// The disk or the kernel failed.
    Broken,
    /// It is not what the cache remembers.
    Changed,
    /// A disk may have to be waited for, which was not allowed.
    Cold,
    /// It is a directory.
    Directory,
    /// This process may not read it.
    Forbidden,
    /// There is no such file, or nothing that could be sent.
    Missing,
    /// No descriptor or memory is left for it; soon there may be.
    Overloaded,
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        match error {
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::AGAIN => Self::Cold,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Overloaded,
            Errno::ILSEQ
            | Errno::INVAL
            | Errno::ISDIR
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NODEV
            | Errno::NOENT
            | Errno::NOTDIR
            | Errno::NXIO
            | Errno::XDEV => Self::Missing,
            _ => Self::Broken,
        }
    }
}

impl Refusal {
    /// The status that tells a client.
    pub fn status(self) -> u16 {
        match self {
            Self::Directory | Self::Missing => 404,
            Self::Forbidden => 403,
            Self::Cold | Self::Overloaded => 503,
            Self::Broken | Self::Changed => 500,
        }
    }
}

/// A response of a line of text.
pub(super) fn plain(status: u16) -> Response {
    let text: &'static [u8] = match status {
        403 => b"Forbidden\n",
        404 => b"Not Found\n",
        405 => b"Method Not Allowed\n",
        412 => b"Precondition Failed\n",
        416 => b"Range Not Satisfiable\n",
        503 => b"Service Unavailable\n",
        _ => b"Internal Server Error\n",
    };
    let mut fields = Fields::new();
    put(&mut fields, "content-type", "text/plain; charset=utf-8");
    match status {
        405 => put(&mut fields, "allow", "GET, HEAD"),
        503 => put(&mut fields, "retry-after", "1"),
        _ => {}
    }
    Response { status, fields, body: ResponseBody::Full(Bytes::from_static(text)) }
}

/// Adds a field that is known to be sound to a few others.
pub(super) fn put(fields: &mut Fields, name: &str, value: &str) {
    fields.push(name.as_bytes(), value.as_bytes()).expect("a short field of plain text is valid");
}
