//! The rank tree beside a sorted vector, its invariants looked at after every step.

use proptest::prelude::*;

use super::*;

/// Members by id, as plain vectors.
struct Book(Vec<Vec<u8>>);

impl Names for Book {
    fn name(&self, id: u32) -> &[u8] {
        &self.0[id as usize]
    }
}

impl RankTree {
    /// Counts, order, fill, separators and links of the whole tree.
    fn check(&self, names: &impl Names) {
        let mut leaves = Vec::new();
        let mut inners = 0;
        // (node, level above the leaves, the first pair that its separator claims)
        let mut open = vec![(self.root, self.height, None)];
        while let Some((node, level, claimed)) = open.pop() {
            let is_root = node == self.root && level == self.height;
            if level == 0 {
                let leaf = self.leaves.get(node);
                assert!(is_root || leaf.len() >= FILL_MIN, "a leaf of {}", leaf.len());
                if let Some(first) = claimed {
                    assert_eq!(leaf.pair(0), first);
                }
                leaves.push(node);
                continue;
            }
            inners += 1;
            let inner = self.inners.get(node);
            assert!(inner.len() >= if is_root { 2 } else { FILL_MIN });
            // Pushed backwards, so that leaves are met in order.
            for child in (0..inner.len()).rev() {
                let below = inner.children[child];
                let count = match level {
                    1 => self.leaves.get(below).len(),
                    _ => self.inners.get(below).total(0..self.inners.get(below).len()),
                };
                assert_eq!(inner.counts[child] as usize, count);
                open.push((below, level - 1, if child == 0 { claimed } else { Some(inner.first(child)) }));
            }
        }
        assert_eq!((leaves.len(), inners), (self.leaves.nodes(), self.inners.nodes()));
        let mut last: Option<(Score, &[u8])> = None;
        let mut len = 0;
        for (at, leaf) in leaves.iter().enumerate() {
            let node = self.leaves.get(*leaf);
            assert_eq!(node.previous, if at == 0 { NONE } else { leaves[at - 1] });
            assert_eq!(node.next, leaves.get(at + 1).copied().unwrap_or(NONE));
            for place in 0..node.len() {
                let (score, id) = node.pair(place);
                let pair = (score, names.name(id));
                assert!(last < Some(pair));
                last = Some(pair);
                len += 1;
            }
        }
        assert_eq!(len, self.len);
    }
}

fn score(value: f64) -> Score {
    Score::new(value).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, i8),
    Remove(u16),
    Update(u16, i8),
    RemoveRanks(u16, u8),
    Relabel(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (any::<u16>(), any::<i8>()).prop_map(|(name, score)| Step::Insert(name % 2000, score)),
        2 => any::<u16>().prop_map(Step::Remove),
        2 => (any::<u16>(), any::<i8>()).prop_map(|(at, score)| Step::Update(at, score)),
        1 => (any::<u16>(), 0u8..40).prop_map(|(at, count)| Step::RemoveRanks(at, count)),
        1 => any::<u16>().prop_map(Step::Relabel),
    ];
    prop::collection::vec(step, 0..1500)
}

