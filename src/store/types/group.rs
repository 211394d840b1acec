//! Consumer groups of a stream: how far each has read, and which entries were delivered to whom and not acknowledged yet.
//!
//! A pending entry is one record in its group, under its id; whose it is stands in the record, and the consumer's own set holds the
//! id alone. So there is nothing that two consumers could share, and every step is a look-up or two in a sorted map.

use std::collections::BTreeSet;
use std::collections::btree_map::{self, BTreeMap};
use std::ops::{Deref, DerefMut};

use super::stream::Id;
use crate::store::memory::size_class;

/// What std's maps take for one of each, which std does not tell: rising keys leave leaves of 11 places with 6 used, and a seventh key
/// above each. Measured with 400 000 pending entries: 124 bytes for one and its id in the consumer's set.
const PENDING_BYTES: usize = 88;
const OWN_BYTES: usize = 36;
const BY_TIME_BYTES: usize = 54;
/// A group or consumer in its map, besides its name: leaves are two thirds full when names come in any order.
const GROUP_BYTES: usize = size_of::<Group>() * 3 / 2 + 24;
const CONSUMER_BYTES: usize = size_of::<Consumer>() * 3 / 2 + 24;

/// The groups of a stream, by name.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    by_name: BTreeMap<Box<[u8]>, Group>,
    /// Bytes of all groups.
    heap: usize,
}

/// One group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry delivered.
    last_id: Id,
    /// How many entries the stream ever had up to there, if that is known.
    entries_read: Option<u64>,
    /// Every entry that was delivered and not acknowledged.
    pending: BTreeMap<Id, Pending>,
    /// The same, the longest ago first. Made when somebody first asks for that order, and kept from then on.
    by_time: Option<BTreeSet<(u64, Id)>>,
    /// By seat; an empty seat waits for the next consumer.
    consumers: Vec<Option<Consumer>>,
    seats: BTreeMap<Box<[u8]>, Seat>,
    vacant: Vec<Seat>,
    /// Bytes of names, as allocated.
    names: usize,
}

/// A consumer's place in its group: a number that stands for its name. It holds until the consumer is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(u32);

impl Seat {
    /// Of entries that were given back, and belong to nobody.
    pub const NOBODY: Seat = Seat(u32::MAX);
}

/// A delivered entry that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was last delivered, in milliseconds since the epoch; 0 once it is given back.
    pub delivered_ms: u64,
    /// How often, at most `i64::MAX`.
    pub deliveries: u64,
    pub owner: Seat,
}

impl Pending {
    /// Milliseconds since it was delivered.
    pub fn idle(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.delivered_ms)
    }
}

/// The most deliveries that are counted, as far as clients can read.
pub const DELIVERIES_MAX: u64 = i64::MAX as u64;

/// One who reads for its group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something.
    seen_ms: u64,
    /// When it last got something.
    active_ms: Option<u64>,
    /// Invariant: exactly the ids of the group's pending entries whose owner it is.
    own: BTreeSet<Id>,
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    pub fn seen_ms(&self) -> u64 {
        self.seen_ms
    }

    pub fn active_ms(&self) -> Option<u64> {
        self.active_ms
    }

    /// How many entries it has not acknowledged.
    pub fn pending(&self) -> usize {
        self.own.len()
    }

    /// Their ids, from `start` on.
    pub fn own(&self, start: Id) -> impl Iterator<Item = Id> {
        self.own.range(start..).copied()
    }
}

impl Groups {
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Bytes as allocated; of the maps estimates.
    pub fn heap_bytes(&self) -> usize {
        self.heap
    }

    /// Pending entries of all groups.
    pub fn pending(&self) -> usize {
        self.by_name.values().map(|group| group.pending.len()).sum()
    }

    /// Adds a group. False, and nothing done, if there is one of that name.
    pub fn add(&mut self, name: &[u8], group: Group) -> bool {
        if self.by_name.contains_key(name) {
            return false;
        }
        self.heap += group.heap_bytes() + GROUP_BYTES + size_class(name.len());
        self.by_name.insert(name.into(), group);
        true
    }

    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.by_name.get(name)
    }

    /// A group, to be changed.
    pub fn edit(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let group = self.by_name.get_mut(name)?;
        Some(GroupMut { before: group.heap_bytes(), group, heap: &mut self.heap })
    }

    /// Takes a group out, as groups of its own, so that it can be freed elsewhere.
    pub fn remove(&mut self, name: &[u8]) -> Option<Groups> {
        let group = self.by_name.remove(name)?;
        self.heap -= group.heap_bytes() + GROUP_BYTES + size_class(name.len());
        let mut removed = Groups::default();
        removed.add(name, group);
        Some(removed)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.by_name.iter().map(|(name, group)| (&**name, group))
    }

    /// The last id that every group has been delivered; nothing without groups.
    pub fn read_by_all(&self) -> Option<Id> {
        self.by_name.values().map(|group| group.last_id).min()
    }

    /// Answers whether ids are pending anywhere.
    pub fn references(&self) -> References<'_> {
        References { groups: self, patience: self.pending(), all: None }
    }

    /// Removes what is pending of these ids in any group.
    pub fn forget(&mut self, ids: &[Id]) {
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        for group in self.by_name.values_mut() {
            let before = group.heap_bytes();
            // The shorter of the two is walked, so that the whole costs no more than all that is pending.
            if group.pending.len() < sorted.len() {
                let gone: Vec<Id> = group.pending.keys().copied().filter(|id| sorted.binary_search(id).is_ok()).collect();
                for id in gone {
                    group.settle(id);
                }
            } else {
                for id in &sorted {
                    group.settle(*id);
                }
            }
            self.heap = self.heap - before + group.heap_bytes();
        }
    }

    /// Removes what is pending in any group from `start` on and before `end`.
    pub fn forget_range(&mut self, start: Id, end: Option<Id>) {
        for group in self.by_name.values_mut() {
            let before = group.heap_bytes();
            while let Some((id, _)) = group.next_pending(start).filter(|(id, _)| end.is_none_or(|end| *id < end)) {
                group.settle(id);
            }
            self.heap = self.heap - before + group.heap_bytes();
        }
    }
}

