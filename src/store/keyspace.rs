//! The keyspace of a shard: all its numbered databases, as one value that moves in a word and may change threads.

use super::database::Database;
use super::hasher::KeyHasher;
use super::interests::Interests;

/// Which slice of the whole a keyspace is. Cursors of SCAN name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub index: u32,
    pub of: u32,
}

pub struct Keyspace {
    /// Boxed, since a keyspace is lent by value: a borrower gets one word and gives it back.
    inside: Box<Inside>,
}

struct Inside {
    hasher: KeyHasher,
    part: Part,
    databases: Vec<Database>,
    interests: Interests,
    /// Switched only by who holds the keyspaces of all shards, so that no unit finds it on here and off there.
    recorded: bool,
}

impl Keyspace {
    #[must_use]
    pub fn new(databases: usize, part: Part, seeds: [u64; 4]) -> Keyspace {
        let hasher = KeyHasher::new(seeds);
        let databases = (0..databases).map(|_| Database::new(hasher.clone())).collect();
        Keyspace { inside: Box::new(Inside { hasher, part, databases, interests: Interests::default(), recorded: false }) }
    }

    #[must_use]
    pub fn part(&self) -> Part {
        self.inside.part
    }

    /// The hash that all calls about this key want, the same in every database.
    #[inline]
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.inside.hasher.hash(key)
    }

    #[must_use]
    pub fn databases(&self) -> usize {
        self.inside.databases.len()
    }

    /// # Panics
    /// If there is no database of that number; SELECT has checked it.
    #[inline]
    #[must_use]
    pub fn database(&self, number: usize) -> &Database {
        &self.inside.databases[number]
    }

    /// # Panics
    /// As [`Keyspace::database`].
    #[inline]
    pub fn database_mut(&mut self, number: usize) -> &mut Database {
        &mut self.inside.databases[number]
    }

    /// Whether the journal is to know of every change.
    #[inline]
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.inside.recorded
    }

    pub fn record(&mut self, on: bool) {
        self.inside.recorded = on;
    }

    /// Keys whose changes somebody is to know of.
    #[inline]
    #[must_use]
    pub fn interests(&self) -> &Interests {
        &self.inside.interests
    }

    #[inline]
    pub fn interests_mut(&mut self) -> &mut Interests {
        &mut self.inside.interests
    }

    /// Tells who is interested in a key of `database` that exists in any of `among`: the keys of whole databases are about to be changed.
    pub fn touch_all(&mut self, database: usize, among: &[usize]) {
        let Inside { hasher, databases, interests, .. } = &mut *self.inside;
        let exists = |key: &[u8]| among.iter().any(|&number| databases[number].find(hasher.hash(key), key).is_some());
        let touched: Vec<Box<[u8]>> = interests.keys(database).filter(|key| exists(key)).map(Box::from).collect();
        touched.iter().for_each(|key| interests.touch(database, key));
    }

    /// Exchanges two databases: SWAPDB.
    pub fn swap(&mut self, one: usize, other: usize) {
        self.inside.databases.swap(one, other);
    }

    /// Bytes allocated by all databases.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.inside.databases.iter().map(Database::bytes).sum()
    }
}

/// A keyspace is lent to other threads, so no part of it may be bound to one.
const fn assert_send<T: Send>() {}
const _: () = assert_send::<Keyspace>();

impl std::fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyspace({:?})", self.part())
    }
}
