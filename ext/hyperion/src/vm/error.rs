//! What goes wrong in Ruby, as a client and a log see it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use hyperion_engine::{Level, Log};
use magnus::error::ErrorType;
use magnus::prelude::*;
use magnus::value::Lazy;
use magnus::{Error, Exception, ExceptionClass, RArray, RModule, RString, Ruby, Value};

use crate::vm::gvl::is_child_of_server;

/// Lines of a backtrace in the log.
const BACKTRACE_LINES: usize = 12;

/// Ruby's `Hyperion`.
pub static HYPERION: Lazy<RModule> = Lazy::new(|ruby| {
    ruby.define_module("Hyperion").expect("Hyperion is a module or not yet defined")
});

static ERROR: Lazy<ExceptionClass> = Lazy::new(|ruby| {
    let hyperion = ruby.get_inner(&HYPERION);
    hyperion
        .const_get("Error")
        .or_else(|_| hyperion.define_error("Error", ruby.exception_standard_error()))
        .expect("Hyperion::Error is an exception class or not yet defined")
});

static CLIENT_DISCONNECTED: Lazy<ExceptionClass> = Lazy::new(|ruby| {
    let hyperion = ruby.get_inner(&HYPERION);
    hyperion
        .const_get("ClientDisconnected")
        .or_else(|_| hyperion.define_error("ClientDisconnected", ruby.exception_io_error()))
        .expect("Hyperion::ClientDisconnected is an exception class or not yet defined")
});

/// Defines the classes.
pub fn init(ruby: &Ruby) {
    Lazy::force(&ERROR, ruby);
    Lazy::force(&CLIENT_DISCONNECTED, ruby);
}

/// A `Hyperion::Error`.
pub fn error(ruby: &Ruby, message: impl Into<String>) -> Error {
    Error::new(ruby.get_inner(&ERROR), message.into())
}

/// A `Hyperion::ClientDisconnected`, which is an IOError: the client left, so that there is nobody to
/// write to or read from. Applications see it in `each`, in streams and in `rack.input`.
pub fn client_disconnected(ruby: &Ruby) -> Error {
    Error::new(ruby.get_inner(&CLIENT_DISCONNECTED), "the client closed the connection")
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Panics contained since this was called the last time.
pub fn take_panics() -> u64 {
    PANICS.swap(0, Ordering::Relaxed)
}

/// Ends the process where the application has forked it and let it return into the server; to be called
/// behind what the application was called for.
pub fn leave_child(ruby: &Ruby, failed: bool) {
    if is_child_of_server() {
        let _: Result<Value, Error> = ruby.module_kernel().funcall("exit!", (i32::from(failed),));
        std::process::abort()
    }
}

/// Runs `work`; a panic in it becomes an exception, and is counted.
///
/// # Errors
/// Those of `work`; a `Hyperion::Error` for a panic.
pub fn contain<T>(ruby: &Ruby, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        Err(error(ruby, "a fault in the server; its panic stands in standard error"))
    });
    outcome.map_err(made)
}

/// An error whose exception exists. To make it runs Ruby, where the thread may be told to end; magnus,
/// which makes it when it is raised, cannot bear that, and takes the process with it.
fn made(error: Error) -> Error {
    let ErrorType::Error(class, message) = error.error_type() else { return error };
    match class.new_instance((&**message,)) {
        Ok(exception) => exception.into(),
        Err(failure) => failure,
    }
}

/// Whether the only fault is that the client left.
pub fn is_disconnect(ruby: &Ruby, error: &Error) -> bool {
    error.is_kind_of(ruby.get_inner(&CLIENT_DISCONNECTED))
}

/// Whether the thread is on its way out, by `Thread#kill` or a `throw`: to be resumed after cleanup.
pub fn is_jump(error: &Error) -> bool {
    matches!(error.error_type(), ErrorType::Jump(_))
}

/// The exception behind an error; nil for a jump.
pub fn exception(ruby: &Ruby, error: &Error) -> Value {
    match error.error_type() {
        ErrorType::Jump(_) => ruby.qnil().as_value(),
        ErrorType::Exception(exception) => exception.as_value(),
        ErrorType::Error(class, message) => class
            .new_instance((&**message,))
            .map_or(ruby.qnil().as_value(), |exception: Exception| exception.as_value()),
    }
}

/// Writes one line about what was raised while `doing`. A child of the server has no log.
pub fn log(ruby: &Ruby, log: &Log, doing: &str, error: &Error) {
    log_with(ruby, log, doing, error, &[]);
}

/// The same, with what else is known.
pub fn log_with(ruby: &Ruby, log: &Log, doing: &str, error: &Error, facts: &[(&str, &str)]) {
    if is_child_of_server() {
        return;
    }
    let Told { class, message, backtrace } = Told::of(ruby, error, BACKTRACE_LINES);
    let backtrace = backtrace.join(" | ");
    let mut fields = facts.to_vec();
    // What was not raised has been nowhere.
    let told = [("class", &*class), ("error", &*message), ("backtrace", &*backtrace)];
    fields.extend(told.iter().filter(|(name, text)| *name == "error" || !text.is_empty()));
    log.write(Level::Error, "app", doing, &fields);
}

/// An error as text, for whoever develops the application.
pub fn describe(ruby: &Ruby, error: &Error) -> String {
    let Told { class, message, backtrace } = Told::of(ruby, error, usize::MAX);
    let lines = backtrace.iter().map(|line| format!("  {line}\n"));
    let colon = if class.is_empty() { "" } else { ": " };
    format!("{class}{colon}{message}\n\n{}", lines.collect::<String>())
}

/// What an error tells.
struct Told {
    /// Empty for a jump.
    class: String,
    message: String,
    backtrace: Vec<String>,
}

impl Told {
    fn of(ruby: &Ruby, error: &Error, lines: usize) -> Self {
        let (class, message, backtrace) = match error.error_type() {
            ErrorType::Jump(_) => (String::new(), "the thread was ended".to_owned(), Vec::new()),
            ErrorType::Error(class, message) => (name(*class), message.to_string(), Vec::new()),
            ErrorType::Exception(exception) => (
                name(exception.exception_class()),
                message(*exception),
                backtrace(ruby, *exception, lines),
            ),
        };
        Self { class, message, backtrace }
    }
}

/// Logs what went wrong while `doing`.
///
/// # Errors
/// A jump, which goes on.
pub fn tolerate(
    ruby: &Ruby,
    log: &Log,
    doing: &str,
    outcome: Result<(), Error>,
) -> Result<(), Error> {
    match outcome {
        Err(failure) if !is_jump(&failure) => {
            self::log(ruby, log, doing, &failure);
            Ok(())
        }
        outcome => outcome,
    }
}

fn name(class: ExceptionClass) -> String {
    class.inspect()
}

/// The message, which is a method of the application and may fail itself.
fn message(exception: Exception) -> String {
    let message: Result<Value, Error> = exception.funcall("message", ());
    message
        .and_then(|message| message.to_r_string())
        .map_or_else(|_| "(no message)".to_owned(), text)
}

fn backtrace(ruby: &Ruby, exception: Exception, most: usize) -> Vec<String> {
    let lines = exception.funcall::<_, _, Option<RArray>>("backtrace", ());
    let Some(lines) = lines.ok().flatten() else { return Vec::new() };
    (0..lines.len().min(most))
        .filter_map(|index| RString::from_value(crate::vm::raw::element(ruby, lines, index)))
        .map(text)
        .collect()
}

fn text(string: RString) -> String {
    crate::vm::raw::with_bytes(string, |bytes| String::from_utf8_lossy(bytes).into_owned())
}
