//! A file with its encodings, as a mount serves it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyperion_buf::DiskFile;
use hyperion_proto::{Fields, Request};

use super::beneath::Root;
use super::content_type::content_type;
use super::negotiate::{Accepted, Coding};
use super::opened::Opened;
use super::refusal::Refusal;
use super::representation::{Representation, Traits};
use crate::routes::NativeResponse;

/// How long it is believed that an encoding is not there. What is there is looked at every time.
const ABSENCE: Duration = Duration::from_secs(1);

/// What a mount says about all of its files.
#[derive(Debug)]
pub(super) struct Presentation {
    /// Fields that every file gets.
    pub headers: Fields,
    /// Files never change, so nobody looks whether they have.
    pub immutable: bool,
    /// Encodings lie beside the files.
    pub precompressed: bool,
    /// Larger files are not kept in memory.
    pub memory_bytes_max: u64,
}

/// A file and its encodings as they were when they were opened.
#[derive(Debug)]
pub(super) struct Resource {
    /// The original first, then its encodings in order of preference.
    representations: Vec<Representation>,
    looked_at: Instant,
}

/// A resource that was just made, with the open files of its representations.
#[derive(Debug)]
pub(super) struct Loaded {
    pub resource: Arc<Resource>,
    /// Whether a later change of a file is sure to be noticed.
    pub is_settled: bool,
    files: Vec<Arc<DiskFile>>,
}

impl Resource {
    /// The bytes of memory that it takes, roughly.
    pub fn cost(&self) -> u64 {
        self.representations.iter().map(Representation::cost).sum()
    }

    /// Answers from what is remembered, after a look whether it still holds.
    ///
    /// # Errors
    /// [`Refusal::Changed`] when it does not, [`Refusal::Cold`] when that cannot be told without waiting.
    pub fn answer(
        &self,
        request: &Request,
        accepted: Accepted,
        root: &Root,
        presentation: &Presentation,
    ) -> Result<NativeResponse, Refusal> {
        let index = self.choose(accepted);
        let chosen = &self.representations[index];
        if !presentation.immutable {
            self.representations[0].check(root)?;
            if index > 0 {
                chosen.check(root)?;
            }
            if presentation.precompressed && self.is_worth_a_look(accepted) {
                return Err(Refusal::Changed);
            }
        }
        chosen.answer(request, || chosen.reopen(root))
    }

    fn choose(&self, accepted: Accepted) -> usize {
        if self.representations.len() == 1 || !accepted.takes_any() {
            return 0;
        }
        let best = accepted.best(self.codings());
        self.representations.iter().position(|each| each.coding == best).unwrap_or(0)
    }

    /// Whether an encoding that the client takes may have been added since.
    fn is_worth_a_look(&self, accepted: Accepted) -> bool {
        let is_absent = |coding| self.codings().all(|present| present != coding);
        accepted.takes_any()
            && Coding::ALL.iter().any(|&coding| accepted.takes(coding) && is_absent(coding))
            && self.looked_at.elapsed() > ABSENCE
    }

    fn codings(&self) -> impl Iterator<Item = Coding> {
        self.representations.iter().filter_map(|each| each.coding)
    }
}

impl Loaded {
    /// Opens the file `path` below `root` and its encodings, and reads what is small.
    ///
    /// # Errors
    /// When there is no such regular file, or it cannot be opened or read.
    pub fn load(root: &Root, path: &[u8], presentation: &Presentation) -> Result<Self, Refusal> {
        let mut opened = vec![Opened::open(root, path, None)?];
        if presentation.precompressed && !is_encoding(path) {
            open_encodings(root, path, &mut opened)?;
        }
        let now = SystemTime::now();
        let traits = Traits {
            content_type: &content_type(path),
            headers: &presentation.headers,
            varies: opened.len() > 1,
            now,
        };
        let is_settled = opened.iter().all(|each| each.stamp.is_settled(now));
        let files = opened.iter().map(|each| each.file.clone()).collect();
        let mut representations = Vec::with_capacity(opened.len());
        for each in opened {
            let mut body = None;
            if each.stamp.size <= presentation.memory_bytes_max {
                body = each.read(root.waits())?;
            }
            let made = Representation::new(each, body, &traits).map_err(|_| Refusal::Broken)?;
            representations.push(made);
        }
        let resource = Arc::new(Resource { representations, looked_at: Instant::now() });
        Ok(Self { resource, is_settled, files })
    }

    /// Answers from the files that are open.
    ///
    /// # Errors
    /// When the response cannot be made.
    pub fn answer(&self, request: &Request, accepted: Accepted) -> Result<NativeResponse, Refusal> {
        let index = self.resource.choose(accepted);
        let file = &self.files[index];
        self.resource.representations[index].answer(request, || Ok(file.clone()))
    }
}

/// Adds the encodings that are there and were written after the original.
fn open_encodings(root: &Root, path: &[u8], opened: &mut Vec<Opened>) -> Result<(), Refusal> {
    for coding in Coding::ALL {
        match Opened::open(root, path, Some(coding)) {
            Ok(encoding) if !encoding.stamp.is_older_than(&opened[0].stamp) => {
                opened.push(encoding);
            }
            Err(Refusal::Cold) => return Err(Refusal::Cold),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a path names an encoding itself.
pub(super) fn is_encoding(path: &[u8]) -> bool {
    Coding::ALL.iter().any(|coding| path.ends_with(coding.suffix().as_bytes()))
}
