//! Producers that name what they add, so that an entry sent twice is added once: per producer the latest names and the ids they got.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use super::stream::Id;
use crate::store::memory::size_class;

/// How long a name is remembered, in seconds, unless it is said.
pub const DURATION_DEFAULT: u64 = 100;
pub const DURATION_MAX: u64 = 86_400;
/// How many names of one producer are remembered, unless it is said.
pub const NAMES_DEFAULT: usize = 100;
pub const NAMES_MAX: usize = 10_000;

/// A name in its map and in the order of arrival, besides its own bytes.
const NAME_BYTES: usize = 96;
/// A producer in its map.
const PRODUCER_BYTES: usize = size_of::<Producer>() * 3 / 2 + 24;

/// What a stream remembers of its producers.
#[derive(Clone, Debug)]
pub struct Producers {
    by_name: BTreeMap<Box<[u8]>, Producer>,
    duration_s: u64,
    names_max: usize,
    /// Names remembered at present.
    names: usize,
    /// Names that were ever added, and that came again.
    added: u64,
    repeated: u64,
    /// Whose names were looked at last for having become too old: each addition looks at two more producers.
    swept: Box<[u8]>,
    heap: usize,
}

#[derive(Clone, Debug, Default)]
struct Producer {
    ids: BTreeMap<Box<[u8]>, Id>,
    /// The oldest first, with the time at which each came.
    order: VecDeque<(u64, Box<[u8]>)>,
}

impl Default for Producers {
    fn default() -> Producers {
        Producers {
            by_name: BTreeMap::new(),
            duration_s: DURATION_DEFAULT,
            names_max: NAMES_DEFAULT,
            names: 0,
            added: 0,
            repeated: 0,
            swept: Box::default(),
            heap: 0,
        }
    }
}

impl Producers {
    pub fn duration_s(&self) -> u64 {
        self.duration_s
    }

    pub fn names_max(&self) -> usize {
        self.names_max
    }

    pub fn producers(&self) -> usize {
        self.by_name.len()
    }

    pub fn names(&self) -> usize {
        self.names
    }

    pub fn added(&self) -> u64 {
        self.added
    }

    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Bytes as allocated; of the maps estimates.
    pub fn heap_bytes(&self) -> usize {
        self.heap
    }

    /// Changes how long and how much is remembered. If that is a change, everything is forgotten.
    pub fn configure(&mut self, duration_s: Option<u64>, names_max: Option<usize>) {
        let (duration_s, names_max) = (duration_s.unwrap_or(self.duration_s), names_max.unwrap_or(self.names_max));
        if (duration_s, names_max) != (self.duration_s, self.names_max) {
            (self.duration_s, self.names_max) = (duration_s, names_max);
            self.by_name.clear();
            (self.names, self.heap) = (0, 0);
        }
    }

    /// The id that this producer's entry of that name got, if it is remembered; counts it as come again.
    pub fn find(&mut self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
        self.expire(producer, now_ms);
        let id = self.by_name.get(producer)?.ids.get(name).copied()?;
        self.repeated = self.repeated.saturating_add(1);
        Some(id)
    }

    /// Remembers the id of an entry just added, whose name [`Producers::find`] did not know.
    pub fn remember(&mut self, producer: &[u8], name: &[u8], id: Id, now_ms: u64) {
        if !self.by_name.contains_key(producer) {
            self.by_name.insert(producer.into(), Producer::default());
            self.heap += PRODUCER_BYTES + size_class(producer.len());
        }
        let Some(kept) = self.by_name.get_mut(producer) else { return };
        if kept.ids.insert(name.into(), id).is_none() {
            kept.order.push_back((now_ms, name.into()));
            self.names += 1;
            self.heap += NAME_BYTES + 2 * size_class(name.len());
        }
        while kept.order.len() > self.names_max {
            self.names -= 1;
            self.heap -= kept.drop_oldest();
        }
        self.added = self.added.saturating_add(1);
        // Two for each that may have come: so they go faster than they come.
        self.sweep(now_ms);
        self.sweep(now_ms);
    }

