//! Which parts of a representation a `Range` asks for (RFC 9110, section 14).

use std::ops::Range;

use hyperion_proto::{list, saturating_decimal, trim_whitespace};
use smallvec::SmallVec;

/// Ranges served at once; who asks for more gets everything, which costs less.
const RANGES_MAX: usize = 16;

/// What is to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Selection {
    /// Everything, as if nothing had been said.
    Whole,
    /// One part or several that do not overlap, none of them empty, in the order asked for.
    Parts(SmallVec<[Range<u64>; 1]>),
    /// 416: all ranges begin behind the end.
    Unsatisfiable,
}

/// One range as written: `first-last`, `first-` or `-length`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Spec {
    From(u64),
    Between(u64, u64),
    Suffix(u64),
}

/// What `value` selects of `size` bytes. Other units and what is malformed select everything, as do
/// too many ranges and ranges that overlap: nobody needs the same bytes twice, but they let a small
/// request ask for an answer of any size.
pub(super) fn select(value: &[u8], size: u64) -> Selection {
    let Some(specs) = parse(value) else { return Selection::Whole };
    if size == 0 && specs.iter().any(|spec| matches!(spec, Spec::Suffix(1..))) {
        return Selection::Whole;
    }
    let parts: SmallVec<[Range<u64>; 1]> =
        specs.iter().filter_map(|spec| spec.within(size)).collect();
    if parts.is_empty() {
        return Selection::Unsatisfiable;
    }
    if overlap(&parts) { Selection::Whole } else { Selection::Parts(parts) }
}

fn parse(value: &[u8]) -> Option<SmallVec<[Spec; 1]>> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = SmallVec::new();
    for member in list(set) {
        if specs.len() == RANGES_MAX {
            return None;
        }
        specs.push(Spec::parse(member)?);
    }
    (!specs.is_empty()).then_some(specs)
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (trim_whitespace(&text[..dash]), trim_whitespace(&text[dash + 1..]));
        if first.is_empty() {
            return saturating_decimal(last).map(Self::Suffix);
        }
        let first = saturating_decimal(first)?;
        if last.is_empty() {
            return Some(Self::From(first));
        }
        let last = saturating_decimal(last)?;
        (first <= last).then_some(Self::Between(first, last))
    }

    /// The bytes of `size` that it means, if there are any.
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first) => first..size,
            Self::Between(first, last) => first..size.min(last.saturating_add(1)),
            Self::Suffix(length) => size.saturating_sub(length)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// At most [`RANGES_MAX`] parts are compared, so comparing all pairs is cheap.
fn overlap(parts: &[Range<u64>]) -> bool {
    parts.iter().enumerate().any(|(index, part)| {
        parts[..index].iter().any(|other| part.start < other.end && other.start < part.end)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smallvec::smallvec;

    use super::*;

    fn one(range: Range<u64>) -> Selection {
        Selection::Parts(smallvec![range])
    }

    fn selected(value: &str, size: u64) -> Selection {
        select(value.as_bytes(), size)
    }

    #[test]
    fn single_ranges_are_cut_to_the_size() {
        assert_eq!(selected("bytes=0-0", 10), one(0..1));
        assert_eq!(selected("bytes=2-5", 10), one(2..6));
        assert_eq!(selected("bytes=2-", 10), one(2..10));
        assert_eq!(selected("bytes=-3", 10), one(7..10));
        assert_eq!(selected("bytes=-30", 10), one(0..10));
        assert_eq!(selected("bytes=5-99", 10), one(5..10));
        assert_eq!(selected("BYTES=5-99999999999999999999999", 10), one(5..10));
        assert_eq!(selected("bytes= 5 - 6 ,", 10), one(5..7));
    }

    #[test]
    fn ranges_behind_the_end_are_not_satisfiable() {
        for value in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=10-,12-13"] {
            assert_eq!(selected(value, 10), Selection::Unsatisfiable, "{value}");
        }
        assert_eq!(selected("bytes=99999999999999999999999-", 10), Selection::Unsatisfiable);
        assert_eq!(selected("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(selected("bytes=-5", 0), Selection::Whole);
    }

    #[test]
    fn c10_what_is_malformed_or_reversed_selects_everything() {
        let values = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=1-2x",
            "bytes=0-1,x",
            "bytes=--1",
            "bytes=1--2",
            "bytes=+1-2",
            "seconds=0-1",
            "bytes =0-1",
            "bytes=0-1,5-2",
            "bytes=0x1-2",
            "=0-1",
        ];
        for value in values {
            assert_eq!(selected(value, 10), Selection::Whole, "{value:?}");
        }
    }

    #[test]
    fn several_ranges_keep_their_order() {
        let both = Selection::Parts(smallvec![8..10, 0..2]);
        assert_eq!(selected("bytes=-2, 0-1", 10), both);
        assert_eq!(selected("bytes=0-1,50-60", 10), one(0..2));
    }

    #[test]
    fn c10_too_many_or_overlapping_ranges_select_everything() {
        let list = |count: u64| {
            let specs: Vec<_> = (0..count).map(|n| format!("{}-{}", 2 * n, 2 * n)).collect();
            format!("bytes={}", specs.join(","))
        };
        let Selection::Parts(parts) = selected(&list(16), 100_000) else { panic!("sixteen") };
        assert_eq!(parts.len(), 16);
        assert_eq!(selected(&list(17), 100_000), Selection::Whole);
        assert_eq!(selected(&list(1000), 100_000), Selection::Whole);
        let everything = format!("bytes={}", vec!["0-"; 16].join(","));
        for value in ["bytes=0-5,5-9", "bytes=0-,-1", "bytes=3-3,0-9", &everything] {
            assert_eq!(selected(value, 10), Selection::Whole, "{value}");
        }
    }

    proptest! {
        #[test]
        fn c10_parts_are_inside_apart_and_no_more_than_the_whole(
            value in "bytes=([0-9]{0,3}-[0-9]{0,3},? ?){0,20}",
            size in 0_u64..500,
        ) {
            if let Selection::Parts(parts) = selected(&value, size) {
                prop_assert!((1..=RANGES_MAX).contains(&parts.len()));
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
                let total: u64 = parts.iter().map(|part| part.end - part.start).sum();
                prop_assert!(total <= size);
                prop_assert!(!overlap(&parts));
            }
        }

        #[test]
        fn one_range_selects_what_a_slice_does(first in 0_usize..40, last in 0_usize..40) {
            let bytes: Vec<usize> = (0..20).collect();
            let expected: Vec<usize> =
                bytes.iter().copied().filter(|&byte| first <= byte && byte <= last).collect();
            match selected(&format!("bytes={first}-{last}"), 20) {
                Selection::Parts(parts) => {
                    let part = parts[0].start as usize..parts[0].end as usize;
                    prop_assert_eq!(&bytes[part], &expected);
                }
                Selection::Unsatisfiable => prop_assert!(first >= 20 && first <= last),
                Selection::Whole => prop_assert!(first > last),
            }
        }

        #[test]
        fn any_value_is_survived(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = select(&value, 100);
        }
    }
}
