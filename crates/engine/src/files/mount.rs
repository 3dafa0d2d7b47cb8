use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use hyperion_proto::{Fields, Request, Response, ResponseBody};
use rustix::io::Errno;
use smallvec::SmallVec;

use super::beneath::Root;
use super::cache::{FileCache, MountId};
use super::mount_config::{MountConfig, MountError};
use super::negotiate::Accepted;
use super::opened::{c_string, open_regular};
use super::path::{decode, file_name, is_servable};
use super::preload::preload;
use super::refusal::{Refusal, plain};
use super::resource::{Loaded, Presentation, is_encoding};
use crate::routes::NativeResponse;

/// Larger files that may be on another machine are read while they are sent.
const FETCHED_BYTES_MAX: u64 = 1 << 20;

/// A directory whose files answer below a prefix.
#[derive(Debug)]
pub struct Mount {
    /// Without a slash at its end; empty for `/`.
    prefix: String,
    label: String,
    root: Root,
    /// The same for the reactor.
    at_once: Root,
    index: Vec<String>,
    fallthrough: bool,
    internal: bool,
    dotfiles: bool,
    presentation: Presentation,
    cache: Arc<FileCache>,
    id: MountId,
}

/// Whoever looks must be able to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cold;

/// A file that the application may have sent instead of a body.
#[derive(Debug)]
pub struct InternalFile {
    /// The open file.
    pub file: File,
    /// Its name, without the directories.
    pub name: Vec<u8>,
}

impl Mount {
    /// Opens the directory, and reads its small files if they never change. The directory stays
    /// the same one when its name, or a link in its path, comes to mean another.
    ///
    /// # Errors
    /// [`MountError`] names what is wrong and what would help.
    pub fn open(config: MountConfig, cache: Arc<FileCache>) -> Result<Self, MountError> {
        let config = config.checked()?;
        let root = Root::open(&config.root)
            .map_err(|error| MountError::Root { path: config.root, source: error.into() })?;
        let presentation = Presentation {
            headers: config.headers,
            immutable: config.immutable,
            precompressed: config.precompressed,
            memory_bytes_max: cache.file_bytes_max(),
        };
        let mount = Self {
            label: format!("{}/*", config.prefix),
            prefix: config.prefix,
            at_once: root.without_waiting(),
            root,
            index: config.index,
            fallthrough: config.fallthrough,
            internal: config.internal,
            dotfiles: config.dotfiles,
            presentation,
            id: cache.register(),
            cache,
        };
        if mount.presentation.immutable {
            preload(&mount.root, mount.dotfiles, |path| mount.keep(path));
        }
        Ok(mount)
    }

    /// Where its paths begin: `/` or whole segments such as `/assets`.
    pub fn prefix(&self) -> &str {
        if self.prefix.is_empty() { "/" } else { &self.prefix }
    }

    /// Whether it is on a disk of this machine, as far as is known.
    pub(crate) fn is_near(&self) -> bool {
        self.root.is_local()
    }

    /// All of its paths in one word, for metrics.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether `path`, which is not decoded, is the prefix or below it.
    pub fn matches(&self, path: &str) -> bool {
        self.below(path).is_some()
    }

    /// Answers a request whose path it matches. `None` passes the request on to the application.
    pub fn answer(&self, request: &Request) -> Option<NativeResponse> {
        let answer = self.conclude(self.look_up(request, &self.root))?;
        Some(if self.is_near() { answer } else { fetch(answer) })
    }

    /// The same for a thread that must not wait.
    ///
    /// # Errors
    /// When a disk, or what stands for one, may have to be waited for.
    pub(crate) fn answer_at_once(&self, request: &Request) -> Result<Option<NativeResponse>, Cold> {
        match self.look_up(request, &self.at_once) {
            Err(Refusal::Cold) => Err(Cold),
            found => Ok(self.conclude(found)),
        }
    }

    fn conclude(&self, found: Result<NativeResponse, Refusal>) -> Option<NativeResponse> {
        match found {
            Ok(answer) => Some(answer),
            Err(Refusal::Directory | Refusal::Forbidden | Refusal::Missing) if self.fallthrough => {
                None
            }
            Err(refusal) => Some(NativeResponse::Response(plain(refusal.status()))),
        }
    }

    fn look_up(&self, request: &Request, root: &Root) -> Result<NativeResponse, Refusal> {
        if !matches!(request.method(), "GET" | "HEAD") {
            return match self.fallthrough {
                true => Err(Refusal::Missing),
                false => Ok(NativeResponse::Response(plain(405))),
            };
        }
        match self.internal {
            true => Err(Refusal::Missing),
            false => self.find(request, root),
        }
    }

