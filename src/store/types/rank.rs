//! The rank tree: (score, member) pairs in order, in a B+tree that counts what lies below each branch, so that ranks cost O(log n).
//!
//! A leaf holds scores and the ids of members; their bytes live elsewhere, once, and are read through [`Names`] only where
//! scores are equal. Every question about order is a [`Cut`], every range a range of ranks: counting it needs no walk.

use std::cmp::Ordering;
use std::ops::Range;

use super::arena::Arena;
use super::rank_node::{Inner, Leaf, NONE, WIDTH};

/// A node below this is merged with a neighbour if both together leave room to grow.
const LOW: usize = WIDTH / 3;
/// Two nodes that together hold no more than this become one: well under `WIDTH`, so that the next insert does not split it again.
const MERGED: usize = WIDTH * 3 / 4;
/// No node but the root is ever smaller: the height of 2^32 pairs stays under `HEIGHT_MAX`, since 7^12 > 2^32.
const FILL_MIN: usize = WIDTH / 9;
/// Levels of inner nodes, with some to spare.
const HEIGHT_MAX: usize = 16;

/// A score: a double that is not NaN, so that scores have an order. -0 and 0 are equal, as in Redis.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Score(f64);

impl Score {
    pub const ZERO: Score = Score(0.0);
    pub const LOWEST: Score = Score(f64::NEG_INFINITY);
    pub const HIGHEST: Score = Score(f64::INFINITY);

    /// The door: NaN never enters.
    pub fn new(value: f64) -> Option<Score> {
        if value.is_nan() { None } else { Some(Score(value)) }
    }

    pub fn get(self) -> f64 {
        self.0
    }

    /// The sum, or nothing if it is not a number (inf + -inf).
    pub fn plus(self, increment: f64) -> Option<Score> {
        Score::new(self.0 + increment)
    }
}

impl Eq for Score {}

#[allow(clippy::derive_ord_xor_partial_ord)] // The derived partial order of one double is this order: NaN cannot be inside.
impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }
}

/// Whoever knows the bytes of a member by its id.
pub(crate) trait Names {
    fn name(&self, id: u32) -> &[u8];
}

