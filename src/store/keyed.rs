//! Something kept for single keys of a keyspace, by number of the database and key. Looking one up copies nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What is kept for each key that has something.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    /// By number of the database; as many as were needed so far.
    databases: Vec<HashMap<Box<[u8]>, T>>,
    /// In all databases together.
    len: usize,
}

impl<T> Default for Keyed<T> {
    fn default() -> Keyed<T> {
        Keyed { databases: Vec::new(), len: 0 }
    }
}

impl<T> Keyed<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get(&self, database: usize, key: &[u8]) -> Option<&T> {
        self.databases.get(database)?.get(key)
    }

    pub(super) fn get_mut(&mut self, database: usize, key: &[u8]) -> Option<&mut T> {
        self.databases.get_mut(database)?.get_mut(key)
    }

    /// What is kept for a key, from now on if nothing was.
    pub(super) fn entry(&mut self, database: usize, key: &[u8]) -> &mut T
    where
        T: Default,
    {
        if self.databases.len() <= database {
            self.databases.resize_with(database + 1, HashMap::new);
        }
        match self.databases[database].entry(key.into()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => {
                self.len += 1;
                place.insert(T::default())
            }
        }
    }

    pub(super) fn remove(&mut self, database: usize, key: &[u8]) -> Option<T> {
        let removed = self.databases.get_mut(database)?.remove(key)?;
        self.len -= 1;
        Some(removed)
    }

    /// The keys of a database that have something.
    pub(super) fn keys(&self, database: usize) -> impl Iterator<Item = &[u8]> {
        self.databases.get(database).into_iter().flat_map(|keys| keys.keys().map(|key| &**key))
    }

    /// Keeps only what `stays`.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&mut T) -> bool) {
        self.len = 0;
        for keys in &mut self.databases {
            keys.retain(|_, kept| stays(kept));
            self.len += keys.len();
        }
    }
}
