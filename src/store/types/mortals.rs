//! Deadlines of single members: which members of a collection have one, and in which order they are due.
//!
//! A collection whose members all live as long as its key pays one pointer for this, and none while it is packed. The members are kept
//! here a second time, beside the collection and whatever its form: few in one row ordered by deadline, many in a table that finds
//! one by its bytes and an order that finds the next one due by the table's hash.

use std::collections::BTreeSet;
use std::mem;

use super::Thresholds;
use super::table::{Item, Table};
use crate::store::memory::size_class;
use crate::store::value::Typed;
use crate::time::UnixMillis;

/// Members up to which one row is searched from end to end, deadlines first: less than a kilobyte.
const FEW_MAX: usize = 32;
/// Room is made for so many at a time.
const ROOM_STEP: usize = 4;
/// Bytes that one item takes in a B-tree that is three quarters full: 16, and its share of the free places and of the nodes' heads.
const ORDER_ITEM_BYTES: usize = 24;

/// The members that have a deadline.
#[derive(Clone, Debug, Default)]
pub struct Mortals {
    /// Nothing, and not allocated, without deadlines.
    inner: Option<Box<Inner>>,
}

#[derive(Clone, Debug)]
enum Inner {
    /// In the order of their deadlines.
    Few(Vec<Mortal>),
    Many(Box<Many>),
}

#[derive(Clone, Debug)]
struct Mortal {
    deadline: UnixMillis,
    member: Box<[u8]>,
}

impl Item for Mortal {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.member
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        size_class(self.member.len())
    }

    #[inline]
    fn block(&self) -> &[u8] {
        &self.member
    }
}

#[derive(Clone, Debug)]
struct Many {
    table: Table<Mortal>,
    /// The deadline and the hash of every item of the table. Two of the same deadline and hash share one.
    order: BTreeSet<(UnixMillis, u64)>,
}

