//! Paths without what differs from one request to the next.

/// Appends `path` with each segment of digits as `:id` and each UUID as `:uuid`. False when more than
/// `limit` bytes would be appended; what is there then is of no use.
pub(super) fn append(path: &str, limit: usize, to: &mut Vec<u8>) -> bool {
    let end = to.len() + limit;
    for (index, segment) in path.as_bytes().split(|byte| *byte == b'/').enumerate() {
        let shown = shown(segment);
        let separator = usize::from(index > 0);
        if to.len() + separator + shown.len() > end {
            return false;
        }
        to.extend_from_slice(&b"/"[..separator]);
        to.extend_from_slice(shown);
    }
    true
}

fn shown(segment: &[u8]) -> &[u8] {
    if !segment.is_empty() && segment.iter().all(u8::is_ascii_digit) {
        b":id"
    } else if is_uuid(segment) {
        b":uuid"
    } else {
        segment
    }
}

/// The form of RFC 9562, section 4.
fn is_uuid(segment: &[u8]) -> bool {
    segment.len() == 36
        && segment.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> Option<String> {
        let mut bytes = b"GET".to_vec();
        append(path, 32, &mut bytes).then(|| String::from_utf8(bytes[3..].to_vec()).unwrap())
    }

    #[test]
    fn numbers_and_uuids_are_named_by_their_kind() {
        let uuid = "123e4567-E89B-12d3-a456-426614174000";
        let cases = [
            ("/", "/"),
            ("*", "*"),
            ("/users/17", "/users/:id"),
            ("/users/17/", "/users/:id/"),
            ("//0//", "//:id//"),
            ("/v1/x17/17x", "/v1/x17/17x"),
        ];
        for (path, expected) in cases {
            assert_eq!(template(path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(template(&format!("/o/{uuid}/1")).as_deref(), Some("/o/:uuid/:id"));
        assert_eq!(template(&format!("/{}", uuid.replace('e', "g"))), None, "it is no UUID");
        assert_eq!(template(&format!("/{}", uuid.replace('-', "0"))), None, "nor is this");
    }

    #[test]
    fn what_grows_too_long_is_given_up() {
        assert_eq!(template(&format!("/{}", "a".repeat(31))).map(|path| path.len()), Some(32));
        assert_eq!(template(&format!("/{}", "a".repeat(32))), None);
        assert_eq!(template(&"/1".repeat(100)), None);
    }
}
