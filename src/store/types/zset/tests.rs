//! Sorted sets beside a naive model: a sorted vector of members and scores.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::store::{Keyspace, Part};

fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

fn thresholds(entries: usize, value: usize) -> Thresholds {
    Thresholds { zset_listpack_entries: entries, zset_listpack_value: value, ..Thresholds::default() }
}

impl SortedSet {
    /// Looks at every invariant of the form the set has.
    fn check(&self) {
        match &self.form {
            Form::Packed(pairs) => pairs.check(),
            Form::Large(large) => {
                large.roster.check();
                assert_eq!(large.roster.len(), large.tree.len());
                for (score, id) in large.tree.walk(0..large.tree.len(), false) {
                    assert_eq!(large.roster.score(id).get().to_bits(), score.get().to_bits());
                }
            }
        }
    }
}

/// The naive model: in order always.
#[derive(Default)]
struct Model(Vec<(Vec<u8>, f64)>);

impl Model {
    fn insert(&mut self, member: &[u8], score: f64) -> Outcome {
        let mut outcome = Outcome::Added;
        if let Some(at) = self.0.iter().position(|(other, _)| other == member) {
            if self.0[at].1 == score {
                return Outcome::Same;
            }
            self.0.remove(at);
            outcome = Outcome::Updated;
        }
        self.0.push((member.to_vec(), score));
        self.0.sort_by(|(name, score), (other_name, other)| score.partial_cmp(other).unwrap().then_with(|| name.cmp(other_name)));
        outcome
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, f64),
    Remove(Vec<u8>),
    PopMin(usize),
    PopMax(usize),
    RemoveRanks(usize, usize),
    Drain(usize),
}

fn members() -> impl Strategy<Value = Vec<u8>> {
    // Few enough to meet again, short and long, inside a slot and outside.
    prop_oneof![
        6 => (0u32..600).prop_map(|number| number.to_string().into_bytes()),
        2 => (0u32..60).prop_map(|number| format!("{number:->30}").into_bytes()),
        1 => (0usize..200).prop_map(|len| vec![b'x'; len]),
    ]
}

fn scores() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-10i32..10).prop_map(f64::from),
        2 => any::<i64>().prop_map(|whole| whole as f64),
        1 => any::<i32>().prop_map(f64::from),
        1 => any::<i16>().prop_map(f64::from),
        2 => any::<f64>().prop_filter("NaN stays outside", |value| !value.is_nan()),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0), Just(-0.0), Just(0.5), Just(-1.0 / 3.0)],
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (members(), scores()).prop_map(|(member, score)| Step::Insert(member, score)),
        5 => members().prop_map(Step::Remove),
        1 => (0usize..4).prop_map(Step::PopMin),
        1 => (0usize..4).prop_map(Step::PopMax),
        1 => (0usize..300, 0usize..8).prop_map(|(start, count)| Step::RemoveRanks(start, count)),
        1 => (0usize..50).prop_map(Step::Drain),
    ];
    prop::collection::vec(step, 0..700)
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a [u8], Score)>) -> Vec<(Vec<u8>, f64)> {
    pairs.map(|(member, score)| (member.to_vec(), score.get())).collect()
}

fn run(steps: &[Step], thresholds: &Thresholds) {
    let mut set = SortedSet::new();
    let mut model = Model::default();
    for step in steps {
        let mut seen = Vec::new();
        let mut see = |member: &[u8], score: Score| seen.push((member.to_vec(), score.get()));
        match step {
            Step::Insert(member, value) => {
                assert_eq!(set.insert(member, score(*value), thresholds), model.insert(member, *value));
            }
            Step::Remove(member) => {
                let at = model.0.iter().position(|(other, _)| other == member);
                let gone = at.map(|at| model.0.remove(at).1);
                assert_eq!(set.remove(member).map(Score::get), gone);
            }
            Step::PopMin(count) => {
                let popped = set.pop_min(*count, &mut see);
                let gone: Vec<_> = model.0.drain(..popped).collect();
                assert_eq!(seen, gone);
            }
            Step::PopMax(count) => {
                let popped = set.pop_max(*count, &mut see);
                let gone: Vec<_> = model.0.drain(model.0.len() - popped..).rev().collect();
                assert_eq!(seen, gone);
            }
            Step::RemoveRanks(start, count) => {
                let removed = set.remove_ranks(*start..start + count, &mut see);
                let start = (*start).min(model.0.len());
                let gone: Vec<_> = model.0.drain(start..start + removed).collect();
                assert_eq!(seen, gone);
                assert!(removed == *count || start + removed == set.len() + removed);
            }
            // All but a few go, so that slots and tables are given back.
            Step::Drain(rest) => {
                let count = model.0.len().saturating_sub(200 + rest);
                set.remove_ranks(0..count, |_, _| {});
                model.0.drain(..count);
            }
        }
        set.check();
        assert_eq!(owned(set.iter()), model.0);
        assert_eq!(set.len(), model.0.len());
    }
    let again = SortedSet::from_ordered(set.iter(), None, thresholds);
    again.check();
    assert_eq!(owned(again.iter()), model.0);
    let copy = set.duplicate();
    copy.check();
    assert_eq!(owned(copy.iter()), model.0);
    assert_eq!(copy.encoding(), set.encoding());
    compare_reads(&set, &model);
}

