//! What the sessions of one worker share with each other ([`Local`]), and what all workers share ([`Board`]).

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::command::{Classes, Limits, Prefixes, Thresholds};
use crate::metrics::{Pulse, SessionTally, Totals, WorkerCounters};
use crate::persist::{Account, Health, Keeper};
use crate::pubsub::{self, Broker, Desk, Letter};
use crate::router::{Round, Router, Spare};
use crate::script::{Engine, Shelf};
use crate::session::clients::{self, Clients, Question};
use crate::session::{Pause, Registry};
use crate::settings::{Fsync, OutputLimit, Settings, Stop};
use crate::shard::Pages;
use crate::shard::pages::Policy;
use crate::time::UnixMillis;

/// What all workers see: settings, limits, the pause, everybody's counters, and the ways to each worker and to the server.
pub(crate) struct Board {
    pub(crate) settings: watch::Sender<Arc<Settings>>,
    /// Derived from the settings; every shard watches it.
    pub(crate) limits: watch::Sender<Arc<Limits>>,
    pub(crate) registry: Registry,
    pub(crate) pause: Pause,
    /// By worker.
    pub(crate) counters: Vec<WorkerCounters>,
    /// By worker: where questions about its clients go.
    pub(crate) desks: Vec<mpsc::Sender<Question>>,
    pub(crate) broker: Broker,
    /// What is known of scripts.
    pub(crate) scripts: Arc<Shelf>,
    /// The way to the journal, and what it tells of itself.
    pub(crate) pages: Pages,
    pub(crate) journal: Arc<Account>,
    /// SHUTDOWN.
    pub(crate) shutdown: mpsc::Sender<Shutdown>,
    /// What keeps us from serving everything.
    pub(crate) health: Arc<Health>,
    pub(crate) keeper: Keeper,
    pub(crate) started: Instant,
    /// Of all hash tables: random, the same in every shard, so that a hash holds wherever an entry moves.
    pub(crate) hash_seeds: [u64; 4],
    /// 40 hexadecimal digits, new with every start. So are the next ones, by which replicas will know this history.
    pub(crate) run_id: String,
    pub(crate) replication_id: String,
    pub(crate) pulse: Pulse,
    /// The port of the first TCP listener (port 0 asks the system for one).
    pub(crate) tcp_port: u16,
    /// Clients there are, from the moment they are let in: those on their way to a worker too.
    pub(crate) seats: AtomicU64,
    pub(crate) connections_received: AtomicU64,
    pub(crate) connections_rejected: AtomicU64,
    /// What CONFIG RESETSTAT sets back and what the acceptor counts besides.
    pub(crate) accept_errors: AtomicU64,
    /// What strangers can make us say as often as they like.
    pub(crate) attack_told: Seldom,
    pub(crate) accept_error_told: Seldom,
}

/// What clients want of the server's end.
#[derive(Debug)]
pub(crate) enum Shutdown {
    /// Answered when the end has begun, or cannot.
    Begin { how: Stop, answer: oneshot::Sender<Result<(), NotEnding>> },
    /// Answered with whether there was one to abort.
    Abort { answer: oneshot::Sender<bool> },
}

/// Why the server does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotEnding {
    /// The data cannot be saved, or somebody aborted it.
    Failed,
}

/// A client's place among `maxclients`; free when it is dropped, wherever the client then is.
pub(crate) struct Seat(Arc<Board>);

impl Seat {
    pub(crate) fn take(board: &Arc<Board>) -> Seat {
        Board::count(&board.seats);
        Seat(board.clone())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seats.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a line into the log once a minute, however often there is reason for it.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    /// Milliseconds since the epoch; 0: never yet.
    last: AtomicU64,
}

impl Seldom {
    const PAUSE_MS: u64 = 60_000;

    /// Whether the line may be written now; then it may not for a while.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due_at(UnixMillis::now())
    }

