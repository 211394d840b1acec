//! Sorted sets of several keys put together: ZUNION, ZINTER and ZDIFF, which answer, their kin that STORE, and ZINTERCARD, which counts.
//! Sets without scores are welcome: each of their members has the score 1.

use std::borrow::Cow;
use std::collections::hash_map::Entry as Place;
use std::collections::{BTreeSet, HashMap};

use ahash::RandomState;

use super::{pairs, store};
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::{Reply, number};
use crate::store::types::zset::Score;
use crate::store::types::{Element, Set, SortedSet, Thresholds};
use crate::store::{Entry, Kind};

const WEIGHT_NOT_FLOAT: &str = "ERR weight value is not a float";
const LIMIT_NEGATIVE: &str = "ERR LIMIT can't be negative";

/// What is made of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What is done with the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Answer,
    /// Kept at the key in word 1.
    Store,
    /// Only counted.
    Count,
}

/// How the scores of a member become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
    /// In how many of the sets it is; the sum of their weights.
    Count,
}

impl Aggregate {
    fn named(word: &[u8]) -> Option<Aggregate> {
        const NAMES: [(&str, Aggregate); 4] =
            [("sum", Aggregate::Sum), ("min", Aggregate::Min), ("max", Aggregate::Max), ("count", Aggregate::Count)];
        NAMES.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, aggregate)| aggregate)
    }

    /// A score as it counts. What is not a number (0 times infinity) may come out, and is for the caller to settle.
    fn weighted(self, score: f64, weight: f64) -> f64 {
        if self == Aggregate::Count { weight } else { weight * score }
    }

    /// The first score of a member.
    fn first(self, score: f64, weight: f64) -> f64 {
        number_or_zero(self.weighted(score, weight))
    }

    /// Two scores as one. `next` may be no number: it is then neither smaller nor larger, and spoils no sum.
    fn join(self, so_far: f64, next: f64) -> f64 {
        match self {
            Aggregate::Sum | Aggregate::Count => number_or_zero(so_far + next),
            Aggregate::Min if next < so_far => next,
            Aggregate::Max if next > so_far => next,
            Aggregate::Min | Aggregate::Max => so_far,
        }
    }
}

/// Redis's convention for sums of opposite infinities and for 0 times infinity.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One of the sets, and what its scores weigh.
#[derive(Clone, Copy)]
struct Input<'a> {
    set: Kept<'a>,
    weight: f64,
}

