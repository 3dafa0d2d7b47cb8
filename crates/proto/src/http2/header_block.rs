//! Header blocks (RFC 7541, section 6) on their way to the h2 crate: gone through without a table, and
//! rewritten where that crate would let pass what is malformed, or end the connection for it.
//!
//! A malformed name becomes a stand-in of equal size. The entry that it may have in the dynamic table
//! keeps its size so, the tables of both ends stay in step, and whatever has that name, by the literal
//! or by an index to its entry, is known by it.

use bytes::{BufMut, BytesMut};
use http::HeaderMap;

use super::huffman;

#[cfg(test)]
mod tests;

/// What stand-ins consist of. No code is shorter than that of this byte, so that they are never longer
/// than what they replace.
const STAND_IN: u8 = huffman::SHORTEST;

/// `:path` in the static table (appendix A).
const PATH_INDICES: [usize; 2] = [4, 5];

/// Of a string literal, whether it is coded (section 5.2).
const CODED: u8 = 1 << 7;
const LENGTH_BITS: u32 = 7;

/// What a name of a field may consist of (RFC 9110, section 5.6.2, and RFC 9113, section 8.2.1).
static TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        token[byte] = matches!(byte as u8, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        byte += 1;
    }
    token
};

/// Whether a name among these stands for a malformed one.
pub(super) fn has_stand_in(fields: &HeaderMap) -> bool {
    fields.keys().any(|name| name.as_str().bytes().all(|byte| byte == STAND_IN))
}

/// Appends `block` to `output`, with `mark` behind the changes of the table's size, with well-formed
/// names, and with each `:path` that has a `#`, at which the http crate would cut it, such that it
/// refuses it. True if there is a stand-in. What cannot be read goes on as it is, and h2 refuses it.
pub(super) fn rewrite(block: &[u8], mark: Option<u8>, output: &mut BytesMut) -> bool {
    let mut rewriter = Rewriter { block, at: 0, copied: 0, output, mark, has_stand_in: false };
    while rewriter.at < block.len() && rewriter.instruction().is_some() {}
    rewriter.place_mark();
    rewriter.copy(block.len());
    rewriter.has_stand_in
}

struct Rewriter<'a> {
    block: &'a [u8],
    /// How far it was read, and how far it is in the output.
    at: usize,
    copied: usize,
    output: &'a mut BytesMut,
    mark: Option<u8>,
    has_stand_in: bool,
}

/// A string literal.
#[derive(Clone, Copy)]
struct Text<'a> {
    is_coded: bool,
    bytes: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Name {
    Path,
    Other,
    /// Malformed, and so long.
    Malformed(usize),
}

impl<'a> Rewriter<'a> {
    fn instruction(&mut self) -> Option<()> {
        let kind = self.block[self.at].leading_zeros();
        if kind == 2 {
            return self.integer(5).map(|_| ());
        }
        self.place_mark();
        match kind {
            0 => self.integer(7).map(|_| ()),
            1 => self.literal(6),
            _ => self.literal(4),
        }
    }

    fn literal(&mut self, index_bits: u32) -> Option<()> {
        let index = self.integer(index_bits)?;
        let name_at = self.at;
        let name = match index {
            0 => self.text()?.name()?,
            index if PATH_INDICES.contains(&index) => Name::Path,
            // An index may be that of an entry of `:path`, too. Nobody has a reason to use another than
            // the static one; what a client that does asks for is cut at the `#`, as it ever was.
            _ => Name::Other,
        };
        let value_at = self.at;
        let value = self.text()?;
        match name {
            Name::Path => self.refuse_fragment(value),
            Name::Malformed(0) if index_bits == 6 => self.rename_nameless(name_at, value),
            Name::Malformed(length) => {
                self.replace(name_at, value_at, &[length.max(1)]);
                Some(())
            }
            Name::Other => Some(()),
        }
    }

    /// Makes a byte of the value the name, since the entry must not grow. That of a field that has
    /// neither cannot be had otherwise: h2 ends the connection.
    fn rename_nameless(&mut self, name_at: usize, value: Text<'_>) -> Option<()> {
        let mut length = 0;
        value.read(|_| length += 1)?;
        if length > 0 {
            self.replace(name_at, self.at, &[1, length - 1]);
        }
        Some(())
    }

