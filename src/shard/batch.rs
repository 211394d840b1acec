//! The batch: what one read of one connection asks of one shard, and the replies on their way back.
//!
//! It travels whole, as one box: calls and their words out, replies and where each ends back. Its buffers are used again by the worker
//! that made it, so that a steady pipeline allocates nothing here.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::command::{Args, Flags, Published, Receipt, Row};
use crate::resp::{Protocol, Span};
use crate::shard::pages::Durability;
use crate::shard::waiters::{Claim, Stay};
use crate::store::{Reader, Watch};

/// One call of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) row: &'static Row,
    /// The row's number in the registry: where its calls are counted.
    pub(crate) id: u16,
    /// The selected database.
    pub(crate) database: u16,
    pub(crate) protocol: Protocol,
    /// False after CLIENT NO-TOUCH ON.
    pub(crate) touches: bool,
    /// Its client keeps what it reads, and wants to know when that changes.
    pub(crate) caches: bool,
    /// False for all but the first part of a split call: a call counts once.
    pub(crate) counts: bool,
    /// See [`Manner::block`].
    pub(crate) block: u8,
    /// The call's words are `spans[first..first + words]`.
    first: u32,
    words: u32,
}

/// Calls for one shard and their replies.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The bytes of one read; every batch of the read holds the same. An `Arc` of a plain vector, not `Bytes`: when the last batch is back
    /// the worker is the only owner again and reads into the same memory, where `Bytes` would allocate a handle for every read.
    pub(crate) input: Option<Arc<Vec<u8>>>,
    spans: Vec<Span>,
    calls: Vec<Call>,
    /// The replies, encoded, one after the other.
    pub(crate) reply: Vec<u8>,
    /// Where each call's reply ends in `reply`.
    pub(crate) ends: Vec<usize>,
    /// Calls whose replies have been taken away already; `reply` and `ends` are of those behind them.
    done: usize,
    /// The shard may stop before the last call when the replies have grown large. Its sender then sends it again.
    pub(crate) may_stop: bool,
    pub(crate) watching: Watching,
    /// Its only call may wait.
    pub(crate) claim: Option<Arc<Claim>>,
    /// What its scripts published: its sender posts it.
    pub(crate) published: Vec<Published>,
    /// Its client, if that caches what it reads.
    pub(crate) reader: Option<Arc<Reader>>,
    /// Ready when everybody has been told who caches a key that its calls have changed.
    pub(crate) told: Option<oneshot::Receiver<()>>,
    /// How its calls belong together, as far as the journal goes.
    pub(crate) bond: Bond,
    /// Its calls are read from a journal: see [`Cx::expiry`](crate::command::Cx).
    pub(crate) replay: bool,
    /// When its replies may leave.
    pub(crate) durability: Durability,
    /// Its calls did not run: a watched key was changed before.
    pub(crate) refused: bool,
    answer: Option<oneshot::Sender<Box<Batch>>>,
}

/// What a batch has to do with the watch of its client.
#[derive(Clone, Debug, Default)]
pub(crate) enum Watching {
    #[default]
    Nothing,
    /// Its calls register their keys (WATCH).
    From(Arc<Watch>),
    /// Its calls run only if no key was changed (EXEC).
    Until(Arc<Watch>),
}

/// What is replayed whole or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bond {
    /// Each call by itself.
    #[default]
    Loose,
    /// All of the batch: the block of a transaction.
    Whole,
    /// All of the batch, and with it the other parts of its unit.
    Part,
}

/// What a call has beside its words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) database: u16,
    pub(crate) protocol: Protocol,
    pub(crate) touches: bool,
    pub(crate) caches: bool,
    /// Calls side by side with the same number, if that is not 0, are of one transaction: nothing comes between them.
    pub(crate) block: u8,
}

impl Batch {
    /// Adds a call whose words are `spans`.
    #[inline]
    pub(crate) fn push(&mut self, row: &'static Row, id: u16, manner: Manner, spans: &[Span]) {
        self.spans.extend_from_slice(spans);
        self.push_words(row, id, manner, spans.len());
    }

    /// Adds a call of one word so far: its name. More follow by [`Batch::push_word`].
    pub(crate) fn push_name(&mut self, row: &'static Row, id: u16, manner: Manner, name: Span, counts: bool) {
        self.push(row, id, manner, &[name]);
        if let Some(call) = self.calls.last_mut() {
            call.counts = counts;
        }
    }

    /// Adds a word to the last call.
    pub(crate) fn push_word(&mut self, span: Span) {
        if let Some(call) = self.calls.last_mut() {
            self.spans.push(span);
            call.words += 1;
        }
    }

    /// Adds a call that may wait: the only one. It counts when it has been answered.
    pub(crate) fn push_waiting(&mut self, row: &'static Row, id: u16, manner: Manner, spans: &[Span], claim: &Arc<Claim>) {
        self.push(row, id, manner, spans);
        self.claim = Some(claim.clone());
        if let Some(call) = self.calls.last_mut() {
            call.counts = false;
        }
    }

    /// Where the only call waits, and for what, if it does.
    pub(crate) fn stay(&self) -> Option<Stay> {
        let (call, claim) = (self.calls.first()?, self.claim.as_ref()?);
        let waits = call.row.waits?;
        let args = Words { input: bytes_of(&self.input), spans: &self.spans }.of(call);
        let keys = waits.keys(&call.row.spec, &args).into_iter().map(Box::from).collect();
        Some(Stay { claim: claim.clone(), waits, database: usize::from(call.database), keys, counts: true })
    }