#[derive(Clone, Copy)]
enum Kept<'a> {
    Nothing,
    Scored(&'a SortedSet),
    Plain(&'a Set),
}

type Name<'a> = Cow<'a, [u8]>;

impl<'a> Kept<'a> {
    fn of(entry: Option<Entry<'a>>) -> Kept<'a> {
        let Some(entry) = entry else { return Kept::Nothing };
        match (entry.get::<SortedSet>(), entry.get::<Set>()) {
            (Some(set), _) => Kept::Scored(set),
            (_, Some(set)) => Kept::Plain(set),
            _ => Kept::Nothing,
        }
    }

    fn len(self) -> usize {
        match self {
            Kept::Nothing => 0,
            Kept::Scored(set) => set.len(),
            Kept::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Kept::Nothing => None,
            Kept::Scored(set) => set.score(member).map(Score::get),
            Kept::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    fn members(self) -> impl Iterator<Item = (Name<'a>, f64)> {
        let (scored, plain) = match self {
            Kept::Nothing => (None, None),
            Kept::Scored(set) => (Some(set.iter()), None),
            Kept::Plain(set) => (None, Some(set.iter())),
        };
        let scored = scored.into_iter().flatten().map(|(member, score)| (Cow::Borrowed(member), score.get()));
        let plain = plain.into_iter().flatten().map(|member| match member {
            Element::Bytes(bytes) => (Cow::Borrowed(bytes), 1.0),
            number => (Cow::Owned(number.to_vec()), 1.0),
        });
        scored.chain(plain)
    }
}

/// The call, read.
struct Request {
    /// The places of the keys.
    keys: std::ops::Range<usize>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// ZINTERCARD's LIMIT; 0: none.
    limit: usize,
}

impl Request {
    fn read(cx: &mut Cx<'_>, args: &Args<'_>, name: &str, operation: Operation, purpose: Purpose) -> Result<Request, Fault> {
        let count_at = if purpose == Purpose::Store { 2 } else { 1 };
        let count = args.int(count_at)?;
        if count < 1 {
            return Err(Fault::told(format!("ERR at least 1 input key is needed for '{name}' command")));
        }
        let first = count_at + 1;
        let count = usize::try_from(count).ok().filter(|&count| count <= args.len() - first).ok_or(Fault::Syntax)?;
        let keys = first..first + count;
        // What is wrong with a key is said before what is wrong with the options.
        for at in keys.clone() {
            if cx.read(args.key(at)).is_some_and(|entry| !matches!(entry.kind(), Kind::SortedSet | Kind::Set)) {
                return Err(Fault::WrongType);
            }
        }
        let mut request = Request { keys, weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        let mut options = args.options(first + count);
        let aggregates = operation != Operation::Difference && purpose != Purpose::Count;
        while let Some(word) = options.next() {
            if aggregates && word.eq_ignore_ascii_case(b"weights") && options.left() >= count {
                request.weights.clear();
                for _ in 0..count {
                    let weight = number::parse_double(options.operand()?).ok_or(Fault::Because(WEIGHT_NOT_FLOAT))?;
                    request.weights.push(weight);
                }
            } else if aggregates && word.eq_ignore_ascii_case(b"aggregate") {
                request.aggregate = Aggregate::named(options.operand()?).ok_or(Fault::Syntax)?;
            } else if purpose == Purpose::Answer && word.eq_ignore_ascii_case(b"withscores") {
                request.with_scores = true;
            } else if purpose == Purpose::Count && word.eq_ignore_ascii_case(b"limit") {
                let limit = number::parse_integer(options.operand()?).and_then(|limit| usize::try_from(limit).ok());
                request.limit = limit.ok_or(Fault::Because(LIMIT_NEGATIVE))?;
            } else {
                return Err(Fault::Syntax);
            }
        }
        Ok(request)
    }

    /// The sets, borrowed all at once.
    fn inputs<'c>(&self, cx: &'c Cx<'_>, args: &Args<'_>) -> Vec<Input<'c>> {
        let weights = self.weights.iter().copied().chain(std::iter::repeat(1.0));
        let input = |(at, weight)| Input { set: Kept::of(cx.seen(args.key(at))), weight };
        self.keys.clone().zip(weights).map(input).collect()
    }
}

fn run(
    cx: &mut Cx<'_>,
    args: &Args<'_>,
    name: &'static str,
    operation: Operation,
    purpose: Purpose,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let request = Request::read(cx, args, name, operation, purpose)?;
    let thresholds = cx.thresholds();
    let mut inputs = request.inputs(cx, args);
    if operation != Operation::Difference {
        // The smallest first: an intersection is never larger. A stable sort, since sums of doubles depend on the order.
        inputs.sort_by_key(|input| input.set.len());
    }
    if purpose == Purpose::Count {
        let limit = if request.limit == 0 { usize::MAX } else { request.limit };
        answer::count(intersection(&inputs, Aggregate::Count).take(limit).count(), reply);
        return Ok(());
    }
    let mut result: Vec<(Name<'_>, Score)> = match operation {
        Operation::Union => union(&inputs, request.aggregate, thresholds),
        Operation::Intersection => intersection(&inputs, request.aggregate).collect(),
        Operation::Difference => difference(&inputs, args, &request, thresholds),
    };
    result.sort_unstable_by(|(name, score), (other_name, other)| score.cmp(other).then_with(|| name.cmp(other_name)));
    let ordered = result.iter().map(|(name, score)| (&**name, *score));
    if purpose == Purpose::Store {
        let longest = result.iter().map(|(name, _)| name.len()).max();
        let set = SortedSet::from_ordered(ordered, longest, thresholds);
        drop(result);
        store::keep(cx, args.key(1), set, 1, name, reply);
    } else {
        pairs::write_all(ordered, request.with_scores, reply);
    }
    Ok(())
}

fn union<'a>(inputs: &[Input<'a>], aggregate: Aggregate, thresholds: &Thresholds) -> Vec<(Name<'a>, Score)> {
    let largest = inputs.last().map_or(0, |input| input.set.len());
    let mut scores: HashMap<Name<'a>, f64, RandomState> = HashMap::with_capacity_and_hasher(largest, secret(thresholds));
    for Input { set, weight } in inputs {
        for (member, score) in set.members() {
            match scores.entry(member) {
                Place::Vacant(place) => {
                    place.insert(aggregate.first(score, *weight));
                }
                Place::Occupied(mut place) => {
                    // Redis settles what is not a number for each set alone here, unlike in an intersection.
                    *place.get_mut() = aggregate.join(*place.get(), aggregate.first(score, *weight));
                }
            }
        }
    }
    scores.into_iter().map(|(member, score)| (member, Score::new(score).unwrap_or_default())).collect()
}

/// The members of the first set that are in all others.
fn intersection<'a, 'i>(inputs: &'i [Input<'a>], aggregate: Aggregate) -> impl Iterator<Item = (Name<'a>, Score)> + use<'a, 'i> {
    let (first, others) = inputs.split_first().map_or((None, &[][..]), |(first, others)| (Some(*first), others));
    let members = first.into_iter().flat_map(|first| first.set.members().map(move |(member, score)| (member, score, first.weight)));
    members.filter_map(move |(member, score, weight)| {
        let mut joined = aggregate.first(score, weight);
        for Input { set, weight } in others {
            joined = aggregate.join(joined, aggregate.weighted(set.score(&member)?, *weight));
        }
        Some((member, Score::new(joined).unwrap_or_default()))
    })
}

