//! The Huffman code of header fields (RFC 7541, section 5.2 and appendix B), read one symbol at a time.
//!
//! The code is canonical: by their lengths alone its symbols have their codes, the shorter ones first
//! and those of one length in order.

/// Bits that the code of each symbol takes.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// Of `0`: all bits are zero, and no code is shorter.
pub(super) const SHORTEST: u8 = b'0';
pub(super) const SHORTEST_BITS: usize = 5;

const LONGEST: usize = 30;

/// Symbols in the order of their codes.
static SYMBOLS: [u8; 256] = order();

/// For each length the first code, how many there are, and the place of the first among [`SYMBOLS`].
static CODES: [(u32, u32, usize); LONGEST + 1] = codes();

/// The symbol that begins with eight bits, and its length; zero where the code is longer.
static SHORT: [(u8, u8); 256] = short();

const fn order() -> [u8; 256] {
    let mut symbols = [0; 256];
    let (mut filled, mut length) = (0, 1);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as usize == length {
                symbols[filled] = symbol as u8;
                filled += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

const fn codes() -> [(u32, u32, usize); LONGEST + 1] {
    let mut codes = [(0, 0, 0); LONGEST + 1];
    let (mut code, mut place, mut length) = (0, 0, 1);
    while length <= LONGEST {
        let mut count = 0;
        let mut symbol = 0;
        while symbol < 256 {
            count += (LENGTHS[symbol] as usize == length) as u32;
            symbol += 1;
        }
        codes[length] = (code, count, place);
        code = (code + count) << 1;
        place += count as usize;
        length += 1;
    }
    codes
}

const fn short() -> [(u8, u8); 256] {
    let (codes, symbols) = (codes(), order());
    let mut short = [(0, 0); 256];
    let mut bits = 0;
    while bits < 256 {
        let mut length = 8;
        while length >= SHORTEST_BITS {
            let (first, count, place) = codes[length];
            let code = bits as u32 >> (8 - length);
            if code >= first && code - first < count {
                short[bits] = (symbols[place + (code - first) as usize], length as u8);
            }
            length -= 1;
        }
        bits += 1;
    }
    short
}

/// Shows each symbol of `bytes`, and behind how many bits it ends; none where they are no such code.
pub(super) fn decode(mut bytes: &[u8], mut show: impl FnMut(u8, usize)) -> Option<()> {
    // The next bits, the first of them on top.
    let (mut window, mut filled, mut end) = (0u64, 0usize, 0usize);
    loop {
        if filled < LONGEST {
            let (now, later) = bytes.split_at(bytes.len().min((64 - filled) / 8));
            for &byte in now {
                window |= u64::from(byte) << (56 - filled);
                filled += 8;
            }
            bytes = later;
        }
        match next(window) {
            Some((symbol, length)) if length <= filled => {
                window <<= length;
                filled -= length;
                end += length;
                show(symbol, end);
            }
            // Padding is less than a byte, of ones.
            _ if filled < 8 && window.leading_ones() as usize == filled => return Some(()),
            _ => return None,
        }
    }
}

fn next(window: u64) -> Option<(u8, usize)> {
    let (symbol, length) = SHORT[(window >> 56) as usize];
    if length > 0 {
        return Some((symbol, length.into()));
    }
    (9..=LONGEST).find_map(|length| {
        let (first, count, place) = CODES[length];
        let at = ((window >> (64 - length)) as u32).checked_sub(first)?;
        (at < count).then(|| (SYMBOLS[place + at as usize], length))
    })
}

/// Whether `#` may be among the symbols: its code has so many ones in a row as few others have.
pub(super) fn may_have_hash(bytes: &[u8]) -> bool {
    let is_run = |pair: &[u8]| pair[0].trailing_ones() + pair[1].leading_ones() >= 9;
    bytes.windows(2).any(is_run)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any bytes in this code.
    pub fn encode(bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut window, mut filled) = (Vec::new(), 0u64, 0usize);
        for &byte in bytes {
            let length = usize::from(LENGTHS[usize::from(byte)]);
            let (first, _, place) = CODES[length];
            let at = SYMBOLS[place..].iter().position(|symbol| *symbol == byte).unwrap();
            window = (window << length) | (u64::from(first) + at as u64);
            filled += length;
            while filled >= 8 {
                filled -= 8;
                out.push((window >> filled) as u8);
            }
        }
        if filled > 0 {
            out.push((window << (8 - filled)) as u8 | 0xff >> filled);
        }
        out
    }

    fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut symbols = Vec::new();
        decode(bytes, |symbol, _| symbols.push(symbol)).map(|()| symbols)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (symbol, code, length) in
            [(b'0', 0u32, 5), (b'#', 0xffa, 12), (b'>', 0xffb, 12), (10, 0x3fff_fffc, 30)]
        {
            let ones = (1u64 << (32 - length)) - 1;
            let bits = (code << (32 - length) | ones as u32).to_be_bytes();
            let bytes = &bits[..(length as usize).div_ceil(8)];
            assert_eq!(encode(&[symbol]), bytes);
            assert_eq!(decoded(bytes), Some(vec![symbol]));
        }
        let example = b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        assert_eq!(decoded(example).unwrap(), b"www.example.com");
    }

    #[test]
    fn what_is_no_code_is_none() {
        for bytes in [&[0xff][..], &[0x1f, 0xff], &[0x18], &[0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(decoded(bytes), None, "{bytes:x?}");
        }
        assert_eq!(decoded(&[]), Some(vec![]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_read_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decoded(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_bytes_mean_what_another_decoder_reads(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Some(symbols) = decoded(&bytes) {
                prop_assert_eq!(&loona_hpack::huffman::HuffmanDecoder::new().decode(&bytes).unwrap(), &symbols);
                prop_assert_eq!(encode(&symbols), bytes);
            }
        }

        #[test]
        fn no_hash_is_overlooked(before in ".{0,5}", behind in ".{0,5}") {
            let coded = encode(format!("{before}#{behind}").as_bytes());
            prop_assert!(may_have_hash(&coded));
        }
    }
}
