//! Files, served without the application: from directories mounted below prefixes, and those that
//! an application answers with. Nothing here knows a connection; a request goes in, an answer comes
//! out, and what is large leaves as a range of an open file.
//!
//! | Module | What it holds |
//! |---|---|
//! | `mount`, `mount_config` | [`Mount`]: from a request to a file, or to nothing |
//! | `path`, `beneath` | which names are taken, and opening them without leaving the directory |
//! | `opened`, `stamp` | an open file, and what tells its states apart |
//! | `resource`, `representation` | a file with its encodings, and the responses it makes |
//! | `cache`, `preload` | small files in memory |
//! | `conditional`, `range`, `partial`, `negotiate` | what requests ask for, by RFC 9110 |
//! | `open_file` | bodies with a path and X-Sendfile |

mod beneath;
mod cache;
pub(crate) mod conditional;
mod content_type;
mod mount;
mod mount_config;
mod negotiate;
mod open_file;
mod opened;
mod partial;
mod path;
mod preload;
mod range;
mod refusal;
mod representation;
mod resource;
mod validator;

#[cfg(test)]
#[path = "../tests/files/requests.rs"]
mod requests;
#[cfg(test)]
#[path = "../tests/files/tree.rs"]
mod tree;

pub use cache::FileCache;
pub use content_type::{content_type, ensure_content_type};
pub(crate) use mount::Cold;
pub use mount::{InternalFile, Mount, open_internal};
pub use mount_config::{MountConfig, MountError};
pub use open_file::{answer_open_file, open_path};
