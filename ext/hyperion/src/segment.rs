//! `Hyperion::Engine::Segment`: the memory in which all processes of a server count, made before the fork.

use std::sync::Arc;

use hyperion_engine::metrics::{self, Format};
use hyperion_engine::{Phase, Restart, Segment as Memory, Snapshot, Stats};
use magnus::prelude::*;
use magnus::{Error, RClass, RHash, Ruby, Symbol, TypedData, function, method};

use crate::vm::class;
use crate::vm::error;

/// Blocks of a segment, above which somebody has miscounted.
const BLOCKS_MAX: usize = 8192;

/// One per server; its processes inherit it.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Engine::Segment", size, free_immediately)]
pub struct Segment {
    memory: Arc<Memory>,
    blocks: usize,
}

impl magnus::DataTypeFunctions for Segment {}

impl Segment {
    /// `new(blocks)`: room for so many processes at once.
    fn new(ruby: &Ruby, blocks: usize) -> Result<Self, Error> {
        if !(1..=BLOCKS_MAX).contains(&blocks) {
            let message = format!("{blocks} blocks: it must be 1 to {BLOCKS_MAX}");
            return Err(Error::new(ruby.exception_arg_error(), message));
        }
        let memory = Memory::new(blocks)
            .map_err(|cause| error::error(ruby, format!("no memory for the counters: {cause}")))?;
        Ok(Self { memory, blocks })
    }

    /// `claim`: the number of a block that no process owns, for one that is to be forked; nil when
    /// there is none.
    fn claim(&self) -> Option<usize> {
        self.memory.claim()
    }

    /// `release(block)`: its process is dead.
    fn release(ruby: &Ruby, this: &Self, block: usize) -> Result<(), Error> {
        this.check(ruby, block)?;
        this.memory.release(block);
        Ok(())
    }

    /// `restarted(reason)`: a worker was replaced.
    fn restarted(ruby: &Ruby, this: &Self, reason: Symbol) -> Result<(), Error> {
        let reason = named(ruby, reason, Restart::named)?;
        this.memory.restarted(reason);
        Ok(())
    }

    /// `stalled`: a worker begins none of the requests that wait.
    fn stalled(&self) {
        self.memory.stalled();
    }

    /// `phase = :booting, :serving or :draining`: how far the whole server has come.
    fn set_phase(ruby: &Ruby, this: &Self, phase: Symbol) -> Result<(), Error> {
        let phase = named(ruby, phase, Phase::named)?;
        this.memory.set_phase(phase);
        Ok(())
    }

    /// `phase`
    fn phase(ruby: &Ruby, this: &Self) -> Symbol {
        ruby.to_symbol(this.memory.phase().name())
    }

    /// `stats`: the numbers of all processes together by name, and under `:workers` an Array with
    /// those of each process that lives.
    fn stats(ruby: &Ruby, this: &Self) -> Result<RHash, Error> {
        let stats = to_hash(ruby, &this.memory.snapshot())?;
        stats.aset(ruby.to_symbol("master_pid"), this.memory.master_pid())?;
        stats.aset(ruby.to_symbol("uptime_s"), this.memory.uptime().as_secs_f64())?;
        Ok(stats)
    }

    /// `text(format)`: what `/-/metrics` shows, as `:prometheus` or `:openmetrics`.
    fn text(ruby: &Ruby, this: &Self, format: Symbol) -> Result<String, Error> {
        let format = named(ruby, format, |name| match name {
            "openmetrics" => Some(Format::OpenMetrics),
            "prometheus" => Some(Format::Prometheus),
            _ => None,
        })?;
        Ok(metrics::render(&this.memory, format))
    }

    /// This process counts in the block from now on.
    ///
    /// # Errors
    /// An ArgumentError for a block that is not there.
    pub fn begin(&self, ruby: &Ruby, block: usize, slot: usize) -> Result<Stats, Error> {
        self.check(ruby, block)?;
        self.memory.begin(block, slot, std::process::id());
        Ok(self.memory.stats(block))
    }

    fn check(&self, ruby: &Ruby, block: usize) -> Result<(), Error> {
        if block < self.blocks {
            return Ok(());
        }
        let message = format!("block {block} of {}", self.blocks);
        Err(Error::new(ruby.exception_arg_error(), message))
    }
}

fn to_hash(ruby: &Ruby, snapshot: &Snapshot) -> Result<RHash, Error> {
    let stats = ruby.hash_new();
    for (name, value) in snapshot.totals() {
        stats.aset(ruby.to_symbol(name), value)?;
    }
    let workers = ruby.ary_new();
    for (worker, memory) in snapshot.workers().iter().zip(metrics::memory_of(snapshot)) {
        let shown = ruby.hash_new();
        shown.aset(ruby.to_symbol("slot"), worker.slot)?;
        shown.aset(ruby.to_symbol("pid"), worker.pid)?;
        shown.aset(ruby.to_symbol("uptime_s"), worker.uptime().as_secs_f64())?;
        shown.aset(ruby.to_symbol("rss_bytes"), memory.resident_bytes)?;
        shown.aset(ruby.to_symbol("pss_bytes"), memory.proportional_bytes)?;
        for (name, value) in &worker.numbers {
            shown.aset(ruby.to_symbol(*name), *value)?;
        }
        workers.push(shown)?;
    }
    stats.aset(ruby.to_symbol("workers"), workers)?;
    Ok(stats)
}

fn named<T>(ruby: &Ruby, name: Symbol, find: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    let name = name.name()?;
    find(&name).ok_or_else(|| {
        Error::new(ruby.exception_arg_error(), format!("{name:?} is none of the names"))
    })
}

/// Defines the class below that of the engine.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby, engine: RClass) -> Result<(), Error> {
    let class = class::define::<Segment>(ruby, engine, "Segment")?;
    class.define_singleton_method("new", function!(Segment::new, 1))?;
    class.define_method("claim", method!(Segment::claim, 0))?;
    class.define_method("release", method!(Segment::release, 1))?;
    class.define_method("restarted", method!(Segment::restarted, 1))?;
    class.define_method("stalled", method!(Segment::stalled, 0))?;
    class.define_method("phase=", method!(Segment::set_phase, 1))?;
    class.define_method("phase", method!(Segment::phase, 0))?;
    class.define_method("stats", method!(Segment::stats, 0))?;
    class.define_method("text", method!(Segment::text, 1))
}
