//! What calls leave behind besides their replies: counts for the tally, and values too large to free on the spot.

use std::collections::BTreeMap;

use crate::command::{Classes, Event, Fault, Outdated, Record, What};
use crate::store::{Due, Kind, Stale, Value};

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
    /// Calls that scripts made, by the row's number: how many, and how many of them failed.
    pub(crate) called: Vec<(u16, u64, u64)>,
    /// Messages that scripts published, in order.
    pub(crate) published: Vec<Published>,
    /// What is told of the changes, in their order.
    pub(crate) events: Vec<Event>,
    /// What those who cache keys are to be told, in the order of the changes.
    pub(crate) outdated: Vec<Outdated>,
    /// Values whose freeing would hold up other keys; the reclaimer takes them.
    pub(crate) discarded: Vec<Discard>,
    /// What the journal is told, while it is on.
    pub(crate) record: Record,
}

/// A message to whoever listens to a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) sharded: bool,
    pub(crate) channel: Box<[u8]>,
    pub(crate) message: Box<[u8]>,
}

/// What others are told of a batch or a unit.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) events: Vec<Event>,
    pub(crate) outdated: Vec<Outdated>,
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

    /// Counts a call that a script made.
    pub(crate) fn called(&mut self, id: u16, failed: bool) {
        self.count_called(id, 1, u64::from(failed));
    }

    fn count_called(&mut self, id: u16, calls: u64, failed: u64) {
        match self.called.iter_mut().find(|(known, ..)| *known == id) {
            Some((_, all, all_failed)) => (*all, *all_failed) = (*all + calls, *all_failed + failed),
            None => self.called.push((id, calls, failed)),
        }
    }

    /// A reader's look-up found nothing. `events`: those that are told.
    #[cold]
    pub(crate) fn missed(&mut self, events: Classes, database: usize, key: &[u8]) {
        self.misses += 1;
        if events.has(Classes::MISS) {
            self.tell(events, database, "keymiss", key);
        }
    }

    /// Adds an event, to be told on the channels that `events` has.
    #[cold]
    pub(crate) fn tell(&mut self, events: Classes, database: usize, name: &'static str, key: &[u8]) {
        self.events.push(Event { database, name, key: key.into(), told: events });
    }

    /// What was due of a key has been removed. Those of sets and sorted sets are named like those of hashes, which Redis has.
    pub(crate) fn tell_expired(&mut self, events: Classes, database: usize, key: &[u8], due: Due) {
        let (class, name) = match due {
            Due::Key => (Classes::EXPIRED, "expired"),
            Due::Members(kind) | Due::AllMembers(kind) => match kind {
                Kind::Set => (Classes::SET, "sexpired"),
                Kind::SortedSet => (Classes::ZSET, "zexpired"),
                _ => (Classes::HASH, "hexpired"),
            },
        };
        if events.has(class) {
            self.tell(events, database, name, key);
        }
        if matches!(due, Due::AllMembers(_)) && events.has(Classes::GENERIC) {
            self.tell(events, database, "del", key);
        }
    }

    /// Keys that somebody keeps were changed by calls of this client, or by nobody's.
    #[cold]
    pub(crate) fn outdate(&mut self, by: Option<u64>, stale: Vec<Stale>) {
        self.outdated.extend(stale.into_iter().map(|stale| Outdated { by, what: What::Key(stale) }));
    }

    /// Whether others are to be told of anything.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        !self.events.is_empty() || !self.outdated.is_empty()
    }

    /// What they are to be told, to be posted.
    pub(crate) fn take_news(&mut self) -> News {
        News { events: std::mem::take(&mut self.events), outdated: std::mem::take(&mut self.outdated) }
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
        other.called.iter().for_each(|&(id, calls, failed)| self.count_called(id, calls, failed));
        self.published.extend(other.published);
        self.events.extend(other.events);
        self.outdated.extend(other.outdated);
        self.discarded.extend(other.discarded);
        debug_assert!(other.record.is_empty(), "who lends keyspaces tells the journal before they go home");
    }
}