/// The members of the first set that are in no other, with their scores.
///
/// Each is looked for in the others, or all of the others' are taken out, whichever is less to do: the sum of what there is bounds it.
fn difference<'a>(inputs: &[Input<'a>], args: &Args<'_>, request: &Request, thresholds: &Thresholds) -> Vec<(Name<'a>, Score)> {
    let Some((first, others)) = inputs.split_first() else { return Vec::new() };
    // A key said a thousand times is one set.
    let mut said = BTreeSet::new();
    let places = request.keys.clone().skip(1);
    let others: Vec<Kept<'a>> = others
        .iter()
        .zip(places)
        .filter(|(input, at)| input.set.len() > 0 && said.insert(args.key(*at)))
        .map(|(input, _)| input.set)
        .collect();
    let look_ups = first.set.len().saturating_mul(others.len());
    let walks = others.iter().fold(first.set.len(), |sum, set| sum.saturating_add(set.len()));
    let scored = |(member, score)| (member, Score::new(score).unwrap_or_default());
    // Redis holds a look-up to be half of a walk's step.
    if look_ups / 2 <= walks {
        return first.set.members().filter(|(member, _)| !others.iter().any(|set| set.score(member).is_some())).map(scored).collect();
    }
    let mut left: HashMap<Name<'a>, f64, RandomState> = HashMap::with_capacity_and_hasher(first.set.len(), secret(thresholds));
    left.extend(first.set.members());
    for set in others {
        if left.is_empty() {
            break;
        }
        for (member, _) in set.members() {
            left.remove(&member);
        }
    }
    left.into_iter().map(scored).collect()
}

/// Hashes that no client can make collide.
fn secret(thresholds: &Thresholds) -> RandomState {
    let [a, b, c, d] = thresholds.hash_seeds;
    RandomState::with_seeds(a, b, c, d)
}

pub(super) fn zunion(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zunion", Operation::Union, Purpose::Answer, reply)
}

pub(super) fn zinter(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zinter", Operation::Intersection, Purpose::Answer, reply)
}

pub(super) fn zdiff(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zdiff", Operation::Difference, Purpose::Answer, reply)
}

pub(super) fn zunionstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zunionstore", Operation::Union, Purpose::Store, reply)
}

pub(super) fn zinterstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zinterstore", Operation::Intersection, Purpose::Store, reply)
}

pub(super) fn zdiffstore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zdiffstore", Operation::Difference, Purpose::Store, reply)
}

pub(super) fn zintercard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, "zintercard", Operation::Intersection, Purpose::Count, reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_becomes_zero_in_sums_and_is_passed_over_otherwise() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!(Aggregate::Sum.join(inf, -inf), 0.0);
        assert_eq!(Aggregate::Sum.join(5.0, nan), 0.0);
        assert_eq!(Aggregate::Min.join(5.0, nan), 5.0);
        assert_eq!(Aggregate::Max.join(-5.0, nan), -5.0);
        assert_eq!(Aggregate::Sum.first(inf, 0.0), 0.0);
        assert_eq!(Aggregate::Count.first(inf, 0.5), 0.5);
        assert_eq!(Aggregate::Count.join(inf, -inf), 0.0);
    }

    #[test]
    fn both_ways_to_a_difference_agree() {
        let thresholds = Thresholds::default();
        let set = |numbers: std::ops::Range<u32>| {
            let mut set = SortedSet::new();
            for number in numbers {
                set.insert(&number.to_be_bytes(), Score::new(f64::from(number)).unwrap_or_default(), &thresholds);
            }
            set
        };
        let first = set(0..300);
        // Two large sets are cheaper to look into, a hundred small ones to walk.
        for (count, width) in [(2, 100), (100, 1)] {
            let others: Vec<SortedSet> = (0..count).map(|at| set(at * width..(at + 1) * width)).collect();
            let sets = std::iter::once(&first).chain(&others);
            let inputs: Vec<Input<'_>> = sets.map(|set| Input { set: Kept::Scored(set), weight: 1.0 }).collect();
            let words: Vec<Vec<u8>> = (0..=count).map(|at| at.to_be_bytes().to_vec()).collect();
            let buffer = words.concat();
            let spans: Vec<crate::resp::Span> = (0..=count).map(|at| crate::resp::Span { start: at * 4, len: 4 }).collect();
            let request = Request { keys: 0..spans.len(), weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
            let mut left = difference(&inputs, &Args::new(&buffer, &spans), &request, &thresholds);
            left.sort_unstable_by_key(|(_, score)| *score);
            let expected: Vec<f64> = (count * width..300).map(f64::from).collect();
            assert_eq!(left.iter().map(|(_, score)| score.get()).collect::<Vec<_>>(), expected);
        }
    }
}
