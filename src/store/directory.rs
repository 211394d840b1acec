//! The directory: from the top bits of a hash to the segment that holds its key (extendible hashing).
//!
//! A segment that is full splits alone, and two small neighbours join: whatever the size of a database, an insert or a removal moves
//! the entries of one segment, some hundreds. Only the directory itself, four bytes for each segment, doubles and halves as a whole.

use super::entry::{Block, Entry};
use super::hasher::KeyHasher;
use super::memory::size_class;
use super::segment::{BUCKET_SLOTS, BUCKETS_MAX, Place, Segment, Slot, tag_of};

/// Two neighbours join below this many entries: under half of what splits a segment, so that they do not split again soon.
const MERGE_ENTRIES: usize = 400;
/// How many entries ahead of the one being hashed a split asks the memory for: about as many as a core can wait for at once.
const SPLIT_AHEAD: usize = 16;
/// How many places of the directory one segment may take up on average. Hashes are random, so twice or four times is what happens;
/// the limit is for hashes that are not: the segment they meet in grows instead.
const PLACES_PER_SEGMENT: usize = 32;
/// Cursors of a scan keep 32 bits of prefix.
const DEPTH_MAX: u8 = 31;

pub(super) struct Directory {
    /// For each prefix of `depth` bits the index of its segment: 2^depth of them. Prefixes that share a segment lie side by side,
    /// 2^(depth - segment.depth) of them, since it has the top bits in common.
    places: Vec<u32>,
    depth: u8,
    segments: Vec<Segment>,
    /// Segments of depth `depth`. Without any the directory can be halved.
    deepest: usize,
    /// Entries in all segments.
    len: usize,
    /// Bytes allocated for the segments' tables.
    table_bytes: usize,
}

impl Directory {
    pub(super) fn new() -> Directory {
        let segment = Segment::new(0, 0);
        Directory { places: vec![0], depth: 0, deepest: 1, len: 0, table_bytes: segment.bytes(), segments: vec![segment] }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes allocated for everything but the entries.
    pub(super) fn bytes(&self) -> usize {
        self.table_bytes
            + size_class(self.places.capacity() * size_of::<u32>())
            + size_class(self.segments.capacity() * size_of::<Segment>())
    }

    #[inline]
    fn index(&self, hash: u64) -> usize {
        // Two shifts, as one by 64 is not defined.
        self.places[(hash >> 1 >> (63 - u32::from(self.depth))) as usize] as usize
    }

    #[inline]
    pub(super) fn segment(&self, hash: u64) -> &Segment {
        let segment = &self.segments[self.index(hash)];
        debug_assert!(segment.covers(hash));
        segment
    }

    #[inline]
    pub(super) fn segment_mut(&mut self, hash: u64) -> &mut Segment {
        let index = self.index(hash);
        let segment = &mut self.segments[index];
        debug_assert!(segment.covers(hash));
        segment
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<Entry<'_>> {
        let segment = self.segment(hash);
        let place = segment.find(tag_of(hash), key)?;
        segment.slot(place).entry()
    }

    #[inline]
    pub(super) fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Slot> {
        let segment = self.segment_mut(hash);
        let place = segment.find(tag_of(hash), key)?;
        Some(segment.slot_mut(place))
    }

    /// Takes in an entry whose key is not here.
    pub(super) fn insert(&mut self, hash: u64, block: Block, hasher: &KeyHasher) {
        let mut index = self.index(hash);
        while !self.segments[index].has_room() {
            self.enlarge(index, hasher);
            index = self.index(hash);
        }
        self.segments[index].insert(hash, block);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, hash: u64, place: Place) -> Option<Block> {
        let block = self.segment_mut(hash).remove(place)?;
        self.len -= 1;
        self.tidy(hash);
        Some(block)
    }

    fn enlarge(&mut self, index: usize, hasher: &KeyHasher) {
        let segment = &self.segments[index];
        if segment.buckets() < BUCKETS_MAX || !self.can_split(segment.depth()) {
            let buckets = segment.larger();
            self.resize(index, buckets);
        } else {
            self.split(index, hasher);
        }
    }

    fn resize(&mut self, index: usize, buckets: usize) {
        let segment = &mut self.segments[index];
        self.table_bytes -= segment.bytes();
        segment.resize(buckets);
        self.table_bytes += segment.bytes();
    }

    fn can_split(&self, depth: u8) -> bool {
        depth < self.depth || (self.depth < DEPTH_MAX && self.places.len() < PLACES_PER_SEGMENT * self.segments.len())
    }

    /// Divides a segment by the next bit of the hash. The one step that computes the hash of keys again, once for each.
    fn split(&mut self, index: usize, hasher: &KeyHasher) {
        let (prefix, depth) = (self.segments[index].prefix(), self.segments[index].depth());
        if depth == self.depth {
            self.double();
        }
        let segment = &mut self.segments[index];
        self.table_bytes -= segment.bytes();
        let version = segment.version;
        let slots: Vec<Slot> = segment.drain().collect();
        // The entries lie all over the memory: each is asked for some turns before its key is read.
        let sides: Vec<usize> = (0..slots.len())
            .map(|at| {
                if let Some(slot) = slots.get(at + SPLIT_AHEAD) {
                    slot.prefetch();
                }
                let hash = slots[at].entry().map_or(0, |entry| hasher.hash(entry.key()));
                (hash >> (63 - u32::from(depth)) & 1) as usize
            })
            .collect();
        let mut halves = [Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len())];
        for (slot, side) in slots.into_iter().zip(sides) {
            halves[side].push(slot);
        }
        let [low, high] = halves;
        let (low_len, high_len) = (low.len(), high.len());
        let mut low = Segment::of_slots(prefix << 1, depth + 1, low.into_iter(), low_len);
        let mut high = Segment::of_slots(prefix << 1 | 1, depth + 1, high.into_iter(), high_len);
        (low.version, high.version) = (version, version);
        self.table_bytes += low.bytes() + high.bytes();
        self.segments[index] = low;
        self.segments.push(high);
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
        self.point_at(self.segments.len() - 1);
    }

