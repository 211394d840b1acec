//! Who is to know of changes in a keyspace: clients that watch keys ([`Watches`]), that wait for them (`awaited`), and that keep what they have read
//! (`readers`).
//!
//! Every change of a key asks one question first, [`Interests::is_quiet`]: while nobody is interested in anything, that is all it costs. Else the
//! keys of the call that somebody is interested in are noted, and when the call has changed something each of them is touched: every kind of
//! interest then does with it what it is there for.

use std::sync::Arc;

use super::awaited::Awaited;
use super::readers::{Prefixes, Reader, Readers, Stale};
use super::watches::{Watch, Watches};

/// The interests in one keyspace.
#[derive(Debug, Default)]
pub struct Interests {
    /// Somebody is interested in something: what all kinds together say.
    any: bool,
    watches: Watches,
    awaited: Awaited,
    readers: Readers,
    /// Keys that readers keep and that were changed since these were last taken, in the order of the changes.
    stale: Vec<Stale>,
}

impl Interests {
    /// Whether nobody is interested in anything here. Asked before every change.
    #[inline]
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.any
    }

    /// Whether anybody is to know of changes of a key.
    #[must_use]
    pub fn concern(&self, database: usize, key: &[u8]) -> bool {
        self.watches.contains(database, key) || self.awaited.contains(database, key) || self.readers.concern(key)
    }

    /// The keys of a database that somebody is interested in; some of them twice.
    pub fn keys(&self, database: usize) -> impl Iterator<Item = &[u8]> {
        self.watches.keys(database).chain(self.awaited.keys(database))
    }

    /// A key was changed.
    pub fn touch(&mut self, database: usize, key: &[u8]) {
        if self.any {
            self.watches.touch(database, key);
            self.awaited.touch(database, key);
            self.stale.extend(self.readers.change(key));
            self.look_around();
        }
    }

    /// Remembers that a client keeps a key that it has read, which need not exist. `pick` chooses which are given up if that makes too many.
    pub fn note_read(&mut self, key: &[u8], reader: &Arc<Reader>, pick: impl FnMut() -> u64) {
        let stale = &mut self.stale;
        self.readers.note(key, reader, pick, |given_up| stale.push(given_up));
        self.look_around();
    }

    /// How many keys that clients keep may be remembered (0: any number), and which are told of without having been read.
    pub fn limit_readers(&mut self, keys_max: usize, prefixes: Arc<Prefixes>) {
        self.readers.limit(keys_max, prefixes);
        self.look_around();
    }

    /// Nothing that clients keep is known any more: they are told so in one word.
    pub fn forget_read(&mut self) {
        self.readers.forget();
        self.look_around();
    }

    /// Whether a key that clients keep was changed.
    #[inline]
    #[must_use]
    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Takes the keys that clients keep and that were changed.
    pub fn take_stale(&mut self) -> Vec<Stale> {
        std::mem::take(&mut self.stale)
    }

    /// How many keys clients keep, and how many do, key by key.
    #[must_use]
    pub fn kept(&self) -> (usize, usize) {
        (self.readers.len(), self.readers.items())
    }

    /// Tells a client of the next change of a key, which need not exist (WATCH).
    pub fn watch(&mut self, database: usize, key: &[u8], watch: &Arc<Watch>) {
        self.watches.add(database, key, watch);
        self.look_around();
    }

    /// The watched keys of a database.
    pub fn watched(&self, database: usize) -> impl Iterator<Item = &[u8]> {
        self.watches.keys(database)
    }

    /// Notes changes of a key from now on, which need not exist, for who serves those that wait for it.
    pub fn expect(&mut self, database: usize, key: &[u8]) {
        self.awaited.add(database, key);
        self.look_around();
    }

    /// The key is awaited no more.
    pub fn expect_no_more(&mut self, database: usize, key: &[u8]) {
        self.awaited.remove(database, key);
        self.look_around();
    }

    /// Something happened at a key that only those who wait for it are to know of.
    pub fn stir(&mut self, database: usize, key: &[u8]) {
        self.awaited.touch(database, key);
    }

    /// Whether an awaited key was changed.
    #[inline]
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.awaited.has_ready()
    }

    /// Takes the awaited key that was changed first.
    pub fn next_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        self.awaited.next_ready()
    }

    /// How many keys are awaited.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    fn look_around(&mut self) {
        self.any = !self.watches.is_empty() || !self.awaited.is_empty() || !self.readers.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_is_quiet_while_nobody_is_interested() {
        let mut interests = Interests::default();
        let watch = Arc::new(Watch::default());
        assert!(interests.is_quiet());
        interests.watch(0, b"k", &watch);
        assert!(!interests.is_quiet() && interests.concern(0, b"k") && !interests.concern(1, b"k"));
        interests.touch(0, b"k");
        assert!(interests.is_quiet() && watch.is_raised());
        interests.expect(2, b"k");
        interests.touch(0, b"k");
        assert!(!interests.has_ready());
        interests.touch(2, b"k");
        assert!(interests.has_ready() && !interests.is_quiet(), "it is awaited until somebody says otherwise");
        interests.expect_no_more(2, b"k");
        assert!(interests.is_quiet());
    }
}
