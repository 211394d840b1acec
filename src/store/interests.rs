//! Who is to know of changes in a keyspace: clients that watch keys ([`Watches`]), and clients that wait for them (`awaited`).
//!
//! Every change of a key asks one question first, [`Interests::is_quiet`]: while nobody is interested in anything, that is all it costs. Else the
//! keys of the call that somebody is interested in are noted, and when the call has changed something each of them is touched: every kind of
//! interest then does with it what it is there for.

use std::sync::Arc;

use super::awaited::Awaited;
use super::watches::{Watch, Watches};

/// The interests in one keyspace.
#[derive(Debug, Default)]
pub struct Interests {
    /// Somebody is interested in something: what all kinds together say.
    any: bool,
    watches: Watches,
    awaited: Awaited,
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
        self.watches.contains(database, key) || self.awaited.contains(database, key)
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
            self.look_around();
        }
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
        self.any = !self.watches.is_empty() || !self.awaited.is_empty();
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
