//! A request as a Rack env, and the call of the application: one entry into Ruby for both.
//!
//! Everything that any request shares stands in a template Hash with room for a usual request, so that
//! an env is a copy of memory and one insertion of all that differs.

use std::time::Duration;

use hyperion_engine::{BodyLength, ConnectionInfo, Listener, Request, Tls, Version};
use magnus::prelude::*;
use magnus::rb_sys::{AsRawValue, FromRawValue, protect};
use magnus::typed_data::Obj;
use magnus::{Error, RArray, RHash, Ruby, Value};
use rb_sys::{Qfalse, Qnil, VALUE};

use crate::exchange::Exchange;
use crate::request::input::Input;
use crate::request::keys::{Keys, keys};
use crate::request::pairs::{Pairs, decimal, string, variable};
use crate::response::early_hints::EarlyHints;

/// Keys that the template has room for.
const TEMPLATE_KEYS: usize = 56;

/// What every env has in common.
///
/// # Errors
/// Those of Ruby.
pub fn template(ruby: &Ruby, settings: &Shared) -> Result<RHash, Error> {
    let env = ruby.hash_new();
    for number in 0..TEMPLATE_KEYS {
        env.aset(number, true)?;
    }
    // What is cleared keeps its size, and so does what is copied.
    env.clear()?;
    let text = |text: &str| {
        let string = ruby.str_new(text);
        string.freeze();
        string
    };
    if settings.is_rack_2 {
        let version = ruby.ary_from_vec(vec![1, 6]);
        version.freeze();
        env.aset(text("rack.version"), version)?;
    }
    let stderr: Value = ruby.eval("$stderr")?;
    env.aset(text("rack.errors"), stderr)?;
    env.aset(text("rack.multithread"), settings.multithread)?;
    env.aset(text("rack.multiprocess"), settings.multiprocess)?;
    env.aset(text("rack.run_once"), false)?;
    env.aset(text("rack.url_scheme"), text("http"))?;
    env.aset(text("rack.hijack?"), true)?;
    env.aset(text("SCRIPT_NAME"), text(""))?;
    env.aset(text("SERVER_SOFTWARE"), text(&settings.server_software))?;
    env.freeze();
    Ok(env)
}

/// What the template is made of.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Whether the application may be called by several threads at once.
    pub multithread: bool,
    /// Whether other processes serve the same application.
    pub multiprocess: bool,
    /// Name and version of the server.
    pub server_software: String,
    /// Whether Rack's SPEC asks for `rack.version`.
    pub is_rack_2: bool,
}

/// An unfrozen copy of the template.
///
/// # Errors
/// Those of Ruby.
pub fn begin(template: RHash) -> Result<RHash, Error> {
    // SAFETY: the template is a Hash and alive, as its owner marks it.
    let env = protect(|| unsafe { rb_sys::rb_hash_dup(template.as_raw()) })?;
    // SAFETY: what Ruby returned is a value.
    let env = unsafe { Value::from_raw(env) };
    Ok(RHash::from_value(env).expect("the copy of a Hash is a Hash"))
}

/// What differs from request to request.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The head of the request.
    pub request: &'a Request,
    /// Where it came from.
    pub connection: &'a ConnectionInfo,
    /// The body.
    pub input: Obj<Input>,
    /// The way back.
    pub exchange: Obj<Exchange>,
    /// What sends early hints, where the client may be sent any.
    pub hints: Option<Obj<EarlyHints>>,
    /// Bytes of the body, where all of it is here.
    pub body_length: Option<u64>,
    /// How long it has waited for an executor.
    pub queued: Duration,
}

impl Facts<'_> {
    /// The length of a body that was complete before the application is called, where the client has not
    /// told it. Like any CGI server, this one then passes on the length and not the framing (RFC 3875, section
    /// 4.1.2): frameworks take a request without a length for one without a body.
    fn measured_length(&self) -> Option<u64> {
        self.body_length.filter(|_| self.request.body() == BodyLength::Chunked)
    }
}

/// Completes `env` and calls the application with it.
///
/// # Errors
/// What the application raises.
pub fn call(app: Value, env: RHash, facts: &Facts<'_>) -> Result<Value, Error> {
    fill_and_call(Some(app), env, facts)
}

/// Completes `env`, for those who look at it before the application is called.
///
/// # Errors
/// Those of Ruby.
pub fn complete(env: RHash, facts: &Facts<'_>) -> Result<(), Error> {
    fill_and_call(None, env, facts).map(drop)
}

