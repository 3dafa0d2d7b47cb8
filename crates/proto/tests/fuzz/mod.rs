//! Valid input with faults in it: what random bytes rarely get past the first line of.

use proptest::prelude::*;

/// How many inputs each target tries; `FUZZ_CASES` says how many for a longer look.
pub fn cases() -> u32 {
    std::env::var("FUZZ_CASES").map_or(4000, |cases| cases.parse().unwrap())
}

/// The settings of every target.
pub fn settings() -> ProptestConfig {
    ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() }
}

/// One fault; places count from the start and wrap around.
#[derive(Clone, Debug)]
pub enum Fault {
    Set(usize, u8),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
    Move(usize, usize, usize),
    Cut(usize),
}

impl Fault {
    /// Damages `bytes`.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        let range = |at: usize, count: usize, bytes: &[u8]| {
            let start = (at % length).min(bytes.len());
            start..(start + count).min(bytes.len())
        };
        match self {
            _ if bytes.is_empty() => {}
            Self::Set(at, byte) => bytes[at % length] = *byte,
            Self::Flip(at, bit) => bytes[at % length] ^= 1 << (bit % 8),
            Self::Insert(at, more) => {
                let at = at % length;
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Remove(at, count) => drop(bytes.drain(range(*at, *count, bytes))),
            Self::Repeat(at, count) => {
                let range = range(*at, *count, bytes);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
            Self::Move(from, count, to) => {
                let moved: Vec<u8> = bytes.drain(range(*from, *count, bytes)).collect();
                let to = to % (bytes.len() + 1);
                bytes.splice(to..to, moved);
            }
            Self::Cut(at) => bytes.truncate(at % length),
        }
    }
}

/// Some input of `corpus`, one or two behind each other, with up to six faults, whose insertions are often words
/// of `dictionary`.
pub fn mutated(
    corpus: &'static [&'static [u8]],
    dictionary: &'static [&'static [u8]],
) -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::collection::vec(prop::sample::select(corpus), 1..3);
    let faults = prop::collection::vec(fault(dictionary), 0..6);
    (whole, faults).prop_map(|(parts, faults)| {
        let mut bytes = parts.concat();
        faults.iter().for_each(|fault| fault.apply(&mut bytes));
        bytes
    })
}

/// Any fault.
pub fn fault(dictionary: &'static [&'static [u8]]) -> impl Strategy<Value = Fault> {
    let at = any::<usize>;
    let word = prop::sample::select(dictionary).prop_map(<[u8]>::to_vec);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Fault::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, bit)| Fault::Flip(at, bit)),
        (at(), word).prop_map(|(at, word)| Fault::Insert(at, word)),
        (at(), prop::collection::vec(any::<u8>(), 1..5))
            .prop_map(|(at, bytes)| Fault::Insert(at, bytes)),
        (at(), 1usize..9).prop_map(|(at, count)| Fault::Remove(at, count)),
        (at(), 1usize..40).prop_map(|(at, count)| Fault::Repeat(at, count)),
        (at(), 1usize..40, at()).prop_map(|(from, count, to)| Fault::Move(from, count, to)),
        at().prop_map(Fault::Cut),
    ]
}
