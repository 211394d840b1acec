//! A pocket: bytes that lie in place while they are few, and in a block of their own when they are more.
//!
//! What a set of eight small integers needs has room in it, so that such a set allocates nothing.

use std::ops::{Deref, DerefMut};

use crate::store::memory::size_class;

/// What a pocket holds in place: with the byte that says so, three words.
pub(super) const POCKET_BYTES: usize = 23;

#[derive(Clone, Debug)]
pub(super) enum Pocket {
    Block(Box<[u8]>),
    /// All of it is room; what is in it says how much is used.
    Here([u8; POCKET_BYTES]),
}

impl Default for Pocket {
    /// Nothing, not even room.
    fn default() -> Pocket {
        Pocket::Block(Box::default())
    }
}

impl Pocket {
    /// Room in place, all zeros.
    pub(super) fn here() -> Pocket {
        Pocket::Here([0; POCKET_BYTES])
    }

    /// A block of which the first `used` bytes count: they are kept in place if they have room there.
    pub(super) fn of(block: Box<[u8]>, used: usize) -> Pocket {
        if used == 0 || used > POCKET_BYTES {
            return Pocket::Block(block);
        }
        let mut here = [0; POCKET_BYTES];
        here[..used].copy_from_slice(&block[..used]);
        Pocket::Here(here)
    }

    /// Takes the bytes out as a block, whose length is a size class.
    pub(super) fn take(&mut self) -> Box<[u8]> {
        match std::mem::take(self) {
            Pocket::Block(block) => block,
            Pocket::Here(here) => {
                let mut block = vec![0; size_class(POCKET_BYTES)];
                block[..POCKET_BYTES].copy_from_slice(&here);
                block.into_boxed_slice()
            }
        }
    }

    /// The memory it owns beyond itself.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Pocket::Block(block) => size_class(block.len()),
            Pocket::Here(_) => 0,
        }
    }
}

impl Deref for Pocket {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Pocket::Block(block) => block,
            Pocket::Here(here) => here,
        }
    }
}

impl DerefMut for Pocket {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Pocket::Block(block) => block,
            Pocket::Here(here) => here,
        }
    }
}
