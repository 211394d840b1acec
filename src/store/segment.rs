//! A segment: one small open-addressed table of entries, in which a hash finds its key with one line of the cache.
//!
//! A bucket is one cache line of eight slots. A slot is one word: the address of an entry's block, which needs 48 bits, and above it the
//! entry's tag, 16 bits of its hash, so that other keys are passed over without looking at them. The tag also says which bucket is
//! an entry's home: the table can therefore take any size without a look at the entries, and grows by a quarter or less at a time.
//!
//! A full bucket overflows into the next. **The invariant of the table**: every bucket from an entry's home up to the one before its
//! own is full. So a search may stop at the first bucket with room, and `remove` closes the gap it makes, as far as others rely on it.
#![allow(unsafe_code)]

use std::mem;
use std::ptr::{self, NonNull};

use super::entry::{Block, Entry, Header, Held};
use super::memory::size_class;

pub(super) const BUCKET_SLOTS: usize = 8;
/// A full table of this many buckets is split rather than enlarged.
pub(super) const BUCKETS_MAX: usize = 128;
/// How many slots ahead of the one that is handed out a walk asks the memory for: about as many as a core can wait for at once.
const ENTRIES_AHEAD: usize = 28;
/// What of a block is asked for ahead: its header, a key of some length, a short value.
const BEGINNING_BYTES: usize = 40;
/// 48 bits of address are what user space has on x86-64 and aarch64; `Slot::new` checks it.
const ADDRESS_BITS: u32 = 48;
const ADDRESS_MASK: usize = (1 << ADDRESS_BITS) - 1;
/// The lowest bit of an address is 0, as blocks are aligned to eight: set, it is a mark on the slot. What it means is `image`'s to say.
const MARK: usize = 1;
const HEAD_MASK: usize = ADDRESS_MASK & !MARK;

/// The bits of a hash that a segment uses: those at the other end from the directory's.
#[inline]
pub(super) fn tag_of(hash: u64) -> u16 {
    hash as u16
}

/// Room for one entry, which it owns: null, or the address of a block given away by `Block::into_raw` with the tag in the top bits.
#[repr(transparent)]
pub(super) struct Slot(*mut Header);

impl Slot {
    const EMPTY: Slot = Slot(ptr::null_mut());

    fn new(block: Block, tag: u16) -> Slot {
        let head = block.into_raw();
        assert!(head.addr().get() & !HEAD_MASK == 0, "an address of user space has 48 bits, and blocks are aligned");
        Slot(head.as_ptr().map_addr(|address| address | usize::from(tag) << ADDRESS_BITS))
    }

    #[inline]
    pub(super) fn tag(&self) -> u16 {
        (self.0.addr() >> ADDRESS_BITS) as u16
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.0.is_null()
    }

    #[inline]
    fn head(&self) -> Option<NonNull<Header>> {
        NonNull::new(self.0.map_addr(|address| address & HEAD_MASK))
    }

    /// Whether the image that is being made has nothing to ask of this entry.
    #[inline]
    pub(super) fn is_marked(&self) -> bool {
        self.0.addr() & MARK != 0
    }

    /// Sets the mark of a slot that holds an entry, or takes it away.
    pub(super) fn mark(&mut self, is_marked: bool) {
        debug_assert!(!self.is_empty(), "an empty slot is null");
        self.0 = self.0.map_addr(|address| if is_marked { address | MARK } else { address & !MARK });
    }

    #[inline]
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        // SAFETY: the slot owns the block, so nobody changes or frees it while the slot is borrowed.
        self.head().map(|head| unsafe { Entry::from_raw(head) })
    }

    #[inline]
    pub(super) fn held(&mut self) -> Option<Held<'_>> {
        // SAFETY: the slot owns the block, and is borrowed for this use alone.
        self.head().map(|head| unsafe { Held::from_raw(head) })
    }

    /// Asks the processor for the beginning of the block: header and key, which often lie across the border of two lines.
    #[inline]
    pub(super) fn prefetch(&self) {
        if let Some(head) = self.head() {
            prefetch(head.as_ptr());
            prefetch(head.as_ptr().wrapping_byte_add(BEGINNING_BYTES - 1));
        }
    }

    /// Does something to the block that may move it. If that panics, the slot is left empty rather than pointing at what was freed.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut Block) -> R) -> Option<R> {
        let (tag, is_marked) = (self.tag(), self.is_marked());
        let mut block = self.take()?;
        let result = change(&mut block);
        *self = Slot::new(block, tag);
        if is_marked {
            self.mark(true);
        }
        Some(result)
    }

    #[inline]
    fn take(&mut self) -> Option<Block> {
        let head = self.head()?;
        self.0 = ptr::null_mut();
        // SAFETY: the slot owned the block and has just forgotten it.
        Some(unsafe { Block::from_raw(head) })
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        drop(self.take());
    }
}

