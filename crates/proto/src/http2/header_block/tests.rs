use http::uri::PathAndQuery;
use loona_hpack::Decoder;
use proptest::prelude::*;

use super::*;
use crate::http2::huffman::tests::encode;

/// Literals with and without an entry, and never with one.
const FORMS: [(u8, u32); 3] = [(0x40, 6), (0, 4), (0x10, 4)];

fn text(bytes: &[u8], is_coded: bool) -> Vec<u8> {
    let coded = encode(bytes);
    let bytes = if is_coded { &coded } else { bytes };
    let mut text = BytesMut::new();
    put_length(bytes.len(), &mut text);
    text[0] &= if is_coded { 0xff } else { !CODED };
    [&text, bytes].concat()
}

fn rewritten(block: &[u8]) -> (Vec<u8>, bool) {
    let mut output = BytesMut::from("before");
    let has_stand_in = rewrite(block, None, &mut output);
    (output.strip_prefix(b"before").expect("what was there").to_vec(), has_stand_in)
}

fn decoded(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    Decoder::new().decode(block).unwrap_or_else(|error| panic!("{block:x?}: {error:?}"))
}

#[test]
fn names_are_judged_as_h2_judges_them() {
    for byte in 0..=u8::MAX {
        for name in [vec![byte], vec![b'x', byte], vec![byte, b'x'], vec![b'x'; byte.into()]] {
            let mut block = vec![0];
            block.extend(text(&name, byte % 2 == 0));
            block.extend(text(b"v", false));
            // The http crate takes this one, which is no token.
            let is_good = http::HeaderName::from_lowercase(&name).is_ok() && !name.contains(&b'"');
            let (output, has_stand_in) = rewritten(&block);
            assert_eq!(has_stand_in, !is_good, "{name:?}");
            assert_eq!(output == block, is_good, "{name:?}");
        }
    }
}

#[test]
fn the_http_crate_refuses_what_a_hash_becomes() {
    for path in ["/>", "/a>b", "/?>", "/?a>b", ">", ">/"] {
        assert!(path.parse::<PathAndQuery>().is_err(), "{path}");
    }
}

#[test]
fn a_hash_is_changed_in_paths_alone() {
    let (path, refused) = (&b"/#a?#"[..], &b"/>a?>"[..]);
    for is_coded in [false, true] {
        for (form, _) in FORMS {
            let value = text(path, is_coded);
            for (name, is_path) in [
                (vec![form | 4], true),
                (vec![form | 5], true),
                ([&[form][..], &text(b":path", is_coded)].concat(), true),
                (vec![form | 1], false),
                ([&[form][..], &text(b":scheme", is_coded)].concat(), false),
                ([&[form][..], &text(b"path", is_coded)].concat(), false),
            ] {
                let block = [&name[..], &value, &[0x82]].concat();
                let changed = [&name[..], &text(refused, is_coded), &[0x82]].concat();
                let expected = if is_path { changed } else { block.clone() };
                assert_eq!(rewritten(&block), (expected, false), "{block:x?}");
            }
        }
    }
}

#[test]
fn a_nameless_field_gets_its_name_from_its_value() {
    let remembered = [&[0x40][..], &text(b"", false), &text(b"abc", true), &[0xbe]].concat();
    let (output, has_stand_in) = rewritten(&remembered);
    let field = (b"0".to_vec(), b"00".to_vec());
    assert_eq!((decoded(&output), has_stand_in), (vec![field.clone(), field], true));
    let forgotten = [&[0][..], &text(b"", true), &text(b"", false)].concat();
    assert_eq!(decoded(&rewritten(&forgotten).0), [(b"0".to_vec(), vec![])]);
    let empty = [&[0x40][..], &text(b"", false), &text(b"", false)].concat();
    assert_eq!(rewritten(&empty), (empty, false));
}

#[test]
fn a_mark_is_put_behind_changes_of_the_size() {
    for sizes in [&[][..], &[0x20], &[0x20, 0x3f, 0xe1, 0x1f]] {
        for fields in [&[][..], &[0x82], &[0x82, 0x20], &[0xff]] {
            let mut output = BytesMut::new();
            rewrite(&[sizes, fields].concat(), Some(0xa6), &mut output);
            assert_eq!(output, [sizes, &[0xa6], fields].concat());
        }
    }
}

/// Form, name and value, and whether these are coded.
type Field = (usize, Vec<u8>, Vec<u8>, bool, bool);

/// Right or wrong ones.
fn fields() -> impl Strategy<Value = Vec<Field>> {
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..12),
            prop::collection::vec(any::<u8>(), 120..300),
            Just(b":path".to_vec()),
            "[a-zA-Z/#]{0,9}".prop_map(String::into_bytes),
        ]
    };
    prop::collection::vec((0..3usize, bytes(), bytes(), any::<bool>(), any::<bool>()), 0..6)
}

fn written(fields: &[Field]) -> Vec<u8> {
    let mut block = Vec::new();
    for (form, name, value, is_name_coded, is_value_coded) in fields {
        block.push(FORMS[*form].0);
        block.extend(text(name, *is_name_coded));
        block.extend(text(value, *is_value_coded));
    }
    block
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_fields_become_well_formed_ones_of_the_same_size(fields in fields()) {
        let (output, _) = rewritten(&written(&fields));
        let seen = decoded(&output);
        prop_assert_eq!(seen.len(), fields.len());
        for ((form, name, value, ..), (seen_name, seen_value)) in fields.iter().zip(&seen) {
            let size = seen_name.len() + seen_value.len();
            let is_empty = name.is_empty() && value.is_empty();
            if *form == 0 && !is_empty {
                prop_assert_eq!(size, name.len() + value.len());
                prop_assert!(seen_name[0] == b':' || http::HeaderName::from_lowercase(seen_name).is_ok());
            }
            if http::HeaderName::from_lowercase(name).is_ok() && !name.contains(&b'"') {
                prop_assert_eq!((name, value), (seen_name, seen_value));
            }
        }
        prop_assert_eq!(rewritten(&output), (output, false), "twice is as once");
    }

    #[test]
    fn any_bytes_are_survived_and_what_cannot_be_read_is_kept(
        fields in fields(),
        cut in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let block = written(&fields);
        rewritten(&[&block[..cut.index(block.len() + 1)], &more].concat());
        let unreadable = [&[0xff; 6], &more[..]].concat();
        let (output, _) = rewritten(&[&block[..], &unreadable].concat());
        prop_assert!(output.ends_with(&unreadable));
    }
}
