//! A round: what one read of one connection asks of all shards, who answers which call, and the replies stitched in the order asked.
//!
//! Calls are collected in groups. A group is one message per shard; it is a unit if any of its calls is split. Calls that borrow form groups of
//! their own, one unit each, so that consecutive ones share it. Groups are sent in order, and mailboxes keep order, so that no group has to
//! wait for the replies of the one before.

use std::cell::RefCell;
use std::sync::Arc;

use crate::command::{Args, Join, Published, Reader, Row, Spread};
use crate::resp::{Protocol, Reply};
use crate::router::join::join;
use crate::router::{Plan, Way};
use crate::shard::batch::{Bond, Manner, Watching};
use crate::shard::{Batch, Durability};
use crate::slot;

/// Batches of one worker that wait for their next use.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "batches travel as boxes; the boxes are what is used again")]
pub(crate) struct Spare(RefCell<Vec<Box<Batch>>>);

/// Batches kept for the next read: as many as a busy worker has in flight; an idle one keeps their buffers, at most 4 KiB apiece at rest.
const SPARE_BATCHES_MAX: usize = 256;

impl Spare {
    fn take(&self) -> Box<Batch> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn put(&self, mut batch: Box<Batch>) {
        batch.reset();
        let mut spare = self.0.borrow_mut();
        if spare.len() < SPARE_BATCHES_MAX {
            spare.push(batch);
        }
    }
}

/// Calls that are sent together.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) kind: Kind,
    /// By shard; a group that borrows has one batch, at 0. What comes back is put where it was.
    pub(super) batches: Vec<Option<Box<Batch>>>,
    /// By shard: how many replies have been stitched.
    taken: Vec<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every batch for itself.
    #[default]
    Plain,
    /// One unit: no part before all are placed.
    Unit,
    /// Run by a borrower that holds the keyspaces of these shards.
    Borrow(u64),
}

/// Who answers the next call or calls.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The session itself, with so many bytes of `local`.
    Local { bytes: usize },
    /// The batch of a shard in a group: its next `count` replies.
    Batch { group: u32, shard: u32, count: u32 },
    /// The parts of a split call, one reply each.
    Parts { group: u32, split: u32 },
    /// Somebody else, when all that was sent is done: these bytes of `later`.
    Later { number: u32 },
}

/// A call that was split.
#[derive(Debug)]
struct Split {
    join: Join,
    protocol: Protocol,
    /// The shards that have a part, ascending.
    shards: Vec<u32>,
    /// For [`Join::InOrder`]: which of `shards` answers for the i-th key.
    order: Vec<u16>,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(super) groups: Vec<Group>,
    answers: Vec<(Answer, bool)>,
    /// How many of `answers`, and how many bytes of `local`, have been stitched.
    answered: usize,
    local_taken: usize,
    /// The shard whose batch stopped before its last call, when stitching has come to the first reply that is missing. It is of the first
    /// group, which is then the only one.
    short: Option<u32>,
    splits: Vec<Split>,
    local: Vec<u8>,
    later: Vec<Vec<u8>>,
    calls: u64,
    /// It has blocks of transactions, whose calls nothing comes between: no batch stops before its last call.
    pub(super) whole: bool,
    /// The number of the last block. Numbers come again, but not soon.
    block: u8,
    /// When its replies may leave.
    pub(crate) durability: Durability,
    /// Its calls are read from a journal.
    pub(crate) replay: bool,
}

