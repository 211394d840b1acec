//! Streams beside a naive model: a vector of entries.

use proptest::prelude::*;

use super::super::stream::ID_BYTES_MAX;
use super::*;

type Words = Vec<(Vec<u8>, Vec<u8>)>;

impl Log {
    /// Looks at every node, and counts again what is counted as it goes.
    fn check(&self) {
        let mut last = None;
        for (base, node) in &self.nodes {
            node.check(*base);
            assert!(node.live() > 0);
            assert!(last < Some(node.first(*base)) && *base <= node.first(*base));
            last = Some(node.last(*base));
        }
        assert!(last.is_none_or(|last| last <= self.last_id));
        assert_eq!(self.len, self.nodes.values().map(Node::live).sum::<usize>());
        assert_eq!(self.heap, self.nodes.values().map(Node::heap_bytes).sum::<usize>());
    }

    fn add(&mut self, id: Id, words: &Words, thresholds: &Thresholds) -> Result<(), Stale> {
        self.append(id, words.iter().map(|(field, value)| (field.as_slice(), value.as_slice())), thresholds)
    }

    fn all(&self, start: Id, end: Id, reverse: bool) -> Vec<(Id, Words)> {
        let words = |fields: Fields<'_>| {
            let count = fields.len();
            let words: Words = fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
            assert_eq!(words.len(), count);
            words
        };
        self.range(start, end, reverse).map(|(id, fields)| (id, words(fields))).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Milliseconds after the last id, a number, fields and values.
    Append(u64, u64, Words),
    Delete(usize),
    DeleteMissing(u64, u64),
    MaxLen(u64),
    MinId(usize),
    ApproximateMaxLen(u64, usize),
    ApproximateMinId(usize, usize),
}

fn words() -> impl Strategy<Value = Words> {
    let value = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        5 => (value(), value()).prop_map(|(first, second)| vec![(b"name".to_vec(), first), (b"age".to_vec(), second)]),
        1 => prop::collection::vec((value(), value()), 0..5),
        1 => (0usize..700).prop_map(|len| vec![(b"name".to_vec(), vec![b'v'; len])]),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0u64..3, 0u64..1000, words()).prop_map(|(ms, seq, words)| Step::Append(ms, seq, words)),
        6 => any::<usize>().prop_map(Step::Delete),
        1 => (0u64..100, 0u64..1000).prop_map(|(ms, seq)| Step::DeleteMissing(ms, seq)),
        1 => (0u64..150).prop_map(Step::MaxLen),
        1 => (0usize..150).prop_map(Step::MinId),
        1 => (0u64..150, 0usize..40).prop_map(|(len, limit)| Step::ApproximateMaxLen(len, limit)),
        1 => (0usize..150, 0usize..40).prop_map(|(at, limit)| Step::ApproximateMinId(at, limit)),
    ];
    prop::collection::vec(step, 0..400)
}

fn run(steps: &[Step], thresholds: &Thresholds) {
    let mut stream = Log::new();
    let mut model: Vec<(Id, Words)> = Vec::new();
    let (mut added, mut deleted) = (0, Id::MIN);
    for step in steps {
        match step {
            Step::Append(ms, seq, words) => {
                let last = stream.last_id();
                let id = Id { ms: last.ms + ms, seq: *seq };
                if id <= last {
                    assert_eq!(stream.add(id, words, thresholds), Err(Stale));
                } else {
                    assert_eq!(stream.add(id, words, thresholds), Ok(()));
                    model.push((id, words.clone()));
                    added += 1;
                }
            }
            Step::Delete(at) if !model.is_empty() => {
                let (id, _) = model.remove(at % model.len());
                assert!(stream.delete(id));
                assert!(!stream.delete(id));
                deleted = deleted.max(id);
            }
            Step::DeleteMissing(ms, seq) => {
                let id = Id { ms: *ms, seq: *seq };
                if !model.iter().any(|(other, _)| *other == id) {
                    assert!(!stream.delete(id));
                }
            }
            Step::MaxLen(len) => {
                let gone = model.len().saturating_sub(*len as usize);
                assert_eq!(stream.trim(Trim::MaxLen(*len), Precision::Exact), gone);
                model.drain(..gone);
            }
            Step::MinId(at) if *at < model.len() => {
                let min = model[*at].0;
                assert_eq!(stream.trim(Trim::MinId(min), Precision::Exact), *at);
                model.drain(..at);
            }
            Step::ApproximateMaxLen(len, limit) => {
                let gone = stream.trim(Trim::MaxLen(*len), Precision::Nodes { limit: *limit });
                assert!(gone <= model.len().saturating_sub(*len as usize));
                assert!(*limit == 0 || gone <= *limit);
                model.drain(..gone);
            }
            Step::ApproximateMinId(at, limit) if *at < model.len() => {
                let gone = stream.trim(Trim::MinId(model[*at].0), Precision::Nodes { limit: *limit });
                assert!(gone <= *at);
                assert!(*limit == 0 || gone <= *limit);
                model.drain(..gone);
            }
            _ => {}
        }
        stream.check();
        assert_eq!((stream.len(), stream.entries_added(), stream.max_deleted_id()), (model.len(), added, deleted));
        assert_eq!(stream.first_id(), model.first().map(|(id, _)| *id));
    }
    let copy = stream.duplicate();
    copy.check();
    assert_eq!(copy.all(Id::MIN, Id::MAX, false), model);
    assert_eq!(stream.all(Id::MIN, Id::MAX, false), model);
    let bounds: Vec<Id> = model.iter().map(|(id, _)| *id).step_by(5).chain([Id::MIN, Id::MAX, Id { ms: 3, seq: 500 }]).collect();
    for (at, start) in bounds.iter().enumerate() {
        let end = bounds[(at * 13 + 3) % bounds.len()];
        for (start, end) in [(*start, end), (start.next().unwrap_or(Id::MAX), end), (*start, end.previous().unwrap_or(Id::MIN))] {
            let mut wanted: Vec<_> = model.iter().filter(|(id, _)| *id >= start && *id <= end).cloned().collect();
            assert_eq!(stream.all(start, end, false), wanted);
            wanted.reverse();
            assert_eq!(stream.all(start, end, true), wanted);
        }
    }
    for (id, words) in &model {
        let found: Option<Words> = stream.get(*id).map(|fields| fields.map(|(field, value)| (field.to_vec(), value.to_vec())).collect());
        assert_eq!(found.as_ref(), Some(words));
    }
    assert!(stream.get(Id::MAX).is_none());
}

