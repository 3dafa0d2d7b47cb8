//! `Hyperion::Engine`: the engine of one process, as Ruby starts, feeds and ends it.

use std::cell::RefCell;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyperion_engine::{Config, Consumer, Engine as NativeEngine, JobQueue, Level, Stats};
use magnus::gc::Marker;
use magnus::prelude::*;
use magnus::r_hash::ForEach;
use magnus::scan_args::scan_args;
use magnus::typed_data::Obj;
use magnus::value::Opaque;
use magnus::{
    DataTypeFunctions, Error, RArray, RHash, Ruby, Symbol, TypedData, Value, function, method,
};

use crate::config::Settings;
use crate::executor::Executor;
use crate::fiber_work::FiberWork;
use crate::hooks::Hooks;
use crate::request::env;
use crate::response::early_hints::HintsPolicy;
use crate::response::finished::Finishing;
use crate::response::sendfile::SendfileHeader;
use crate::routes::Table;
use crate::tls::Tls;
use crate::vm::class;
use crate::vm::error::{self, HYPERION, contain};
use crate::vm::gvl::{OwningProcess, serve_here, without_gvl};

/// Between two looks at whether everything has ended.
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// So long a stop waits for callbacks at the ends of responses.
const ENDS_PATIENCE: Duration = Duration::from_millis(500);

/// One per process, made after the last fork.
#[derive(TypedData)]
#[magnus(class = "Hyperion::Engine", mark, size, free_immediately)]
pub struct Engine {
    app: Opaque<Value>,
    table: Table,
    hooks: Hooks,
    sendfile_header: SendfileHeader,
    early_hints: HintsPolicy,
    shows_errors: bool,
    template: Opaque<RHash>,
    finishing: Finishing,
    queue: Arc<JobQueue>,
    stats: Arc<Stats>,
    config: Config,
    listeners: RefCell<Vec<(OwnedFd, Option<Arc<hyperion_engine::Tls>>)>>,
    native: OnceLock<Arc<NativeEngine>>,
    process: OwningProcess,
}

impl DataTypeFunctions for Engine {
    fn mark(&self, marker: &Marker) {
        marker.mark(self.app);
        self.table.mark(marker);
        self.hooks.mark(marker);
        marker.mark(self.template);
        self.finishing.mark(marker);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(native) = self.native.take() else { return };
        if !self.process.is_current() {
            std::mem::forget(native);
            return;
        }
        self.queue.close();
        // Neither a collection nor the end of the process waits for it. If no thread can be had, the
        // reactor ends with the process.
        let _ = std::thread::Builder::new().spawn(move || native.stop());
    }
}

impl Engine {
    /// `new(app, settings)`.
    fn new(ruby: &Ruby, app: Value, settings: RHash) -> Result<Self, Error> {
        let settings = Settings::read(ruby, settings)?;
        let (native, cache_bytes) = (settings.native_routes, settings.static_cache_bytes);
        Ok(Self {
            app: app.into(),
            table: Table::new(ruby, native, cache_bytes, settings.engine.protocol.limits),
            hooks: Hooks::default(),
            sendfile_header: settings.sendfile_header,
            early_hints: settings.early_hints,
            shows_errors: settings.shows_errors,
            template: env::template(ruby, &settings.shared)?.into(),
            finishing: Finishing::new(ruby),
            queue: Arc::new(JobQueue::counting(settings.max_pending, settings.stats.clone())),
            stats: settings.stats,
            config: settings.engine,
            listeners: RefCell::default(),
            native: OnceLock::new(),
            process: OwningProcess::current(),
        })
    }

    /// `listen(fd, tls = nil)`: serves a duplicate of this listening socket, by TLS where there is one.
    fn listen(ruby: &Ruby, this: &Self, arguments: &[Value]) -> Result<(), Error> {
        let arguments =
            scan_args::<(RawFd,), (Option<Option<Obj<Tls>>>,), (), (), (), ()>(arguments)?;
        let (descriptor,) = arguments.required;
        let tls = arguments.optional.0.flatten().map(|tls| tls.shared());
        let listener = hyperion_engine::foreign::duplicate(descriptor)
            .map_err(|cause| error::error(ruby, format!("descriptor {descriptor}: {cause}")))?;
        this.listeners.borrow_mut().push((listener, tls));
        Ok(())
    }