// SAFETY: a slot owns its block alone, and a block owns plain bytes and at most one boxed value, which is Send (asserted at the top
// of entry.rs). The other fields of a segment are numbers. It is not Sync: readers leave traces in entries.
unsafe impl Send for Slot {}

/// One line of the cache.
#[repr(align(64))]
struct Bucket([Slot; BUCKET_SLOTS]);

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    const EMPTY: Bucket = Bucket([const { Slot::EMPTY }; BUCKET_SLOTS]);

    /// The slots with this tag; where the tag is 0, empty ones too. All are looked at: a branch per slot would be mispredicted about once in a
    /// search.
    #[inline]
    #[cfg(target_arch = "x86_64")]
    fn matches(&self, tag: u16) -> Matches {
        use std::arch::x86_64::{__m128i, _mm_cmpeq_epi16, _mm_load_si128, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16};
        let line: *const __m128i = ptr::from_ref(self).cast();
        // SAFETY: SSE2 is part of every x86-64. A bucket is 64 bytes, aligned to as many, and all of them are initialized.
        let bits = unsafe {
            let wanted = _mm_set1_epi16(tag.cast_signed());
            let [a, b, c, d] = [0, 1, 2, 3].map(|pair| _mm_cmpeq_epi16(_mm_load_si128(line.add(pair)), wanted));
            // One bit for each of a slot's four 16-bit parts; the last is its tag.
            let (low, high) = (_mm_movemask_epi8(_mm_packs_epi16(a, b)), _mm_movemask_epi8(_mm_packs_epi16(c, d)));
            low.cast_unsigned() | high.cast_unsigned() << 16
        };
        Matches(bits & Matches::TAGS)
    }

    /// The same where there are no such instructions.
    #[inline]
    #[cfg(not(target_arch = "x86_64"))]
    fn matches(&self, tag: u16) -> Matches {
        Matches(self.0.iter().zip((3..).step_by(4)).fold(0, |found, (slot, bit)| found | u32::from(slot.tag() == tag) << bit))
    }

    fn room(&self) -> Option<usize> {
        self.0.iter().position(Slot::is_empty)
    }

    /// All slots are looked at, as in `matches`.
    #[inline]
    fn is_full(&self) -> bool {
        self.0.iter().fold(true, |full, slot| full & !slot.is_empty())
    }
}

/// Slots of a bucket: four bits for each, of which the highest says whether it is one of them.
#[derive(Clone, Copy)]
struct Matches(u32);

impl Matches {
    const TAGS: u32 = 0x8888_8888;
}

impl Iterator for Matches {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let slot = self.0.trailing_zeros() / 4;
        self.0 &= self.0 - 1;
        Some(slot as usize)
    }
}

/// Where an entry is in its segment; good until the segment changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

impl Place {
    fn new(bucket: usize, slot: usize) -> Place {
        Place(bucket * BUCKET_SLOTS + slot)
    }
}

pub(super) struct Segment {
    /// A count of buckets that `larger` or `fitting` gave, at least one; at least one slot is empty.
    table: Box<[Bucket]>,
    /// Slots in use.
    len: u32,
    /// Every entry here has `prefix` as the top `depth` bits of its hash.
    prefix: u32,
    depth: u8,
    /// Of the last image that had all of this segment.
    pub(super) version: u64,
}

/// Entries that a table of so many buckets takes: 85 %, where a search still sees little more than one bucket.
const fn capacity(buckets: usize) -> usize {
    buckets * 34 / 5
}

impl Segment {
    pub(super) fn new(prefix: u32, depth: u8) -> Segment {
        Segment::with_buckets(prefix, depth, 1)
    }

    fn with_buckets(prefix: u32, depth: u8, buckets: usize) -> Segment {
        Segment { table: (0..buckets).map(|_| Bucket::EMPTY).collect(), len: 0, prefix, depth, version: 0 }
    }

