//! Watched keys: who is to know that a key was changed before its transaction ran (WATCH).
//!
//! A watch is a flag that its client holds, and that every keyspace with one of its keys can raise. Keyspaces hold it weakly: a client that goes
//! away, or no longer watches, tells nobody, and what it left here is swept out when as much has come in again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::keyed::Keyed;

/// One client's watch over all its keys: raised once, by the first change of any of them.
#[derive(Debug, Default)]
pub struct Watch(AtomicBool);

impl Watch {
    /// Whether any of its keys was changed.
    ///
    /// Read where the answer cannot change any more before it is used: by the shard that owns all keys watched, or by who holds their keyspaces.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The watched keys of one keyspace.
#[derive(Debug, Default)]
pub(super) struct Watches {
    keys: Keyed<Vec<Weak<Watch>>>,
    /// Registrations since what nobody waits for any more was swept out.
    registered: usize,
    /// So many keys were left then.
    kept: usize,
}

/// Registrations that are not worth a sweep.
const REGISTERED_MIN: usize = 64;

impl Watches {
    /// Whether nobody watches anything here.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn contains(&self, database: usize, key: &[u8]) -> bool {
        self.keys.get(database, key).is_some()
    }

    /// Watches a key, which need not exist.
    pub(super) fn add(&mut self, database: usize, key: &[u8], watch: &Arc<Watch>) {
        self.registered += 1;
        if self.registered > REGISTERED_MIN.max(self.kept) {
            self.sweep();
        }
        let watchers = self.keys.entry(database, key);
        if !watchers.iter().any(|watcher| std::ptr::eq(watcher.as_ptr(), Arc::as_ptr(watch))) {
            watchers.push(Arc::downgrade(watch));
        }
    }

    /// A key was changed: who watches it is told, once.
    pub(super) fn touch(&mut self, database: usize, key: &[u8]) {
        if let Some(watchers) = self.keys.remove(database, key) {
            watchers.iter().filter_map(Weak::upgrade).for_each(|watch| watch.raise());
        }
    }

    /// The watched keys of a database.
    pub(super) fn keys(&self, database: usize) -> impl Iterator<Item = &[u8]> {
        self.keys.keys(database)
    }

    fn sweep(&mut self) {
        self.keys.retain(|watchers| {
            watchers.retain(|watcher| watcher.strong_count() > 0);
            !watchers.is_empty()
        });
        (self.registered, self.kept) = (0, self.keys.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_to_who_watches_the_key() {
        let mut watches = Watches::default();
        let (one, other) = (Arc::new(Watch::default()), Arc::new(Watch::default()));
        watches.add(0, b"k", &one);
        watches.add(0, b"k", &one);
        watches.add(1, b"k", &other);
        watches.add(0, b"other", &other);
        assert_eq!(watches.keys(0).count(), 2);
        watches.touch(0, b"nobody's");
        assert!(!one.is_raised());
        watches.touch(0, b"k");
        assert!(one.is_raised() && !other.is_raised());
        watches.touch(1, b"k");
        assert!(other.is_raised());
    }

    #[test]
    fn what_clients_left_behind_is_swept_out() {
        let mut watches = Watches::default();
        let stays = Arc::new(Watch::default());
        watches.add(0, b"stays", &stays);
        for number in 0..100_000u32 {
            watches.add(0, &number.to_be_bytes(), &Arc::new(Watch::default()));
            assert!(watches.keys.len() <= 2 * REGISTERED_MIN);
        }
        watches.touch(0, b"stays");
        assert!(stays.is_raised());
    }
}
