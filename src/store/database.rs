//! One numbered database: keys to entries, the deadlines of those that have one, and those of their members.
//!
//! Every call takes the key's hash besides the key, since the caller has computed it when the batch arrived, to prefetch. Whether an
//! entry that is due still exists is the caller's to decide; nothing here reads a clock.

use super::directory::Directory;
use super::edit::{Books, EntryMut};
use super::entry::{Block, Entry};
use super::expiry::{Deadlines, Due};
use super::hasher::KeyHasher;
use super::image::{Extent, Image, LARGE_BYTES, Piece, Scribe};
use super::segment::{Place, tag_of};
use super::value::{Content, INLINE_TEXT_MAX, Kind, Text, Value};
use crate::time::UnixMillis;

/// Who is shown the keys that a sweep changes: the key, what of it was due, and what it held if all of it is gone.
type Changed<'c> = &'c mut dyn FnMut(&[u8], Due, Option<Value>);

/// Who is shown the members that leave a key.
type Lost<'c> = &'c mut dyn FnMut(Kind, &[u8]);

/// What becomes of a key's deadline when SET overwrites it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Keep,
    Clear,
    At(UnixMillis),
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys past their deadline, or without a member that is not.
    pub keys: usize,
    /// Members past their deadline, of keys that stay.
    pub members: usize,
}

impl Swept {
    fn add(&mut self, other: Swept) {
        self.keys += other.keys;
        self.members += other.members;
    }

    /// How much of a budget that is.
    #[must_use]
    pub fn all(self) -> usize {
        self.keys + self.members
    }
}

/// The access bits that entries get when they are written, as the policy of eviction wants them now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// For a new entry.
    pub born: u32,
    /// For one that is overwritten as a whole; `None` leaves it as it is.
    pub written: Option<u32>,
}

pub struct Database {
    directory: Directory,
    deadlines: Deadlines,
    books: Books,
    hasher: KeyHasher,
    stamp: Stamp,
    /// What is being written down of it, while that is so.
    image: Option<Box<Image>>,
}

impl Database {
    pub(super) fn new(hasher: KeyHasher) -> Database {
        Database {
            directory: Directory::new(),
            deadlines: Deadlines::default(),
            books: Books::default(),
            hasher,
            stamp: Stamp::default(),
            image: None,
        }
    }

    /// Keys, those included that are due but not yet removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys that have a deadline.
    #[must_use]
    pub fn volatile(&self) -> usize {
        self.deadlines.keys()
    }

