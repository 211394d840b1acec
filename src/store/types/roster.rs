//! The members of a large sorted set: each stored once with its score, found by id or, through a hash index, by its bytes.
//!
//! Ids are small numbers that stay with a member until it leaves, or until the roster is much emptier than it was and moves
//! its last members into the gaps. Nothing here ever rehashes or copies the whole: pages are added one at a time, and the
//! index grows and shrinks by linear hashing, one small table at a time, so no insert stalls however large the set.

use ahash::RandomState;
use hashbrown::HashTable;

use super::rank::{Names, Score};
use crate::store::memory::size_class;

/// Members of one page: 16 KiB.
const PAGE: usize = 512;
/// Members for one table of the index, on average when it is split: splitting then takes some 0.1 ms.
const TABLE_LOAD: usize = 1200;
/// The longest member that lives in its slot: what an owned slice and a tag would take anyway.
const INLINE_BYTES: usize = 22;
/// The end of the list of free slots.
const NONE: u32 = u32::MAX;

#[derive(Clone)]
enum Member {
    Inline {
        len: u8,
        bytes: [u8; INLINE_BYTES],
    },
    Heap(Box<[u8]>),
    /// A free slot, linked both ways so that any of them can leave the list.
    Free {
        previous: u32,
        next: u32,
    },
}

impl Member {
    fn new(bytes: &[u8]) -> Member {
        if bytes.len() > INLINE_BYTES {
            return Member::Heap(bytes.into());
        }
        let mut inline = [0; INLINE_BYTES];
        inline[..bytes.len()].copy_from_slice(bytes);
        Member::Inline { len: bytes.len() as u8, bytes: inline }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Member::Inline { len, bytes } => &bytes[..*len as usize],
            Member::Heap(bytes) => bytes,
            Member::Free { .. } => &[],
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Member::Heap(bytes) => size_class(bytes.len()),
            _ => 0,
        }
    }
}

#[derive(Clone)]
struct Slot {
    member: Member,
    score: Score,
}

/// Slots by number: pages that are all full but the last.
struct Slots {
    pages: Vec<Vec<Slot>>,
    len: u32,
}

impl Slots {
    #[inline]
    fn get(&self, id: u32) -> &Slot {
        &self.pages[id as usize / PAGE][id as usize % PAGE]
    }

    #[inline]
    fn get_mut(&mut self, id: u32) -> &mut Slot {
        &mut self.pages[id as usize / PAGE][id as usize % PAGE]
    }

    fn hash(&self, id: u32, hasher: &RandomState) -> u64 {
        hasher.hash_one(self.get(id).member.bytes())
    }
}

impl Names for Slots {
    #[inline]
    fn name(&self, id: u32) -> &[u8] {
        self.get(id).member.bytes()
    }
}

/// The members, their scores, and the index over them.
pub(super) struct Roster {
    slots: Slots,
    /// The head of the list of free slots.
    free: u32,
    live: usize,
    /// Linear hashing: never empty; see [`table_of`].
    tables: Vec<HashTable<u32>>,
    hasher: RandomState,
    /// Bytes of pages, of members outside their slots, and of the tables' blocks.
    heap: usize,
}

/// The table of a hash among `count`. With 2^n < count <= 2^(n+1), the first tables have been split already and are told
/// apart by n + 1 bits of the hash, the others by n. The bits are none of those that order the inside of a table.
#[inline]
fn table_of(hash: u64, count: usize) -> usize {
    let bits = (hash >> 32) as usize;
    let mask = count.next_power_of_two() - 1;
    let table = bits & mask;
    if table < count { table } else { table & (mask >> 1) }
}

impl Names for Roster {
    #[inline]
    fn name(&self, id: u32) -> &[u8] {
        self.slots.name(id)
    }
}

impl Roster {
    pub(super) fn new(seeds: [u64; 4]) -> Roster {
        Roster {
            slots: Slots { pages: Vec::new(), len: 0 },
            free: NONE,
            live: 0,
            tables: vec![HashTable::new()],
            hasher: RandomState::with_seeds(seeds[0], seeds[1], seeds[2], seeds[3]),
            heap: 0,
        }
    }

