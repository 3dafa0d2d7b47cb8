use std::hash::RandomState;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use smallvec::SmallVec;

use super::resource::Resource;

/// Small files and what is known of large ones, up to a number of bytes; the least recently used
/// ones make room. One cache serves all mounts. What is not there is not remembered.
#[derive(Debug)]
pub struct FileCache {
    bytes_max: u64,
    file_bytes_max: u64,
    mounts: AtomicU32,
    state: Mutex<State>,
}

/// The number of a mount, by which its files are told from others of the same name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct MountId(u32);

/// The bytes of a mount's number, then those of the path.
type Key = SmallVec<[u8; 128]>;

#[derive(Debug)]
struct State {
    resources: LruCache<Box<[u8]>, Arc<Resource>, RandomState>,
    bytes: u64,
}

impl Default for FileCache {
    /// 64 MiB for files of up to 64 KiB each.
    fn default() -> Self {
        Self::new(64 * 1024 * 1024, 64 * 1024)
    }
}

impl FileCache {
    /// A cache that takes about `bytes_max` of memory; the content of files above `file_bytes_max`
    /// is not kept.
    pub fn new(bytes_max: u64, file_bytes_max: u64) -> Self {
        let resources = LruCache::unbounded_with_hasher(RandomState::new());
        Self {
            bytes_max,
            file_bytes_max: file_bytes_max.min(bytes_max),
            mounts: AtomicU32::new(0),
            state: Mutex::new(State { resources, bytes: 0 }),
        }
    }

    /// The bytes of memory that it takes, roughly.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// The number of files in it.
    pub fn len(&self) -> usize {
        self.lock().resources.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn file_bytes_max(&self) -> u64 {
        self.file_bytes_max
    }

    /// Whether `bytes` more would push nothing out.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.bytes() + bytes <= self.bytes_max
    }

    pub(super) fn register(&self) -> MountId {
        MountId(self.mounts.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn find(&self, mount: MountId, path: &[u8]) -> Option<Arc<Resource>> {
        self.lock().resources.get(&key(mount, path)[..]).cloned()
    }

    pub(super) fn insert(&self, mount: MountId, path: &[u8], resource: Arc<Resource>) {
        let cost = resource.cost();
        if cost > self.bytes_max {
            return;
        }
        let mut state = self.lock();
        if let Some(old) = state.resources.put(key(mount, path).to_vec().into(), resource) {
            state.bytes -= old.cost();
        }
        state.bytes += cost;
        while state.bytes > self.bytes_max
            && let Some((_, old)) = state.resources.pop_lru()
        {
            state.bytes -= old.cost();
        }
    }

    pub(super) fn remove(&self, mount: MountId, path: &[u8]) {
        let mut state = self.lock();
        if let Some(old) = state.resources.pop(&key(mount, path)[..]) {
            state.bytes -= old.cost();
        }
    }

    /// Forgets all files of a mount.
    pub(super) fn forget(&self, mount: MountId) {
        let mut state = self.lock();
        let State { resources, bytes } = &mut *state;
        resources.retain(|key, resource| {
            let is_kept = !key.starts_with(&mount.0.to_ne_bytes());
            if !is_kept {
                *bytes -= resource.cost();
            }
            is_kept
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(mount: MountId, path: &[u8]) -> Key {
    let mut key = Key::from_slice(&mount.0.to_ne_bytes());
    key.extend_from_slice(path);
    key
}

#[cfg(test)]
mod tests {
    use hyperion_proto::Fields;

    use super::*;
    use crate::files::beneath::Root;
    use crate::files::resource::{Loaded, Presentation};
    use crate::files::tree::Tree;

    fn resource(size: usize) -> Arc<Resource> {
        let tree = Tree::new();
        tree.write("a", vec![0; size]);
        let presentation = Presentation {
            headers: Fields::new(),
            immutable: false,
            precompressed: false,
            memory_bytes_max: u64::MAX,
        };
        Loaded::load(&Root::open(tree.root()).unwrap(), b"a", &presentation).unwrap().resource
    }

    #[test]
    fn w30_what_replaces_or_removes_a_file_gives_its_bytes_back() {
        let cache = FileCache::default();
        let mount = cache.register();
        let (small, large) = (resource(10), resource(1000));
        cache.insert(mount, b"a", small.clone());
        assert_eq!(cache.bytes(), small.cost());
        cache.insert(mount, b"a", large.clone());
        assert_eq!((cache.bytes(), cache.len()), (large.cost(), 1));
        cache.remove(mount, b"a");
        cache.remove(mount, b"a");
        assert_eq!((cache.bytes(), cache.len()), (0, 0));
    }

    #[test]
    fn w30_a_file_larger_than_the_cache_pushes_nothing_out() {
        let cache = FileCache::new(5000, 5000);
        let mount = cache.register();
        cache.insert(mount, b"small", resource(10));
        cache.insert(mount, b"large", resource(4000));
        assert!(cache.find(mount, b"small").is_some());
        assert!(cache.find(mount, b"large").is_none());
    }

    #[test]
    fn a_mount_does_not_see_the_files_of_another() {
        let cache = FileCache::default();
        let (one, other) = (cache.register(), cache.register());
        cache.insert(one, b"a", resource(1));
        assert!(cache.find(one, b"a").is_some() && cache.find(other, b"a").is_none());
    }
}
