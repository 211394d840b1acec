//! The way out of a shard: records to the journal, and replies to their sessions, those that must wait for the journal when they may.
//!
//! While the journal is off a reply leaves as soon as its batch has run. While it is on, replies leave at the end of the turn, when what was recorded
//! has been sent: one page for all of it. A reply that must not tell of what could still be lost is held until the page that the shard has seen last
//! is durable, whether its own calls wrote anything or only read what others had written.

use std::collections::VecDeque;

use crate::shard::pages::{Content, Pages};
use crate::shard::{Batch, Shard};

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pages: Pages,
    /// The shard's number.
    shard: usize,
    /// The last page whose effects are in this keyspace.
    seen: u64,
    /// Replies of this turn.
    #[expect(clippy::vec_box, reason = "batches travel as boxes")]
    turn: Vec<Box<Batch>>,
    /// Replies that wait until the page before them is durable, in order.
    held: VecDeque<(u64, Box<Batch>)>,
}

impl Dispatch {
    pub(crate) fn new(pages: Pages, shard: usize) -> Dispatch {
        Dispatch { pages, shard, seen: 0, turn: Vec::new(), held: VecDeque::new() }
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// The last page whose effects are in this keyspace.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Others have changed the keyspace meanwhile.
    pub(crate) fn saw(&mut self, page: u64) {
        self.seen = self.seen.max(page);
    }

    /// A batch has run.
    #[inline]
    pub(crate) fn answer(&mut self, shard: &Shard, batch: Box<Batch>) {
        if shard.is_recorded() {
            self.turn.push(batch);
        } else {
            batch.send_back();
        }
    }

    /// Sends what was recorded, and then the replies of the turn.
    pub(crate) fn flush(&mut self, shard: &mut Shard) {
        if shard.has_record() {
            self.seen = self.pages.send(Content::Calls { shard: self.shard, record: shard.take_record() });
        }
        if self.turn.is_empty() {
            return;
        }
        let is_durable = self.seen <= self.pages.durable();
        let mut must_ask = false;
        for batch in self.turn.drain(..) {
            if is_durable || !self.pages.holds(batch.durability) {
                batch.send_back();
            } else {
                self.held.push_back((self.seen, batch));
                must_ask = true;
            }
        }
        if must_ask && !self.pages.is_always() {
            self.pages.urge();
        }
    }

    /// Sends what a part of a unit recorded, be it nothing: the journal waits for every part.
    pub(crate) fn part(&mut self, shard: &mut Shard, unit: u64, shards: u64) {
        self.seen = self.pages.send(Content::Part { unit, shard: self.shard, shards, record: shard.take_record() });
    }

    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Every page up to `durable` is durable now.
    pub(crate) fn release(&mut self, durable: u64) {
        while self.held.front().is_some_and(|(page, _)| *page <= durable) {
            if let Some((_, batch)) = self.held.pop_front() {
                batch.send_back();
            }
        }
    }
}
