//! Why there is no file to send, and the short answers that say so.

use hyperion_proto::Response;
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
    let mut response = Response::phrase(status);
    match status {
        405 => response.fields.put("allow", "GET, HEAD"),
        503 => response.fields.put("retry-after", "1"),
        _ => {}
    }
    response
}
