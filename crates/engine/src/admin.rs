//! What operators and their machines ask a server about itself: `/-/health`, `/-/ready`,
//! `/-/metrics`, `/-/stats` and `/-/quit`. The reactor answers, from memory that all workers share,
//! so that the answers come while every executor hangs, and are the same from each worker.
//!
//! Health and readiness are for everybody, on every listener. The rest is for those who know the
//! token; without one it is found on listeners that serve nothing else, and nowhere else.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use hyperion_proto::{Fields, Request, Response, ResponseBody};
use rustix::process::{Pid, Signal, getppid, kill_process};
use subtle::ConstantTimeEq;

use crate::connection_info::Listener;
use crate::metrics;
use crate::stats::{Phase, Segment};

mod report;

/// Who may ask, and on which sockets.
#[derive(Default)]
pub struct Admin {
    token: Option<Box<[u8]>>,
    owns_process: bool,
    sockets: Mutex<Vec<OwnedFd>>,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Page {
    Health,
    Metrics,
    Quit,
    Ready,
    Stats,
}

const PREFIX: &str = "/-/";

pub(crate) const TOKEN_FIELD: &str = "x-hyperion-admin-token";

impl Admin {
    /// With a `token`, those who send it in `X-Hyperion-Admin-Token` may ask for everything on every
    /// listener. `owns_process` says that this process, or its master, is there for the server alone: it ends
    /// by SIGTERM, and with its engine.
    pub fn new(token: Option<&[u8]>, owns_process: bool) -> Self {
        Self { token: token.map(Into::into), owns_process, sockets: Mutex::default() }
    }

    /// Whether this process, or its master, is there for the server alone.
    pub(crate) fn owns_process(&self) -> bool {
        self.owns_process
    }

    /// Answers on this listening socket as well, where nothing else is served; to be called before
    /// the engine starts.
    pub fn listen(&self, socket: OwnedFd) {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    }

    /// The sockets given to [`listen`](Self::listen), once.
    pub(crate) fn take_sockets(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.sockets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to a request that is for the server itself; None when it is for the application.
    pub fn answer(
        &self,
        request: &Request,
        listener: &Listener,
        segment: &Segment,
    ) -> Option<Response> {
        let is_own = matches!(listener, Listener::Admin);
        let found = Page::at(request.path()).filter(|page| self.shows(*page, is_own));
        let Some(page) = found else {
            return is_own.then(|| text(404, "there is nothing here but the admin surface"));
        };
        if page.is_guarded() && !self.admits(request) {
            let mut response = text(401, "X-Hyperion-Admin-Token is missing or wrong");
            response.fields.put("www-authenticate", "Hyperion-Admin-Token");
            return Some(response);
        }
        if !page.methods().contains(&request.method()) {
            let mut response = text(405, "this method is not allowed here");
            response.fields.put("allow", &page.methods().join(", "));
            return Some(response);
        }
        Some(self.show(page, request, segment))
    }

    fn shows(&self, page: Page, is_own: bool) -> bool {
        let is_reachable = is_own || self.token.is_some() || !page.is_guarded();
        is_reachable && (self.owns_process || page != Page::Quit)
    }

    /// One token, and the right one. The time it takes tells nothing but the length.
    fn admits(&self, request: &Request) -> bool {
        let Some(token) = &self.token else { return true };
        let mut given = request
            .headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case(TOKEN_FIELD.as_bytes()))
            .map(|(_, value)| value);
        match (given.next(), given.next()) {
            (Some(given), None) => given.ct_eq(token).into(),
            _ => false,
        }
    }

    fn show(&self, page: Page, request: &Request, segment: &Segment) -> Response {
        match page {
            Page::Health => text(200, "ok"),
            Page::Ready => ready(segment.phase()),
            Page::Metrics => {
                let format = metrics::format_of(request);
                fresh(format.content_type(), metrics::render(segment, format))
            }
            Page::Stats => fresh("application/json", report::render(segment)),
            Page::Quit => self.quit(request, segment),
        }
    }

    fn quit(&self, request: &Request, segment: &Segment) -> Response {
        // A page in somebody's browser can send a POST, but not without this field.
        if self.token.is_none() && request.header("origin").is_some() {
            return text(403, "browsers may not do this without a token");
        }
        match terminate(segment.master_pid()) {
            true => text(202, "stopping"),
            false => text(503, "the process to stop is gone"),
        }
    }
}

impl std::fmt::Debug for Admin {
    /// Without the token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Admin")
            .field("has_token", &self.token.is_some())
            .field("owns_process", &self.owns_process)
            .finish_non_exhaustive()
    }
}

/// Whether the path is that of a page for those who know the token.
pub(crate) fn is_guarded(path: &str) -> bool {
    Page::at(path).is_some_and(Page::is_guarded)
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path.strip_prefix(PREFIX)? {
            "health" => Some(Self::Health),
            "metrics" => Some(Self::Metrics),
            "quit" => Some(Self::Quit),
            "ready" => Some(Self::Ready),
            "stats" => Some(Self::Stats),
            _ => None,
        }
    }

    /// Whether it tells or does what is not everybody's business.
    fn is_guarded(self) -> bool {
        !matches!(self, Self::Health | Self::Ready)
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Quit => &["POST"],
            _ => &["GET", "HEAD"],
        }
    }
}

fn ready(phase: Phase) -> Response {
    match phase {
        Phase::Booting => text(503, "booting"),
        Phase::Serving => text(200, "ready"),
        Phase::Draining => text(503, "draining"),
    }
}

/// Asks a process to end, provided that it is this one or its parent: the number of a dead process
/// may be another's by now.
fn terminate(pid: u32) -> bool {
    let is_parent = getppid().is_some_and(|parent| parent.as_raw_pid() as u32 == pid);
    let is_known = is_parent || pid == std::process::id();
    let target = is_known.then(|| Pid::from_raw(pid as i32)).flatten();
    target.is_some_and(|target| kill_process(target, Signal::TERM).is_ok())
}

fn text(status: u16, body: &str) -> Response {
    respond(Response::plain(status, body.to_owned()))
}

fn fresh(content_type: &'static str, body: String) -> Response {
    let mut fields = Fields::new();
    fields.put("content-type", content_type);
    respond(Response { status: 200, fields, body: ResponseBody::Full(Bytes::from(body)) })
}

/// What is true now is not kept.
fn respond(mut response: Response) -> Response {
    response.fields.put("cache-control", "no-store");
    response
}

#[cfg(test)]
mod tests;
