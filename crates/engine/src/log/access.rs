use std::time::Duration;

use hyperion_proto::{Request, Version};

use crate::admin;
use crate::log::config::LogFormat;
use crate::log::{Extras, Level, Line, Log};

/// What is the same in all access lines.
pub(crate) const LEVEL: Level = Level::Info;
pub(crate) const SOURCE: &str = "access";
pub(crate) const MESSAGE: &str = "request";

/// What one response's line tells.
#[derive(Debug)]
pub(crate) struct Access<'a> {
    pub line: RequestLine<'a>,
    pub status: u16,
    /// Bytes behind the response's head.
    pub bytes: u64,
    /// From the arrival of the request to the end of its response.
    pub duration: Duration,
    /// From the arrival of the request, here or at a proxy, to an executor; none when it never reached
    /// one.
    pub queued: Option<Duration>,
    pub remote_addr: &'a str,
    /// Why the server has turned the request away, if it has.
    pub refusal: Option<&'static str>,
    /// What the application adds.
    pub extras: Option<&'a Extras>,
}

/// A request line in parts, as far as it could be understood.
#[derive(Debug, Default)]
pub(crate) struct RequestLine<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub path: &'a [u8],
    pub query: &'a [u8],
    pub version: &'a [u8],
    /// The head that the line begins, where that was understood.
    request: Option<&'a Request>,
}

impl<'a> RequestLine<'a> {
    /// The line of a valid request.
    pub fn of(request: &'a Request) -> Self {
        let version: &[u8] = match request.version() {
            Version::Http10 => b"1.0",
            Version::Http11 => b"1.1",
            Version::Http2 => b"2",
        };
        let (path, query) = (request.path(), request.query().unwrap_or(""));
        // The pages behind the token take none from a query; who puts it there by mistake must not
        // find it in the log.
        let (target, query) =
            if admin::is_guarded(path) { (path, "") } else { (request.target(), query) };
        Self {
            method: request.method().as_bytes(),
            target: target.as_bytes(),
            path: path.as_bytes(),
            query: query.as_bytes(),
            version,
            request: Some(request),
        }
    }

    /// A line that was refused; any part may be missing or nonsense.
    pub fn received(line: &'a [u8]) -> Self {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let method = words.next().unwrap_or(b"");
        let target = words.next().unwrap_or(b"");
        let version = words.next().unwrap_or(b"");
        let split = target.iter().position(|byte| *byte == b'?');
        let (path, query) = match split {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (target, &b""[..]),
        };
        let version = version.strip_prefix(b"HTTP/").unwrap_or(version);
        Self { method, target, path, query, version, request: None }
    }

    /// The first value of a field of the request.
    pub fn header(&self, lower_name: &str) -> Option<&'a [u8]> {
        self.request.and_then(|request| request.header(lower_name))
    }
}

impl Access<'_> {
    /// Buffers the line; the caller flushes once per turn.
    pub fn append_to(&self, log: &Log) {
        match log.format() {
            LogFormat::Pattern(pattern) => log.append_raw(|bytes, stamp, value_max| {
                pattern.render(self, bytes, stamp, value_max);
            }),
            LogFormat::Terminal(terminal) => log.append_raw(|bytes, stamp, value_max| {
                terminal.render(self, bytes, stamp, value_max);
            }),
            LogFormat::Text | LogFormat::Json => self.append_fields(log),
        }
    }

    fn append_fields(&self, log: &Log) {
        log.append(LEVEL, SOURCE, MESSAGE, |line| {
            line.text("method", self.line.method);
            line.text("path", self.line.path);
            line.text("query", self.line.query);
            line.number("status", self.status.into());
            line.milliseconds("duration_ms", self.duration);
            line.milliseconds("queue_ms", self.queued.unwrap_or_default());
            line.number("bytes", self.bytes);
            line.text("remote_addr", self.remote_addr.as_bytes());
            line.text("http_version", self.line.version);
            self.remarks(line);
        });
    }

    /// What most lines have nothing of.
    pub fn remarks(&self, line: &mut Line<'_>) {
        if let Some(refusal) = self.refusal {
            line.text("reason", refusal.as_bytes());
            if let Some(option) = option_behind(refusal) {
                line.text("option", option.as_bytes());
            }
        }
        if let Some(extras) = self.extras {
            line.extras(extras);
        }
    }
}

/// The option that names the limit which was exceeded.
fn option_behind(refusal: &str) -> Option<&'static str> {
    Some(match refusal {
        "body_too_large" => "max_body_bytes",
        "head_too_large" => "max_header_bytes",
        "too_many_fields" => "max_header_fields",
        "target_too_long" => "max_target_bytes",
        "head_timeout" | "body_timeout" => "read_timeout",
        "request_timeout" => "max_request_read_seconds",
        "queue_full" => "max_pending",
        "too_many_connections" => "max_connections",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &[u8]) -> [String; 5] {
        let line = RequestLine::received(line);
        [line.method, line.target, line.path, line.query, line.version]
            .map(|part| String::from_utf8_lossy(part).into_owned())
    }

    #[test]
    fn a_refused_line_is_taken_apart_as_far_as_it_goes() {
        assert_eq!(parts(b"GET /a?b=c HTTP/1.1"), ["GET", "/a?b=c", "/a", "b=c", "1.1"]);
        assert_eq!(parts(b"GET /a"), ["GET", "/a", "/a", "", ""]);
        assert_eq!(parts(b""), ["", "", "", "", ""]);
        assert_eq!(parts(b"\x16\x03"), ["\u{16}\u{3}", "", "", "", ""]);
    }

    #[test]
    fn f5_a_token_in_the_query_of_a_page_behind_the_token_is_not_told() {
        let config = hyperion_proto::Config::default();
        let told = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            let request = Request::from_head(head.as_bytes(), &config).unwrap();
            let line = RequestLine::of(&request);
            [line.target, line.path, line.query]
                .map(|part| String::from_utf8_lossy(part).into_owned())
        };
        for page in ["/-/metrics", "/-/stats", "/-/quit"] {
            assert_eq!(told(&format!("{page}?token=sesame")), [page, page, ""]);
        }
        assert_eq!(told("/-/health?a"), ["/-/health?a", "/-/health", "a"]);
        assert_eq!(told("/stats?a"), ["/stats?a", "/stats", "a"]);
    }
}
