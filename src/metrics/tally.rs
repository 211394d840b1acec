//! What a shard tells of itself, and how the tallies of several shards add up.

use std::collections::BTreeMap;

/// One shard's figures at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Changes to the data since the start.
    pub(crate) changed: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) expired: u64,
    /// Members removed because their own deadline had passed.
    pub(crate) expired_members: u64,
    /// Clients that wait for a key, each told of by one shard.
    pub(crate) waiting: u64,
    /// Keys that somebody waits for.
    pub(crate) awaited_keys: u64,
    /// Those of them of which it is told, too, that they are gone.
    pub(crate) awaited_keys_even_without: u64,
    /// Keys that clients keep after they have read them, and how many do, key by key.
    pub(crate) cached_keys: u64,
    pub(crate) cached_items: u64,
    /// Keys written so far by the snapshot under way.
    pub(crate) saved_keys: u64,
    /// By database number.
    pub(crate) databases: Vec<DatabaseTally>,
    /// By the row's number in the registry.
    pub(crate) commands: Vec<CommandTally>,
    /// Error replies by their code word.
    pub(crate) errors: BTreeMap<Box<str>, u64>,
}

/// One database of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DatabaseTally {
    pub(crate) keys: u64,
    /// Keys with a deadline.
    pub(crate) volatile: u64,
    /// Mean time to live of those, milliseconds, 0 if there are none.
    pub(crate) ttl_ms_mean: u64,
    /// Bytes allocated.
    pub(crate) bytes: u64,
}

/// One command on one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandTally {
    pub(crate) calls: u64,
    /// Time on the shard, nanoseconds.
    pub(crate) nanos: u64,
    /// Calls answered with an error.
    pub(crate) failed: u64,
}

impl CommandTally {
    pub(crate) fn add(&mut self, other: CommandTally) {
        self.calls += other.calls;
        self.nanos += other.nanos;
        self.failed += other.failed;
    }
}

/// What sessions count themselves: the calls that no shard sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionTally {
    /// Session commands, by the row's number.
    pub(crate) calls: Vec<CommandTally>,
    /// Calls refused at a gate, by the row's number.
    pub(crate) refused: Vec<u64>,
    /// Error replies by their code word.
    pub(crate) errors: BTreeMap<Box<str>, u64>,
}

impl SessionTally {
    /// Nothing yet, for so many rows.
    pub(crate) fn new(commands: usize) -> SessionTally {
        SessionTally { calls: vec![CommandTally::default(); commands], refused: vec![0; commands], errors: BTreeMap::new() }
    }

    /// Counts a call of a session command.
    pub(crate) fn count(&mut self, id: u16, tally: CommandTally) {
        if let Some(sum) = self.calls.get_mut(usize::from(id)) {
            sum.add(tally);
        }
    }

    /// Counts a call refused at a gate.
    pub(crate) fn count_refused(&mut self, id: u16) {
        if let Some(sum) = self.refused.get_mut(usize::from(id)) {
            *sum += 1;
        }
    }

    /// Adds what another worker's sessions counted.
    pub(crate) fn add(&mut self, other: &SessionTally) {
        self.calls.iter_mut().zip(&other.calls).for_each(|(sum, more)| sum.add(*more));
        self.refused.iter_mut().zip(&other.refused).for_each(|(sum, more)| *sum += more);
        add_errors(&mut self.errors, &other.errors);
    }
}

/// Adds error replies to others, by code word.
pub(crate) fn add_errors(sum: &mut BTreeMap<Box<str>, u64>, more: &BTreeMap<Box<str>, u64>) {
    for (code, count) in more {
        match sum.get_mut(code) {
            Some(sum) => *sum += count,
            None => {
                sum.insert(code.clone(), *count);
            }
        }
    }
}

impl Tally {
    /// Adds another shard's figures.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.changed += other.changed;
        self.waiting += other.waiting;
        self.awaited_keys += other.awaited_keys;
        self.awaited_keys_even_without += other.awaited_keys_even_without;
        self.saved_keys += other.saved_keys;
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.expired_members += other.expired_members;
        self.cached_keys += other.cached_keys;
        self.cached_items += other.cached_items;
        self.databases.resize(self.databases.len().max(other.databases.len()), DatabaseTally::default());
        for (sum, more) in self.databases.iter_mut().zip(&other.databases) {
            let volatile = sum.volatile + more.volatile;
            if volatile > 0 {
                let total =
                    u128::from(sum.ttl_ms_mean) * u128::from(sum.volatile) + u128::from(more.ttl_ms_mean) * u128::from(more.volatile);
                sum.ttl_ms_mean = u64::try_from(total / u128::from(volatile)).unwrap_or(u64::MAX);
            }
            sum.keys += more.keys;
            sum.volatile = volatile;
            sum.bytes += more.bytes;
        }
        self.commands.resize(self.commands.len().max(other.commands.len()), CommandTally::default());
        for (sum, more) in self.commands.iter_mut().zip(&other.commands) {
            sum.add(*more);
        }
        add_errors(&mut self.errors, &other.errors);
    }
}