    /// Looks at one more producer, so that those who never come back are forgotten too.
    fn sweep(&mut self, now_ms: u64) {
        let after = (Bound::Excluded(&*self.swept), Bound::Unbounded);
        let next = self.by_name.range::<[u8], _>(after).next().or_else(|| self.by_name.first_key_value());
        let Some(next) = next.map(|(name, _)| name.clone()) else { return };
        self.expire(&next, now_ms);
        self.swept = next;
    }

    /// Forgets what a producer's names have become too old for, and the producer with its last name.
    fn expire(&mut self, producer: &[u8], now_ms: u64) {
        let Some(kept) = self.by_name.get_mut(producer) else { return };
        let age = self.duration_s.saturating_mul(1000);
        while kept.order.front().is_some_and(|(came, _)| now_ms.saturating_sub(*came) >= age) {
            self.names -= 1;
            self.heap -= kept.drop_oldest();
        }
        if kept.order.is_empty() {
            self.by_name.remove(producer);
            self.heap -= PRODUCER_BYTES + size_class(producer.len());
        }
    }
}

impl Producer {
    /// Forgets the oldest name. Returns the bytes that this frees.
    fn drop_oldest(&mut self) -> usize {
        let Some((_, name)) = self.order.pop_front() else { return 0 };
        self.ids.remove(&name);
        NAME_BYTES + 2 * size_class(name.len())
    }
}

/// A name made from what an entry holds: the same fields and values in the same order give the same name, today and after a restart.
pub fn name_of<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> [u8; 16] {
    // FNV-1a in 128 bits. Each text is preceded by its length, so that no two ways to cut the same bytes are one.
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let mut hash = BASIS;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    };
    for text in fields.flat_map(|(field, value)| [field, value]) {
        eat(&(text.len() as u64).to_le_bytes());
        eat(text);
    }
    hash.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(ms: u64) -> Id {
        Id { ms, seq: 0 }
    }

    #[test]
    fn a_name_is_remembered_for_its_time() {
        let mut producers = Producers::default();
        assert_eq!(producers.find(b"p", b"a", 0), None);
        producers.remember(b"p", b"a", id(1), 0);
        producers.remember(b"q", b"a", id(2), 50_000);
        assert_eq!(producers.find(b"p", b"a", 99_999), Some(id(1)));
        assert_eq!(producers.find(b"q", b"a", 99_999), Some(id(2)), "each producer has names of its own");
        assert_eq!(producers.find(b"p", b"a", 100_000), None);
        assert_eq!((producers.producers(), producers.names(), producers.added(), producers.repeated()), (1, 1, 2, 2));
        producers.configure(Some(100), None);
        assert_eq!(producers.names(), 1, "nothing was changed");
        producers.configure(None, Some(5));
        assert_eq!((producers.names(), producers.heap_bytes()), (0, 0));
    }

    #[test]
    fn the_latest_names_are_kept() {
        let mut producers = Producers::default();
        producers.configure(None, Some(3));
        for number in 0..10u8 {
            producers.remember(b"p", &[number], id(u64::from(number)), 0);
        }
        assert_eq!(producers.names(), 3);
        assert_eq!(producers.find(b"p", &[6], 0), None);
        assert_eq!(producers.find(b"p", &[7], 0), Some(id(7)));
    }

    #[test]
    fn producers_that_do_not_come_back_are_forgotten() {
        let mut producers = Producers::default();
        for number in 0..1000u32 {
            producers.remember(&number.to_le_bytes(), b"a", id(1), u64::from(number) * 1000);
        }
        assert!(producers.producers() < 300, "{}", producers.producers());
        for number in 0..1000u32 {
            producers.remember(b"p", &number.to_le_bytes(), id(1), 10_000_000);
        }
        assert_eq!((producers.producers(), producers.names()), (1, NAMES_DEFAULT));
    }

    #[test]
    fn a_name_tells_fields_apart() {
        let name = |fields: &[(&str, &str)]| name_of(fields.iter().map(|(field, value)| (field.as_bytes(), value.as_bytes())));
        assert_eq!(name(&[("a", "b")]), name(&[("a", "b")]));
        assert_ne!(name(&[("a", "b")]), name(&[("ab", "")]));
        assert_ne!(name(&[("a", "b"), ("c", "d")]), name(&[("c", "d"), ("a", "b")]));
    }
}
