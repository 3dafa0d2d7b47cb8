//! What the head of an answer says about its body and its connection.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};

use super::Fault;

/// More header fields than any server sends that is measured.
const FIELDS_MAX: usize = 100;

/// A head that is complete and good.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Head {
    /// In bytes, with the empty line.
    pub length: usize,
    /// The real answer follows.
    pub is_interim: bool,
    pub framing: Framing,
    /// Whether the connection stays behind this answer.
    pub reusable: bool,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    Chunked,
    /// With the connection.
    Connection,
    Length(u64),
}

impl Head {
    /// `None` as long as it is not complete.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut response = Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut fields,
        );
        let length = match parsed.map_err(|_| Fault::Head)? {
            Status::Complete(length) => length,
            Status::Partial => return Ok(None),
        };
        let status = response.code.unwrap_or_default();
        let is_interim = (100..200).contains(&status) && status != 101;
        if status != 200 && !is_interim {
            return Err(Fault::Status(status));
        }
        let (framing, reusable) = read_fields(response.headers, response.version == Some(1))?;
        Ok(Some(Self { length, is_interim, framing, reusable }))
    }
}

/// An HTTP/1.1 connection stays unless something is said, one of HTTP/1.0 only if.
fn read_fields(fields: &[Header<'_>], is_current: bool) -> Result<(Framing, bool), Fault> {
    let mut length = None;
    let mut coding = None;
    let mut reusable = is_current;
    for field in fields {
        if field.name.eq_ignore_ascii_case("content-length") {
            let number = parse_length(field.value)?;
            if length.replace(number).is_some_and(|before| before != number) {
                return Err(Fault::Framing);
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            coding = tokens(field.value).last();
        } else if field.name.eq_ignore_ascii_case("connection") {
            for token in tokens(field.value) {
                reusable |= token.eq_ignore_ascii_case(b"keep-alive");
                reusable &= !token.eq_ignore_ascii_case(b"close");
            }
        }
    }
    let framing = match (coding, length) {
        (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        (None, Some(length)) => Framing::Length(length),
        _ => Framing::Connection,
    };
    Ok((framing, reusable))
}

fn parse_length(value: &[u8]) -> Result<u64, Fault> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| is_number);
    text.and_then(|text| text.parse().ok()).ok_or(Fault::Framing)
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Head>, Fault> {
        Head::parse(text.as_bytes())
    }

    /// Framing and whether the connection stays, of a head with these fields.
    fn facts(version: &str, fields: &str) -> Result<(Framing, bool), Fault> {
        let head = parse(&format!("HTTP/{version} 200 OK\r\n{fields}\r\n"))?.unwrap();
        Ok((head.framing, head.reusable))
    }

    #[test]
    fn the_fields_tell_where_the_body_ends() {
        let length = facts("1.1", "A: b\r\ncontent-LENGTH:  12 \r\n");
        assert_eq!(length, Ok((Framing::Length(12), true)));
        let chunked = facts("1.1", "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n");
        assert_eq!(chunked, Ok((Framing::Chunked, true)));
        assert_eq!(facts("1.1", "Transfer-Encoding: gzip\r\n"), Ok((Framing::Connection, true)));
        assert_eq!(facts("1.1", ""), Ok((Framing::Connection, true)));
    }

    #[test]
    fn lengths_that_are_none_or_two() {
        for field in ["", "-1", "+1", "1,1", "0x1", "99999999999999999999"] {
            let fault = facts("1.1", &format!("Content-Length: {field}\r\n"));
            assert_eq!(fault, Err(Fault::Framing), "{field}");
        }
        let twice =
            |other| facts("1.1", &format!("Content-Length: 1\r\nContent-Length: {other}\r\n"));
        assert_eq!(twice(1), Ok((Framing::Length(1), true)));
        assert_eq!(twice(2), Err(Fault::Framing));
    }

    #[test]
    fn who_keeps_the_connection() {
        let stays = |version, fields| facts(version, fields).unwrap().1;
        assert!(!stays("1.1", "Connection: close\r\n"));
        assert!(!stays("1.1", "Connection: Upgrade, CLOSE\r\n"));
        assert!(stays("1.1", "Connection: keep-alive\r\n"));
        assert!(!stays("1.0", ""));
        assert!(stays("1.0", "Connection: Keep-Alive\r\n"));
    }

    #[test]
    fn a_head_of_another_status_is_no_good() {
        assert_eq!(parse("HTTP/1.1 204 No\r\n\r\n"), Err(Fault::Status(204)));
        assert_eq!(parse("HTTP/1.1 101 Switch\r\n\r\n"), Err(Fault::Status(101)));
        assert_eq!(parse("HTTP/1.1 503\r\n\r\n"), Err(Fault::Status(503)));
        let interim = parse("HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP").unwrap().unwrap();
        assert_eq!((interim.is_interim, interim.length), (true, 31));
    }

    #[test]
    fn what_is_not_complete_is_waited_for() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\nA: b\r\n"), Ok(None));
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("SSH-2.0"), Err(Fault::Head));
    }
}
