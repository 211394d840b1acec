//! Deadlines: which keys have one, in the order in which they are due. A database keeps two such lists: of its keys' own deadlines, and
//! of the earliest deadline of any member of each key.
//!
//! A key without a deadline is not in here and costs nothing. One with a deadline costs an item of deadline and hash; the sweep finds
//! the entry by the hash, since a copy of the key would cost more than the search.

use std::collections::BTreeSet;

use crate::store::Kind;
use crate::time::UnixMillis;

/// What of a key has come past its time, and so was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The key, by its own deadline.
    Key,
    /// Some members of a collection of this kind.
    Members(Kind),
    /// All of its members, and so the key.
    AllMembers(Kind),
}

/// Bytes that one item takes in a B-tree: 16, and its share of the free places and of the nodes' heads. Deadlines in order, as one time to live
/// for all keys makes them, leave leaves half full and take 35; deadlines in disorder take 27.
const ITEM_BYTES: usize = 31;

#[derive(Default)]
pub(super) struct Deadlines {
    /// Two keys of the same hash and deadline share an item. Should one of them lose it, the other is no longer swept but only expires
    /// when it is asked for; that takes a collision of 64 bits within a millisecond.
    items: BTreeSet<(UnixMillis, u64)>,
    /// Keys with a deadline.
    keys: usize,
    /// The first item's deadline, beside the tree: every command compares it with its clock.
    next: Option<UnixMillis>,
    /// The sum of all deadlines, for their mean.
    sum: u128,
}

impl Deadlines {
    pub(super) fn keys(&self) -> usize {
        self.keys
    }

    /// Bytes allocated, by estimate: the tree does not tell.
    pub(super) fn bytes(&self) -> usize {
        self.items.len() * ITEM_BYTES
    }

    /// A key's deadline has changed. Most often neither is there.
    #[inline]
    pub(super) fn change(&mut self, hash: u64, from: Option<UnixMillis>, to: Option<UnixMillis>) {
        if from == to {
            return;
        }
        if let Some(deadline) = from {
            self.items.remove(&(deadline, hash));
            self.keys -= 1;
            self.sum = self.sum.saturating_sub(u128::from(deadline.0));
            if self.next == Some(deadline) {
                self.find_next();
            }
        }
        if let Some(deadline) = to {
            self.items.insert((deadline, hash));
            self.keys += 1;
            self.sum = self.sum.saturating_add(u128::from(deadline.0));
            self.next = Some(self.next.map_or(deadline, |next| next.min(deadline)));
        }
    }

    #[inline]
    pub(super) fn next(&self) -> Option<UnixMillis> {
        self.next
    }

    /// The mean of all deadlines.
    pub(super) fn mean(&self) -> Option<UnixMillis> {
        let mean = self.sum.checked_div(self.keys as u128)?;
        Some(UnixMillis(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    fn find_next(&mut self) {
        self.next = self.items.first().map(|&(deadline, _)| deadline);
    }

    /// The first item, if it is due at `now`.
    pub(super) fn first_due(&self, now: UnixMillis) -> Option<(UnixMillis, u64)> {
        if self.next.is_none_or(|next| next >= now) {
            return None;
        }
        self.items.first().copied()
    }

    /// Forgets an item that no key answers to any more.
    pub(super) fn forget(&mut self, deadline: UnixMillis, hash: u64) {
        self.items.remove(&(deadline, hash));
        self.find_next();
    }

    /// Forgets the first item that is due at `now`, and returns it.
    pub(super) fn pop_due(&mut self, now: UnixMillis) -> Option<(UnixMillis, u64)> {
        let &(deadline, hash) = self.items.first()?;
        if now <= deadline {
            return None;
        }
        self.items.pop_first();
        self.find_next();
        Some((deadline, hash))
    }

    /// A key was removed whose item `pop_due` returned.
    pub(super) fn removed(&mut self, deadline: UnixMillis) {
        self.keys -= 1;
        self.sum = self.sum.saturating_sub(u128::from(deadline.0));
    }
}