    /// Bytes allocated: entries, values, tables, deadlines.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.books.bytes.wrapping_add(self.table_bytes())
    }

    /// Bytes allocated for tables and deadlines, which all keys share.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        let deadlines = self.deadlines.bytes().wrapping_add(self.books.members.bytes());
        self.directory.bytes().wrapping_add(deadlines)
    }

    /// The access bits for entries written from now on.
    pub fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    /// Asks the processor for the line of the table where this hash is looked up first.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.directory.segment(hash).prefetch(tag_of(hash));
    }

    /// Asks for the entry's own line. To be called some commands after [`Database::prefetch`], as it reads that line of the table.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.directory.segment(hash).prefetch_entry(tag_of(hash));
    }

    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Entry<'_>> {
        self.check_hash(hash, key);
        self.directory.find(hash, key)
    }

    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        self.check_hash(hash, key);
        self.before_change(hash, key);
        let slot = self.directory.find_mut(hash, key)?;
        Some(EntryMut::new(slot, hash, &mut self.books))
    }

    /// The entry of a key, which holds what `make` returns if it was not there. One search if it was.
    pub fn find_or_add(&mut self, hash: u64, key: &[u8], make: impl FnOnce() -> Value) -> EntryMut<'_> {
        self.check_hash(hash, key);
        self.before_change(hash, key);
        let place = match self.directory.segment(hash).find(tag_of(hash), key) {
            Some(place) => place,
            None => {
                let mut scratch = Vec::new();
                self.add(hash, key, Content::of_value(make(), &mut scratch), None);
                self.directory.segment(hash).find(tag_of(hash), key).expect("the key was added one line above")
            }
        };
        EntryMut::new(self.directory.segment_mut(hash).slot_mut(place), hash, &mut self.books)
    }

    /// Stores a value under a key, whatever was there, and returns that.
    pub fn insert(&mut self, hash: u64, key: &[u8], value: Value, deadline: Option<UnixMillis>) -> Option<Value> {
        self.check_hash(hash, key);
        self.before_change(hash, key);
        let stamp = self.stamp;
        let Some(slot) = self.directory.find_mut(hash, key) else {
            let mut scratch = Vec::new();
            let content = Content::of_value(value, &mut scratch);
            self.add(hash, key, content, deadline);
            return None;
        };
        let mut entry = EntryMut::new(slot, hash, &mut self.books);
        let before = entry.deadline();
        // A boxed value is handed back as it was; one that lies in the entry is overwritten, so it has to be copied before.
        let inline = match entry.text() {
            Some(Text::Integer(number)) => Some(Value::Integer(number)),
            Some(Text::Bytes(bytes)) if bytes.len() <= INLINE_TEXT_MAX => Some(Value::Text(bytes.to_vec())),
            _ => None,
        };
        let old = entry.put_value(value).or(inline);
        if before != deadline {
            entry.set_deadline(deadline);
        }
        if let Some(access) = stamp.written {
            entry.set_access(access);
        }
        self.deadlines.change(hash, before, deadline);
        old
    }

    /// Stores a string under a key: SET. One search, and no allocation where the new value takes the room of the old one.
    ///
    /// The old value is returned if it is a collection or a text beyond [`super::value::INLINE_TEXT_MAX`], which the caller may have freed elsewhere.
    #[inline]
    pub fn set_text(&mut self, hash: u64, key: &[u8], text: &[u8], deadline: Keep) -> Option<Value> {
        self.check_hash(hash, key);
        self.before_change(hash, key);
        let content = Content::of_text(text);
        let stamp = self.stamp;
        let Some(slot) = self.directory.find_mut(hash, key) else {
            let deadline = match deadline {
                Keep::At(deadline) => Some(deadline),
                Keep::Keep | Keep::Clear => None,
            };
            self.add(hash, key, content, deadline);
            return None;
        };
        let mut entry = EntryMut::new(slot, hash, &mut self.books);
        if let Some(access) = stamp.written {
            entry.set_access(access);
        }
        let before = entry.deadline();
        let old = entry.put(content);
        let after = match deadline {
            Keep::Keep => before,
            Keep::Clear => None,
            Keep::At(deadline) => Some(deadline),
        };
        if before != after {
            entry.set_deadline(after);
            self.deadlines.change(hash, before, after);
        }
        old
    }

    #[cold]
    #[inline(never)]
    fn add(&mut self, hash: u64, key: &[u8], content: Content<'_>, deadline: Option<UnixMillis>) {
        let block = Block::new(key, content, deadline, self.stamp.born);
        self.books.add(hash, block.entry());
        self.directory.insert(hash, block, &self.hasher);
        if self.image.is_some() {
            self.mark_new(hash, key);
        }
        self.deadlines.change(hash, None, deadline);
    }

    /// Removes a key, and returns what it held and until when.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<(Value, Option<UnixMillis>)> {
        self.check_hash(hash, key);
        self.before_change(hash, key);
        let place = self.directory.segment(hash).find(tag_of(hash), key)?;
        let mut block = self.directory.remove(hash, place)?;
        self.books.remove(hash, block.entry());
        let deadline = block.entry().deadline();
        self.deadlines.change(hash, deadline, None);
        Some((block.take(), deadline))
    }

    /// Gives a key a deadline, or takes it away. False if there is no such key.
    pub fn set_deadline(&mut self, hash: u64, key: &[u8], deadline: Option<UnixMillis>) -> bool {
        self.before_change(hash, key);
        let Some(slot) = self.directory.find_mut(hash, key) else { return false };
        let mut entry = EntryMut::new(slot, hash, &mut self.books);
        let before = entry.deadline();
        if before != deadline {
            entry.set_deadline(deadline);
            self.deadlines.change(hash, before, deadline);
        }
        true
    }

    /// One step of a scan from `cursor` on, which is 0 to begin with; returns the next cursor, 0 at the end and below 2^48.
    /// Every key that is there from begin to end is visited, perhaps more than once; a step may visit none.
    pub fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        self.directory.scan(cursor, visit)
    }

    /// Some entry, chosen by the seed: nearly each as likely as any other.
    #[must_use]
    pub fn random(&self, seed: u64) -> Option<Entry<'_>> {
        self.directory.random(seed)
    }

    /// Every entry, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.directory.entries()
    }

    /// The earliest deadline of all keys and of all their members.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixMillis> {
        match (self.deadlines.next(), self.books.members.next()) {
            (Some(key), Some(member)) => Some(key.min(member)),
            (key, member) => key.or(member),
        }
    }

    /// The mean of the deadlines of all keys that have one.
    #[must_use]
    pub fn mean_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.mean()
    }

    /// Removes keys and members that are due, at most `budget` of both. Shows every key that this changes, what of it was due, and what it held,
    /// or nothing where only members left it; those are shown to `lost` before. Returns how many of each went; fewer than the budget means that no more are due.
    pub fn sweep(&mut self, now: UnixMillis, budget: usize, changed: Changed<'_>, lost: Lost<'_>) -> Swept {
        let mut swept = Swept::default();
        while swept.keys < budget
            && let Some((deadline, hash)) = self.deadlines.pop_due(now)
        {
            // More than one only if two keys have the same hash.
            while let Some(mut block) = self.remove_due(hash, deadline) {
                let value = block.take();
                changed(block.entry().key(), Due::Key, Some(value));
                swept.keys += 1;
            }
        }
        while swept.keys + swept.members < budget
            && let Some((deadline, hash)) = self.books.members.first_due(now)
        {
            let left = budget - swept.keys - swept.members;
            swept.add(self.sweep_members(hash, deadline, now, left, changed, lost));
        }
        swept
    }

    /// Removes members that are due from the keys of a hash, the first of whose members is due at `deadline`.
    fn sweep_members(
        &mut self,
        hash: u64,
        deadline: UnixMillis,
        now: UnixMillis,
        budget: usize,
        changed: Changed<'_>,
        lost: Lost<'_>,
    ) -> Swept {
        let mut swept = Swept::default();
        let hasher = &self.hasher;
        let is_it = |entry: Entry<'_>| entry.member_deadline() == Some(deadline) && hasher.hash(entry.key()) == hash;
        let Some(place) = self.directory.segment(hash).find_where(tag_of(hash), is_it) else {
            // Another key of the same hash had the same deadline, and took the item along when it went.
            self.books.members.forget(deadline, hash);
            return swept;
        };
        if self.image.is_some() {
            self.write_first(hash, place);
        }
        let mut entry = EntryMut::new(self.directory.segment_mut(hash).slot_mut(place), hash, &mut self.books);
        let Some(due) = entry.entry().due(now) else { return swept };
        if let Due::Members(_) = due {
            swept.members = entry.drop_due_members(now, budget, lost);
            changed(entry.key(), due, None);
        } else if let Some(mut block) = self.directory.remove(hash, place) {
            // Nothing of it is left: it goes as one, to be freed where that holds up nobody.
            self.books.remove(hash, block.entry());
            let before = block.entry().deadline();
            self.deadlines.change(hash, before, None);
            let value = block.take();
            changed(block.entry().key(), due, Some(value));
            swept.keys = 1;
        }
        swept
    }

    /// Removes the members of a key that are due, shows `lost` each, and returns how many. To be asked only while some members of it are not.
    pub fn drop_due_members(&mut self, hash: u64, key: &[u8], now: UnixMillis, lost: Lost<'_>) -> usize {
        self.find_mut(hash, key).map_or(0, |mut entry| entry.drop_due_members(now, usize::MAX, lost))
    }

    fn remove_due(&mut self, hash: u64, deadline: UnixMillis) -> Option<Block> {
        let hasher = &self.hasher;
        let is_it = |entry: Entry<'_>| entry.deadline() == Some(deadline) && hasher.hash(entry.key()) == hash;
        let place = self.directory.segment(hash).find_where(tag_of(hash), is_it)?;
        if self.image.is_some() {
            self.write_first(hash, place);
        }
        let block = self.directory.remove(hash, place)?;
        self.books.remove(hash, block.entry());
        self.deadlines.removed(deadline);
        Some(block)
    }

    /// Moves everything out, which takes no time; freeing what is returned takes as long as it is large. Its image, if one is being made, goes
    /// along: [`super::Keyspace::empty`] sees to that being finished.
    #[must_use]
    pub fn take(&mut self) -> Database {
        let mut empty = Database::new(self.hasher.clone());
        empty.stamp = self.stamp;
        std::mem::replace(self, empty)
    }

    /// What every change of an entry begins with: the image that is being made is paid what it is owed of it.
    #[inline]
    fn before_change(&mut self, hash: u64, key: &[u8]) {
        if self.image.is_some()
            && let Some(place) = self.directory.segment(hash).find(tag_of(hash), key)
        {
            self.write_first(hash, place);
        }
    }

    /// A hash of another key would put the entry where nobody finds it.
    #[inline]
    fn check_hash(&self, hash: u64, key: &[u8]) {
        debug_assert_eq!(self.hasher.hash(key), hash, "the hash is not that of the key");
    }

    /// Counts everything anew and compares it with what is kept.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.directory.check(&self.hasher);
        assert_eq!(self.books.bytes, self.iter().map(Entry::heap_bytes).sum::<usize>());
        assert_eq!(self.volatile(), self.iter().filter(|entry| entry.deadline().is_some()).count());
        assert_eq!(self.deadlines.next(), self.iter().filter_map(Entry::deadline).min());
        assert_eq!(self.books.members.keys(), self.iter().filter(|entry| entry.member_deadline().is_some()).count());
        assert_eq!(self.books.members.next(), self.iter().filter_map(Entry::member_deadline).min());
    }
}

