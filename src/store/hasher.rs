//! How keys are hashed inside a shard: ahash with seeds drawn per process, so that nobody outside can choose collisions.

use std::hash::{BuildHasher, Hasher};

/// The seeds, in the form ahash keeps them.
#[derive(Clone)]
pub(super) struct KeyHasher(ahash::RandomState);

impl KeyHasher {
    pub(super) fn new([first, second, third, fourth]: [u64; 4]) -> KeyHasher {
        KeyHasher(ahash::RandomState::with_seeds(first, second, third, fourth))
    }

    /// All 64 bits are used: the top ones name a segment, the lowest 16 a bucket in it.
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        // Not `hash_one(key)`, which hashes the length first; ahash mixes it in anyway, and keys are not parts of larger things.
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
