use std::path::PathBuf;
use std::sync::Arc;

use super::{Level, Pattern, Terminal};

/// How and where to log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Least important level that is written.
    pub level: Level,
    /// Shape of a line.
    pub format: LogFormat,
    /// Whether each response gets a line.
    pub requests: bool,
    /// The file to append to; standard output without one.
    pub file: Option<PathBuf>,
}

/// Shape of a log line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// `key=value` pairs.
    Text,
    /// Short lines for people.
    Terminal(Terminal),
    /// One JSON object a line.
    Json,
    /// Access lines as their operator wants them, all others as text.
    Pattern(Arc<Pattern>),
}
