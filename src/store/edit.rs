//! An entry that its holder may change: the database's count of bytes follows each change.

use std::mem;
use std::ops::{Deref, DerefMut};

use super::entry::{Block, Entry};
use super::segment::Slot;
use super::value::{Content, Kind, Text, Typed, Value};
use crate::time::UnixMillis;

/// A found entry, to be changed. Its deadline is the database's to change, which keeps them in order.
pub struct EntryMut<'a> {
    /// Not empty.
    slot: &'a mut Slot,
    /// Of the database: what its entries have allocated.
    bytes: &'a mut usize,
}

impl<'a> EntryMut<'a> {
    pub(super) fn new(slot: &'a mut Slot, bytes: &'a mut usize) -> EntryMut<'a> {
        debug_assert!(slot.entry().is_some());
        EntryMut { slot, bytes }
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
        Some(Guard { before: value.heap_bytes(), value, bytes: self.bytes })
    }

    /// As [`EntryMut::edit`], for a guard that outlives this handle.
    pub fn into_guard<T: Typed>(self) -> Option<Guard<'a, T>> {
        let value = self.slot.held()?.value_mut::<T>()?;
        Some(Guard { before: value.heap_bytes(), value, bytes: self.bytes })
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
        let before = self.heap_bytes();
        let result = self.slot.change(change).expect("the slot was found to hold an entry, and nothing here empties it");
        *self.bytes = self.bytes.wrapping_sub(before).wrapping_add(self.heap_bytes());
        result
    }
}

/// A collection being changed. Dropping it accounts for the memory that the change took or gave back.
pub struct Guard<'a, T: Typed> {
    value: &'a mut T,
    before: usize,
    bytes: &'a mut usize,
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
    fn drop(&mut self) {
        // Wrapping, as a structure that lies about its bytes must not stop the daemon; the tests recount.
        *self.bytes = self.bytes.wrapping_sub(self.before).wrapping_add(self.value.heap_bytes());
    }
}
