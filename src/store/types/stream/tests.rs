//! What concerns entries and groups together, beside the naive way to do it; the entries alone are tested in `stream_log`.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::Thresholds;
use super::super::group::{Group, Pending, Seat};
use super::*;

fn id(number: u64) -> Id {
    Id { ms: number, seq: 1 }
}

/// Entries 1 to `entries`, and for each group how far it has read and what it has not acknowledged.
fn stream(entries: u64, groups: &[(u64, BTreeSet<u64>)]) -> Stream {
    let thresholds = Thresholds { stream_node_entries: 4, ..Thresholds::default() };
    let mut stream = Stream::new();
    for number in 1..=entries {
        stream.append(id(number), std::iter::once((&b"f"[..], &b"v"[..])), &thresholds).unwrap();
    }
    for (at, (read, pending)) in groups.iter().enumerate() {
        let mut group = Group::new(id(*read), None);
        for number in pending.iter().filter(|number| *number <= read) {
            group.put(id(*number), Pending { delivered_ms: 1, deliveries: 1, owner: Seat::NOBODY });
        }
        assert!(stream.groups_mut().add(&[at as u8], group));
    }
    stream
}

fn entries(stream: &Stream) -> Vec<u64> {
    stream.range(Id::MIN, Id::MAX, false).map(|(id, _)| id.ms).collect()
}

fn pending(stream: &Stream) -> Vec<Vec<u64>> {
    stream.groups().iter().map(|(_, group)| group.range(Id::MIN).map(|(id, _)| id.ms).collect()).collect()
}

/// Groups with what is pending of what they have read.
fn groups() -> impl Strategy<Value = Vec<(u64, BTreeSet<u64>)>> {
    prop::collection::vec((0u64..40, prop::collection::btree_set(1u64..40, 0..12)), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn only_what_all_have_acknowledged_is_trimmed(groups in groups(), len in 0u64..40, deleted in prop::collection::vec(1u64..30, 0..5)) {
        let mut stream = stream(30, &groups);
        for number in &deleted {
            stream.delete(id(*number));
        }
        let before = entries(&stream);
        let held = |number: u64| groups.iter().any(|(read, pending)| number > *read || pending.contains(&number));
        let mut kept = before.clone();
        while kept.len() as u64 > len {
            match kept.iter().position(|number| !held(*number)) {
                Some(at) => drop(kept.remove(at)),
                None => break,
            }
        }
        let trimmed = stream.trim_with(Trim::MaxLen(len), Precision::Exact, References::Acknowledged);
        prop_assert_eq!(&entries(&stream), &kept);
        prop_assert_eq!(trimmed, before.len() - kept.len());
        // A gap behind an entry that stays is remembered, so that nobody's lag is told wrongly.
        let gap = before.iter().filter(|number| !kept.contains(number) && kept.first().is_some_and(|first| first < number)).max();
        if let Some(gap) = gap {
            prop_assert!(stream.max_deleted_id() >= id(*gap));
        }
    }

    #[test]
    fn references_go_with_what_is_trimmed(groups in groups(), len in 0u64..40) {
        let mut stream = stream(30, &groups);
        let before = pending(&stream);
        stream.trim_with(Trim::MaxLen(len), Precision::Exact, References::Delete);
        let first = 30u64.saturating_sub(len) + 1;
        let kept: Vec<Vec<u64>> = before.iter().map(|group| group.iter().copied().filter(|number| *number >= first).collect()).collect();
        // What lies behind the last entry there ever was is nobody's to trim.
        prop_assume!(groups.iter().all(|(_, pending)| pending.iter().all(|number| *number <= 30)));
        prop_assert_eq!(pending(&stream), kept);
    }

    #[test]
    fn deletion_asks_every_group(groups in groups(), ids in prop::collection::vec(1u64..36, 0..20), delete in any::<bool>()) {
        let mut stream = stream(30, &groups);
        let references = if delete { References::Delete } else { References::Acknowledged };
        let mut left: BTreeSet<u64> = (1..=30).collect();
        let known: Vec<Deletion> = ids.iter().map(|number| {
            let held = groups.is_empty() || groups.iter().any(|(read, pending)| number > read || pending.contains(number));
            match () {
                () if !left.contains(number) => Deletion::Missing,
                () if held && !delete => Deletion::Referenced,
                () => {
                    left.remove(number);
                    Deletion::Done
                }
            }
        }).collect();
        let before = pending(&stream);
        let asked: Vec<Id> = ids.iter().map(|number| id(*number)).collect();
        prop_assert_eq!(stream.delete_all(&asked, references), known);
        prop_assert_eq!(entries(&stream), left.into_iter().collect::<Vec<_>>());
        let kept: Vec<Vec<u64>> = before.into_iter().map(|group| group.into_iter().filter(|number| !delete || !ids.contains(number)).collect()).collect();
        prop_assert_eq!(pending(&stream), kept);
    }
}

/// What a stored form is written from, and read back into.
#[test]
fn a_stream_is_rebuilt_from_its_parts() {
    let mut original = stream(30, &[(20, [3, 9].into()), (5, BTreeSet::new())]);
    for number in [1, 7, 8, 30] {
        original.delete(id(number));
    }
    let mut copy = Stream::new();
    let mut nodes = 0;
    for (base, entries) in original.iter_nodes() {
        nodes += 1;
        for (id, fields) in entries {
            assert!(id >= base);
            copy.append(id, fields, &Thresholds::default()).unwrap();
        }
    }
    assert_eq!(nodes, original.nodes());
    copy.restore(original.last_id(), original.max_deleted_id(), original.entries_added());
    for (name, group) in original.groups().iter() {
        let mut other = Group::new(group.last_id(), group.entries_read());
        for (id, pending) in group.range(Id::MIN) {
            other.put(*id, Pending { owner: Seat::NOBODY, ..*pending });
        }
        let (seat, _) = other.join(b"c", 0);
        other.set_times(seat, 17, Some(5));
        assert!(other.get(id(3)).is_none() || (other.assign(id(3), seat) && !other.assign(id(3), seat)), "an entry has one owner");
        assert!(copy.groups_mut().add(name, other));
    }
    assert_eq!((entries(&copy), pending(&copy)), (entries(&original), pending(&original)));
    assert_eq!((copy.last_id(), copy.max_deleted_id(), copy.entries_added()), (id(30), id(30), 30));
    assert!(!copy.groups().get(&[0]).unwrap().all_owned() && copy.groups().get(&[1]).unwrap().all_owned());
}