/// Its image (`image` says how it is made).
impl Database {
    /// The cut.
    pub(super) fn begin_image(&mut self, version: u64, number: usize, scribe: Box<dyn Scribe>) -> Extent {
        debug_assert!(self.image.is_none(), "one image at a time");
        self.image = Some(Box::new(Image::new(version, number, scribe)));
        Extent { database: number, keys: self.len(), volatile: self.volatile(), with_mortals: self.books.members.keys() }
    }

    pub(super) fn image(&self) -> Option<&Image> {
        self.image.as_deref()
    }

    pub(super) fn cancel_image(&mut self) {
        if let Some(image) = &mut self.image {
            image.cancel();
        }
    }

    /// Takes away what was written, in pieces of at least so many bytes, and the image itself when that was all.
    pub(super) fn collect_image(&mut self, at_least: usize, visit: &mut dyn FnMut(Piece)) {
        if let Some(image) = &mut self.image {
            let is_done = image.is_done();
            image.collect(if is_done { 1 } else { at_least }, visit);
            if is_done {
                self.image = None;
            }
        }
    }

    /// Writes about so many bytes of what the image is owed. Returns how many are left of them: not all, or the walk is done.
    pub(super) fn image_step(&mut self, mut budget: usize) -> usize {
        /// What looking at a slot costs, in bytes written.
        const SLOT_COST: usize = 2;
        let Some(mut image) = self.image.take() else { return budget };
        if let Some((hash, key)) = &image.open {
            match self.directory.segment(*hash).find(tag_of(*hash), key) {
                Some(place) => {
                    let segment = self.directory.segment_mut(*hash);
                    let before = image.waiting();
                    if let Some(entry) = segment.slot(place).entry()
                        && image.write_part(entry, false)
                    {
                        segment.slot_mut(place).mark(true);
                    }
                    budget = budget.saturating_sub(image.waiting() - before);
                }
                // Cannot be: who removes it has it written first.
                None => image.open = None,
            }
        }
        while budget > 0 && image.open.is_none() && !image.has_ended_parts() && !image.is_done() {
            let segment = self.directory.segment_at_mut(image.position as u32);
            let mut at = 0;
            while segment.version < image.version && at < segment.slots() && budget > 0 {
                let slot = segment.slot_ahead(at);
                if let Some(entry) = slot.entry()
                    && !slot.is_marked()
                    && image.is_wanted()
                {
                    if entry.heap_bytes() > LARGE_BYTES {
                        image.open = Some((self.hasher.hash(entry.key()), entry.key().into()));
                        break;
                    }
                    budget = budget.saturating_sub(image.write(entry));
                }
                budget = budget.saturating_sub(SLOT_COST);
                at += 1;
            }
            if segment.version < image.version {
                let is_whole = at == segment.slots();
                // What has been written of it is marked if the walk has to come back, and unmarked when all has.
                segment.mark(0..at, !is_whole);
                if !is_whole {
                    break;
                }
                segment.version = image.version;
            }
            // The first position behind the segment's prefix.
            image.position = (u64::from(segment.prefix()) + 1) << (32 - u32::from(segment.depth()));
        }
        self.image = Some(image);
        budget
    }

