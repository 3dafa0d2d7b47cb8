//! Malformed names of fields, and targets with a fragment, end their stream and nothing else: RFC 9113,
//! sections 8.1.1 and 8.2.1, with the compression of RFC 7541 in step.

use hyperion_proto::Config;

use crate::cases::{Case, Outcome::*, check};
use crate::support::*;
use crate::wire::*;

/// A string literal in Huffman code, of the symbols that are needed here.
fn coded(text: &str) -> Vec<u8> {
    let (mut bits, mut count) = (0u128, 0);
    for symbol in text.chars() {
        let (code, length) = match symbol {
            'a' => (0x3, 5),
            '/' => (0x18, 6),
            ':' => (0x5c, 7),
            'h' => (0x27, 6),
            'p' => (0x2b, 6),
            't' => (0x9, 5),
            'x' => (0x79, 7),
            'y' => (0x7a, 7),
            ' ' => (0x14, 6),
            'U' => (0x6c, 7),
            '?' => (0x3fc, 10),
            '#' => (0xffa, 12),
            '\0' => (0x1ff8, 13),
            '\n' => (0x3fff_fffc, 30),
            _ => panic!("no code for {symbol:?}"),
        };
        (bits, count) = (bits << length | code, count + length);
    }
    let padding = (8 - count % 8) % 8;
    let bytes = ((bits << padding) | ((1 << padding) - 1)).to_be_bytes();
    let length = (count + padding) / 8;
    [&integer(0x80, 7, length)[..], &bytes[16 - length..]].concat()
}

const REMEMBERED: u8 = 0x40;
const FORMS: [u8; 3] = [0, 0x10, REMEMBERED];
const BAD_NAMES: [&str; 6] = ["U", "xU", "x y", ":x", "x\0", "x\n"];

/// A field with a malformed name.
struct Bad {
    form: u8,
    /// Of the name and the value.
    length: usize,
    field: Vec<u8>,
}

/// Each name, and none, as a literal of each form.
fn bad_fields() -> Vec<Bad> {
    let mut fields = Vec::new();
    for form in FORMS {
        let mut add = |length, name: Vec<u8>, value| {
            let field = [&[form][..], &name, &string(value)].concat();
            fields.push(Bad { form, length, field });
        };
        for name in BAD_NAMES {
            add(name.len() + 1, string(name), "y");
            add(name.len() + 1, coded(name), "y");
        }
        add(2, string(""), "yy");
    }
    fields
}

/// Those with an entry in the table.
fn bad_entries() -> impl Iterator<Item = Bad> {
    bad_fields().into_iter().filter(|bad| bad.form == REMEMBERED)
}

fn head_of_path(path: &[u8]) -> Vec<u8> {
    [indexed(2), indexed(6), path.to_vec(), literal(":authority", "a")].concat()
}

fn assert_reset(peer: &mut Peer, id: u32) {
    peer.read();
    assert_eq!(peer.reset_code(id), Some(PROTOCOL_ERROR), "stream {id}: {}", peer.history());
    assert!(peer.requests().iter().all(|(of, _)| *of != id), "{}", peer.history());
}

#[test]
fn d8_a_target_with_a_fragment_is_refused() {
    for text in ["/x#y", "/#", "#", "/a?a#a", "/a?#", "/aaaaaaa#", "/##"] {
        for value in [string(text), coded(text)] {
            for form in FORMS {
                for name in [
                    vec![form | 4],
                    vec![form | 5],
                    [&[form][..], &string(":path")].concat(),
                    [&[form][..], &coded(":path")].concat(),
                ] {
                    let mut peer = Peer::new();
                    peer.send(post(1));
                    let block = head_of_path(&[&name[..], &value].concat());
                    peer.send(headers(3, END_STREAM, block)).send(get(5));
                    assert_reset(&mut peer, 3);
                    peer.send(data(1, END_STREAM, "x")).respond_to_all().read();
                    let served = [1, 5].map(|id| peer.answer(id).status());
                    assert_eq!(served, [Some(200); 2], "{}", peer.history());
                }
            }
        }
    }
}

