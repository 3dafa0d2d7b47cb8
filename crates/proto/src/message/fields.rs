use smallvec::SmallVec;

use crate::message::syntax;

/// The fields of a response or of a trailer section, kept as HTTP/1 sends them, so that encoding is
/// one copy. Only valid names and values get in; nothing in here can break a message apart.
#[derive(Clone, Default)]
pub struct Fields {
    /// `name: value\r\n` for each field.
    wire: Vec<u8>,
    /// Where each line starts in `wire`.
    starts: SmallVec<[u32; 8]>,
    content_length: ContentLength,
    marks: u8,
}

/// Why a field was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FieldError {
    /// The name is no token (RFC 9110, section 5.6.2).
    #[error("invalid header name")]
    Name,
    /// The value has CR, LF, NUL or another control character.
    #[error("invalid header value")]
    Value,
    /// All fields together are larger than [`Fields::BYTES_MAX`], or more than [`Fields::COUNT_MAX`].
    #[error("headers too large")]
    Size,
}

/// What the fields say about the length of the body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ContentLength {
    #[default]
    Absent,
    Valid(u64),
    /// Not a number, or several fields.
    Invalid,
}

/// Fields that the encoder decides about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    Connection,
    ContentLength,
    Date,
    KeepAlive,
    TransferEncoding,
    Other,
}

const HAS_DATE: u8 = 1;
const HAS_HOP_BY_HOP: u8 = 2;
const SAYS_CLOSE: u8 = 4;

impl Fields {
    /// Bytes of all fields together, whatever the limits for responses are.
    pub const BYTES_MAX: usize = 16 * 1024 * 1024;

    /// Fields, whatever the limits for responses are; a map of HTTP/2 holds half as many again.
    pub const COUNT_MAX: usize = 16 * 1024;

    /// No fields; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// No fields, with room for `bytes` of them: each takes its name, its value and 4 bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { wire: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Adds a field that the server writes by itself.
    ///
    /// # Panics
    /// When it cannot be sent: names and values from outside are [pushed](Self::push).
    pub fn put(&mut self, name: &'static str, value: &str) {
        self.push(name.as_bytes(), value.as_bytes())
            .expect("a short field of plain ASCII is valid");
    }

    /// Adds a field behind the others.
    ///
    /// # Errors
    /// [`FieldError`] when name or value could not be sent; nothing is added then.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        if !syntax::is_token(name) {
            return Err(FieldError::Name);
        }
        if !syntax::is_field_value(value) {
            return Err(FieldError::Value);
        }
        let size = name.len() + value.len() + 4;
        if size > Self::BYTES_MAX - self.wire.len() || self.len() == Self::COUNT_MAX {
            return Err(FieldError::Size);
        }
        self.mark(name, value);
        self.starts.push(self.wire.len() as u32);
        self.wire.reserve(size);
        self.wire.extend_from_slice(name);
        self.wire.extend_from_slice(b": ");
        self.wire.extend_from_slice(value);
        self.wire.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The fields in order, as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines().map(|(name, line)| (name, &line[name.len() + 2..line.len() - 2]))
    }

    /// The first value of the field `lower_name`, compared without regard to case.
    pub fn find(&self, lower_name: &str) -> Option<&[u8]> {
        self.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(lower_name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// All fields as HTTP/1 sends them, each line with its CRLF.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Each field as (name, whole line).
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.starts.len()).map(|index| {
            let start = self.starts[index] as usize;
            let end = self.starts.get(index + 1).map_or(self.wire.len(), |&next| next as usize);
            let line = &self.wire[start..end];
            let colon = memchr::memchr(b':', line).expect("a line is made with a colon");
            (&line[..colon], line)
        })
    }

    pub(crate) fn content_length(&self) -> ContentLength {
        self.content_length
    }

    pub(crate) fn has_date(&self) -> bool {
        self.marks & HAS_DATE != 0
    }

    /// Whether there are `connection`, `keep-alive` or `transfer-encoding` fields.
    pub(crate) fn has_hop_by_hop(&self) -> bool {
        self.marks & HAS_HOP_BY_HOP != 0
    }

    /// Whether `connection` has the option `close`.
    pub(crate) fn says_close(&self) -> bool {
        self.marks & SAYS_CLOSE != 0
    }

    fn mark(&mut self, name: &[u8], value: &[u8]) {
        match Known::of(name) {
            Known::Date => self.marks |= HAS_DATE,
            Known::KeepAlive | Known::TransferEncoding => self.marks |= HAS_HOP_BY_HOP,
            Known::Connection => {
                self.marks |= HAS_HOP_BY_HOP;
                if syntax::list(value).any(|option| option.eq_ignore_ascii_case(b"close")) {
                    self.marks |= SAYS_CLOSE;
                }
            }
            Known::ContentLength => {
                self.content_length = match (self.content_length, syntax::decimal(value)) {
                    (ContentLength::Absent, Some(length)) => ContentLength::Valid(length),
                    _ => ContentLength::Invalid,
                };
            }
            Known::Other => {}
        }
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let escaped = self.iter().map(|(name, value)| {
            (name.escape_ascii().to_string(), value.escape_ascii().to_string())
        });
        formatter.debug_list().entries(escaped).finish()
    }
}

