//! What calls leave behind besides their replies: counts for the tally, and values too large to free on the spot.

use std::collections::BTreeMap;

use crate::command::Fault;
use crate::store::Value;

/// The effects of the calls of one batch or unit. The shard folds them into its tally; a borrower returns them with the loan.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Changes to the data, as `rdb_changes_since_last_save` counts them.
    pub(crate) changed: u64,
    /// Look-ups of readers that found their key.
    pub(crate) hits: u64,
    /// Look-ups of readers that did not.
    pub(crate) misses: u64,
    /// Keys that were found past their deadline.
    pub(crate) expired: u64,
    /// Members that were found past their deadline, in keys that were not.
    pub(crate) expired_members: u64,
    /// Error replies by their code word, for INFO errorstats.
    pub(crate) errors: BTreeMap<Box<str>, u64>,
    /// Values whose freeing would hold up other keys; the reclaimer takes them.
    pub(crate) discarded: Vec<Discard>,
}

/// Something large that nobody can reach any more.
#[derive(Debug)]
#[allow(dead_code, reason = "held only to be dropped, elsewhere")]
pub(crate) enum Discard {
    Value(Value),
    Database(Box<crate::store::Database>),
}

impl Effects {
    /// Counts an error reply.
    pub(crate) fn faulted(&mut self, fault: &Fault) {
        fault.count_in(&mut self.errors);
    }

    /// Gets rid of a value: here if that is quick, else by the reclaimer.
    pub(crate) fn discard(&mut self, value: Value) {
        if value.is_heavy() {
            self.discarded.push(Discard::Value(value));
        }
    }

    /// Gets rid of a whole database.
    pub(crate) fn discard_database(&mut self, database: crate::store::Database) {
        if !database.is_empty() {
            self.discarded.push(Discard::Database(Box::new(database)));
        }
    }

    /// Adds what another batch left.
    pub(crate) fn absorb(&mut self, other: Effects) {
        self.changed += other.changed;
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired += other.expired;
        self.expired_members += other.expired_members;
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
        self.discarded.extend(other.discarded);
    }
}
