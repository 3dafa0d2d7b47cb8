//! What a file is, told by its name.

use std::borrow::Cow;

use hyperion_proto::{FieldError, Fields};

use super::path::file_name;

const UNKNOWN: &str = "application/octet-stream";

/// The media type for the extension of a file name, or of a path's last segment; text is said to be
/// UTF-8, and what is not known is `application/octet-stream`.
pub fn content_type(name: &[u8]) -> Cow<'static, str> {
    let guess = extension(file_name(name)).and_then(|extension| {
        let extension = std::str::from_utf8(extension).ok()?;
        renamed(extension).or_else(|| mime_guess::from_ext(extension).first_raw())
    });
    match guess {
        None => Cow::Borrowed(UNKNOWN),
        Some(text) if text.starts_with("text/") => Cow::Owned(format!("{text}; charset=utf-8")),
        Some(other) => Cow::Borrowed(other),
    }
}

/// Adds a `content-type` for the file `name` where `fields` have none.
///
/// # Errors
/// [`FieldError::Size`] when there is no room for it.
pub fn ensure_content_type(fields: &mut Fields, name: &[u8]) -> Result<(), FieldError> {
    match fields.find("content-type") {
        Some(_) => Ok(()),
        None => fields.push(b"content-type", content_type(name).as_bytes()),
    }
}

/// Types whose name in the table of `mime_guess` is not used any more (RFC 9239, section 6).
fn renamed(extension: &str) -> Option<&'static str> {
    extension.eq_ignore_ascii_case("mjs").then_some("text/javascript")
}

/// What follows the last dot, unless the name begins with it.
fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    (dot > 0).then(|| &name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_decide_whatever_their_case() {
        let types = [
            ("a/b.html", "text/html; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("module.MJS", "text/javascript; charset=utf-8"),
            ("README.TXT", "text/plain; charset=utf-8"),
            ("data.json", "application/json"),
            ("logo.svg", "image/svg+xml"),
            ("photo.JPeG", "image/jpeg"),
            ("font.woff2", "font/woff2"),
            ("code.wasm", "application/wasm"),
            ("app.min.css", "text/css; charset=utf-8"),
        ];
        for (name, expected) in types {
            assert_eq!(content_type(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn names_that_tell_nothing_are_octets() {
        for name in [&b"Makefile"[..], b".html", b"a.html/b", b"a.", b"", b"a.\xff", b"x.unheard"] {
            assert_eq!(content_type(name), UNKNOWN, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_type_is_added_only_where_there_is_none() {
        let mut fields = Fields::new();
        ensure_content_type(&mut fields, b"a.css").unwrap();
        ensure_content_type(&mut fields, b"a.js").unwrap();
        assert_eq!(fields.wire(), b"content-type: text/css; charset=utf-8\r\n");
    }
}
