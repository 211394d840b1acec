//! Sets against each other: what is in all of them, in any of them, in the first of them alone.
//!
//! Nothing is copied: members are shown as they lie. A set that is named twice is looked at once, since a client can name one as often as a
//! request has words.

use std::collections::HashSet;

use ahash::RandomState;

use super::{Element, Set};

/// For so few sets a member is looked up in those before it; for more, those seen are remembered.
const LOOKED_UP_MAX: usize = 4;

/// Shows the members that are in every set, until `visit` says that it is enough.
pub fn intersect<'a>(sets: &[&'a Set], mut visit: impl FnMut(Element<'a>) -> bool) {
    let mut sets = distinct(sets);
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        if others.iter().all(|other| other.has(member)) && !visit(member) {
            return;
        }
    }
}

/// Shows the members that are in any set, each once, until `visit` says that it is enough.
pub fn unite<'a>(sets: &[&'a Set], seeds: [u64; 4], mut visit: impl FnMut(Element<'a>) -> bool) {
    let sets = distinct(sets);
    if sets.len() <= LOOKED_UP_MAX {
        for (number, set) in sets.iter().enumerate() {
            for member in set.iter() {
                if !sets[..number].iter().any(|earlier| earlier.has(member)) && !visit(member) {
                    return;
                }
            }
        }
        return;
    }
    let mut seen = HashSet::with_hasher(hasher(seeds));
    for member in sets.iter().flat_map(|set| set.iter()) {
        if seen.insert(canonical(member)) && !visit(member) {
            return;
        }
    }
}

/// Shows the members of the first set that are in none of the others, until `visit` says that it is enough.
///
/// As Redis does: either each member is looked up in the others, or the members of the others are struck off the first, whichever
/// promises less work.
pub fn subtract<'a>(first: &'a Set, others: &[&'a Set], seeds: [u64; 4], mut visit: impl FnMut(Element<'a>) -> bool) {
    let mut others = distinct(others);
    if others.iter().any(|other| std::ptr::eq(*other, first)) {
        return;
    }
    let looking = first.len().saturating_mul(others.len() + 1) / 2;
    let striking = others.iter().fold(first.len(), |sum, other| sum.saturating_add(other.len()));
    if looking <= striking {
        others.sort_by_key(|other| std::cmp::Reverse(other.len()));
        for member in first.iter() {
            if !others.iter().any(|other| other.has(member)) && !visit(member) {
                return;
            }
        }
        return;
    }
    let mut left: HashSet<Element<'a>, RandomState> = HashSet::with_capacity_and_hasher(first.len(), hasher(seeds));
    left.extend(first.iter().map(canonical));
    for member in others.iter().flat_map(|other| other.iter()) {
        left.remove(&canonical(member));
        if left.is_empty() {
            return;
        }
    }
    for member in first.iter() {
        if left.contains(&canonical(member)) && !visit(member) {
            return;
        }
    }
}

fn hasher(seeds: [u64; 4]) -> RandomState {
    RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3])
}

/// Tables keep numbers as digits; only what is made alike is equal.
fn canonical(member: Element<'_>) -> Element<'_> {
    match member {
        Element::Bytes(bytes) => Element::of(bytes),
        number => number,
    }
}

/// The sets, each once, in their order.
fn distinct<'a>(sets: &[&'a Set]) -> Vec<&'a Set> {
    if sets.len() <= LOOKED_UP_MAX {
        let mut few: Vec<&Set> = Vec::with_capacity(sets.len());
        for &set in sets {
            if !few.iter().any(|other| std::ptr::eq(*other, set)) {
                few.push(set);
            }
        }
        return few;
    }
    let mut seen = HashSet::with_capacity(sets.len());
    sets.iter().copied().filter(|&set| seen.insert(std::ptr::from_ref(set))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::types::Thresholds;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    type Model = BTreeSet<Vec<u8>>;

    /// Few words, so that sets have much in common; sizes in which every form occurs.
    fn words() -> impl Strategy<Value = Model> {
        let word = prop_oneof![(0..40u32).prop_map(|number| number.to_string()), (0..20u32).prop_map(|number| format!("m{number}"))];
        prop::collection::btree_set(word.prop_map(String::into_bytes), 0..30)
    }

    fn made(model: &Model, thresholds: &Thresholds) -> Set {
        let mut set = Set::new();
        model.iter().for_each(|word| {
            set.add(word, thresholds);
        });
        set
    }

    /// What is shown, which must be without repetition.
    fn shown(work: impl FnOnce(&mut dyn FnMut(Element<'_>) -> bool), limit: usize) -> Model {
        let mut all = Model::new();
        work(&mut |member| {
            assert!(all.insert(member.to_vec()), "a member is shown once");
            all.len() < limit
        });
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn algebra_is_that_of_sets(models in prop::collection::vec(words(), 1..8), again in any::<bool>(), limit in 1..40usize) {
            let thresholds = Thresholds { set_intset_entries: 12, set_listpack_entries: 12, ..Thresholds::default() };
            let seeds = thresholds.hash_seeds;
            let made: Vec<Set> = models.iter().map(|model| made(model, &thresholds)).collect();
            let mut sets: Vec<&Set> = made.iter().collect();
            if again {
                sets.extend(made.iter().skip(1));
            }
            let cut = |whole: &Model, part: &Model| part.len() == whole.len().min(limit) && part.is_subset(whole);

            let all = models.iter().skip(1).fold(models[0].clone(), |all, model| all.intersection(model).cloned().collect());
            prop_assert_eq!(&shown(|visit| intersect(&sets, visit), usize::MAX), &all);
            prop_assert!(cut(&all, &shown(|visit| intersect(&sets, visit), limit)));

            let any: Model = models.iter().flatten().cloned().collect();
            prop_assert_eq!(&shown(|visit| unite(&sets, seeds, visit), usize::MAX), &any);
            prop_assert!(cut(&any, &shown(|visit| unite(&sets, seeds, visit), limit)));

            let alone = models.iter().skip(1).fold(models[0].clone(), |left, model| left.difference(model).cloned().collect());
            prop_assert_eq!(&shown(|visit| subtract(sets[0], &sets[1..], seeds, visit), usize::MAX), &alone);
            prop_assert!(cut(&alone, &shown(|visit| subtract(sets[0], &sets[1..], seeds, visit), limit)));
        }
    }

    #[test]
    fn both_ways_of_subtracting_say_the_same() {
        let thresholds = Thresholds::default();
        let numbers = |range: std::ops::Range<u32>| made(&range.map(|number| number.to_string().into_bytes()).collect(), &thresholds);
        let first = numbers(0..1000);
        // Little in the others: members are struck off. Much: they are looked up.
        let (few, many) = ([numbers(0..5), numbers(5..10), numbers(10..15)], numbers(15..3000));
        let mut others: Vec<&Set> = few.iter().collect();
        assert_eq!(shown(|visit| subtract(&first, &others, thresholds.hash_seeds, visit), usize::MAX).len(), 985);
        others.push(&many);
        assert!(shown(|visit| subtract(&first, &others, thresholds.hash_seeds, visit), usize::MAX).is_empty());
        assert!(shown(|visit| subtract(&first, &[&first], thresholds.hash_seeds, visit), usize::MAX).is_empty());
    }
}