    /// A segment of just these entries.
    pub(super) fn of_slots(prefix: u32, depth: u8, slots: impl Iterator<Item = Slot>, len: usize) -> Segment {
        let mut segment = Segment::with_buckets(prefix, depth, Segment::fitting(len));
        for slot in slots {
            segment.put(slot);
        }
        debug_assert_eq!(segment.len(), len);
        segment
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn prefix(&self) -> u32 {
        self.prefix
    }

    pub(super) fn depth(&self) -> u8 {
        self.depth
    }

    pub(super) fn buckets(&self) -> usize {
        self.table.len()
    }

    /// Bytes allocated for the table.
    pub(super) fn bytes(&self) -> usize {
        size_class(self.table.len() * size_of::<Bucket>())
    }

    /// Whether this is where a hash belongs.
    #[inline]
    pub(super) fn covers(&self, hash: u64) -> bool {
        self.depth == 0 || (hash >> (64 - u32::from(self.depth))) as u32 == self.prefix
    }

    /// Where a tag's entries are, unless the bucket is full. The order of homes is that of tags.
    #[inline]
    fn home(&self, tag: u16) -> usize {
        (usize::from(tag) * self.table.len()) >> 16
    }

    #[inline]
    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 < self.table.len() { bucket + 1 } else { 0 }
    }

    #[inline]
    pub(super) fn find(&self, tag: u16, key: &[u8]) -> Option<Place> {
        self.find_where(tag, |entry| entry.has_key(key))
    }

    /// The entry with this tag for which `is_it` holds.
    #[inline]
    pub(super) fn find_where(&self, tag: u16, mut is_it: impl FnMut(Entry<'_>) -> bool) -> Option<Place> {
        let mut at = self.home(tag);
        loop {
            let bucket = &self.table[at];
            for slot in bucket.matches(tag) {
                if bucket.0[slot].entry().is_some_and(&mut is_it) {
                    return Some(Place::new(at, slot));
                }
            }
            // Ends, as one slot at least is empty.
            if !bucket.is_full() {
                return None;
            }
            at = self.next(at);
        }
    }

    #[inline]
    pub(super) fn slot(&self, place: Place) -> &Slot {
        &self.table[place.0 / BUCKET_SLOTS].0[place.0 % BUCKET_SLOTS]
    }

    #[inline]
    pub(super) fn slot_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.table[place.0 / BUCKET_SLOTS].0[place.0 % BUCKET_SLOTS]
    }