    /// Makes the places of a segment's prefix point at it.
    fn point_at(&mut self, index: usize) {
        let segment = &self.segments[index];
        let spread = u32::from(self.depth - segment.depth());
        let first = (segment.prefix() as usize) << spread;
        let number = u32::try_from(index).expect("a segment is over a hundred bytes, so four billion of them do not fit in memory");
        self.places[first..first + (1 << spread)].fill(number);
    }

    fn double(&mut self) {
        let mut places = Vec::with_capacity(self.places.len() * 2);
        places.extend(self.places.iter().flat_map(|&index| [index, index]));
        self.places = places;
        self.depth += 1;
        self.deepest = 0;
    }

    fn halve(&mut self) {
        self.places = self.places.iter().copied().step_by(2).collect();
        self.depth -= 1;
        self.deepest = self.segments.iter().filter(|segment| segment.depth() == self.depth).count();
    }

    /// After a removal: shrinks the segment, or joins it with its neighbour.
    fn tidy(&mut self, hash: u64) {
        let mut index = self.index(hash);
        let segment = &self.segments[index];
        // The neighbour's line is only worth a look now and then; an emptied segment always looks.
        if segment.len() < MERGE_ENTRIES / 2 && segment.len().is_multiple_of(16) {
            while let Some(neighbour) = self.mergeable(index) {
                self.merge(index, neighbour);
                index = self.index(hash);
            }
        }
        let segment = &self.segments[index];
        if segment.is_sparse() {
            // Room to grow by half again before the table must.
            let buckets = Segment::fitting(segment.len() + segment.len() / 2);
            if buckets < segment.buckets() {
                self.resize(index, buckets);
            }
        }
    }

    /// The segment that differs from this one in the last bit of its prefix only, if together they are small.
    fn mergeable(&self, index: usize) -> Option<usize> {
        let segment = &self.segments[index];
        if segment.depth() == 0 {
            return None;
        }
        let first = ((segment.prefix() ^ 1) as usize) << u32::from(self.depth - segment.depth());
        let neighbour = self.places[first] as usize;
        let other = &self.segments[neighbour];
        // While an image is being made, one of them may still owe what the other has paid.
        let alike = other.depth() == segment.depth() && other.version == segment.version;
        (alike && other.len() + segment.len() < MERGE_ENTRIES).then_some(neighbour)
    }