/// A place between pairs: some lie before it, the others after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut<'a> {
    BeforeScore(Score),
    AfterScore(Score),
    /// Cuts by name alone mean something only where all scores are equal (ZRANGEBYLEX says the same).
    BeforeName(&'a [u8]),
    AfterName(&'a [u8]),
    Before(Score, &'a [u8]),
    After(Score, &'a [u8]),
}

impl Cut<'_> {
    /// How many of these pairs, which are in order, lie before the cut.
    #[inline]
    fn position(&self, scores: &[Score], ids: &[u32], names: &impl Names) -> usize {
        match *self {
            Cut::BeforeScore(score) => scores.partition_point(|other| *other < score),
            Cut::AfterScore(score) => scores.partition_point(|other| *other <= score),
            Cut::BeforeName(name) => ids.partition_point(|id| names.name(*id) < name),
            Cut::AfterName(name) => ids.partition_point(|id| names.name(*id) <= name),
            Cut::Before(score, name) => {
                let (start, tied) = ties(scores, ids, score);
                start + tied.partition_point(|id| names.name(*id) < name)
            }
            Cut::After(score, name) => {
                let (start, tied) = ties(scores, ids, score);
                start + tied.partition_point(|id| names.name(*id) <= name)
            }
        }
    }
}

/// The ids of the pairs with exactly this score, and where they begin. Scores first and alone: that search needs no
/// member's bytes and no unpredictable branch, and mostly there is no tie.
#[inline]
fn ties<'a>(scores: &[Score], ids: &'a [u32], score: Score) -> (usize, &'a [u32]) {
    let start = scores.partition_point(|other| *other < score);
    if scores.get(start) != Some(&score) {
        return (start, &[]);
    }
    let count = scores[start..].partition_point(|other| *other <= score);
    (start, &ids[start..start + count])
}

/// The way from the root to a leaf: an inner node and the child taken, level by level.
#[derive(Clone, Copy)]
struct Path {
    steps: [(u32, u32); HEIGHT_MAX],
}

impl Path {
    fn new() -> Path {
        Path { steps: [(NONE, 0); HEIGHT_MAX] }
    }

    fn at(&self, level: usize) -> (u32, usize) {
        let (inner, child) = self.steps[level];
        (inner, child as usize)
    }

    fn set(&mut self, level: usize, inner: u32, child: usize) {
        self.steps[level] = (inner, child as u32); // A child's index is below WIDTH.
    }
}

/// The tree. Ids are the caller's; a pair is in the tree at most once.
#[derive(Clone)]
pub(crate) struct RankTree {
    leaves: Arena<Leaf>,
    inners: Arena<Inner>,
    /// An inner node, or a leaf if `height` is 0.
    root: u32,
    /// Levels of inner nodes above the leaves.
    height: usize,
    len: usize,
}

impl RankTree {
    pub(crate) fn new() -> RankTree {
        let mut leaves = Arena::new();
        let root = leaves.add(Leaf::new());
        RankTree { leaves, inners: Arena::new(), root, height: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes as allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.leaves.heap_bytes() + self.inners.heap_bytes()
    }

    /// How many pairs lie before the cut: the rank of the first one after it.
    pub(crate) fn rank(&self, cut: Cut<'_>, names: &impl Names) -> usize {
        let mut node = self.root;
        let mut before = 0;
        for _ in 0..self.height {
            let inner = self.inners.get(node);
            let child = cut.position(&inner.scores[1..inner.len()], &inner.ids[1..inner.len()], names);
            before += inner.total(0..child);
            node = inner.children[child];
        }
        let leaf = self.leaves.get(node);
        before + cut.position(leaf.scores(), leaf.ids(), names)
    }

    /// The pair with that rank.
    pub(crate) fn select(&self, rank: usize) -> Option<(Score, u32)> {
        if rank >= self.len {
            return None;
        }
        let (leaf, at) = self.find_rank(rank);
        Some(self.leaves.get(leaf).pair(at))
    }

    /// The pairs of a range of ranks, in order or backwards.
    pub(crate) fn walk(&self, ranks: Range<usize>, reverse: bool) -> Walk<'_> {
        let end = ranks.end.min(self.len);
        let left = end.saturating_sub(ranks.start);
        let (leaf, at) = match left {
            0 => (NONE, 0),
            _ if reverse => self.find_rank(end - 1),
            _ => self.find_rank(ranks.start),
        };
        Walk { leaves: &self.leaves, leaf, at, left, reverse }
    }

    /// Adds a pair that is not there yet; the name of the id is already known.
    pub(crate) fn insert(&mut self, score: Score, id: u32, names: &impl Names) {
        let cut = Cut::Before(score, names.name(id));
        let mut path = Path::new();
        let mut node = self.root;
        for level in 0..self.height {
            let inner = self.inners.get_mut(node);
            let child = cut.position(&inner.scores[1..inner.len()], &inner.ids[1..inner.len()], names);
            inner.counts[child] += 1;
            path.set(level, node, child);
            node = inner.children[child];
        }
        self.len += 1;
        let leaf = self.leaves.get_mut(node);
        let at = cut.position(leaf.scores(), leaf.ids(), names);
        // The first place of a leaf is only ever taken in the leftmost one: elsewhere the separator lies before the cut.
        if !leaf.is_full() {
            leaf.insert(at, score, id);
            return;
        }
        // Rising or falling scores fill leaves almost to the brim; anything else splits in the middle.
        let split = match at {
            WIDTH if leaf.next == NONE => WIDTH - FILL_MIN,
            0 if leaf.previous == NONE => FILL_MIN,
            _ => WIDTH / 2,
        };
        let mut right = Leaf::new();
        leaf.move_tail(split, &mut right);
        if at <= split {
            leaf.insert(at, score, id);
        } else {
            right.insert(at - split, score, id);
        }
        right.previous = node;
        right.next = leaf.next;
        let (after, first, count) = (leaf.next, right.pair(0), right.len());
        let right = self.leaves.add(right);
        self.leaves.get_mut(node).next = right;
        if after != NONE {
            self.leaves.get_mut(after).previous = right;
        }
        self.attach(&path, right, first, count);
    }

    /// Removes a pair that is there.
    pub(crate) fn remove(&mut self, score: Score, id: u32, names: &impl Names) {
        let (path, leaf, at) = self.locate(score, names.name(id), names);
        debug_assert_eq!(self.leaves.get(leaf).ids()[at], id, "the pair is in the tree");
        self.cut_out(&path, leaf, at..at + 1);
    }

    /// Gives a pair another score.
    pub(crate) fn update(&mut self, old: Score, new: Score, id: u32, names: &impl Names) {
        let name = names.name(id);
        let (path, node, at) = self.locate(old, name, names);
        let leaf = self.leaves.get_mut(node);
        debug_assert_eq!(leaf.ids()[at], id, "the pair is in the tree");
        // Most updates move a pair by little: between the same two neighbours it stays where it is. Never at the edge of a
        // leaf, where the neighbour is elsewhere and a separator may name the pair.
        if at > 0 && at + 1 < leaf.len() {
            let (below, above) = (leaf.pair(at - 1), leaf.pair(at + 1));
            let over = below.0 < new || (below.0 == new && names.name(below.1) < name);
            let under = new < above.0 || (new == above.0 && name < names.name(above.1));
            if over && under {
                leaf.scores[at] = new;
                return;
            }
        }
        self.cut_out(&path, node, at..at + 1);
        self.insert(new, id, names);
    }

    /// Gives the member of a pair another id. Both ids have the same name, of which only the old one's is asked.
    pub(crate) fn relabel(&mut self, score: Score, old: u32, new: u32, names: &impl Names) {
        let (path, node, at) = self.locate(score, names.name(old), names);
        let leaf = self.leaves.get_mut(node);
        debug_assert_eq!(leaf.ids()[at], old, "the pair is in the tree");
        leaf.ids[at] = new;
        if at == 0 {
            let first = leaf.pair(0);
            self.raise(&path, first);
        }
    }

    /// Removes a range of ranks, a leaf's share at a time, and shows each pair to `each`. Needs no names.
    pub(crate) fn remove_ranks(&mut self, ranks: Range<usize>, each: &mut impl FnMut(Score, u32)) {
        let mut left = ranks.end.min(self.len).saturating_sub(ranks.start);
        while left > 0 {
            let (path, node, at) = self.locate_rank(ranks.start);
            let leaf = self.leaves.get(node);
            let end = leaf.len().min(at + left);
            for place in at..end {
                let (score, id) = leaf.pair(place);
                each(score, id);
            }
            self.cut_out(&path, node, at..end);
            left -= end - at;
        }
    }

    fn find_rank(&self, rank: usize) -> (u32, usize) {
        let mut node = self.root;
        let mut rank = rank;
        for _ in 0..self.height {
            let inner = self.inners.get(node);
            let (child, before) = inner.child_of_rank(rank);
            rank -= before;
            node = inner.children[child];
        }
        (node, rank)
    }

    fn locate_rank(&self, rank: usize) -> (Path, u32, usize) {
        let mut path = Path::new();
        let mut node = self.root;
        let mut rank = rank;
        for level in 0..self.height {
            let inner = self.inners.get(node);
            let (child, before) = inner.child_of_rank(rank);
            rank -= before;
            path.set(level, node, child);
            node = inner.children[child];
        }
        (path, node, rank)
    }

    /// Where a pair that is in the tree lies.
    fn locate(&self, score: Score, name: &[u8], names: &impl Names) -> (Path, u32, usize) {
        let mut path = Path::new();
        let mut node = self.root;
        for level in 0..self.height {
            let inner = self.inners.get(node);
            // After, not before: a pair that is itself a separator lies to the right of it.
            let child = Cut::After(score, name).position(&inner.scores[1..inner.len()], &inner.ids[1..inner.len()], names);
            path.set(level, node, child);
            node = inner.children[child];
        }
        let leaf = self.leaves.get(node);
        (path, node, Cut::Before(score, name).position(leaf.scores(), leaf.ids(), names))
    }

    /// Hangs a new node to the right of the one at the path's end, splitting upwards as needed.
    fn attach(&mut self, path: &Path, right: u32, first: (Score, u32), count: usize) {
        let (mut right, mut first, mut count) = (right, first, count);
        for level in (0..self.height).rev() {
            let (node, child) = path.at(level);
            let inner = self.inners.get_mut(node);
            inner.counts[child] -= count as u32;
            if !inner.is_full() {
                inner.insert(child + 1, right, count, first);
                return;
            }
            let split = if child + 1 == WIDTH { WIDTH - FILL_MIN } else { WIDTH / 2 };
            let mut tail = Inner::new();
            inner.move_tail(split, &mut tail);
            if child < split {
                inner.insert(child + 1, right, count, first);
            } else {
                tail.insert(child + 1 - split, right, count, first);
            }
            (first, count) = (tail.first(0), tail.total(0..tail.len()));
            right = self.inners.add(tail);
        }
        let mut root = Inner::new();
        // The first separator of an inner node is never read, and may name a member that is gone.
        root.insert(0, self.root, self.len - count, (Score::LOWEST, NONE));
        root.insert(1, right, count, first);
        self.root = self.inners.add(root);
        self.height += 1;
        debug_assert!(self.height <= HEIGHT_MAX, "FILL_MIN bounds the height");
    }

    /// Removes neighbours from one leaf and puts counts, separators and fill in order again.
    fn cut_out(&mut self, path: &Path, node: u32, places: Range<usize>) {
        let count = places.len();
        self.len -= count;
        for level in 0..self.height {
            let (inner, child) = path.at(level);
            self.inners.get_mut(inner).counts[child] -= count as u32;
        }
        let leaf = self.leaves.get_mut(node);
        leaf.remove(places.clone());
        let len = leaf.len();
        if self.height == 0 {
            return;
        }
        if places.start == 0 {
            let (parent, child) = path.at(self.height - 1);
            let parent = self.inners.get(parent);
            if len > 0 {
                let first = self.leaves.get(node).pair(0);
                self.raise(path, first);
            } else if child + 1 < parent.len() {
                // The leaf takes pairs over from its right neighbour below.
                let first = parent.first(child + 1);
                self.raise(path, first);
            } // Else the leaf goes into its left neighbour, or gets pairs and a new separator from it.
        }
        if len < LOW {
            self.refill(path);
        }
    }

    /// Writes a subtree's new first pair where a separator names the old one: at the lowest level that turned right.
    fn raise(&mut self, path: &Path, first: (Score, u32)) {
        for level in (0..self.height).rev() {
            let (inner, child) = path.at(level);
            if child > 0 {
                let inner = self.inners.get_mut(inner);
                (inner.scores[child], inner.ids[child]) = first;
                return;
            }
        }
    }

    /// From a leaf that has become small upwards: merges or evens out neighbours until a level is in order.
    fn refill(&mut self, path: &Path) {
        for level in (0..self.height).rev() {
            let (parent, child) = path.at(level);
            let siblings = self.inners.get(parent).len();
            let left = if child + 1 < siblings { child } else { child - 1 }; // An inner node has two children or more.
            let bottom = level + 1 == self.height;
            let merged = if bottom { self.join_leaves(parent, left, child) } else { self.join_inners(parent, left, child) };
            if !merged || (level > 0 && self.inners.get(parent).len() >= LOW) {
                break;
            }
        }
        while self.height > 0 && self.inners.get(self.root).len() == 1 {
            let root = self.inners.remove(self.root);
            self.root = root.children[0];
            self.height -= 1;
        }
    }

    /// Makes one leaf of the children `left` and `left + 1` if they fit well, or evens them out if `small` is too small to stay.
    fn join_leaves(&mut self, parent: u32, left: usize, small: usize) -> bool {
        let inner = self.inners.get_mut(parent);
        let (left_id, right_id) = (inner.children[left], inner.children[left + 1]);
        let mut right = self.leaves.take(right_id);
        let leaf = self.leaves.get_mut(left_id);
        if leaf.len() + right.len() <= MERGED {
            right.move_head(right.len(), leaf);
            leaf.next = right.next;
            if right.next != NONE {
                self.leaves.get_mut(right.next).previous = left_id;
            }
            self.leaves.release(right_id);
            inner.counts[left] += inner.counts[left + 1];
            inner.remove(left + 1);
            return true;
        }
        if (if small == left { leaf.len() } else { right.len() }) < FILL_MIN {
            even_out_leaves(leaf, &mut right);
            (inner.counts[left], inner.counts[left + 1]) = (leaf.len() as u32, right.len() as u32);
            (inner.scores[left + 1], inner.ids[left + 1]) = right.pair(0);
        }
        self.leaves.put_back(right_id, right);
        false
    }

    fn join_inners(&mut self, parent: u32, left: usize, small: usize) -> bool {
        let (left_id, right_id) = {
            let inner = self.inners.get(parent);
            (inner.children[left], inner.children[left + 1])
        };
        let mut above = self.inners.take(parent);
        let mut right = self.inners.take(right_id);
        let node = self.inners.get_mut(left_id);
        // Inside its own node the first separator is not kept up; its true value is the parent's.
        (right.scores[0], right.ids[0]) = above.first(left + 1);
        let fits = node.len() + right.len() <= MERGED;
        if fits {
            right.move_head(right.len(), node);
            above.counts[left] += above.counts[left + 1];
            above.remove(left + 1);
            self.inners.release(right_id);
        } else {
            if (if small == left { node.len() } else { right.len() }) < FILL_MIN {
                let half = (node.len() + right.len()) / 2;
                if node.len() > half {
                    node.move_tail_before(half, &mut right);
                } else {
                    right.move_head(half - node.len(), node);
                }
                above.counts[left] = node.total(0..node.len()) as u32;
                above.counts[left + 1] = right.total(0..right.len()) as u32;
                (above.scores[left + 1], above.ids[left + 1]) = right.first(0);
            }
            self.inners.put_back(right_id, right);
        }
        self.inners.put_back(parent, above);
        fits
    }
}

fn even_out_leaves(left: &mut Leaf, right: &mut Leaf) {
    let half = (left.len() + right.len()) / 2;
    if left.len() > half {
        left.move_tail_before(half, right);
    } else {
        right.move_head(half - left.len(), left);
    }
}

/// Pairs in order or backwards; knows how many are left.
pub(crate) struct Walk<'a> {
    leaves: &'a Arena<Leaf>,
    leaf: u32,
    at: usize,
    left: usize,
    reverse: bool,
}

impl Iterator for Walk<'_> {
    type Item = (Score, u32);

    fn next(&mut self) -> Option<(Score, u32)> {
        self.left = self.left.checked_sub(1)?;
        let leaf = self.leaves.get(self.leaf);
        let pair = leaf.pair(self.at);
        if self.left == 0 {
            return Some(pair); // There may be no neighbour to step to.
        }
        if self.reverse {
            if self.at == 0 {
                self.leaf = leaf.previous;
                self.at = self.leaves.get(self.leaf).len();
            }
            self.at -= 1;
        } else {
            self.at += 1;
            if self.at == leaf.len() {
                (self.leaf, self.at) = (leaf.next, 0);
            }
        }
        Some(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}

#[cfg(test)]
mod tests;
