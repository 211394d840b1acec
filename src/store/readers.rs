//! Cached keys: who has read what and keeps it, so that he can be told when it changes (CLIENT TRACKING).
//!
//! A key here is a name, whatever the database, as in Redis: readers are told names only. A reader is told once, and has to read again to be told
//! again. Keyspaces hold readers weakly: one that goes away tells nobody, and what it left here is swept out when as much has come in again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

/// A client that keeps what it reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Reader {
    pub client: u64,
    /// Where it lives.
    pub worker: u32,
}

/// A key that has changed, and the readers that are to be told: client and worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    pub key: Arc<[u8]>,
    pub readers: Vec<(u64, u32)>,
    /// It begins with a prefix that somebody wants to hear of, whether it was read or not.
    pub is_broadcast: bool,
}

/// What the keys begin with that are told of without having been read (BCAST).
#[derive(Debug, Default)]
pub struct Prefixes {
    names: HashSet<Arc<[u8]>>,
    /// Each length once: a key is looked up cut to each.
    lengths: Vec<usize>,
}

impl Prefixes {
    pub fn new(names: impl IntoIterator<Item = Arc<[u8]>>) -> Prefixes {
        let names: HashSet<Arc<[u8]>> = names.into_iter().collect();
        let mut lengths: Vec<usize> = names.iter().map(|name| name.len()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        Prefixes { names, lengths }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the key begins with one of them.
    #[must_use]
    pub fn admit(&self, key: &[u8]) -> bool {
        self.lengths.iter().map_while(|&length| key.get(..length)).any(|start| self.names.contains(start))
    }
}

/// The cached keys of one keyspace.
#[derive(Debug, Default)]
pub struct Readers {
    /// Where each key stands in `keys`.
    places: HashMap<Arc<[u8]>, usize>,
    /// In no order, so that any of them can be taken out.
    keys: Vec<Cached>,
    /// Readers of all keys together.
    items: usize,
    /// Readings since what readers left behind was swept out, and how many were left then.
    noted: usize,
    kept: usize,
    /// So many keys are remembered at most; 0 is no limit.
    keys_max: usize,
    prefixes: Arc<Prefixes>,
}

#[derive(Debug)]
struct Cached {
    key: Arc<[u8]>,
    /// By address, each once: a key that ten thousand clients have read is not searched from end to end for each of them.
    readers: Vec<Weak<Reader>>,
}

/// Readings that are not worth a sweep.
const NOTED_MIN: usize = 1024;

/// Keys that are given up with one reading, if there are too many because the limit was lowered: it is reached step by step, and nobody is told of a
/// million keys at once.
const GIVEN_UP_MAX: usize = 16;

impl Readers {
    /// Whether nobody is to be told of anything.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.prefixes.is_empty()
    }

    /// Whether anybody is to be told of a key.
    #[must_use]
    pub fn concern(&self, key: &[u8]) -> bool {
        self.places.contains_key(key) || self.prefixes.admit(key)
    }

    /// Keys that somebody has read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// How often they were read, by readers that may be gone meanwhile.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// How many keys may be remembered (0: any number), and which are told of without having been read.
    pub fn limit(&mut self, keys_max: usize, prefixes: Arc<Prefixes>) {
        (self.keys_max, self.prefixes) = (keys_max, prefixes);
    }

    /// Remembers that `reader` keeps a key, which need not exist. If that makes too many, some are given up, chosen by `pick`: to their readers they
    /// are stale.
    pub fn note(&mut self, key: &[u8], reader: &Arc<Reader>, pick: impl FnMut() -> u64, given_up: impl FnMut(Stale)) {
        self.noted += 1;
        if self.noted > NOTED_MIN.max(self.kept) {
            self.sweep();
        }
        let place = self.places.get(key).copied().unwrap_or_else(|| {
            let key: Arc<[u8]> = key.into();
            self.places.insert(key.clone(), self.keys.len());
            self.keys.push(Cached { key, readers: Vec::new() });
            self.keys.len() - 1
        });
        let readers = &mut self.keys[place].readers;
        if let Err(at) = readers.binary_search_by_key(&Arc::as_ptr(reader), Weak::as_ptr) {
            readers.insert(at, Arc::downgrade(reader));
            self.items += 1;
        }
        self.give_up(pick, given_up);
    }

    fn give_up(&mut self, mut pick: impl FnMut() -> u64, mut given_up: impl FnMut(Stale)) {
        for _ in 0..GIVEN_UP_MAX {
            if self.keys_max == 0 || self.keys.len() <= self.keys_max {
                return;
            }
            // The number of keys fits into 64 bits, and so does what is below it into a usize.
            let place = usize::try_from(pick() % self.keys.len() as u64).unwrap_or(0);
            let Cached { key, readers } = self.take(place);
            given_up(Stale { key, readers: living(&readers), is_broadcast: false });
        }
    }

    /// A key was changed: who is to be told, if anybody is.
    #[must_use]
    pub fn change(&mut self, key: &[u8]) -> Option<Stale> {
        let is_broadcast = self.prefixes.admit(key);
        match self.places.get(key).copied() {
            Some(place) => {
                let Cached { key, readers } = self.take(place);
                let readers = living(&readers);
                (is_broadcast || !readers.is_empty()).then_some(Stale { key, readers, is_broadcast })
            }
            None => is_broadcast.then(|| Stale { key: key.into(), readers: Vec::new(), is_broadcast }),
        }
    }

    /// Every key was changed, and everybody is told so in one word.
    pub fn forget(&mut self) {
        *self = Readers { keys_max: self.keys_max, prefixes: self.prefixes.clone(), ..Readers::default() };
    }

    fn take(&mut self, place: usize) -> Cached {
        let taken = self.keys.swap_remove(place);
        self.places.remove(&taken.key);
        if let Some(moved) = self.keys.get(place)
            && let Some(known) = self.places.get_mut(&moved.key)
        {
            *known = place;
        }
        self.items -= taken.readers.len();
        taken
    }

    fn sweep(&mut self) {
        self.keys.retain_mut(|cached| {
            cached.readers.retain(|reader| reader.strong_count() > 0);
            !cached.readers.is_empty()
        });
        self.places = self.keys.iter().enumerate().map(|(place, cached)| (cached.key.clone(), place)).collect();
        self.items = self.keys.iter().map(|cached| cached.readers.len()).sum();
        (self.noted, self.kept) = (0, self.items);
    }
}

fn living(readers: &[Weak<Reader>]) -> Vec<(u64, u32)> {
    let mut living: Vec<(u64, u32)> = readers.iter().filter_map(Weak::upgrade).map(|reader| (reader.client, reader.worker)).collect();
    // As Redis tells them, and not by what the allocator did.
    living.sort_unstable();
    living
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Note(u8, usize),
        Change(u8),
        Leave(usize),
        Limit(usize, Vec<u8>),
        Forget,
    }

