//! A sorted set: members with scores, by member in one step, by rank, score or name in a few.
//!
//! Every range is first turned into a range of ranks ([`SortedSet::ranks_by_score`] and its kin), whose length is the count that
//! ZCOUNT asks for; walking, removing and LIMIT then work on ranks alone.

use std::ops::{Bound, Range};

use super::pairs::{PackedBackwards, PackedIter, PackedPairs};
pub use super::rank::Score;
use super::rank::{Cut, Names, RankTree, Walk};
use super::roster::Roster;
use super::{Mortals, Perishable, Thresholds, below};
use crate::store::memory::size_class;
use crate::store::value::{Kind, Typed, Value};
use crate::time::UnixMillis;

/// What an insert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The member is new.
    Added,
    /// The member had another score.
    Updated,
    /// Nothing has changed.
    Same,
}

/// An end of a range of names: `-`, `+`, `[name` or `(name`.
#[derive(Clone, Copy, Debug)]
pub enum LexBound<'a> {
    Lowest,
    Highest,
    Included(&'a [u8]),
    Excluded(&'a [u8]),
}

/// Members, each once, with a score each, ordered by score and then by bytes.
#[derive(Debug, Default)]
pub struct SortedSet {
    form: Form,
}

#[derive(Debug)]
enum Form {
    Packed(PackedPairs),
    Large(Box<Large>),
}

/// Invariant: roster and tree hold the same members with the same scores. A set whose members shall have deadlines takes this form.
struct Large {
    roster: Roster,
    tree: RankTree,
    mortals: Mortals,
}

impl Default for Form {
    fn default() -> Form {
        Form::Packed(PackedPairs::default())
    }
}

impl std::fmt::Debug for Large {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Large").field("len", &self.tree.len()).finish_non_exhaustive()
    }
}

impl SortedSet {
    pub fn new() -> SortedSet {
        SortedSet::default()
    }

    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(pairs) => pairs.len(),
            Form::Large(large) => large.tree.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it has its small form.
    pub fn is_packed(&self) -> bool {
        matches!(self.form, Form::Packed(_))
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        match &self.form {
            Form::Packed(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Bytes as allocated, besides the value itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(pairs) => pairs.heap_bytes(),
            Form::Large(large) => {
                size_class(size_of::<Large>()) + large.roster.heap_bytes() + large.tree.heap_bytes() + large.mortals.heap_bytes()
            }
        }
    }

    pub fn duplicate(&self) -> SortedSet {
        let form = match &self.form {
            Form::Packed(pairs) => Form::Packed(pairs.duplicate()),
            Form::Large(large) => {
                Form::Large(Box::new(Large { roster: large.roster.duplicate(), tree: large.tree.clone(), mortals: large.mortals.clone() }))
            }
        };
        SortedSet { form }
    }

    pub fn score(&self, member: &[u8]) -> Option<Score> {
        match &self.form {
            Form::Packed(pairs) => pairs.find(member).map(|found| found.score),
            Form::Large(large) => {
                let roster = &large.roster;
                roster.find(roster.hash(member), member).map(|id| roster.score(id))
            }
        }
    }

    /// Gives the member this score, whether it is new or not.
    pub fn insert(&mut self, member: &[u8], score: Score, thresholds: &Thresholds) -> Outcome {
        self.upsert(member, thresholds, |_| Some(score))
    }

    /// Looks the member up, lets `decide` see its score if it has one, and gives it the score that is returned, if any.
    ///
    /// One look-up for all of ZADD's conditions and for ZINCRBY. Equal scores (0 and -0 too) are left as they are.
    pub fn upsert(&mut self, member: &[u8], thresholds: &Thresholds, decide: impl FnOnce(Option<Score>) -> Option<Score>) -> Outcome {
        let pairs = match &mut self.form {
            Form::Packed(pairs) => pairs,
            Form::Large(large) => return large.upsert(member, decide),
        };
        let found = pairs.find(member);
        let old = found.as_ref().map(|found| found.score);
        let Some(score) = decide(old) else { return Outcome::Same };
        match found {
            Some(found) if found.score == score => Outcome::Same,
            Some(found) => {
                pairs.remove(&found);
                pairs.insert(member, score);
                Outcome::Updated
            }
            None if pairs.has_room(member, thresholds) => {
                pairs.insert(member, score);
                Outcome::Added
            }
            None => {
                self.make_large(thresholds).add(member, score);
                Outcome::Added
            }
        }
    }

    /// A set of pairs that are in order, each member once. Costs no look-ups.
    ///
    /// It is packed as long as it can be, but not even begun so if `longest`, the length of its longest member, is told and too much.
    pub fn from_ordered<'m>(
        pairs: impl ExactSizeIterator<Item = (&'m [u8], Score)>,
        longest: Option<usize>,
        thresholds: &Thresholds,
    ) -> SortedSet {
        let mut set = longest.map_or_else(SortedSet::new, |longest| SortedSet::fit_for(pairs.len(), longest, thresholds));
        for (member, score) in pairs {
            match &mut set.form {
                Form::Packed(row) if row.has_room(member, thresholds) => row.push(member, score),
                Form::Packed(_) => set.make_large(thresholds).add(member, score),
                Form::Large(large) => large.add(member, score),
            }
        }
        set
    }

    /// An empty set in the form it will have with so many members, the longest of them of so many bytes. (A set that is packed first forgets the signs of
    /// zeros on its way.)
    pub fn fit_for(members: usize, longest: usize, thresholds: &Thresholds) -> SortedSet {
        let mut set = SortedSet::new();
        if longest > thresholds.zset_listpack_value || members > thresholds.zset_listpack_entries {
            set.make_large(thresholds);
        }
        set
    }

    /// Gives the set its large form, in which a packed one's pairs are put.
    fn make_large(&mut self, thresholds: &Thresholds) -> &mut Large {
        if let Form::Packed(pairs) = &self.form {
            self.form = Form::Large(Box::new(Large::of(pairs, thresholds)));
        }
        match &mut self.form {
            Form::Large(large) => large,
            Form::Packed(_) => unreachable!("it has just been made large"),
        }
    }

    /// Removes a member and returns the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<Score> {
        match &mut self.form {
            Form::Packed(pairs) => {
                let found = pairs.find(member)?;
                pairs.remove(&found);
                Some(found.score)
            }
            Form::Large(large) => large.remove(member),
        }
    }

