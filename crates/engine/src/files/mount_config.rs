//! What a mount is told, and what is wrong with it.

use std::path::PathBuf;

use hyperion_proto::Fields;

use super::path::is_servable;

/// Extra fields of a mount are small: they are sent with each of its files.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// What each file decides for itself, or the connection does.
const DECIDED_HEADERS: [&str; 11] = [
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "trailer",
    "transfer-encoding",
];

const FOREVER: &str = "public, max-age=31536000, immutable";

/// Which files are served below which prefix, and how.
#[derive(Clone, Debug)]
pub struct MountConfig {
    /// Where paths begin: `/` or whole segments such as `/assets`.
    pub prefix: String,
    /// The directory with the files.
    pub root: PathBuf,
    /// Names of files that answer for their directory, the first one that is there.
    pub index: Vec<String>,
    /// Requests that find no file go on to the application instead of being answered.
    pub fallthrough: bool,
    /// Files never change: they are read at once, kept without looking again, and clients are told
    /// to keep them for a year.
    pub immutable: bool,
    /// Further fields for every file, such as `cache-control`.
    pub headers: Fields,
    /// Files with `.br`, `.zst` or `.gz` behind the name hold the same, encoded.
    pub precompressed: bool,
    /// Only the application can have files sent, by `X-Accel-Redirect`.
    pub internal: bool,
    /// Names that begin with a dot are served. `.well-known` always is.
    pub dotfiles: bool,
}

/// Why a mount cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A header that the server decides about.
    #[error("{0}: the server decides this header for each file; leave it out of the mount")]
    Header(String),
    /// The headers are larger than 16 KiB.
    #[error("the headers of the mount {0}/ are larger than 16 KiB; send fewer")]
    HeadersSize(String),
    /// The name of an index file leads elsewhere.
    #[error("{0:?} cannot be an index file; give a file name such as \"index.html\"")]
    Index(String),
    /// The prefix is no path of whole segments.
    #[error("{0:?} cannot be the prefix of a mount; give a path such as \"/assets\"")]
    Prefix(String),
    /// The directory cannot be opened.
    #[error("{}: {}; {}", .path.display(), .source, fix(.source))]
    Root {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Default for MountConfig {
    /// Mutable, visible files of the working directory below `/`, with misses going on.
    fn default() -> Self {
        Self {
            prefix: "/".into(),
            root: ".".into(),
            index: Vec::new(),
            fallthrough: true,
            immutable: false,
            headers: Fields::new(),
            precompressed: false,
            internal: false,
            dotfiles: false,
        }
    }
}

impl MountConfig {
    /// Checks everything but the directory, takes the slash off the end of the prefix, and adds
    /// what immutable files say to caches.
    pub(super) fn checked(mut self) -> Result<Self, MountError> {
        if !is_prefix(&self.prefix) {
            return Err(MountError::Prefix(self.prefix));
        }
        if self.prefix.ends_with('/') {
            self.prefix.pop();
        }
        let is_name =
            |name: &str| is_servable(name.as_bytes(), true) && !name.contains(['/', '\0']);
        if let Some(name) = self.index.iter().find(|name| !is_name(name)) {
            return Err(MountError::Index(name.clone()));
        }
        if self.headers.wire().len() > HEADERS_BYTES_MAX {
            return Err(MountError::HeadersSize(self.prefix));
        }
        let decided = self.headers.iter().find(|(name, _)| {
            DECIDED_HEADERS.iter().any(|decided| name.eq_ignore_ascii_case(decided.as_bytes()))
        });
        if let Some((name, _)) = decided {
            return Err(MountError::Header(String::from_utf8_lossy(name).into()));
        }
        if self.immutable && self.headers.find("cache-control").is_none() {
            self.headers.put("cache-control", FOREVER);
        }
        Ok(self)
    }
}

/// Whether requests can have paths that begin so: the prefix is compared as it is written.
fn is_prefix(prefix: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#');
    let Some(segments) = prefix.strip_prefix('/') else { return false };
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    prefix == "/" || (segments.bytes().all(is_plain) && is_servable(segments.as_bytes(), true))
}

fn fix(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => "create the directory or mount another one",
        std::io::ErrorKind::NotADirectory => "mount the directory that the file is in",
        std::io::ErrorKind::PermissionDenied => "let the user of the server enter the directory",
        _ => "mount a directory that can be opened",
    }
}
