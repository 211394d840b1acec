//! What a shard does: it owns its keyspace and runs batches on it. No await, no clock of its own, no channel.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::command::{self, Classes, Cx, Discard, Effects, Gone, Limits, News, Reach, Record, Scripts};
use crate::metrics::{CommandTally, DatabaseTally, Tally, add_errors};
use crate::resp::Reply;
use crate::shard::batch::{Bond, Watching, Words};
use crate::shard::meter::{Meter, Ticks};
use crate::shard::saving::Cut;
use crate::shard::waiters::{Next, Ticket, Waiters};
use crate::shard::{Batch, Call, Claim, Returned, Stay};
use crate::store::{Database, Due, Keyspace, Piece, Scribe, Value};
use crate::time::UnixMillis;

/// One shard: its keyspace, and what it counts.
#[derive(Debug)]
pub(crate) struct Shard {
    /// `None` while it is lent, or being loaded.
    keyspace: Option<Keyspace>,
    limits: Arc<Limits>,
    seed: u64,
    meter: Meter,
    /// What calls left since the last fold.
    effects: Effects,
    tally: Tally,
    waiters: Waiters,
    /// Calls that waited and were answered, to be sent back.
    #[expect(clippy::vec_box, reason = "batches travel as boxes")]
    served: Vec<Box<Batch>>,
    /// Who runs scripts on this thread.
    scripts: Option<Rc<dyn Scripts>>,
    /// Whether anybody listens to events of keys.
    is_heard: bool,
}

impl Shard {
    /// `commands` is how many rows the registry counts; `seed` starts the generator behind SPOP and RANDOMKEY.
    pub(crate) fn new(keyspace: Keyspace, limits: Arc<Limits>, commands: usize, seed: u64, ticks: Ticks) -> Shard {
        let mut shard = Shard::empty(limits, commands, seed, ticks);
        shard.move_in(keyspace);
        shard
    }

    /// As [`Shard::new`], but its keyspace is still to come.
    pub(crate) fn empty(limits: Arc<Limits>, commands: usize, seed: u64, ticks: Ticks) -> Shard {
        let tally = Tally { commands: vec![CommandTally::default(); commands], ..Tally::default() };
        let (meter, effects, waiters, served) = (Meter::new(ticks), Effects::default(), Waiters::default(), Vec::new());
        Shard { keyspace: None, limits, seed, meter, effects, tally, waiters, served, scripts: None, is_heard: true }
    }

    /// With somebody who runs scripts.
    pub(crate) fn with_scripts(mut self, scripts: Rc<dyn Scripts>) -> Shard {
        self.scripts = Some(scripts);
        self
    }

    /// New limits, from a change of settings.
    pub(crate) fn limit(&mut self, limits: Arc<Limits>) {
        self.limits = limits;
        self.limit_readers();
    }

    /// A keyspace knows what is remembered of it: a borrower must know it too.
    fn limit_readers(&mut self) {
        if let Some(keyspace) = &mut self.keyspace {
            let shards = u64::from(keyspace.part().of).max(1);
            let keys_max = usize::try_from(self.limits.cached_keys_max.div_ceil(shards)).unwrap_or(usize::MAX);
            keyspace.interests_mut().limit_readers(keys_max, self.limits.prefixes.clone());
        }
    }

    /// Whether anybody listens to events of keys, from now on.
    pub(crate) fn hear(&mut self, is_heard: bool) {
        self.is_heard = is_heard;
    }

    /// Events of keys, and what those who cache keys are to be told, that have not been posted.
    pub(crate) fn has_news(&self) -> bool {
        self.effects.has_news() || self.keyspace.as_ref().is_some_and(|keyspace| keyspace.interests().has_stale())
    }

    pub(crate) fn take_news(&mut self) -> News {
        // What no call did: it was time.
        if let Some(keyspace) = &mut self.keyspace {
            self.effects.outdate(None, keyspace.interests_mut().take_stale());
        }
        self.effects.take_news()
    }

    /// A turn begins, or goes on after a wait: time spent waiting belongs to no command.
    pub(crate) fn wake(&mut self) {
        self.meter.begin();
    }

    /// A turn ends, or has to wait.
    pub(crate) fn rest(&mut self) {
        self.meter.rest(&mut into(&mut self.tally.commands));
    }