    /// Whether one more entry can come in as the table is.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.len() < capacity(self.table.len())
    }

    /// Takes an entry in. The caller has seen to it that there is room, and that the key is not here.
    pub(super) fn insert(&mut self, hash: u64, block: Block) {
        debug_assert!(self.covers(hash), "the directory names the segment by the hash's prefix");
        debug_assert!(self.has_room());
        self.put(Slot::new(block, tag_of(hash)));
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.tag());
        loop {
            if let Some(room) = self.table[at].room() {
                self.table[at].0[room] = slot;
                self.len += 1;
                return;
            }
            at = self.next(at);
        }
    }

    /// Takes an entry out, and moves others back so that the invariant of the table holds again.
    pub(super) fn remove(&mut self, place: Place) -> Option<Block> {
        let block = self.slot_mut(place).take()?;
        self.len -= 1;
        let (mut gap_bucket, mut gap_slot) = (place.0 / BUCKET_SLOTS, place.0 % BUCKET_SLOTS);
        let buckets = self.table.len();
        let ahead = |from: usize, to: usize| if to >= from { to - from } else { to + buckets - from };
        // Nobody passed through a bucket that had room before. Otherwise those that passed are in the buckets that follow,
        // up to and including the first with room. One of them takes the gap and leaves one where it was.
        let mut had_room = self.table[gap_bucket].0.iter().filter(|slot| slot.is_empty()).count() > 1;
        let mut at = gap_bucket;
        while !had_room {
            at = self.next(at);
            if at == gap_bucket {
                break;
            }
            had_room = !self.table[at].is_full();
            let passed = (0..BUCKET_SLOTS).find(|&slot| {
                let slot = &self.table[at].0[slot];
                !slot.is_empty() && ahead(self.home(slot.tag()), at) >= ahead(gap_bucket, at)
            });
            if let Some(slot) = passed {
                let moved = mem::replace(&mut self.table[at].0[slot], Slot::EMPTY);
                self.table[gap_bucket].0[gap_slot] = moved;
                (gap_bucket, gap_slot) = (at, slot);
            }
        }
        Some(block)
    }

    /// Gives the table another size. No entry is looked at.
    pub(super) fn resize(&mut self, buckets: usize) {
        debug_assert!(capacity(buckets) >= self.len());
        let slots = mem::take(&mut self.table);
        let (prefix, depth, version) = (self.prefix, self.depth, self.version);
        *self = Segment::with_buckets(prefix, depth, buckets);
        self.version = version;
        for slot in slots.into_iter().flat_map(|bucket| bucket.0) {
            if !slot.is_empty() {
                self.put(slot);
            }
        }
    }

    /// The next size: powers of two, then the size classes between 4 and 8 KiB, then (only if a split is impossible) doublings.
    pub(super) fn larger(&self) -> usize {
        match self.table.len() {
            buckets @ 64..BUCKETS_MAX => buckets + 16,
            buckets => buckets * 2,
        }
    }

    /// The smallest size that takes so many entries.
    pub(super) fn fitting(len: usize) -> usize {
        let wanted = (1..).find(|&power| capacity(1 << power) >= len).unwrap_or(1);
        match wanted {
            1 if len <= capacity(1) => 1,
            7 => [80, 96, 112, BUCKETS_MAX].into_iter().find(|&buckets| capacity(buckets) >= len).unwrap_or(BUCKETS_MAX),
            power => 1 << power,
        }
    }

    /// Whether less than a fifth of the slots is used, so that a smaller table would do for long.
    pub(super) fn is_sparse(&self) -> bool {
        self.table.len() > 1 && self.len() * 5 < self.table.len() * BUCKET_SLOTS
    }

    /// All entries, leaving none.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Slot> + use<> {
        self.len = 0;
        let table = mem::replace(&mut self.table, Box::new([Bucket::EMPTY]));
        table.into_iter().flat_map(|bucket| bucket.0).filter(|slot| !slot.is_empty())
    }

    /// All entries, in the order of the table. They lie all over the memory: each is asked for some turns before it is handed out.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let slots = || self.table.iter().flat_map(|bucket| &bucket.0);
        let ahead = slots().skip(ENTRIES_AHEAD).map(Some).chain(std::iter::repeat(None));
        slots().zip(ahead).filter_map(|(slot, ahead)| {
            if let Some(ahead) = ahead {
                ahead.prefetch();
            }
            slot.entry()
        })
    }

    /// How many slots the table has, empty ones too.
    pub(super) fn slots(&self) -> usize {
        self.table.len() * BUCKET_SLOTS
    }

    /// The slot of that number, below [`Segment::slots`]. One some turns ahead is asked for.
    pub(super) fn slot_ahead(&self, nth: usize) -> &Slot {
        if let Some(bucket) = self.table.get((nth + ENTRIES_AHEAD) / BUCKET_SLOTS) {
            bucket.0[(nth + ENTRIES_AHEAD) % BUCKET_SLOTS].prefetch();
        }
        &self.table[nth / BUCKET_SLOTS].0[nth % BUCKET_SLOTS]
    }

    /// The slots of these numbers that hold an entry, to be marked or not.
    pub(super) fn mark(&mut self, slots: std::ops::Range<usize>, is_marked: bool) {
        let all = self.table.iter_mut().flat_map(|bucket| &mut bucket.0);
        all.skip(slots.start).take(slots.len()).filter(|slot| !slot.is_empty()).for_each(|slot| slot.mark(is_marked));
    }

    /// The entry in some slot of the table, if there is one.
    pub(super) fn nth_slot(&self, nth: usize) -> Option<Entry<'_>> {
        self.table[nth / BUCKET_SLOTS % self.table.len()].0[nth % BUCKET_SLOTS].entry()
    }

    /// Every entry is found where it is, and where its hash says.
    #[cfg(test)]
    pub(super) fn check(&self, hash: impl Fn(&[u8]) -> u64) {
        let mut len = 0;
        for (at, bucket) in self.table.iter().enumerate() {
            for (slot, entry) in bucket.0.iter().enumerate().filter_map(|(slot, it)| Some((slot, it.entry()?))) {
                let hash = hash(entry.key());
                assert!(self.covers(hash));
                assert_eq!(bucket.0[slot].tag(), tag_of(hash));
                assert_eq!(self.find(tag_of(hash), entry.key()), Some(Place::new(at, slot)));
                len += 1;
            }
        }
        assert_eq!(len, self.len());
    }

    /// Visits the entries whose tag lies between two, both inclusive.
    pub(super) fn visit_tags(&self, first: u16, last: u16, mut visit: impl FnMut(Entry<'_>)) {
        let end = self.home(last);
        let mut at = self.home(first);
        // Homes between first's and last's, and then as far as their entries can have overflowed, round the end if need be.
        let mut past = false;
        for _ in 0..self.table.len() {
            past |= at == end;
            let bucket = &self.table[at];
            for slot in &bucket.0 {
                if (first..=last).contains(&slot.tag())
                    && let Some(entry) = slot.entry()
                {
                    visit(entry);
                }
            }
            if past && !bucket.is_full() {
                return;
            }
            at = self.next(at);
        }
    }

    /// Asks the processor for the bucket where a tag's search begins. A hint: reads nothing.
    #[inline]
    pub(super) fn prefetch(&self, tag: u16) {
        prefetch(ptr::from_ref(&self.table[self.home(tag)]));
    }

    /// Asks for the block of the first entry with this tag, which is nearly always the right one.
    #[inline]
    pub(super) fn prefetch_entry(&self, tag: u16) {
        let bucket = &self.table[self.home(tag)];
        if let Some(slot) = bucket.matches(tag).next() {
            bucket.0[slot].prefetch();
        }
    }
}

