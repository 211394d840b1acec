//! The keyspace of a shard: all its numbered databases, as one value that moves in a word and may change threads.

use super::database::Database;
use super::hasher::KeyHasher;
use super::image::{Extent, Piece, Scribe};
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
    /// Of the last image that was begun.
    image: u64,
    is_imaging: bool,
    /// Databases that were emptied before all of them was written.
    leaving: Vec<Database>,
    /// Switched only by who holds the keyspaces of all shards, so that no unit finds it on here and off there.
    recorded: bool,
}

impl Keyspace {
    #[must_use]
    pub fn new(databases: usize, part: Part, seeds: [u64; 4]) -> Keyspace {
        let hasher = KeyHasher::new(seeds);
        let databases = (0..databases).map(|_| Database::new(hasher.clone())).collect();
        let inside = Inside {
            hasher,
            part,
            databases,
            interests: Interests::default(),
            image: 0,
            is_imaging: false,
            leaving: Vec::new(),
            recorded: false,
        };
        Keyspace { inside: Box::new(inside) }
    }

    /// No database at all: what stands in a keyspace's place while it is away.
    #[must_use]
    pub fn vacant() -> Keyspace {
        Keyspace::new(0, Part { index: 0, of: 1 }, [0; 4])
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

    /// Empties a database, and hands over what it held, unless it is still being written down: then [`Keyspace::left`] does that.
    pub fn empty(&mut self, number: usize) -> Option<Database> {
        let old = self.inside.databases[number].take();
        if old.image().is_none() {
            return Some(old);
        }
        self.inside.leaving.push(old);
        None
    }
}

/// Its image: all that its databases hold at one moment.
impl Keyspace {
    /// The moment. Each database that holds something gets a scribe of its own.
    ///
    /// # Panics
    /// While another image is being made.
    pub fn begin_image(&mut self, scribe: &mut dyn FnMut() -> Box<dyn Scribe>) -> Vec<Extent> {
        let Inside { databases, image, is_imaging, .. } = &mut *self.inside;
        assert!(!*is_imaging, "one image at a time");
        *image += 1;
        let filled = databases.iter_mut().enumerate().filter(|(_, database)| !database.is_empty());
        let extents: Vec<Extent> = filled.map(|(number, database)| database.begin_image(*image, number, scribe())).collect();
        *is_imaging = true;
        extents
    }

    /// Whether an image is being made.
    #[inline]
    #[must_use]
    pub fn is_imaging(&self) -> bool {
        self.inside.is_imaging
    }

    fn imaging(&mut self) -> impl Iterator<Item = &mut Database> {
        let Inside { databases, leaving, .. } = &mut *self.inside;
        leaving.iter_mut().chain(databases).filter(|database| database.image().is_some())
    }

    /// Writes about so many bytes of what is owed.
    pub fn image_step(&mut self, budget: usize) {
        // Before anything else what has been begun: its parts must not mix with another's.
        if let Some(begun) = self.imaging().find(|database| database.image().is_some_and(|image| image.open.is_some())) {
            begun.image_step(budget);
            return;
        }
        let mut left = budget;
        for database in self.imaging() {
            left = database.image_step(left);
            let image = database.image();
            if left == 0 || image.is_some_and(|image| image.open.is_some() || image.has_ended_parts()) {
                return;
            }
        }
    }

    /// Takes away what was written, in pieces of at least so many bytes; true if that was the end of the image.
    pub fn collect_image(&mut self, at_least: usize, visit: &mut dyn FnMut(Piece)) -> bool {
        self.imaging().for_each(|database| database.collect_image(at_least, visit));
        let is_over = self.imaging().next().is_none();
        self.inside.is_imaging &= !is_over;
        is_over
    }

    /// Bytes that were written and wait to be taken away.
    #[must_use]
    pub fn image_bytes(&self) -> usize {
        let Inside { databases, leaving, .. } = &*self.inside;
        databases.iter().chain(leaving).filter_map(Database::image).map(super::image::Image::waiting).sum()
    }

    /// Entries of the image that were written.
    #[must_use]
    pub fn image_written(&self) -> usize {
        let Inside { databases, leaving, .. } = &*self.inside;
        databases.iter().chain(leaving).filter_map(Database::image).map(|image| image.written).sum()
    }

    /// Nobody wants the image any more. It goes on being made, of nothing: until it is over no other can begin.
    pub fn cancel_image(&mut self) {
        self.imaging().for_each(Database::cancel_image);
    }

    /// Databases that were emptied and have been written since.
    pub fn left(&mut self) -> Vec<Database> {
        let leaving = &mut self.inside.leaving;
        leaving.extract_if(.., |database| database.image().is_none()).collect()
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
