//! The keys of env that differ from request to request, made once and kept for the life of the process. Those that
//! never differ are literals in `env::template`.

use std::sync::OnceLock;

use magnus::rb_sys::AsRawValue;
use magnus::{RString, Ruby};
use rb_sys::{ID, VALUE};

/// The longest known header name, so that longer ones are not looked up.
const LONGEST_KNOWN: usize = 32;

/// Slots of the table of known names; a power of two, and several times their number.
const SLOTS: usize = 256;

/// Request headers that most requests bring, in lower case, apart from those with keys of their own.
const KNOWN_HEADERS: [&str; 61] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "alt-used",
    "authorization",
    "cache-control",
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ipcountry",
    "cf-ray",
    "cf-visitor",
    "connection",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "last-event-id",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "save-data",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "sec-websocket-key",
    "sec-websocket-version",
    "te",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-csrf-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

const METHODS: [&str; 9] =
    ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Every name, as a frozen and interned String that Ruby neither frees nor moves.
#[derive(Debug)]
pub struct Keys {
    pub call: ID,
    pub content_length: VALUE,
    pub cookie: VALUE,
    pub http_version: VALUE,
    pub https_flag: VALUE,
    pub hyperion_log_extras: VALUE,
    pub hyperion_queue_seconds: VALUE,
    pub path_info: VALUE,
    pub query_string: VALUE,
    pub rack_after_reply: VALUE,
    pub rack_early_hints: VALUE,
    pub rack_hijack: VALUE,
    pub rack_input: VALUE,
    pub rack_is_hijack: VALUE,
    pub rack_response_finished: VALUE,
    pub rack_url_scheme: VALUE,
    pub remote_addr: VALUE,
    pub remote_port: VALUE,
    pub request_method: VALUE,
    pub request_path: VALUE,
    pub request_uri: VALUE,
    pub server_name: VALUE,
    pub server_port: VALUE,
    pub server_protocol: VALUE,
    pub ssl_client_cert: VALUE,
    pub ssl_client_s_dn: VALUE,
    pub ssl_client_verify: VALUE,
    /// Values that never differ.
    pub http_10: VALUE,
    pub http_11: VALUE,
    pub http_2: VALUE,
    pub https: VALUE,
    pub none: VALUE,
    pub on: VALUE,
    pub port_80: VALUE,
    pub port_443: VALUE,
    pub success: VALUE,
    pub transfer_encoding: VALUE,
    methods: [(&'static str, VALUE); METHODS.len()],
    headers: Vec<Option<(&'static [u8], VALUE)>>,
}

static KEYS: OnceLock<Keys> = OnceLock::new();

/// The names.
pub fn keys() -> &'static Keys {
    KEYS.get().expect("the library makes the keys when it is loaded")
}

/// Makes the names.
pub fn init(ruby: &Ruby) {
    let _ = KEYS.set(Keys::new(ruby));
}

/// A name that stays; in the raw form that the hot path needs.
fn kept(ruby: &Ruby, name: &str) -> VALUE {
    let name: RString = ruby.str_new(name).to_interned_str();
    ruby.gc_register_mark_object(name);
    name.as_raw()
}

impl Keys {
    fn new(ruby: &Ruby) -> Self {
        use magnus::rb_sys::AsRawId;
        let kept = |name: &str| kept(ruby, name);
        let mut keys = Self {
            call: ruby.intern("call").as_raw(),
            content_length: kept("CONTENT_LENGTH"),
            cookie: kept("HTTP_COOKIE"),
            http_version: kept("HTTP_VERSION"),
            https_flag: kept("HTTPS"),
            hyperion_log_extras: kept("hyperion.log_extras"),
            hyperion_queue_seconds: kept("hyperion.queue_seconds"),
            path_info: kept("PATH_INFO"),
            query_string: kept("QUERY_STRING"),
            rack_after_reply: kept("rack.after_reply"),
            rack_early_hints: kept("rack.early_hints"),
            rack_hijack: kept("rack.hijack"),
            rack_input: kept("rack.input"),
            rack_is_hijack: kept("rack.hijack?"),
            rack_response_finished: kept("rack.response_finished"),
            rack_url_scheme: kept("rack.url_scheme"),
            remote_addr: kept("REMOTE_ADDR"),
            remote_port: kept("REMOTE_PORT"),
            request_method: kept("REQUEST_METHOD"),
            request_path: kept("REQUEST_PATH"),
            request_uri: kept("REQUEST_URI"),
            server_name: kept("SERVER_NAME"),
            server_port: kept("SERVER_PORT"),
            server_protocol: kept("SERVER_PROTOCOL"),
            ssl_client_cert: kept("SSL_CLIENT_CERT"),
            ssl_client_s_dn: kept("SSL_CLIENT_S_DN"),
            ssl_client_verify: kept("SSL_CLIENT_VERIFY"),
            http_10: kept("HTTP/1.0"),
            http_11: kept("HTTP/1.1"),
            http_2: kept("HTTP/2"),
            https: kept("https"),
            none: kept("NONE"),
            on: kept("on"),
            port_80: kept("80"),
            port_443: kept("443"),
            success: kept("SUCCESS"),
            transfer_encoding: kept("HTTP_TRANSFER_ENCODING"),
            methods: METHODS.map(|method| (method, kept(method))),
            headers: vec![None; SLOTS],
        };
        keys.know_headers(kept);
        keys
    }

    fn know_headers(&mut self, kept: impl Fn(&str) -> VALUE) {
        for name in KNOWN_HEADERS {
            self.know(name, kept(&variable(name)));
        }
        self.know("content-length", kept("CONTENT_LENGTH"));
        self.know("content-type", kept("CONTENT_TYPE"));
    }

    /// The shared String of a common method.
    pub fn method(&self, method: &str) -> Option<VALUE> {
        self.methods.iter().find(|(known, _)| *known == method).map(|(_, value)| *value)
    }

    /// The variable of a common header, in whatever case its name came.
    pub fn header(&self, name: &[u8]) -> Option<VALUE> {
        if name.len() > LONGEST_KNOWN {
            return None;
        }
        let mut slot = slot(name);
        while let Some((known, value)) = self.headers[slot] {
            if known.eq_ignore_ascii_case(name) {
                return Some(value);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    fn know(&mut self, name: &'static str, value: VALUE) {
        debug_assert!(name.len() <= LONGEST_KNOWN);
        let mut slot = slot(name.as_bytes());
        while self.headers[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        self.headers[slot] = Some((name.as_bytes(), value));
    }
}

/// Where the search for a name begins: its length and three of its letters tell most names apart.
fn slot(name: &[u8]) -> usize {
    let letter = |index: usize| usize::from(name.get(index).copied().unwrap_or(0) | 0x20);
    let length = name.len();
    (length * 7 + letter(0) * 31 + letter(length / 2) * 13 + letter(length.wrapping_sub(1)) * 3)
        % SLOTS
}

fn variable(name: &str) -> String {
    format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"))
}