    /// Opens the file that an `X-Accel-Redirect` names by a path below the prefix, escaped as in a
    /// URL; what follows a `?` is ignored. `None` when there is no such file.
    ///
    /// # Errors
    /// When descriptors or memory are exhausted, or the disk fails.
    pub fn open_internal(&self, path: &str) -> std::io::Result<Option<InternalFile>> {
        let path = path.split('?').next().unwrap_or_default();
        let opened = self
            .below(path)
            .and_then(|below| decode(below.strip_prefix('/')?.as_bytes()))
            .filter(|below| is_servable(below, self.dotfiles))
            .ok_or(Refusal::Missing)
            .and_then(|below| {
                let name = file_name(&below).to_vec();
                let (file, _) = open_regular(&self.root, &c_string(below.into_owned())?)?;
                Ok(InternalFile { file, name })
            });
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(Refusal::Overloaded) => Err(Errno::MFILE.into()),
            Err(Refusal::Broken) => Err(Errno::IO.into()),
            Err(_) => Ok(None),
        }
    }

    /// What follows the prefix: nothing, or a slash and more.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix(&*self.prefix)?;
        (below.is_empty() || below.starts_with('/')).then_some(below)
    }

    fn find(&self, request: &Request, root: &Root) -> Result<NativeResponse, Refusal> {
        let below = self.below(request.path()).ok_or(Refusal::Missing)?;
        let Some(raw) = below.strip_prefix('/') else { return self.redirect(request, b"", root) };
        let path = decode(raw.as_bytes()).ok_or(Refusal::Missing)?;
        if path.is_empty() || path.ends_with(b"/") {
            return self.answer_directory(request, &path, root);
        }
        match self.answer_file(request, &path, root) {
            Err(Refusal::Directory) => self.redirect(request, &path, root),
            result => result,
        }
    }

    fn answer_file(
        &self,
        request: &Request,
        path: &[u8],
        root: &Root,
    ) -> Result<NativeResponse, Refusal> {
        let accepted = match self.presentation.precompressed {
            true => Accepted::of(request),
            false => Accepted::default(),
        };
        if let Some(resource) = self.cache.find(self.id, path) {
            match resource.answer(request, accepted, root, &self.presentation) {
                Err(Refusal::Changed) => self.cache.remove(self.id, path),
                result => return result,
            }
        }
        self.load(path, root)?.answer(request, accepted)
    }

    /// Opens a file and keeps what may be kept.
    fn load(&self, path: &[u8], root: &Root) -> Result<Loaded, Refusal> {
        if !is_servable(path, self.dotfiles) {
            return Err(Refusal::Missing);
        }
        let loaded = Loaded::load(root, path, &self.presentation)?;
        if loaded.is_settled || self.presentation.immutable {
            self.cache.insert(self.id, path, loaded.resource.clone());
        }
        Ok(loaded)
    }

    /// Reads a file before anybody asks for it; false when the cache has no room for it. Encodings
    /// come with their original.
    fn keep(&self, path: &[u8]) -> bool {
        if self.presentation.precompressed && is_encoding(path) {
            return true;
        }
        let Ok(loaded) = Loaded::load(&self.root, path, &self.presentation) else { return true };
        let has_room = self.cache.has_room(loaded.resource.cost());
        if has_room {
            self.cache.insert(self.id, path, loaded.resource);
        }
        has_room
    }

    /// Answers for a directory, named with its slash, from its index.
    fn answer_directory(
        &self,
        request: &Request,
        directory: &[u8],
        root: &Root,
    ) -> Result<NativeResponse, Refusal> {
        for name in &self.index {
            match self.answer_file(request, &join(directory, name), root) {
                Err(Refusal::Directory | Refusal::Missing) => {}
                result => return result,
            }
        }
        Err(Refusal::Missing)
    }

    /// Sends the client of a directory without its slash to the one with it, for the links in the
    /// index to work.
    fn redirect(
        &self,
        request: &Request,
        directory: &[u8],
        root: &Root,
    ) -> Result<NativeResponse, Refusal> {
        let mut directory = directory.to_vec();
        if !directory.is_empty() {
            directory.push(b'/');
        }
        self.check_index(&directory, root)?;
        // Some clients take a backslash for a slash, and two of those for another host.
        let mut location = request.path().replace('\\', "%5C") + "/";
        if let Some(query) = request.query() {
            location = location + "?" + query;
        }
        let mut fields = Fields::new();
        fields.push(b"location", location.as_bytes()).map_err(|_| Refusal::Broken)?;
        Ok(NativeResponse::Response(Response { status: 301, fields, body: ResponseBody::Empty }))
    }

    /// # Errors
    /// When the directory, named with its slash, has no index.
    fn check_index(&self, directory: &[u8], root: &Root) -> Result<(), Refusal> {
        for name in &self.index {
            let path = join(directory, name);
            if !is_servable(&path, self.dotfiles) {
                continue;
            }
            match open_regular(root, &c_string(path.to_vec())?) {
                Ok(_) => return Ok(()),
                Err(Refusal::Cold) => return Err(Refusal::Cold),
                Err(_) => {}
            }
        }
        Err(Refusal::Missing)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.cache.forget(self.id);
    }
}

/// Reads what whoever sends it would have to wait for.
fn fetch(answer: NativeResponse) -> NativeResponse {
    let NativeResponse::Response(Response { status, fields, body: ResponseBody::File(range) }) =
        answer
    else {
        return answer;
    };
    if range.length > FETCHED_BYTES_MAX {
        return NativeResponse::Response(Response {
            status,
            fields,
            body: ResponseBody::File(range),
        });
    }
    let mut bytes = vec![0; range.length as usize];
    match range.file.read_exact_at(&mut bytes, range.offset) {
        Ok(()) => NativeResponse::Response(Response {
            status,
            fields,
            body: ResponseBody::Full(bytes.into()),
        }),
        Err(_) => NativeResponse::Response(plain(500)),
    }
}

/// Opens the file that an `X-Accel-Redirect` names in the mount with the longest prefix that
/// matches. `None` when no mount matches or it has no such file.
///
/// # Errors
/// When descriptors or memory are exhausted, or the disk fails.
pub fn open_internal<'a>(
    mounts: impl IntoIterator<Item = &'a Mount>,
    path: &str,
) -> std::io::Result<Option<InternalFile>> {
    let plain_path = path.split('?').next().unwrap_or_default();
    let matching = mounts.into_iter().filter(|mount| mount.matches(plain_path));
    match matching.max_by_key(|mount| mount.prefix.len()) {
        Some(mount) => mount.open_internal(path),
        None => Ok(None),
    }
}

fn join(directory: &[u8], name: &str) -> SmallVec<[u8; 128]> {
    let mut path = SmallVec::from_slice(directory);
    path.extend_from_slice(name.as_bytes());
    path
}
