//! `Hyperion::Engine`: the engine of one process, as Ruby starts, feeds and ends it.

use std::cell::RefCell;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyperion_engine::{Config, Engine as Reactor, JobQueue, Level};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::scan_args::scan_args;
use magnus::value::{Lazy, Opaque};
use magnus::{
    DataTypeFunctions, Error, RClass, RHash, Ruby, Symbol, TypedData, Value, function, method,
};

use crate::config::Settings;
use crate::error::{self, HYPERION, contain};
use crate::executor::Executor;
use crate::finish::Finishing;
use crate::gvl::{Birthplace, without_gvl};
use crate::{env, raw};

/// Between two looks at whether everything has ended.
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// One per process, made after the last fork.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Engine", mark, size, free_immediately)]
pub struct Engine {
    app: Opaque<Value>,
    template: Opaque<RHash>,
    finishing: Finishing,
    queue: Arc<JobQueue>,
    config: Config,
    listeners: RefCell<Vec<OwnedFd>>,
    reactor: OnceLock<Arc<Reactor>>,
    birthplace: Birthplace,
}

impl DataTypeFunctions for Engine {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.app);
        marker.mark(self.template);
        self.finishing.mark(marker);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(reactor) = self.reactor.take() else { return };
        if !self.birthplace.is_here() {
            std::mem::forget(reactor);
            return;
        }
        self.queue.close();
        // Neither a collection nor the end of the process waits for it. If no thread can be had, the
        // reactor ends with the process.
        let _ = std::thread::Builder::new().spawn(move || reactor.stop());
    }
}

impl Engine {
    /// `new(app, settings)`.
    fn new(ruby: &Ruby, app: Value, settings: RHash) -> Result<Self, Error> {
        let settings = Settings::read(ruby, settings)?;
        Ok(Self {
            app: app.into(),
            template: env::template(ruby, &settings.shared)?.into(),
            finishing: Finishing::new(ruby),
            queue: Arc::new(JobQueue::new(settings.max_pending)),
            config: settings.engine,
            listeners: RefCell::default(),
            reactor: OnceLock::new(),
            birthplace: Birthplace::here(),
        })
    }

    /// `listen(fd)`: serves a duplicate of this listening socket.
    fn listen(ruby: &Ruby, this: &Self, descriptor: RawFd) -> Result<(), Error> {
        let listener = raw::duplicate(descriptor)
            .map_err(|cause| error::error(ruby, format!("descriptor {descriptor}: {cause}")))?;
        this.listeners.borrow_mut().push(listener);
        Ok(())
    }

    /// `start`: spawns the engine's threads.
    fn start(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || {
            if this.reactor.get().is_some() {
                return Err(error::error(ruby, "the engine was started before"));
            }
            let listeners = this.listeners.take();
            let reactor = Reactor::start(this.config.clone(), listeners, this.queue.clone())
                .map_err(|cause| error::error(ruby, cause.to_string()))?;
            let _ = this.reactor.set(Arc::new(reactor));
            Ok(())
        })
    }

    /// `run_executor`: answers requests in this thread until the engine is stopped.
    fn run_executor(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        let reactor = this.running(ruby)?;
        let executor = Executor {
            ruby,
            app: ruby.get_inner(this.app),
            template: ruby.get_inner(this.template),
            finishing: &this.finishing,
            queue: this.queue.clone(),
            reactor: reactor.clone(),
            log: reactor.log(),
            stats: reactor.stats_handle(),
        };
        executor.run()
    }

    /// `drain`: stops accepting; what is in flight is answered.
    fn drain(&self) {
        if let Some(reactor) = self.reactor.get() {
            reactor.drain();
        }
    }

    /// `wait_drained(seconds)`: true when, behind `drain`, neither a connection nor a job is left.
    fn wait_drained(ruby: &Ruby, this: &Self, seconds: f64) -> Result<bool, Error> {
        let Some(reactor) = this.reactor.get() else { return Ok(true) };
        let patience = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        let begin = Instant::now();
        loop {
            if reactor.is_drained() && this.queue.is_quiet() {
                return Ok(true);
            }
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            ruby.thread_sleep(left.min(DRAIN_PAUSE))?;
        }
    }

    /// `stop`: closes everything; idle executors return.
    fn stop(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || {
            this.queue.close();
            this.queue.clear();
            let Some(reactor) = this.reactor.get() else { return Ok(()) };
            // The reactor ends at once, so there is nothing to unblock.
            while without_gvl(|| reactor.stop(), || {}).is_none() {
                ruby.thread_check_ints()?;
            }
            Ok(())
        })
    }

    /// `stats`: a Hash of counters by name.
    fn stats(ruby: &Ruby, this: &Self) -> Result<RHash, Error> {
        let stats = ruby.hash_new();
        if let Some(reactor) = this.reactor.get() {
            for (name, value) in reactor.stats().iter() {
                let contained = if name == "engine_panics" { error::panics() } else { 0 };
                stats.aset(ruby.to_symbol(name), value + contained)?;
            }
        }
        stats.aset(ruby.to_symbol("queue_depth"), this.queue.len())?;
        stats.aset(ruby.to_symbol("executors_busy"), this.queue.busy())?;
        Ok(stats)
    }

    /// `io_driver`: the name of the driver in use.
    fn io_driver(ruby: &Ruby, this: &Self) -> Result<&'static str, Error> {
        Ok(this.running(ruby)?.driver_name())
    }

    /// `reopen_log`: opens the log file again.
    fn reopen_log(&self) {
        if let Some(reactor) = self.reactor.get() {
            reactor.log().reopen();
        }
    }

    /// `log(level, message, fields = {})`: writes one line.
    fn log(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<(), Error> {
        let arguments = scan_args::<(Symbol, String), (Option<RHash>,), (), (), (), ()>(arguments)?;
        let (level, message) = arguments.required;
        let level: Level = level
            .name()?
            .parse()
            .map_err(|()| Error::new(ruby.exception_arg_error(), "no such log level"))?;
        let mut fields = Vec::new();
        if let Some(hash) = arguments.optional.0 {
            hash.foreach(|name: Value, value: Value| {
                fields.push((name.to_string(), value.to_string()));
                Ok(ForEach::Continue)
            })?;
        }
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Some(reactor) = this.reactor.get() {
            reactor.log().write(level, "server", &message, &fields);
        }
        Ok(())
    }

    fn running(&self, ruby: &Ruby) -> Result<&Arc<Reactor>, Error> {
        self.reactor.get().ok_or_else(|| error::error(ruby, "the engine was not started"))
    }
}

static CLASS: Lazy<RClass> = Lazy::new(|ruby| {
    let class = ruby
        .get_inner(&HYPERION)
        .define_class("Engine", ruby.class_object())
        .expect("Hyperion::Engine is not yet defined");
    class.undef_default_alloc_func();
    class
});

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = ruby.get_inner(&CLASS);
    class.define_singleton_method("new", function!(Engine::new, 2))?;
    class.define_method("listen", method!(Engine::listen, 1))?;
    class.define_method("start", method!(Engine::start, 0))?;
    class.define_method("run_executor", method!(Engine::run_executor, 0))?;
    class.define_method("drain", method!(Engine::drain, 0))?;
    class.define_method("wait_drained", method!(Engine::wait_drained, 1))?;
    class.define_method("stop", method!(Engine::stop, 0))?;
    class.define_method("stats", method!(Engine::stats, 0))?;
    class.define_method("io_driver", method!(Engine::io_driver, 0))?;
    class.define_method("reopen_log", method!(Engine::reopen_log, 0))?;
    class.define_method("log", method!(Engine::log, -1))
}