    fn is_due_at(&self, now: UnixMillis) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        // Of several threads that find it due, one writes. A clock that was set back is no reason to be silent for longer.
        (last == 0 || now.0.abs_diff(last) >= Seldom::PAUSE_MS)
            && self.last.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// What the sessions of one worker share. One thread, so plain cells.
pub(crate) struct Local {
    pub(crate) board: Arc<Board>,
    pub(crate) router: Router,
    /// Runs scripts on this thread.
    pub(crate) scripts: Rc<Engine>,
    /// This worker's number.
    pub(crate) index: usize,
    pub(crate) clients: Clients,
    pub(crate) batches: Spare,
    /// Where messages for this worker's clients arrive.
    pub(crate) desk: Rc<Desk>,
    settings: RefCell<watch::Receiver<Arc<Settings>>>,
    seen: RefCell<Arc<Settings>>,
    #[expect(clippy::vec_box, reason = "turns are lent as boxes; the boxes are what is used again")]
    rounds: RefCell<Vec<Box<Turn>>>,
    buffers: RefCell<Vec<Arc<Vec<u8>>>>,
    pub(crate) tally: RefCell<SessionTally>,
    /// The time, at most a second old: good enough for how long a client has been idle, and no look at the clock for every read.
    pub(crate) coarse_now: Cell<UnixMillis>,
    /// The server is stopping: sessions end after what they are doing.
    pub(crate) stopping: Cell<bool>,
}

/// What a session needs while it answers one read; lent by the worker, so that an idle connection has none.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) round: Round,
    pub(crate) words: Vec<crate::resp::Span>,
    pub(crate) scratch: Vec<u8>,
    /// Messages to post, with the row that each is counted under and whether its reply is thrown away.
    pub(crate) letters: Vec<(Letter, u16, bool)>,
    /// What MONITOR shows of the calls taken up.
    pub(crate) shown: Vec<u8>,
}

/// What one read asks for. As Redis; larger reads gain nothing below 100 calls a read.
pub(crate) const READ_BYTES: usize = 16 << 10;

/// Buffers and turns kept by an idle worker.
const SPARE_MAX: usize = 128;

/// A scratch buffer larger than this is given back to the allocator.
const SCRATCH_KEPT_MAX: usize = 256 << 10;

impl Local {
    pub(crate) fn new(board: Arc<Board>, router: Router, scripts: Rc<Engine>, index: usize) -> Rc<Local> {
        let settings = board.settings.subscribe();
        let seen = settings.borrow().clone();
        let commands = board.registry.len();
        let desk = Rc::new(Desk::new(board.hash_seeds));
        Rc::new(Local {
            board,
            router,
            scripts,
            index,
            clients: Clients::default(),
            batches: Spare::default(),
            desk,
            settings: RefCell::new(settings),
            seen: RefCell::new(seen),
            rounds: RefCell::default(),
            buffers: RefCell::default(),
            tally: RefCell::new(SessionTally::new(commands)),
            coarse_now: Cell::new(UnixMillis::now()),
            stopping: Cell::new(false),
        })
    }

    /// The settings now. Not to be held over an await.
    pub(crate) fn settings(&self) -> Ref<'_, Settings> {
        if self.settings.borrow().has_changed().unwrap_or(false) {
            *self.seen.borrow_mut() = self.settings.borrow_mut().borrow_and_update().clone();
        }
        Ref::map(self.seen.borrow(), |settings| &**settings)
    }

    /// What those who listen may leave unread.
    pub(crate) fn outbox_limits(&self) -> pubsub::Limits {
        let settings = self.settings();
        let limit = |limit: OutputLimit| pubsub::Limit { hard: limit.hard, soft: limit.soft, patience: Duration::from_secs(limit.seconds) };
        pubsub::Limits { subscriber: limit(settings.output_limit_pubsub), monitor: limit(settings.output_limit_normal) }
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.board.counters[self.index]
    }

    /// CONFIG RESETSTAT.
    pub(crate) async fn reset_statistics(&self) {
        // A shard that has ended has nothing left to reset.
        let _ = self.router.survey(true).await;
        clients::tallies(self, true).await;
        self.board.reset_counters();
    }

    pub(super) fn take_turn(&self) -> Box<Turn> {
        self.rounds.borrow_mut().pop().unwrap_or_default()
    }

    pub(super) fn put_turn(&self, mut turn: Box<Turn>) {
        turn.words.clear();
        turn.scratch.clear();
        turn.letters.clear();
        turn.shown.clear();
        if turn.scratch.capacity() > SCRATCH_KEPT_MAX {
            turn.scratch = Vec::new();
        }
        let mut rounds = self.rounds.borrow_mut();
        if rounds.len() < SPARE_MAX {
            rounds.push(turn);
        }
    }

    /// An empty read buffer that nobody else holds.
    pub(super) fn take_buffer(&self) -> Arc<Vec<u8>> {
        self.buffers.borrow_mut().pop().unwrap_or_else(|| Arc::new(Vec::with_capacity(READ_BYTES)))
    }

    /// Takes a buffer back, if it is worth keeping and nobody else holds it.
    pub(super) fn put_buffer(&self, mut buffer: Arc<Vec<u8>>) {
        let Some(bytes) = Arc::get_mut(&mut buffer) else { return };
        bytes.clear();
        let mut buffers = self.buffers.borrow_mut();
        if bytes.capacity() <= 4 * READ_BYTES && buffers.len() < SPARE_MAX {
            buffers.push(buffer);
        }
    }
}

