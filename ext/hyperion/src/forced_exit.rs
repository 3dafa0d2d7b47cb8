//! The last resort at a stop: a native thread that ends the process when its end takes too long, whatever
//! holds the interpreter's lock.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use hyperion_engine::stop::{self, Heard, StopWatch};
use magnus::prelude::*;
use magnus::{Error, RHash, Ruby, TryConvert, TypedData, function};

use crate::engine::Engine;
use crate::vm::error;

/// Where a line has the time that it is written at.
const TIMESTAMP: &str = "@ts@";

/// Where it has no more than the time of day.
const TIME_OF_DAY: &str = "@time@";

/// Between two looks at whether the master still lives.
const LOOK: Duration = Duration::from_secs(1);

/// What Ruby may take to obey a second interrupt.
const SECOND_INTERRUPT_GRACE: Duration = Duration::from_secs(2);

/// Whoever reads the line gets so long to take it.
const READER_TIMEOUT: Duration = Duration::from_millis(200);

const SIGINT: i32 = 2;

/// How and when a process is ended.
struct ForcedExit {
    watch: StopWatch,
    /// From the request to stop on.
    grace: Duration,
    /// Before the server serves: the status is the signal's.
    boots: bool,
    /// The process whose end is a request to stop.
    master: Option<i32>,
    line_when_over: String,
    line_when_interrupted: String,
    /// East of Greenwich, for the time of day.
    utc_offset_s: i32,
    /// None for standard output.
    log_file: Option<PathBuf>,
}

impl ForcedExit {
    fn run(self) {
        stop::block_signals();
        let Some(reason) = self.await_request() else { return };
        let deadline = Instant::now() + self.grace;
        let mut deadline_of_interrupt = None;
        loop {
            let end = deadline_of_interrupt.unwrap_or(deadline);
            match self.watch.wait(end.saturating_duration_since(Instant::now()).min(LOOK)) {
                Heard::Ended => return,
                Heard::Signal(SIGINT) if deadline_of_interrupt.is_none() => {
                    self.write_line(&self.line_when_interrupted);
                    deadline_of_interrupt = Some(Instant::now() + SECOND_INTERRUPT_GRACE);
                }
                Heard::Signal(_) | Heard::Announced | Heard::Nothing => {}
            }
            if Instant::now() >= end {
                self.end(reason, deadline_of_interrupt.is_some());
            }
        }
    }

    /// The signal that has asked first; 0 where it was none, nothing where the watch is over.
    fn await_request(&self) -> Option<i32> {
        loop {
            match self.watch.wait(LOOK) {
                Heard::Signal(signal) => return Some(signal),
                Heard::Announced => return Some(0),
                Heard::Ended => return None,
                Heard::Nothing if self.master.is_some_and(|pid| stop::parent_pid() != pid) => {
                    return Some(0);
                }
                Heard::Nothing => {}
            }
        }
    }

    fn end(&self, reason: i32, is_interrupted: bool) -> ! {
        if is_interrupted {
            stop::exit_at_once(128 + SIGINT);
        }
        self.write_line(&self.line_when_over);
        stop::exit_at_once(if self.boots && reason > 0 { 128 + reason } else { 1 })
    }

    fn write_line(&self, line: &str) {
        let now = SystemTime::now();
        let line = line
            .replace(TIMESTAMP, &stop::timestamp(now).to_string())
            .replace(TIME_OF_DAY, &stop::time_of_day(now, self.utc_offset_s));
        match &self.log_file {
            None => stop::write_line(std::io::stdout(), line.as_bytes(), READER_TIMEOUT),
            Some(path) => {
                if let Ok(file) = OpenOptions::new().append(true).open(path) {
                    stop::write_line(file, line.as_bytes(), READER_TIMEOUT);
                }
            }
        }
    }
}

/// `force_exit(settings)`: begins to watch for requests to stop, in the place of a watch before.
fn force_exit(ruby: &Ruby, settings: RHash) -> Result<(), Error> {
    fn fetch<T: TryConvert>(ruby: &Ruby, settings: RHash, name: &str) -> Result<T, Error> {
        settings.fetch(ruby.to_symbol(name))
    }
    let seconds: f64 = fetch(ruby, settings, "grace_s")?;
    let watch = StopWatch::new().map_err(|cause| error::error(ruby, cause.to_string()))?;
    let forced = ForcedExit {
        watch,
        grace: Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(86_400)),
        boots: fetch(ruby, settings, "boots")?,
        master: fetch(ruby, settings, "master")?,
        line_when_over: fetch(ruby, settings, "over")?,
        line_when_interrupted: fetch(ruby, settings, "interrupted")?,
        utc_offset_s: fetch(ruby, settings, "utc_offset_s")?,
        log_file: fetch::<Option<String>>(ruby, settings, "log_file")?.map(PathBuf::from),
    };
    std::thread::Builder::new()
        .name("hyperion-exit".into())
        .spawn(move || forced.run())
        .map_err(|cause| error::error(ruby, cause.to_string()))?;
    stop::watch_signals();
    Ok(())
}

/// `begins_threads?`: whether the system gives this process one more thread. Ruby asks in ways that leave it
/// broken where it does not.
fn begins_threads() -> bool {
    std::thread::Builder::new().spawn(|| {}).is_ok_and(|thread| thread.join().is_ok())
}

/// Defines what belongs to the class Engine, but to no engine.
///
/// # Errors
/// Those of Ruby.
pub fn init(ruby: &Ruby) -> Result<(), Error> {
    let class = Engine::class(ruby);
    class.define_singleton_method("force_exit", function!(force_exit, 1))?;
    class.define_singleton_method("watch_signals", function!(stop::watch_signals, 0))?;
    class.define_singleton_method("announce_stop", function!(stop::announce_stop, 0))?;
    class.define_singleton_method("end_watch", function!(stop::end_watch, 0))?;
    class.define_singleton_method("begins_threads?", function!(begins_threads, 0))
}