    /// Runs the calls of a batch in order, writing their replies into it.
    ///
    /// # Panics
    /// If the keyspace is lent: a parked shard reads no mailbox.
    pub(crate) fn run(&mut self, batch: &mut Batch, now: UnixMillis) {
        if !self.waiters.is_empty() {
            return self.run_and_serve(batch, now);
        }
        let keyspace = self.keyspace.as_mut().expect("a parked shard reads no mailbox");
        let mut cx =
            Cx::new(Reach::One(keyspace), &self.limits, &mut self.effects, &mut self.seed, now).with_scripts(self.scripts.as_deref());
        if !self.is_heard {
            cx.hush();
        }
        run_calls(batch, &mut cx, &mut self.meter, into(&mut self.tally.commands));
    }

    /// The same while somebody waits: who does is served behind the call that made his key ready, before the next call.
    fn run_and_serve(&mut self, batch: &mut Batch, now: UnixMillis) {
        let mut from = 0;
        while let Some(keyspace) = self.keyspace.as_mut() {
            let mut cx =
                Cx::new(Reach::One(keyspace), &self.limits, &mut self.effects, &mut self.seed, now).with_scripts(self.scripts.as_deref());
            if !self.is_heard {
                cx.hush();
            }
            let done = run_from(batch, from, &mut cx, &mut self.meter, into(&mut self.tally.commands));
            self.serve(now);
            match done {
                Some(next) => from = next,
                None => return,
            }
        }
    }

    /// Takes up a call that may wait: answers it, or keeps it.
    ///
    /// # Panics
    /// As [`Shard::run`].
    pub(crate) fn run_or_keep(&mut self, mut batch: Box<Batch>, now: UnixMillis) {
        let Some(claim) = batch.claim.clone() else { return };
        if self.attempt(&mut batch, now) {
            claim.answer();
            self.served.push(batch);
            self.serve(now);
        } else if let Some(stay) = batch.stay().filter(|_| claim.wait()) {
            let keyspace = self.keyspace.as_mut().expect("a parked shard reads no mailbox");
            self.waiters.add(stay, Some(batch), keyspace.interests_mut());
        }
        // Else its client has left meanwhile; that the batch is gone tells its session.
    }

    fn attempt(&mut self, batch: &mut Batch, now: UnixMillis) -> bool {
        let keyspace = self.keyspace.as_mut().expect("a parked shard reads no mailbox");
        let mut cx = Cx::new(Reach::One(keyspace), &self.limits, &mut self.effects, &mut self.seed, now);
        if !self.is_heard {
            cx.hush();
        }
        attempt(batch, &mut cx, &mut self.meter, into(&mut self.tally.commands))
    }

    /// Serves those who wait for keys that were changed: keys in the order in which they were, clients in the order in which they came.
    fn serve(&mut self, now: UnixMillis) {
        while let Some((database, key)) = self.keyspace.as_mut().and_then(|keyspace| keyspace.interests_mut().next_ready()) {
            self.serve_key(database, &key, 0, now);
        }
    }

    /// Serves those who wait for a key, from a place in the order on.
    fn serve_key(&mut self, database: usize, key: &[u8], mut from: Ticket, now: UnixMillis) {
        while let Some(keyspace) = self.keyspace.as_mut() {
            let found = keyspace.database(database).find(keyspace.hash(key), key).filter(|entry| !entry.is_due(now));
            let kind = found.map(crate::store::Entry::kind);
            match self.waiters.next(database, key, from, kind) {
                Next::Nobody | Next::Called => return,
                Next::Behind(ticket) => from = ticket + 1,
                Next::Attempt(ticket, batch) => {
                    self.serve_one(ticket, batch, now);
                    from = ticket + 1;
                }
            }
        }
    }

    fn serve_one(&mut self, ticket: Ticket, mut batch: Box<Batch>, now: UnixMillis) {
        let Some(claim) = batch.claim.clone() else { return };
        let answered = self.attempt(&mut batch, now);
        if !answered && claim.wait() {
            return self.waiters.put_back(ticket, batch);
        }
        if let Some(keyspace) = self.keyspace.as_mut() {
            self.waiters.remove(ticket, keyspace.interests_mut());
        }
        if answered {
            claim.answer();
            self.served.push(batch);
        }
    }