impl Known {
    pub fn of(name: &[u8]) -> Self {
        let (candidate, lower): (_, &[u8]) = match (name.len(), name[0] | 0x20) {
            (4, _) => (Self::Date, b"date"),
            (10, b'c') => (Self::Connection, b"connection"),
            (10, _) => (Self::KeepAlive, b"keep-alive"),
            (14, _) => (Self::ContentLength, b"content-length"),
            (17, _) => (Self::TransferEncoding, b"transfer-encoding"),
            _ => return Self::Other,
        };
        if name.eq_ignore_ascii_case(lower) { candidate } else { Self::Other }
    }
}

/// Fields that frame, route, authenticate or describe a message have no effect behind it and are
/// dangerous where a recipient merges them (RFC 9110, section 6.5.1).
pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 32] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "expires",
        "forwarded",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "location",
        "max-forwards",
        "proxy",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-forwarded-for",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kept_in_order_as_they_are_sent() {
        let mut fields = Fields::new();
        fields.push(b"Set-Cookie", b"a=1").unwrap();
        fields.push(b"x-empty", b"").unwrap();
        fields.push(b"set-cookie", b"b=2").unwrap();
        assert_eq!(fields.wire(), b"Set-Cookie: a=1\r\nx-empty: \r\nset-cookie: b=2\r\n");
        let pairs: Vec<_> = fields.iter().collect();
        assert_eq!(pairs[1], (&b"x-empty"[..], &b""[..]));
        assert_eq!(fields.find("set-cookie"), Some(&b"a=1"[..]));
        assert_eq!(fields.find("cookie"), None);
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn b3_names_and_values_that_would_split_a_message_are_refused() {
        let mut fields = Fields::new();
        let names: [&[u8]; 6] = [b"", b"a b", b"a\r\nb", b"a:", b"\xc3\xa9", b"a\0"];
        for name in names {
            assert_eq!(fields.push(name, b"v"), Err(FieldError::Name));
        }
        let values: [&[u8]; 6] = [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0", b"\x1b[31m", b"\x7f"];
        for value in values {
            assert_eq!(fields.push(b"x", value), Err(FieldError::Value));
        }
        assert!(fields.is_empty() && fields.wire().is_empty());
        fields.push(b"x", b"tab\there, \xc3\xa9").unwrap();
    }

    #[test]
    fn framing_fields_are_noticed_in_any_case() {
        let mut fields = Fields::new();
        fields.push(b"CONTENT-length", b"12").unwrap();
        assert_eq!(fields.content_length(), ContentLength::Valid(12));
        fields.push(b"content-length", b"12").unwrap();
        assert_eq!(fields.content_length(), ContentLength::Invalid);
        assert!(!fields.has_hop_by_hop() && !fields.has_date());
        fields.push(b"Connection", b"x, Close").unwrap();
        fields.push(b"Date", b"now").unwrap();
        assert!(fields.has_hop_by_hop() && fields.says_close() && fields.has_date());
    }
}
