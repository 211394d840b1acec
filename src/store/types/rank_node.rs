//! The nodes of the rank tree: parallel arrays of one width, and the moves of entries within and between them.

use std::ops::Range;

use super::rank::Score;

/// Entries of a node. A leaf is then 766 bytes and an inner node 1262: just within the size classes of 768 and 1280.
pub(super) const WIDTH: usize = 63;
/// The number of no node.
pub(super) const NONE: u32 = u32::MAX;

/// The lowest level: pairs in order, leaves linked both ways.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) scores: [Score; WIDTH],
    pub(super) ids: [u32; WIDTH],
    pub(super) previous: u32,
    pub(super) next: u32,
    len: u16,
}

/// A branch: children with the number of pairs below each, and each child's first pair as its separator.
///
/// The separator of child 0 is not kept up and never read: it may name a member that is gone.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) scores: [Score; WIDTH],
    pub(super) ids: [u32; WIDTH],
    pub(super) children: [u32; WIDTH],
    pub(super) counts: [u32; WIDTH],
    len: u16,
}

/// Opens a gap of `count` at `at` in the first `len` entries of a column.
fn open<T: Copy>(column: &mut [T; WIDTH], len: usize, at: usize, count: usize) {
    column.copy_within(at..len, at + count);
}

impl Leaf {
    pub(super) fn new() -> Leaf {
        Leaf { scores: [Score::ZERO; WIDTH], ids: [NONE; WIDTH], previous: NONE, next: NONE, len: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() == WIDTH
    }

    #[inline]
    pub(super) fn scores(&self) -> &[Score] {
        &self.scores[..self.len()]
    }

    #[inline]
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..self.len()]
    }

    #[inline]
    pub(super) fn pair(&self, at: usize) -> (Score, u32) {
        (self.scores()[at], self.ids()[at])
    }

    pub(super) fn insert(&mut self, at: usize, score: Score, id: u32) {
        let len = self.len();
        open(&mut self.scores, len, at, 1);
        open(&mut self.ids, len, at, 1);
        (self.scores[at], self.ids[at]) = (score, id);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, places: Range<usize>) {
        let len = self.len();
        self.scores.copy_within(places.end..len, places.start);
        self.ids.copy_within(places.end..len, places.start);
        self.len -= places.len() as u16;
    }

    /// Moves everything from `at` on to `right`, which is empty.
    pub(super) fn move_tail(&mut self, at: usize, right: &mut Leaf) {
        debug_assert_eq!(right.len, 0);
        self.move_tail_before(at, right);
    }

    /// Moves everything from `at` on to the front of `right`.
    pub(super) fn move_tail_before(&mut self, at: usize, right: &mut Leaf) {
        let (len, count) = (right.len(), self.len() - at);
        open(&mut right.scores, len, 0, count);
        open(&mut right.ids, len, 0, count);
        right.scores[..count].copy_from_slice(&self.scores[at..at + count]);
        right.ids[..count].copy_from_slice(&self.ids[at..at + count]);
        right.len += count as u16;
        self.len = at as u16;
    }

    /// Moves the first `count` pairs to the end of `left`.
    pub(super) fn move_head(&mut self, count: usize, left: &mut Leaf) {
        let len = left.len();
        left.scores[len..len + count].copy_from_slice(&self.scores[..count]);
        left.ids[len..len + count].copy_from_slice(&self.ids[..count]);
        left.len += count as u16;
        self.remove(0..count);
    }
}

impl Inner {
    pub(super) fn new() -> Inner {
        Inner { scores: [Score::ZERO; WIDTH], ids: [NONE; WIDTH], children: [NONE; WIDTH], counts: [0; WIDTH], len: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == WIDTH
    }

    /// The first pair below a child.
    pub(super) fn first(&self, child: usize) -> (Score, u32) {
        (self.scores[child], self.ids[child])
    }

    /// How many pairs lie below these children.
    #[inline]
    pub(super) fn total(&self, children: Range<usize>) -> usize {
        self.counts[children].iter().map(|count| *count as usize).sum()
    }

    /// The child below which the pair of that rank lies, and how many pairs come before that child.
    #[inline]
    pub(super) fn child_of_rank(&self, rank: usize) -> (usize, usize) {
        let last = self.len() - 1;
        let mut before = 0;
        for (child, count) in self.counts[..last].iter().enumerate() {
            let after = before + *count as usize;
            if rank < after {
                return (child, before);
            }
            before = after;
        }
        (last, before)
    }

    pub(super) fn insert(&mut self, at: usize, child: u32, count: usize, first: (Score, u32)) {
        let len = self.len();
        open(&mut self.scores, len, at, 1);
        open(&mut self.ids, len, at, 1);
        open(&mut self.children, len, at, 1);
        open(&mut self.counts, len, at, 1);
        (self.scores[at], self.ids[at]) = first;
        // Ids are 32 bits wide, and so are the numbers of pairs.
        (self.children[at], self.counts[at]) = (child, count as u32);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.remove_head_at(at, 1);
    }

    fn remove_head_at(&mut self, at: usize, count: usize) {
        let len = self.len();
        self.scores.copy_within(at + count..len, at);
        self.ids.copy_within(at + count..len, at);
        self.children.copy_within(at + count..len, at);
        self.counts.copy_within(at + count..len, at);
        self.len -= count as u16;
    }

    /// Moves everything from `at` on to `right`, which is empty.
    pub(super) fn move_tail(&mut self, at: usize, right: &mut Inner) {
        debug_assert_eq!(right.len, 0);
        self.move_tail_before(at, right);
    }

    /// Moves everything from `at` on to the front of `right`.
    pub(super) fn move_tail_before(&mut self, at: usize, right: &mut Inner) {
        let (len, count) = (right.len(), self.len() - at);
        open(&mut right.scores, len, 0, count);
        open(&mut right.ids, len, 0, count);
        open(&mut right.children, len, 0, count);
        open(&mut right.counts, len, 0, count);
        right.scores[..count].copy_from_slice(&self.scores[at..at + count]);
        right.ids[..count].copy_from_slice(&self.ids[at..at + count]);
        right.children[..count].copy_from_slice(&self.children[at..at + count]);
        right.counts[..count].copy_from_slice(&self.counts[at..at + count]);
        right.len += count as u16;
        self.len = at as u16;
    }

    /// Moves the first `count` children to the end of `left`.
    pub(super) fn move_head(&mut self, count: usize, left: &mut Inner) {
        let len = left.len();
        left.scores[len..len + count].copy_from_slice(&self.scores[..count]);
        left.ids[len..len + count].copy_from_slice(&self.ids[..count]);
        left.children[len..len + count].copy_from_slice(&self.children[..count]);
        left.counts[len..len + count].copy_from_slice(&self.counts[..count]);
        left.len += count as u16;
        self.remove_head_at(0, count);
    }
}
