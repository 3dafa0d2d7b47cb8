use smallvec::SmallVec;

/// How the content types of gRPC begin.
pub(crate) const GRPC: &[u8] = b"application/grpc";

/// A request head: one buffer as received, and where its parts are in it.
#[derive(Clone)]
pub struct Request {
    pub(crate) head: Box<[u8]>,
    pub(crate) fields: SmallVec<[FieldSpan; 16]>,
    pub(crate) method: Span,
    pub(crate) target: Span,
    /// The target as received, where it holds bytes that are not ASCII.
    pub(crate) verbatim_target: Option<Box<[u8]>>,
    /// Empty where an absolute target has no path.
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) host: Option<Span>,
    pub(crate) version: Version,
    pub(crate) body: BodyLength,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) takes_trailers: bool,
    pub(crate) upgrades: bool,
    pub(crate) dropped_underscore_headers: u32,
}

/// The protocol version of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// How long a request body is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLength {
    /// There is no body and none was announced.
    None,
    /// `Content-Length` bytes, possibly zero.
    Known(u64),
    /// As long as the chunks, or the frames of HTTP/2, say.
    Chunked,
}

/// A range of bytes of the head.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

/// Where a field is in the head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldSpan {
    pub name: Span,
    pub value: Span,
}

impl Span {
    pub fn of(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..self.end as usize]
    }
}

impl Request {
    /// The head as received, with its empty line.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The method, as received.
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// The request target; bytes that are not ASCII are escaped.
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// The target, its path and its query, each as received, whatever bytes are in them.
    pub fn verbatim(&self) -> (&[u8], &[u8], Option<&[u8]>) {
        match &self.verbatim_target {
            None => {
                let query = self.query().map(str::as_bytes);
                (self.target().as_bytes(), self.path().as_bytes(), query)
            }
            Some(target) => match memchr::memchr(b'?', target) {
                None => (target, target, None),
                Some(at) => (target, &target[..at], Some(&target[at + 1..])),
            },
        }
    }

    /// The path of the target, not decoded; `*` for the asterisk form.
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// What follows the first `?` of the target, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| self.text(query))
    }

    /// The protocol version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The authority of an absolute target, else the `Host` field; HTTP/1.0 may have neither.
    pub fn host(&self) -> Option<&str> {
        self.host.map(|host| self.text(host))
    }

    /// The fields in order, as (name as received, value without white space around it). With an
    /// absolute target the value of `Host` is the target's authority.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name.of(&self.head), field.value.of(&self.head)))
    }

    /// The first value of the field `lower_name`, compared without regard to case.
    pub fn header(&self, lower_name: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(name, _)| name.eq_ignore_ascii_case(lower_name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// How long the body is.
    pub fn body(&self) -> BodyLength {
        self.body
    }

    /// Whether it calls a gRPC method, whose messages may come and go for as long as the call lasts.
    pub fn is_grpc(&self) -> bool {
        self.version == Version::Http2
            && self.header("content-type").is_some_and(|kind| kind.starts_with(GRPC))
    }

    /// Whether the client holds the body back until it is asked for.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// How many fields were left out for an underscore in their name.
    pub fn dropped_underscore_headers(&self) -> u32 {
        self.dropped_underscore_headers
    }

    /// Whether the client wants the connection to stay open.
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(span.of(&self.head)).expect("the parser takes only ASCII here")
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Request")
            .field("method", &self.method())
            .field("target", &self.target())
            .field("version", &self.version)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