    /// An entry is about to change: has it written, if it is owed.
    #[cold]
    #[inline(never)]
    fn write_first(&mut self, hash: u64, place: Place) {
        let Some(image) = &mut self.image else { return };
        let segment = self.directory.segment_mut(hash);
        let slot = segment.slot(place);
        if segment.version >= image.version || slot.is_marked() || !image.is_wanted() {
            return;
        }
        let Some(entry) = slot.entry() else { return };
        if image.open.as_ref().is_some_and(|(open, key)| *open == hash && **key == *entry.key()) {
            image.write_part(entry, true);
        } else {
            image.write(entry);
        }
        segment.slot_mut(place).mark(true);
    }

    /// An entry has come that the cut did not have.
    #[cold]
    fn mark_new(&mut self, hash: u64, key: &[u8]) {
        let Some(image) = &self.image else { return };
        let segment = self.directory.segment_mut(hash);
        if segment.version < image.version
            && image.is_wanted()
            && let Some(place) = segment.find(tag_of(hash), key)
        {
            segment.slot_mut(place).mark(true);
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({} keys)", self.len())
    }
}

impl Keep {
    /// What SET's options say: a new deadline, KEEPTTL, or neither.
    #[must_use]
    pub fn from_options(at: Option<UnixMillis>, keep: bool) -> Keep {
        match at {
            Some(deadline) => Keep::At(deadline),
            None if keep => Keep::Keep,
            None => Keep::Clear,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::*;
    use crate::time::UnixMillis;

    const MANY: usize = if cfg!(miri) { 300 } else { 30_000 };

    fn keyspace() -> Keyspace {
        Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4])
    }

