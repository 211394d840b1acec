//! A lent keyspace: ownership by message, there and back, and what a borrower does with several of them.

use tokio::sync::oneshot;

use crate::command::{Cx, Effects, Limits, News, Reach, Receipt, Record, Scripts, decimal};
use crate::metrics::CommandTally;
use crate::rdb;
use crate::shard::batch::Bond;
use crate::shard::core::{attempt, run_calls};
use crate::shard::meter::{Meter, Ticks};
use crate::shard::{Batch, Stay};
use crate::store::{Keyspace, Value};
use crate::time::UnixMillis;

/// What a shard gets back.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) keyspace: Keyspace,
    /// What the unit left behind; told to the first of the shards it borrowed.
    pub(crate) effects: Effects,
    /// The calls it ran, by the row's number.
    pub(crate) tallies: Vec<(u16, CommandTally)>,
    /// A client whose call found nothing, and waits here from now on, or still.
    pub(crate) stay: Option<Stay>,
    /// The last page of the history whose effects are in it.
    pub(crate) seen: u64,
}

/// A keyspace away from home. Dropping it sends it back, whatever became of the borrower.
#[derive(Debug)]
pub(crate) struct Loan {
    lent: Option<(Keyspace, oneshot::Sender<Returned>)>,
    /// The last page of the history whose effects were in it when it was lent.
    pub(crate) seen: u64,
}

impl Loan {
    pub(crate) fn new(keyspace: Keyspace, home: oneshot::Sender<Returned>, seen: u64) -> Loan {
        Loan { lent: Some((keyspace, home)), seen }
    }

    /// Takes the keyspace out of its wrapper, to be run on; the sender is where it must go.
    pub(crate) fn open(mut self) -> Option<(Keyspace, oneshot::Sender<Returned>)> {
        self.lent.take()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some((keyspace, home)) = self.lent.take() {
            // A shard that is gone was ended by a panic or by the end of the process: nothing is left to own the data.
            let _ = home.send(Returned { keyspace, effects: Effects::default(), tallies: Vec::new(), seen: self.seen, stay: None });
        }
    }
}

/// What calls need besides what is in hand.
pub(crate) struct Tools<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) seed: u64,
    pub(crate) ticks: Ticks,
    pub(crate) scripts: Option<&'a dyn Scripts>,
}

/// Keyspaces in a borrower's hand, by shard.
#[derive(Debug)]
pub(crate) struct Held {
    keyspaces: Vec<Option<Keyspace>>,
    effects: Effects,
    tallies: Vec<(u16, CommandTally)>,
    /// By shard: who stays there when the keyspace goes home.
    stays: Vec<(usize, Stay)>,
    /// Whether anybody listens to events of keys.
    is_heard: bool,
    /// Of those whose calls have made something that clients cache outdated.
    receipts: Vec<Receipt>,
}

impl Held {
    /// An empty hand, for as many shards as there are. `is_heard`: whether events of keys are wanted.
    pub(crate) fn new(shards: usize, is_heard: bool) -> Held {
        let mut keyspaces = Vec::new();
        keyspaces.resize_with(shards, || None);
        Held { keyspaces, effects: Effects::default(), tallies: Vec::new(), stays: Vec::new(), is_heard, receipts: Vec::new() }
    }

    pub(crate) fn take(&mut self, shard: usize, keyspace: Keyspace) {
        self.keyspaces[shard] = Some(keyspace);
    }

    /// Runs a batch as if the keyspaces in hand were one.
    pub(crate) fn run(&mut self, batch: &mut Batch, means: &Tools<'_>, now: UnixMillis) {
        let Tools { limits, mut seed, ticks, scripts } = *means;
        let Held { keyspaces, effects, tallies, is_heard, receipts, .. } = self;
        let mut cx = Cx::new(Reach::Several(keyspaces), limits, effects, &mut seed, now).with_scripts(scripts);
        if !*is_heard {
            cx.hush();
        }
        let (mut meter, mut count) = (Meter::new(ticks), |id, tally| tallies.push((id, tally)));
        meter.begin();
        // All that is done with the keyspaces in hand is one block: it is wrapped when it leaves.
        batch.bond = Bond::Part;
        run_calls(batch, &mut cx, &mut meter, &mut count);
        meter.rest(&mut count);
        if !effects.outdated.is_empty() {
            receipts.push(batch.expect_told());
        }
    }

