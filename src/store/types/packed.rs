//! One block that holds a row of elements: the small form of every collection.
//!
//! ```text
//! | extent u32 | count u16 | gap u16, if there is one ... | entries ... | room ... |
//! ```
//!
//! The extent is where the entries end, shifted left by [`FLAG_BITS`]; flag bit 0 says that there is a gap. A gap in front makes
//! pushes and
//! pops at the left end as cheap as those at the right end, and costs nothing until one happens. The block's length is its capacity,
//! always a size class of the allocator, so that no byte of room is paid for without being used.

use super::Element;
use super::entries::{Coded, Corrupt, Entries, Iter, Position};
use crate::store::memory::size_class;

/// Bytes before the gap or the entries.
const HEADER: usize = 6;
/// The low bits of the extent, and of the first byte. The second bit is never set by a `Packed`: a set uses it to tell its two
/// small forms apart.
const FLAG_BITS: u32 = 2;
const FLAG_GAP: u32 = 1;
/// A gap holds its own length in two bytes.
const GAP_BYTES_MIN: usize = 2;
const GAP_BYTES_MAX: usize = u16::MAX as usize;
/// Up to here, moving every byte is cheaper than thinking about it.
const SMALL_BYTES: usize = 512;
/// A count that does not fit: count by walking.
const COUNT_UNKNOWN: u16 = u16::MAX;

/// A row of elements in one block.
///
/// What it cannot hold (more than [`Packed::BYTES_MAX`]) its owner must not put in: [`Packed::has_room`] asks.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    /// Empty, or at least a header. Invariant: header and gap <= extent <= length.
    block: Box<[u8]>,
}

impl Packed {
    /// The most bytes of entries one block can hold.
    pub const BYTES_MAX: usize = (u32::MAX >> FLAG_BITS) as usize - HEADER - GAP_BYTES_MAX;

    /// An empty row, which takes no memory.
    pub fn new() -> Packed {
        Packed::default()
    }

    /// An empty row that has its block already, so that it can be told from nothing.
    pub(super) fn begun() -> Packed {
        Packed { block: vec![0; size_class(HEADER)].into_boxed_slice() }
    }

    /// A row from its entries as they are stored, which are checked first.
    pub fn from_entries(entries: &[u8]) -> Result<Packed, Corrupt> {
        let count = Entries::check(entries)?;
        if entries.len() > Packed::BYTES_MAX {
            return Err(Corrupt { at: Packed::BYTES_MAX });
        }
        Ok(Packed::from_checked(entries, count))
    }

    /// A row of `count` entries that are known to be well formed, and fit.
    fn from_checked(entries: &[u8], count: usize) -> Packed {
        let mut packed = Packed::new();
        if entries.is_empty() {
            return packed;
        }
        packed.open(0, 0, entries.len()).copy_from_slice(entries);
        packed.set_count(count);
        packed
    }

    /// Checks that bytes from outside are a row of elements; see [`Entries::check`].
    pub fn check(entries: &[u8]) -> Result<usize, Corrupt> {
        Entries::check(entries)
    }