    /// `listen_admin(fd)`: answers on a duplicate of this listening socket what concerns the server
    /// itself, and nothing else.
    fn listen_admin(ruby: &Ruby, this: &Self, descriptor: RawFd) -> Result<(), Error> {
        let listener = hyperion_engine::foreign::duplicate(descriptor)
            .map_err(|cause| error::error(ruby, format!("descriptor {descriptor}: {cause}")))?;
        this.config.admin.listen(listener);
        Ok(())
    }

    /// `routes=(list)`: answers with these from now on; an Array of Hashes, each about one.
    fn replace_routes(ruby: &Ruby, this: &Self, entries: RArray) -> Result<(), Error> {
        contain(ruby, || {
            this.table.replace(ruby, entries)?;
            if let Some(native) = this.here() {
                native.replace_routes(this.table.routes());
            }
            Ok(())
        })
    }

    /// `hooks=(lists)`: calls these from now on; an Array of the blocks for the start of a request
    /// and an Array of those for its end, or nil.
    fn replace_hooks(&self, blocks: Option<RArray>) {
        self.hooks.replace(blocks);
        self.queue.set_observes(blocks.is_some());
    }

    /// `start`: spawns the engine's threads.
    fn start(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || {
            if this.native.get().is_some() {
                return Err(error::error(ruby, "the engine was started before"));
            }
            let listeners = this.listeners.take();
            let config = Config { routes: this.table.routes(), ..this.config.clone() };
            let queue = this.queue.clone();
            let native = NativeEngine::start(config, listeners, queue, this.stats.clone())
                .map_err(|cause| error::error(ruby, cause.to_string()))?;
            let _ = this.native.set(Arc::new(native));
            serve_here();
            Ok(())
        })
    }

    /// `run_executor`: answers requests in this thread until the engine is stopped.
    fn run_executor(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        this.executor(ruby, &Consumer::new(this.queue.clone()), None)?.run()
    }

    /// Where work comes from.
    pub fn queue(&self) -> Arc<JobQueue> {
        self.queue.clone()
    }

    /// What answers requests in this thread.
    ///
    /// # Errors
    /// A `Hyperion::Error` where the engine does not run in this process.
    pub fn executor<'a>(
        &'a self,
        ruby: &'a Ruby,
        consumer: &'a Consumer,
        fiber: Option<(&'a FiberWork, u64)>,
    ) -> Result<Executor<'a>, Error> {
        let native = self.running(ruby)?;
        Ok(Executor {
            ruby,
            app: ruby.get_inner(self.app),
            table: &self.table,
            hooks: &self.hooks,
            sendfile_header: self.sendfile_header,
            early_hints: self.early_hints,
            shows_errors: self.shows_errors,
            template: ruby.get_inner(self.template),
            finishing: &self.finishing,
            consumer,
            fiber,
            engine: native.clone(),
            log: native.log(),
            stats: self.stats.clone(),
        })
    }

    /// `cover(slot, fds)`: accepts for the worker of that slot as well, which does not serve, from duplicates
    /// of its listening sockets; they stand in the order in which its own were given to `listen`.
    fn cover(ruby: &Ruby, this: &Self, slot: usize, descriptors: Vec<RawFd>) -> Result<(), Error> {
        let copies = descriptors
            .into_iter()
            .map(hyperion_engine::foreign::duplicate)
            .collect::<Result<Vec<_>, _>>();
        let copies = copies.map_err(|cause| error::error(ruby, cause.to_string()))?;
        if let Some(native) = this.here() {
            native.cover(slot, copies);
        }
        Ok(())
    }

    /// `uncover(slot)`: leaves accepting to the worker of that slot again.
    fn uncover(&self, slot: usize) {
        if let Some(native) = self.here() {
            native.uncover(slot);
        }
    }

    /// `refuse_clients`: lets nobody connect any more, to whatever process.
    fn refuse_clients(&self) {
        if let Some(native) = self.here() {
            native.refuse_clients();
        }
    }

    /// `last_call`: stops accepting; each connection may bring one more request.
    fn last_call(&self) {
        if let Some(native) = self.here() {
            native.last_call();
        }
    }

    /// `drain`: stops accepting; what is in flight is answered.
    fn drain(&self) {
        if let Some(native) = self.here() {
            native.drain();
        }
    }

    /// `wait_drained(seconds)`: true when, behind `last_call` or `drain`, neither a connection nor a job is left.
    fn wait_drained(ruby: &Ruby, this: &Self, seconds: f64) -> Result<bool, Error> {
        let Some(native) = this.here() else { return Ok(true) };
        let patience = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
        let begin = Instant::now();
        loop {
            if native.is_drained() && this.queue.is_quiet() {
                return Ok(true);
            }
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            ruby.thread_sleep(left.min(DRAIN_PAUSE))?;
        }
    }

    /// `stop`: closes everything; idle executors return behind the ends of the responses that are cut by it.
    fn stop(ruby: &Ruby, this: &Self) -> Result<(), Error> {
        contain(ruby, || {
            // In a child of its process the locks are those of threads that are not there.
            let Some(native) = this.here() else { return Ok(()) };
            this.queue.refuse();
            // The reactor ends at once, so there is nothing to unblock.
            while without_gvl(|| native.stop(), || {}).is_none() {
                ruby.thread_check_ints()?;
            }
            this.queue.close();
            let begin = Instant::now();
            while !this.queue.has_told_ends() && begin.elapsed() < ENDS_PATIENCE {
                ruby.thread_sleep(DRAIN_PAUSE)?;
            }
            Ok(())
        })
    }

    /// `stats`: a Hash of what this process counts by name.
    fn stats(ruby: &Ruby, this: &Self) -> Result<RHash, Error> {
        this.stats.engine_panics.add(error::take_panics());
        let stats = ruby.hash_new();
        for (name, value) in this.stats.of_this_process() {
            stats.aset(ruby.to_symbol(name), value)?;
        }
        if let Some(native) = this.here() {
            let taken = this.queue.taken();
            stats.aset(ruby.to_symbol("work_taken"), taken)?;
            stats.aset(ruby.to_symbol("progress"), taken + native.progress())?;
            stats.aset(ruby.to_symbol("reactor_beats"), native.reactor_beats())?;
        }
        Ok(stats)
    }

    /// `count_fiber_hold`: a fiber keeps the others of its thread waiting.
    fn count_fiber_hold(&self) {
        self.stats.fiber_holds.add(1);
    }

    /// `io_driver`: the name of the driver in use.
    fn io_driver(ruby: &Ruby, this: &Self) -> Result<&'static str, Error> {
        Ok(this.running(ruby)?.driver_name())
    }

    /// `reopen_log`: opens the log file again.
    fn reopen_log(&self) {
        if let Some(native) = self.here() {
            native.log().reopen();
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
        if let Some(native) = this.here() {
            native.log().write(level, "server", &message, &fields);
        }
        Ok(())
    }

    /// The native engine, in the process that runs it and in no child of it.
    fn here(&self) -> Option<&Arc<NativeEngine>> {
        self.native.get().filter(|_| self.process.is_current())
    }

    /// The native engine.
    ///
    /// # Errors
    /// A `Hyperion::Error` where it does not run in this process.
    pub fn running(&self, ruby: &Ruby) -> Result<&Arc<NativeEngine>, Error> {
        self.here().ok_or_else(|| error::error(ruby, "the engine was not started in this process"))
    }
}