    /// What was recorded with these keyspaces in hand, to be told the journal before they go home.
    pub(crate) fn take_record(&mut self) -> Record {
        std::mem::take(&mut self.effects.record)
    }

    /// What others are told of what was run, to be posted before anything in hand goes home: who owns a key again may change it at once.
    pub(crate) fn take_news(&mut self) -> Option<(News, Receipt)> {
        let receipt = Receipt::new(std::mem::take(&mut self.receipts));
        self.effects.has_news().then(|| (self.effects.take_news(), receipt))
    }

    /// Makes an attempt at a call that may wait. Says whether it was answered.
    pub(crate) fn attempt(&mut self, batch: &mut Batch, limits: &Limits, mut seed: u64, ticks: Ticks, now: UnixMillis) -> bool {
        let Held { keyspaces, effects, tallies, is_heard, receipts, .. } = self;
        let mut cx = Cx::new(Reach::Several(keyspaces), limits, effects, &mut seed, now);
        if !*is_heard {
            cx.hush();
        }
        let (mut meter, mut count) = (Meter::new(ticks), |id, tally| tallies.push((id, tally)));
        meter.begin();
        batch.bond = Bond::Part;
        let answered = attempt(batch, &mut cx, &mut meter, &mut count);
        meter.rest(&mut count);
        if !effects.outdated.is_empty() {
            receipts.push(batch.expect_told());
        }
        answered
    }

    /// A client whose call found nothing waits at the shard whose keyspace goes home.
    pub(crate) fn stay(&mut self, shard: usize, stay: Stay) {
        self.stays.push((shard, stay));
    }

    /// Switches the journal on or off. To be done only with the keyspaces of all shards in hand.
    pub(crate) fn record(&mut self, on: bool) {
        self.keyspaces.iter_mut().flatten().for_each(|keyspace| keyspace.record(on));
    }

    /// Puts a key in, whatever was there before.
    ///
    /// # Panics
    /// If its keyspace is not in hand.
    pub(crate) fn insert(&mut self, database: usize, key: &[u8], value: Value, deadline: Option<UnixMillis>) {
        let mut reach = Reach::Several(&mut self.keyspaces);
        let keyspace = reach.of(key);
        let hash = keyspace.hash(key);
        keyspace.database_mut(database).insert(hash, key, value, deadline);
    }

    /// Records everything there is, as commands that make it: a journal that begins with data.
    pub(crate) fn record_all(&mut self) {
        let Held { keyspaces, effects, .. } = self;
        for keyspace in keyspaces.iter().flatten() {
            for number in 0..keyspace.databases() {
                for entry in keyspace.database(number).iter() {
                    let ttl = decimal(entry.deadline().map_or(0, |deadline| deadline.0));
                    effects.record.besides(number, [b"RESTORE".as_slice(), entry.key(), &ttl, &rdb::dump(entry), b"ABSTTL", b"REPLACE"]);
                }
            }
        }
    }

    /// Everything in hand, to be sent home; `seen` is the last page whose effects are in it.
    pub(crate) fn give_back(&mut self, seen: u64) -> impl Iterator<Item = (usize, Returned)> {
        let Held { keyspaces, effects, tallies, stays, .. } = self;
        keyspaces.iter_mut().enumerate().filter_map(move |(shard, keyspace)| {
            let keyspace = keyspace.take()?;
            // The first to go home takes the effects along.
            let stay = stays.iter().position(|&(at, _)| at == shard).map(|at| stays.swap_remove(at).1);
            Some((shard, Returned { keyspace, effects: std::mem::take(effects), tallies: std::mem::take(tallies), seen, stay }))
        })
    }
}
