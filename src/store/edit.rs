//! An entry that its holder may change: the database's books, of bytes and of the deadlines of members, follow each change.

use std::mem;
use std::ops::{Deref, DerefMut};

use super::entry::{Block, Entry};
use super::expiry::Deadlines;
use super::segment::Slot;
use super::types::{Hash, Perishable, Set, SortedSet};
use super::value::{Content, Kind, Text, Typed, Value};
use crate::time::UnixMillis;

/// What a database adds up over its entries.
#[derive(Default)]
pub(super) struct Books {
    /// What the entries have allocated: their blocks by size class, and what their values own.
    pub(super) bytes: usize,
    /// The earliest member deadline of every key that has one.
    pub(super) members: Deadlines,
}

/// What one entry adds to the books.
#[derive(Clone, Copy)]
struct Share {
    bytes: usize,
    next: Option<UnixMillis>,
}

impl Books {
    /// An entry's share is not what it was.
    #[inline]
    fn change(&mut self, hash: u64, before: Share, after: Share) {
        // Wrapping, as a structure that lies about its bytes must not stop the daemon; the tests recount.
        self.bytes = self.bytes.wrapping_sub(before.bytes).wrapping_add(after.bytes);
        self.members.change(hash, before.next, after.next);
    }

    pub(super) fn add(&mut self, hash: u64, entry: Entry<'_>) {
        self.change(hash, Share { bytes: 0, next: None }, Share::of(entry));
    }

    pub(super) fn remove(&mut self, hash: u64, entry: Entry<'_>) {
        self.change(hash, Share::of(entry), Share { bytes: 0, next: None });
    }
}

impl Share {
    fn of(entry: Entry<'_>) -> Share {
        Share { bytes: entry.heap_bytes(), next: entry.member_deadline() }
    }

    #[inline]
    fn of_value<T: Typed>(value: &T) -> Share {
        Share { bytes: value.heap_bytes(), next: value.next_deadline() }
    }
}

/// A found entry, to be changed. Its deadline is the database's to change, which keeps them in order.
pub struct EntryMut<'a> {
    /// Not empty.
    slot: &'a mut Slot,
    /// Of the key.
    hash: u64,
    books: &'a mut Books,
}