    /// A client waits no more. If it was its turn, it is the next one's now.
    pub(crate) fn forget(&mut self, claim: &Arc<Claim>, now: UnixMillis) {
        let Some(ticket) = self.waiters.find(claim) else { return };
        let Some(keyspace) = self.keyspace.as_mut() else { return };
        let stay = self.waiters.remove(ticket, keyspace.interests_mut());
        self.serve_behind(stay, ticket, now);
    }

    /// A client's turn is over: those behind it are offered what it left.
    fn serve_behind(&mut self, stay: Option<Stay>, ticket: Ticket, now: UnixMillis) {
        if let Some(stay) = stay {
            for key in &stay.keys {
                if !self.waiters.is_held_up(stay.database, key, ticket) {
                    self.serve_key(stay.database, key, ticket + 1, now);
                }
            }
        }
        self.serve(now);
    }

    /// The calls that waited and were answered since they were last taken.
    pub(crate) fn served(&mut self) -> impl Iterator<Item = Box<Batch>> {
        self.served.drain(..)
    }

    #[inline]
    pub(crate) fn has_served(&self) -> bool {
        !self.served.is_empty()
    }

    /// Whether changes are recorded for the journal.
    #[inline]
    pub(crate) fn is_recorded(&self) -> bool {
        self.keyspace.as_ref().is_some_and(Keyspace::is_recorded)
    }

    pub(crate) fn has_record(&self) -> bool {
        !self.effects.record.is_empty()
    }

    /// What was recorded since it was last asked.
    pub(crate) fn take_record(&mut self) -> Record {
        std::mem::take(&mut self.effects.record)
    }

    /// Hands the keyspace over.
    ///
    /// # Panics
    /// If it is lent already, which the mailbox's order rules out.
    pub(crate) fn lend(&mut self) -> Keyspace {
        self.keyspace.take().expect("a parked shard reads no mailbox")
    }

    /// Takes the keyspace in that was loaded for it.
    pub(crate) fn move_in(&mut self, keyspace: Keyspace) {
        debug_assert!(self.keyspace.is_none(), "a shard has one keyspace");
        self.keyspace = Some(keyspace);
        self.limit_readers();
    }

    /// Takes the keyspace back, and what the unit did: who waits for that is served. Who found nothing waits here before anybody else can come.
    pub(crate) fn take_back(&mut self, returned: Returned, now: UnixMillis) {
        let Returned { keyspace, effects, tallies, stay, seen: _ } = returned;
        debug_assert!(self.keyspace.is_none(), "a keyspace came back that was not lent");
        self.keyspace = Some(keyspace);
        self.limit_readers();
        self.effects.absorb(effects);
        tallies.into_iter().for_each(|(id, tally)| into(&mut self.tally.commands)(id, tally));
        match stay.map(|stay| (self.waiters.find(&stay.claim), stay)) {
            Some((Some(ticket), stay)) => self.serve_behind(Some(stay), ticket, now),
            Some((None, stay)) => {
                if let Some(keyspace) = self.keyspace.as_mut() {
                    self.waiters.add(stay, None, keyspace.interests_mut());
                }
            }
            None => {}
        }
        if !self.waiters.is_empty() {
            self.serve(now);
        }
    }

    /// Removes at most `budget` keys and members whose deadline has passed. Says how many.
    pub(crate) fn sweep(&mut self, now: UnixMillis, budget: usize) -> usize {
        let told = if self.is_heard { self.limits.events } else { Classes::NONE };
        let Some(keyspace) = self.keyspace.as_mut() else { return 0 };
        if !self.limits.active_expire {
            return 0;
        }
        let mut left = budget;
        for number in 0..keyspace.databases() {
            let effects = &mut self.effects;
            let (interesting, recorded) = (!keyspace.interests().is_quiet(), keyspace.is_recorded());
            let mut gone: Vec<Box<[u8]>> = Vec::new();
            let members = RefCell::new(Gone::default());
            let mut changed = |key: &[u8], due: Due, value: Option<Value>| {
                effects.tell_expired(told, number, key, due);
                match value {
                    Some(value) => {
                        effects.discard(value);
                        if recorded {
                            effects.record.besides(number, [b"DEL".as_slice(), key]);
                        }
                    }
                    None => members.borrow_mut().record(number, key, &mut effects.record),
                }
                if interesting {
                    gone.push(key.into());
                }
            };
            let mut lost = |kind, member: &[u8]| {
                if recorded {
                    members.borrow_mut().add(kind, member);
                }
            };
            let swept = keyspace.database_mut(number).sweep(now, left, &mut changed, &mut lost);
            gone.iter().for_each(|key| keyspace.interests_mut().touch(number, key));
            self.effects.expired += swept.keys as u64;
            self.effects.expired_members += swept.members as u64;
            left -= swept.all();
            if left == 0 {
                break;
            }
        }
        if keyspace.interests().has_ready() {
            // A sweep is no turn: time begins here.
            self.wake();
            self.serve(now);
            self.rest();
        }
        budget - left
    }

