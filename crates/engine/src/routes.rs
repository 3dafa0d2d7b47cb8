//! Which requests are answered without the Rack application: looked up once a head is complete,
//! before anything is queued.

use std::collections::HashMap;
use std::sync::Arc;

use hyperion_proto::{Fields, Prepared, Request, Response, ResponseBody};

pub use self::static_response::StaticResponse;
use crate::files::{Cold, Mount};

mod static_response;

/// The registered routes. They are immutable once an engine has them; new ones come as a new table.
#[derive(Debug)]
pub struct Routes {
    native: bool,
    exact: HashMap<Box<str>, Vec<Exact>>,
    /// The longest prefix first.
    mounts: Arc<Vec<Arc<Mount>>>,
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
    /// A file that is still to be looked for, or the Rack application where there is none.
    Search(Search),
}

/// Mounted directories to look into, in their order.
#[derive(Clone, Debug)]
pub struct Search {
    mounts: Arc<Vec<Arc<Mount>>>,
    /// Those before do not have it.
    from: usize,
    native: bool,
}

/// An answer that needs no Ruby.
#[derive(Debug)]
pub enum NativeResponse {
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
    Native(NativeResponse, Target),
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
        Self { native, exact: HashMap::new(), mounts: Arc::default() }
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
        Arc::make_mut(&mut self.mounts).insert(place, mount);
    }

    /// The mounted directories, the longest prefix first.
    pub fn mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().map(|mount| &**mount)
    }

    pub(crate) fn resolve(&self, request: &Request) -> Resolution {
        match self.find(request) {
            Some(target @ Target::Static(response)) if self.native => {
                let answer = NativeResponse::Prepared(response.answer(request).clone());
                Resolution::Native(answer, target.clone())
            }
            Some(target) => Resolution::Executor(target.clone()),
            None => self.resolve_file(request),
        }
    }

    /// Does not wait for a disk.
    fn resolve_file(&self, request: &Request) -> Resolution {
        for (from, mount) in self.mounts.iter().enumerate() {
            if !mount.matches(request.path()) {
                continue;
            }
            let answer = if self.native { mount.answer_at_once(request) } else { Err(Cold) };
            match answer {
                Ok(None) => {}
                Ok(Some(answer)) => {
                    return Resolution::Native(answer, Target::Files(mount.clone()));
                }
                Err(Cold) => {
                    let mounts = self.mounts.clone();
                    let search = Search { mounts, from, native: self.native };
                    return Resolution::Executor(Target::Search(search));
                }
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

impl NativeResponse {
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

    /// The same, to be rendered on its way.
    pub fn into_response(self) -> Response {
        match self {
            Self::Prepared(prepared) => fresh(&prepared),
            Self::Response(response) => response,
        }
    }
}

impl Target {
    /// How this target answers; `None` where that is to be found out.
    pub fn mode(&self) -> Option<Mode> {
        match self {
            Self::App => Some(Mode::Rack),
            Self::Block(_) => Some(Mode::Block),
            Self::Static(_) => Some(Mode::Native),
            Self::Files(_) => Some(Mode::File),
            Self::Search(_) => None,
        }
    }

    /// One word for all the paths that it answers, where they are many.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Files(mount) => Some(mount.label()),
            Self::App | Self::Block(_) | Self::Static(_) | Self::Search(_) => None,
        }
    }

    /// The answer of a static response, which needs no Ruby code.
    pub fn answer(&self, request: &Request) -> Option<Response> {
        match self {
            Self::Static(response) => Some(fresh(response.answer(request))),
            Self::App | Self::Block(_) | Self::Files(_) | Self::Search(_) => None,
        }
    }
}

impl Search {
    /// Whether the engine itself is to look, and not an executor.
    pub(crate) fn is_native(&self) -> bool {
        self.native
    }

    /// Whether the first directory is on a disk of this machine.
    pub(crate) fn is_near(&self) -> bool {
        self.mounts[self.from].is_near()
    }

    /// Looks for the file, for as long as that takes: whose it is, and the answer, if it is not the
    /// application's.
    pub fn run(&self, request: &Request) -> (Target, Option<NativeResponse>) {
        let mounts = self.mounts[self.from..].iter();
        mounts
            .filter(|mount| mount.matches(request.path()))
            .find_map(|mount| {
                let answer = mount.answer(request)?;
                Some((Target::Files(mount.clone()), Some(answer)))
            })
            .unwrap_or((Target::App, None))
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
