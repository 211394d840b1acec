//! The large form of hashes and sets: items by key, in many small buckets, none of which ever makes anyone wait.
//!
//! A directory maps the top bits of a key's hash to a bucket; a bucket that is full splits alone (extendible hashing), so a table
//! of ten
//! million grows by moving at most [`BUCKET_ITEMS`] items at a time. In a bucket the items lie side by side, with sixteen bits of each
//! hash in a row beside them: looking up is a scan of that row, a random pick is an index, and a scan's cursor is a prefix of the hash
//! which splits and merges leave in place.

use std::slice;

use super::below;
use crate::store::memory::size_class;
use crate::store::segment::prefetch;
use ahash::RandomState;

/// Items in one bucket: the row of their tags is two cache lines.
const BUCKET_ITEMS: usize = 64;
/// Two buddies that hold no more than this together become one, if one of them is nearly empty.
const MERGE_ITEMS: usize = BUCKET_ITEMS / 2;
const NEARLY_EMPTY_ITEMS: usize = BUCKET_ITEMS / 8;
/// Entries of the directory for each bucket, at most: beyond it an unlucky bucket grows rather than the directory.
const DIRECTORY_SPREAD_MAX: usize = 16;
const DIRECTORY_MIN: usize = 64;
/// The most bits of a hash that the directory looks at.
const DEPTH_MAX: u32 = 28;
/// The bits of a hash that a scan's cursor counts in.
const CURSOR_BITS: u32 = 32;

/// What a table holds.
pub trait Item: Clone {
    fn key(&self) -> &[u8];
    /// The memory it owns beyond its own fields.
    fn heap_bytes(&self) -> usize;
    /// Where that is, told without a look at it: what a walk over the table asks the memory for ahead of its turn.
    fn block(&self) -> &[u8];
}

/// How many items ahead of the one that is handed out a walk asks the memory for: about as many as a core can wait for at once.
const ITEMS_AHEAD: usize = 24;

#[derive(Clone, Debug)]
pub struct Table<T> {
    state: RandomState,
    /// Where the bucket of every prefix of `depth` bits is: 2^depth numbers.
    directory: Vec<u32>,
    depth: u32,
    buckets: Vec<Bucket<T>>,
    len: usize,
    /// What the buckets and their items own.
    bucket_bytes: usize,
    /// No bucket holds more than this, nor did since the table was made: at least `BUCKET_ITEMS`.
    widest: usize,
}

/// The items whose hashes begin with the `depth` bits of `prefix`.
#[derive(Clone, Debug)]
struct Bucket<T> {
    /// The low bits of the hash of each item, in the same order.
    tags: Vec<u16>,
    items: Vec<T>,
    prefix: u32,
    depth: u32,
}

impl<T> Bucket<T> {
    fn new(prefix: u32, depth: u32) -> Bucket<T> {
        Bucket { tags: Vec::new(), items: Vec::new(), prefix, depth }
    }

    fn block_bytes(&self) -> usize {
        size_class(self.tags.capacity() * size_of::<u16>()) + size_class(self.items.capacity() * size_of::<T>())
    }

    fn push(&mut self, tag: u16, item: T) {
        let len = self.items.len();
        if len == self.items.capacity() {
            let more = capacity_for(len + 1) - len;
            self.items.reserve_exact(more);
            self.tags.reserve_exact(more);
        }
        self.tags.push(tag);
        self.items.push(item);
    }

    fn remove(&mut self, index: usize) -> T {
        self.tags.swap_remove(index);
        let item = self.items.swap_remove(index);
        let wanted = capacity_for(self.items.len());
        if self.items.capacity() >= wanted + 2 * CAPACITY_STEP {
            self.items.shrink_to(wanted);
            self.tags.shrink_to(wanted);
        }
        item
    }
}

const CAPACITY_STEP: usize = 8;

/// Room for `len` items in a bucket. Sixteen-byte items then fill whole size classes.
fn capacity_for(len: usize) -> usize {
    if len <= 24 { len.next_multiple_of(CAPACITY_STEP / 2) } else { len.next_multiple_of(CAPACITY_STEP) }
}

/// The top `depth` bits of a hash.
#[inline]
fn prefix_of(hash: u64, depth: u32) -> usize {
    // In two steps, since a shift by 64 is none. At most DEPTH_MAX bits remain.
    ((hash >> 1) >> (63 - depth)) as usize
}