/// Asks the processor for the line of the cache that begins there, or that holds this place. A hint: reads nothing.
#[inline]
pub(super) fn prefetch<T>(line: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and faults at no address, and SSE is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast::<i8>()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = line;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::value::Content;

    fn key(number: u64) -> Vec<u8> {
        number.to_be_bytes().to_vec()
    }

    fn filled(count: u64, hash: impl Fn(&[u8]) -> u64) -> Segment {
        let mut segment = Segment::new(0, 0);
        for number in 0..count {
            let key = key(number);
            if !segment.has_room() {
                segment.resize(segment.larger());
            }
            segment.insert(hash(&key), Block::new(&key, Content::Integer(1), None, 0));
        }
        segment
    }

    fn number_of(key: &[u8]) -> u64 {
        key.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// Removes all in an order unlike that of their arrival, checking the whole table now and then.
    fn drained(mut segment: Segment, count: u64, hash: impl Fn(&[u8]) -> u64) {
        let step = 7919;
        for turn in 0..count {
            let key = key(turn * step % count);
            let place = segment.find(tag_of(hash(&key)), &key).expect("not removed yet");
            let block = segment.remove(place).expect("found");
            assert_eq!(block.entry().key(), key);
            assert!(segment.find(tag_of(hash(&key)), &key).is_none());
            if turn % 16 == 0 {
                segment.check(&hash);
            }
            if segment.is_sparse() {
                segment.resize(Segment::fitting(segment.len() * 3 / 2));
            }
        }
        assert_eq!(segment.len(), 0);
    }

    const COUNT: u64 = if cfg!(miri) { 60 } else { 850 };

    #[test]
    fn entries_overflow_and_come_back() {
        // Few homes, the last bucket among them, so that runs are long and go round the end.
        for homes in [1, 2, 5] {
            let hash = |key: &[u8]| 0xffff - number_of(key) % homes * 300;
            drained(filled(COUNT, hash), COUNT, hash);
        }
        let spread = |key: &[u8]| number_of(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & 0xffff;
        drained(filled(COUNT, spread), COUNT, spread);
    }

    #[test]
    fn ranges_of_tags_cover_all() {
        let hash = |key: &[u8]| number_of(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40 & 0xffff;
        let segment = filled(COUNT, hash);
        let mut seen = 0;
        for chunk in 0..16u16 {
            let (first, last) = (chunk << 12, chunk << 12 | 0xfff);
            segment.visit_tags(first, last, |entry| {
                assert!((first..=last).contains(&tag_of(hash(entry.key()))));
                seen += 1;
            });
        }
        assert_eq!(seen, COUNT);
    }

    #[test]
    fn tables_are_size_classes_and_well_filled() {
        let (mut segment, mut sizes) = (Segment::new(0, 0), vec![1]);
        while segment.buckets() < BUCKETS_MAX {
            segment.resize(segment.larger());
            assert_eq!(segment.bytes(), segment.buckets() * 64, "no byte of the class is lost");
            sizes.push(segment.buckets());
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 80, 96, 112, 128]);
        for len in 0..=capacity(BUCKETS_MAX) {
            let buckets = Segment::fitting(len);
            assert!(sizes.contains(&buckets) && capacity(buckets) >= len);
            assert!(sizes.iter().all(|&size| size >= buckets || capacity(size) < len), "a smaller one does not fit {len}");
        }
        assert!(capacity(Segment::fitting(5000)) >= 5000);
    }
}
