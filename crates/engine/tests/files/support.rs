//! Mounts of temporary directories, and their answers taken apart.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use hyperion_buf::Segment;
use hyperion_engine::files::{FileCache, Mount, MountConfig};
use hyperion_engine::{Fields, NativeResponse, ResponseBody};
use hyperion_proto::Prepared;

use crate::requests::get;
use crate::tree::Tree;

/// A mount of the tree below `/`.
pub fn mount(tree: &Tree) -> Mount {
    mount_with(tree, |_| {})
}

pub fn mount_with(tree: &Tree, change: impl FnOnce(&mut MountConfig)) -> Mount {
    mount_on(&Arc::new(FileCache::default()), tree, change)
}

pub fn mount_on(
    cache: &Arc<FileCache>,
    tree: &Tree,
    change: impl FnOnce(&mut MountConfig),
) -> Mount {
    let mut config = MountConfig { root: tree.root().into(), ..MountConfig::default() };
    change(&mut config);
    Mount::open(config, cache.clone()).unwrap()
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub fields: Fields,
    pub body: Vec<u8>,
    /// The bytes were rendered before the request came, or may be for the next one.
    pub is_prepared: bool,
}

impl Seen {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.find(name).map(|value| std::str::from_utf8(value).unwrap())
    }

    pub fn etag(&self) -> &str {
        self.field("etag").expect("it has an entity tag")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl From<NativeResponse> for Seen {
    fn from(answer: NativeResponse) -> Self {
        match answer {
            NativeResponse::Prepared(prepared) => Self {
                status: prepared.status(),
                fields: prepared.fields().clone(),
                body: prepared.body().to_vec(),
                is_prepared: true,
            },
            NativeResponse::Response(response) => Self {
                status: response.status,
                body: bytes_of(response.body),
                fields: response.fields,
                is_prepared: false,
            },
        }
    }
}

/// What a mount answers to a GET.
pub fn fetch(mount: &Mount, target: &str, headers: &[(&str, &str)]) -> Option<Seen> {
    mount.answer(&get(target, headers)).map(Seen::from)
}

/// What a mount answers to a GET that finds a file.
pub fn hit(mount: &Mount, target: &str, headers: &[(&str, &str)]) -> Seen {
    fetch(mount, target, headers).unwrap_or_else(|| panic!("{target} was missed"))
}

/// Asks until the file is old enough for the answer to come from memory.
pub fn settled(mount: &Mount, target: &str, headers: &[(&str, &str)]) -> Arc<Prepared> {
    loop {
        let mut answers = (0..2).map(|_| mount.answer(&get(target, headers)));
        match (answers.next().flatten(), answers.next().flatten()) {
            (Some(NativeResponse::Prepared(first)), Some(NativeResponse::Prepared(second)))
                if Arc::ptr_eq(&first, &second) =>
            {
                return second;
            }
            (Some(NativeResponse::Prepared(_)), Some(NativeResponse::Prepared(_))) => {
                std::thread::yield_now()
            }
            _ => panic!("{target} is not answered from memory"),
        }
    }
}

/// All bytes of a body, files included.
pub fn bytes_of(body: ResponseBody) -> Vec<u8> {
    let segments = match body {
        ResponseBody::Empty => Vec::new(),
        ResponseBody::Full(bytes) => vec![Segment::Shared(bytes)],
        ResponseBody::File(range) => vec![Segment::File(range)],
        ResponseBody::Parts(segments) => segments,
        other => panic!("files have no such body: {other:?}"),
    };
    let bytes = segments.into_iter().flat_map(|segment| match segment {
        Segment::Owned(bytes) => bytes,
        Segment::Shared(bytes) => bytes.to_vec(),
        Segment::File(range) => {
            let mut bytes = vec![0; range.length as usize];
            range.file.read_exact_at(&mut bytes, range.offset).unwrap();
            bytes
        }
    });
    bytes.collect()
}