#[test]
fn d8_a_target_with_a_fragment_is_refused_from_the_table_too() {
    for value in [string("/#"), coded("/#")] {
        let mut peer = Peer::new();
        let path = [&[REMEMBERED | 4][..], &value].concat();
        peer.send(headers(1, END_STREAM, head_of_path(&path)));
        peer.send(headers(3, END_STREAM, head_of_path(&indexed(62)))).send(get(5));
        assert_reset(&mut peer, 1);
        assert_reset(&mut peer, 3);
        peer.request(5);
    }
}

#[test]
fn d8_other_fields_may_have_a_hash() {
    let mut peer = Peer::new();
    let fields = [literal("x", "/#"), [vec![0], coded("y"), coded("/#")].concat()].concat();
    peer.send(headers(1, END_STREAM, [plain_block(), fields].concat()));
    assert_eq!(peer.request(1).header("x"), Some(&b"/#"[..]));
    assert_eq!(peer.request(1).header("y"), Some(&b"/#"[..]));
}

#[test]
fn d8_a_malformed_name_ends_its_stream_and_the_tables_stay_in_step() {
    for Bad { form, field, .. } in bad_fields() {
        let mut peer = Peer::new();
        peer.send(post(1));
        let kept = remembered("x-kept", "one");
        let block = [plain_block(), kept, field, remembered("x-also", "two")].concat();
        peer.send(headers(3, END_STREAM, block));
        assert_reset(&mut peer, 3);
        let first = if form == REMEMBERED { 64 } else { 63 };
        let block = [plain_block(), indexed(first), indexed(62)].concat();
        peer.send(headers(5, END_STREAM, block));
        assert_eq!(peer.request(5).header("x-kept"), Some(&b"one"[..]), "{}", peer.history());
        assert_eq!(peer.request(5).header("x-also"), Some(&b"two"[..]), "{}", peer.history());
        peer.send(data(1, END_STREAM, "x")).respond_to_all().read();
        assert_eq!(peer.answer(1).status(), Some(200), "{}", peer.history());
    }
}

#[test]
fn d8_a_malformed_name_takes_as_much_of_the_table_as_its_client_counts() {
    for Bad { length, field, .. } in bad_entries() {
        let size = 2 * 32 + "x-kept".len() + "one".len() + length;
        for (size, is_kept) in [(size, true), (size - 1, false)] {
            let mut peer = Peer::new();
            let fields = [plain_block(), remembered("x-kept", "one"), field.clone()].concat();
            peer.send(headers(1, END_STREAM, [table_size(size), fields].concat()));
            assert_reset(&mut peer, 1);
            peer.send(headers(3, END_STREAM, [plain_block(), indexed(63)].concat())).read();
            assert_eq!(peer.goaways().is_empty(), is_kept, "{field:x?}: {}", peer.history());
            assert_eq!(peer.requests().len(), usize::from(is_kept), "{}", peer.history());
        }
    }
}

#[test]
fn d8_an_entry_with_a_malformed_name_is_of_no_use() {
    for Bad { field, .. } in bad_entries() {
        let mut peer = Peer::new();
        peer.send(headers(1, END_STREAM, [plain_block(), field].concat()));
        peer.send(headers(3, END_STREAM, [plain_block(), indexed(62)].concat()));
        let named = [integer(0, 4, 62), string("z")].concat();
        peer.send(headers(5, END_STREAM, [plain_block(), named].concat()));
        for id in [1, 3, 5] {
            assert_reset(&mut peer, id);
        }
        peer.send(post(7)).send(headers(7, END_STREAM, indexed(62))).read();
        assert_eq!(peer.reset_code(7), Some(PROTOCOL_ERROR), "{}", peer.history());
        assert!(peer.aborted(7) && !peer.ended(7), "{}", peer.history());
        peer.assert_alive();
    }
}

