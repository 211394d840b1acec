//! Sends a round to its shards and waits until every batch of it is back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::command::{Limits, Scripts};
use crate::router::round::{Group, Kind};
use crate::router::unit::{self, Awaited, Hold, Means};
use crate::router::{Round, Sequencer};
use crate::shard::meter::Ticks;
use crate::shard::{Batch, Borrow, Gate, Mailbox, Message, Outbox, Pages};

/// The way to all shards, one per worker.
#[derive(Debug)]
pub(crate) struct Router {
    mailboxes: Box<[Mailbox]>,
    sequencer: Arc<Sequencer>,
    limits: watch::Receiver<Arc<Limits>>,
    outbox: Outbox,
    ticks: Ticks,
    seed: Cell<u64>,
    scripts: Option<Rc<dyn Scripts>>,
    pages: Pages,
}

/// A shard answers no more: its thread ended, and the process is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardsGone;

/// A batch that is out: its group, its shard, and where it comes back.
type Out = (usize, usize, oneshot::Receiver<Box<Batch>>);

impl Router {
    pub(crate) fn new(
        mailboxes: Box<[Mailbox]>,
        sequencer: Arc<Sequencer>,
        limits: watch::Receiver<Arc<Limits>>,
        outbox: Outbox,
        ticks: Ticks,
        seed: u64,
        pages: Pages,
    ) -> Router {
        Router { mailboxes, sequencer, limits, outbox, ticks, seed: Cell::new(seed), scripts: None, pages }
    }

    /// With somebody who runs scripts on this thread.
    pub(crate) fn with_scripts(mut self, scripts: Rc<dyn Scripts>) -> Router {
        self.scripts = Some(scripts);
        self
    }