    /// A member's place in the order, from 0, and its score. ZREVRANK is `len() - 1 - rank`.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, Score)> {
        match &self.form {
            Form::Packed(pairs) => pairs.find(member).map(|found| (found.rank, found.score)),
            Form::Large(large) => {
                let roster = &large.roster;
                let id = roster.find(roster.hash(member), member)?;
                let score = roster.score(id);
                Some((large.tree.rank(Cut::Before(score, member), roster), score))
            }
        }
    }

    /// The pair with that rank.
    pub fn at(&self, rank: usize) -> Option<(&[u8], Score)> {
        match &self.form {
            Form::Packed(pairs) => pairs.iter().nth(rank),
            Form::Large(large) => large.tree.select(rank).map(|(score, id)| (large.roster.name(id), score)),
        }
    }

    /// ZRANGE's indexes, both inclusive, negative ones from the end, as ranks. With `reverse` they count from the highest score down.
    pub fn ranks_by_index(&self, start: i64, stop: i64, reverse: bool) -> Range<usize> {
        // A length is far below 2^63.
        let len = self.len() as i64;
        let from_end = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
        let start = from_end(start).clamp(0, len);
        let end = from_end(stop).saturating_add(1).clamp(start, len);
        let (start, end) = if reverse { (len - end, len - start) } else { (start, end) };
        start as usize..end as usize
    }

    /// The ranks of the members with scores between two bounds.
    pub fn ranks_by_score(&self, min: Bound<Score>, max: Bound<Score>) -> Range<usize> {
        let start = match min {
            Bound::Unbounded => 0,
            Bound::Included(score) => self.count(Cut::BeforeScore(score)),
            Bound::Excluded(score) => self.count(Cut::AfterScore(score)),
        };
        let end = match max {
            Bound::Unbounded => self.len(),
            Bound::Included(score) => self.count(Cut::AfterScore(score)),
            Bound::Excluded(score) => self.count(Cut::BeforeScore(score)),
        };
        start..end.max(start)
    }

    /// The ranks of the members with names between two bounds. As in Redis it means something only where all scores are equal.
    pub fn ranks_by_lex(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = match min {
            LexBound::Lowest => 0,
            LexBound::Highest => self.len(),
            LexBound::Included(name) => self.count(Cut::BeforeName(name)),
            LexBound::Excluded(name) => self.count(Cut::AfterName(name)),
        };
        let end = match max {
            LexBound::Lowest => 0,
            LexBound::Highest => self.len(),
            LexBound::Included(name) => self.count(Cut::AfterName(name)),
            LexBound::Excluded(name) => self.count(Cut::BeforeName(name)),
        };
        start..end.max(start)
    }

    /// The pairs of a range of ranks, in order or, with `reverse`, from its highest rank down.
    pub fn range(&self, ranks: Range<usize>, reverse: bool) -> Pairs<'_> {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        let left = ranks.len();
        let source = match &self.form {
            Form::Packed(pairs) if reverse => Source::Backwards(pairs.backwards(ranks)),
            Form::Packed(pairs) => {
                let mut iter = pairs.iter();
                if let Some(skipped) = ranks.start.checked_sub(1) {
                    iter.nth(skipped);
                }
                Source::Packed(iter)
            }
            Form::Large(large) => Source::Large(large.tree.walk(ranks, reverse), &large.roster),
        };
        Pairs { source, left }
    }

    /// All pairs in order.
    pub fn iter(&self) -> Pairs<'_> {
        self.range(0..self.len(), false)
    }

    /// Removes a range of ranks and shows each pair, in order, before it goes. Returns how many there were.
    pub fn remove_ranks(&mut self, ranks: Range<usize>, mut each: impl FnMut(&[u8], Score)) -> usize {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        let count = ranks.len();
        match &mut self.form {
            Form::Packed(pairs) => pairs.remove_ranks(ranks, &mut each),
            Form::Large(large) => large.remove_ranks(ranks, &mut each),
        }
        count
    }

    /// Removes up to `count` members of the lowest scores and shows each pair, the lowest first. Returns how many there were.
    pub fn pop_min(&mut self, count: usize, each: impl FnMut(&[u8], Score)) -> usize {
        self.remove_ranks(0..count, each)
    }

    /// Removes up to `count` members of the highest scores and shows each pair, the highest first. Returns how many there were.
    pub fn pop_max(&mut self, count: usize, mut each: impl FnMut(&[u8], Score)) -> usize {
        let len = self.len();
        let popped = count.min(len);
        match &mut self.form {
            Form::Packed(pairs) => {
                let ranks = len - popped..len;
                pairs.backwards(ranks.clone()).for_each(|(member, score)| each(member, score));
                pairs.remove_ranks(ranks, &mut |_, _| {});
            }
            Form::Large(large) => {
                for rank in (len - popped..len).rev() {
                    large.remove_ranks(rank..rank + 1, &mut each);
                }
            }
        }
        popped
    }

    /// A pair that every seed chooses anew; all are equally likely.
    pub fn random(&self, seed: u64) -> Option<(&[u8], Score)> {
        let mut seed = seed;
        self.at(below(self.len(), &mut seed))
    }

    /// Shows some members after a cursor (0: from the beginning), about `count` of them, and returns the next cursor, 0 at the end.
    ///
    /// A member that stays from the first step to the last is shown at least once. A packed set is shown whole.
    pub fn scan(&self, cursor: u64, count: usize, each: &mut dyn FnMut(&[u8], Score)) -> u64 {
        match &self.form {
            Form::Packed(pairs) => {
                pairs.iter().for_each(|(member, score)| each(member, score));
                0
            }
            Form::Large(large) => large.roster.scan(cursor, count, each),
        }
    }

    /// How many members lie before a cut.
    fn count(&self, cut: Cut<'_>) -> usize {
        let pairs = match &self.form {
            Form::Packed(pairs) => pairs,
            Form::Large(large) => return large.tree.rank(cut, &large.roster),
        };
        let before = |(member, score): &(&[u8], Score)| match cut {
            Cut::BeforeScore(bound) => *score < bound,
            Cut::AfterScore(bound) => *score <= bound,
            Cut::BeforeName(name) => *member < name,
            Cut::AfterName(name) => *member <= name,
            Cut::Before(bound, name) => (*score, *member) < (bound, name),
            Cut::After(bound, name) => (*score, *member) <= (bound, name),
        };
        pairs.iter().take_while(before).count()
    }
}