#[inline]
fn tag_of(hash: u64) -> u16 {
    // The low bits: the directory uses the high ones.
    hash as u16
}

impl<T: Item> Table<T> {
    pub fn new(seeds: [u64; 4]) -> Table<T> {
        Table {
            state: RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3]),
            directory: vec![0],
            depth: 0,
            buckets: vec![Bucket::new(0, 0)],
            len: 0,
            bucket_bytes: 0,
            widest: BUCKET_ITEMS,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The memory of everything in it, beyond the fields of the table itself.
    pub fn heap_bytes(&self) -> usize {
        self.bucket_bytes
            + size_class(self.directory.capacity() * size_of::<u32>())
            + size_class(self.buckets.capacity() * size_of::<Bucket<T>>())
    }

    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        let (bucket, index) = self.find(self.hash(key), key)?;
        self.buckets[bucket].items.get(index)
    }

    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// Lets `change` work on the item of that key, if there is one. It must leave the key as it is.
    pub fn edit<R>(&mut self, key: &[u8], change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (bucket, index) = self.find(self.hash(key), key)?;
        let item = self.buckets[bucket].items.get_mut(index)?;
        let before = item.heap_bytes();
        let result = change(item);
        debug_assert_eq!(item.key(), key);
        self.bucket_bytes = self.bucket_bytes - before + item.heap_bytes();
        Some(result)
    }

    /// The hash of a key, for who keeps hashes in the place of keys.
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        self.hash(key)
    }

    /// Whether an item of that hash is one that is looked for.
    pub fn contains_where(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> bool {
        self.find_where(hash, is_it).is_some()
    }

    /// Takes out an item of that hash that is one that is looked for.
    pub fn remove_where(&mut self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let (bucket, index) = self.find_where(hash, is_it)?;
        Some(self.remove_at(bucket, index))
    }

    /// Adds an item whose key is not in the table.
    pub fn insert_new(&mut self, item: T) {
        let hash = self.hash(item.key());
        debug_assert!(self.find(hash, item.key()).is_none());
        let mut number = self.bucket_of(hash);
        while self.buckets[number].items.len() >= BUCKET_ITEMS && self.split(number) {
            number = self.bucket_of(hash);
        }
        let bytes = item.heap_bytes();
        let bucket = &mut self.buckets[number];
        let before = bucket.block_bytes();
        bucket.push(tag_of(hash), item);
        self.widest = self.widest.max(bucket.items.len());
        self.bucket_bytes = self.bucket_bytes - before + bucket.block_bytes() + bytes;
        self.len += 1;
    }

    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        let (bucket, index) = self.find(self.hash(key), key)?;
        Some(self.remove_at(bucket, index))
    }

    /// An item, each as likely as any other.
    pub fn random(&self, seed: u64) -> Option<&T> {
        let (bucket, index) = self.pick(seed)?;
        self.buckets[bucket].items.get(index)
    }

    /// Takes out an item, each as likely as any other.
    pub fn pop_random(&mut self, seed: u64) -> Option<T> {
        let (bucket, index) = self.pick(seed)?;
        Some(self.remove_at(bucket, index))
    }

    /// Every item once, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> + Clone + '_ {
        Iter { bucket: [].iter(), rest: self.buckets.iter(), ahead: Ahead { bucket: [].iter(), rest: self.buckets.iter() } }.warmed()
    }

    /// Shows the items of one bucket, and returns the cursor that goes on behind it: 0 when all have been shown.
    ///
    /// From 0 to 0, what was in the table all the time is shown at least once, whatever came and went meanwhile.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&T)) -> u64 {
        let Ok(from) = u32::try_from(cursor) else { return 0 };
        let number = self.directory[prefix_of(u64::from(from) << CURSOR_BITS, self.depth)];
        let bucket = &self.buckets[number as usize];
        bucket.items.iter().for_each(&mut visit);
        let next = (u64::from(bucket.prefix) + 1) << (CURSOR_BITS - bucket.depth);
        if next >> CURSOR_BITS != 0 { 0 } else { next }
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        self.state.hash_one(key)
    }

    #[inline]
    fn bucket_of(&self, hash: u64) -> usize {
        self.directory[prefix_of(hash, self.depth)] as usize
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<(usize, usize)> {
        let number = self.bucket_of(hash);
        let bucket = &self.buckets[number];
        let tag = tag_of(hash);
        for (block, tags) in bucket.tags.chunks(16).enumerate() {
            // No early exit, so that sixteen comparisons become one or two instructions.
            if !tags.iter().fold(false, |any, other| any | (*other == tag)) {
                continue;
            }
            for (offset, other) in tags.iter().enumerate() {
                let index = block * 16 + offset;
                if *other == tag && bucket.items[index].key() == key {
                    return Some((number, index));
                }
            }
        }
        None
    }

    fn find_where(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<(usize, usize)> {
        let number = self.bucket_of(hash);
        let bucket = &self.buckets[number];
        let tag = tag_of(hash);
        let mut tagged = bucket.tags.iter().zip(&bucket.items).enumerate().filter(|(_, (other, _))| **other == tag);
        let index = tagged.find(|(_, (_, item))| is_it(item) && self.hash(item.key()) == hash).map(|(index, _)| index)?;
        Some((number, index))
    }

    fn pick(&self, seed: u64) -> Option<(usize, usize)> {
        if self.len == 0 {
            return None;
        }
        let mut seed = seed;
        let span = if self.buckets.len() == 1 { self.len } else { self.widest };
        // A bucket, then a place in it, until an item is there: two in three are full, and merging keeps one in eight in the worst
        // case.
        for _ in 0..64 {
            let (bucket, index) = (below(self.buckets.len(), &mut seed), below(span, &mut seed));
            if index < self.buckets[bucket].items.len() {
                return Some((bucket, index));
            }
        }
        let start = below(self.buckets.len(), &mut seed);
        let bucket = (start..self.buckets.len()).chain(0..start).find(|bucket| !self.buckets[*bucket].items.is_empty())?;
        Some((bucket, below(self.buckets[bucket].items.len(), &mut seed)))
    }

    fn remove_at(&mut self, number: usize, index: usize) -> T {
        let bucket = &mut self.buckets[number];
        let before = bucket.block_bytes();
        let item = bucket.remove(index);
        self.bucket_bytes = self.bucket_bytes - before - item.heap_bytes() + bucket.block_bytes();
        self.len -= 1;
        let nearly_empty = bucket.items.len() <= NEARLY_EMPTY_ITEMS;
        if nearly_empty {
            self.merge(number);
        }
        item
    }

    /// Moves half of a bucket's items, those whose next bit of the hash is 1, into a new bucket. False if the directory is wide
    /// enough already.
    fn split(&mut self, number: usize) -> bool {
        let depth = self.buckets[number].depth;
        if depth == self.depth && !self.widen() {
            return false;
        }
        let bucket = &mut self.buckets[number];
        let before = bucket.block_bytes();
        let (tags, items) = (std::mem::take(&mut bucket.tags), std::mem::take(&mut bucket.items));
        let room = capacity_for(items.len() / 2 + 4);
        let mut left = Bucket::new(bucket.prefix << 1, depth + 1);
        let mut right = Bucket::new(bucket.prefix << 1 | 1, depth + 1);
        for half in [&mut left, &mut right] {
            half.tags.reserve_exact(room);
            half.items.reserve_exact(room);
        }
        for (tag, item) in tags.into_iter().zip(items) {
            let bit = self.state.hash_one(item.key()) << depth >> 63;
            if bit == 0 { left.push(tag, item) } else { right.push(tag, item) }
        }
        self.bucket_bytes = self.bucket_bytes - before + left.block_bytes() + right.block_bytes();
        self.buckets[number] = left;
        self.buckets.push(right);
        self.point_at(self.buckets.len() - 1);
        true
    }

    /// Doubles the directory.
    fn widen(&mut self) -> bool {
        let len = self.directory.len() * 2;
        if self.depth >= DEPTH_MAX || len > DIRECTORY_MIN.max(self.buckets.len() * DIRECTORY_SPREAD_MAX) {
            return false;
        }
        self.directory = self.directory.iter().flat_map(|number| [*number; 2]).collect();
        self.depth += 1;
        true
    }

    /// Writes into the directory where a bucket is.
    fn point_at(&mut self, number: usize) {
        let bucket = &self.buckets[number];
        let spread = self.depth - bucket.depth;
        let first = (bucket.prefix as usize) << spread;
        let number = u32::try_from(number).expect("there are fewer buckets than entries of the directory, which are 2^28 at most");
        self.directory[first..first + (1 << spread)].fill(number);
    }

    /// Joins a nearly empty bucket with its buddy, and what comes of it with its own, as long as there is little in them.
    fn merge(&mut self, number: usize) {
        let mut number = number;
        loop {
            let (prefix, depth) = (self.buckets[number].prefix, self.buckets[number].depth);
            if depth == 0 {
                return;
            }
            let buddy = self.directory[((prefix ^ 1) as usize) << (self.depth - depth)] as usize;
            let items = self.buckets[number].items.len() + self.buckets[buddy].items.len();
            if self.buckets[buddy].depth != depth || items > MERGE_ITEMS {
                return;
            }
            let gone = std::mem::replace(&mut self.buckets[buddy], Bucket::new(prefix, depth));
            let bucket = &mut self.buckets[number];
            let before = gone.block_bytes() + bucket.block_bytes();
            for (tag, item) in gone.tags.into_iter().zip(gone.items) {
                bucket.push(tag, item);
            }
            (bucket.prefix, bucket.depth) = (prefix >> 1, depth - 1);
            self.bucket_bytes = self.bucket_bytes - before + bucket.block_bytes();
            self.point_at(number);
            // The last bucket takes the number that has become free.
            let last = self.buckets.len() - 1;
            self.buckets.swap_remove(buddy);
            if buddy != last {
                self.point_at(buddy);
            }
            if number == last {
                number = buddy;
            }
            // Rarely enough that a look at every bucket costs nothing by the merge.
            if self.buckets.len().is_power_of_two() && self.directory.len() >= 8 * self.buckets.len() {
                self.narrow();
            }
        }
    }

    /// Halves the directory as often as no bucket needs its last bit, and gives back room.
    fn narrow(&mut self) {
        let deepest = self.buckets.iter().map(|bucket| bucket.depth).max().unwrap_or(0);
        if deepest < self.depth {
            let step = 1 << (self.depth - deepest);
            self.directory = self.directory.iter().step_by(step).copied().collect();
            self.depth = deepest;
        }
        self.buckets.shrink_to(self.buckets.len() * 2);
    }
}

/// A walk over every item. Each item's block is somewhere else in the memory, so a second walk goes some items ahead and asks for them, and for
/// the row of the bucket behind its own.
#[derive(Clone, Debug)]
struct Iter<'a, T> {
    bucket: slice::Iter<'a, T>,
    rest: slice::Iter<'a, Bucket<T>>,
    ahead: Ahead<'a, T>,
}