/// Defines the class.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = class::define::<Engine>(ruby, ruby.get_inner(&HYPERION), "Engine")?;
    class.define_singleton_method("new", function!(Engine::new, 2))?;
    class.define_method("listen", method!(Engine::listen, -1))?;
    class.define_method("listen_admin", method!(Engine::listen_admin, 1))?;
    class.define_method("routes=", method!(Engine::replace_routes, 1))?;
    class.define_method("hooks=", method!(Engine::replace_hooks, 1))?;
    class.define_method("start", method!(Engine::start, 0))?;
    class.define_method("run_executor", method!(Engine::run_executor, 0))?;
    class.define_method("cover", method!(Engine::cover, 2))?;
    class.define_method("uncover", method!(Engine::uncover, 1))?;
    class.define_method("refuse_clients", method!(Engine::refuse_clients, 0))?;
    class.define_method("last_call", method!(Engine::last_call, 0))?;
    class.define_method("drain", method!(Engine::drain, 0))?;
    class.define_method("wait_drained", method!(Engine::wait_drained, 1))?;
    class.define_method("stop", method!(Engine::stop, 0))?;
    class.define_method("stats", method!(Engine::stats, 0))?;
    class.define_method("count_fiber_hold", method!(Engine::count_fiber_hold, 0))?;
    class.define_method("io_driver", method!(Engine::io_driver, 0))?;
    class.define_method("reopen_log", method!(Engine::reopen_log, 0))?;
    class.define_method("log", method!(Engine::log, -1))
}
