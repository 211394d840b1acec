//! Groups beside a naive model: a map of pending entries that say by name whose they are.

use proptest::prelude::*;

use super::*;

/// Owner, time of delivery, deliveries.
type Known = (Option<u8>, u64, u64);

#[derive(Debug, Default)]
struct Model {
    pending: BTreeMap<Id, Known>,
    consumers: BTreeSet<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Join(u8),
    Leave(u8),
    /// An id, who is to have it, when, how often; a consumer who is not there joins.
    Put(u8, Option<u8>, u64, u64),
    Settle(u8),
    Assign(u8, u8),
    IdleLongest(u64, usize),
    Forget(Vec<u8>),
    ForgetRange(u8, u8),
}

fn id(number: u8) -> Id {
    Id { ms: u64::from(number / 4), seq: u64::from(number % 4) }
}

fn name(number: u8) -> Vec<u8> {
    vec![b'c'; usize::from(number) * 5]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let consumer = 0u8..6;
    let step = prop_oneof![
        2 => consumer.clone().prop_map(Step::Join),
        1 => consumer.clone().prop_map(Step::Leave),
        12 => (any::<u8>(), prop::option::weighted(0.9, consumer.clone()), 0u64..50, 0u64..5)
            .prop_map(|(id, owner, time, deliveries)| Step::Put(id, owner, time, deliveries)),
        5 => any::<u8>().prop_map(Step::Settle),
        2 => (any::<u8>(), consumer).prop_map(|(id, owner)| Step::Assign(id, owner)),
        2 => (0u64..60, 0usize..20).prop_map(|(latest, limit)| Step::IdleLongest(latest, limit)),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Step::Forget),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(start, end)| Step::ForgetRange(start, end)),
    ];
    prop::collection::vec(step, 0..300)
}

impl Group {
    /// Looks whether each fact is where it must be, and nowhere else.
    fn check(&self) {
        for (name, seat) in &self.seats {
            assert_eq!(self.consumer(*seat).map(Consumer::name), Some(&**name));
        }
        assert_eq!(self.consumers.iter().flatten().count(), self.seats.len());
        assert_eq!(self.consumers.len(), self.seats.len() + self.vacant.len());
        let mut owned = 0;
        for (seat, consumer) in self.consumers.iter().enumerate() {
            let Some(consumer) = consumer else { continue };
            for id in &consumer.own {
                assert_eq!(self.pending[id].owner.0 as usize, seat, "an entry in a consumer's set is its own");
                owned += 1;
            }
        }
        let nobodys = self.pending.values().filter(|pending| pending.owner == Seat::NOBODY).count();
        assert_eq!(self.pending.len(), owned + nobodys);
        assert_eq!(self.all_owned(), nobodys == 0);
        if let Some(by_time) = &self.by_time {
            assert!(by_time.iter().copied().eq(self.in_time()));
        }
        assert_eq!(self.names, self.seats.keys().map(|name| 2 * size_class(name.len())).sum::<usize>());
    }

    fn in_time(&self) -> BTreeSet<(u64, Id)> {
        self.pending.iter().map(|(id, pending)| (pending.delivered_ms, *id)).collect()
    }
}