impl Board {
    /// Bytes in and out, calls and so on, over all workers.
    pub(crate) fn sum(&self, which: impl Fn(&WorkerCounters) -> u64) -> u64 {
        self.counters.iter().map(which).sum()
    }

    /// The limits of commands that follow from settings.
    pub(crate) fn limits_of(settings: &Settings, hash_seeds: [u64; 4]) -> Limits {
        let sizes = &settings.encodings;
        let thresholds = Thresholds {
            hash_listpack_entries: sizes.hash_listpack_entries,
            hash_listpack_value: sizes.hash_listpack_value,
            list_listpack_size: i64::from(sizes.list_listpack_size),
            list_compress_depth: u64::from(sizes.list_compress_depth),
            set_intset_entries: sizes.set_intset_entries,
            set_listpack_entries: sizes.set_listpack_entries,
            set_listpack_value: sizes.set_listpack_value,
            zset_listpack_entries: sizes.zset_listpack_entries,
            zset_listpack_value: sizes.zset_listpack_value,
            stream_node_bytes: sizes.stream_node_bytes,
            stream_node_entries: sizes.stream_node_entries,
            hash_seeds,
        };
        Limits {
            thresholds,
            string_bytes_max: settings.proto_max_bulk_len,
            hll_sparse_bytes: sizes.hll_sparse_bytes,
            frequency: settings.maxmemory_policy.ends_with("lfu"),
            active_expire: settings.active_expire,
            expire_effort: settings.active_expire_effort,
            events: Classes::named(&settings.notify_keyspace_events),
            cached_keys_max: settings.tracking_keys_max,
            ..Limits::default()
        }
    }

    /// When the journal is made durable, as the settings say.
    pub(crate) fn policy_of(settings: &Settings) -> Policy {
        match settings.appendfsync {
            Fsync::Always => Policy::Always,
            Fsync::EverySecond => Policy::EverySecond,
            Fsync::No => Policy::No,
        }
    }

    /// Makes new settings those of everybody.
    pub(crate) fn publish(&self, settings: Settings) {
        self.pages.set_policy(Board::policy_of(&settings));
        self.limit(&settings);
        self.settings.send_replace(Arc::new(settings));
    }

    /// The limits that follow from settings; what follows from clients stays.
    fn limit(&self, settings: &Settings) {
        let limits = Board::limits_of(settings, self.hash_seeds);
        self.limits.send_modify(|current| {
            *current = Arc::new(Limits { prefixes: current.prefixes.clone(), is_tracked: current.is_tracked, ..limits });
        });
    }

    /// Lets shards know which prefixes of keys somebody wants to hear of, and whether anybody caches keys at all.
    pub(crate) fn track(&self, prefixes: Prefixes, is_tracked: bool) {
        self.limits.send_modify(|current| {
            *current = Arc::new(Limits { prefixes: Arc::new(prefixes), is_tracked, ..Limits::clone(current) });
        });
    }

    /// What the sampler samples.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            calls: self.sum(|counters| counters.commands.get()),
            bytes_in: self.sum(|counters| counters.bytes_in.get()),
            bytes_out: self.sum(|counters| counters.bytes_out.get()),
        }
    }

    /// Changes the settings, all of what `change` does or nothing, and lets everybody have the new ones. Two changes at once follow one another.
    ///
    /// # Errors
    /// What `change` says.
    pub(crate) fn adjust<E>(&self, change: impl FnOnce(&mut Settings) -> Result<(), E>) -> Result<(), E> {
        let mut refusal = None;
        self.settings.send_if_modified(|current| {
            let mut next = Settings::clone(current);
            match change(&mut next) {
                Ok(()) => {
                    self.pages.set_policy(Board::policy_of(&next));
                    self.limit(&next);
                    *current = Arc::new(next);
                    true
                }
                Err(error) => {
                    refusal = Some(error);
                    false
                }
            }
        });
        refusal.map_or(Ok(()), Err)
    }

    /// Sets back what CONFIG RESETSTAT sets back; connections that are open stay counted.
    fn reset_counters(&self) {
        for counters in &self.counters {
            for counter in [&counters.commands, &counters.bytes_in, &counters.bytes_out, &counters.query_limit_closed] {
                counter.reset();
            }
        }
        for counter in [&self.connections_received, &self.connections_rejected, &self.accept_errors] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_a_minute() {
        let told = Seldom::default();
        let due: Vec<bool> = [1000, 1001, 60_999, 61_000, 61_001, 500].map(|now| told.is_due_at(UnixMillis(now))).into();
        assert_eq!(due, [true, false, false, true, false, true]);
    }
}