    /// The entries, to be read.
    #[inline]
    pub fn entries(&self) -> Entries<'_> {
        entries_of(&self.block)
    }

    /// How many elements there are. O(1) up to 65 534, a walk above.
    #[inline]
    pub fn len(&self) -> usize {
        count_of(&self.block)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.used() == 0
    }

    /// The bytes of the entries.
    #[inline]
    pub fn used(&self) -> usize {
        self.end() - self.start()
    }

    /// Whether entries of so many more bytes can be put in.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= Packed::BYTES_MAX
    }

    /// The memory the block takes.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        size_class(self.block.len())
    }

    /// The element at a position.
    #[inline]
    pub fn get(&self, position: Position) -> Option<Element<'_>> {
        self.entries().get(position)
    }

    /// The elements from left to right; also from right to left.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        self.entries().iter()
    }

    /// Adds an element at the right end.
    pub fn push_back(&mut self, element: Element<'_>) {
        self.insert(Position(self.used()), element);
    }

    /// Adds an element at the left end.
    pub fn push_front(&mut self, element: Element<'_>) {
        self.insert(Position(0), element);
    }

    /// Puts an element before the one at `at`, or last if `at` is the end, and returns the position behind the new one.
    pub fn insert(&mut self, at: Position, element: Element<'_>) -> Position {
        let coded = Coded::new(element);
        coded.write(self.open(at.0, 0, coded.len()));
        self.set_count_by(1);
        Position(at.0 + coded.len())
    }

    /// Puts another element in the place of the one at `at`, and returns the position behind it.
    pub fn replace(&mut self, at: Position, element: Element<'_>) -> Position {
        let Some(after) = self.entries().after(at) else { return at };
        let coded = Coded::new(element);
        coded.write(self.open(at.0, after.0 - at.0, coded.len()));
        Position(at.0 + coded.len())
    }

    /// Removes up to `count` elements from `at` on, and returns how many. What followed them is now at `at`.
    pub fn remove(&mut self, at: Position, count: usize) -> usize {
        let entries = self.entries();
        let (mut end, mut removed) = (at, 0);
        while removed < count {
            let Some(after) = entries.after(end) else { break };
            end = after;
            removed += 1;
        }
        self.cut(at, end, removed);
        removed
    }

    /// Removes the `count` elements between two positions.
    pub fn cut(&mut self, from: Position, to: Position, count: usize) {
        if to <= from {
            return;
        }
        debug_assert_eq!(Entries::new(&self.entries().as_bytes()[from.0..to.0]).count(), count);
        let left = self.len().saturating_sub(count);
        self.open(from.0, to.0 - from.0, 0);
        if !self.block.is_empty() {
            self.set_count(left);
        }
    }

    /// Cuts the row in two at a position and returns the right part.
    pub fn split_off(&mut self, at: Position) -> Packed {
        let entries = self.entries();
        let Some(bytes) = entries.as_bytes().get(at.0..) else { return Packed::new() };
        let count = Entries::new(bytes).count();
        let right = Packed::from_checked(bytes, count);
        self.cut(at, self.entries().end(), count);
        right
    }

    /// Adds the elements of another row behind those of this one.
    pub fn append(&mut self, other: &Packed) {
        let bytes = other.entries().as_bytes();
        if bytes.is_empty() {
            return;
        }
        let count = self.len() + other.len();
        self.open(self.used(), 0, bytes.len()).copy_from_slice(bytes);
        self.set_count(count);
    }

    /// Keeps the elements for which `keep` says so, called once for each group of `stride` elements with the first of them; one pass.
    /// Returns how many elements went.
    pub fn retain(&mut self, stride: usize, mut keep: impl FnMut(Element<'_>) -> bool) -> usize {
        let entries = self.entries();
        let (mut at, mut kept_len, mut kept) = (Position(0), 0, 0);
        // The entries that stay are moved together in a copy, so that a row from which much goes is written once.
        let mut copy: Option<Vec<u8>> = None;
        let count = self.len();
        while let Some(element) = entries.get(at) {
            let (mut end, mut group) = (at, 0);
            while group < stride.max(1) {
                let Some(after) = entries.after(end) else { break };
                end = after;
                group += 1;
            }
            if group == 0 {
                break;
            }
            let bytes = &entries.as_bytes()[at.0..end.0];
            if keep(element) {
                kept += group;
                if let Some(copy) = &mut copy {
                    copy.extend_from_slice(bytes);
                } else {
                    kept_len = end.0;
                }
            } else if copy.is_none() {
                let mut room = Vec::with_capacity(entries.as_bytes().len());
                room.extend_from_slice(&entries.as_bytes()[..kept_len]);
                copy = Some(room);
            }
            at = end;
        }
        if let Some(copy) = copy {
            *self = Packed::from_checked(&copy, kept);
        }
        count.saturating_sub(kept)
    }

    /// Gives back what room there is beyond the size class of the entries.
    pub fn shrink(&mut self) {
        if size_class(HEADER + self.used()) < self.block.len() {
            let count = self.len();
            *self = Packed::from_checked(self.entries().as_bytes(), count);
        }
    }

    /// The block itself, for an owner that keeps rows and other things in one place.
    pub(super) fn into_block(self) -> Box<[u8]> {
        self.block
    }

    /// The row whose block this is: one that came from [`Packed::into_block`], or an empty one.
    pub(super) fn from_block(block: Box<[u8]>) -> Packed {
        debug_assert!(end_of(&block) <= block.len());
        Packed { block }
    }

    fn start(&self) -> usize {
        start_of(&self.block)
    }

    fn end(&self) -> usize {
        end_of(&self.block).max(self.start())
    }

    /// Makes `insert` bytes of room in the place of the `remove` bytes at `at` (offsets into the entries) and returns that room.
    /// The count stays as it is.
    fn open(&mut self, at: usize, remove: usize, insert: usize) -> &mut [u8] {
        let (start, end) = (self.start(), self.end());
        let used = end - start;
        debug_assert!(at + remove <= used);
        let (head, tail) = (at, used - at - remove);
        if insert > remove {
            let more = insert - remove;
            if head < tail && gap_is(start - HEADER, more) {
                self.block.copy_within(start..start + head, start - more);
                self.set_bounds(start - more, end);
            } else if end.saturating_add(more) <= self.block.len() {
                self.block.copy_within(end - tail..end, end - tail + more);
                self.set_bounds(start, end + more);
            } else {
                self.rearrange(head, tail, remove, insert);
            }
        } else if insert < remove {
            let less = remove - insert;
            let gap = start - HEADER + less;
            if head < tail && (GAP_BYTES_MIN..=GAP_BYTES_MAX).contains(&gap) {
                self.block.copy_within(start..start + head, start + less);
                self.set_bounds(start + less, end);
            } else {
                self.block.copy_within(end - tail..end, end - tail - less);
                self.set_bounds(start, end - less);
            }
            self.give_back();
        }
        let start = self.start();
        // Nothing was asked for if there is no such room: an emptied row has no block.
        self.block.get_mut(start + at..start + at + insert).unwrap_or_default()
    }

    /// Makes the room of [`Packed::open`] where the block has none in the right place: moves the entries, into a larger block if
    /// need be.
    #[cold]
    fn rearrange(&mut self, head: usize, tail: usize, remove: usize, insert: usize) {
        let start = self.start();
        let used = head + tail + insert;
        let needed = HEADER + used;
        if self.block.len() < needed {
            self.resize(size_class(needed));
        } else if self.block.len() > SMALL_BYTES && self.block.len() - needed < used / 8 {
            // A large block that is nearly full grows rather than being shifted about for every few bytes.
            self.resize(size_class(self.block.len() + 1));
        }
        let room = self.block.len() - needed;
        // Whoever pushes at the left end will do so again: half of the room goes there. In a small block it is not worth a gap.
        let gap = if head < tail && self.block.len() > SMALL_BYTES { (room / 2).min(GAP_BYTES_MAX) } else { 0 };
        let gap = if gap < GAP_BYTES_MIN { 0 } else { gap };
        let target = HEADER + gap;
        let (tail_from, tail_to) = (start + head + remove, target + head + insert);
        // Of two parts that move, the one that moves away from the other goes first.
        if tail_to > tail_from {
            self.block.copy_within(tail_from..tail_from + tail, tail_to);
            self.block.copy_within(start..start + head, target);
        } else {
            self.block.copy_within(start..start + head, target);
            self.block.copy_within(tail_from..tail_from + tail, tail_to);
        }
        self.set_bounds(target, target + used);
    }

    /// Takes a smaller block when less than half of this one is used.
    fn give_back(&mut self) {
        let used = self.used();
        if used == 0 {
            self.block = Box::default();
            return;
        }
        let wanted = size_class(HEADER + used + used / 4);
        if self.block.len() > 32 && wanted <= self.block.len() / 2 {
            let start = self.start();
            self.block.copy_within(start..start + used, HEADER);
            self.set_bounds(HEADER, HEADER + used);
            self.resize(wanted);
        }
    }

    fn resize(&mut self, len: usize) {
        let mut block = std::mem::take(&mut self.block).into_vec();
        if len > block.len() {
            block.reserve_exact(len - block.len());
        }
        block.resize(len, 0);
        self.block = block.into_boxed_slice();
    }

    /// Says where the entries lie.
    fn set_bounds(&mut self, start: usize, end: usize) {
        debug_assert!(start <= end && end <= self.block.len() && start >= HEADER);
        let gap = start - HEADER;
        let flag = if gap == 0 { 0 } else { FLAG_GAP };
        let extent = u32::try_from(end).ok().and_then(|end| end.checked_mul(1 << FLAG_BITS));
        let extent = extent.expect("owners ask has_room before they put in what is longer than a gigabyte");
        self.block[..4].copy_from_slice(&(extent | flag).to_le_bytes());
        if gap != 0 {
            let gap = u16::try_from(gap).expect("a gap is at most GAP_BYTES_MAX");
            self.block[HEADER..HEADER + 2].copy_from_slice(&gap.to_le_bytes());
        }
    }

    fn set_count(&mut self, count: usize) {
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.block[4..6].copy_from_slice(&count.to_le_bytes());
    }

    fn set_count_by(&mut self, more: u16) {
        let stored = stored_count(&self.block);
        self.block[4..6].copy_from_slice(&stored.saturating_add(more).to_le_bytes());
    }
}

