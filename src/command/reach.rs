//! The keyspaces a call may touch: one, or several by slot. The command asks for a key and never learns which.

use std::sync::Arc;

use crate::command::Classes;
use crate::slot;
use crate::store::types::Thresholds;
use crate::store::{Keyspace, Prefixes};

/// Settings that commands need, as plain numbers; a change of settings hands every shard a new value.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// When the packed forms of collections give way to the large ones.
    pub(crate) thresholds: Thresholds,
    /// proto-max-bulk-len: the longest string a command may make, in bytes.
    pub(crate) string_bytes_max: usize,
    /// hll-sparse-max-bytes: how long the sparse form of a HyperLogLog may become, its header included.
    pub(crate) hll_sparse_bytes: usize,
    /// Whether entries keep access frequency (an LFU policy) instead of access time.
    pub(crate) frequency: bool,
    /// lfu-log-factor
    pub(crate) lfu_log_factor: u32,
    /// lfu-decay-time, minutes
    pub(crate) lfu_decay_minutes: u32,
    /// Whether keys past their deadline are removed without being asked for (DEBUG SET-ACTIVE-EXPIRE).
    pub(crate) active_expire: bool,
    /// active-expire-effort, 1 to 10: how much a sweep does before calls get their turn.
    pub(crate) expire_effort: u32,
    /// notify-keyspace-events: of what changes events are told.
    pub(crate) events: Classes,
    /// tracking-table-max-keys: how many keys all shards together remember for those who have read them. 0: any number.
    pub(crate) cached_keys_max: u64,
    /// Keys with these prefixes are told of when they change, whether anybody has read them or not.
    pub(crate) prefixes: Arc<Prefixes>,
    /// Whether anybody keeps what he has read.
    pub(crate) is_tracked: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            thresholds: Thresholds::default(),
            string_bytes_max: 512 << 20,
            hll_sparse_bytes: 3000,
            frequency: false,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
            active_expire: true,
            expire_effort: 1,
            events: Classes::NONE,
            cached_keys_max: 1_000_000,
            prefixes: Arc::default(),
            is_tracked: false,
        }
    }
}

/// What a call can reach.
pub(crate) enum Reach<'a> {
    /// The keyspace of the shard that runs the call.
    One(&'a mut Keyspace),
    /// Lent keyspaces, by shard; those not lent are `None`.
    Several(&'a mut [Option<Keyspace>]),
}

impl Reach<'_> {
    /// The keyspace that owns `key`.
    ///
    /// # Panics
    /// If the key's shard was not lent: the plan of the call left it out, and to go on would lose a write.
    #[inline]
    pub(crate) fn of(&mut self, key: &[u8]) -> &mut Keyspace {
        match self {
            Reach::One(keyspace) => keyspace,
            Reach::Several(keyspaces) => {
                let shards = u32::try_from(keyspaces.len()).unwrap_or(u32::MAX);
                let shard = slot::shard_of(key, shards) as usize;
                keyspaces[shard].as_mut().expect("the plan borrows the shard of every key of the call")
            }
        }
    }

    /// As [`Reach::of`], only to look.
    ///
    /// # Panics
    /// As [`Reach::of`].
    pub(crate) fn see(&self, key: &[u8]) -> &Keyspace {
        match self {
            Reach::One(keyspace) => keyspace,
            Reach::Several(keyspaces) => {
                let shards = u32::try_from(keyspaces.len()).unwrap_or(u32::MAX);
                let shard = slot::shard_of(key, shards) as usize;
                keyspaces[shard].as_ref().expect("the plan borrows the shard of every key of the call")
            }
        }
    }

    /// The keyspace that is slice `index` of the whole, if it is within reach.
    pub(crate) fn slice(&mut self, index: u32) -> Option<&mut Keyspace> {
        match self {
            Reach::One(keyspace) => (keyspace.part().index == index).then_some(keyspace),
            Reach::Several(keyspaces) => keyspaces.get_mut(index as usize).and_then(Option::as_mut),
        }
    }

    /// Every keyspace within reach.
    pub(crate) fn every(&mut self) -> impl Iterator<Item = &mut Keyspace> {
        let (one, several) = match self {
            Reach::One(keyspace) => (Some(&mut **keyspace), None),
            Reach::Several(keyspaces) => (None, Some(keyspaces.iter_mut().flatten())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// Whether changes are recorded for the journal: by all keyspaces or by none.
    pub(crate) fn is_recorded(&self) -> bool {
        match self {
            Reach::One(keyspace) => keyspace.is_recorded(),
            Reach::Several(keyspaces) => keyspaces.iter().flatten().any(Keyspace::is_recorded),
        }
    }

    /// The slices of the whole keyspace: `of` of any keyspace's [`crate::store::Part`].
    pub(crate) fn slices(&mut self) -> u32 {
        self.every().next().map_or(1, |keyspace| keyspace.part().of)
    }
}