    /// A copy that takes exactly as many bytes.
    pub(super) fn duplicate(&self) -> Roster {
        let page = |page: &Vec<Slot>| {
            let mut copy = Vec::with_capacity(page.capacity());
            copy.extend_from_slice(page);
            copy
        };
        Roster {
            slots: Slots { pages: self.slots.pages.iter().map(page).collect(), len: self.slots.len },
            free: self.free,
            live: self.live,
            tables: self.tables.clone(),
            hasher: self.hasher.clone(),
            heap: self.heap,
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Bytes as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap
            + size_class(self.slots.pages.capacity() * size_of::<Vec<Slot>>())
            + size_class(self.tables.capacity() * size_of::<HashTable<u32>>())
    }

    /// The hash that the other functions take, so that one call hashes once.
    #[inline]
    pub(super) fn hash(&self, member: &[u8]) -> u64 {
        self.hasher.hash_one(member)
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, member: &[u8]) -> Option<u32> {
        let table = &self.tables[table_of(hash, self.tables.len())];
        table.find(hash, |id| self.slots.name(*id) == member).copied()
    }

    #[inline]
    pub(super) fn score(&self, id: u32) -> Score {
        self.slots.get(id).score
    }

    pub(super) fn set_score(&mut self, id: u32, score: Score) {
        self.slots.get_mut(id).score = score;
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, hash: u64, member: &[u8], score: Score) -> u32 {
        let slot = Slot { member: Member::new(member), score };
        self.heap += slot.member.heap_bytes();
        let id = self.free;
        let id = if id == NONE {
            self.push(slot)
        } else {
            self.unlink(id);
            *self.slots.get_mut(id) = slot;
            id
        };
        self.live += 1;
        self.enter(hash, id);
        if self.live > self.tables.len() * TABLE_LOAD {
            self.split();
        }
        id
    }

    /// Removes a member and frees its id.
    pub(super) fn remove(&mut self, id: u32) {
        let hash = self.slots.hash(id, &self.hasher);
        let at = table_of(hash, self.tables.len());
        if let Ok(entry) = self.tables[at].find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.heap -= self.slots.get(id).member.heap_bytes();
        self.live -= 1;
        self.link(id);
        // A third: far enough from the bound of a split that neither follows the other.
        if self.tables.len() > 1 && self.live < self.tables.len() * (TABLE_LOAD / 3) {
            self.merge();
        }
    }

    /// When the slots are less than half in use: a member in the last of them, and the gap it should move to.
    ///
    /// Scans go downwards through the ids, so a move downwards never hides a member from one.
    pub(super) fn misplaced(&mut self) -> Option<(u32, u32)> {
        while self.slots.len as usize > 2 * self.live + PAGE {
            let last = self.slots.len - 1;
            if !matches!(self.slots.get(last).member, Member::Free { .. }) {
                // More than half of the slots are free, so the list has a head, and it lies below the last slot.
                return Some((last, self.free));
            }
            self.unlink(last);
            self.pop();
        }
        None
    }

    /// Moves the member in the last slot into the gap that [`Roster::misplaced`] named.
    pub(super) fn relocate(&mut self, from: u32, to: u32) {
        debug_assert_eq!(from, self.slots.len - 1);
        let hash = self.slots.hash(from, &self.hasher);
        self.unlink(to);
        let count = self.tables.len();
        if let Some(entry) = self.tables[table_of(hash, count)].find_mut(hash, |id| *id == from) {
            *entry = to;
        }
        if let Some(slot) = self.pop() {
            *self.slots.get_mut(to) = slot;
        }
    }

    /// Shows members by falling id: those below `cursor` (0: all), until `count` have been seen or ten times as many slots.
    /// Returns the next cursor, 0 at the end. A member that stays throughout a scan is shown at least once.
    pub(super) fn scan(&self, cursor: u64, count: usize, each: &mut dyn FnMut(&[u8], Score)) -> u64 {
        let end = u64::from(self.slots.len);
        let mut next = if cursor == 0 { end } else { cursor.min(end) };
        let mut slots = count.max(1).saturating_mul(10);
        let mut members = count.max(1);
        while next > 0 && slots > 0 && members > 0 {
            next -= 1;
            slots -= 1;
            let slot = self.slots.get(next as u32); // Below len, which is a u32.
            if !matches!(slot.member, Member::Free { .. }) {
                members -= 1;
                each(slot.member.bytes(), slot.score);
            }
        }
        next
    }

    fn push(&mut self, slot: Slot) -> u32 {
        let id = self.slots.len;
        assert!(id < NONE, "a sorted set of 2^32 members takes more than 200 GiB");
        let page_number = id as usize / PAGE;
        if page_number == self.slots.pages.len() {
            // The first page grows as a small set does; later ones are whole at once.
            let capacity = if page_number == 0 { 16 } else { PAGE };
            self.slots.pages.push(Vec::with_capacity(capacity));
            self.heap += size_class(capacity * size_of::<Slot>());
        }
        let page = &mut self.slots.pages[page_number];
        if page.len() == page.capacity() {
            let before = size_class(page.capacity() * size_of::<Slot>());
            page.reserve_exact(page.len());
            self.heap += size_class(page.capacity() * size_of::<Slot>()) - before;
        }
        page.push(slot);
        self.slots.len += 1;
        id
    }

    fn pop(&mut self) -> Option<Slot> {
        let page = self.slots.pages.last_mut()?;
        let slot = page.pop()?;
        self.slots.len -= 1;
        if page.is_empty() {
            self.heap -= size_class(page.capacity() * size_of::<Slot>());
            self.slots.pages.pop();
        }
        Some(slot)
    }

    /// Makes a slot the head of the free list.
    fn link(&mut self, id: u32) {
        let next = self.free;
        self.slots.get_mut(id).member = Member::Free { previous: NONE, next };
        if next != NONE
            && let Member::Free { previous, .. } = &mut self.slots.get_mut(next).member
        {
            *previous = id;
        }
        self.free = id;
    }

    /// Takes a slot out of the free list.
    fn unlink(&mut self, id: u32) {
        let Member::Free { previous: before, next: after } = self.slots.get(id).member else {
            debug_assert!(false, "only free slots are linked");
            return;
        };
        if before == NONE {
            self.free = after;
        } else if let Member::Free { next, .. } = &mut self.slots.get_mut(before).member {
            *next = after;
        }
        if after != NONE
            && let Member::Free { previous, .. } = &mut self.slots.get_mut(after).member
        {
            *previous = before;
        }
    }

    fn enter(&mut self, hash: u64, id: u32) {
        let at = table_of(hash, self.tables.len());
        let table = &mut self.tables[at];
        let (slots, hasher) = (&self.slots, &self.hasher);
        if table.len() == table.capacity() {
            self.heap -= table.allocation_size_class();
            table.reserve(1, |id| slots.hash(*id, hasher));
            self.heap += table.allocation_size_class();
        }
        table.insert_unique(hash, id, |id| slots.hash(*id, hasher));
    }

    /// Adds a table, which gets its part of the one it was counted to.
    fn split(&mut self) {
        let new = self.tables.len();
        let partner = new & !top_bit(new);
        let old = std::mem::take(&mut self.tables[partner]);
        self.heap -= old.allocation_size_class();
        let (mut stay, mut go) = (Vec::with_capacity(old.len()), Vec::with_capacity(old.len()));
        for id in old {
            let hash = self.slots.hash(id, &self.hasher);
            if table_of(hash, new + 1) == new { go.push((hash, id)) } else { stay.push((hash, id)) }
        }
        self.tables[partner] = table_from(&stay, &self.slots, &self.hasher);
        self.tables.push(table_from(&go, &self.slots, &self.hasher));
        self.heap += self.tables[partner].allocation_size_class() + self.tables[new].allocation_size_class();
    }

    /// Gives the last table back to the one it was split from.
    fn merge(&mut self) {
        let Some(last) = self.tables.pop() else { return };
        let number = self.tables.len();
        let partner = number & !top_bit(number);
        let old = std::mem::take(&mut self.tables[partner]);
        self.heap -= old.allocation_size_class() + last.allocation_size_class();
        let pairs: Vec<(u64, u32)> = old.into_iter().chain(last).map(|id| (self.slots.hash(id, &self.hasher), id)).collect();
        self.tables[partner] = table_from(&pairs, &self.slots, &self.hasher);
        self.heap += self.tables[partner].allocation_size_class();
    }
}

/// The highest bit of a number above 0.
fn top_bit(number: usize) -> usize {
    1 << number.ilog2()
}

fn table_from(pairs: &[(u64, u32)], slots: &Slots, hasher: &RandomState) -> HashTable<u32> {
    let mut table = HashTable::with_capacity(pairs.len());
    for (hash, id) in pairs {
        table.insert_unique(*hash, *id, |id| slots.hash(*id, hasher));
    }
    table
}

trait AllocationSizeClass {
    fn allocation_size_class(&self) -> usize;
}

impl AllocationSizeClass for HashTable<u32> {
    fn allocation_size_class(&self) -> usize {
        size_class(self.allocation_size())
    }
}

#[cfg(test)]
impl Roster {
    /// Counts again what `heap` counts, and checks that slots, free list and index agree.
    pub(super) fn check(&self) {
        let mut heap = 0;
        let (mut live, mut free) = (0, 0);
        for (number, page) in self.slots.pages.iter().enumerate() {
            heap += size_class(page.capacity() * size_of::<Slot>());
            assert!(number + 1 == self.slots.pages.len() || page.len() == PAGE);
            for (at, slot) in page.iter().enumerate() {
                let id = (number * PAGE + at) as u32;
                if matches!(slot.member, Member::Free { .. }) {
                    free += 1;
                    continue;
                }
                live += 1;
                heap += slot.member.heap_bytes();
                assert_eq!(self.find(self.hash(slot.member.bytes()), slot.member.bytes()), Some(id));
            }
        }
        assert_eq!(live, self.live);
        assert_eq!(live + free, self.slots.len as usize);
        assert_eq!(self.tables.iter().map(HashTable::len).sum::<usize>(), live);
        let (mut id, mut before, mut linked) = (self.free, NONE, 0);
        while id != NONE {
            let Member::Free { previous, next } = self.slots.get(id).member else { panic!("a live slot in the free list") };
            assert_eq!(previous, before);
            (before, id) = (id, next);
            linked += 1;
        }
        assert_eq!(linked, free);
        heap += self.tables.iter().map(|table| size_class(table.allocation_size())).sum::<usize>();
        assert_eq!(heap, self.heap);
        assert!(self.slots.len as usize <= 2 * self.live + PAGE || self.live == 0);
    }
}
