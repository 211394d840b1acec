//! Who waits for what on one shard, in the order in which they came (BLPOP and kin).
//!
//! A call that found nothing and may wait stays here as it is, in its batch; when one of its keys was changed, the shard does it again. A call whose
//! keys live on several shards stands in the queues of all of them, without a batch: it is its session's turn then, which takes all those
//! keyspaces in hand. Until that is over nobody behind it is served from the same key, so that nobody overtakes it.
//!
//! Who waits may give up at any moment, and who is served must know of it: both go through one [`Claim`].

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::command::Waits;
use crate::shard::Batch;
use crate::store::{Interests, Kind};

/// One client's wait, shared by its session and the shards where it waits.
#[derive(Debug)]
pub(crate) struct Claim {
    state: AtomicU8,
    turn: Notify,
}

/// An attempt is being made.
const TRIED: u8 = 0;
/// It waits, and may be served or give up.
const WAITS: u8 = 1;
/// It is its session's turn to make an attempt.
const CALLED: u8 = 2;
/// It gave up during an attempt, and will be told what became of it: an answer, or nothing any more.
const LEAVING: u8 = 3;
/// It was answered, or has given up.
const OVER: u8 = 4;

/// What becomes of a client that gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It will not be answered any more.
    Now,
    /// An attempt is being made or was made: the outcome is on its way.
    AfterAttempt,
}

impl Claim {
    /// Of a call whose first attempt is to be made.
    pub(crate) fn new() -> Arc<Claim> {
        Arc::new(Claim { state: AtomicU8::new(TRIED), turn: Notify::new() })
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Begins an attempt; false if the client has given up.
    pub(crate) fn take(&self) -> bool {
        self.change(WAITS, TRIED) || self.change(CALLED, TRIED)
    }

    /// The attempt found nothing, and the client waits on; false if it has given up meanwhile.
    pub(crate) fn wait(&self) -> bool {
        self.change(TRIED, WAITS)
    }

    /// The client was answered.
    pub(crate) fn answer(&self) {
        self.state.store(OVER, Ordering::Release);
    }

    /// Tells the session that it is its turn; false if the client has given up.
    fn call(&self) -> bool {
        let called = self.change(WAITS, CALLED);
        if called {
            self.turn.notify_one();
        }
        called
    }

    /// Returns when it is the session's turn.
    pub(crate) async fn turn(&self) {
        self.turn.notified().await;
    }

    /// The client gives up, whatever is being done for it.
    pub(crate) fn leave(&self) -> Leave {
        loop {
            let (from, to, leave) = match self.state.load(Ordering::Acquire) {
                from @ (WAITS | CALLED) => (from, OVER, Leave::Now),
                TRIED => (TRIED, LEAVING, Leave::AfterAttempt),
                _ => return Leave::AfterAttempt,
            };
            // Else it was called, tried or left to wait between the two.
            if self.change(from, to) {
                return leave;
            }
        }
    }

    /// The client gives up if it waits.
    pub(crate) fn leave_if_waiting(&self) -> bool {
        self.change(WAITS, OVER) || self.change(CALLED, OVER) || self.change(WAITS, OVER)
    }

    /// Whether the client waits, as others see it.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), WAITS | CALLED)
    }

    /// Whether it is its session's turn.
    pub(crate) fn is_called(&self) -> bool {
        self.state.load(Ordering::Acquire) == CALLED
    }

    /// Whether it was answered or has given up.
    pub(crate) fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) == OVER
    }
}

/// Where and for what a call waits, on one shard.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub(crate) claim: Arc<Claim>,
    pub(crate) waits: &'static Waits,
    pub(crate) database: usize,
    /// Those of its keys that live here, each once.
    pub(crate) keys: Vec<Box<[u8]>>,
    /// Of the shards where it waits, this is the one to count it.
    pub(crate) counts: bool,
}

/// A place in the order of arrival.
pub(super) type Ticket = u64;

#[derive(Debug)]
struct Waiter {
    stay: Stay,
    /// The call, if this shard can do it alone.
    batch: Option<Box<Batch>>,
}

/// Those who wait for one key.
#[derive(Debug, Default)]
struct Queue {
    tickets: BTreeSet<Ticket>,
    /// How many of them want to know, too, that the key is gone.
    even_without: usize,
}

