use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::config::{LogConfig, LogFormat};

/// Lines that wait for a slow disk or pipe; what comes on top is dropped and counted.
const BUFFER_BYTES: usize = 1024 * 1024;

/// The writer rests this long between two batches, so that a busy server wakes it rarely.
const BATCH_PAUSE: Duration = Duration::from_millis(5);

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
    buffer: Mutex<Buffer>,
    ready: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    reopen: bool,
    closed: bool,
    /// The writer sleeps without a time limit.
    idle: bool,
    stamp: Stamp,
}

/// The time as lines show it; many of them share a millisecond.
#[derive(Debug, Default)]
struct Stamp {
    milliseconds: u128,
    text: String,
}

impl Stamp {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let passed = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        if self.milliseconds != passed {
            self.milliseconds = passed;
            self.text = humantime::format_rfc3339_millis(now).to_string();
        }
        &self.text
    }
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
        let mut output = Output::open(&config)?;
        let log = Arc::new(Self::new(config));
        let writer = log.clone();
        let thread = std::thread::Builder::new().name("hyperion-log".into()).spawn(move || {
            let _ = hyperion_io::block_signals();
            writer.run(&mut output);
        })?;
        Ok((log, thread))
    }

    /// A log whose lines stay in memory, for simulations and tests.
    pub fn new(config: LogConfig) -> Self {
        Self { config, buffer: Mutex::default(), ready: Condvar::new(), dropped: AtomicU64::new(0) }
    }

    /// Whether each response gets a line.
    pub fn logs_requests(&self) -> bool {
        self.config.requests && self.config.level <= Level::Info
    }

    /// Lines lost because the buffer was full.
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

    /// Buffers a line made by `fill`; [`flush`](Self::flush) tells the writer.
    pub(crate) fn append(
        &self,
        level: Level,
        source: &str,
        message: &str,
        fill: impl FnOnce(&mut Line<'_>),
    ) {
        let mut buffer = self.lock();
        if buffer.bytes.len() >= BUFFER_BYTES {
            drop(buffer);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Buffer { bytes, stamp, .. } = &mut *buffer;
        let mut line = Line::begin(bytes, self.config.format, level, stamp.now());
        line.text("source", source.as_bytes());
        line.text("message", message.as_bytes());
        fill(&mut line);
        line.end();
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

    /// The writer ends when the buffer is empty.
    pub fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// Takes the buffered bytes, for logs without a writer.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    fn run(&self, output: &mut Output) {
        let mut batch = Vec::new();
        loop {
            let (reopen, closed) = self.next_batch(&mut batch);
            output.write(&batch);
            batch.clear();
            if reopen {
                output.reopen();
            }
            if closed {
                return;
            }
            std::thread::sleep(BATCH_PAUSE);
        }
    }

    fn next_batch(&self, batch: &mut Vec<u8>) -> (bool, bool) {
        let mut buffer = self.lock();
        while buffer.bytes.is_empty() && !buffer.reopen && !buffer.closed {
            buffer.idle = true;
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

/// Where lines go. A failed write is not reported: there is nowhere left to report it.
#[derive(Debug)]
struct Output {
    config: LogConfig,
    file: Option<File>,
}

impl Output {
    fn open(config: &LogConfig) -> io::Result<Self> {
        let mut output = Self { config: config.clone(), file: None };
        output.file = output.open_file()?;
        Ok(output)
    }

    fn open_file(&self) -> io::Result<Option<File>> {
        let Some(path) = &self.config.file else { return Ok(None) };
        OpenOptions::new().append(true).create(true).mode(0o640).open(path).map(Some)
    }

    fn write(&mut self, bytes: &[u8]) {
        let _ = match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        };
    }

    fn reopen(&mut self) {
        if let Ok(Some(file)) = self.open_file() {
            self.file = Some(file);
        }
    }
}

/// One line in the making. Whatever it is given stays on one line and cannot pose as another field.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    bytes: &'a mut Vec<u8>,
    format: LogFormat,
}

impl<'a> Line<'a> {
    fn begin(bytes: &'a mut Vec<u8>, format: LogFormat, level: Level, now: &str) -> Self {
        let line = Self { bytes, format };
        match format {
            LogFormat::Json => {
                let _ = write!(line.bytes, "{{\"ts\":\"{now}\",\"level\":\"{}\"", level.name());
            }
            LogFormat::Text { color } => {
                let (on, off) = if color { (colour(level), "\x1b[0m") } else { ("", "") };
                let _ = write!(line.bytes, "ts={now} level={on}{}{off}", level.name());
            }
        }
        line
    }

    /// A field of text from anywhere, escaped.
    pub fn text(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        match self.format {
            LogFormat::Json => {
                let text = String::from_utf8_lossy(value);
                let _ = serde_json::to_writer(&mut *self.bytes, text.as_ref());
            }
            LogFormat::Text { .. } if is_plain(value) => self.bytes.extend_from_slice(value),
            LogFormat::Text { .. } => {
                let _ = write!(self.bytes, "\"{}\"", value.escape_ascii());
            }
        }
    }

    /// A number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    /// A time in milliseconds with three decimals.
    pub fn milliseconds(&mut self, name: &str, value: Duration) {
        self.name(name);
        let microseconds = value.as_micros() as u64;
        let mut digits = itoa::Buffer::new();
        self.bytes.extend_from_slice(digits.format(microseconds / 1000).as_bytes());
        let fraction = digits.format(1000 + microseconds % 1000).as_bytes();
        self.bytes.push(b'.');
        self.bytes.extend_from_slice(&fraction[1..]);
    }

    fn name(&mut self, name: &str) {
        let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let _ = match self.format {
            LogFormat::Json if is_word => {
                self.bytes.extend_from_slice(b",\"");
                self.bytes.extend_from_slice(name.as_bytes());
                self.bytes.write_all(b"\":")
            }
            LogFormat::Json => {
                self.bytes.push(b',');
                serde_json::to_writer(&mut *self.bytes, name)
                    .map_err(io::Error::from)
                    .and_then(|()| self.bytes.write_all(b":"))
            }
            LogFormat::Text { .. } => write!(self.bytes, " {}=", name.escape_debug()),
        };
    }

    fn end(self) {
        self.bytes.extend_from_slice(match self.format {
            LogFormat::Json => b"}\n",
            LogFormat::Text { .. } => b"\n",
        });
    }
}

fn is_plain(value: &[u8]) -> bool {
    !value.is_empty()
        && value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Debug => "\x1b[2m",
        Level::Info => "\x1b[32m",
        Level::Warn => "\x1b[33m",
        Level::Error => "\x1b[31m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: LogFormat, fill: impl FnOnce(&mut Line<'_>)) -> String {
        let log = Log::new(LogConfig { level: Level::Info, format, requests: true, file: None });
        log.append(Level::Info, "test", "hello", fill);
        String::from_utf8(log.take()).unwrap()
    }

    #[test]
    fn b5_nothing_from_the_wire_forges_a_json_line() {
        let text = line(LogFormat::Json, |line| {
            line.text("path", b"/\"}\r\n{\"level\":\"error\x1b[31m\xff");
            line.number("status", 200);
            line.milliseconds("duration_ms", Duration::from_micros(1234));
        });
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/\"}\r\n{\"level\":\"error\u{1b}[31m\u{fffd}");
        assert_eq!(value["duration_ms"], 1.234);
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn b5_nothing_from_the_wire_forges_a_text_line() {
        let text = line(LogFormat::Text { color: false }, |line| {
            line.text("path", b"/ status=500 \"\r\n\x1b[31m");
            line.text("query", b"");
            line.text("method", b"GET");
        });
        assert!(
            text.ends_with(" path=\"/ status=500 \\\"\\r\\n\\x1b[31m\" query=\"\" method=GET\n")
        );
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn lines_below_the_level_are_not_written_and_overflow_is_counted() {
        let config =
            LogConfig { level: Level::Warn, format: LogFormat::Json, requests: true, file: None };
        let log = Log::new(config);
        log.write(Level::Info, "test", "quiet", &[]);
        assert!(log.take().is_empty());
        let long = "x".repeat(BUFFER_BYTES);
        log.write(Level::Warn, "test", &long, &[]);
        log.write(Level::Warn, "test", "lost", &[]);
        assert_eq!(log.dropped(), 1);
    }

    #[test]
    fn a_renamed_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let config = LogConfig {
            level: Level::Info,
            format: LogFormat::Json,
            requests: true,
            file: Some(path.clone()),
        };
        let (log, thread) = Log::start(config).unwrap();
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        log.reopen();
        log.close();
        thread.join().unwrap();
        assert!(path.exists());
    }
}
