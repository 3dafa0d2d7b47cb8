//! The log of one process: lines are made where they arise, wait in a bounded buffer, and are written
//! by a thread of their own.

pub(crate) mod access;
pub(crate) mod config;
mod escape;
mod extras;
mod line;
mod output;
mod pattern;
mod terminal;
#[cfg(test)]
mod tests;
mod timestamp;

use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use self::extras::{ExtraValue, Extras};
pub(crate) use self::line::Line;
pub use self::pattern::{Pattern, PatternError};
pub use self::terminal::Terminal;
pub(crate) use self::timestamp::time_of_day;

use self::config::{LogConfig, LogFormat};
use self::line::Head;
use self::output::Output;
use self::timestamp::Timestamp;

/// Lines that wait for a slow disk or pipe; what comes on top is dropped and counted.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Bytes of a value that are shown; a longer one is cut there. Where a line must be short, the first of
/// these counts with which it is.
const VALUE_BYTES: [usize; 12] =
    [16 * 1024, 3584, 3072, 2560, 2048, 1536, 1024, 512, 256, 128, 64, LEAST_VALUE_BYTES];
const LEAST_VALUE_BYTES: usize = 16;

/// The writer rests this long between two batches, so that a busy server wakes it rarely.
const BATCH_PAUSE: Duration = Duration::from_millis(5);

/// The end of the process waits this long for a reader of the last lines.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);

/// Lost lines are told of at most this often.
const LOSS_INTERVAL: Duration = Duration::from_secs(1);

/// Importance of a line.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// For developers.
    Debug,
    /// Normal events.
    Info,
    /// Something an operator should look at.
    Warn,
    /// Something went wrong.
    Error,
}

/// The log of one process. Writing a line never blocks: a thread of its own empties the buffer.
#[derive(Debug)]
pub struct Log {
    config: LogConfig,
    shape: Shape,
    /// A longer line would not arrive in one piece, and could mix with those of other processes.
    line_max: usize,
    buffer: Mutex<Buffer>,
    ready: Condvar,
    ended: Condvar,
    dropped: AtomicU64,
}

/// How the fields of a line are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    Json,
    Text,
    Terminal(Terminal),
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    reopen: bool,
    closed: bool,
    /// The writer sleeps without a time limit.
    idle: bool,
    /// There is a writer.
    written: bool,
    stamp: Timestamp,
}

impl Level {
    /// The name as it is logged.
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Level::Debug, Level::Info, Level::Warn, Level::Error]
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or(())
    }
}

