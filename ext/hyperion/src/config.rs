//! The settings Hash, as resolved by Ruby, into the engine's own configuration.

use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyperion_engine::{
    Admin, Channels, Config, IoChoice, Level, Limits, LogConfig, LogFormat, Pattern,
    ProtocolConfig, Stats, Terminal, Timeouts, UnderscorePolicy,
};
use magnus::prelude::*;
use magnus::typed_data::Obj;
use magnus::{Error, RHash, Ruby, Symbol, TryConvert, Value};

use crate::request::env::Shared;
use crate::response::early_hints::HintsPolicy;
use crate::response::sendfile::SendfileHeader;
use crate::segment::Segment;
use crate::vm::error;

/// Body bytes kept in memory unless told otherwise.
const SPOOL_THRESHOLD_BYTES: usize = 112 * 1024;

/// What an engine and its executors are told.
#[derive(Debug)]
pub struct Settings {
    /// For the reactor.
    pub engine: Config,
    /// For env.
    pub shared: Shared,
    /// How the application may have files sent.
    pub sendfile_header: SendfileHeader,
    /// Who may be sent early hints.
    pub early_hints: HintsPolicy,
    /// Whether clients are told what the application raises.
    pub shows_errors: bool,
    /// Whether the engine answers static routes and files by itself.
    pub native_routes: bool,
    /// Memory for files that are served.
    pub static_cache_bytes: u64,
    /// What this process counts.
    pub stats: Arc<Stats>,
    /// Requests that may wait for an executor.
    pub max_pending: usize,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// A KeyError for a missing setting, a `Hyperion::Error` for a value that is none of the allowed.
    pub fn read(ruby: &Ruby, settings: RHash) -> Result<Self, Error> {
        let reader = Reader { ruby, settings };
        let stats = reader.stats()?;
        Ok(Self {
            engine: reader.engine()?,
            shared: Shared {
                multithread: reader.fetch::<usize>("threads")? > 1,
                multiprocess: reader.fetch("multiprocess")?,
                server_software: reader.fetch("server_software")?,
                is_rack_2: is_rack_2(ruby),
            },
            sendfile_header: reader.choice(
                "sendfile_header",
                &[
                    ("off", SendfileHeader::Off),
                    ("x-sendfile", SendfileHeader::Path),
                    ("x-accel-redirect", SendfileHeader::Mounted),
                ],
            )?,
            early_hints: reader.choice(
                "early_hints",
                &[
                    ("off", HintsPolicy::Off),
                    ("http2", HintsPolicy::Http2),
                    ("on", HintsPolicy::On),
                ],
            )?,
            shows_errors: reader.fetch("shows_errors")?,
            native_routes: reader.fetch("native_routes")?,
            static_cache_bytes: reader.fetch("static_cache_bytes")?,
            stats,
            max_pending: reader.fetch("max_pending")?,
        })
    }
}

struct Reader<'a> {
    ruby: &'a Ruby,
    settings: RHash,
}