    fn set(keyspace: &mut Keyspace, key: &[u8], text: &[u8], keep: Keep) {
        let hash = keyspace.hash(key);
        assert!(keyspace.database_mut(0).set_text(hash, key, text, keep).is_none());
    }

    fn find<'a>(keyspace: &'a Keyspace, key: &[u8]) -> Entry<'a> {
        keyspace.database(0).find(keyspace.hash(key), key).expect("it is there")
    }

    #[test]
    fn a_key_of_16_and_a_value_of_32_take_one_line() {
        let mut keyspace = keyspace();
        set(&mut keyspace, &[b'k'; 16], &[b'v'; 32], Keep::Clear);
        assert_eq!(find(&keyspace, &[b'k'; 16]).heap_bytes(), 64);
        set(&mut keyspace, &[b'n'; 16], b"12345678901234567", Keep::Clear);
        assert_eq!(find(&keyspace, &[b'n'; 16]).heap_bytes(), 32);
    }

    #[test]
    fn a_value_of_the_same_class_is_overwritten_where_it_is() {
        let mut keyspace = keyspace();
        set(&mut keyspace, b"key", &[b'a'; 30], Keep::Clear);
        let place = find(&keyspace, b"key").key().as_ptr();
        for len in 22..=37 {
            set(&mut keyspace, b"key", &vec![b'b'; len], Keep::Clear);
            let entry = find(&keyspace, b"key");
            assert_eq!(entry.key().as_ptr(), place);
            assert_eq!(entry.text().map(|text| text.to_vec()), Some(vec![b'b'; len]));
        }
    }

    #[test]
    fn sweeping_stops_at_the_budget_and_at_what_is_not_due() {
        let mut keyspace = keyspace();
        for number in 0..100u64 {
            set(&mut keyspace, &number.to_be_bytes(), b"v", Keep::At(UnixMillis(number)));
        }
        set(&mut keyspace, b"stays", b"v", Keep::Clear);
        let database = keyspace.database_mut(0);
        let mut due = Vec::new();
        assert_eq!(database.sweep(UnixMillis(50), 20, &mut |key, _, _| due.push(key.to_vec()), &mut |_, _| {}).keys, 20);
        assert_eq!(database.next_deadline(), Some(UnixMillis(20)));
        assert_eq!(
            database.sweep(UnixMillis(50), 1000, &mut |key, _, _| due.push(key.to_vec()), &mut |_, _| {}).keys,
            30,
            "the fiftieth is due after its millisecond"
        );
        assert_eq!((database.len(), database.volatile()), (51, 50));
        let expected: Vec<_> = (0..50u64).map(|number| number.to_be_bytes().to_vec()).collect();
        assert_eq!(due, expected);
        database.check();
    }

    #[test]
    fn a_database_gives_back_what_it_grew_by() {
        let mut keyspace = keyspace();
        let empty = keyspace.bytes();
        for number in 0..MANY {
            set(&mut keyspace, &number.to_be_bytes(), b"v", Keep::Clear);
        }
        keyspace.database(0).check();
        for number in 0..MANY {
            let key = number.to_be_bytes();
            let hash = keyspace.hash(&key);
            assert!(keyspace.database_mut(0).remove(hash, &key).is_some());
        }
        keyspace.database(0).check();
        assert!(keyspace.bytes() <= empty + 1024, "{} bytes left, {empty} at first", keyspace.bytes());
    }

    #[test]
    fn a_random_entry_is_any_entry() {
        let mut keyspace = keyspace();
        let keys: usize = if cfg!(miri) { 10 } else { 2000 };
        for number in 0..keys {
            set(&mut keyspace, &number.to_be_bytes(), b"v", Keep::Clear);
        }
        let mut hits = std::collections::HashMap::new();
        let draws = keys * 50;
        for seed in 0..draws {
            let entry = keyspace.database(0).random(seed as u64).expect("not empty");
            *hits.entry(entry.key().to_vec()).or_insert(0usize) += 1;
        }
        assert_eq!(hits.len(), keys, "each of them is drawn");
        assert!(hits.values().all(|&count| count < 150), "none is drawn three times too often");
    }

    #[test]
    fn a_long_key_and_a_moved_keyspace() {
        let mut keyspace = keyspace();
        let key = vec![b'k'; if cfg!(miri) { 1000 } else { 20 << 20 }];
        set(&mut keyspace, &key, b"v", Keep::At(UnixMillis(9)));
        let keyspace = std::thread::spawn(move || keyspace).join().expect("it moves");
        assert_eq!(find(&keyspace, &key).key(), key);
        assert_eq!(find(&keyspace, &key).deadline(), Some(UnixMillis(9)));
        assert!(find(&keyspace, &key).is_due(UnixMillis(10)) && !find(&keyspace, &key).is_due(UnixMillis(9)));
    }

    #[test]
    fn a_guard_is_of_the_type_that_is_there() {
        let mut keyspace = keyspace();
        let hash = keyspace.hash(b"list");
        let database = keyspace.database_mut(0);
        database.insert(hash, b"list", Value::List(Box::default()), None);
        let mut entry = database.find_mut(hash, b"list").expect("just inserted");
        assert!(entry.edit::<types::Hash>().is_none() && entry.integer_mut().is_none() && !entry.append(b"x"));
        assert!(entry.get::<types::List>().is_some_and(Typed::is_empty));
        assert!(entry.into_guard::<types::List>().is_some());
        database.check();
    }
}
