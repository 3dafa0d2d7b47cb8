//! From the path of a request to the name of a file below a root, or to nothing.

use std::borrow::Cow;

/// The longest path that a system call takes, without its NUL.
const PATH_BYTES_MAX: usize = 4095;

/// Decodes percent-encoding, once. `None` where an escape is malformed or stands for `/` or NUL:
/// no file is named like that, and a decoded slash would be a segment that nobody has looked at.
pub(super) fn decode(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if raw.len() > 3 * PATH_BYTES_MAX || raw.contains(&0) {
        return None;
    }
    if !raw.contains(&b'%') {
        return Some(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let [high, low, tail @ ..] = tail else { return None };
        match digit(*high)? << 4 | digit(*low)? {
            b'/' | 0 => return None,
            byte => decoded.push(byte),
        }
        rest = tail;
    }
    Some(Cow::Owned(decoded))
}

/// Whether every segment of a decoded path names something below: there are no empty ones, no `.`,
/// no `..`, and with `dotfiles` off none that begins with a dot but `.well-known`.
pub(super) fn is_servable(path: &[u8], dotfiles: bool) -> bool {
    path.len() <= PATH_BYTES_MAX
        && path.split(|&byte| byte == b'/').all(|segment| match segment {
            b"" | b"." | b".." => false,
            b".well-known" => true,
            [b'.', ..] => dotfiles,
            _ => true,
        })
}

/// The last segment of a path.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(raw: &str) -> Option<Vec<u8>> {
        decode(raw.as_bytes()).map(Cow::into_owned)
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(decoded("a%20b%C3%a9").unwrap(), "a bé".as_bytes());
        assert_eq!(decoded("%252e%252e").unwrap(), b"%2e%2e");
        assert_eq!(decoded("a+b").unwrap(), b"a+b");
        assert!(matches!(decode(b"plain/name"), Some(Cow::Borrowed(b"plain/name"))));
    }

    #[test]
    fn f7_escapes_for_slash_and_nul_and_malformed_ones_name_nothing() {
        for raw in ["a%2fb", "a%2Fb", "%00", "a\0b", "%", "%4", "%zz", "a%4", "%+1", "%-1"] {
            assert_eq!(decoded(raw), None, "{raw:?}");
        }
        assert!(decode(&vec![b'a'; 20_000]).is_none());
    }

    #[test]
    fn f7_segments_that_lead_elsewhere_are_not_servable() {
        for path in ["", "/", "..", ".", "a/../b", "a/./b", "a//b", "/a", "a/", "a/.."] {
            assert!(!is_servable(path.as_bytes(), true), "{path:?}");
        }
        assert!(!is_servable(&[b'a'; 4096], true));
        for path in ["a", "a/b.c", "a\\..\\b", "...", "a/..b", "%2e%2e", "\u{1}"] {
            assert!(is_servable(path.as_bytes(), true), "{path:?}");
        }
    }

    #[test]
    fn dotfiles_are_hidden_unless_asked_for() {
        for path in [".env", ".git/config", "a/.htpasswd", ".well-known/.secret", "..."] {
            assert!(!is_servable(path.as_bytes(), false), "{path:?}");
            assert!(is_servable(path.as_bytes(), true), "{path:?}");
        }
        assert!(is_servable(b".well-known/acme-challenge/x", false));
    }

    proptest! {
        #[test]
        fn encoding_every_byte_is_undone(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            let names_nothing = bytes.iter().any(|byte| matches!(byte, 0 | b'/'));
            let expected = (!names_nothing).then_some(bytes);
            prop_assert_eq!(decoded(&encoded), expected);
        }

        #[test]
        fn what_is_servable_has_only_segments_that_go_down(path in "[a./%\\\\-]{0,12}") {
            if is_servable(path.as_bytes(), true) {
                let down = |segment: &str| !matches!(segment, "" | "." | "..");
                prop_assert!(path.split('/').all(down));
            }
        }
    }
}