impl Log {
    /// Opens the log and starts its writer; the thread ends after [`close`](Self::close).
    ///
    /// # Errors
    /// When the file cannot be opened or the thread not be made.
    pub fn start(config: LogConfig) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let mut output = Output::open(config.file.clone())?;
        let log = Arc::new(Self { line_max: output.line_max(), ..Self::new(config) });
        log.lock().written = true;
        let writer = log.clone();
        let thread = std::thread::Builder::new().name("hyperion-log".into()).spawn(move || {
            let _ = hyperion_io::block_signals();
            writer.run(&mut output);
        })?;
        Ok((log, thread))
    }

    /// A log whose lines stay in memory, for simulations and tests.
    pub fn new(config: LogConfig) -> Self {
        let shape = match config.format {
            LogFormat::Json => Shape::Json,
            LogFormat::Terminal(terminal) => Shape::Terminal(terminal),
            LogFormat::Text | LogFormat::Pattern(_) => Shape::Text,
        };
        let (buffer, dropped) = (Mutex::default(), AtomicU64::new(0));
        let (ready, ended) = (Condvar::new(), Condvar::new());
        Self { config, shape, line_max: usize::MAX, buffer, ready, ended, dropped }
    }

    /// Whether each response gets a line.
    pub fn logs_requests(&self) -> bool {
        self.config.requests && self.config.level <= Level::Info
    }

    /// How lines are written; those of responses know more than one way.
    pub(crate) fn format(&self) -> &LogFormat {
        &self.config.format
    }

    /// Lines lost because the buffer was full or they could not be written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Writes a line with a message and more fields.
    pub fn write(&self, level: Level, source: &str, message: &str, fields: &[(&str, &str)]) {
        if level < self.config.level {
            return;
        }
        self.append(level, source, message, |line| {
            for (name, value) in fields {
                line.text(name, value.as_bytes());
            }
        });
        self.flush();
    }

    /// Buffers a line of named fields made by `fill`; [`flush`](Self::flush) tells the writer.
    pub(crate) fn append(
        &self,
        level: Level,
        source: &str,
        message: &str,
        fill: impl Fn(&mut Line<'_>),
    ) {
        self.append_raw(|bytes, stamp, value_max| {
            let head = Head { level, source, message };
            let mut line = Line::begin(bytes, self.shape, value_max, stamp, head);
            fill(&mut line);
            line.end();
        });
    }

    /// Buffers the line that `fill` writes, its end included, with so many bytes of each value;
    /// [`flush`](Self::flush) tells the writer.
    pub(crate) fn append_raw(&self, fill: impl Fn(&mut Vec<u8>, &mut Timestamp, usize)) {
        let mut buffer = self.lock();
        if buffer.bytes.len() >= BUFFER_BYTES {
            drop(buffer);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Buffer { bytes, stamp, .. } = &mut *buffer;
        let (begin, stamp) = (bytes.len(), stamp.update());
        for value_max in VALUE_BYTES {
            fill(bytes, stamp, value_max);
            if bytes.len() - begin <= self.line_max {
                return;
            }
            bytes.truncate(begin);
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Wakes the writer if it sleeps and lines wait.
    pub fn flush(&self) {
        let mut buffer = self.lock();
        if buffer.idle && !buffer.bytes.is_empty() {
            buffer.idle = false;
            self.ready.notify_one();
        }
    }

    /// Opens the file again, after it was renamed.
    pub fn reopen(&self) {
        self.lock().reopen = true;
        self.ready.notify_one();
    }

    /// Lets the writer end behind the last line, and waits for that a moment. False when it still
    /// waits for somebody to read them; its thread is not to be joined then.
    pub fn close(&self) -> bool {
        let mut buffer = self.lock();
        buffer.closed = true;
        self.ready.notify_one();
        let (buffer, _) = self
            .ended
            .wait_timeout_while(buffer, LAST_LINES_TIMEOUT, |buffer| buffer.written)
            .unwrap_or_else(PoisonError::into_inner);
        !buffer.written
    }

    /// Takes the buffered bytes, for logs without a writer.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    fn run(&self, output: &mut Output) {
        let mut batch = Vec::new();
        let mut losses = Losses::default();
        loop {
            let has_losses = self.dropped() > losses.told;
            let (reopen, closed) = self.next_batch(&mut batch, has_losses);
            let lost = output.write(&batch);
            self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
            batch.clear();
            self.tell_losses(&mut losses, output, closed);
            if reopen && let Err(error) = output.reopen() {
                let message = "the log file cannot be opened again; the former one is still used";
                self.write(Level::Error, "log", message, &[("error", &error.to_string())]);
            }
            if closed {
                break;
            }
            std::thread::sleep(BATCH_PAUSE);
        }
        self.lock().written = false;
        self.ended.notify_all();
    }

    /// A line says how many are missing, once there is room for it again: what it tells is told only when it
    /// was written, so that all such lines together tell of each that is missing.
    fn tell_losses(&self, losses: &mut Losses, output: &mut Output, is_last: bool) {
        let dropped = self.dropped();
        let lines = dropped - losses.told;
        let is_recent = losses.tried_at.is_some_and(|at| at.elapsed() < LOSS_INTERVAL);
        if lines == 0 || is_recent && !is_last {
            return;
        }
        losses.tried_at = Some(Instant::now());
        let (mut text, mut stamp) = (Vec::new(), Timestamp::default());
        let head = Head { level: Level::Warn, source: "log", message: "lines were lost" };
        let mut line = Line::begin(&mut text, self.shape, usize::MAX, stamp.update(), head);
        line.text("lines", lines.to_string().as_bytes());
        line.end();
        if self.config.level > Level::Warn || output.write(&text) == 0 {
            losses.told = dropped;
        }
    }

    fn next_batch(&self, batch: &mut Vec<u8>, has_losses: bool) -> (bool, bool) {
        let mut buffer = self.lock();
        while buffer.bytes.is_empty() && !buffer.reopen && !buffer.closed {
            buffer.idle = true;
            if has_losses {
                let waited = self.ready.wait_timeout(buffer, LOSS_INTERVAL);
                buffer = waited.unwrap_or_else(PoisonError::into_inner).0;
                break;
            }
            buffer = self.ready.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        buffer.idle = false;
        std::mem::swap(&mut buffer.bytes, batch);
        (std::mem::take(&mut buffer.reopen), buffer.closed)
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer has said about lines that are missing.
#[derive(Debug, Default)]
struct Losses {
    told: u64,
    tried_at: Option<Instant>,
}
