//! The routes that Ruby has registered, as the engine looks them up: [`Routes`] for the reactor, and
//! the blocks, which only executors touch.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use hyperion_engine::files::{FileCache, Mount, MountConfig};
use hyperion_engine::{Fields, Limits, Routes, StaticResponse, Target};
use magnus::gc::Marker;
use magnus::value::Opaque;
use magnus::{Error, RArray, RHash, RString, Ruby, Symbol, TryConvert, Value};

use crate::vm::error;
use crate::vm::gvl::off_lock;
use crate::vm::raw;

/// Content of files up to this size is kept in memory.
const CACHED_FILE_BYTES: u64 = 64 * 1024;

/// The routes of one engine. Every registration has a number that no other ever has, so that a block
/// is called for its own requests only, and what is known already is taken over as it is.
pub struct Table {
    native: bool,
    cache: Arc<FileCache>,
    limits: Limits,
    state: RefCell<State>,
}

/// Nothing calls Ruby while it borrows this mutably: a collection looks at the blocks.
struct State {
    routes: Arc<Routes>,
    known: HashMap<u32, Target>,
    /// Number => block.
    blocks: Opaque<RHash>,
}

impl Table {
    /// No routes. Without `native`, executors answer what is registered.
    pub fn new(ruby: &Ruby, native: bool, cache_bytes: u64, limits: Limits) -> Self {
        let routes = Arc::new(Routes::new(native));
        let state = State { routes, known: HashMap::new(), blocks: ruby.hash_new().into() };
        let cache = Arc::new(FileCache::new(cache_bytes, CACHED_FILE_BYTES));
        Self { native, cache, limits, state: RefCell::new(state) }
    }

    /// Marks the blocks.
    pub fn mark(&self, marker: &Marker) {
        marker.mark(self.state.borrow().blocks);
    }

    /// What the reactor looks up.
    pub fn routes(&self) -> Arc<Routes> {
        self.state.borrow().routes.clone()
    }

    /// The block of this number, while it is registered.
    pub fn block(&self, ruby: &Ruby, number: u32) -> Option<Value> {
        let blocks = ruby.get_inner(self.state.borrow().blocks);
        blocks.get(number)
    }

    /// Takes the place of all routes: an Array of Hashes, each about one registration.
    ///
    /// # Errors
    /// A `Hyperion::Error` that says which directory or header is no good; nothing is changed then.
    pub fn replace(&self, ruby: &Ruby, entries: RArray) -> Result<(), Error> {
        let former = self.state.borrow().known.clone();
        let (mut routes, mut known) = (Routes::new(self.native), HashMap::new());
        let blocks = ruby.hash_new();
        for index in 0..entries.len() {
            let hash = RHash::try_convert(raw::element(ruby, entries, index))?;
            let entry = Entry { ruby, hash, limits: &self.limits };
            let number: u32 = entry.fetch("number")?;
            let target = match former.get(&number) {
                Some(target) => target.clone(),
                None => entry.target(number, &self.cache)?,
            };
            match &target {
                Target::Files(mount) => routes.mount(mount.clone()),
                target => entry.add(&mut routes, target.clone())?,
            }
            if let Target::Block(_) = target {
                blocks.aset(number, entry.fetch::<Value>("block")?)?;
            }
            known.insert(number, target);
        }
        let fresh = State { routes: Arc::new(routes), known, blocks: blocks.into() };
        drop(self.state.replace(fresh));
        Ok(())
    }
}

/// One registration, as Ruby describes it.
struct Entry<'a> {
    ruby: &'a Ruby,
    hash: RHash,
    limits: &'a Limits,
}

impl Entry<'_> {
    fn target(&self, number: u32, cache: &Arc<FileCache>) -> Result<Target, Error> {
        let kind: Symbol = self.fetch("kind")?;
        match &*kind.name()? {
            "static" => {
                let body: RString = self.fetch("body")?;
                let body = raw::with_bytes(body, Bytes::copy_from_slice);
                let response = StaticResponse::new(self.fetch("status")?, self.headers()?, body)
                    .map_err(|cause| self.error(&format!("it cannot be sent: {cause}")))?;
                Ok(Target::Static(Arc::new(response)))
            }
            "block" => Ok(Target::Block(number)),
            "mount" => self.mount(cache).map(Target::Files),
            kind => Err(error::error(self.ruby, format!("{kind} is no kind of route"))),
        }
    }

    fn add(&self, routes: &mut Routes, target: Target) -> Result<(), Error> {
        let (method, path): (String, String) = (self.fetch("method")?, self.fetch("path")?);
        routes.add(&method, &path, target);
        Ok(())
    }

    fn mount(&self, cache: &Arc<FileCache>) -> Result<Arc<Mount>, Error> {
        let config = MountConfig {
            prefix: self.fetch("prefix")?,
            root: self.fetch::<PathBuf>("dir")?,
            index: self.fetch("index")?,
            fallthrough: self.fetch("fallthrough")?,
            immutable: self.fetch("immutable")?,
            headers: self.headers()?,
            precompressed: self.fetch("precompressed")?,
            internal: self.fetch("internal")?,
            dotfiles: false,
        };
        let opened = off_lock(|| Mount::open(config, cache.clone()));
        opened.map(Arc::new).map_err(|cause| self.error(&cause.to_string()))
    }

    /// What is wrong with it, behind the place of its registration.
    fn error(&self, cause: &str) -> Error {
        match self.fetch::<String>("place") {
            Ok(place) => error::error(self.ruby, format!("{place}: {cause}")),
            Err(missing) => missing,
        }
    }

    fn headers(&self) -> Result<Fields, Error> {
        let pairs: RArray = self.fetch("headers")?;
        let mut fields = Fields::new();
        for index in 0..pairs.len() {
            let (name, value) =
                <(RString, RString)>::try_convert(raw::element(self.ruby, pairs, index))?;
            let pushed = raw::with_bytes(name, |name| {
                raw::with_bytes(value, |value| fields.push(name, value))
            });
            pushed.map_err(|cause| {
                self.error(&format!("the header {name} cannot be sent: {cause}"))
            })?;
        }
        match self.limits.exceeded_by(&fields) {
            None => Ok(fields),
            Some(option) => Err(self.error(&format!("the headers exceed {option}; send fewer"))),
        }
    }

    fn fetch<T: TryConvert>(&self, name: &str) -> Result<T, Error> {
        self.hash.fetch(self.ruby.to_symbol(name))
    }
}
