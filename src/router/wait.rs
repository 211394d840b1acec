//! A call that may wait, on its way to the shards where it does.
//!
//! If one shard owns all its keys, the batch goes there and comes back when it is answered. If several do, its session takes their keyspaces in hand
//! for an attempt, and if that finds nothing leaves a [`Stay`] with each of them before they go home, so that no change can come between.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::command::Row;
use crate::resp::Span;
use crate::router::unit::Hold;
use crate::router::{Plan, Router, ShardsGone};
use crate::shard::batch::Manner;
use crate::shard::{Batch, Claim, Message, Stay};
use crate::slot;

/// A call that may wait, with words of its own: what else its client says must not keep them from being used.
#[derive(Debug)]
pub(crate) struct WaitingCall {
    pub(crate) row: &'static Row,
    pub(crate) id: u16,
    pub(crate) manner: Manner,
    pub(crate) input: Arc<Vec<u8>>,
    pub(crate) spans: Vec<Span>,
}

impl WaitingCall {
    /// Which shards it needs.
    pub(crate) fn plan(&self, shards: u32) -> Plan {
        Plan::of(self.row, &crate::command::Args::new(&self.input, &self.spans), shards)
    }

    /// The batch that it is the only call of.
    pub(crate) fn into_batch(self, claim: &Arc<Claim>) -> Box<Batch> {
        let mut batch = Box::<Batch>::default();
        batch.push_waiting(self.row, self.id, self.manner, &self.spans, claim);
        batch.input = Some(self.input);
        batch
    }
}

impl Router {
    /// Lets a shard answer a batch that may wait there. It comes back answered, or never, if its client gave up.
    ///
    /// # Errors
    /// The shard has ended.
    pub(crate) async fn run_or_wait(&self, shard: u32, mut batch: Box<Batch>) -> Result<oneshot::Receiver<Box<Batch>>, ShardsGone> {
        let back = batch.expect_back();
        if !self.mailboxes()[shard as usize].send(Message::Run(batch)).await {
            return Err(ShardsGone);
        }
        Ok(back)
    }

    /// Tells shards that a client waits there no more. For who cannot wait: what finds no room is sent by a task of its own.
    pub(crate) fn forget(&self, owners: u64, claim: &Arc<Claim>) {
        let mailboxes = self.mailboxes().iter().enumerate().filter(|(shard, _)| owners & (1 << shard) != 0);
        for (_, mailbox) in mailboxes {
            if let Some(message) = mailbox.try_send(Message::Forget(claim.clone())) {
                let mailbox = mailbox.clone();
                tokio::task::spawn_local(async move { mailbox.send(message).await });
            }
        }
    }
}

/// Where a batch that found nothing waits: what each of several shards is to know of it.
pub(crate) fn stays(batch: &Batch, shards: u32) -> Vec<(usize, Stay)> {
    let Some(stay) = batch.stay() else { return Vec::new() };
    let mut stays: Vec<(usize, Stay)> = Vec::new();
    for key in &stay.keys {
        let shard = slot::shard_of(key, shards) as usize;
        match stays.iter_mut().find(|(at, _)| *at == shard) {
            Some((_, stay)) => stay.keys.push(key.clone()),
            None => {
                let counts = stays.is_empty();
                stays.push((shard, Stay { keys: vec![key.clone()], counts, ..stay.clone() }));
            }
        }
    }
    stays
}

impl Hold {
    /// Makes an attempt at a call that may wait. Says whether it was answered; if not, the client stays at the shards of its keys when the keyspaces
    /// go home.
    pub(crate) fn attempt_or_stay(&mut self, batch: &mut Batch, claim: &Claim) -> bool {
        if self.attempt(batch) {
            claim.answer();
            return true;
        }
        if claim.wait() {
            self.stay(stays(batch, self.shards()));
        }
        false
    }
}