fn fill_and_call(app: Option<Value>, env: RHash, facts: &Facts<'_>) -> Result<Value, Error> {
    // Made out here because a jump out of the application would skip its destructor.
    let fallback = facts.request.host().is_none().then(|| address(&facts.connection.listener));
    let authority = match &fallback {
        Some((name, port)) => Authority { name, port: Some(port) },
        None => Authority::split(facts.request.host().unwrap_or_default()),
    };
    let (app, raw_env) = (app.map(|app| app.as_raw()), env.as_raw());
    let keys = keys();
    let answer = protect(|| {
        // SAFETY: this thread holds the interpreter's lock. All values are on this thread's stack, in
        // `facts` or in the array of pairs, or are kept for ever, so none is freed or moved. Nothing on
        // the frames of this closure has a destructor that a jump could skip.
        unsafe {
            fill(raw_env, facts, &authority, keys);
            match app {
                Some(app) => rb_sys::rb_funcallv(app, keys.call, 1, &raw_env),
                None => Qnil as VALUE,
            }
        }
    })?;
    // SAFETY: what a method returned is a value, as is nil.
    Ok(unsafe { Value::from_raw(answer) })
}

/// What the application adds to the access line; `None` for nothing.
pub fn log_extras(env: RHash) -> Option<Value> {
    let (env, key) = (env.as_raw(), keys().hyperion_log_extras);
    // SAFETY: env is a Hash on the stack of the caller, and the key is kept for ever.
    let found = protect(|| unsafe { rb_sys::rb_hash_lookup2(env, key, Qnil as VALUE) }).ok()?;
    // SAFETY: what was found in a Hash is a value, as is nil.
    let value = unsafe { Value::from_raw(found) };
    (!value.is_nil()).then_some(value)
}

/// The callbacks that stand in an env; `None` where there are none.
#[derive(Debug)]
pub struct Callbacks {
    /// `rack.response_finished`.
    pub finished: Option<RArray>,
    /// `rack.after_reply`.
    pub after_reply: Option<RArray>,
}

impl Callbacks {
    /// Looks them up.
    pub fn of(env: RHash) -> Self {
        let keys = keys();
        let (env, mut found) = (env.as_raw(), [Qnil as VALUE; 2]);
        let looked = protect(|| {
            // SAFETY: env is a Hash on the stack of the caller, and the keys are kept for ever.
            unsafe {
                let look = |key| rb_sys::rb_hash_lookup2(env, key, Qnil as VALUE);
                found = [look(keys.rack_response_finished), look(keys.rack_after_reply)];
            }
            Qnil as VALUE
        });
        let [finished, after_reply] = found.map(|callbacks| {
            // SAFETY: what was found in a Hash is a value, as is nil.
            let callbacks = RArray::from_value(unsafe { Value::from_raw(callbacks) });
            callbacks.filter(|callbacks| looked.is_ok() && !callbacks.is_empty())
        });
        Self { finished, after_reply }
    }

    /// Whether there are any.
    pub fn are_wanted(&self) -> bool {
        self.finished.is_some() || self.after_reply.is_some()
    }
}

/// # Safety
/// As in [`call`].
unsafe fn fill(env: VALUE, facts: &Facts<'_>, authority: &Authority<'_>, keys: &Keys) {
    let mut pairs = Pairs::new(env);
    // SAFETY: what the caller promises holds for these, too.
    unsafe {
        fill_fields(&mut pairs, facts, keys);
        fill_request_line(&mut pairs, facts.request, keys);
        fill_addresses(&mut pairs, facts.connection, authority, keys);
        fill_rack(&mut pairs, facts, keys);
        pairs.flush();
    }
}

/// # Safety
/// As in [`call`].
unsafe fn fill_fields(pairs: &mut Pairs, facts: &Facts<'_>, keys: &Keys) {
    let request = facts.request;
    // SAFETY: all strings are made from slices that outlive the calls.
    unsafe {
        let measured = facts.measured_length();
        for (name, value) in request.headers() {
            let key = keys.header(name).unwrap_or_else(|| variable(name));
            let is_framing = measured.is_some() && key == keys.transfer_encoding;
            if key != keys.http_version && !is_framing {
                pairs.join(key, value, if key == keys.cookie { b"; " } else { b", " });
            }
        }
        if let Some(length) = measured {
            let mut digits = [0; 20];
            pairs.push(keys.content_length, string(decimal(length, &mut digits)));
        }
    }
}

