//! MULTI: calls that wait for EXEC, and the keys whose change would stop it.

use std::sync::Arc;

use crate::command::{Args, Flags, Spec, Watch};
use crate::resp::Span;
use crate::session::{Entry, Handler};

/// What was queued since MULTI.
#[derive(Default)]
pub(crate) struct Transaction {
    calls: Vec<Queued>,
    /// The words of all calls: they came in reads whose buffers are used again.
    bytes: Vec<u8>,
    spans: Vec<Span>,
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
    /// Queues a call. False if its words do not fit any more: they are named by 32 bits.
    pub(crate) fn queue(&mut self, entry: &Entry, args: &Args<'_>) -> bool {
        let (Ok(first), Ok(words)) = (u32::try_from(self.spans.len()), u32::try_from(args.len())) else { return false };
        let Some(spans) = args.copy_to(&mut self.bytes) else { return false };
        self.spans.extend(spans);
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
        self.flags.has(Flags::WRITE) || self.flags.has(Flags::MAY_REPLICATE)
    }

    /// Its calls, ready to be run.
    pub(crate) fn into_block(self) -> Block {
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
        let first = call.first as usize;
        Args::new(&self.input, self.spans.get(first..first + call.words as usize).unwrap_or_default())
    }
}

/// WATCH: the keys, and the flag that the first change of any of them raises.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) watch: Arc<Watch>,
    /// To find their shards by.
    pub(crate) keys: Vec<Box<[u8]>>,
}