/// What is to be done for the next one in a queue.
#[derive(Debug)]
pub(super) enum Next {
    /// Nobody can be served, or nobody before a session's turn is over.
    Nobody,
    /// Nothing for this one.
    Behind(Ticket),
    /// An attempt, which has been claimed.
    Attempt(Ticket, Box<Batch>),
    /// It is a session's turn, which was told; nobody behind it is served.
    Called,
}

/// All who wait on one shard.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    queues: HashMap<(usize, Box<[u8]>), Queue>,
    waiting: HashMap<Ticket, Waiter>,
    /// By the address of its claim, which a waiter keeps alive.
    tickets: HashMap<usize, Ticket>,
    next: Ticket,
}

fn address(claim: &Arc<Claim>) -> usize {
    Arc::as_ptr(claim).addr()
}

impl Waiters {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many clients wait, each counted by one of its shards.
    pub(super) fn count(&self) -> usize {
        self.waiting.values().filter(|waiter| waiter.stay.counts).count()
    }

    /// How many keys somebody waits for who wants to know that they are gone.
    pub(super) fn keys_even_without(&self) -> usize {
        self.queues.values().filter(|queue| queue.even_without > 0).count()
    }

    pub(super) fn find(&self, claim: &Arc<Claim>) -> Option<Ticket> {
        self.tickets.get(&address(claim)).copied()
    }

    /// One more waits, behind all who are there.
    pub(super) fn add(&mut self, stay: Stay, batch: Option<Box<Batch>>, interests: &mut Interests) {
        let ticket = self.next;
        self.next += 1;
        for key in &stay.keys {
            let queue = self.queues.entry((stay.database, key.clone())).or_default();
            queue.tickets.insert(ticket);
            queue.even_without += usize::from(stay.waits.even_without);
            interests.expect(stay.database, key);
        }
        self.tickets.insert(address(&stay.claim), ticket);
        self.waiting.insert(ticket, Waiter { stay, batch });
    }

    /// Waits no more. Returns where it waited.
    pub(super) fn remove(&mut self, ticket: Ticket, interests: &mut Interests) -> Option<Stay> {
        let Waiter { stay, .. } = self.waiting.remove(&ticket)?;
        self.tickets.remove(&address(&stay.claim));
        for key in &stay.keys {
            let place = (stay.database, key.clone());
            let Some(queue) = self.queues.get_mut(&place) else { continue };
            queue.tickets.remove(&ticket);
            queue.even_without -= usize::from(stay.waits.even_without);
            if queue.tickets.is_empty() {
                self.queues.remove(&place);
                interests.expect_no_more(stay.database, key);
            }
        }
        Some(stay)
    }

    /// The attempt found nothing: the call stays where it is.
    pub(super) fn put_back(&mut self, ticket: Ticket, batch: Box<Batch>) {
        if let Some(waiter) = self.waiting.get_mut(&ticket) {
            waiter.batch = Some(batch);
        }
    }

    /// The first from `from` on that waits for a key and can be served, now that the key holds `kind`.
    pub(super) fn next(&mut self, database: usize, key: &[u8], from: Ticket, kind: Option<Kind>) -> Next {
        let Some(queue) = self.queues.get(&(database, key.into())) else { return Next::Nobody };
        if kind.is_none() && queue.even_without == 0 {
            return Next::Nobody;
        }
        let Some(&ticket) = queue.tickets.range(from..).next() else { return Next::Nobody };
        let Some(waiter) = self.waiting.get_mut(&ticket) else { return Next::Behind(ticket) };
        let Stay { claim, waits, .. } = &waiter.stay;
        if claim.is_called() {
            return Next::Nobody;
        }
        let is_worth_it = waits.even_without || kind == Some(waits.kind);
        if !claim.is_over() && is_worth_it {
            if let Some(batch) = waiter.batch.take_if(|_| claim.take()) {
                return Next::Attempt(ticket, batch);
            }
            if waiter.batch.is_none() {
                if claim.call() {
                    return Next::Called;
                }
                if claim.is_called() {
                    return Next::Nobody;
                }
            }
        }
        // Nothing for it, or it gave up: the message that says so offers those behind it what it leaves, on all of its keys.
        Next::Behind(ticket)
    }

    /// Whether somebody before a place in the order has his turn, which nobody behind overtakes.
    pub(super) fn is_held_up(&self, database: usize, key: &[u8], before: Ticket) -> bool {
        let Some(queue) = self.queues.get(&(database, key.into())) else { return false };
        queue.tickets.range(..before).filter_map(|ticket| self.waiting.get(ticket)).any(|waiter| waiter.stay.claim.is_called())
    }
}