impl Reader<'_> {
    fn engine(&self) -> Result<Config, Error> {
        Ok(Config {
            protocol: self.protocol()?,
            routes: Arc::default(),
            io: self.choice(
                "io",
                &[
                    ("auto", IoChoice::Auto),
                    ("epoll", IoChoice::Epoll),
                    ("io_uring", IoChoice::IoUring),
                ],
            )?,
            handshakes_per_second: self.bound("tls_handshake_rate_limit", "unlimited")?,
            streams_request_bodies: self.fetch("stream_request_bodies")?,
            channels: self.channels()?.map(Arc::new),
            admin: Arc::new(self.admin()?),
            max_connections: self.fetch("max_connections")?,
            spool_threshold_bytes: self
                .optional("spool_threshold_bytes")?
                .unwrap_or(SPOOL_THRESHOLD_BYTES),
            max_spool_bytes: self.bound("max_spool_bytes", "auto")?,
            log: self.log()?,
        })
    }

    fn protocol(&self) -> Result<ProtocolConfig, Error> {
        let allow = [("drop", UnderscorePolicy::Drop), ("allow", UnderscorePolicy::Allow)];
        Ok(ProtocolConfig {
            limits: Limits {
                head_bytes: self.fetch("max_header_bytes")?,
                target_bytes: self.fetch("max_target_bytes")?,
                field_count: self.fetch("max_header_fields")?,
                body_bytes: self.fetch("max_body_bytes")?,
                response_fields: self.fetch("max_response_fields")?,
                response_field_bytes: self.fetch("max_response_header_bytes")?,
                in_flight: self.in_flight()?,
                h2_concurrent_streams: self.fetch("h2_max_concurrent_streams")?,
                h2_total_streams: self.bound("h2_max_total_streams", "unbounded")?,
                ..Limits::default()
            },
            timeouts: self.timeouts()?,
            underscore_headers: self.choice("underscore_headers", &allow)?,
            date_origin: Some((Instant::now(), SystemTime::now())),
        })
    }

    fn in_flight(&self) -> Result<NonZeroUsize, Error> {
        let value: Value = self.fetch("max_in_flight_per_conn")?;
        if is_text(value) {
            self.choice("max_in_flight_per_conn", &[("auto", ())])?;
            return Ok(NonZeroUsize::MIN);
        }
        NonZeroUsize::new(usize::try_convert(value)?)
            .ok_or_else(|| error::error(self.ruby, "max_in_flight_per_conn must be at least 1"))
    }

    /// A number, or none where the setting is this word.
    fn bound<T: TryConvert>(&self, name: &str, word: &str) -> Result<Option<T>, Error> {
        let value: Value = self.fetch(name)?;
        if is_text(value) {
            self.choice(name, &[(word, ())])?;
            return Ok(None);
        }
        T::try_convert(value).map(Some)
    }

    fn timeouts(&self) -> Result<Timeouts, Error> {
        let request_read = self.seconds("max_request_read_seconds")?;
        Ok(Timeouts {
            read: self.seconds("read_timeout")?,
            request_read: (!request_read.is_zero()).then_some(request_read),
            idle: self.seconds("idle_keepalive")?,
            write: self.seconds("write_timeout")?,
            tls_handshake: self.seconds("tls_handshake_timeout")?,
            ..Timeouts::default()
        })
    }

    fn log(&self) -> Result<LogConfig, Error> {
        let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
        Ok(LogConfig {
            level: self.choice("log_level", &levels.map(|level| (level.name(), level)))?,
            format: self.log_format()?,
            requests: self.fetch("log_requests")?,
            file: self.optional::<String>("log_file")?.map(PathBuf::from),
        })
    }

    /// In the block of a segment that is shared with other processes, or alone.
    fn stats(&self) -> Result<Arc<Stats>, Error> {
        let Some(segment) = self.optional::<Obj<Segment>>("segment")? else {
            return Ok(Arc::default());
        };
        let stats = segment.begin(self.ruby, self.fetch("block")?, self.fetch("slot")?)?;
        Ok(Arc::new(stats))
    }

    /// Of a worker in a cluster: copies of both ends of the channels between all of them.
    fn channels(&self) -> Result<Option<Channels>, Error> {
        let Some(senders) = self.optional::<Vec<RawFd>>("handoff_senders")? else {
            return Ok(None);
        };
        let copy = |descriptor: RawFd| {
            hyperion_engine::foreign::duplicate(descriptor).map_err(|cause| {
                error::error(self.ruby, format!("descriptor {descriptor}: {cause}"))
            })
        };
        let copies = |descriptors: Vec<RawFd>| descriptors.into_iter().map(copy).collect();
        let (senders, receivers): (Result<_, _>, Result<_, _>) =
            (copies(senders), copies(self.fetch("handoff_receivers")?));
        Ok(Some(Channels::new(self.fetch("threads")?, senders?, receivers?)))
    }

    fn admin(&self) -> Result<Admin, Error> {
        let token = self.optional::<String>("admin_token")?;
        let owns_process = self.optional("owns_process")?.unwrap_or(false);
        Ok(Admin::new(token.as_deref().map(str::as_bytes), owns_process))
    }

    fn log_format(&self) -> Result<LogFormat, Error> {
        let format = self.fetch::<Value>("log_format")?.to_r_string()?.to_string()?;
        Ok(match &*format {
            "text" => LogFormat::Text,
            "terminal" => LogFormat::Terminal(Terminal {
                color: self.fetch("log_color")?,
                utc_offset_s: self.fetch("utc_offset_s")?,
            }),
            "json" => LogFormat::Json,
            pattern => LogFormat::Pattern(Arc::new(Pattern::parse(pattern).map_err(|cause| {
                error::error(self.ruby, format!("log_format is {pattern:?}, but {cause}"))
            })?)),
        })
    }

    fn seconds(&self, name: &str) -> Result<Duration, Error> {
        Duration::try_from_secs_f64(self.fetch(name)?)
            .map_err(|_| error::error(self.ruby, format!("{name} is no number of seconds")))
    }

    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, Error> {
        let value = self.fetch::<Value>(name)?.to_r_string()?.to_string()?;
        let choice = choices.iter().find(|(choice, _)| *choice == value);
        choice.map(|(_, choice)| *choice).ok_or_else(|| {
            let allowed: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
            let allowed = allowed.join(", ");
            error::error(self.ruby, format!("{name} is {value:?}, but may be one of {allowed}"))
        })
    }

    fn optional<T: TryConvert>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.settings.get(self.ruby.to_symbol(name)) {
            Some(value) if !value.is_nil() => T::try_convert(value).map(Some),
            _ => Ok(None),
        }
    }

    fn fetch<T: TryConvert>(&self, name: &str) -> Result<T, Error> {
        self.settings.fetch(self.ruby.to_symbol(name))
    }
}

fn is_text(value: Value) -> bool {
    Symbol::from_value(value).is_some() || magnus::RString::from_value(value).is_some()
}

/// Whether the Rack that is loaded asks for `rack.version`; without Rack there is nobody to ask.
fn is_rack_2(ruby: &Ruby) -> bool {
    let release = ruby
        .class_object()
        .const_get("Rack")
        .and_then(|rack: Value| rack.funcall::<_, _, String>("release", ()));
    release.is_ok_and(|release| release.starts_with("2."))
}