impl Mortals {
    /// How many members have a deadline.
    pub fn len(&self) -> usize {
        match self.inner.as_deref() {
            None => 0,
            Some(Inner::Few(row)) => row.len(),
            Some(Inner::Many(many)) => many.table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    /// The earliest deadline.
    #[inline]
    pub fn next(&self) -> Option<UnixMillis> {
        match self.inner.as_deref()? {
            Inner::Few(row) => row.first().map(|mortal| mortal.deadline),
            Inner::Many(many) => many.order.first().map(|(deadline, _)| *deadline),
        }
    }

    /// The latest deadline.
    pub fn last(&self) -> Option<UnixMillis> {
        match self.inner.as_deref()? {
            Inner::Few(row) => row.last().map(|mortal| mortal.deadline),
            Inner::Many(many) => many.order.last().map(|(deadline, _)| *deadline),
        }
    }

    /// The deadline of a member, if it has one.
    pub fn get(&self, member: &[u8]) -> Option<UnixMillis> {
        match self.inner.as_deref()? {
            Inner::Few(row) => row.iter().find(|mortal| *mortal.member == *member).map(|mortal| mortal.deadline),
            Inner::Many(many) => many.table.get(member).map(|mortal| mortal.deadline),
        }
    }

    /// Gives a member a deadline, whether it has one or not.
    pub fn set(&mut self, member: &[u8], deadline: UnixMillis, thresholds: &Thresholds) {
        let inner = self.inner.get_or_insert_with(|| Box::new(Inner::Few(Vec::new())));
        if let Inner::Few(row) = &mut **inner {
            let before = row.iter().position(|mortal| *mortal.member == *member);
            if before.is_some() || row.len() < FEW_MAX {
                let member = match before {
                    Some(at) => row.remove(at).member,
                    None => member.into(),
                };
                if row.len() == row.capacity() {
                    row.reserve_exact(ROOM_STEP);
                }
                // Behind those of the same deadline.
                let at = row.partition_point(|other| other.deadline <= deadline);
                row.insert(at, Mortal { deadline, member });
                return;
            }
            **inner = Inner::Many(Box::new(Many::of(mem::take(row), thresholds)));
        }
        if let Inner::Many(many) = &mut **inner {
            many.set(member, deadline);
        }
    }

    /// Takes a member's deadline away; false if it had none.
    pub fn clear(&mut self, member: &[u8]) -> bool {
        let Some(inner) = self.inner.as_deref_mut() else { return false };
        let cleared = match inner {
            Inner::Few(row) => match row.iter().position(|mortal| *mortal.member == *member) {
                Some(at) => {
                    row.remove(at);
                    true
                }
                None => false,
            },
            Inner::Many(many) => many.clear(member),
        };
        self.give_back();
        cleared
    }

    /// Takes out the first member that is due, as of which it has no deadline any more. The deadline's own millisecond still belongs to it.
    pub fn pop_due(&mut self, now: UnixMillis) -> Option<Box<[u8]>> {
        if self.next()? >= now {
            return None;
        }
        let member = match self.inner.as_deref_mut()? {
            Inner::Few(row) => row.remove(0).member,
            Inner::Many(many) => many.pop_first()?,
        };
        self.give_back();
        Some(member)
    }

    /// Takes out the members of a row that are due, at most `budget` of them, and shows each. A row is short: one move for all.
    fn pop_all_due(&mut self, now: UnixMillis, budget: usize, mut each: impl FnMut(&[u8])) -> usize {
        let mut popped = 0;
        if let Some(Inner::Few(row)) = self.inner.as_deref_mut() {
            popped = row.partition_point(|mortal| mortal.deadline < now).min(budget);
            row.drain(..popped).for_each(|mortal| each(&mortal.member));
            self.give_back();
            return popped;
        }
        while popped < budget
            && let Some(member) = self.pop_due(now)
        {
            each(&member);
            popped += 1;
        }
        popped
    }

    /// The memory it owns beyond its own fields.
    pub fn heap_bytes(&self) -> usize {
        let Some(inner) = self.inner.as_deref() else { return 0 };
        size_class(size_of::<Inner>())
            + match inner {
                Inner::Few(row) => {
                    size_class(row.capacity() * size_of::<Mortal>())
                        + row.iter().map(|mortal| size_class(mortal.member.len())).sum::<usize>()
                }
                Inner::Many(many) => size_class(size_of::<Many>()) + many.table.heap_bytes() + many.order.len() * ORDER_ITEM_BYTES,
            }
    }

    /// Frees what is left of a structure that has become empty.
    fn give_back(&mut self) {
        if self.next().is_none() {
            self.inner = None;
        }
    }
}

impl Many {
    fn of(row: Vec<Mortal>, thresholds: &Thresholds) -> Many {
        let mut many = Many { table: Table::new(thresholds.hash_seeds), order: BTreeSet::new() };
        for mortal in row {
            many.order.insert((mortal.deadline, many.table.hash_of(&mortal.member)));
            many.table.insert_new(mortal);
        }
        many
    }

    fn set(&mut self, member: &[u8], deadline: UnixMillis) {
        let hash = self.table.hash_of(member);
        match self.table.edit(member, |mortal| mem::replace(&mut mortal.deadline, deadline)) {
            Some(before) => self.unorder(before, hash),
            None => self.table.insert_new(Mortal { deadline, member: member.into() }),
        }
        self.order.insert((deadline, hash));
    }

    fn clear(&mut self, member: &[u8]) -> bool {
        let Some(mortal) = self.table.remove(member) else { return false };
        let hash = self.table.hash_of(member);
        self.unorder(mortal.deadline, hash);
        true
    }

    fn pop_first(&mut self) -> Option<Box<[u8]>> {
        let (deadline, hash) = *self.order.first()?;
        let mortal = self.table.remove_where(hash, |mortal| mortal.deadline == deadline);
        self.unorder(deadline, hash);
        mortal.map(|mortal| mortal.member)
    }

    /// An item has left a place of the order, which is free unless another item shares it.
    fn unorder(&mut self, deadline: UnixMillis, hash: u64) {
        if !self.table.contains_where(hash, |mortal| mortal.deadline == deadline) {
            self.order.remove(&(deadline, hash));
        }
    }
}

/// A collection whose members can have deadlines of their own.
pub trait Perishable: Typed {
    /// The members with deadlines; `None` in a form that has no room for them.
    fn mortals(&self) -> Option<&Mortals>;
    fn mortals_mut(&mut self) -> Option<&mut Mortals>;
    /// Takes a form that has room for deadlines.
    fn make_room(&mut self, thresholds: &Thresholds);
    fn holds(&self, member: &[u8]) -> bool;
    /// Removes a member and its deadline; false if it was not there.
    fn drop_member(&mut self, member: &[u8]) -> bool;
    fn members(&self) -> usize;

    /// The deadline of a member: `None` if there is no such member, `Some(None)` if it has no deadline.
    fn deadline_of(&self, member: &[u8]) -> Option<Option<UnixMillis>> {
        let deadline = self.mortals().and_then(|mortals| mortals.get(member));
        if deadline.is_some() || self.holds(member) { Some(deadline) } else { None }
    }

    /// Gives a member that is there a deadline.
    fn give_deadline(&mut self, member: &[u8], deadline: UnixMillis, thresholds: &Thresholds) {
        debug_assert!(self.holds(member));
        self.make_room(thresholds);
        if let Some(mortals) = self.mortals_mut() {
            mortals.set(member, deadline, thresholds);
        }
    }

    /// Takes a member's deadline away; false if it had none.
    fn take_deadline(&mut self, member: &[u8]) -> bool {
        self.mortals_mut().is_some_and(|mortals| mortals.clear(member))
    }

    /// The earliest deadline of any member.
    fn earliest(&self) -> Option<UnixMillis> {
        self.mortals()?.next()
    }

    /// Whether every member's deadline has passed: the collection might as well be gone.
    fn are_all_due(&self, now: UnixMillis) -> bool {
        self.mortals().is_some_and(|mortals| mortals.last().is_some_and(|last| last < now) && mortals.len() == self.members())
    }

    /// Removes members whose deadline has passed, at most `budget` of them, and shows `lost` each. Returns how many; fewer than
    /// the budget means that no more are due.
    fn remove_due(&mut self, now: UnixMillis, budget: usize, lost: &mut dyn FnMut(&[u8])) -> usize {
        // Out of the collection meanwhile, so that each removal there does not look for a deadline that is gone already.
        let Some(mut mortals) = self.mortals_mut().map(mem::take) else { return 0 };
        let removed = mortals.pop_all_due(now, budget, |member| {
            lost(member);
            self.drop_member(member);
        });
        if let Some(place) = self.mortals_mut() {
            *place = mortals;
        }
        removed
    }
}

#[cfg(test)]
impl Mortals {
    /// Compares the two views of many members.
    pub(super) fn assert_sound(&self) {
        match self.inner.as_deref() {
            None => {}
            Some(Inner::Few(row)) => {
                assert!(!row.is_empty() && row.len() <= FEW_MAX);
                assert!(row.is_sorted_by_key(|mortal| mortal.deadline));
            }
            Some(Inner::Many(many)) => {
                many.table.assert_sound();
                let order: BTreeSet<_> = many.table.iter().map(|mortal| (mortal.deadline, many.table.hash_of(&mortal.member))).collect();
                assert_eq!(order, many.order);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, u64),
        Clear(u8),
        PopDue(u64),
        PopAll(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (any::<u8>(), 0..60u64).prop_map(|(member, deadline)| Step::Set(member, deadline)),
            2 => any::<u8>().prop_map(Step::Clear),
            1 => (0..40u64).prop_map(Step::PopDue),
            1 => (0..40u64, 0..20usize).prop_map(|(now, budget)| Step::PopAll(now, budget)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn mortals_are_a_map(steps in prop::collection::vec(step(), 1..400)) {
            let thresholds = Thresholds::default();
            let (mut mortals, mut model) = (Mortals::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Set(member, deadline) => {
                        mortals.set(&[member], UnixMillis(deadline), &thresholds);
                        model.insert(member, UnixMillis(deadline));
                    }
                    Step::Clear(member) => prop_assert_eq!(mortals.clear(&[member]), model.remove(&member).is_some()),
                    Step::PopDue(now) => match mortals.pop_due(UnixMillis(now)) {
                        Some(member) => {
                            let deadline = model.remove(&member[0]);
                            prop_assert!(deadline < Some(UnixMillis(now)));
                            prop_assert!(model.values().all(|other| Some(*other) >= deadline));
                        }
                        None => prop_assert!(model.values().all(|deadline| *deadline >= UnixMillis(now))),
                    },
                    Step::PopAll(now, budget) => {
                        let due = model.values().filter(|deadline| **deadline < UnixMillis(now)).count();
                        let mut popped = Vec::new();
                        prop_assert_eq!(mortals.pop_all_due(UnixMillis(now), budget, |member| popped.push(member[0])), due.min(budget));
                        for member in popped {
                            prop_assert!(model.remove(&member).is_some_and(|deadline| deadline < UnixMillis(now)));
                        }
                    }
                }
                mortals.assert_sound();
                prop_assert_eq!(mortals.len(), model.len());
                prop_assert_eq!(mortals.is_empty(), model.is_empty());
                prop_assert_eq!(mortals.heap_bytes() == 0, model.is_empty());
                prop_assert_eq!(mortals.next(), model.values().min().copied());
                prop_assert_eq!(mortals.last(), model.values().max().copied());
                for member in 0..=u8::MAX {
                    prop_assert_eq!(mortals.get(&[member]), model.get(&member).copied());
                }
            }
        }
    }

    /// The figures of docs/member-ttl.md, besides the eight bytes of each member.
    #[test]
    fn a_deadline_costs_what_the_page_says() {
        let thresholds = Thresholds::default();
        let mut bytes = Vec::new();
        for count in [32u64, 10_000] {
            let mut mortals = Mortals::default();
            for number in 0..count {
                mortals.set(&number.to_be_bytes(), UnixMillis(number), &thresholds);
            }
            bytes.push(mortals.heap_bytes() as f64 / count as f64 - 8.0);
        }
        assert!((24.0..=26.0).contains(&bytes[0]) && (55.0..=75.0).contains(&bytes[1]), "{bytes:?}");
    }

    #[test]
    fn without_deadlines_it_is_a_pointer() {
        assert_eq!(size_of::<Mortals>(), 8);
        assert_eq!(Mortals::default().heap_bytes(), 0);
    }
}
