//! The borrower: collects the keyspaces of several shards, runs the unit's calls on them without a hop, and gives them back.
//!
//! It is a task of its own on the worker of the connection that asked, so that a client that goes away cancels nothing that was placed. While
//! it holds, it waits for loans only: it sends to no shard and writes to no socket.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::command::{Cx, Effects, Limits, Reach};
use crate::metrics::CommandTally;
use crate::shard::core::{Ticks, run_calls};
use crate::shard::{Batch, Loan, Returned};
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// Loans under way: the shard's number, and where its loan arrives.
pub(super) type Awaited = Vec<(usize, oneshot::Receiver<Loan>)>;

/// Keyspaces in hand. Dropping it gives every one back, with what the unit left behind.
#[derive(Debug)]
struct Held {
    keyspaces: Vec<Option<Keyspace>>,
    homes: Vec<(usize, oneshot::Sender<Returned>)>,
    effects: Effects,
    tallies: Vec<(u16, CommandTally)>,
}

impl Drop for Held {
    fn drop(&mut self) {
        for (shard, home) in self.homes.drain(..) {
            if let Some(keyspace) = self.keyspaces[shard].take() {
                // The first to go home takes the effects along.
                let (effects, tallies) = (std::mem::take(&mut self.effects), std::mem::take(&mut self.tallies));
                let _ = home.send(Returned { keyspace, effects, tallies });
            }
        }
    }
}

/// What a borrower needs besides its calls.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) shards: usize,
    pub(super) limits: Arc<Limits>,
    pub(super) seed: u64,
    pub(super) ticks: Ticks,
}

async fn collect(awaited: Awaited, shards: usize) -> Option<Held> {
    let mut held =
        Held { keyspaces: Vec::new(), homes: Vec::with_capacity(awaited.len()), effects: Effects::default(), tallies: Vec::new() };
    held.keyspaces.resize_with(shards, || None);
    for (shard, arriving) in awaited {
        // A shard that answers no more has ended, and the process with it.
        let (keyspace, home) = arriving.await.ok()?.open()?;
        held.keyspaces[shard] = Some(keyspace);
        held.homes.push((shard, home));
    }
    Some(held)
}

/// Runs a batch on borrowed keyspaces and sends it back.
pub(super) async fn run(awaited: Awaited, mut batch: Box<Batch>, means: Means) {
    let Means { shards, limits, mut seed, ticks } = means;
    let Some(mut held) = collect(awaited, shards).await else { return };
    let Held { keyspaces, effects, tallies, .. } = &mut held;
    let mut cx = Cx::new(Reach::Several(keyspaces), &limits, effects, &mut seed, UnixMillis::now());
    run_calls(&mut batch, &mut cx, ticks, ticks(), |id, tally| tallies.push((id, tally)));
    drop(held);
    batch.send_back();
}

/// Holds keyspaces for a while and does nothing with them (DEBUG SLEEP): every data command waits, as it would in Redis.
pub(super) async fn hold(awaited: Awaited, shards: usize, how_long: std::time::Duration) {
    if let Some(held) = collect(awaited, shards).await {
        tokio::time::sleep(how_long).await;
        drop(held);
    }
}