    /// active-expire-effort, 1 to 10.
    pub(crate) fn expire_effort(&self) -> usize {
        self.limits.expire_effort as usize
    }

    /// The earliest deadline of any key or member, if the sweep shall look for it.
    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        let keyspace = self.keyspace.as_ref().filter(|_| self.limits.active_expire)?;
        (0..keyspace.databases()).filter_map(|number| keyspace.database(number).next_deadline()).min()
    }

    /// The cut of a snapshot: from here on the keyspace owes an image of what it holds now.
    pub(crate) fn begin_image(&mut self, scribes: &mut dyn FnMut() -> Box<dyn Scribe>) -> Cut {
        let extents = self.keyspace.as_mut().map(|keyspace| keyspace.begin_image(scribes)).unwrap_or_default();
        Cut { extents, changed: self.tally.changed + self.effects.changed }
    }

    /// Writes about so many bytes of the image.
    pub(crate) fn image_step(&mut self, bytes: usize) {
        if let Some(keyspace) = &mut self.keyspace {
            keyspace.image_step(bytes);
        }
    }

    /// Hands over what was written of the image; true if that is all there will be.
    pub(crate) fn collect_image(&mut self, at_least: usize, visit: &mut dyn FnMut(Piece)) -> bool {
        let Some(keyspace) = &mut self.keyspace else { return false };
        let is_written = keyspace.collect_image(at_least, visit);
        // Databases that were emptied and had to stay until they were written.
        keyspace.left().into_iter().for_each(|database| self.effects.discard_database(database));
        is_written
    }

    /// Bytes of the image that wait to be handed over.
    pub(crate) fn image_bytes(&self) -> usize {
        self.keyspace.as_ref().map_or(0, Keyspace::image_bytes)
    }

    pub(crate) fn cancel_image(&mut self) {
        if let Some(keyspace) = &mut self.keyspace {
            keyspace.cancel_image();
        }
    }

    /// The shard's clock, for who measures what it does beside its calls.
    pub(crate) fn ticks(&self) -> u64 {
        self.meter.ticks()
    }

    /// Large values to be freed elsewhere.
    pub(crate) fn discarded(&mut self) -> impl Iterator<Item = Discard> {
        self.effects.discarded.drain(..)
    }

    pub(crate) fn has_discarded(&self) -> bool {
        !self.effects.discarded.is_empty()
    }

    /// What the shard tells of itself.
    pub(crate) fn tally(&mut self, now: UnixMillis) -> Tally {
        let effects = std::mem::take(&mut self.effects);
        self.tally.changed += effects.changed;
        self.tally.hits += effects.hits;
        self.tally.misses += effects.misses;
        self.tally.expired += effects.expired;
        self.tally.expired_members += effects.expired_members;
        add_errors(&mut self.tally.errors, &effects.errors);
        for &(id, calls, failed) in &effects.called {
            into(&mut self.tally.commands)(id, CommandTally { calls, nanos: 0, failed });
        }
        self.effects.discarded = effects.discarded;
        self.effects.events = effects.events;
        self.effects.outdated = effects.outdated;
        let mut tally = self.tally.clone();
        tally.waiting = self.waiters.count() as u64;
        tally.awaited_keys_even_without = self.waiters.keys_even_without() as u64;
        if let Some(keyspace) = &self.keyspace {
            tally.awaited_keys = keyspace.interests().awaited() as u64;
            let kept = keyspace.interests().kept();
            (tally.cached_keys, tally.cached_items) = (kept.0 as u64, kept.1 as u64);
            tally.saved_keys = keyspace.image_written() as u64;
            tally.databases = (0..keyspace.databases()).map(|number| tally_of(keyspace.database(number), now)).collect();
        }
        tally
    }

    /// CONFIG RESETSTAT.
    pub(crate) fn reset_tally(&mut self) {
        let commands = self.tally.commands.len();
        let changed = self.tally.changed;
        self.tally = Tally { commands: vec![CommandTally::default(); commands], changed, ..Tally::default() };
        let effects = &mut self.effects;
        (effects.hits, effects.misses) = (0, 0);
        (effects.expired, effects.expired_members) = (0, 0);
        effects.errors.clear();
        effects.called.clear();
    }
}

