//! Character classes and small lexical rules of RFC 9110, shared by requests and responses.

const TOKEN: u8 = 1;
const UNDERSCORE: u8 = 2;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let token = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut index = 0;
    while index < token.len() {
        table[token[index] as usize] = TOKEN;
        index += 1;
    }
    table[b'_' as usize] = TOKEN | UNDERSCORE;
    table
}

/// Whether `byte` may be part of a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// Whether `bytes` is a token: one byte or more, all of them token bytes.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// The token at the start of a field line and whether it has an underscore: `(length, underscore)`.
pub(crate) fn leading_token(line: &[u8]) -> (usize, bool) {
    let mut seen = 0;
    for (index, &byte) in line.iter().enumerate() {
        let class = CLASSES[byte as usize];
        if class == 0 {
            return (index, seen & UNDERSCORE != 0);
        }
        seen |= class;
    }
    (line.len(), seen & UNDERSCORE != 0)
}

/// Whether `value` has no control character but HTAB; bytes above ASCII are allowed (RFC 9110,
/// section 5.5). It looks at every byte without branching, which compilers turn into wide compares.
pub(crate) fn is_field_value(value: &[u8]) -> bool {
    value
        .iter()
        .fold(true, |valid, &byte| valid & (((byte >= b' ') & (byte != 0x7f)) | (byte == b'\t')))
}

/// `value` without spaces and tabs around it.
pub fn trim_whitespace(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// The members of a comma-separated list without white space around them; empty ones are skipped (RFC 9110,
/// section 5.6.1).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_whitespace).filter(|member| !member.is_empty())
}

/// A decimal number of digits only; `None` when it is anything else or does not fit.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A number of digits only, or the largest where it does not fit.
pub fn saturating_decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| decimal(digits).unwrap_or(u64::MAX))
}

/// Whether `authority` is a host with an optional port and nothing else: no user, path or list
/// (RFC 9110, section 7.2; a comma is refused although a registered name could hold it).
pub(crate) fn is_host(authority: &[u8]) -> bool {
    let (host, port) = match authority {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let literal = &rest[..end];
            let valid = literal.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte));
            if !valid || memchr::memchr(b':', literal).is_none() {
                return false;
            }
            (literal, &rest[end + 1..])
        }
        _ => {
            let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
            if !is_registered_name(&authority[..end]) {
                return false;
            }
            authority.split_at(end)
        }
    };
    !host.is_empty() && is_port_suffix(port)
}

fn is_registered_name(name: &[u8]) -> bool {
    let mut escaped = 0;
    for &byte in name {
        match byte {
            _ if escaped > 0 && !byte.is_ascii_hexdigit() => return false,
            _ if escaped > 0 => escaped -= 1,
            b'%' => escaped = 2,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            | b';' | b'=' => {}
            _ if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
    }
    escaped == 0
}

fn is_port_suffix(suffix: &[u8]) -> bool {
    match suffix {
        // A port may be empty (RFC 3986, section 3.2.3).
        [] | [b':'] => true,
        [b':', digits @ ..] => decimal(digits).is_some_and(|port| port <= 65_535),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_an_optional_port() {
        let good: [&[u8]; 7] =
            [b"a", b"example.com:80", b"a_b", b"[::1]", b"[::1]:9292", b"1.2.3.4", b"x%41"];
        for host in good {
            assert!(is_host(host), "{}", host.escape_ascii());
        }
        let bad: [&[u8]; 14] = [
            b"",
            b":80",
            b"a:x",
            b"a:65536",
            b"a/b",
            b"u@h",
            b"a,b",
            b"a b",
            b"[::1",
            b"[]",
            b"[::1]x",
            b"::1",
            b"x%4",
            b"h\xc3\xa9",
        ];
        for host in bad {
            assert!(!is_host(host), "{}", host.escape_ascii());
        }
    }

    #[test]
    fn decimals_have_no_sign_space_or_overflow() {
        assert_eq!(decimal(b"05"), Some(5));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        let bad: [&[u8]; 7] = [b"", b"+5", b"-5", b"0x5", b"5 5", b"5_0", b"18446744073709551616"];
        for text in bad {
            assert_eq!(decimal(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn lists_are_trimmed_and_skip_empty_members() {
        let members: Vec<&[u8]> = list(b" close ,, x\t,").collect();
        assert_eq!(members, [&b"close"[..], b"x"]);
    }
}
