//! Header compression: RFC 7541.

use hyperion_proto::Config;

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

const COMPRESSION: crate::cases::Outcome = Connection(&[COMPRESSION_ERROR]);

fn head_and<'a>(peer: &'a mut Peer, more: &[u8]) -> &'a mut Peer {
    peer.send(headers(1, END_STREAM, [plain_block(), more.to_vec()].concat()))
}

#[test]
fn s2_3_3_indices() {
    check(&[
        Case("the last of the static table", |peer| head_and(peer, &indexed(61)), Fine),
        Case("behind an empty dynamic table", |peer| head_and(peer, &indexed(62)), COMPRESSION),
        Case(
            "behind a dynamic table of one",
            |peer| head_and(peer, &[remembered("x", "y"), indexed(62), indexed(63)].concat()),
            COMPRESSION,
        ),
        Case(
            "a name behind both tables",
            |peer| head_and(peer, &[integer(0x40, 6, 70), string("v")].concat()),
            COMPRESSION,
        ),
    ]);
}

#[test]
fn s4_2_table_sizes() {
    check(&[
        Case(
            "at the begin of a block",
            |peer| {
                peer.send(headers(
                    1,
                    END_STREAM,
                    [table_size(0), table_size(4096), plain_block()].concat(),
                ))
            },
            Fine,
        ),
        Case("at the end of a block", |peer| head_and(peer, &table_size(1)), COMPRESSION),
        Case(
            "above the announced one",
            |peer| peer.send(headers(1, END_STREAM, [table_size(4_097), plain_block()].concat())),
            COMPRESSION,
        ),
        Case(
            "of 2^31",
            |peer| peer.send(headers(1, END_STREAM, [table_size(1 << 31), plain_block()].concat())),
            COMPRESSION,
        ),
        Case(
            "an entry that was evicted",
            |peer| {
                head_and(peer, &remembered("x", "y"));
                let block = [table_size(0), plain_block(), indexed(62)].concat();
                peer.send(headers(3, END_STREAM, block))
            },
            COMPRESSION,
        ),
    ]);
}

#[test]
fn s5_2_strings() {
    check(&[
        Case(
            "padding of more than 7 bits",
            |peer| head_and(peer, &[&[0][..], &string("x"), &[0x82, 0x1f, 0xff]].concat()),
            COMPRESSION,
        ),
        Case(
            "padding of zeros",
            |peer| head_and(peer, &[&[0][..], &string("x"), &[0x81, 0x18]].concat()),
            COMPRESSION,
        ),
        Case(
            "the end-of-string symbol",
            |peer| {
                head_and(peer, &[&[0][..], &string("x"), &[0x84, 0xff, 0xff, 0xff, 0xff]].concat())
            },
            COMPRESSION,
        ),
        Case(
            "longer than the block",
            |peer| head_and(peer, &[&[0][..], &string("x"), &[0x7f, 0x10, b'y']].concat()),
            COMPRESSION,
        ),
        Case(
            "an endless length",
            |peer| head_and(peer, &[&[0][..], &[0x7f], &[0xff; 12]].concat()),
            COMPRESSION,
        ),
        Case(
            "a Huffman code",
            |peer| head_and(peer, &[&[0][..], &string("x"), &[0x81, 0x1f]].concat()),
            Fine,
        ),
    ]);
}

#[test]
fn s6_1_index_zero_is_an_error() {
    check(&[Case("indexed field 0", |peer| head_and(peer, &indexed(0)), COMPRESSION)]);
}

#[test]
fn s6_3_a_table_size_above_the_announced_one_is_an_error() {
    let mut peer = Peer::new();
    let announced = peer.setting(HEADER_TABLE_SIZE).unwrap_or(4096) as usize;
    peer.send(headers(1, END_STREAM, [table_size(announced + 1), plain_block()].concat())).read();
    assert!(matches!(peer.goaways()[..], [(_, COMPRESSION_ERROR | PROTOCOL_ERROR)]));
}