    fn merge(&mut self, one: usize, other: usize) {
        let (prefix, depth) = (self.segments[one].prefix(), self.segments[one].depth());
        debug_assert!(self.segments[other].prefix() == prefix ^ 1 && self.segments[other].depth() == depth);
        let (kept, gone) = (one.min(other), one.max(other));
        let len = self.segments[one].len() + self.segments[other].len();
        self.table_bytes -= self.segments[one].bytes() + self.segments[other].bytes();
        let version = self.segments[one].version;
        let slots = self.segments[kept].drain().chain(self.segments[gone].drain());
        let mut segment = Segment::of_slots(prefix >> 1, depth - 1, slots, len);
        segment.version = version;
        self.table_bytes += segment.bytes();
        self.segments[kept] = segment;
        self.point_at(kept);
        self.segments.swap_remove(gone);
        if gone < self.segments.len() {
            self.point_at(gone);
        }
        if depth == self.depth {
            self.deepest -= 2;
            while self.deepest == 0 && self.depth > 0 {
                self.halve();
            }
        }
        if self.segments.capacity() > 4 * self.segments.len() {
            self.segments.shrink_to(2 * self.segments.len());
        }
    }

    /// Every entry, in no order that means anything.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.segments.iter().flat_map(Segment::entries)
    }

    /// An entry picked by a random number, nearly uniformly: a place in the hash's space, then a slot of the segment there.
    pub(super) fn random(&self, seed: u64) -> Option<Entry<'_>> {
        /// A table is at least a fifth full and mostly over two thirds, so that a fair try fails once in 2^13 at worst.
        const TRIES: usize = 40;
        if self.len == 0 {
            return None;
        }
        let mut state = seed;
        for _ in 0..TRIES {
            let segment = self.segment(scramble(&mut state));
            let slots = (segment.buckets() * BUCKET_SLOTS) as u64;
            let nth = (u128::from(scramble(&mut state)) * u128::from(slots)) >> 64;
            if let Some(entry) = segment.nth_slot(nth as usize) {
                return Some(entry);
            }
        }
        // Nearly all segments are empty (the last keys of a database that was large): the first one from a random place on.
        let start = (scramble(&mut state) % self.segments.len() as u64) as usize;
        let (before, after) = self.segments.split_at(start);
        after.iter().chain(before).find(|segment| segment.len() > 0).and_then(|segment| segment.entries().next())
    }

    /// The segments, for those who check what they hold.
    #[cfg(test)]
    pub(super) fn check(&self, hasher: &KeyHasher) {
        assert_eq!(self.places.len(), 1 << self.depth);
        assert_eq!(self.len, self.segments.iter().map(Segment::len).sum::<usize>());
        assert_eq!(self.table_bytes, self.segments.iter().map(Segment::bytes).sum::<usize>());
        assert_eq!(self.deepest, self.segments.iter().filter(|segment| segment.depth() == self.depth).count());
        for (prefix, &index) in self.places.iter().enumerate() {
            let segment = &self.segments[index as usize];
            assert_eq!(prefix >> (self.depth - segment.depth()), segment.prefix() as usize);
        }
        for segment in &self.segments {
            segment.check(|key| hasher.hash(key));
        }
    }
}

/// The next of a sequence of random numbers (SplitMix64).
fn scramble(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What a scan and the walk of an image read of the directory.
impl Directory {
    /// As [`Directory::segment_at`], to be changed.
    pub(super) fn segment_at_mut(&mut self, top: u32) -> &mut Segment {
        self.segment_mut(u64::from(top) << 32)
    }

    /// The segment of those hashes that begin with these 32 bits.
    pub(super) fn segment_at(&self, top: u32) -> &Segment {
        self.segment(u64::from(top) << 32)
    }
}
