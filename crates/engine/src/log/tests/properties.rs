//! B5: whatever comes from the wire or the application, an access line is one line of the fields it
//! should have.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::log::access::{Access, RequestLine};
use crate::log::config::{LogConfig, LogFormat};
use crate::log::extras::OMITTED;
use crate::log::{ExtraValue, Extras, Level, Log, Pattern, Terminal};

const NAMES: [&str; 13] = [
    "ts",
    "level",
    "source",
    "message",
    "method",
    "path",
    "query",
    "status",
    "duration_ms",
    "queue_ms",
    "bytes",
    "remote_addr",
    "http_version",
];

const PATTERN: &str = "%{method}|%{path} \"%{header.user-agent}\" %{query} \"%{target} %{http_version}\" \
                       %{extra.user} %{remote_addr}%%%{status}";

/// What an application may add; the name decides how its bytes are taken.
type Added = (Vec<u8>, Vec<u8>);

fn extras(added: &[Added]) -> Extras {
    let mut extras = Extras::default();
    for (name, value) in added {
        let number = value.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        extras.push(
            name,
            match name.len() % 5 {
                0 => ExtraValue::Nothing,
                1 => ExtraValue::Flag(number % 2 == 0),
                2 => ExtraValue::Integer(number as i64),
                3 => ExtraValue::Float(f64::from_bits(number)),
                _ => ExtraValue::Text(value),
            },
        );
    }
    extras
}

fn line(format: LogFormat, line: RequestLine<'_>, extras: &Extras, remote_addr: &str) -> Vec<u8> {
    let log = Log::new(LogConfig { level: Level::Info, format, requests: true, file: None });
    let duration = Duration::from_micros(1_500);
    let (status, bytes, queued) = (207, 42, Some(duration));
    let (refusal, extras) = (None, Some(extras));
    Access { line, status, bytes, duration, queued, remote_addr, refusal, extras }.append_to(&log);
    log.take()
}

fn is_one_line(bytes: &[u8]) -> bool {
    let (last, before) = bytes.split_last().unwrap();
    *last == b'\n' && !before.iter().any(|byte| *byte < b' ' || *byte == 0x7f)
}

/// The names of the fields of a text line, in order.
fn text_names(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = line.strip_suffix('\n').unwrap();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').unwrap();
        names.push(name.to_owned());
        let end = match value.strip_prefix('"') {
            Some(quoted) => {
                let mut escaped = false;
                let closes = |char: char| {
                    let closes = char == '"' && !escaped;
                    escaped = char == '\\' && !escaped;
                    closes
                };
                quoted.find(closes).unwrap() + 2
            }
            None => value.find(' ').unwrap_or(value.len()),
        };
        let behind = &value[end..];
        assert!(behind.is_empty() || behind.starts_with(' '), "{line}");
        rest = behind.trim_start_matches(' ');
    }
    names
}

fn expected_names(extras: &Extras) -> Vec<String> {
    let added = extras.iter().map(|(name, _)| String::from_utf8(name.to_vec()).unwrap());
    let omitted = (extras.omitted() > 0).then(|| OMITTED.to_owned());
    NAMES.iter().map(ToString::to_string).chain(added).chain(omitted).collect()
}

fn check_json(bytes: &[u8], extras: &Extras, request_line: &RequestLine<'_>) {
    assert!(is_one_line(bytes));
    let text = std::str::from_utf8(bytes).unwrap();
    let Value::Object(fields) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
    let mut names = expected_names(extras);
    names.sort();
    assert!(fields.keys().eq(&names), "{text}");
    assert_eq!((&fields["status"], &fields["bytes"]), (&207.into(), &42.into()));
    let path = String::from_utf8_lossy(request_line.path);
    assert_eq!(fields["path"], *path);
}

fn check_text(bytes: &[u8], extras: &Extras) {
    assert!(is_one_line(bytes));
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    assert_eq!(text_names(text), expected_names(extras));
}

/// The delimiters of [`PATTERN`] stand where they stand there, and nowhere else.
fn check_pattern(bytes: &[u8]) {
    assert!(is_one_line(bytes));
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    let quoted: Vec<_> = text.split('"').collect();
    assert_eq!(quoted.len(), 5, "{text}");
    assert_eq!(quoted[0].matches(' ').count(), 1, "{text}");
    assert!(quoted[0].contains('|') && quoted[0].ends_with(' '), "{text}");
    assert_eq!(quoted[2].matches(' ').count(), 2, "{text}");
    assert_eq!(quoted[3].split_once(' ').unwrap().0.matches(' ').count(), 0, "{text}");
    let last: Vec<_> = quoted[4].split(' ').collect();
    assert_eq!(last.len(), 3, "{text}");
    assert_eq!(last[2].split_once('%').unwrap().1, "207\n", "{text}");
}

fn check(request_line: impl Fn() -> RequestLine<'static>, added: &[Added], remote_addr: &str) {
    let extras = extras(added);
    let json = line(LogFormat::Json, request_line(), &extras, remote_addr);
    check_json(&json, &extras, &request_line());
    let text = line(LogFormat::Text, request_line(), &extras, remote_addr);
    check_text(&text, &extras);
    let terminal = LogFormat::Terminal(Terminal { color: false, utc_offset_s: 0 });
    let shown = line(terminal, request_line(), &extras, remote_addr);
    assert!(is_one_line(&shown) && std::str::from_utf8(&shown).is_ok());
    let pattern = LogFormat::Pattern(Arc::new(Pattern::parse(PATTERN).unwrap()));
    check_pattern(&line(pattern, request_line(), &extras, remote_addr));
}

/// Bytes among which those are frequent that mean something to somebody.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let telling = prop::sample::select(
        b" \"\\=%|,:{}[]\r\n\t\0\x1b\x7f\x9b\xff\xc2\x85\xe2\x80\xa8".to_vec(),
    );
    vec(prop_oneof![1 => any::<u8>(), 1 => telling], 0..most)
}

fn added() -> impl Strategy<Value = Vec<Added>> {
    let name = prop_oneof![
        3 => bytes(9),
        1 => prop::sample::select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec()),
        1 => Just(b"user".to_vec()),
    ];
    vec((name, bytes(40)), 0..40)
}

proptest! {
    #[test]
    fn b5_a_refused_request_makes_one_line_of_its_fields(
        received in bytes(60),
        added in added(),
        remote_addr in "\\PC{0,12}",
    ) {
        let received: &'static [u8] = received.leak();
        check(|| RequestLine::received(received), &added, &remote_addr);
    }

    #[test]
    fn b5_a_request_makes_one_line_of_its_fields(
        target in "/[!-~]{0,30}",
        agent in bytes(30),
        added in added(),
    ) {
        let agent = agent.iter().map(|byte| match byte {
            b'\t' | b' '..=b'~' | 0x80.. => *byte,
            _ => b'?',
        });
        let head = [
            format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: ").into_bytes(),
            agent.collect(),
            b"\r\n\r\n".to_vec(),
        ];
        let parsed = hyperion_proto::Request::from_head(&head.concat(), &Default::default());
        prop_assume!(parsed.is_ok());
        let request: &'static _ = Box::leak(Box::new(parsed.unwrap()));
        check(|| RequestLine::of(request), &added, "::1");
    }
}