#[test]
fn every_representation_of_a_field_is_understood() {
    let name = string("custom-key");
    let forms: [(&str, Vec<u8>); 6] = [
        ("with indexing", remembered("custom-key", "v")),
        ("without indexing", literal("custom-key", "v")),
        ("never indexed", [vec![0x10], name.clone(), string("v")].concat()),
        ("indexed", [remembered("custom-key", "v"), indexed(62)].concat()),
        (
            "with an indexed name",
            [remembered("custom-key", "u"), integer(0, 4, 62), string("v")].concat(),
        ),
        (
            "Huffman coded name",
            [&[0, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f][..], &string("v")].concat(),
        ),
    ];
    for (form, field) in forms {
        let mut peer = Peer::new();
        head_and(&mut peer, &field);
        let last =
            peer.request(1).headers().last().map(|(name, value)| (name.to_vec(), value.to_vec()));
        assert_eq!(last, Some((b"custom-key".to_vec(), b"v".to_vec())), "{form}");
    }
}

#[test]
fn the_requests_of_appendix_c_are_understood() {
    // RFC 7541, C.3 in plain strings and C.4 in Huffman code: three requests that fill the table.
    let plain: [&[u8]; 3] = [
        b"\x82\x86\x84\x41\x0fwww.example.com",
        b"\x82\x86\x84\xbe\x58\x08no-cache",
        b"\x82\x87\x85\xbf\x40\x0acustom-key\x0ccustom-value",
    ];
    let huffman: [&[u8]; 3] = [
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
        b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
    ];
    for blocks in [plain, huffman] {
        let mut peer = Peer::new();
        for (block, id) in blocks.into_iter().zip([1, 3, 5]) {
            peer.send(headers(id, END_STREAM, block));
            assert_eq!(peer.request(id).host(), Some("www.example.com"));
        }
        assert_eq!(peer.request(3).header("cache-control"), Some(&b"no-cache"[..]));
        assert_eq!(peer.request(5).path(), "/index.html");
        assert_eq!(peer.request(5).header("custom-key"), Some(&b"custom-value"[..]));
    }
}

#[test]
fn a_refused_block_still_counts_for_the_table() {
    // The block of a stream that is refused or malformed has to be decoded all the same, or the
    // tables of both sides part.
    let mut config = Config::default();
    config.limits.h2_concurrent_streams = 1;
    let mut peer = Peer::with(config);
    peer.send(post(1));
    peer.send(headers(3, END_STREAM, [plain_block(), remembered("x-kept", "one")].concat())).read();
    assert!(peer.reset_code(3).is_some(), "{}", peer.history());
    peer.send(data(1, END_STREAM, "")).respond(1, full("")).read();
    peer.send(headers(5, END_STREAM, [remembered("x-kept", "two"), plain_block()].concat())).read();
    assert!(peer.reset_code(5).is_some(), "a field before the pseudo fields: {}", peer.history());
    peer.send(headers(7, END_STREAM, [plain_block(), indexed(63), indexed(62)].concat()));
    let values: Vec<_> = peer
        .request(7)
        .headers()
        .filter(|(name, _)| *name == b"x-kept")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(values, [&b"one"[..], b"two"]);
}

#[test]
fn responses_shrink_with_the_client_s_table() {
    // A client without a table gets blocks that its decoder, held to that size, can read.
    let mut peer = Peer::greeting(Config::default(), &[(HEADER_TABLE_SIZE, 0)]);
    for id in [1, 3, 5] {
        peer.send(get(id));
        peer.respond(
            id,
            response(200, &[("x-name", "value")], hyperion_proto::ResponseBody::Empty),
        );
        peer.read();
        assert_eq!(peer.answer(id).field("x-name"), Some("value"));
    }
    let sizes: Vec<_> = peer.frames.iter().filter(|frame| frame.kind == HEADERS).collect();
    assert!(
        sizes[1].payload.len() + 1 >= sizes[2].payload.len(),
        "nothing is remembered: {sizes:?}"
    );
    assert!(sizes[2].payload.len() > 8, "nothing is remembered: {sizes:?}");
}
