//! The borrower: collects the keyspaces of several shards, runs the unit's calls on them without a hop, and gives them back.
//!
//! It is a task of its own on the worker of the connection that asked, so that a client that goes away cancels nothing that was placed. While
//! it holds, it waits for loans only: it sends to no shard and writes to no socket. The journal is told what it did before anything goes home,
//! which takes no waiting.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::command::{Limits, Scripts, Watch};
use crate::router::Round;
use crate::shard::batch::Watching;
use crate::shard::meter::Ticks;
use crate::shard::pages::Content;
use crate::shard::{Batch, Durability, Held, Loan, Outbox, Pages, Returned, Stay, Tools};
use crate::time::UnixMillis;

/// Loans under way: the shard's number, and where its loan arrives.
pub(super) type Awaited = Vec<(usize, oneshot::Receiver<Loan>)>;

/// Keyspaces in hand and the way home of each. Dropping it gives every one back, with what the unit left behind.
#[derive(Debug)]
struct Borrowed {
    held: Held,
    homes: Vec<(usize, oneshot::Sender<Returned>)>,
    outbox: Outbox,
    pages: Pages,
    /// The last page of the history whose effects are in what it has.
    seen: u64,
}

impl Borrowed {
    /// Tells the journal what was done, and gives everything back.
    fn give_back(&mut self) {
        if let Some((news, receipt)) = self.held.take_news() {
            self.outbox.post(news, Some(receipt));
        }
        let record = self.held.take_record();
        if !record.is_empty() {
            let shards = self.homes.iter().fold(0, |shards, (shard, _)| shards | 1 << shard);
            self.seen = self.pages.send(Content::Held { shards, record });
        }
        for (shard, returned) in self.held.give_back(self.seen) {
            if let Some(at) = self.homes.iter().position(|&(home, _)| home == shard) {
                let _ = self.homes.swap_remove(at).1.send(returned);
            }
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What a call that panicked was doing may be half done. Not to come home ends the shards, and so the process.
            return;
        }
        self.give_back();
    }
}

/// What a borrower needs besides its calls.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) shards: usize,
    pub(super) limits: Arc<Limits>,
    pub(super) seed: u64,
    pub(super) ticks: Ticks,
    /// Where events of keys go, and whether anybody listens to them.
    pub(super) outbox: Outbox,
    pub(super) is_heard: bool,
    pub(super) scripts: Option<Rc<dyn Scripts>>,
    pub(super) pages: Pages,
}

async fn collect(awaited: Awaited, means: &Means) -> Option<Borrowed> {
    let (held, outbox, pages) = (Held::new(means.shards, means.is_heard), means.outbox.clone(), means.pages.clone());
    let mut borrowed = Borrowed { held, homes: Vec::with_capacity(awaited.len()), outbox, pages, seen: 0 };
    for (shard, arriving) in awaited {
        // A shard that answers no more has ended, and the process with it.
        let loan = arriving.await.ok()?;
        borrowed.seen = borrowed.seen.max(loan.seen);
        let (keyspace, home) = loan.open()?;
        borrowed.held.take(shard, keyspace);
        borrowed.homes.push((shard, home));
    }
    Some(borrowed)
}

/// Runs a batch on borrowed keyspaces and sends it back.
pub(super) async fn run(awaited: Awaited, mut batch: Box<Batch>, means: Means) {
    let Some(mut hold) = Hold::collect(awaited, means).await else { return };
    hold.run_batch(&mut batch);
    hold.finish(batch.durability).await;
    batch.send_back();
}

/// Keyspaces in the hand of whoever has to do several things with them and let nothing come between (EXEC). They go home when it is dropped.
///
/// Its holder must not await, but for the journal.
#[derive(Debug)]
pub(crate) struct Hold {
    borrowed: Borrowed,
    means: Means,
}

impl Hold {
    pub(super) async fn collect(awaited: Awaited, means: Means) -> Option<Hold> {
        Some(Hold { borrowed: collect(awaited, &means).await?, means })
    }

    /// Lets everything go home, and returns when what was seen of it is durable, if the replies must wait for that.
    pub(crate) async fn finish(mut self, durability: Durability) {
        self.borrowed.give_back();
        let (seen, pages) = (self.borrowed.seen, self.means.pages.clone());
        drop(self);
        pages.settled(seen, durability).await;
    }

    /// What is done with the keyspaces in hand beside calls: read from files.
    pub(crate) fn held(&mut self) -> &mut Held {
        &mut self.borrowed.held
    }

    /// Switches the journal on or off. With the keyspaces of all shards in hand only.
    pub(crate) fn record(&mut self, on: bool) {
        self.borrowed.held.record(on);
        self.means.pages.set_on(on);
    }

    fn run_batch(&mut self, batch: &mut Batch) {
        let Means { limits, seed, ticks, scripts, .. } = &self.means;
        let tools = Tools { limits, seed: *seed, ticks: *ticks, scripts: scripts.as_deref() };
        self.borrowed.held.run(batch, &tools, UnixMillis::now());
    }

    /// Makes an attempt at a call that may wait.
    pub(super) fn attempt(&mut self, batch: &mut Batch) -> bool {
        let Means { limits, seed, ticks, .. } = &self.means;
        self.borrowed.held.attempt(batch, limits, *seed, *ticks, UnixMillis::now())
    }

    /// Who waits where when the keyspaces go home.
    pub(super) fn stay(&mut self, stays: Vec<(usize, Stay)>) {
        stays.into_iter().for_each(|(shard, stay)| self.borrowed.held.stay(shard, stay));
    }

    pub(super) fn shards(&self) -> u32 {
        u32::try_from(self.means.shards).unwrap_or(u32::MAX)
    }

    /// Whether no key of the watch was changed until now.
    pub(crate) fn is_unchanged(&mut self, watch: &Arc<Watch>) -> bool {
        let mut question = Batch::default();
        question.watching = Watching::Until(watch.clone());
        self.run_batch(&mut question);
        !question.refused
    }

    /// Runs the calls that a round has for it.
    pub(crate) fn run(&mut self, round: &mut Round, input: Arc<Vec<u8>>) {
        if let Some(batch) = round.held_batch() {
            batch.input = Some(input);
            self.run_batch(batch);
        }
    }
}

/// Holds keyspaces for a while and does nothing with them (DEBUG SLEEP): every data command waits, as it would in Redis.
pub(super) async fn hold(awaited: Awaited, means: Means, how_long: Duration) {
    if let Some(borrowed) = collect(awaited, &means).await {
        tokio::time::sleep(how_long).await;
        drop(borrowed);
    }
}
