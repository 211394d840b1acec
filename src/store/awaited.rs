//! Awaited keys: those whose change may let a client go on that waits for it (BLPOP and kin). Who the clients are and in which order they came is
//! known elsewhere; the keyspace notes which of the keys were changed, and in which order, wherever it is lent to.

use std::collections::VecDeque;

use super::keyed::Keyed;

/// The awaited keys of one keyspace.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// Whether each is among the ready ones already.
    keys: Keyed<bool>,
    /// Those that were changed since they were last taken, each once.
    ready: VecDeque<(usize, Box<[u8]>)>,
}

impl Awaited {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn contains(&self, database: usize, key: &[u8]) -> bool {
        self.keys.get(database, key).is_some()
    }

    /// Somebody awaits a key, which need not exist.
    pub(super) fn add(&mut self, database: usize, key: &[u8]) {
        self.keys.entry(database, key);
    }

    /// Nobody awaits it any more.
    pub(super) fn remove(&mut self, database: usize, key: &[u8]) {
        self.keys.remove(database, key);
    }

    /// A key was changed.
    pub(super) fn touch(&mut self, database: usize, key: &[u8]) {
        if let Some(is_ready) = self.keys.get_mut(database, key)
            && !std::mem::replace(is_ready, true)
        {
            self.ready.push_back((database, key.into()));
        }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the key that has been ready for longest.
    pub(super) fn next_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        let (database, key) = self.ready.pop_front()?;
        if let Some(is_ready) = self.keys.get_mut(database, &key) {
            *is_ready = false;
        }
        Some((database, key))
    }

    pub(super) fn keys(&self, database: usize) -> impl Iterator<Item = &[u8]> {
        self.keys.keys(database)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ready_in_the_order_of_their_first_change() {
        let mut awaited = Awaited::default();
        awaited.add(0, b"a");
        awaited.add(0, b"b");
        awaited.add(3, b"a");
        for (database, key) in [(0, b"x"), (3, b"a"), (0, b"b"), (3, b"a"), (0, b"a")] {
            awaited.touch(database, key);
        }
        let mut taken = Vec::new();
        while let Some((database, key)) = awaited.next_ready() {
            taken.push((database, key[0]));
        }
        assert_eq!(taken, [(3, b'a'), (0, b'b'), (0, b'a')]);
        awaited.touch(0, b"a");
        assert!(awaited.has_ready(), "a key that was taken may be ready again");
        awaited.remove(0, b"a");
        awaited.remove(0, b"b");
        awaited.remove(3, b"a");
        assert!(awaited.is_empty() && awaited.next_ready().is_some(), "who takes it finds that nobody waits");
    }
}