/// # Safety
/// As in [`call`].
unsafe fn fill_request_line(pairs: &mut Pairs, request: &Request, keys: &Keys) {
    // SAFETY: all strings are made from slices that outlive the calls.
    unsafe {
        let protocol = match request.version() {
            Version::Http10 => keys.http_10,
            Version::Http11 => keys.http_11,
            Version::Http2 => keys.http_2,
        };
        let method = request.method();
        pairs.push(keys.request_method, keys.method(method).unwrap_or_else(|| string(method)));
        let (target, path, query) = request.verbatim();
        pairs.push(keys.path_info, string(path));
        pairs.push(keys.query_string, string(query.unwrap_or_default()));
        pairs.push(keys.request_path, string(path));
        pairs.push(keys.request_uri, string(target));
        pairs.push(keys.server_protocol, protocol);
        pairs.push(keys.http_version, protocol);
    }
}

/// # Safety
/// As in [`call`].
unsafe fn fill_addresses(
    pairs: &mut Pairs,
    connection: &ConnectionInfo,
    authority: &Authority<'_>,
    keys: &Keys,
) {
    let is_secure = connection.tls().is_some();
    let default_port = if is_secure { keys.port_443 } else { keys.port_80 };
    let mut port = [0; 20];
    // SAFETY: all strings are made from slices that outlive the calls.
    unsafe {
        pairs.push(keys.server_name, string(authority.name));
        let server_port = authority.port.map_or(default_port, |port| string(port));
        pairs.push(keys.server_port, server_port);
        pairs.push(keys.remote_addr, string(&connection.remote_addr));
        pairs.push(keys.remote_port, string(decimal(connection.remote_port.into(), &mut port)));
        if is_secure {
            pairs.push(keys.rack_url_scheme, keys.https);
            pairs.push(keys.https_flag, keys.on);
            show_client(pairs, connection, keys);
        }
    }
}

/// # Safety
/// As in [`call`].
unsafe fn fill_rack(pairs: &mut Pairs, facts: &Facts<'_>, keys: &Keys) {
    // SAFETY: the values are on this thread's stack, or in the array of pairs.
    unsafe {
        let queued = rb_sys::rb_float_new(facts.queued.as_secs_f64());
        pairs.push(keys.hyperion_queue_seconds, queued);
        pairs.push(keys.rack_input, facts.input.as_raw());
        match can_hijack(facts) {
            true => pairs.push(keys.rack_hijack, facts.exchange.as_raw()),
            false => pairs.push(keys.rack_is_hijack, Qfalse as VALUE),
        }
        if let Some(hints) = facts.hints {
            pairs.push(keys.rack_early_hints, hints.as_raw());
        }
        pairs.push(keys.rack_response_finished, rb_sys::rb_ary_new());
        pairs.push(keys.rack_after_reply, rb_sys::rb_ary_new());
    }
}

/// What the client has shown of itself in the TLS handshake, where it was asked.
///
/// # Safety
/// As in [`call`].
unsafe fn show_client(pairs: &mut Pairs, connection: &ConnectionInfo, keys: &Keys) {
    // SAFETY: all strings are made from slices that outlive the calls.
    unsafe {
        match connection.certificate.get() {
            Some(certificate) => {
                pairs.push(keys.ssl_client_verify, keys.success);
                pairs.push(keys.ssl_client_s_dn, string(&certificate.subject));
                pairs.push(keys.ssl_client_cert, string(&certificate.pem));
            }
            None if connection.tls().is_some_and(Tls::asks_clients) => {
                pairs.push(keys.ssl_client_verify, keys.none);
            }
            None => {}
        }
    }
}

/// Whether the application may take the socket: not one that others share, nor one that it could not read.
fn can_hijack(facts: &Facts<'_>) -> bool {
    facts.request.version() != Version::Http2
}

/// The server's name and port as the client sees them.
#[derive(Clone, Copy, Debug)]
struct Authority<'a> {
    /// An IPv6 address keeps its brackets.
    name: &'a str,
    /// None for the port of the scheme.
    port: Option<&'a str>,
}

impl<'a> Authority<'a> {
    fn split(host: &'a str) -> Self {
        let name_end =
            if host.starts_with('[') { host.find(']').map_or(0, |end| end + 1) } else { 0 };
        match host[name_end..].rfind(':') {
            Some(colon) => {
                let (name, port) = host.split_at(name_end + colon);
                Self { name, port: Some(&port[1..]).filter(|port| !port.is_empty()) }
            }
            None => Self { name: host, port: None },
        }
    }
}

fn address(listener: &Listener) -> (String, String) {
    match listener {
        Listener::Tcp(address) | Listener::Tls(address, _) if address.is_ipv6() => {
            (format!("[{}]", address.ip()), address.port().to_string())
        }
        Listener::Tcp(address) | Listener::Tls(address, _) => {
            (address.ip().to_string(), address.port().to_string())
        }
        Listener::Admin | Listener::Unix => ("localhost".to_owned(), "80".to_owned()),
    }
}