    /// Puts stand-ins of these lengths where the block has something else.
    fn replace(&mut self, start: usize, end: usize, lengths: &[usize]) {
        self.copy(start);
        for &length in lengths {
            put_stand_in(length, self.output);
        }
        self.copied = end;
        self.has_stand_in = true;
    }

    /// Turns each `#` of the last string into `>`, which is as long, also in the code, where only the
    /// last bits differ.
    fn refuse_fragment(&mut self, path: Text<'_>) -> Option<()> {
        if path.is_coded {
            if huffman::may_have_hash(path.bytes) {
                let copy = self.copy_back(path.bytes.len());
                return huffman::decode(path.bytes, |symbol, end| {
                    if symbol == b'#' {
                        copy[(end - 1) / 8] |= 0x80 >> ((end - 1) % 8);
                    }
                });
            }
        } else if memchr::memchr(b'#', path.bytes).is_some() {
            let copy = self.copy_back(path.bytes.len());
            copy.iter_mut().filter(|byte| **byte == b'#').for_each(|byte| *byte = b'>');
        }
        Some(())
    }

    /// All that was read is copied; the last bytes of that.
    fn copy_back(&mut self, length: usize) -> &mut [u8] {
        self.copy(self.at);
        let start = self.output.len() - length;
        &mut self.output[start..]
    }

    fn copy(&mut self, end: usize) {
        self.output.extend_from_slice(&self.block[self.copied..end]);
        self.copied = end;
    }

    fn place_mark(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.copy(self.at);
            self.output.put_u8(mark);
        }
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let is_coded = self.block.get(self.at)? & CODED != 0;
        let length = self.integer(LENGTH_BITS)?;
        let bytes = self.block[self.at..].get(..length)?;
        self.at += length;
        Some(Text { is_coded, bytes })
    }

    /// Section 5.1. None where it ends too early, or is longer than h2 takes it.
    fn integer(&mut self, bits: u32) -> Option<usize> {
        const BYTES: usize = 5;
        let most = (1 << bits) - 1;
        let bytes = &self.block[self.at..];
        let mut value = usize::from(*bytes.first()?) & most;
        let mut length = 1;
        if value == most {
            loop {
                let byte = *bytes[..bytes.len().min(BYTES)].get(length)?;
                value += usize::from(byte & 0x7f) << (7 * (length - 1));
                length += 1;
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        self.at += length;
        Some(value)
    }
}

impl Text<'_> {
    fn read(self, mut show: impl FnMut(u8)) -> Option<()> {
        if self.is_coded {
            return huffman::decode(self.bytes, |symbol, _| show(symbol));
        }
        self.bytes.iter().for_each(|byte| show(*byte));
        Some(())
    }

    fn name(self) -> Option<Name> {
        let (mut start, mut length, mut is_token) = ([0; b":authority".len()], 0, true);
        self.read(|byte| {
            if let Some(place) = start.get_mut(length) {
                *place = byte;
            }
            length += 1;
            is_token &= TOKEN[usize::from(byte)];
        })?;
        Some(match start.get(..length) {
            Some(b":path") => Name::Path,
            Some(b":authority" | b":method" | b":protocol" | b":scheme" | b":status") => {
                Name::Other
            }
            _ if is_token && length > 0 => Name::Other,
            _ => Name::Malformed(length),
        })
    }
}

/// Appends a string literal of so many [`STAND_IN`]s.
fn put_stand_in(length: usize, output: &mut BytesMut) {
    let bits = length * huffman::SHORTEST_BITS;
    let bytes = bits.div_ceil(8);
    put_length(bytes, output);
    output.put_bytes(0, bytes);
    if let Some(last) = output.last_mut()
        && bytes > 0
    {
        *last = (1u16 << (8 * bytes - bits)).wrapping_sub(1) as u8;
    }
}

fn put_length(length: usize, output: &mut BytesMut) {
    const MOST: usize = (1 << LENGTH_BITS) - 1;
    if length < MOST {
        output.put_u8(CODED | length as u8);
        return;
    }
    output.put_u8(CODED | MOST as u8);
    let mut rest = length - MOST;
    while rest > 0x7f {
        output.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    output.put_u8(rest as u8);
}