    /// The only call found nothing: it is as if it had not run, but that some words may be others when it does so again.
    pub(super) fn take_back(&mut self, rewritten: Vec<(usize, Box<[u8]>)>) {
        self.ends.clear();
        self.clear_reply();
        if rewritten.is_empty() {
            return;
        }
        let mut input = bytes_of(&self.input).to_vec();
        for (at, word) in rewritten {
            // A batch that waits has its words for itself, a few of them: 32 bits suffice.
            let span = Span { start: u32::try_from(input.len()).unwrap_or(0), len: u32::try_from(word.len()).unwrap_or(0) };
            input.extend_from_slice(&word);
            if let Some(place) = self.spans.get_mut(at) {
                *place = span;
            }
        }
        self.input = Some(Arc::new(input));
    }

    /// The row's number of its only call, and whether that was answered with an error.
    pub(super) fn outcome(&self) -> Option<(u16, bool)> {
        Some((self.calls.first()?.id, self.reply.first() == Some(&b'-')))
    }

    fn push_words(&mut self, row: &'static Row, id: u16, manner: Manner, words: usize) {
        // Spans are u32 offsets into one read buffer of at most a few gigabytes, so that their number fits too.
        let (end, words) = (u32::try_from(self.spans.len()).unwrap_or(u32::MAX), u32::try_from(words).unwrap_or(u32::MAX));
        let Manner { database, protocol, touches, caches, block } = manner;
        let first = end.saturating_sub(words);
        self.calls.push(Call { row, id, database, protocol, touches, caches, counts: true, block, first, words });
    }

    /// The words of a call, the parts that running it needs apart: reply buffer and ends stay free to be written. The calls are those to be run.
    #[inline]
    pub(crate) fn split(&mut self) -> (Words<'_>, &[Call], &mut Vec<u8>, &mut Vec<usize>) {
        (Words { input: bytes_of(&self.input), spans: &self.spans }, &self.calls[self.done..], &mut self.reply, &mut self.ends)
    }

    /// Whether any of its calls may change something.
    pub(crate) fn writes(&self) -> bool {
        self.calls.iter().any(|call| call.row.spec.flags.has(Flags::WRITE) || call.row.spec.flags.has(Flags::MAY_REPLICATE))
    }

    /// Has every call been run?
    pub(crate) fn is_whole(&self) -> bool {
        self.refused || self.done + self.ends.len() == self.calls.len()
    }

    /// Forgets the replies so far, which have been written, so that the calls behind them can be run.
    pub(crate) fn go_on(&mut self) {
        self.done += self.ends.len();
        self.ends.clear();
        self.clear_reply();
    }

    fn clear_reply(&mut self) {
        self.reply.clear();
        if self.reply.capacity() > REPLY_KEPT_MAX {
            self.reply = Vec::new();
        }
    }

    /// The words of the call at `at`.
    #[cfg(test)]
    pub(crate) fn args(&self, at: usize) -> Args<'_> {
        Words { input: bytes_of(&self.input), spans: &self.spans }.of(&self.calls[at])
    }

    /// The reply to the call at `at`.
    pub(crate) fn reply_to(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.reply[start..self.ends[at]]
    }

    /// Makes the channel by which the batch comes back.
    pub(crate) fn expect_back(&mut self) -> oneshot::Receiver<Box<Batch>> {
        let (answer, back) = oneshot::channel();
        self.answer = Some(answer);
        back
    }

    /// Its calls have made something that clients cache outdated: whoever waits for the batch waits until they have been told, too.
    pub(crate) fn expect_told(&mut self) -> Receipt {
        let (done, told) = oneshot::channel::<()>();
        self.told = Some(told);
        Receipt::new(done)
    }

    /// Sends the batch back to whoever sent it. If that is gone, the work stays done and the replies are dropped.
    pub(crate) fn send_back(mut self: Box<Self>) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(self);
        }
    }

    /// Empties the batch for its next use; keeps its buffers unless they grew past what is worth keeping.
    pub(crate) fn reset(&mut self) {
        self.input = None;
        self.answer = None;
        self.spans.clear();
        self.calls.clear();
        self.ends.clear();
        self.done = 0;
        self.may_stop = false;
        self.watching = Watching::Nothing;
        self.reader = None;
        self.told = None;
        self.refused = false;
        self.claim = None;
        self.published.clear();
        self.bond = Bond::Loose;
        self.replay = false;
        self.durability = Durability::Server;
        self.clear_reply();
        if self.spans.capacity() > CALLS_KEPT_MAX {
            self.spans = Vec::new();
            self.calls = Vec::new();
            self.ends = Vec::new();
        }
    }
}

fn bytes_of(input: &Option<Arc<Vec<u8>>>) -> &[u8] {
    input.as_ref().map_or(b"", |bytes| bytes.as_slice())
}

/// The words of a batch's calls.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    input: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Words<'a> {
    #[inline]
    pub(crate) fn of(self, call: &Call) -> Args<'a> {
        let first = call.first as usize;
        Args::new(self.input, self.spans.get(first..first + call.words as usize).unwrap_or_default())
    }
}

/// A reply buffer larger than this is given back to the allocator: one large LRANGE must not pin its size for good.
const REPLY_KEPT_MAX: usize = 256 << 10;

/// As above, for the words of a read: a 16 KiB read buffer holds at most about 3000.
const CALLS_KEPT_MAX: usize = 8192;
