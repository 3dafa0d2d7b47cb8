//! Which requests are answered without the Rack application: looked up once a head is complete,
//! before anything is queued.

use std::collections::HashMap;
use std::sync::Arc;

use hyperion_proto::{Fields, Prepared, Request, Response, ResponseBody};

pub use self::static_response::StaticResponse;
use crate::files::Mount;

mod static_response;

/// The registered routes. They are immutable once an engine has them; new ones come as a new table.
#[derive(Debug)]
pub struct Routes {
    native: bool,
    exact: HashMap<Box<str>, Vec<Exact>>,
    /// The longest prefix first.
    mounts: Vec<Arc<Mount>>,
}

/// Who answers a request.
#[derive(Clone, Debug)]
pub enum Target {
    /// The Rack application.
    App,
    /// The block of this number.
    Block(u32),
    /// A response rendered at registration.
    Static(Arc<StaticResponse>),
    /// A file of a mounted directory.
    Files(Arc<Mount>),
}

/// An answer that needs no Ruby.
#[derive(Debug)]
pub enum Answer {
    /// Rendered before.
    Prepared(Arc<Prepared>),
    /// Made for this request.
    Response(Response),
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// By a registered block.
    Block,
    /// From a file, by the engine.
    File,
    /// From a static response, by the engine.
    Native,
    /// By the Rack application.
    Rack,
}

/// What is to be done with a request.
#[derive(Debug)]
pub(crate) enum Resolution {
    /// The engine answers.
    Native(Answer, Target),
    /// An executor does.
    Executor(Target),
}

#[derive(Debug)]
struct Exact {
    method: Box<str>,
    target: Target,
}

impl Default for Routes {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Routes {
    /// No routes. Without `native`, an executor answers what is registered.
    pub fn new(native: bool) -> Self {
        Self { native, exact: HashMap::new(), mounts: Vec::new() }
    }

    /// Answers `method` and `path` with `target`; a static GET answers HEAD too. A later
    /// registration of the same method and path has no effect.
    pub fn add(&mut self, method: &str, path: &str, target: Target) {
        let routes = self.exact.entry(path.into()).or_default();
        routes.push(Exact { method: method.into(), target });
    }

    /// Answers with the files of `mount` what no other route does. Of several mounts the one with
    /// the longest prefix is asked first, and of equal ones the first.
    pub fn mount(&mut self, mount: Arc<Mount>) {
        let is_longer = |other: &Arc<Mount>| other.prefix().len() >= mount.prefix().len();
        let place = self.mounts.partition_point(is_longer);
        self.mounts.insert(place, mount);
    }

    /// The mounted directories, the longest prefix first.
    pub fn mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().map(|mount| &**mount)
    }

    pub(crate) fn resolve(&self, request: &Request) -> Resolution {
        match self.find(request) {
            Some(target @ Target::Static(response)) if self.native => {
                let answer = Answer::Prepared(response.answer(request).clone());
                Resolution::Native(answer, target.clone())
            }
            Some(target) => Resolution::Executor(target.clone()),
            None => self.resolve_file(request),
        }
    }

    fn resolve_file(&self, request: &Request) -> Resolution {
        for mount in self.mounts.iter().filter(|mount| mount.matches(request.path())) {
            if let Some(answer) = mount.answer(request) {
                let target = Target::Files(mount.clone());
                return match self.native {
                    true => Resolution::Native(answer, target),
                    false => Resolution::Executor(target),
                };
            }
        }
        Resolution::Executor(Target::App)
    }

    fn find(&self, request: &Request) -> Option<&Target> {
        if self.exact.is_empty() {
            return None;
        }
        let routes = self.exact.get(request.path())?;
        let method = request.method();
        let of = |method: &str| routes.iter().find(|route| &*route.method == method);
        let head = || of("GET").filter(|get| matches!(get.target, Target::Static(_)));
        let route = of(method).or_else(|| if method == "HEAD" { head() } else { None });
        route.map(|route| &route.target)
    }
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        match self {
            Self::Prepared(prepared) => prepared.status(),
            Self::Response(response) => response.status,
        }
    }

    /// The fields that the route decided.
    pub fn fields(&self) -> &Fields {
        match self {
            Self::Prepared(prepared) => prepared.fields(),
            Self::Response(response) => &response.fields,
        }
    }

    fn into_response(self) -> Response {
        match self {
            Self::Prepared(prepared) => fresh(&prepared),
            Self::Response(response) => response,
        }
    }
}

impl Target {
    /// How this target answers.
    pub fn mode(&self) -> Mode {
        match self {
            Self::App => Mode::Rack,
            Self::Block(_) => Mode::Block,
            Self::Static(_) => Mode::Native,
            Self::Files(_) => Mode::File,
        }
    }

    /// One word for all the paths that it answers, where they are many.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Files(mount) => Some(mount.label()),
            Self::App | Self::Block(_) | Self::Static(_) => None,
        }
    }

    /// The answer, where it needs no Ruby code. A file may be gone since the request was looked up;
    /// then it is the application's turn.
    pub fn answer(&self, request: &Request) -> Option<Response> {
        match self {
            Self::App | Self::Block(_) => None,
            Self::Static(response) => Some(fresh(response.answer(request))),
            Self::Files(mount) => mount.answer(request).map(Answer::into_response),
        }
    }
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Block, Self::File, Self::Native, Self::Rack];

    /// The name in metrics and in the boot line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::File => "file",
            Self::Native => "native",
            Self::Rack => "rack",
        }
    }
}

/// The same response, to be rendered on its way. That its body is empty must be said here: of a
/// response to HEAD nobody else can tell whether a body was left out.
fn fresh(prepared: &Prepared) -> Response {
    let (status, mut fields, body) =
        (prepared.status(), prepared.fields().clone(), prepared.body().clone());
    if body.is_empty() && !matches!(status, 204 | 205 | 304) {
        fields.push(b"content-length", b"0").expect("a short field is valid");
    }
    Response { status, fields, body: ResponseBody::Full(body) }
}
