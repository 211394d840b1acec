//! HyperLogLogs against an array of registers, against bytes of redis-server, and against bytes that are none.

use super::*;
use proptest::prelude::*;

const CASES: u32 = if cfg!(miri) { 2 } else { 200 };
const SPARSE_BYTES_MAX: usize = 3000;

fn registers_of(text: &[u8]) -> Result<[u8; REGISTERS], Corrupt> {
    let mut registers = [0; REGISTERS];
    merge(text, &mut registers).map(|()| registers)
}

fn raised(places: impl Iterator<Item = (usize, u8)>, sparse_bytes_max: usize) -> (Vec<u8>, [u8; REGISTERS]) {
    let (mut text, mut naive) = (empty(), [0; REGISTERS]);
    let mut writer = Writer::new(&mut text, sparse_bytes_max).expect("it is one");
    for (index, rank) in places {
        let higher = naive[index] < rank;
        assert_eq!(writer.raise(index, rank), Ok(higher));
        naive[index] = naive[index].max(rank);
    }
    (text, naive)
}

/// Reads everything of a string that may be anything; what it answers is of no interest, only that it does.
fn poke(mut text: Vec<u8>) {
    let _ = (form(&text), cached(&text), describe(&text), registers_of(&text));
    let _ = Histogram::of(&text).map(|histogram| histogram.estimate());
    if let Some(mut writer) = Writer::new(&mut text, SPARSE_BYTES_MAX) {
        for index in [0, 1, 63, 64, 5000, REGISTERS - 1] {
            let _ = (writer.raise(index, 1), writer.raise(index, 32), writer.raise(index, 7));
        }
        let _ = (writer.make_dense(), writer.raise(77, 51));
        remember(&mut text, 5);
        forget(&mut text);
    }
}

#[test]
fn the_format_is_that_of_redis() {
    // What redis-server 7.0.15 answers to PFADD hl 1 2 .. 10, PFDEBUG DECODE hl, GET hl.
    let mut text = empty();
    let mut writer = Writer::new(&mut text, SPARSE_BYTES_MAX).expect("it is one");
    for number in 1..=10 {
        let (index, rank) = place_of(number.to_string().as_bytes());
        assert_eq!(writer.raise(index, rank), Ok(true));
    }
    assert_eq!(
        describe(&text),
        "Z:495 v:2,1 Z:2084 v:1,1 Z:4946 v:1,1 Z:3297 v:1,1 Z:147 v:1,1 Z:3136 v:1,1 Z:728 v:1,1 Z:531 v:4,1 Z:185 v:1,1 z:22 v:2,1 Z:803"
    );
    assert_eq!(
        text,
        b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80A\xee\x84H#\x80SQ\x80L\xe0\x80@\x92\x80L?\x80B\xd7\x80B\x12\x8c@\xb8\x80\x15\x84C\""
    );
    assert_eq!(Histogram::of(&text).map(|histogram| histogram.estimate()), Ok(10));
}

#[test]
fn estimates_are_close() {
    let mut text = empty();
    let mut writer = Writer::new(&mut text, SPARSE_BYTES_MAX).expect("it is one");
    let mut added = 0_u64;
    for target in [1, 10, 100, 1000, 10_000, 100_000] {
        while added < target {
            let (index, rank) = place_of(&added.to_le_bytes());
            writer.raise(index, rank).expect("what was written here is sound");
            added += 1;
        }
        let estimate = Histogram::of(writer.text).expect("sound").estimate();
        // Four times the standard error.
        assert!(estimate.abs_diff(target) as f64 <= 0.0325 * target as f64, "{estimate} for {target}");
    }
}

#[test]
fn every_register_of_the_dense_form_is_its_own() {
    let (mut text, _) = raised([(0, 33)].into_iter(), SPARSE_BYTES_MAX);
    assert_eq!(form(&text), Some(Form::Dense), "ranks above 32 are for the dense form");
    let mut naive = registers_of(&text).expect("dense ones always are");
    for (index, rank) in (0..REGISTERS).map(|index| (index, (index * 7 % 51) as u8 + 1)) {
        assert_eq!(raise_dense(&mut text, index, rank), naive[index] < rank);
        naive[index] = naive[index].max(rank);
    }
    assert_eq!(registers_of(&text), Ok(naive));
    assert!(!raise_dense(&mut text, REGISTERS, 1), "there is none");
}

#[test]
fn a_count_is_remembered_until_it_is_stale() {
    let mut text = empty();
    assert_eq!(cached(&text), Some(0));
    remember(&mut text, 123_456_789_012);
    assert_eq!(cached(&text), Some(123_456_789_012));
    forget(&mut text);
    assert_eq!(cached(&text), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn registers_are_those_of_an_array(
        places in prop::collection::vec((prop_oneof![0..REGISTERS, 0..200_usize], 1..=40_u8), 0..600),
        ascending in any::<bool>(),
        limit in prop_oneof![Just(0_usize), Just(60), Just(3000), Just(16_000)],
    ) {
        let mut places = places;
        if ascending {
            places.sort_unstable();
        }
        let (text, naive) = raised(places.into_iter(), limit);
        prop_assert_eq!(registers_of(&text), Ok(naive));
        let histogram = Histogram::of(&text).map(|histogram| histogram.0);
        prop_assert_eq!(histogram.as_ref().ok(), Some(&Histogram::of_registers(&naive).0));
        let mut dense = text.clone();
        if let Some(mut writer) = Writer::new(&mut dense, limit) {
            prop_assert_eq!(writer.make_dense(), Ok(()));
        }
        prop_assert_eq!(form(&dense), Some(Form::Dense));
        prop_assert_eq!(registers_of(&dense), Ok(naive));
        prop_assert_eq!(Histogram::of(&dense).map(|histogram| histogram.0).ok(), histogram.ok());
    }

    #[test]
    fn any_bytes_are_read_without_harm(
        mut text in prop::collection::vec(any::<u8>(), 0..200),
        looks_like_one in any::<bool>(),
    ) {
        if looks_like_one && text.len() >= 5 {
            text[..5].copy_from_slice(b"HYLL\x01");
        }
        poke(text);
    }

    #[test]
    fn flipped_bits_do_no_harm(
        places in prop::collection::vec((0..REGISTERS, 1..=32_u8), 0..50),
        dense in any::<bool>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut text, _) = raised(places.into_iter(), if dense { 0 } else { SPARSE_BYTES_MAX });
        for (at, bit) in flips {
            let at = at.index(text.len());
            text[at] ^= 1 << bit;
        }
        if let Some(cut) = cut {
            let len = cut.index(text.len());
            text.truncate(len);
        }
        poke(text);
    }
}
