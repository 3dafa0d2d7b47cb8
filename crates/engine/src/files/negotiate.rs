//! Choosing among the encodings of a file (RFC 9110, section 12.5.3).

use hyperion_proto::{Request, list, trim_whitespace};

/// A content coding of a file that lies beside the original.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coding {
    Brotli,
    Zstandard,
    Gzip,
}

impl Coding {
    /// All of them, the preferred ones first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// Its name in `content-encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What is appended to the name of the original file.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstandard => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn named(token: &[u8]) -> Option<Self> {
        let is = |coding: &Self| token.eq_ignore_ascii_case(coding.token().as_bytes());
        let alias = token.eq_ignore_ascii_case(b"x-gzip").then_some(Self::Gzip);
        Self::ALL.into_iter().find(is).or(alias)
    }
}

/// What a client takes: a weight in thousandths for each coding; 0 is refused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Accepted {
    weights: [u16; 3],
    identity: u16,
}

/// Where nothing is said about it, the original is worse than any coding that was asked for.
const IDENTITY_UNNAMED: u16 = 0;

impl Accepted {
    /// What the `Accept-Encoding` of a request says.
    pub fn of(request: &Request) -> Self {
        let mut weights = [None; 3];
        let mut identity = None;
        let mut others = None;
        let values = request
            .headers()
            .filter(|(name, _)| name.len() == 15 && name.eq_ignore_ascii_case(b"accept-encoding"));
        for member in values.flat_map(|(_, value)| list(value)) {
            let Some((token, weight)) = weighted(member) else { continue };
            match Coding::named(token) {
                Some(coding) => weights[coding as usize] = Some(weight),
                None if token == b"*" => others = Some(weight),
                None if token.eq_ignore_ascii_case(b"identity") => identity = Some(weight),
                None => {}
            }
        }
        Self {
            weights: weights.map(|weight| weight.or(others).unwrap_or(0)),
            identity: identity.unwrap_or(IDENTITY_UNNAMED),
        }
    }

    /// Whether it takes any coding at all.
    pub fn takes_any(self) -> bool {
        self.weights != [0; 3]
    }

    /// Whether it takes `coding`.
    pub fn takes(self, coding: Coding) -> bool {
        self.weights[coding as usize] > 0
    }

    /// The best of `available`, which come in order of preference; `None` is the original. That is
    /// sent even to a client which refuses it when there is nothing that it takes.
    pub fn best(self, available: impl Iterator<Item = Coding>) -> Option<Coding> {
        let mut best = None;
        let mut best_weight = 0;
        for coding in available {
            let weight = self.weights[coding as usize];
            if weight > best_weight {
                (best, best_weight) = (Some(coding), weight);
            }
        }
        if self.identity > best_weight { None } else { best }
    }
}

/// A coding and its weight; `None` when the weight is malformed.
fn weighted(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = member.split(|&byte| byte == b';').map(trim_whitespace);
    let token = parts.next()?;
    let mut weight = 1000;
    for parameter in parts {
        if let [b'q' | b'Q', b'=', value @ ..] = parameter {
            weight = thousandths(value)?;
        }
    }
    Some((token, weight))
}

/// `0`, `1` or one of them with up to three decimals, at most 1 (RFC 9110, section 12.4.2).
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, decimals): (_, &[u8]) = match value {
        [whole] => (whole, b""),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    if !matches!(whole, b'0' | b'1') || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |index: usize| decimals.get(index).map_or(0, |digit| u16::from(digit - b'0'));
    let number = u16::from(whole - b'0') * 1000 + digit(0) * 100 + digit(1) * 10 + digit(2);
    (number <= 1000).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::requests::get;

    fn best(accept_encoding: &str) -> Option<&'static str> {
        let request = get("/", &[("accept-encoding", accept_encoding)]);
        Accepted::of(&request).best(Coding::ALL.into_iter()).map(Coding::token)
    }

    #[test]
    fn the_highest_weight_wins_and_our_order_decides_a_tie() {
        assert_eq!(best("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(best("gzip, zstd"), Some("zstd"));
        assert_eq!(best("br;q=0.5, gzip;q=0.8"), Some("gzip"));
        assert_eq!(best("GZIP ; Q=0.001"), Some("gzip"));
        assert_eq!(best("x-gzip"), Some("gzip"));
        assert_eq!(best("*"), Some("br"));
        assert_eq!(best("*;q=0.5, br;q=0"), Some("zstd"));
    }

    #[test]
    fn the_original_is_sent_where_it_is_preferred_or_nothing_else_is_taken() {
        for value in ["", "identity", "deflate", "br;q=0", "*;q=0", "gzip;q=0.0", "identity;q=0"] {
            assert_eq!(best(value), None, "{value:?}");
        }
        assert_eq!(best("gzip;q=0.5, identity"), None);
        assert_eq!(best("gzip;q=0.5, identity;q=0.5"), Some("gzip"));
        assert_eq!(best("gzip;q=0.1, identity;q=0"), Some("gzip"));
        let silent = Accepted::of(&get("/", &[]));
        assert_eq!(silent.best(Coding::ALL.into_iter()), None);
        assert!(!silent.takes_any());
    }

    #[test]
    fn a_coding_that_is_not_there_is_not_chosen() {
        let accepted = Accepted::of(&get("/", &[("accept-encoding", "br, gzip;q=0.2")]));
        assert_eq!(accepted.best([Coding::Gzip].into_iter()), Some(Coding::Gzip));
        assert_eq!(accepted.best(std::iter::empty()), None);
        assert!(accepted.takes(Coding::Brotli) && !accepted.takes(Coding::Zstandard));
    }

    #[test]
    fn members_with_malformed_weights_are_ignored() {
        for weight in ["", "2", "1.001", "0.1234", "-1", "x", "0.x", ".5", "00"] {
            assert_eq!(best(&format!("gzip;q={weight}")), None, "{weight:?}");
        }
        assert_eq!(best("br;q=x, gzip"), Some("gzip"));
        assert_eq!(best("gzip;level=9;q=1.000"), Some("gzip"));
    }

    #[test]
    fn c11_fields_are_joined_and_a_list_of_any_length_is_read_once() {
        let request = get("/", &[("accept-encoding", "gzip;q=0.3"), ("accept-encoding", "zstd")]);
        assert!(Accepted::of(&request).takes(Coding::Gzip));
        assert!(Accepted::of(&request).takes(Coding::Zstandard));
        let long = vec!["x"; 30_000].join(",") + ",br";
        assert_eq!(best(&long), Some("br"));
    }
}
