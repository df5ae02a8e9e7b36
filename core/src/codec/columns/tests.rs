//! Columns come back to the last bit, and nothing else is ever read from them.

use super::*;
use proptest::prelude::*;

const NAME: &str = "columns";

fn ints(values: &[u64]) -> Vec<u8> {
    let mut writer = Writer::new(9);
    writer.ints(values);
    writer.finish()
}

fn floats(values: &[f64]) -> Vec<u8> {
    let mut writer = Writer::new(9);
    writer.floats(values);
    writer.finish()
}

fn read_floats(bytes: &[u8], n: usize) -> Vec<f64> {
    let mut reader = Reader::new(NAME, 9, bytes).unwrap();
    let values = reader.floats(n).unwrap();
    reader.end().unwrap();
    values
}

#[test]
fn regular_numbers_cost_nothing_and_small_ones_little() {
    let n = 10_000u64;
    assert!(ints(&vec![7; 10_000]).len() < 16);
    assert!(ints(&(0..n).map(|i| 1_700_000_000_000_000 + 17 * i).collect::<Vec<_>>()).len() < 24);
    let batches: Vec<u64> = (0..n).map(|i| 1_700_000_000_000_000 + (i / 200) * (i / 200) * 977).collect();
    assert!(ints(&batches).len() < 200, "{}", ints(&batches).len());
    let jitter: Vec<u64> = (0..n).map(|i| 1_700_000_000_000_000 + 1_000 * i + i * i % 97).collect();
    assert!(ints(&jitter).len() < 20_000, "{}", ints(&jitter).len());
    let rubric: Vec<f64> = (0..n).map(|i| (i * i % 5) as f64 + 1.0).collect();
    assert!(floats(&rubric).len() < 4_500, "{}", floats(&rubric).len());
    let money: Vec<f64> = (0..n).map(|i| (i * 7919 % 100_000) as f64 / 1e6).collect();
    assert!(floats(&money).len() < 25_000, "{}", floats(&money).len());
    let noise: Vec<f64> = (1..=n).map(|i| (i as f64).sqrt()).collect();
    assert_eq!(floats(&noise).len(), 80_000 + 10);
}

#[test]
fn every_kind_of_float_comes_back_to_the_bit() {
    let odd = [0.0, -0.0, 1e300, -1e-300, f64::MIN_POSITIVE, 0.1, 4.35, 9e15, 1e16, -5.0, f64::MAX];
    for values in [&odd[..], &[-0.0; 40], &[0.1 + 0.2; 9], &[1.005, 2.675, -3.25]] {
        let back = read_floats(&floats(values), values.len());
        assert_eq!(
            back.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            values.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn ids_of_every_kind_come_back() {
    let hex = "0123456789abcdef0123456789abcdef";
    let uuid = "01234567-89ab-7def-8123-456789abcdef";
    for (ids, bytes) in [
        (vec![hex; 3], 58),
        (vec![uuid; 3], 58),
        (vec![hex, uuid], 90),
        (vec!["req-1", "GRÜN", "0123456789ABCDEF0123456789ABCDEF"], 70),
    ] {
        let mut column = Ids::default();
        ids.iter().for_each(|id| column.push(id));
        let mut both = Ids::default();
        both.append(&column);
        both.append(&column);
        assert_eq!((0..both.len()).map(|i| both.get(i)).collect::<Vec<_>>(), [&ids[..], &ids].concat());
        let mut writer = Writer::new(9);
        writer.ids(&column);
        let written = writer.finish();
        assert!(written.len() <= bytes, "{} bytes for {ids:?}", written.len());
        let mut reader = Reader::new(NAME, 9, &written).unwrap();
        let back = reader.ids(ids.len()).unwrap();
        assert_eq!((0..ids.len()).map(|i| back.get(i)).collect::<Vec<_>>(), ids);
        reader.end().unwrap();
    }
}

#[test]
fn a_changed_byte_is_damage() {
    let bytes = ints(&[5, 1, 9, 1 << 60]);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Reader::new(NAME, 9, &changed).is_err(), "{at}");
    }
    assert!(Reader::new(NAME, 8, &bytes).is_err());
}

/// Bytes with a digest that fits: what a hostile file would hold.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut body = vec![9];
    body.extend_from_slice(bytes);
    let digest = short_digest(&body);
    body.extend_from_slice(&digest);
    body
}

proptest! {
    #[test]
    fn ints_come_back(values in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..300, Just(u64::MAX)], 0..700)) {
        let bytes = ints(&values);
        let mut reader = Reader::new(NAME, 9, &bytes).unwrap();
        prop_assert_eq!(reader.ints(values.len()).unwrap(), values);
        reader.end().unwrap();
    }

    #[test]
    fn floats_come_back(values in prop::collection::vec(prop_oneof![-1e6..1e6f64, (0..50i32).prop_map(|n| f64::from(n) / 10.0)], 0..700)) {
        prop_assert_eq!(read_floats(&floats(&values), values.len()), values);
    }

    #[test]
    fn texts_come_back(values in prop::collection::vec("[a-c]{0,3}|.{0,9}", 0..300)) {
        let mut column = Texts::default();
        values.iter().for_each(|text| column.push(text));
        let mut both = Texts::default();
        both.append(&column);
        both.append(&column);
        prop_assert_eq!((0..both.len()).map(|i| both.get(i).to_owned()).collect::<Vec<_>>(), [&values[..], &values].concat());
        let mut writer = Writer::new(9);
        writer.texts(&column);
        let bytes = writer.finish();
        let mut reader = Reader::new(NAME, 9, &bytes).unwrap();
        let back = reader.texts(values.len()).unwrap();
        prop_assert_eq!((0..values.len()).map(|i| back.get(i).to_owned()).collect::<Vec<_>>(), values);
        reader.end().unwrap();
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0usize..2000) {
        let bytes = sealed(&bytes);
        for read in [
            |r: &mut Reader<'_>, n| r.ints(n).is_ok(),
            |r: &mut Reader<'_>, n| r.floats(n).is_ok(),
            |r: &mut Reader<'_>, n| r.texts(n).is_ok(),
            |r: &mut Reader<'_>, n| r.ids(n).is_ok(),
        ] {
            let _ = read(&mut Reader::new(NAME, 9, &bytes).unwrap(), n);
        }
    }
}