    /// Keys `a`, `aa`, `ab`.. of at most three letters.
    fn key(number: u8) -> Vec<u8> {
        let mut key = vec![b'a' + number % 3];
        key.extend((number >= 3).then_some(b'a' + number / 3 % 3));
        key.extend((number >= 9).then_some(b'a'));
        key
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..18u8, 0..5usize).prop_map(|(key, reader)| Step::Note(key, reader)),
            4 => (0..18u8).prop_map(Step::Change),
            1 => (0..5usize).prop_map(Step::Leave),
            1 => (0..6usize, prop::collection::vec(0..18u8, 0..3)).prop_map(|(most, prefixes)| Step::Limit(most, prefixes)),
            1 => Just(Step::Forget),
        ]
    }

    proptest! {
        #[test]
        fn it_knows_what_a_map_of_sets_knows(steps in prop::collection::vec(step(), 1..200)) {
            let new = |client: usize| Arc::new(Reader { client: client as u64, worker: 7 });
            let mut clients: Vec<Arc<Reader>> = (0..5).map(new).collect();
            let mut next = 5;
            let mut readers = Readers::default();
            let mut naive: BTreeMap<Vec<u8>, BTreeSet<u64>> = BTreeMap::new();
            let (mut most, mut prefixes) = (0, Vec::new());
            for step in steps {
                match step {
                    Step::Note(number, reader) => {
                        let (mut picked, mut given_up) = (0, Vec::new());
                        let pick = || { picked += 7; picked };
                        readers.note(&key(number), &clients[reader], pick, |stale| given_up.push(stale));
                        naive.entry(key(number)).or_default().insert(clients[reader].client);
                        let too_many = if most == 0 { 0 } else { naive.len().saturating_sub(most).min(GIVEN_UP_MAX) };
                        prop_assert_eq!(given_up.len(), too_many);
                        for stale in given_up {
                            let alive = |client: &u64| clients.iter().any(|reader| reader.client == *client);
                            let known: Vec<u64> = naive.remove(&*stale.key).unwrap().into_iter().filter(alive).collect();
                            prop_assert_eq!(stale.readers, known.into_iter().map(|client| (client, 7)).collect::<Vec<_>>());
                            prop_assert!(!stale.is_broadcast);
                        }
                    }
                    Step::Change(number) => {
                        let is_broadcast = prefixes.iter().any(|prefix: &Vec<u8>| key(number).starts_with(prefix));
                        let alive = |client: &u64| clients.iter().any(|reader| reader.client == *client);
                        let known: Vec<u64> = naive.remove(&key(number)).into_iter().flatten().filter(alive).collect();
                        let expected = (is_broadcast || !known.is_empty()).then(|| Stale {
                            key: key(number).into(),
                            readers: known.into_iter().map(|client| (client, 7)).collect(),
                            is_broadcast,
                        });
                        prop_assert_eq!(readers.change(&key(number)), expected);
                    }
                    Step::Leave(reader) => {
                        clients[reader] = new(next);
                        next += 1;
                    }
                    Step::Limit(keys_max, chosen) => {
                        most = keys_max;
                        prefixes = chosen.into_iter().map(key).collect();
                        readers.limit(most, Arc::new(Prefixes::new(prefixes.iter().map(|prefix| prefix.as_slice().into()))));
                    }
                    Step::Forget => {
                        readers.forget();
                        naive.clear();
                    }
                }
                prop_assert_eq!(readers.len(), naive.len());
                prop_assert_eq!(readers.items(), naive.values().map(BTreeSet::len).sum::<usize>());
                prop_assert_eq!(readers.is_empty(), naive.is_empty() && prefixes.is_empty());
            }
        }
    }

    #[test]
    fn what_readers_left_behind_is_swept_out() {
        let mut readers = Readers::default();
        let stays = Arc::new(Reader { client: 1, worker: 0 });
        readers.note(b"stays", &stays, || 0, |_| {});
        for number in 0..100_000u32 {
            // One key that everybody reads, and one that nobody reads again.
            let passes = Arc::new(Reader { client: 2, worker: 0 });
            readers.note(b"all", &passes, || 0, |_| {});
            readers.note(&number.to_be_bytes(), &passes, || 0, |_| {});
            assert!(readers.items() <= 2 * NOTED_MIN && readers.len() <= 2 * NOTED_MIN);
        }
        assert_eq!(readers.change(b"stays").map(|stale| stale.readers), Some(vec![(1, 0)]));
    }

    #[test]
    fn the_empty_prefix_is_every_keys() {
        let prefixes = |names: &[&str]| Prefixes::new(names.iter().map(|name| name.as_bytes().into()));
        assert!(prefixes(&[""]).admit(b"") && prefixes(&[""]).admit(b"k"));
        assert!(!prefixes(&[]).admit(b"") && prefixes(&[]).is_empty());
        let some = prefixes(&["a", "user:", "long prefix"]);
        assert!(some.admit(b"a") && some.admit(b"user:1") && !some.admit(b"user") && !some.admit(b""));
    }
}