/// Whether ids are pending in any group of a stream.
#[derive(Debug)]
pub struct References<'a> {
    groups: &'a Groups,
    /// Look-ups that are worth doing one by one. Every id in every group may be more than all that is pending; then that is
    /// gathered once.
    patience: usize,
    all: Option<BTreeSet<Id>>,
}

impl References<'_> {
    pub fn has(&mut self, id: Id) -> bool {
        let groups = &self.groups.by_name;
        if self.all.is_none() {
            match self.patience.checked_sub(groups.len()) {
                Some(left) => {
                    self.patience = left;
                    return groups.values().any(|group| group.pending.contains_key(&id));
                }
                None => self.all = Some(groups.values().flat_map(|group| group.pending.keys().copied()).collect()),
            }
        }
        self.all.as_ref().is_some_and(|all| all.contains(&id))
    }
}

/// A group being changed. Dropping it accounts for the memory that the change took or gave back.
#[derive(Debug)]
pub struct GroupMut<'a> {
    group: &'a mut Group,
    before: usize,
    heap: &'a mut usize,
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.heap = *self.heap - self.before + self.group.heap_bytes();
    }
}

impl Group {
    /// A group that has been delivered everything up to `last_id`.
    pub fn new(last_id: Id, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            pending: BTreeMap::new(),
            by_time: None,
            consumers: Vec::new(),
            seats: BTreeMap::new(),
            vacant: Vec::new(),
            names: 0,
        }
    }

    /// Bytes as allocated; of the maps estimates.
    pub fn heap_bytes(&self) -> usize {
        // Every pending entry but those given back is in one consumer's set: counting them as if all were errs on the safe side.
        self.pending.len() * (PENDING_BYTES + OWN_BYTES)
            + self.by_time.as_ref().map_or(0, |by_time| by_time.len() * BY_TIME_BYTES)
            + self.seats.len() * CONSUMER_BYTES
            + self.names
    }

    pub fn last_id(&self) -> Id {
        self.last_id
    }

    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// Sets how far the group has read.
    pub fn set_progress(&mut self, last_id: Id, entries_read: Option<u64>) {
        (self.last_id, self.entries_read) = (last_id, entries_read);
    }

    // Consumers ---------------------------------------------------------------------------------------------------------------

    pub fn consumers(&self) -> usize {
        self.seats.len()
    }

    /// In the order of their names.
    pub fn iter_consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.seats.values().filter_map(|seat| self.consumer(*seat))
    }

    pub fn seat(&self, name: &[u8]) -> Option<Seat> {
        self.seats.get(name).copied()
    }

    pub fn consumer(&self, seat: Seat) -> Option<&Consumer> {
        self.consumers.get(seat.0 as usize)?.as_ref()
    }

    /// The name of a pending entry's owner; empty for nobody.
    pub fn owner(&self, pending: &Pending) -> &[u8] {
        self.consumer(pending.owner).map_or(b"", Consumer::name)
    }

    /// The seat of the consumer of that name, and whether it came just now.
    pub fn join(&mut self, name: &[u8], now_ms: u64) -> (Seat, bool) {
        if let Some(seat) = self.seat(name) {
            return (seat, false);
        }
        let consumer = Consumer { name: name.into(), seen_ms: now_ms, active_ms: None, own: BTreeSet::new() };
        let seat = match self.vacant.pop() {
            Some(seat) => {
                self.consumers[seat.0 as usize] = Some(consumer);
                seat
            }
            None => {
                // A consumer takes more than a hundred bytes: memory ends long before the numbers do.
                let seat = Seat(u32::try_from(self.consumers.len()).expect("fewer consumers than 2^32"));
                self.consumers.push(Some(consumer));
                seat
            }
        };
        self.seats.insert(name.into(), seat);
        self.names += 2 * size_class(name.len());
        (seat, true)
    }

    /// Removes a consumer and all that is pending for it. Says how much that was.
    pub fn leave(&mut self, name: &[u8]) -> Option<usize> {
        let seat = self.seats.remove(name)?;
        let consumer = self.consumers[seat.0 as usize].take().expect("a name in the map has a consumer in its seat");
        self.vacant.push(seat);
        self.names -= 2 * size_class(name.len());
        for id in &consumer.own {
            if let Some(pending) = self.pending.remove(id)
                && let Some(by_time) = &mut self.by_time
            {
                by_time.remove(&(pending.delivered_ms, *id));
            }
        }
        Some(consumer.own.len())
    }

    /// Notes that a consumer asked for something.
    pub fn seen(&mut self, seat: Seat, now_ms: u64) {
        if let Some(consumer) = self.consumer_mut(seat) {
            consumer.seen_ms = now_ms;
        }
    }

    /// Notes that a consumer got something.
    pub fn active(&mut self, seat: Seat, now_ms: u64) {
        if let Some(consumer) = self.consumer_mut(seat) {
            consumer.active_ms = Some(now_ms);
        }
    }

    /// Sets a consumer's times, as a loader does.
    pub fn set_times(&mut self, seat: Seat, seen_ms: u64, active_ms: Option<u64>) {
        if let Some(consumer) = self.consumer_mut(seat) {
            (consumer.seen_ms, consumer.active_ms) = (seen_ms, active_ms);
        }
    }

    fn consumer_mut(&mut self, seat: Seat) -> Option<&mut Consumer> {
        self.consumers.get_mut(seat.0 as usize)?.as_mut()
    }

    // Pending entries ---------------------------------------------------------------------------------------------------------

    /// How many entries are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    pub fn get(&self, id: Id) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// What is pending from `start` on, in the order of ids; both ends may be taken from.
    pub fn range(&self, start: Id) -> btree_map::Range<'_, Id, Pending> {
        self.pending.range(start..)
    }

    /// The first pending entry from `start` on.
    pub fn next_pending(&self, start: Id) -> Option<(Id, Pending)> {
        self.range(start).next().map(|(id, pending)| (*id, *pending))
    }

    /// The first entry from `start` on that is pending for a consumer.
    pub fn next_own(&self, seat: Seat, start: Id) -> Option<(Id, Pending)> {
        let id = self.consumer(seat)?.own(start).next()?;
        Some((id, *self.pending.get(&id)?))
    }

    /// Up to `limit` entries that were last delivered at `latest_ms` or before, the longest ago first.
    pub fn idle_longest(&mut self, latest_ms: u64, limit: usize) -> Vec<(Id, Pending)> {
        let pending = &self.pending;
        let by_time = self.by_time.get_or_insert_with(|| pending.iter().map(|(id, pending)| (pending.delivered_ms, *id)).collect());
        let old = by_time.range(..=(latest_ms, Id::MAX)).take(limit);
        old.filter_map(|(_, id)| Some((*id, *pending.get(id)?))).collect()
    }

    /// Makes an entry pending, or changes how it is: the one way in which a record comes about, changes hands, or is dated anew.
    /// `pending.owner` is a seat that is taken, or nobody's.
    pub fn put(&mut self, id: Id, pending: Pending) {
        debug_assert!(pending.owner == Seat::NOBODY || self.consumer(pending.owner).is_some());
        let before = self.pending.insert(id, pending);
        if let Some(by_time) = &mut self.by_time {
            if let Some(before) = before {
                by_time.remove(&(before.delivered_ms, id));
            }
            by_time.insert((pending.delivered_ms, id));
        }
        let owner_before = before.map_or(Seat::NOBODY, |before| before.owner);
        if owner_before != pending.owner {
            if let Some(consumer) = self.consumer_mut(owner_before) {
                consumer.own.remove(&id);
            }
            if let Some(consumer) = self.consumer_mut(pending.owner) {
                consumer.own.insert(id);
            }
        }
    }

    /// Ends an entry's being pending: it was acknowledged, or there is nothing left to acknowledge. Returns how it was.
    pub fn settle(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if let Some(by_time) = &mut self.by_time {
            by_time.remove(&(pending.delivered_ms, id));
        }
        if let Some(consumer) = self.consumer_mut(pending.owner) {
            consumer.own.remove(&id);
        }
        Some(pending)
    }

    /// Gives a pending entry of nobody's its owner, as a loader does that learns of both apart. False if it is not pending or has one.
    pub fn assign(&mut self, id: Id, owner: Seat) -> bool {
        match self.get(id) {
            Some(pending) if pending.owner == Seat::NOBODY && self.consumer(owner).is_some() => {
                let pending = Pending { owner, ..*pending };
                self.put(id, pending);
                true
            }
            _ => false,
        }
    }

    /// Whether every pending entry has an owner.
    pub fn all_owned(&self) -> bool {
        self.pending.len() == self.consumers.iter().flatten().map(Consumer::pending).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