    pub(crate) fn shards(&self) -> u32 {
        u32::try_from(self.mailboxes.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    pub(super) fn sequencer(&self) -> &Sequencer {
        &self.sequencer
    }

    /// A number nobody can foresee from outside, for picks and seeds.
    pub(crate) fn pick(&self) -> u64 {
        let next = self.seed.get().wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.seed.set(next);
        next >> 16
    }

    /// Sends everything that the round collected and waits for all of it. `input` is what the calls' words are ranges of.
    ///
    /// Dropping the future (the client went away) cancels nothing that was placed.
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn send(&self, round: &mut Round, input: Arc<Vec<u8>>) -> Result<(), ShardsGone> {
        // The common round: one group, one batch, no vector of what is out.
        if let [group] = round.groups.as_mut_slice()
            && group.kind == Kind::Plain
        {
            let mut present = group.batches.iter_mut().enumerate().filter(|(_, batch)| batch.is_some());
            if let (Some((shard, place)), None) = (present.next(), present.next())
                && let Some(mut batch) = place.take()
            {
                batch.input = Some(input);
                batch.may_stop = !round.whole;
                (batch.durability, batch.replay) = (round.durability, round.replay);
                *place = Some(self.run_alone(shard, batch).await?);
                return Ok(());
            }
        }
        let mut out: Vec<Out> = Vec::new();
        let may_stop = round.groups.len() == 1 && !round.whole;
        for batch in round.groups.iter_mut().flat_map(|group| group.batches.iter_mut().flatten()) {
            (batch.durability, batch.replay) = (round.durability, round.replay);
        }
        for (number, group) in round.groups.iter_mut().enumerate() {
            match group.kind {
                Kind::Plain => self.mail(number, group, may_stop, &input, &mut out).await?,
                Kind::Unit => self.place(number, group, &input, &mut out).await?,
                Kind::Borrow(owners) => self.borrow(number, group, owners, &input, &mut out).await?,
            }
        }
        drop(input);
        for (group, shard, back) in out {
            round.groups[group].batches[shard] = Some(back.await.map_err(|_| ShardsGone)?);
        }
        Ok(())
    }

    /// Sends the batch again that stopped before its last call, if there is one: its replies so far have been written. Says whether there was.
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn go_on(&self, round: &mut Round) -> Result<bool, ShardsGone> {
        let Some((shard, place)) = round.short() else { return Ok(false) };
        if let Some(batch) = place.take() {
            *place = Some(self.run_alone(shard, batch).await?);
        }
        Ok(true)
    }

    async fn run_alone(&self, shard: usize, mut batch: Box<Batch>) -> Result<Box<Batch>, ShardsGone> {
        let back = batch.expect_back();
        if !self.mailboxes[shard].send(Message::Run(batch)).await {
            return Err(ShardsGone);
        }
        back.await.map_err(|_| ShardsGone)
    }

    /// Holds every shard for a while (DEBUG SLEEP).
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn hold_all(&self, how_long: Duration) -> Result<(), ShardsGone> {
        let (awaited, means) = self.place_borrow(u64::MAX).await?;
        let held = tokio::task::spawn_local(unit::hold(awaited, means, how_long));
        held.await.map_err(|_| ShardsGone)
    }

    /// Takes the keyspaces of these shards in hand, as a unit of their own. Nothing is done to them if the future is dropped.
    ///
    /// # Errors
    /// A shard has ended.
    pub(crate) async fn hold(&self, owners: u64) -> Result<Hold, ShardsGone> {
        let (awaited, means) = self.place_borrow(owners).await?;
        Hold::collect(awaited, means).await.ok_or(ShardsGone)
    }

    /// Batches that need no order among each other. They may stop before their last call only if no later group relies on their having run.
    async fn mail(
        &self,
        number: usize,
        group: &mut Group,
        may_stop: bool,
        input: &Arc<Vec<u8>>,
        out: &mut Vec<Out>,
    ) -> Result<(), ShardsGone> {
        for (shard, place) in group.batches.iter_mut().enumerate() {
            let Some(mut batch) = place.take() else { continue };
            batch.input = Some(input.clone());
            batch.may_stop = may_stop;
            out.push((number, shard, batch.expect_back()));
            if !self.mailboxes[shard].send(Message::Run(batch)).await {
                return Err(ShardsGone);
            }
        }
        Ok(())
    }

    /// Batches that are one unit: permits in ascending order, one order in the sequencer, then the gate.
    async fn place(&self, number: usize, group: &mut Group, input: &Arc<Vec<u8>>, out: &mut Vec<Out>) -> Result<(), ShardsGone> {
        let mut permits = Vec::with_capacity(group.batches.len());
        for (shard, _) in group.batches.iter().enumerate().filter(|(_, batch)| batch.is_some()) {
            permits.push(self.mailboxes[shard].reserve().await.ok_or(ShardsGone)?);
        }
        // From here to the opening of the gate there is no await: it is placed whole or not at all.
        let shards = group.shards();
        // Who does not know yet that the journal is on takes every unit for one that writes.
        let gate = Arc::new(Gate::new(shards, !self.pages.is_on() || group.writes()));
        let mut parts = Vec::with_capacity(permits.len());
        for (shard, place) in group.batches.iter_mut().enumerate() {
            let Some(mut batch) = place.take() else { continue };
            batch.input = Some(input.clone());
            out.push((number, shard, batch.expect_back()));
            parts.push(Message::Part(batch, gate.clone()));
        }
        let unit = self.sequencer.place(permits.into_iter().zip(parts));
        gate.open(unit);
        Ok(())
    }

    async fn borrow(
        &self,
        number: usize,
        group: &mut Group,
        owners: u64,
        input: &Arc<Vec<u8>>,
        out: &mut Vec<Out>,
    ) -> Result<(), ShardsGone> {
        let Some(mut batch) = group.batches[0].take() else { return Ok(()) };
        batch.input = Some(input.clone());
        out.push((number, 0, batch.expect_back()));
        let (awaited, means) = self.place_borrow(owners).await?;
        tokio::task::spawn_local(unit::run(awaited, batch, means));
        Ok(())
    }

    fn means(&self) -> Means {
        let (limits, outbox) = (self.limits.borrow().clone(), self.outbox.clone());
        let is_heard = outbox.is_heard();
        let pages = self.pages.clone();
        Means {
            shards: self.mailboxes.len(),
            limits,
            seed: self.pick(),
            ticks: self.ticks,
            outbox,
            is_heard,
            scripts: self.scripts.clone(),
            pages,
        }
    }

    /// Asks the shards in `owners` for their keyspaces, as one unit. The caller must not await before it has handed the loans to a task of
    /// their own.
    async fn place_borrow(&self, owners: u64) -> Result<(Awaited, Means), ShardsGone> {
        if self.outbox.is_full() {
            // A borrower posts its events without waiting, so that it waits before it holds anything.
            self.outbox.has_room().await;
        }
        let means = self.means();
        let lenders = || (0..self.mailboxes.len()).filter(move |shard| owners & (1 << shard) != 0);
        let mut permits = Vec::new();
        for shard in lenders() {
            permits.push(self.mailboxes[shard].reserve().await.ok_or(ShardsGone)?);
        }
        let mut awaited = Vec::with_capacity(permits.len());
        let mut requests = Vec::with_capacity(permits.len());
        for shard in lenders() {
            let (lend_to, loan) = oneshot::channel();
            awaited.push((shard, loan));
            requests.push(Message::Borrow(Borrow { lend_to }));
        }
        self.sequencer.place(permits.into_iter().zip(requests));
        Ok((awaited, means))
    }
}