/// Adds tallies to the sums, by the row's number.
fn into(sums: &mut [CommandTally]) -> impl FnMut(u16, CommandTally) {
    |id, tally| {
        if let Some(sum) = sums.get_mut(usize::from(id)) {
            sum.add(tally);
        }
    }
}

fn tally_of(database: &Database, now: UnixMillis) -> DatabaseTally {
    DatabaseTally {
        keys: database.len() as u64,
        volatile: database.volatile() as u64,
        ttl_ms_mean: database.mean_deadline().map_or(0, |mean| mean.since(now)),
        bytes: database.bytes() as u64,
    }
}

/// Calls whose keys are looked for ahead of their turn. Each needs a line of the table and one or two of its entry: 32 calls are about 6 KiB,
/// well inside the first cache.
const WINDOW_CALLS: usize = 32;

/// Below this many calls there is not enough between the asking and the using of a line to hide anything.
const WINDOW_CALLS_MIN: usize = 4;

/// Replies of one batch beyond which it goes back with what it has, if it may: a pipeline of reads of large values is answered in pieces, so that
/// its client holds about this much of our memory for each shard, and not the sum of all it asks for.
const REPLY_BUDGET: usize = 1 << 20;

/// Runs a batch on whatever its context can reach: a shard's own keyspace, or lent ones. `count` is told of every run of like calls that ended;
/// the last goes on, perhaps in the next batch, until the meter is told to rest.
pub(crate) fn run_calls(batch: &mut Batch, cx: &mut Cx<'_>, meter: &mut Meter, count: impl FnMut(u16, CommandTally)) {
    let Some(budget) = begin(batch, 0, cx) else { return };
    let run = Run { budget, from: 0, serves: false };
    // Chosen once for the batch: while the journal is off and its client caches nothing, no call is asked about either.
    if !cx.is_recorded() && batch.reader.is_none() {
        run_all::<false>(batch, cx, meter, run, count);
    } else {
        run_attended(batch, cx, meter, run, count);
    }
    cx.collect_outdated();
}

/// What comes before the calls of a batch, or those from one on: how much their replies may grow to; `None` if they must not run.
#[inline]
fn begin(batch: &mut Batch, from: usize, cx: &mut Cx<'_>) -> Option<usize> {
    if batch.replay {
        cx.expiry = UnixMillis(0);
    }
    (from > 0 || begin_watch(batch, cx)).then_some(if batch.may_stop { REPLY_BUDGET } else { usize::MAX })
}

/// How far the calls of a batch are run.
#[derive(Clone, Copy)]
struct Run {
    /// Until the replies have grown to this.
    budget: usize,
    /// From this call on.
    from: usize,
    /// Until somebody can be served who waits, but not within a block.
    serves: bool,
}

/// Runs calls of a batch from one on while somebody waits: until that can be served. Returns the next call, unless the batch is done with.
fn run_from(batch: &mut Batch, from: usize, cx: &mut Cx<'_>, meter: &mut Meter, count: impl FnMut(u16, CommandTally)) -> Option<usize> {
    let budget = begin(batch, from, cx)?;
    run_attended(batch, cx, meter, Run { budget, from, serves: true }, count);
    cx.collect_outdated();
    (!batch.is_whole() && batch.reply.len() < budget).then_some(batch.ends.len())
}

/// Makes an attempt at the only call of a batch, which may wait. Says whether it was answered; if not, it is as if it had not run.
pub(crate) fn attempt(batch: &mut Batch, cx: &mut Cx<'_>, meter: &mut Meter, mut count: impl FnMut(u16, CommandTally)) -> bool {
    cx.attempt.may_wait = true;
    run_calls(batch, cx, meter, &mut count);
    let attempt = std::mem::take(&mut cx.attempt);
    if attempt.found_nothing {
        batch.take_back(attempt.rewritten);
        return false;
    }
    if let Some((id, failed)) = batch.outcome() {
        count(id, CommandTally { calls: 1, nanos: 0, failed: u64::from(failed) });
    }
    true
}