/// Every reading call at every interesting place.
fn compare_reads(set: &SortedSet, model: &Model) {
    let len = model.0.len();
    for (rank, (member, value)) in model.0.iter().enumerate() {
        assert_eq!(set.score(member).map(Score::get), Some(*value));
        assert_eq!(set.rank(member), Some((rank, score(*value))));
        assert_eq!(set.at(rank).map(|(member, score)| (member.to_vec(), score.get())), Some((member.clone(), *value)));
    }
    assert_eq!(set.at(len), None);
    assert_eq!(set.rank(b"nobody"), None);
    assert_eq!(set.score(b"nobody"), None);
    let bounds: Vec<f64> = model.0.iter().map(|(_, score)| *score).step_by(7).chain([f64::NEG_INFINITY, -1.5, 0.0, 3.0]).collect();
    for (at, low) in bounds.iter().enumerate() {
        let high = bounds[(at * 31 + 5) % bounds.len()];
        let count = |inside: &dyn Fn(f64) -> bool| model.0.iter().filter(|(_, score)| inside(*score)).count();
        let (min, max) = (score(*low), score(high));
        let ranges = [
            (set.ranks_by_score(Bound::Included(min), Bound::Included(max)), count(&|score| score >= *low && score <= high)),
            (set.ranks_by_score(Bound::Excluded(min), Bound::Included(max)), count(&|score| score > *low && score <= high)),
            (set.ranks_by_score(Bound::Excluded(min), Bound::Excluded(max)), count(&|score| score > *low && score < high)),
            (set.ranks_by_score(Bound::Unbounded, Bound::Excluded(max)), count(&|score| score < high)),
        ];
        for (ranks, count) in ranges {
            assert_eq!(ranks.len(), count);
            let expected: Vec<_> = model.0[ranks.clone()].to_vec();
            assert_eq!(owned(set.range(ranks.clone(), false)), expected);
            assert_eq!(set.range(ranks.clone(), true).len(), count);
            assert!(owned(set.range(ranks, true)).iter().eq(expected.iter().rev()));
        }
    }
    for (start, stop) in
        [(0, -1), (-3, -1), (2, 5), (5, 2), (-100_000, 100_000), (len as i64, len as i64), (i64::MIN, i64::MAX), (0, i64::MIN)]
    {
        let from_end = |index: i64| if index < 0 { index.saturating_add(len as i64).max(0) } else { index };
        let (first, last) = (from_end(start), if stop < 0 { stop.saturating_add(len as i64) } else { stop });
        let wanted = |pairs: Vec<(Vec<u8>, f64)>| -> Vec<_> {
            pairs.into_iter().enumerate().filter(|(at, _)| (*at as i64) >= first && (*at as i64) <= last).map(|(_, pair)| pair).collect()
        };
        assert_eq!(owned(set.range(set.ranks_by_index(start, stop, false), false)), wanted(model.0.clone()));
        assert_eq!(owned(set.range(set.ranks_by_index(start, stop, true), true)), wanted(model.0.iter().rev().cloned().collect()));
    }
    for count in [1, 10, 1000] {
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, count, &mut |member, _| seen.push(member.to_vec()));
            if cursor == 0 {
                break;
            }
        }
        seen.sort();
        let mut names: Vec<_> = model.0.iter().map(|(member, _)| member.clone()).collect();
        names.sort();
        assert_eq!(seen, names);
    }
    if len > 0 {
        assert!((0..100).all(|seed| set.random(seed).is_some()));
    } else {
        assert!(set.random(1).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_set_of_tiny_thresholds_is_the_model(steps in steps()) {
        run(&steps, &thresholds(4, 10));
    }

    #[test]
    fn a_packed_set_is_the_model(steps in steps()) {
        run(&steps, &thresholds(10_000, 10_000));
    }

    #[test]
    fn a_set_of_default_thresholds_is_the_model(steps in steps()) {
        run(&steps, &Thresholds::default());
    }

    #[test]
    fn names_of_one_score_have_their_own_order(
        names in prop::collection::hash_set(prop::collection::vec(97u8..101, 0..5), 0..300),
        bounds in prop::collection::vec((prop::collection::vec(97u8..101, 0..5), any::<bool>()), 2..20),
        entries in prop_oneof![Just(0usize), Just(1000)],
    ) {
        let mut set = SortedSet::new();
        for name in &names {
            set.insert(name, Score::ZERO, &thresholds(entries, 64));
        }
        let mut sorted: Vec<_> = names.into_iter().collect();
        sorted.sort();
        for pair in bounds.windows(2) {
            let [(low, low_open), (high, high_open)] = pair else { unreachable!() };
            let min = if *low_open { LexBound::Excluded(low) } else { LexBound::Included(low) };
            let max = if *high_open { LexBound::Excluded(high) } else { LexBound::Included(high) };
            let wanted: Vec<_> = sorted
                .iter()
                .filter(|name| if *low_open { *name > low } else { *name >= low })
                .filter(|name| if *high_open { *name < high } else { *name <= high })
                .cloned()
                .collect();
            let found: Vec<_> = set.range(set.ranks_by_lex(min, max), false).map(|(name, _)| name.to_vec()).collect();
            prop_assert_eq!(found, wanted);
        }
        prop_assert_eq!(set.ranks_by_lex(LexBound::Lowest, LexBound::Highest), 0..sorted.len());
        prop_assert!(set.ranks_by_lex(LexBound::Highest, LexBound::Lowest).is_empty());
    }
}

/// Big enough to split tables of the index and to merge them again.
#[test]
fn a_large_set_gives_back_what_it_took() {
    const MEMBERS: u32 = 30_000;
    let thresholds = Thresholds::default();
    let mut set = SortedSet::new();
    for number in 0..MEMBERS {
        let member = format!("member:{number}");
        assert_eq!(set.insert(member.as_bytes(), score(f64::from(number.wrapping_mul(2_654_435_761) >> 8)), &thresholds), Outcome::Added);
    }
    set.check();
    let full = set.heap_bytes();
    for number in 0..MEMBERS {
        if number % 16 != 3 {
            assert!(set.remove(format!("member:{number}").as_bytes()).is_some());
        }
    }
    set.check();
    assert!(set.heap_bytes() < full / 5, "{} of {full}", set.heap_bytes());
    for number in 0..MEMBERS {
        assert_eq!(set.score(format!("member:{number}").as_bytes()).is_some(), number % 16 == 3);
    }
    assert_eq!(set.pop_max(usize::MAX, |_, _| {}), MEMBERS as usize / 16);
    set.check();
    assert!(set.is_empty());
    assert!(set.heap_bytes() < 64 * 1024);
}

/// Whoever is there from the first step to the last is seen, whatever comes, goes and moves meanwhile.
#[test]
fn a_scan_sees_everyone_who_stays() {
    let thresholds = Thresholds::default();
    for stayers in [1u32, 7, 50] {
        let mut set = SortedSet::new();
        for number in 0..5000u32 {
            set.insert(&number.to_be_bytes(), score(f64::from(number % 100)), &thresholds);
        }
        let mut seen = HashSet::new();
        let (mut cursor, mut step) = (0, 0);
        loop {
            cursor = set.scan(cursor, 20, &mut |member, _| {
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
            for offset in 0..60 {
                let number = (step * 60 + offset) * 13 % 5000;
                if number % stayers != 0 || stayers == 1 && number > 100 {
                    set.remove(&number.to_be_bytes());
                }
            }
            set.insert(&(10_000 + step).to_be_bytes(), score(1.0), &thresholds);
            step += 1;
        }
        set.check();
        for number in 0..5000u32 {
            if set.score(&number.to_be_bytes()).is_some() {
                assert!(seen.contains(number.to_be_bytes().as_slice()), "{number} stayed and was not seen");
            }
        }
    }
}

#[test]
fn conditions_and_increments_need_one_look_up() {
    for entries in [0, 128] {
        let thresholds = thresholds(entries, 64);
        let mut set = SortedSet::new();
        assert_eq!(set.upsert(b"a", &thresholds, |old| old), Outcome::Same, "XX adds nothing");
        assert!(set.is_empty());
        assert_eq!(set.upsert(b"a", &thresholds, |_| Some(Score::ZERO)), Outcome::Added);
        assert_eq!(set.upsert(b"a", &thresholds, |old| old.and_then(|old| old.plus(2.5))), Outcome::Updated);
        assert_eq!(set.score(b"a"), Some(score(2.5)));
        assert_eq!(set.insert(b"z", score(-0.0), &thresholds), Outcome::Added);
        assert_eq!(set.insert(b"z", score(0.0), &thresholds), Outcome::Same);
        // As in Redis, the small form knows one zero; the large one keeps the score as it was written.
        assert!(set.score(b"z").is_some_and(|score| score.get().is_sign_negative() == (entries == 0)));
    }
}

#[test]
fn the_encoding_is_that_of_redis() {
    let thresholds = Thresholds::default();
    let mut set = SortedSet::new();
    for number in 0..128u32 {
        set.insert(&number.to_be_bytes(), Score::ZERO, &thresholds);
        assert_eq!(set.encoding(), "listpack");
    }
    set.insert(b"one more", Score::ZERO, &thresholds);
    assert_eq!(set.encoding(), "skiplist");
    let mut set = SortedSet::new();
    set.insert(&[b'x'; 64], Score::ZERO, &thresholds);
    assert_eq!(set.encoding(), "listpack");
    set.insert(&[b'x'; 65], Score::ZERO, &thresholds);
    assert_eq!(set.encoding(), "skiplist");
}

/// What a database of sets of 8 members takes beyond keys, members and 8 bytes a score, for each set.
fn overhead_of_small_sets(score_of: impl Fn(u64) -> f64) -> f64 {
    const SETS: u64 = 20_000;
    let thresholds = Thresholds::default();
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    let (mut payload, mut seed) = (0, 7);
    for number in 0..SETS {
        let key = format!("board:{number}");
        let hash = keyspace.hash(key.as_bytes());
        let entry = keyspace.database_mut(0).find_or_add(hash, key.as_bytes(), || Box::new(SortedSet::new()).into_value());
        let mut set = entry.into_guard::<SortedSet>().unwrap();
        payload += key.len();
        for place in 0..8 {
            let random = crate::store::types::scramble(&mut seed);
            let member = format!("player:{place}{}", random % 1000);
            set.insert(member.as_bytes(), score(score_of(random >> 10)), &thresholds);
            payload += member.len() + 8;
        }
    }
    (keyspace.database(0).bytes() as f64 - payload as f64) / SETS as f64
}

/// Redis takes some 90 bytes for such a set beyond its payload.
#[test]
fn a_small_set_takes_little_more_than_what_is_in_it() {
    let small = overhead_of_small_sets(|random| (random % 100) as f64);
    let whole = overhead_of_small_sets(|random| (random % 2_000_000_000) as f64);
    let fractions = overhead_of_small_sets(|random| random as f64 / 1024.5);
    eprintln!("bytes beyond the payload: scores below 100 {small:.1}, of 31 bits {whole:.1}, any {fractions:.1}");
    assert!(small < 16.0 && whole < 52.0 && fractions < 84.0, "{small} {whole} {fractions}");
}

#[test]
fn a_large_set_takes_less_than_a_node_each() {
    const MEMBERS: u64 = 500_000;
    let thresholds = Thresholds::default();
    let mut set = SortedSet::new();
    let (mut payload, mut seed) = (0, 7);
    for number in 0..MEMBERS {
        let member = format!("player:{number}");
        set.insert(member.as_bytes(), score(crate::store::types::scramble(&mut seed) as f64), &thresholds);
        payload += member.len() + 8;
    }
    let each = (set.heap_bytes() - payload) as f64 / MEMBERS as f64;
    eprintln!("bytes beyond the payload for each of {MEMBERS} members: {each:.1}");
    assert!(each < 85.0, "{each}");
}
