use super::*;
use crate::files::requests::{get, request};

const TAG: &[u8] = b"\"abc\"";

/// Sun, 06 Nov 1994 08:49:37 GMT and a bit.
fn time() -> SystemTime {
    UNIX_EPOCH + Duration::new(784_111_777, 500)
}

const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn judged(headers: &[(&str, &str)]) -> Precondition {
    evaluate(&get("/", headers), TAG, Some(time()))
}

#[test]
fn a_request_without_conditions_proceeds() {
    assert_eq!(judged(&[]), Precondition::Proceed);
    assert_eq!(judged(&[("if-range", "\"x\""), ("range", "bytes=0-")]), Precondition::Proceed);
}

#[test]
fn if_none_match_compares_weakly() {
    for value in
        ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"x\",W/\"abc\" ,", "\"a,\" ,\"abc\""]
    {
        assert_eq!(judged(&[("if-none-match", value)]), Precondition::NotModified, "{value}");
    }
    for value in ["\"x\"", "abc", "\"abc", "", "\"abcd\"", "w/\"x\"", "\"x\", *", "W/abc"] {
        assert_eq!(judged(&[("if-none-match", value)]), Precondition::Proceed, "{value}");
    }
}

#[test]
fn if_match_compares_strongly() {
    for value in ["\"abc\"", "*", "\"x\", \"abc\""] {
        assert_eq!(judged(&[("if-match", value)]), Precondition::Proceed, "{value}");
    }
    for value in ["W/\"abc\"", "\"x\"", "", "abc"] {
        assert_eq!(judged(&[("if-match", value)]), Precondition::Failed, "{value}");
    }
    let weak = evaluate(&get("/", &[("if-match", "\"abc\"")]), b"W/\"abc\"", None);
    assert_eq!(weak, Precondition::Failed);
}

#[test]
fn a_list_may_be_spread_over_several_fields() {
    let fields = [("if-none-match", "\"x\""), ("If-None-Match", "\"abc\"")];
    assert_eq!(judged(&fields), Precondition::NotModified);
    assert_eq!(judged(&[("if-match", "\"x\""), ("if-match", "\"abc\"")]), Precondition::Proceed);
}

#[test]
fn dates_are_compared_by_the_second() {
    let since = |date| judged(&[("if-modified-since", date)]);
    assert_eq!(since(BEFORE), Precondition::Proceed);
    assert_eq!(since(SAME), Precondition::NotModified);
    assert_eq!(since(AFTER), Precondition::NotModified);
    let unless = |date| judged(&[("if-unmodified-since", date)]);
    assert_eq!(unless(BEFORE), Precondition::Failed);
    assert_eq!(unless(SAME), Precondition::Proceed);
    assert_eq!(unless(AFTER), Precondition::Proceed);
}

#[test]
fn dates_in_the_old_formats_count_too() {
    for date in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        assert_eq!(judged(&[("if-modified-since", date)]), Precondition::NotModified, "{date}");
    }
}

#[test]
fn what_is_no_date_and_several_dates_are_ignored() {
    for date in ["", "yesterday", "1994-11-06", "Sun, 06 Nov 1994 08:49:37 CET", "0"] {
        assert_eq!(judged(&[("if-modified-since", date)]), Precondition::Proceed, "{date}");
        assert_eq!(judged(&[("if-unmodified-since", date)]), Precondition::Proceed, "{date}");
    }
    let twice = [("if-modified-since", AFTER), ("if-modified-since", AFTER)];
    assert_eq!(judged(&twice), Precondition::Proceed);
    let undated = evaluate(&get("/", &[("if-unmodified-since", BEFORE)]), TAG, None);
    assert_eq!(undated, Precondition::Proceed);
}

#[test]
fn entity_tags_count_more_than_dates() {
    let stale = [("if-none-match", "\"x\""), ("if-modified-since", AFTER)];
    assert_eq!(judged(&stale), Precondition::Proceed);
    let matched = [("if-match", "\"abc\""), ("if-unmodified-since", BEFORE)];
    assert_eq!(judged(&matched), Precondition::Proceed);
    let both = [("if-match", "\"x\""), ("if-none-match", "\"abc\"")];
    assert_eq!(judged(&both), Precondition::Failed);
}

#[test]
fn a_method_that_changes_something_fails_instead_of_being_not_modified() {
    let post = |headers| evaluate(&request("POST", "/", headers), TAG, Some(time()));
    assert_eq!(post(&[("if-none-match", "*")]), Precondition::Failed);
    assert_eq!(post(&[("if-modified-since", AFTER)]), Precondition::Proceed);
    let head = evaluate(&request("HEAD", "/", &[("if-none-match", "*")]), TAG, None);
    assert_eq!(head, Precondition::NotModified);
}

#[test]
fn if_range_wants_the_very_same_representation() {
    let allowed = |value| allows_range(&get("/", &[("if-range", value)]), TAG, Some(time()));
    assert!(allowed("\"abc\"") && allowed(SAME));
    for value in ["\"x\"", "W/\"abc\"", BEFORE, AFTER, "", "abc", "*"] {
        assert!(!allowed(value), "{value}");
    }
    assert!(allows_range(&get("/", &[]), TAG, None));
    assert!(!allows_range(&get("/", &[("if-range", SAME)]), TAG, None));
}

#[test]
fn f7_c11_a_huge_list_of_tags_is_read_once() {
    let shapes = ["\"x\",", "W/", "\"", "x", "W/\"", ",", "\"\""];
    for shape in shapes {
        let list = shape.repeat(500_000 / shape.len());
        assert!(!matches(list.as_bytes(), TAG, Comparison::Weak), "{shape}");
        let with_match = format!("{list}\", \"abc\"");
        let _ = matches(with_match.as_bytes(), TAG, Comparison::Weak);
    }
    let last = "\"x\",".repeat(50_000) + "\"abc\"";
    assert!(matches(last.as_bytes(), TAG, Comparison::Weak));
}