/// Whether a gap can give `more` bytes: what is left of it must be nothing, or enough to hold its own length.
fn gap_is(gap: usize, more: usize) -> bool {
    gap == more || gap >= more.saturating_add(GAP_BYTES_MIN)
}

/// The entries of a block that came from [`Packed::into_block`].
#[inline]
pub(super) fn entries_of(block: &[u8]) -> Entries<'_> {
    Entries::new(block.get(start_of(block)..end_of(block)).unwrap_or_default())
}

/// The number of elements in a block that came from [`Packed::into_block`].
#[inline]
pub(super) fn count_of(block: &[u8]) -> usize {
    match stored_count(block) {
        COUNT_UNKNOWN => entries_of(block).count(),
        count => usize::from(count),
    }
}

#[inline]
fn stored_count(block: &[u8]) -> u16 {
    match block.get(4..6) {
        Some(&[low, high]) => u16::from_le_bytes([low, high]),
        _ => 0,
    }
}

#[inline]
fn extent_of(block: &[u8]) -> u32 {
    block.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn start_of(block: &[u8]) -> usize {
    if extent_of(block) & FLAG_GAP == 0 {
        return HEADER;
    }
    match block.get(HEADER..HEADER + 2) {
        Some(&[low, high]) => HEADER + usize::from(u16::from_le_bytes([low, high])),
        _ => HEADER,
    }
}

#[inline]
fn end_of(block: &[u8]) -> usize {
    (extent_of(block) >> FLAG_BITS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Words of every code: integers of every width, strings around every limit of a length.
    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => prop::collection::vec(any::<u8>(), 0..12),
            2 => (0..64u32, any::<i64>()).prop_map(|(shift, number)| (number >> shift).to_string().into_bytes()),
            1 => (prop::sample::select(vec![62usize, 63, 64, 65, 125, 126, 127, 128, 129, 300, 4094, 4095, 4096, 16_378, 16_390]), any::<u8>())
                .prop_map(|(len, byte)| vec![byte; len]),
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Back(Vec<u8>),
        Front(Vec<u8>),
        Insert(usize, Vec<u8>),
        Replace(usize, Vec<u8>),
        Remove(usize, usize),
        Split(usize),
        Retain(u8),
        Shrink,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            5 => word().prop_map(Step::Back),
            5 => word().prop_map(Step::Front),
            3 => (any::<usize>(), word()).prop_map(|(at, word)| Step::Insert(at, word)),
            3 => (any::<usize>(), word()).prop_map(|(at, word)| Step::Replace(at, word)),
            4 => (any::<usize>(), 0..6usize).prop_map(|(at, count)| Step::Remove(at, count)),
            3 => (0..4usize).prop_map(|count| Step::Remove(0, count)),
            1 => any::<usize>().prop_map(Step::Split),
            1 => any::<u8>().prop_map(Step::Retain),
            1 => Just(Step::Shrink),
        ]
    }

    fn position(packed: &Packed, index: usize) -> Position {
        packed.entries().seek(index as i64).unwrap_or(packed.entries().end())
    }

    fn assert_same(packed: &Packed, model: &[Vec<u8>]) {
        let words: Vec<_> = packed.iter().map(Element::to_vec).collect();
        assert_eq!(words, model);
        let mut words: Vec<_> = packed.iter().rev().map(Element::to_vec).collect();
        words.reverse();
        assert_eq!(words, model);
        assert_eq!(packed.len(), model.len());
        assert_eq!(packed.is_empty(), model.is_empty());
        assert_eq!(Packed::check(packed.entries().as_bytes()), Ok(model.len()));
        assert_eq!(packed.block.len(), size_class(packed.block.len()), "a block is a whole size class");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_row_is_a_vector(steps in prop::collection::vec(step(), 1..150)) {
            let mut packed = Packed::new();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for step in steps {
                match step {
                    Step::Back(word) => {
                        packed.push_back(Element::of(&word));
                        model.push(word);
                    }
                    Step::Front(word) => {
                        packed.push_front(Element::of(&word));
                        model.insert(0, word);
                    }
                    Step::Insert(at, word) => {
                        let at = at % (model.len() + 1);
                        let behind = packed.insert(position(&packed, at), Element::of(&word));
                        model.insert(at, word);
                        prop_assert_eq!(behind, position(&packed, at + 1));
                    }
                    Step::Replace(at, word) if !model.is_empty() => {
                        let at = at % model.len();
                        packed.replace(position(&packed, at), Element::of(&word));
                        model[at] = word;
                    }
                    Step::Replace(..) => {}
                    Step::Remove(at, count) => {
                        let at = at % (model.len() + 1);
                        let to = (at + count).min(model.len());
                        prop_assert_eq!(packed.remove(position(&packed, at), count), to - at);
                        model.drain(at..to);
                    }
                    Step::Split(at) => {
                        let at = at % (model.len() + 1);
                        let right = packed.split_off(position(&packed, at));
                        assert_same(&packed, &model[..at]);
                        assert_same(&right, &model[at..]);
                        packed.append(&right);
                    }
                    Step::Retain(bit) => {
                        let keep = |word: &[u8]| word.iter().fold(bit, |a, b| a ^ b) & 7 != 0;
                        let before = model.len();
                        model.retain(|word| keep(word));
                        prop_assert_eq!(packed.retain(1, |element| keep(&element.to_vec())), before - model.len());
                    }
                    Step::Shrink => packed.shrink(),
                }
                assert_same(&packed, &model);
                for (index, word) in model.iter().enumerate().take(5) {
                    let first = model.iter().position(|other| other == word).unwrap();
                    let found = packed.entries().find(Position(0), word, 0);
                    prop_assert_eq!(found, Some(position(&packed, first)));
                    let index = index as i64;
                    prop_assert_eq!(packed.entries().seek(index), packed.entries().seek(index - model.len() as i64));
                }
            }
            let copy = Packed::from_entries(packed.entries().as_bytes()).unwrap();
            assert_same(&copy, &model);
        }

        #[test]
        fn bytes_from_outside_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), needle in word()) {
            // Half of the tags are made likely ones, so that walks go somewhere.
            for byte in bytes.iter_mut().step_by(3) {
                *byte &= 0xf7;
            }
            let valid = Packed::check(&bytes);
            let entries = Entries::new(&bytes);
            let (forward, backward) = (entries.iter().count(), entries.iter().rev().count());
            let _ = (entries.find(Position(0), &needle, 1), entries.seek(5), entries.seek(-5), entries.count());
            if let Ok(count) = valid {
                prop_assert_eq!(forward, count);
                prop_assert_eq!(backward, count);
            } else {
                prop_assert!(Packed::from_entries(&bytes).is_err());
            }
        }

        #[test]
        fn one_changed_byte_never_panics(words in prop::collection::vec(word(), 1..20), at in any::<usize>(), byte in any::<u8>()) {
            let mut packed = Packed::new();
            words.iter().for_each(|word| packed.push_back(Element::of(word)));
            let mut bytes = packed.entries().as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(row) = Packed::from_entries(&bytes) {
                prop_assert_eq!(row.iter().count(), row.iter().rev().count());
            }
        }
    }

    #[test]
    fn pairs_are_found_by_their_first() {
        let mut packed = Packed::new();
        for word in ["a", "b", "b", "1", "10", "a"] {
            packed.push_back(Element::of(word.as_bytes()));
        }
        let entries = packed.entries();
        let first = entries.first().unwrap();
        assert_eq!(entries.find(first, b"b", 1), entries.seek(2));
        assert_eq!(entries.find(first, b"1", 1), None);
        assert_eq!(entries.find(first, b"10", 1), entries.seek(4));
    }

    #[test]
    fn eight_small_elements_take_two_bytes_each_and_a_header() {
        let mut packed = Packed::new();
        for number in 0..8 {
            packed.push_back(Element::Integer(number));
        }
        assert_eq!(packed.used(), 16);
        assert_eq!(packed.heap_bytes(), 32);
    }

    #[test]
    fn more_elements_than_the_header_counts_are_walked() {
        let mut packed = Packed::new();
        for _ in 0..70_000 {
            packed.push_back(Element::Integer(1));
        }
        assert_eq!(packed.len(), 70_000);
        assert_eq!(packed.remove(Position(0), 10_000), 10_000);
        assert_eq!(packed.len(), 60_000);
    }
}