impl Perishable for SortedSet {
    #[inline]
    fn mortals(&self) -> Option<&Mortals> {
        match &self.form {
            Form::Packed(_) => None,
            Form::Large(large) => Some(&large.mortals),
        }
    }

    #[inline]
    fn mortals_mut(&mut self) -> Option<&mut Mortals> {
        match &mut self.form {
            Form::Packed(_) => None,
            Form::Large(large) => Some(&mut large.mortals),
        }
    }

    fn make_room(&mut self, thresholds: &Thresholds) {
        self.make_large(thresholds);
    }

    fn holds(&self, member: &[u8]) -> bool {
        self.score(member).is_some()
    }

    fn drop_member(&mut self, member: &[u8]) -> bool {
        self.remove(member).is_some()
    }

    fn members(&self) -> usize {
        self.len()
    }
}

impl Typed for SortedSet {
    const KIND: Kind = Kind::SortedSet;

    fn from_value(value: Value) -> Option<Box<SortedSet>> {
        if let Value::SortedSet(set) = value { Some(set) } else { None }
    }

    fn into_value(self: Box<SortedSet>) -> Value {
        Value::SortedSet(self)
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn next_deadline(&self) -> Option<UnixMillis> {
        self.earliest()
    }
}

impl Large {
    fn of(pairs: &PackedPairs, thresholds: &Thresholds) -> Large {
        let mut large = Large { roster: Roster::new(thresholds.hash_seeds), tree: RankTree::new(), mortals: Mortals::default() };
        pairs.iter().for_each(|(member, score)| large.add(member, score));
        large
    }