fn run(steps: &[Step]) {
    let mut groups = Groups::default();
    assert!(groups.add(b"group", Group::new(Id::MIN, None)));
    assert!(groups.add(b"other", Group::new(Id::MAX, Some(7))));
    assert!(!groups.add(b"group", Group::new(Id::MIN, None)));
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Forget(ids) => {
                let ids: Vec<Id> = ids.iter().map(|number| id(*number)).collect();
                groups.forget(&ids);
                model.pending.retain(|id, _| !ids.contains(id));
            }
            Step::ForgetRange(start, end) => {
                let (start, end) = (id(*start), (*end > 10).then(|| id(*end)));
                groups.forget_range(start, end);
                model.pending.retain(|id, _| *id < start || end.is_some_and(|end| *id >= end));
            }
            _ => {}
        }
        let mut group = groups.edit(b"group").unwrap();
        match step {
            Step::Join(consumer) => {
                let (seat, is_new) = group.join(&name(*consumer), 5);
                assert_eq!(is_new, model.consumers.insert(*consumer));
                assert_eq!(group.seat(&name(*consumer)), Some(seat));
            }
            Step::Leave(consumer) => {
                let known = model.consumers.remove(consumer);
                let pending = model.pending.len();
                model.pending.retain(|_, (owner, ..)| *owner != Some(*consumer));
                assert_eq!(group.leave(&name(*consumer)), known.then(|| pending - model.pending.len()));
            }
            Step::Put(number, owner, time, deliveries) => {
                let seat = owner.map_or(Seat::NOBODY, |owner| group.join(&name(owner), 5).0);
                model.consumers.extend(owner);
                group.put(id(*number), Pending { delivered_ms: *time, deliveries: *deliveries, owner: seat });
                model.pending.insert(id(*number), (*owner, *time, *deliveries));
            }
            Step::Settle(number) => {
                let known = model.pending.remove(&id(*number));
                let settled = group.settle(id(*number));
                assert_eq!(
                    settled.map(|pending| (pending.delivered_ms, pending.deliveries)),
                    known.map(|(_, time, deliveries)| (time, deliveries))
                );
            }
            Step::Assign(number, consumer) => {
                let seat = group.seat(&name(*consumer)).unwrap_or(Seat::NOBODY);
                let known = model.pending.get_mut(&id(*number)).filter(|(owner, ..)| owner.is_none() && model.consumers.contains(consumer));
                assert_eq!(group.assign(id(*number), seat), known.is_some());
                if let Some((owner, ..)) = known {
                    *owner = Some(*consumer);
                }
            }
            Step::IdleLongest(latest, limit) => {
                let mut known: Vec<(u64, Id)> = model.pending.iter().map(|(id, (_, time, _))| (*time, *id)).collect();
                known.sort_unstable();
                known.retain(|(time, _)| time <= latest);
                known.truncate(*limit);
                let found: Vec<(u64, Id)> =
                    group.idle_longest(*latest, *limit).into_iter().map(|(id, pending)| (pending.delivered_ms, id)).collect();
                assert_eq!(found, known);
            }
            Step::Forget(_) | Step::ForgetRange(..) => {}
        }
        group.check();
        drop(group);
        let group = groups.get(b"group").unwrap();
        let found: BTreeMap<Id, Known> = group
            .range(Id::MIN)
            .map(|(id, pending)| {
                let owner = (pending.owner != Seat::NOBODY).then(|| (group.owner(pending).len() / 5) as u8);
                (*id, (owner, pending.delivered_ms, pending.deliveries))
            })
            .collect();
        assert_eq!(found, model.pending);
        assert!(group.iter_consumers().map(|consumer| (consumer.name().len() / 5) as u8).eq(model.consumers.iter().copied()));
        for consumer in &model.consumers {
            let known = model.pending.iter().filter(|(_, (owner, ..))| *owner == Some(*consumer)).map(|(id, _)| *id);
            let seat = group.seat(&name(*consumer)).unwrap();
            assert!(group.consumer(seat).unwrap().own(Id::MIN).eq(known));
        }
        let mut references = groups.references();
        for number in (0..=255).step_by(7) {
            assert_eq!(references.has(id(number)), model.pending.contains_key(&id(number)));
        }
        let heap = groups.iter().map(|(name, group)| group.heap_bytes() + GROUP_BYTES + size_class(name.len())).sum::<usize>();
        assert_eq!(groups.heap_bytes(), heap);
    }
    let copy = groups.clone();
    copy.get(b"group").unwrap().check();
    let removed = groups.remove(b"group").unwrap();
    assert_eq!((removed.len(), removed.pending()), (1, model.pending.len()));
    assert!(groups.remove(b"group").is_none());
    assert!(groups.remove(b"other").is_some());
    assert_eq!((groups.heap_bytes(), groups.read_by_all()), (0, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_group_is_a_map_of_pending_entries(steps in steps()) {
        run(&steps);
    }
}

#[test]
fn what_all_have_read_is_what_the_slowest_has() {
    let mut groups = Groups::default();
    assert_eq!(groups.read_by_all(), None);
    groups.add(b"a", Group::new(id(9), None));
    groups.add(b"b", Group::new(id(5), Some(3)));
    assert_eq!(groups.read_by_all(), Some(id(5)));
    groups.edit(b"b").unwrap().set_progress(id(200), None);
    assert_eq!(groups.read_by_all(), Some(id(9)));
}

/// Many groups and many ids: all that is pending is gathered once, instead of each id being looked up in each group.
#[test]
fn references_are_found_in_many_groups() {
    let mut groups = Groups::default();
    for number in 0..200u8 {
        groups.add(&[number], Group::new(Id::MAX, None));
    }
    for number in (0..200u8).step_by(9) {
        let mut group = groups.edit(&[number]).unwrap();
        let (seat, _) = group.join(b"c", 0);
        group.put(id(number), Pending { delivered_ms: 1, deliveries: 1, owner: seat });
    }
    let mut references = groups.references();
    for number in 0..=255u8 {
        assert_eq!(references.has(id(number)), number < 200 && number % 9 == 0, "{number}");
    }
}

/// Each of these would take hours if it walked what is pending for every entry.
#[test]
fn a_hundred_thousand_pending_entries_are_no_burden() {
    const ENTRIES: u64 = 100_000;
    let entry = |seq: u64| Id { ms: 1, seq };
    let mut group = Group::new(Id::MIN, None);
    let (first, _) = group.join(b"first", 0);
    let (second, _) = group.join(b"second", 0);
    for seq in 0..ENTRIES {
        group.put(entry(seq), Pending { delivered_ms: seq, deliveries: 1, owner: first });
    }
    assert_eq!(group.idle_longest(ENTRIES, 1)[0].0, entry(0));
    for seq in 0..ENTRIES / 2 {
        group.put(entry(seq), Pending { delivered_ms: ENTRIES + seq, deliveries: 2, owner: second });
        assert_eq!(group.idle_longest(u64::MAX, 1).len(), 1);
    }
    for seq in (0..ENTRIES).step_by(2) {
        assert!(group.settle(entry(seq)).is_some());
    }
    group.check();
    assert_eq!((group.leave(b"first"), group.leave(b"second")), (Some(25_000), Some(25_000)));
    assert_eq!((group.pending(), group.heap_bytes()), (0, 0));
}