impl<'a> EntryMut<'a> {
    pub(super) fn new(slot: &'a mut Slot, hash: u64, books: &'a mut Books) -> EntryMut<'a> {
        debug_assert!(slot.entry().is_some());
        EntryMut { slot, hash, books }
    }

    /// To read it.
    #[inline]
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        self.slot.entry().expect("the slot was found to hold an entry, and nothing here empties it")
    }

    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.entry().key()
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.entry().kind()
    }

    #[must_use]
    pub fn deadline(&self) -> Option<UnixMillis> {
        self.entry().deadline()
    }

    #[must_use]
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.entry().is_due(now)
    }

    #[must_use]
    pub fn text(&self) -> Option<Text<'_>> {
        self.entry().text()
    }

    #[must_use]
    pub fn get<T: Typed>(&self) -> Option<&T> {
        self.entry().get()
    }

    #[must_use]
    pub fn encoding(&self) -> &'static str {
        self.entry().encoding()
    }

    /// The earliest deadline of any of its members.
    #[must_use]
    pub fn member_deadline(&self) -> Option<UnixMillis> {
        self.entry().member_deadline()
    }

    /// Removes members whose deadline has passed, at most `budget` of them, and shows `lost` each. Returns how many.
    pub(super) fn drop_due_members(&mut self, now: UnixMillis, budget: usize, lost: &mut dyn FnMut(Kind, &[u8])) -> usize {
        let kind = self.kind();
        let lost = &mut |member: &[u8]| lost(kind, member);
        match kind {
            Kind::Hash => self.edit::<Hash>().map_or(0, |mut hash| hash.remove_due(now, budget, lost)),
            Kind::Set => self.edit::<Set>().map_or(0, |mut set| set.remove_due(now, budget, lost)),
            Kind::SortedSet => self.edit::<SortedSet>().map_or(0, |mut set| set.remove_due(now, budget, lost)),
            Kind::String | Kind::List | Kind::Stream => 0,
        }
    }

    #[must_use]
    pub fn access(&self) -> u32 {
        self.entry().access()
    }

    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.entry().heap_bytes()
    }

    #[must_use]
    pub fn duplicate(&self) -> Value {
        self.entry().duplicate()
    }

    pub fn set_access(&mut self, access: u32) {
        self.entry().touch(access);
    }

    /// The number, if the value is kept as one.
    #[inline]
    pub fn integer_mut(&mut self) -> Option<&mut i64> {
        self.slot.held()?.integer_mut()
    }

    /// The collection, if it is of this type.
    pub fn edit<T: Typed>(&mut self) -> Option<Guard<'_, T>> {
        let value = self.slot.held()?.value_mut::<T>()?;
        Some(Guard { before: Share::of_value(value), value, hash: self.hash, books: self.books })
    }

    /// As [`EntryMut::edit`], for a guard that outlives this handle.
    pub fn into_guard<T: Typed>(self) -> Option<Guard<'a, T>> {
        let value = self.slot.held()?.value_mut::<T>()?;
        Some(Guard { before: Share::of_value(value), value, hash: self.hash, books: self.books })
    }

    /// Adds bytes at the end of a string. False, and nothing done, if it is none.
    pub fn append(&mut self, more: &[u8]) -> bool {
        self.change(|block| block.append(more))
    }

    /// Overwrites a string from `offset` on, after filling it with zeros up to there. False, and nothing done, if it is none.
    /// The caller has checked the length that results.
    pub fn splice(&mut self, offset: usize, patch: &[u8]) -> bool {
        self.change(|block| block.splice(offset, patch))
    }

    /// The bytes of a string, which is made at least `len` of them long with zeros behind its end; from now on it is called raw. `None`, and
    /// nothing done, if it is none. The caller has checked the length.
    pub fn text_mut(&mut self, len: usize) -> Option<&mut [u8]> {
        match self.text()? {
            Text::Bytes(bytes) if bytes.len() >= len => {}
            _ => {
                self.change(|block| block.extend(len));
            }
        }
        self.slot.held()?.text_mut()
    }

    /// Replaces the value by a string as SET would, keeping key, deadline and access. The old value is returned if it had a box of its own.
    pub fn put_text(&mut self, text: &[u8]) -> Option<Value> {
        self.put(Content::of_text(text))
    }

    /// Replaces the value by a number.
    pub fn put_integer(&mut self, number: i64) -> Option<Value> {
        self.put(Content::Integer(number))
    }

    /// Replaces the value, keeping key, deadline and access.
    pub fn put_value(&mut self, value: Value) -> Option<Value> {
        let mut scratch = Vec::new();
        self.put(Content::of_value(value, &mut scratch))
    }

    pub(super) fn put(&mut self, content: Content<'_>) -> Option<Value> {
        if self.slot.held()?.overwrite(&content) {
            return None;
        }
        self.change(|block| block.put(content))
    }

    pub(super) fn set_deadline(&mut self, deadline: Option<UnixMillis>) {
        self.change(|block| block.set_deadline(deadline));
    }

    fn change<R>(&mut self, change: impl FnOnce(&mut Block) -> R) -> R {
        let before = Share::of(self.entry());
        let result = self.slot.change(change).expect("the slot was found to hold an entry, and nothing here empties it");
        let after = Share::of(self.entry());
        self.books.change(self.hash, before, after);
        result
    }
}

/// A collection being changed. Dropping it enters into the books what the change did to memory and deadlines.
pub struct Guard<'a, T: Typed> {
    value: &'a mut T,
    before: Share,
    hash: u64,
    books: &'a mut Books,
}

impl<T: Typed> Guard<'_, T> {
    /// Takes the whole contents out, leaving an empty one: for collections that are freed elsewhere.
    #[must_use]
    pub fn take(&mut self) -> T
    where
        T: Default,
    {
        mem::take(self.value)
    }
}

impl<T: Typed> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T: Typed> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
    }
}

impl<T: Typed> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.books.change(self.hash, self.before, Share::of_value(self.value));
    }
}
