use std::ops::Range;

use super::escape::word_byte;

/// Fields that an application may add to a line.
const ENTRIES: usize = 32;

/// Bytes of their names and texts together.
const BYTES: usize = 4096;

/// Says how many fields were left out of a line.
pub(crate) const OMITTED: &str = "log_extras_dropped";

/// Names that belong to the server.
const RESERVED: [&str; 14] = [
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
    OMITTED,
];

/// What an application adds to the access line of a response: a few named values, bounded in number and
/// size. Names consist of ASCII letters, digits, `_`, `-`, `.` and `@`; any other byte becomes `_`.
/// Names of the server's own fields and names that are there already are left out.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    text: Vec<u8>,
    entries: Vec<Entry>,
    omitted: u64,
}

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExtraValue<'a> {
    /// None.
    Nothing,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; one that is not finite is shown as text.
    Float(f64),
    /// Bytes, most likely UTF-8.
    Text(&'a [u8]),
}

#[derive(Clone, Debug)]
struct Entry {
    name: Range<usize>,
    value: Stored,
}

#[derive(Clone, Debug)]
enum Stored {
    Scalar(ExtraValue<'static>),
    Text(Range<usize>),
}

impl Extras {
    /// Whether another field may find room. Those that were left out take some of it, so that looking at
    /// a few is enough.
    pub fn has_room(&self) -> bool {
        self.seen() < ENTRIES as u64 && self.text.len() < BYTES
    }

    /// Adds a field, or counts it as left out.
    pub fn push(&mut self, name: &[u8], value: ExtraValue<'_>) {
        let text_bytes = match value {
            ExtraValue::Text(text) => text.len(),
            _ => 0,
        };
        let begin = self.text.len();
        let has_room = self.seen() < ENTRIES as u64 && name.len() + text_bytes <= BYTES - begin;
        if !has_room || name.is_empty() {
            return self.omit(1);
        }
        self.text.extend(name.iter().copied().map(word_byte));
        let name = begin..self.text.len();
        if self.is_taken(&self.text[name.clone()]) {
            self.text.truncate(begin);
            return self.omit(1);
        }
        let value = self.store(value);
        self.entries.push(Entry { name, value });
    }

    /// Counts fields that are left out.
    pub fn omit(&mut self, count: u64) {
        self.omitted += count;
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.omitted == 0
    }

    /// How many fields were left out.
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted
    }

    /// The fields in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], ExtraValue<'_>)> {
        self.entries.iter().map(|entry| (&self.text[entry.name.clone()], self.value(entry)))
    }

    /// The value of a field.
    pub(crate) fn find(&self, name: &[u8]) -> Option<ExtraValue<'_>> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn seen(&self) -> u64 {
        self.entries.len() as u64 + self.omitted
    }

    fn value(&self, entry: &Entry) -> ExtraValue<'_> {
        match &entry.value {
            Stored::Scalar(value) => *value,
            Stored::Text(range) => ExtraValue::Text(&self.text[range.clone()]),
        }
    }

    fn is_taken(&self, name: &[u8]) -> bool {
        RESERVED.iter().any(|reserved| reserved.as_bytes() == name) || self.find(name).is_some()
    }

    fn store(&mut self, value: ExtraValue<'_>) -> Stored {
        let begin = self.text.len();
        Stored::Scalar(match value {
            ExtraValue::Text(text) => {
                self.text.extend_from_slice(text);
                return Stored::Text(begin..self.text.len());
            }
            ExtraValue::Float(number) if number.is_nan() => ExtraValue::Text(b"NaN"),
            ExtraValue::Float(f64::INFINITY) => ExtraValue::Text(b"Infinity"),
            ExtraValue::Float(f64::NEG_INFINITY) => ExtraValue::Text(b"-Infinity"),
            ExtraValue::Nothing => ExtraValue::Nothing,
            ExtraValue::Flag(flag) => ExtraValue::Flag(flag),
            ExtraValue::Integer(number) => ExtraValue::Integer(number),
            ExtraValue::Float(number) => ExtraValue::Float(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(extras: &Extras) -> Vec<String> {
        extras.iter().map(|(name, _)| String::from_utf8(name.to_vec()).unwrap()).collect()
    }

    #[test]
    fn values_are_kept_as_they_are() {
        let values = [
            ExtraValue::Nothing,
            ExtraValue::Flag(true),
            ExtraValue::Integer(-7),
            ExtraValue::Float(0.5),
            ExtraValue::Text(b"\xff"),
            ExtraValue::Text(b""),
        ];
        let mut extras = Extras::default();
        for (index, value) in values.iter().enumerate() {
            extras.push(format!("v{index}").as_bytes(), *value);
        }
        assert!(extras.iter().map(|(_, value)| value).eq(values));
        assert_eq!(extras.find(b"v2"), Some(ExtraValue::Integer(-7)));
        assert_eq!(extras.find(b"other"), None);
    }

    #[test]
    fn b5_a_name_cannot_pose_as_another() {
        let mut extras = Extras::default();
        for name in ["status", "duration ms", "log\"extras=dropped", "a b", "a_b", "a\nb", "", "é"]
        {
            extras.push(name.as_bytes(), ExtraValue::Nothing);
        }
        assert_eq!(names(&extras), ["a_b", "__"]);
        assert_eq!(extras.omitted(), 6);
    }

    #[test]
    fn fields_are_bounded_in_number_and_size() {
        let mut extras = Extras::default();
        for number in 0..40 {
            assert_eq!(extras.has_room(), number < 32);
            extras.push(format!("n{number}").as_bytes(), ExtraValue::Integer(number));
        }
        assert_eq!((names(&extras).len(), extras.omitted()), (32, 8));

        let mut extras = Extras::default();
        extras.push(b"large", ExtraValue::Text(&[b'x'; BYTES - 4]));
        extras.push(b"fits", ExtraValue::Text(&[b'x'; BYTES - 4]));
        assert!(!extras.has_room());
        extras.push(b"late", ExtraValue::Flag(true));
        assert_eq!((names(&extras), extras.omitted()), (vec!["fits".to_owned()], 2));
    }

    #[test]
    fn what_is_no_number_is_text() {
        let mut extras = Extras::default();
        extras.push(b"a", ExtraValue::Float(f64::NAN));
        extras.push(b"b", ExtraValue::Float(f64::NEG_INFINITY));
        assert_eq!(extras.find(b"a"), Some(ExtraValue::Text(b"NaN")));
        assert_eq!(extras.find(b"b"), Some(ExtraValue::Text(b"-Infinity")));
    }
}