#[test]
fn s8_1_a_malformed_name_among_trailers_ends_its_stream() {
    for Bad { field, .. } in bad_fields() {
        for answers in [false, true] {
            let mut peer = Peer::new();
            peer.send(post(1)).send(data(1, 0, "x"));
            if answers {
                peer.respond(1, stream()).read();
            }
            let block = [remembered("x-kept", "one"), field.clone()].concat();
            peer.send(headers(1, END_STREAM, block)).read();
            assert_eq!(peer.reset_code(1), Some(PROTOCOL_ERROR), "{}", peer.history());
            assert!(peer.aborted(1) || answers, "{}", peer.history());
            assert!(!peer.ended(1), "{}", peer.history());
            peer.send(headers(3, END_STREAM, [plain_block(), remembered("y", "z")].concat()));
            peer.request(3);
            peer.assert_alive();
        }
    }
}

#[test]
fn d8_a_block_is_looked_into_however_it_is_cut() {
    let good = [plain_block(), literal("x", "y")].concat();
    let bad = [plain_block(), vec![REMEMBERED], coded("x\n"), string("y")].concat();
    let cut = head_of_path(&[&[4][..], &coded("/a#a")].concat());
    for (block, is_good) in [(&good, true), (&bad, false), (&cut, false)] {
        for at in 0..=block.len() {
            let (first, second) = block.split_at(at);
            for opening in [
                frame(HEADERS, END_STREAM, 1, first),
                frame(HEADERS, END_STREAM | PADDED, 1, padded(first, 3)),
                frame(HEADERS, END_STREAM | PRIORITIZED, 1, [&dependency(0), first].concat()),
            ] {
                let mut peer = Peer::new();
                peer.drips = at % 2 == 0;
                peer.send(opening).send(continuation(1, 0, [])).send(continuation(
                    1,
                    END_HEADERS,
                    second,
                ));
                if is_good {
                    assert_eq!(peer.request(1).header("x"), Some(&b"y"[..]));
                } else {
                    assert_reset(&mut peer, 1);
                }
                peer.assert_alive();
            }
        }
    }
}

#[test]
fn d8_a_long_block_is_looked_into() {
    let long = "y".repeat(40_000);
    for (name, is_good) in [("x", true), ("X", false)] {
        let block = [plain_block(), literal("x-long", &long), literal(name, "y")].concat();
        let (first, rest) = block.split_at(16_384);
        let (second, third) = rest.split_at(16_384);
        let mut peer = Peer::new();
        peer.send(frame(HEADERS, END_STREAM, 1, first)).send(continuation(1, 0, second));
        peer.send(continuation(1, END_HEADERS, third));
        if is_good {
            assert_eq!(peer.request(1).header("x-long"), Some(long.as_bytes()));
        } else {
            assert_reset(&mut peer, 1);
        }
        peer.assert_alive();
    }
}

#[test]
fn d8_a_block_that_is_too_long_to_be_looked_into_is_no_request() {
    let changes = table_size(0).repeat(16_384);
    let block = head_of_path(&[&[4][..], &string("/x#y")].concat());
    let mut peer = Peer::new();
    peer.send(frame(HEADERS, END_STREAM, 1, &changes));
    let limits = Config::default().limits;
    for _ in 0..(limits.head_bytes + 32 * limits.field_count + 1024) / changes.len() {
        peer.send(continuation(1, 0, &changes));
    }
    peer.send(continuation(1, END_HEADERS, block)).read();
    assert!(peer.requests().is_empty(), "{}", peer.history());
    assert_eq!(peer.answer(1).status(), Some(431), "{}", peer.history());
    peer.assert_alive();
}

#[test]
fn d8_a_field_without_name_and_value_ends_the_connection() {
    const ENDS: crate::cases::Outcome = Connection(&[PROTOCOL_ERROR]);
    check(&[Case(
        "with an entry",
        |peer| peer.send(headers(1, END_STREAM, [plain_block(), remembered("", "")].concat())),
        ENDS,
    )]);
}

#[test]
fn unusual_names_are_names() {
    let mut peer = Peer::new();
    for (id, name) in [(1, "0"), (3, "00"), (5, "!#$%&'*+-.^`|~"), (7, "1")] {
        peer.send(headers(id, END_STREAM, [plain_block(), literal(name, "y")].concat()));
        assert_eq!(peer.request(id).header(name), Some(&b"y"[..]), "{name}");
    }
}