fn run_attended(batch: &mut Batch, cx: &mut Cx<'_>, meter: &mut Meter, run: Run, count: impl FnMut(u16, CommandTally)) {
    if let Some(reader) = batch.reader.clone() {
        cx.read_by(reader);
    }
    if !cx.is_recorded() {
        return run_all::<true>(batch, cx, meter, run, count);
    }
    let bond = batch.bond;
    match bond {
        Bond::Loose => {}
        Bond::Whole => cx.effects.record.begin_block(),
        Bond::Part => cx.effects.record.begin_part(),
    }
    run_all::<true>(batch, cx, meter, run, count);
    match bond {
        Bond::Loose => {}
        Bond::Whole => cx.effects.record.end_block(),
        Bond::Part => cx.effects.record.end_part(),
    }
}

/// `ATTENDED`: there is a journal, its client keeps what it reads, or somebody waits.
#[inline]
fn run_all<const ATTENDED: bool>(
    batch: &mut Batch,
    cx: &mut Cx<'_>,
    meter: &mut Meter,
    run: Run,
    mut count: impl FnMut(u16, CommandTally),
) {
    let is_recorded = ATTENDED && cx.is_recorded();
    // Transactions may stand among other calls, unless all of the batch belongs together anyway.
    let is_loose = batch.bond == Bond::Loose;
    let mut block = 0;
    let (words, calls, replies, ends) = batch.split();
    ends.reserve(calls.len());
    'calls: for window in calls[run.from..].chunks(WINDOW_CALLS) {
        if window.len() >= WINDOW_CALLS_MIN {
            look_ahead(window, words, cx);
        }
        for call in window {
            meter.next(call.id, &mut count);
            cx.database = usize::from(call.database);
            cx.touches = call.touches;
            let args = words.of(call);
            let mut reply = Reply::new(replies, call.protocol);
            let done = if is_recorded {
                if is_loose && call.block != block {
                    cx.effects.record.turn_block(block, call.block);
                    block = call.block;
                }
                command::run_recorded(call.row, cx, &args, call.counts, &mut reply)
            } else {
                command::run(call.row, cx, &args, &mut reply)
            };
            meter.done(call.counts, !done);
            if ATTENDED && call.caches {
                cx.remember(call.row, &args);
            }
            ends.push(replies.len());
            if replies.len() >= run.budget {
                break 'calls;
            }
            if ATTENDED && run.serves && is_loose && cx.has_ready() {
                // Nobody is served between the calls of one transaction.
                let is_within = call.block != 0 && calls.get(ends.len()).is_some_and(|next| next.block == call.block);
                if !is_within {
                    break 'calls;
                }
            }
        }
    }
    if block != 0 {
        cx.effects.record.end_block();
    }
    if !cx.effects.published.is_empty() {
        batch.published.append(&mut cx.effects.published);
    }
}

/// What a batch's watch asks before its calls run; false if they must not.
#[inline]
fn begin_watch(batch: &mut Batch, cx: &mut Cx<'_>) -> bool {
    match &batch.watching {
        Watching::Nothing => true,
        Watching::From(watch) => {
            cx.watch_by(watch.clone());
            true
        }
        Watching::Until(watch) => {
            cx.drop_due_watched();
            batch.refused = watch.is_raised();
            !batch.refused
        }
    }
}

/// Hashes the keys of a window and asks the processor for what their look-ups will read: first the lines of the table, then, when those are
/// there, the entries. A working set beyond the second cache costs half of the time without it.
fn look_ahead(window: &[Call], words: Words<'_>, cx: &mut Cx<'_>) {
    let mut hashes = [0; WINDOW_CALLS];
    for (call, hash) in window.iter().zip(&mut hashes) {
        if let Some(at) = call.row.spec.single_key() {
            *hash = cx.prefetch(usize::from(call.database), words.of(call).key(at));
        }
    }
    for (call, hash) in window.iter().zip(hashes) {
        if call.row.spec.single_key().is_some() {
            cx.prefetch_entry(usize::from(call.database), hash);
        }
    }
}