fn run(steps: &[Step], spread: f64) {
    let mut book = Book(Vec::new());
    let mut tree = RankTree::new();
    let mut model: Vec<(Score, Vec<u8>, u32)> = Vec::new();
    let place = |model: &[(Score, Vec<u8>, u32)], score: Score, name: &[u8]| {
        model.partition_point(|(other, other_name, _)| (*other, other_name.as_slice()) < (score, name))
    };
    for step in steps {
        match *step {
            Step::Insert(name, value) => {
                let name = name.to_string().into_bytes();
                if model.iter().any(|(_, other, _)| *other == name) {
                    continue;
                }
                let (id, score) = (book.0.len() as u32, score((f64::from(value) * spread).trunc()));
                book.0.push(name.clone());
                tree.insert(score, id, &book);
                model.insert(place(&model, score, &name), (score, name, id));
            }
            Step::Remove(at) if !model.is_empty() => {
                let (score, _, id) = model.remove(at as usize % model.len());
                tree.remove(score, id, &book);
            }
            Step::Update(at, value) if !model.is_empty() => {
                let (old, name, id) = model.remove(at as usize % model.len());
                let new = score((f64::from(value) * spread).trunc());
                tree.update(old, new, id, &book);
                model.insert(place(&model, new, &name), (new, name, id));
            }
            Step::RemoveRanks(at, count) => {
                let start = at as usize % (model.len() + 1);
                let end = (start + count as usize).min(model.len());
                let mut seen = Vec::new();
                tree.remove_ranks(start..start + count as usize, &mut |score, id| seen.push((score, id)));
                let gone: Vec<_> = model.drain(start..end).map(|(score, _, id)| (score, id)).collect();
                assert_eq!(seen, gone);
            }
            Step::Relabel(at) if !model.is_empty() => {
                let at = at as usize % model.len();
                let (score, name, old) = model[at].clone();
                let new = book.0.len() as u32;
                tree.relabel(score, old, new, &book);
                book.0.push(name);
                book.0[old as usize] = b"gone".to_vec();
                model[at].2 = new;
            }
            _ => {}
        }
        tree.check(&book);
    }
    for (rank, (score, name, id)) in model.iter().enumerate() {
        assert_eq!(tree.select(rank), Some((*score, *id)));
        assert_eq!(tree.rank(Cut::Before(*score, name), &book), rank);
        assert_eq!(tree.rank(Cut::After(*score, name), &book), rank + 1);
        assert_eq!(tree.rank(Cut::BeforeScore(*score), &book), model.partition_point(|(other, ..)| other < score));
        assert_eq!(tree.rank(Cut::AfterScore(*score), &book), model.partition_point(|(other, ..)| other <= score));
    }
    assert_eq!(tree.select(model.len()), None);
    let pairs: Vec<_> = model.iter().map(|(score, _, id)| (*score, *id)).collect();
    for start in (0..=pairs.len()).step_by(17) {
        let end = (start + 100).min(pairs.len());
        assert!(tree.walk(start..end, false).eq(pairs[start..end].iter().copied()));
        assert!(tree.walk(start..end, true).eq(pairs[start..end].iter().rev().copied()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_tree_of_spread_scores_is_a_sorted_vector(steps in steps()) {
        run(&steps, 1.0);
    }

    #[test]
    fn a_tree_of_ties_is_a_sorted_vector(steps in steps()) {
        run(&steps, 0.02);
    }
}

/// Three levels and back: rising, falling and scattered scores, then removed from either end, by rank, or at random.
#[test]
fn a_tall_tree_grows_and_shrinks_in_every_direction() {
    const PAIRS: usize = 12_000;
    let book = Book((0..PAIRS).map(|id| format!("{id:06}").into_bytes()).collect());
    for order in 0..3 {
        for way in 0..4 {
            let mut tree = RankTree::new();
            let mut model = Vec::new();
            for at in 0..PAIRS {
                let id = match order {
                    0 => at,
                    1 => PAIRS - 1 - at,
                    _ => (at * 7919) % PAIRS,
                };
                tree.insert(score((id / 3) as f64), id as u32, &book);
                if at % 1000 == 0 {
                    tree.check(&book);
                }
            }
            model.extend((0..PAIRS).map(|id| (score((id / 3) as f64), id as u32)));
            tree.check(&book);
            assert!(tree.height >= 2);
            if order == 0 {
                assert!(tree.leaves.nodes() * (WIDTH - FILL_MIN) < PAIRS + WIDTH, "rising scores fill their leaves");
            }
            let mut step = 0;
            while !model.is_empty() {
                let start = match way {
                    0 => 0,
                    1 => model.len() - 1,
                    2 => (step * 4801) % model.len(),
                    _ => (step * 4801) % model.len(),
                };
                if way == 3 {
                    let end = (start + 150).min(model.len());
                    tree.remove_ranks(start..end, &mut |_, _| {});
                    model.drain(start..end);
                    tree.check(&book);
                } else {
                    let (score, id) = model.remove(start);
                    tree.remove(score, id, &book);
                }
                if step % 500 == 0 {
                    tree.check(&book);
                    assert!(tree.walk(0..tree.len(), false).eq(model.iter().copied()));
                }
                step += 1;
            }
            tree.check(&book);
            assert_eq!((tree.len(), tree.height), (0, 0));
            assert_eq!(tree.heap_bytes(), tree.leaves.heap_bytes());
        }
    }
}

#[test]
fn a_score_is_never_nan_and_minus_zero_is_zero() {
    assert_eq!(Score::new(f64::NAN), None);
    assert_eq!(Score::HIGHEST.plus(f64::NEG_INFINITY), None);
    assert_eq!(score(-0.0), score(0.0));
    assert_eq!(score(-0.0).cmp(&score(0.0)), Ordering::Equal);
    assert!(score(-0.0).get().is_sign_negative());
}

#[test]
fn nodes_fit_their_size_classes() {
    assert_eq!((size_of::<Leaf>(), size_of::<Inner>()), (768, 1264));
}
