//! MULTI: calls that wait for EXEC, and the keys whose change would stop it.

use std::sync::Arc;

use crate::command::{Args, Flags, Spec, Watch};
use crate::resp::Span;
use crate::router::{Needs, Round, Way};
use crate::session::{Entry, Handler, Session};
use crate::shard::batch::Manner;

/// What was queued since MULTI.
#[derive(Default)]
pub(crate) struct Transaction {
    calls: Vec<Queued>,
    /// The words of calls that came in earlier reads, whose buffers are used again.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    /// So many spans are of `bytes`; those behind them are of the read at hand, until [`Transaction::keep`].
    kept: usize,
    /// A call was refused before it could be queued: EXEC will refuse the rest.
    pub(crate) spoiled: bool,
    /// The flags that any of its calls has.
    flags: Flags,
}

/// A call that passed every gate and waits.
#[derive(Clone, Copy)]
pub(crate) struct Queued {
    pub(crate) spec: &'static Spec,
    pub(crate) handler: Handler,
    pub(crate) id: u16,
    first: u32,
    words: u32,
}

impl Transaction {
    /// Queues a call of the read at hand. False if there are too many words: they are counted by 32 bits.
    pub(crate) fn queue(&mut self, entry: &Entry, args: &Args<'_>) -> bool {
        let (Ok(first), Ok(words)) = (u32::try_from(self.spans.len()), u32::try_from(args.len())) else { return false };
        self.spans.extend_from_slice(args.spans());
        self.flags = self.flags.and(entry.spec.flags);
        self.calls.push(Queued { spec: entry.spec, handler: entry.handler, id: entry.id, first, words });
        true
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Bytes that it holds for its client.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>() + self.calls.capacity() * size_of::<Queued>()
    }

    /// Whether any of its calls writes, or is told to replicas as writes are.
    pub(crate) fn writes(&self) -> bool {
        self.flags.has(Flags::WRITE) || self.flags.has(Flags::MAY_REPLICATE) || self.flags.has(Flags::MAY_WRITE)
    }

    /// The read is over and its buffer, `input`, will be used again: what the calls need of it is copied. False if 32 bits do not reach so far.
    pub(crate) fn keep(&mut self, input: &[u8]) -> bool {
        let copied = Args::new(input, &self.spans[self.kept..]).copy_to(&mut self.bytes);
        let Some(copied) = copied else { return false };
        self.spans.truncate(self.kept);
        self.spans.extend(copied);
        self.kept = self.spans.len();
        true
    }

    /// Its calls, if all of them came in the read at hand, with their words in `input`.
    pub(crate) fn fresh<'t>(&'t self, input: &'t [u8]) -> Option<impl Iterator<Item = (&'t Queued, Args<'t>)> + Clone> {
        let words = move |call: &Queued| Args::new(input, words_of(&self.spans, call));
        (self.kept == 0).then(|| self.calls.iter().map(move |call| (call, words(call))))
    }

    /// Its calls, ready to be run, when their words have been kept.
    pub(crate) fn into_block(self) -> Block {
        debug_assert_eq!(self.kept, self.spans.len(), "EXEC waits until the read is over");
        Block { calls: self.calls, input: Arc::new(self.bytes), spans: self.spans }
    }
}

/// The calls of a transaction whose EXEC has come.
pub(crate) struct Block {
    pub(crate) calls: Vec<Queued>,
    /// What the words are ranges of.
    pub(crate) input: Arc<Vec<u8>>,
    spans: Vec<Span>,
}

impl Block {
    /// The words of one of its calls.
    pub(crate) fn args(&self, call: &Queued) -> Args<'_> {
        Args::new(&self.input, words_of(&self.spans, call))
    }
}

fn words_of<'s>(spans: &'s [Span], call: &Queued) -> &'s [Span] {
    let first = call.first as usize;
    spans.get(first..first + call.words as usize).unwrap_or_default()
}

impl Session {
    /// EXEC, where nothing has to be asked first: the block joins what is asked of the shards in the same read, and its reply the other replies.
    /// False if that cannot be done, and nothing is: some of the calls came in an earlier read, keys are watched, it needs several keyspaces at once,
    /// or the session has to answer a call itself.
    pub(super) fn join_block(&mut self, round: &mut Round, input: &[u8]) -> bool {
        let local = &self.local;
        let shards = local.router.shards();
        let (Some(transaction), None) = (&self.transaction, &self.watched) else { return false };
        let Some(calls) = transaction.fresh(input).filter(|_| !transaction.spoiled) else { return false };
        let mut needs = Needs::new(shards);
        for (call, args) in calls.clone() {
            let Handler::Data(row) = call.handler else { return false };
            needs.call(row, &args);
        }
        let way = needs.way(false, false);
        if matches!(way, Way::Hold(_)) {
            return false;
        }
        round.answer(self.protocol, false, |reply| reply.array(transaction.len()));
        let manner = Manner { block: round.open_block(), ..self.manner() };
        for (call, args) in calls {
            if let Handler::Data(row) = call.handler {
                round.push(row, call.id, manner, &args, shards, &local.batches, false);
            }
        }
        round.end_block(way);
        self.transaction = None;
        self.tell_queued();
        true
    }
}

/// WATCH: the keys, and the flag that the first change of any of them raises.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) watch: Arc<Watch>,
    /// To find their shards by.
    pub(crate) keys: Vec<Box<[u8]>>,
}
