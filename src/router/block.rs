//! A block: the queued calls of a transaction, which run as one. How that is done is decided here, cheapest way first.

use crate::command::{Args, Row, keys_of};
use crate::router::Plan;
use crate::slot;

/// How a block is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// All of it on one shard, or on none: one batch, which nothing comes between.
    Batch,
    /// Calls that each run on one shard, or split: one unit.
    Unit,
    /// With these keyspaces held (bit i for shard i): a call needs several shards at once, or several shards must agree that no watched key was changed.
    Hold(u64),
}

/// What a block needs, as its calls and watched keys are looked through.
#[derive(Debug)]
pub(crate) struct Needs {
    shards: u32,
    /// Shards of its keys and of its watched keys, bit i for shard i.
    owners: u64,
    borrows: bool,
}

impl Needs {
    pub(crate) fn new(shards: u32) -> Needs {
        Needs { shards, owners: 0, borrows: false }
    }

    /// One of its calls.
    pub(crate) fn call(&mut self, row: &Row, args: &Args<'_>) {
        match Plan::of(row, args, self.shards) {
            Plan::One(shard) => self.owners |= 1 << shard,
            Plan::Every => self.owners |= every(self.shards),
            Plan::Split => {
                // A call is split only if its keys could be counted.
                let _ = keys_of(&row.spec, args, |at, _| self.owners |= 1 << slot::shard_of(args.key(at), self.shards));
            }
            Plan::Borrow(owners) => {
                self.owners |= owners;
                self.borrows = true;
            }
        }
    }

    /// A key that is watched.
    pub(crate) fn watched(&mut self, key: &[u8]) {
        self.owners |= 1 << slot::shard_of(key, self.shards);
    }

    /// The cheapest way. `guarded`: the block runs only if no watched key was changed. `session`: the session answers some of the calls itself, and so must
    /// know beforehand whether they are done at all.
    pub(crate) fn way(&self, guarded: bool, session: bool) -> Way {
        match () {
            () if guarded && session => Way::Hold(self.owners),
            () if self.owners.count_ones() <= 1 => Way::Batch,
            () if self.borrows || guarded => Way::Hold(self.owners),
            () => Way::Unit,
        }
    }
}

fn every(shards: u32) -> u64 {
    u64::MAX >> (64 - shards.clamp(1, 64))
}
