//! Pages of the history: where records leave for the journal, one way.
//!
//! To send never waits: who holds keyspaces must not. What has to wait is the next batch, which a shard takes only while there is
//! [`Pages::has_room`]; so the channel holds at most what was in hand when it filled up. Every page has a number, in the order in which pages are
//! sent, and the journal tells up to which number all of them are durable: by that a reply is held back until nothing that it saw can be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::command::Record;

/// Bytes on their way to the journal beyond which no further batch is taken: about what a disk writes in a tenth of a second.
const WAITING_BYTES_MAX: u64 = 32 << 20;

/// What one page costs besides its record.
const PAGE_BYTES: u64 = 128;

/// A page of the history, as it was sent.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) number: u64,
    pub(crate) content: Content,
}

/// What a page says.
#[derive(Debug)]
pub(crate) enum Content {
    /// What calls of one shard did, each a matter of its own.
    Calls { shard: usize, record: Record },
    /// What a unit did on one of its shards (bit i of `shards` for shard i); empty if nothing.
    Part { unit: u64, shard: usize, shards: u64, record: Record },
    /// What was done with the keyspaces of these shards in hand.
    Held { shards: u64, record: Record },
    /// Nothing; but somebody waits until all before it is durable, whatever the policy.
    Sync,
    /// What the journal itself does at this place of the history.
    Turn(Turn, oneshot::Sender<Result<(), String>>),
}

/// A turn in the life of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It begins here, where it was off. The data so far, if there are any, lie in a base of so many bytes.
    Open { base: Option<u64> },
    /// What comes from here on goes into a new file: the data up to here are about to be written as a base.
    NewFile,
    /// That base is there, so many bytes long, or what was written since says it all: nothing from before is needed.
    BaseDone { bytes: Option<u64> },
    /// Everything is written and made durable, and no more will come for now.
    Close,
}

/// When the journal makes durable what it wrote, if nobody asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Policy {
    #[default]
    EverySecond,
    /// Before anybody learns of it.
    Always,
    /// When the system sees fit.
    No,
}

/// How a connection wants its replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As the policy of the server says.
    #[default]
    Server,
    /// At once.
    Memory,
    /// Not before what they tell is durable.
    Disk,
}

/// The way to the journal, and what it tells.
#[derive(Clone, Debug)]
pub(crate) struct Pages(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pages: mpsc::UnboundedSender<Page>,
    /// The number of the last page that was sent.
    last: AtomicU64,
    waiting_bytes: AtomicU64,
    room: Notify,
    /// Every page up to here is durable.
    durable: watch::Sender<u64>,
    policy: AtomicU8,
    on: AtomicBool,
}

/// The journal's end.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) pages: mpsc::UnboundedReceiver<Page>,
    shared: Arc<Shared>,
}