#[derive(Clone, Debug)]
struct Ahead<'a, T> {
    bucket: slice::Iter<'a, T>,
    rest: slice::Iter<'a, Bucket<T>>,
}

impl<T: Item> Ahead<'_, T> {
    #[inline]
    fn step(&mut self) {
        loop {
            if let Some(item) = self.bucket.next() {
                prefetch(item.block().as_ptr());
                return;
            }
            let Some(bucket) = self.rest.next() else { return };
            self.bucket = bucket.items.iter();
            // The row of the next bucket, four items to a line.
            if let Some(next) = self.rest.as_slice().first() {
                next.items.chunks(4).for_each(|line| prefetch(line.as_ptr()));
            }
        }
    }
}

impl<T: Item> Iter<'_, T> {
    fn warmed(mut self) -> Self {
        (0..ITEMS_AHEAD).for_each(|_| self.ahead.step());
        self
    }
}

impl<'a, T: Item> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.bucket.next() {
                self.ahead.step();
                return Some(item);
            }
            self.bucket = self.rest.next()?.items.iter();
        }
    }
}

#[cfg(test)]
impl<T: Item> Table<T> {
    /// Checks every invariant and recounts.
    pub(super) fn assert_sound(&self) {
        assert_eq!(self.directory.len(), 1 << self.depth);
        let mut bytes = 0;
        for (number, bucket) in self.buckets.iter().enumerate() {
            let spread = self.depth - bucket.depth;
            let first = (bucket.prefix as usize) << spread;
            assert!(self.directory[first..first + (1 << spread)].iter().all(|other| *other as usize == number));
            assert_eq!(bucket.tags.len(), bucket.items.len());
            assert!(bucket.items.len() <= self.widest);
            for (tag, item) in bucket.tags.iter().zip(&bucket.items) {
                let hash = self.hash(item.key());
                assert_eq!((tag_of(hash), prefix_of(hash, bucket.depth)), (*tag, bucket.prefix as usize));
                bytes += item.heap_bytes();
            }
            bytes += bucket.block_bytes();
        }
        assert_eq!(self.bucket_bytes, bytes);
        assert_eq!(self.len, self.buckets.iter().map(|bucket| bucket.items.len()).sum::<usize>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::types::scramble;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[derive(Clone, Debug)]
    struct Numbered([u8; 4]);

    impl Item for Numbered {
        fn key(&self) -> &[u8] {
            &self.0
        }

        fn heap_bytes(&self) -> usize {
            16
        }

        fn block(&self) -> &[u8] {
            &self.0
        }
    }

    fn numbered(number: u32) -> Numbered {
        Numbered(number.to_le_bytes())
    }

    fn filled(count: u32) -> Table<Numbered> {
        let mut table = Table::new([1, 2, 3, 4]);
        (0..count).for_each(|number| table.insert_new(numbered(number)));
        table
    }

    #[test]
    fn a_table_grows_and_shrinks_a_bucket_at_a_time() {
        let mut table = filled(30_000);
        table.assert_sound();
        let (grown, buckets) = (table.heap_bytes(), table.buckets.len());
        assert!((30_000 / BUCKET_ITEMS..30_000 * 2 / BUCKET_ITEMS).contains(&buckets), "{buckets}");
        for number in 0..29_950 {
            assert!(table.remove(&numbered(number).0).is_some());
            if number % 997 == 0 {
                table.assert_sound();
            }
        }
        table.assert_sound();
        assert!(table.buckets.len() <= 8, "{}", table.buckets.len());
        assert!(table.heap_bytes() * 20 < grown, "{} of {grown}", table.heap_bytes());
        assert_eq!(table.iter().count(), 50);
    }

    #[test]
    fn random_picks_are_even() {
        let table = filled(2_000);
        let mut picked = BTreeMap::new();
        let mut seed = 7;
        for _ in 0..200_000 {
            *picked.entry(table.random(scramble(&mut seed)).unwrap().0).or_insert(0u32) += 1;
        }
        assert_eq!(picked.len(), 2_000);
        // A hundred each, with a deviation of ten.
        assert!(picked.values().all(|count| (50..160).contains(count)));
    }

    #[test]
    fn everything_can_be_popped() {
        let mut table = filled(5_000);
        let mut seed = 3;
        for left in (0..5_000).rev() {
            assert!(table.pop_random(scramble(&mut seed)).is_some());
            assert_eq!(table.len(), left);
        }
        table.assert_sound();
        assert!(table.pop_random(1).is_none());
    }

    #[test]
    fn hashes_that_collide_fill_one_bucket_and_are_still_found() {
        // A bucket that cannot be split because the directory is as wide as it may be: the same as if no further bit told its
        // items apart.
        let mut table = filled(60);
        let mut number = 1_000_000;
        while table.buckets[0].items.len() < 200 {
            let hash = table.hash(&numbered(number).0);
            if prefix_of(hash, 13) == 0 {
                table.insert_new(numbered(number));
            }
            number += 1;
        }
        table.assert_sound();
        assert!(table.directory.len() <= DIRECTORY_MIN.max(table.buckets.len() * DIRECTORY_SPREAD_MAX));
        let mut seen = BTreeSet::new();
        let mut seed = 1;
        (0..100_000).for_each(|_| {
            seen.insert(table.random(scramble(&mut seed)).unwrap().0);
        });
        assert_eq!(seen.len(), table.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_scan_shows_what_stays(stay in 0..400u32, between in prop::collection::vec((any::<bool>(), 0..3000u32), 0..40)) {
            let mut table = filled(stay);
            let mut others = BTreeSet::new();
            let (mut seen, mut cursor, mut steps) = (BTreeSet::new(), 0, between.iter().cycle());
            let mut calls = 0;
            loop {
                cursor = table.scan(cursor, |item| {
                    seen.insert(u32::from_le_bytes(item.0));
                });
                calls += 1;
                prop_assert!(calls < 2_000);
                if cursor == 0 {
                    break;
                }
                if let Some((add, first)) = steps.next() {
                    // A few hundred at once, so that buckets split and merge.
                    for number in 1_000 + first..1_000 + first + 300 {
                        if *add {
                            if others.insert(number) {
                                table.insert_new(numbered(number));
                            }
                        } else if others.remove(&number) {
                            prop_assert!(table.remove(&numbered(number).0).is_some());
                        }
                    }
                    table.assert_sound();
                }
            }
            prop_assert!((0..stay).all(|number| seen.contains(&number)));
        }
    }
}