    /// Adds a member that is not there.
    fn add(&mut self, member: &[u8], score: Score) {
        let id = self.roster.insert(self.roster.hash(member), member, score);
        self.tree.insert(score, id, &self.roster);
    }

    fn upsert(&mut self, member: &[u8], decide: impl FnOnce(Option<Score>) -> Option<Score>) -> Outcome {
        let hash = self.roster.hash(member);
        let Some(id) = self.roster.find(hash, member) else {
            let Some(score) = decide(None) else { return Outcome::Same };
            self.mortals.clear(member);
            let id = self.roster.insert(hash, member, score);
            self.tree.insert(score, id, &self.roster);
            return Outcome::Added;
        };
        let old = self.roster.score(id);
        match decide(Some(old)) {
            Some(score) if score != old => {
                self.tree.update(old, score, id, &self.roster);
                self.roster.set_score(id, score);
                Outcome::Updated
            }
            _ => Outcome::Same,
        }
    }

    fn remove(&mut self, member: &[u8]) -> Option<Score> {
        let id = self.roster.find(self.roster.hash(member), member)?;
        let score = self.roster.score(id);
        self.mortals.clear(member);
        self.tree.remove(score, id, &self.roster);
        self.roster.remove(id);
        self.tidy();
        Some(score)
    }

    fn remove_ranks(&mut self, ranks: Range<usize>, each: &mut impl FnMut(&[u8], Score)) {
        let (roster, mortals) = (&mut self.roster, &mut self.mortals);
        self.tree.remove_ranks(ranks, &mut |score, id| {
            mortals.clear(roster.name(id));
            each(roster.name(id), score);
            roster.remove(id);
        });
        self.tidy();
    }

    /// Moves members into gaps when there are more gaps than members: about one for every one removed.
    fn tidy(&mut self) {
        while let Some((from, to)) = self.roster.misplaced() {
            self.tree.relabel(self.roster.score(from), from, to, &self.roster);
            self.roster.relocate(from, to);
        }
    }
}

/// Pairs of a sorted set, in the order asked for.
pub struct Pairs<'a> {
    source: Source<'a>,
    left: usize,
}

enum Source<'a> {
    Packed(PackedIter<'a>),
    Backwards(PackedBackwards<'a>),
    Large(Walk<'a>, &'a Roster),
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], Score);

    fn next(&mut self) -> Option<(&'a [u8], Score)> {
        self.left = self.left.checked_sub(1)?;
        match &mut self.source {
            Source::Packed(iter) => iter.next(),
            Source::Backwards(iter) => iter.next(),
            Source::Large(walk, roster) => walk.next().map(|(score, id)| (roster.name(id), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

#[cfg(test)]
mod tests;