impl Pages {
    #[expect(clippy::disallowed_methods, reason = "bounded by the room that shards wait for before they take the next batch")]
    pub(crate) fn new() -> (Pages, Intake) {
        let (sender, pages) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            pages: sender,
            last: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            room: Notify::new(),
            durable: watch::Sender::new(0),
            policy: AtomicU8::new(Policy::EverySecond as u8),
            on: AtomicBool::new(false),
        });
        (Pages(shared.clone()), Intake { pages, shared })
    }

    /// Sends a page and returns its number.
    pub(crate) fn send(&self, content: Content) -> u64 {
        let shared = &self.0;
        shared.waiting_bytes.fetch_add(content.bytes(), Ordering::Relaxed);
        let number = shared.last.fetch_add(1, Ordering::AcqRel) + 1;
        // The journal ends after the shards; when it ends by an error, the process does.
        let _ = shared.pages.send(Page { number, content });
        number
    }

    /// The number of the last page that was sent by anybody: who has its reply finds its own among those up to here.
    pub(crate) fn last(&self) -> u64 {
        self.0.last.load(Ordering::Acquire)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.0.waiting_bytes.load(Ordering::Relaxed) < WAITING_BYTES_MAX
    }

    /// Bytes that were sent and not written yet.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.0.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Returns when there is room.
    pub(crate) async fn room(&self) {
        loop {
            let mut room = std::pin::pin!(self.0.room.notified());
            // Registered before the look, so that room made between the two is not missed.
            room.as_mut().enable();
            if self.has_room() {
                return;
            }
            room.await;
        }
    }

    /// Whether changes are recorded at all. Who needs to know it exactly asks a keyspace.
    pub(crate) fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Acquire)
    }

    pub(crate) fn set_on(&self, on: bool) {
        self.0.on.store(on, Ordering::Release);
    }

    pub(crate) fn set_policy(&self, policy: Policy) {
        let before = self.0.policy.swap(policy as u8, Ordering::AcqRel);
        if policy == Policy::Always && before != policy as u8 && self.is_on() {
            // What was written under the old policy is seen under the new one.
            self.send(Content::Sync);
        }
    }

    /// Whether a reply waits for what it saw, and must ask for it to be made durable.
    pub(crate) fn holds(&self, durability: Durability) -> bool {
        match durability {
            Durability::Server => self.is_always(),
            Durability::Memory => false,
            Durability::Disk => true,
        }
    }

    /// Sees to it that all that was sent until now becomes durable without waiting for the clock. Returns the number to wait for.
    pub(crate) fn urge(&self) -> u64 {
        self.send(Content::Sync)
    }

    /// Lets the journal do something at this place of the history.
    ///
    /// # Errors
    /// What it says.
    pub(crate) async fn turn(&self, turn: Turn) -> Result<(), String> {
        Pages::turned(self.begin_turn(turn)).await
    }

    /// As [`Pages::turn`], to be awaited later: its place is this one.
    pub(crate) fn begin_turn(&self, turn: Turn) -> oneshot::Receiver<Result<(), String>> {
        let (answer, said) = oneshot::channel();
        self.send(Content::Turn(turn, answer));
        said
    }

    /// What the journal says of a turn.
    pub(crate) async fn turned(said: oneshot::Receiver<Result<(), String>>) -> Result<(), String> {
        said.await.unwrap_or_else(|_| Err("the journal is gone".to_owned()))
    }

    /// Whether the journal itself makes everything durable at once.
    pub(crate) fn is_always(&self) -> bool {
        self.0.policy.load(Ordering::Acquire) == Policy::Always as u8
    }

    /// Every page up to here is durable.
    pub(crate) fn durable(&self) -> u64 {
        *self.0.durable.borrow()
    }

    /// Tells of the number's rise.
    pub(crate) fn watch_durable(&self) -> watch::Receiver<u64> {
        self.0.durable.subscribe()
    }

    /// Returns when every page up to `number` is durable, if the reply has to wait for that.
    pub(crate) async fn settled(&self, number: u64, durability: Durability) {
        if !self.is_on() || !self.holds(durability) || number <= self.durable() {
            return;
        }
        self.durable_to(number).await;
    }

    /// Returns when every page up to `number` is durable, and sees to it that it becomes so.
    pub(crate) async fn durable_to(&self, number: u64) {
        if !self.is_always() {
            self.urge();
        }
        let mut durable = self.watch_durable();
        // It fails only when the journal is gone, and the process with it.
        let _ = durable.wait_for(|durable| *durable >= number).await;
    }
}

impl Intake {
    pub(crate) fn policy(&self) -> Policy {
        match self.shared.policy.load(Ordering::Acquire) {
            policy if policy == Policy::Always as u8 => Policy::Always,
            policy if policy == Policy::No as u8 => Policy::No,
            _ => Policy::EverySecond,
        }
    }

    /// Pages were taken off the channel.
    pub(crate) fn took(&self, pages: &[Page]) {
        let bytes: u64 = pages.iter().map(|page| page.content.bytes()).sum();
        let before = self.shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if before >= WAITING_BYTES_MAX {
            self.shared.room.notify_waiters();
        }
    }

    /// Every page up to `number` is durable.
    pub(crate) fn settle(&self, number: u64) {
        self.shared.durable.send_if_modified(|durable| {
            let rises = number > *durable;
            *durable = number.max(*durable);
            rises
        });
    }
}

impl Content {
    fn bytes(&self) -> u64 {
        let record = match self {
            Content::Calls { record, .. } | Content::Part { record, .. } | Content::Held { record, .. } => record.len(),
            Content::Sync | Content::Turn(..) => 0,
        };
        record as u64 + PAGE_BYTES
    }
}