impl Round {
    /// Adds a data call. `silent`: it runs, and its reply is thrown away (CLIENT REPLY).
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a call and its way, taken apart")]
    pub(crate) fn push(&mut self, row: &'static Row, id: u16, manner: Manner, args: &Args<'_>, shards: u32, spare: &Spare, silent: bool) {
        self.calls += 1;
        match Plan::of(row, args, shards) {
            Plan::One(shard) => {
                let group = self.mail_group(shards);
                self.groups[group as usize].batch(shard, spare).push(row, id, manner, args.spans());
                self.answered_by_batch(group, shard, silent);
            }
            Plan::Split => self.split(row, id, manner, args, shards, spare, silent),
            Plan::Every => self.every(row, id, manner, args, shards, spare, silent),
            Plan::Borrow(owners) => self.borrow(owners, row, id, manner, args, spare, silent),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a call and its way, taken apart")]
    fn borrow(&mut self, owners: u64, row: &'static Row, id: u16, manner: Manner, args: &Args<'_>, spare: &Spare, silent: bool) {
        let group = self.borrow_group(owners);
        self.groups[group as usize].batch(0, spare).push(row, id, manner, args.spans());
        self.answered_by_batch(group, 0, silent);
    }

    /// Adds a call of a transaction whose keyspaces will all be held: `Hold::run` runs it.
    pub(crate) fn push_held(&mut self, row: &'static Row, id: u16, manner: Manner, args: &Args<'_>, spare: &Spare) {
        self.calls += 1;
        self.borrow(0, row, id, manner, args, spare, false);
    }

    /// The next call is answered when all that is sent has been done: by [`Round::fill`], with the number that this returns.
    pub(crate) fn answer_later(&mut self) -> u32 {
        let number = u32::try_from(self.later.len()).unwrap_or(u32::MAX);
        self.calls += 1;
        self.later.push(Vec::new());
        self.answers.push((Answer::Later { number }, false));
        number
    }

    /// The reply of a call that was to be answered later.
    pub(crate) fn fill(&mut self, number: u32, reply: Vec<u8>) {
        self.later[number as usize] = reply;
    }

    /// What was added is the block of a transaction: it runs as one. `watching`: what its batch asks first.
    pub(crate) fn close_block(&mut self, way: Way, watching: &Watching) {
        self.whole = true;
        for group in &mut self.groups {
            if way == Way::Unit {
                group.kind = Kind::Unit;
            }
            let bond = if way == Way::Batch { Bond::Whole } else { Bond::Part };
            for batch in group.batches.iter_mut().flatten() {
                batch.watching = watching.clone();
                batch.bond = bond;
            }
        }
    }

    /// Takes what its scripts published. To be asked when everything is back.
    pub(crate) fn published(&mut self) -> Vec<Published> {
        let mut all = Vec::new();
        let batches = self.groups.iter_mut().flat_map(|group| group.batches.iter_mut().flatten());
        batches.filter(|batch| !batch.published.is_empty()).for_each(|batch| all.append(&mut batch.published));
        all
    }

    /// The number of a block that is about to be added, among the other calls of the read.
    pub(crate) fn open_block(&mut self) -> u8 {
        self.whole = true;
        self.block = self.block.checked_add(1).unwrap_or(1);
        self.block
    }

    /// All calls of the block were added. On several shards it is one with whatever else was asked of them at the same time: one unit.
    pub(crate) fn end_block(&mut self, way: Way) {
        if way == Way::Unit
            && let Some(group) = self.groups.last_mut()
        {
            group.kind = Kind::Unit;
        }
    }

    /// The calls are those of a client that caches what it reads.
    pub(crate) fn read_by(&mut self, reader: Option<&Arc<Reader>>) {
        self.batches().for_each(|(_, _, batch)| batch.reader = reader.cloned());
    }

    /// Waits until everybody who caches keys that the calls have changed has been told: it is in their outboxes then. What is waited for waits for
    /// no client.
    pub(crate) async fn be_told(&mut self) {
        for (_, _, batch) in self.batches() {
            if let Some(told) = batch.told.take() {
                // Whoever is to be told and to say so is there, or is gone.
                let _ = told.await;
            }
        }
    }

    /// Whether it is one unit over several shards.
    pub(crate) fn is_unit(&self) -> bool {
        self.groups.iter().any(|group| group.kind == Kind::Unit)
    }

    /// The calls did not run, since a watched key was changed.
    pub(crate) fn is_refused(&self) -> bool {
        self.groups.iter().flat_map(|group| group.batches.iter().flatten()).any(|batch| batch.refused)
    }

    /// The batch of calls that a holder runs, if there are any.
    pub(super) fn held_batch(&mut self) -> Option<&mut Batch> {
        let held = self.groups.iter_mut().find(|group| matches!(group.kind, Kind::Borrow(_)))?;
        held.batches.first_mut()?.as_deref_mut()
    }

    /// The session answers the next call itself: `write` writes the reply.
    pub(crate) fn answer(&mut self, protocol: Protocol, silent: bool, write: impl FnOnce(&mut Reply<'_>)) {
        self.calls += 1;
        let before = self.local.len();
        write(&mut Reply::new(&mut self.local, protocol));
        if silent {
            self.local.truncate(before);
            return;
        }
        let written = self.local.len() - before;
        if let Some((Answer::Local { bytes }, false)) = self.answers.last_mut() {
            *bytes += written;
        } else {
            self.answers.push((Answer::Local { bytes: written }, false));
        }
    }

    /// Bytes of what the session has answered itself.
    pub(crate) fn answered_bytes(&self) -> usize {
        self.local.len()
    }

    /// Calls taken up so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether anything has to be sent to a shard.
    pub(crate) fn asks_shards(&self) -> bool {
        self.answers.iter().any(|(answer, _)| !matches!(answer, Answer::Local { .. } | Answer::Later { .. }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls == 0
    }

    /// The replies in the order asked: all of them, or those before the first that is missing because a batch stopped before its last call.
    pub(crate) fn stitch<'r>(&'r mut self, scratch: &'r mut Vec<u8>, pick: u64) -> &'r [u8] {
        // One source: its buffer goes out as it is.
        match self.answers.as_slice() {
            [] => return b"",
            [(Answer::Local { .. }, _)] => return &self.local,
            [(Answer::Batch { group, shard, .. }, false)] => {
                // The only answer there is takes every reply of its batch.
                let Some(batch) = &self.groups[*group as usize].batches[*shard as usize] else { return b"" };
                self.short = (!batch.is_whole()).then_some(*shard);
                return &batch.reply;
            }
            _ => {}
        }
        scratch.clear();
        for (answer, silent) in &mut self.answers[self.answered..] {
            let before = scratch.len();
            match answer {
                Answer::Local { bytes } => {
                    scratch.extend_from_slice(&self.local[self.local_taken..self.local_taken + *bytes]);
                    self.local_taken += *bytes;
                }
                Answer::Batch { group, shard, count } => {
                    let group = &mut self.groups[*group as usize];
                    let there = group.waiting(*shard).min(*count as usize);
                    scratch.extend_from_slice(group.next_replies(*shard, there));
                    *count -= u32::try_from(there).unwrap_or(u32::MAX);
                    self.short = (*count > 0).then_some(*shard);
                }
                Answer::Parts { group, split } => {
                    let split = &self.splits[*split as usize];
                    let group = &mut self.groups[*group as usize];
                    for &shard in &split.shards {
                        group.taken[shard as usize] += 1;
                    }
                    let parts: Vec<&[u8]> = split.shards.iter().map(|&shard| group.last_taken(shard)).collect();
                    join(split.join, &parts, &split.order, pick, &mut Reply::new(scratch, split.protocol));
                }
                Answer::Later { number } => scratch.extend_from_slice(&self.later[*number as usize]),
            }
            if *silent {
                scratch.truncate(before);
            }
            if self.short.is_some() {
                break;
            }
            self.answered += 1;
        }
        scratch
    }

    /// The batch whose missing reply stitching has come to, with its shard, ready to be sent for the rest. All it had is stitched and written.
    pub(super) fn short(&mut self) -> Option<(usize, &mut Option<Box<Batch>>)> {
        let shard = self.short.take()? as usize;
        let group = self.groups.first_mut()?;
        group.taken[shard] = 0;
        let place = &mut group.batches[shard];
        place.as_mut()?.go_on();
        Some((shard, place))
    }

    /// The batches in the order in which they would be sent, for whoever drives cores by hand: the shard, and for calls that borrow, whose
    /// keyspaces they need instead (bit i for shard i).
    pub(crate) fn batches(&mut self) -> impl Iterator<Item = (usize, Option<u64>, &mut Batch)> {
        self.groups.iter_mut().flat_map(|group| {
            let owners = if let Kind::Borrow(owners) = group.kind { Some(owners) } else { None };
            let batches = group.batches.iter_mut().enumerate();
            batches.filter_map(move |(shard, batch)| batch.as_deref_mut().map(|batch| (shard, owners, batch)))
        })
    }

    /// Empties the round for its next use. What it held of the read buffer comes back, if nobody else holds it any more.
    pub(crate) fn reset(&mut self, spare: &Spare) -> Option<Arc<Vec<u8>>> {
        let mut input = None;
        for group in &mut self.groups {
            for place in &mut group.batches {
                if let Some(mut batch) = place.take() {
                    input = batch.input.take();
                    spare.put(batch);
                }
            }
        }
        // The first group keeps its vectors for the next read, unless it borrowed and has a place for one batch only.
        self.groups.truncate(1);
        match self.groups.first_mut() {
            Some(Group { kind: Kind::Borrow(_), .. }) => self.groups.clear(),
            Some(group) => {
                group.kind = Kind::Plain;
                group.taken.fill(0);
            }
            None => {}
        }
        self.answers.clear();
        (self.answered, self.local_taken, self.short) = (0, 0, None);
        self.splits.clear();
        self.local.clear();
        self.later.clear();
        (self.calls, self.whole, self.block) = (0, false, 0);
        (self.durability, self.replay) = (Durability::Server, false);
        input
    }

    /// The group that takes calls by mail: the last one, unless it borrows.
    fn mail_group(&mut self, shards: u32) -> u32 {
        let fits = self.groups.last().is_some_and(|group| !matches!(group.kind, Kind::Borrow(_)));
        if !fits {
            self.groups.push(Group::of(Kind::Plain, shards as usize));
        }
        self.last_group()
    }

    fn borrow_group(&mut self, owners: u64) -> u32 {
        match self.groups.last_mut() {
            Some(Group { kind: Kind::Borrow(all), .. }) => *all |= owners,
            _ => self.groups.push(Group::of(Kind::Borrow(owners), 1)),
        }
        self.last_group()
    }

    fn last_group(&self) -> u32 {
        u32::try_from(self.groups.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    #[inline]
    fn answered_by_batch(&mut self, group: u32, shard: u32, silent: bool) {
        if let Some((Answer::Batch { group: last_group, shard: last_shard, count }, last_silent)) = self.answers.last_mut()
            && *last_group == group
            && *last_shard == shard
            && *last_silent == silent
        {
            *count += 1;
            return;
        }
        self.answers.push((Answer::Batch { group, shard, count: 1 }, silent));
    }

    #[expect(clippy::too_many_arguments, reason = "a call and its way, taken apart")]
    fn split(&mut self, row: &'static Row, id: u16, manner: Manner, args: &Args<'_>, shards: u32, spare: &Spare, silent: bool) {
        let (join, words_each) = match row.spread {
            Spread::Pairs(join) => (join, 2),
            Spread::Keys(join) | Spread::All(join) => (join, 1),
            Spread::No | Spread::Cursor(_) => return,
        };
        let number = self.mail_group(shards);
        let group = &mut self.groups[number as usize];
        group.kind = Kind::Unit;
        let words = args.spans();
        let Some((&name, rest)) = words.split_first() else { return };
        // Which shards have a part yet; the place of each in `split.shards` is its rank among the bits, known only at the end.
        let mut owners = 0u64;
        let mut owner_of_key = Vec::with_capacity(rest.len() / words_each);
        for (key_at, piece) in (1..).step_by(words_each).zip(rest.chunks(words_each)) {
            let shard = slot::shard_of(args.key(key_at), shards);
            let batch = group.batch(shard, spare);
            if owners & (1 << shard) == 0 {
                batch.push_name(row, id, manner, name, owners == 0);
                owners |= 1 << shard;
            }
            piece.iter().for_each(|&word| batch.push_word(word));
            owner_of_key.push(shard);
        }
        let rank = |shard: u32| u16::try_from((owners & ((1 << shard) - 1)).count_ones()).unwrap_or(0);
        let order = if join == Join::InOrder { owner_of_key.into_iter().map(rank).collect() } else { Vec::new() };
        let owning = (0..shards).filter(|shard| owners & (1 << shard) != 0).collect();
        self.splits.push(Split { join, protocol: manner.protocol, shards: owning, order });
        self.answered_by_parts(number, silent);
    }

    #[expect(clippy::too_many_arguments, reason = "a call and its way, taken apart")]
    fn every(&mut self, row: &'static Row, id: u16, manner: Manner, args: &Args<'_>, shards: u32, spare: &Spare, silent: bool) {
        let Spread::All(join) = row.spread else { return };
        let number = self.mail_group(shards);
        let group = &mut self.groups[number as usize];
        group.kind = Kind::Unit;
        let Some((&name, rest)) = args.spans().split_first() else { return };
        for shard in 0..shards {
            let batch = group.batch(shard, spare);
            batch.push_name(row, id, manner, name, shard == 0);
            rest.iter().for_each(|&word| batch.push_word(word));
        }
        self.splits.push(Split { join, protocol: manner.protocol, shards: (0..shards).collect(), order: Vec::new() });
        self.answered_by_parts(number, silent);
    }

    fn answered_by_parts(&mut self, group: u32, silent: bool) {
        let split = u32::try_from(self.splits.len()).unwrap_or(u32::MAX).saturating_sub(1);
        self.answers.push((Answer::Parts { group, split }, silent));
    }
}

impl Group {
    /// The shards that have a batch, bit i for shard i.
    pub(super) fn shards(&self) -> u64 {
        self.batches.iter().enumerate().filter(|(_, batch)| batch.is_some()).fold(0, |shards, (shard, _)| shards | 1 << shard)
    }

    /// Whether any call of it may change something.
    pub(super) fn writes(&self) -> bool {
        self.batches.iter().flatten().any(|batch| batch.writes())
    }

    fn of(kind: Kind, batches: usize) -> Group {
        let mut group = Group { kind, batches: Vec::with_capacity(batches), taken: Vec::new() };
        group.batches.resize_with(batches, || None);
        group.taken.resize(batches, 0);
        group
    }

    #[inline]
    fn batch(&mut self, shard: u32, spare: &Spare) -> &mut Batch {
        self.batches[shard as usize].get_or_insert_with(|| spare.take())
    }

    /// How many replies of a shard's batch have not been stitched.
    fn waiting(&self, shard: u32) -> usize {
        let shard = shard as usize;
        self.batches[shard].as_ref().map_or(0, |batch| batch.ends.len() - self.taken[shard])
    }

    /// The next `count` replies of a shard's batch, as one piece.
    fn next_replies(&mut self, shard: u32, count: usize) -> &[u8] {
        let shard = shard as usize;
        let Some(batch) = self.batches[shard].as_ref().filter(|_| count > 0) else { return b"" };
        let first = self.taken[shard];
        self.taken[shard] = first + count;
        let start = if first == 0 { 0 } else { batch.ends[first - 1] };
        &batch.reply[start..batch.ends[first + count - 1]]
    }

    /// The reply before the next one.
    fn last_taken(&self, shard: u32) -> &[u8] {
        let shard = shard as usize;
        self.batches[shard].as_ref().map_or(b"", |batch| batch.reply_to(self.taken[shard] - 1))
    }
}