fn thresholds(bytes: usize, entries: usize) -> Thresholds {
    Thresholds { stream_node_bytes: bytes, stream_node_entries: entries, ..Thresholds::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stream_of_small_nodes_is_a_vector(steps in steps(), entries in 1usize..12) {
        run(&steps, &thresholds(300, entries));
    }

    #[test]
    fn a_stream_of_one_node_is_a_vector(steps in steps()) {
        run(&steps, &thresholds(0, 0));
    }

    #[test]
    fn a_stream_of_default_nodes_is_a_vector(steps in steps()) {
        run(&steps, &Thresholds::default());
    }
}

#[test]
fn ids_are_read_as_redis_reads_them() {
    let id = |ms, seq| Some(Id { ms, seq });
    let read: [(&str, Option<Id>); 16] = [
        ("0-0", id(0, 0)),
        ("5", id(5, 7)),
        ("5-3", id(5, 3)),
        ("007-01", id(7, 1)),
        ("+8-1", id(8, 1)),
        (" 9-1", id(9, 1)),
        ("9-+1", id(9, 1)),
        ("18446744073709551615-18446744073709551615", Some(Id::MAX)),
        ("18446744073709551616-1", None),
        ("9-", None),
        ("-9", None),
        ("9-9-9", None),
        ("0x10-1", None),
        ("", None),
        ("-", None),
        ("+", None),
    ];
    for (text, id) in read {
        assert_eq!(Id::parse(text.as_bytes(), 7), id, "{text}");
    }
    let mut scratch = [0; ID_BYTES_MAX];
    assert_eq!(Id::MAX.write(&mut scratch), Id::MAX.to_string().as_bytes());
    assert_eq!(Id { ms: 5, seq: 0 }.write(&mut scratch), b"5-0");
    assert_eq!(Id::MAX.next(), None);
    assert_eq!(Id::MIN.previous(), None);
    assert_eq!(Id { ms: 1, seq: u64::MAX }.next(), id(2, 0));
    assert_eq!(Id { ms: 2, seq: 0 }.previous(), id(1, u64::MAX));
}

#[test]
fn new_ids_follow_the_clock_and_never_go_back() {
    let thresholds = Thresholds::default();
    let words = vec![(b"a".to_vec(), b"b".to_vec())];
    let mut stream = Log::new();
    assert_eq!(stream.add(Id::MIN, &words, &thresholds), Err(Stale), "0-0 is no entry's id");
    assert_eq!(stream.next_id(0), Some(Id { ms: 0, seq: 1 }));
    assert_eq!(stream.next_id_in(0), Some(Id { ms: 0, seq: 1 }));
    stream.add(Id { ms: 10, seq: 5 }, &words, &thresholds).unwrap();
    assert_eq!(stream.next_id(11), Some(Id { ms: 11, seq: 0 }));
    assert_eq!(stream.next_id(9), Some(Id { ms: 10, seq: 6 }));
    assert_eq!(stream.next_id_in(10), Some(Id { ms: 10, seq: 6 }));
    assert_eq!(stream.next_id_in(9), None);
    stream.add(Id { ms: 10, seq: u64::MAX }, &words, &thresholds).unwrap();
    assert_eq!(stream.next_id(10), Some(Id { ms: 11, seq: 0 }));
    assert_eq!(stream.next_id_in(10), None);
    stream.add(Id::MAX, &words, &thresholds).unwrap();
    assert_eq!((stream.next_id(u64::MAX), stream.next_id_in(u64::MAX)), (None, None));
    assert_eq!(stream.trim(Trim::MaxLen(0), Precision::Exact), 3);
    assert_eq!((stream.last_id(), stream.max_deleted_id(), stream.heap_bytes()), (Id::MAX, Id::MIN, 0));
}

/// XADD with an exact MAXLEN in a stream that is one node: each byte is moved a few times at most, and room comes back.
#[test]
fn a_stream_kept_short_stays_small() {
    let thresholds = thresholds(0, 0);
    let words = vec![(b"field".to_vec(), vec![b'v'; 100])];
    let mut stream = Log::new();
    for ms in 1..20_000 {
        stream.add(Id { ms, seq: 0 }, &words, &thresholds).unwrap();
        stream.trim(Trim::MaxLen(50), Precision::Exact);
    }
    stream.check();
    assert_eq!(stream.len(), 50);
    assert!(stream.heap_bytes() < 40_000, "{}", stream.heap_bytes());
}
