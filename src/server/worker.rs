//! A worker: one thread with one runtime, its shard, and its share of the connections.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::net::Accepted;
use crate::pubsub::desk::Item;
use crate::pubsub::{self, Events, broker, desk};
use crate::router::{Router, Sequencer};
use crate::script::Engine;
use crate::server::{Phase, local_runtime, next_seed};
use crate::session::clients::{self, Clients, Question};
use crate::session::{Board, Client, Commands, Local, Seat, Session, rewrite, serve};
use crate::shard::dispatch::Dispatch;
use crate::shard::mailbox::Inbox;
use crate::shard::reclaim::Reclaimer;
use crate::shard::{Mailbox, Outbox, Shard, task};
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// A socket for a worker.
pub(crate) struct Arrival {
    pub(crate) accepted: Accepted,
    pub(crate) id: u64,
    pub(crate) seat: Seat,
}

/// What a worker is made of.
pub(crate) struct WorkerPlan {
    pub(crate) index: usize,
    pub(crate) board: Arc<Board>,
    /// Where its shard is asked, and where that gets its keyspace when it has been loaded. A worker without a shard takes clients only.
    pub(crate) own: Option<(Inbox, oneshot::Receiver<Keyspace>)>,
    pub(crate) mailboxes: Box<[Mailbox]>,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) questions: mpsc::Receiver<Question>,
    /// From the broker.
    pub(crate) parcels: mpsc::Receiver<Vec<Item>>,
    /// On the first worker.
    pub(crate) broker: Option<BrokerPlan>,
    pub(crate) arrivals: mpsc::Receiver<Arrival>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) reclaimer: Reclaimer,
    pub(crate) outbox: Outbox,
}

/// What the broker is made of.
pub(crate) struct BrokerPlan {
    pub(crate) registry: pubsub::Registry,
    pub(crate) requests: broker::Requests,
    /// Of keys, from the shards.
    pub(crate) events: Events,
    /// By worker.
    pub(crate) desks: Box<[mpsc::Sender<Vec<Item>>]>,
}

/// How often a worker looks for clients that were idle for too long.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Ends the process if it is dropped by a panic: without its shard a worker would leave keys unreachable and clients hanging.
struct EndsProcess(&'static str);

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            tracing::error!(
                thread = thread.name().unwrap_or_default(),
                "{} panicked; the process ends, since its data is no longer whole",
                self.0
            );
            std::process::exit(1);
        }
    }
}

/// A worker's thread.
pub(crate) fn run(plan: WorkerPlan) {
    let _guard = EndsProcess("a worker");
    let runtime = local_runtime().expect("the runtime of the service thread was made by the same system");
    runtime.block_on(work(plan));
}

async fn work(plan: WorkerPlan) {
    let WorkerPlan { index, board, own, mailboxes, sequencer, questions, parcels, broker, mut arrivals, mut phase, reclaimer, outbox } =
        plan;
    let scripts = {
        let memory_max = board.settings.borrow().script_memory_limit;
        let caller = std::rc::Rc::new(Commands::new(board.clone()));
        Rc::new(Engine::new(board.scripts.clone(), caller, index, memory_max))
    };
    let router = Router::new(mailboxes, sequencer, board.limits.subscribe(), outbox.clone(), ticks, next_seed(), board.pages.clone())
        .with_scripts(scripts.clone());
    if let Some((inbox, home)) = own {
        let shard = Shard::empty(board.limits.borrow().clone(), board.registry.len(), next_seed(), ticks).with_scripts(scripts.clone());
        let limits = board.limits.subscribe();
        let dispatch = Dispatch::new(board.pages.clone(), index);
        tokio::task::spawn_local(async move {
            let _guard = EndsProcess("a shard");
            task::run(shard, home, inbox, limits, reclaimer, outbox, dispatch).await;
        });
    }
    let local = Local::new(board, router, scripts, index);
    tokio::task::spawn_local(clients::answer(local.clone(), questions));
    publish_here(&local, parcels, broker);
    let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(arrival) = arrivals.recv() => welcome(&local, arrival),
            _ = housekeeping.tick() => {
                local.coarse_now.set(UnixMillis::now());
                keep_house(&local);
                if index == 0 {
                    rewrite::if_due(&local);
                }
            }
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow() == Phase::Ended {
                    return;
                }
                local.stopping.set(true);
                local.clients.all().iter().for_each(|client| client.end(false));
            }
        }
    }
}

/// Starts what brings messages to this worker's clients, and the broker if it lives here.
fn publish_here(local: &Rc<Local>, parcels: mpsc::Receiver<Vec<Item>>, broker: Option<BrokerPlan>) {
    if let Some(BrokerPlan { registry, requests, events, desks }) = broker {
        let board = local.board.clone();
        let announce = Box::new(move |prefixes, is_tracked| board.track(prefixes, is_tracked));
        tokio::task::spawn_local(async move {
            let _guard = EndsProcess("the broker");
            broker::run(registry, requests, events, desks, announce).await;
        });
    }
    let (dealing, asking) = (local.desk.clone(), local.clone());
    tokio::task::spawn_local(async move {
        let _guard = EndsProcess("a desk of the broker");
        desk::run(dealing, parcels, || asking.outbox_limits()).await;
    });
    tokio::task::spawn_local(desk::see_off(local.desk.clone(), local.board.broker.clone()));
}

/// Starts the conversation with a new client.
fn welcome(local: &Rc<Local>, arrival: Arrival) {
    let Arrival { accepted, id, seat } = arrival;
    let unix = matches!(accepted.socket, crate::net::listener::Socketed::Unix(_));
    let client = Rc::new(Client::new(id, accepted.peer.clone(), accepted.own.clone(), accepted.descriptor, unix, UnixMillis::now()));
    let Ok(stream) = accepted.into_stream() else { return };
    let entered = Clients::enter(local, client.clone());
    let session = Session::new(client.clone(), local.clone());
    client.authenticated.set(session.authenticated);
    let task = tokio::task::spawn_local(async move {
        let _held = (entered, seat);
        serve(session, stream).await;
    });
    client.ends_by(task.abort_handle());
}

/// Ends clients that were silent for longer than `timeout`, those that never said who they are, and subscribers that do not read.
fn keep_house(local: &Rc<Local>) {
    local.desk.keep_house(&local.outbox_limits());
    let (timeout, authentication, must_authenticate) = {
        let settings = local.settings();
        (settings.timeout, settings.authentication_timeout, settings.requirepass.is_some())
    };
    if timeout == 0 && !must_authenticate {
        return;
    }
    let now = UnixMillis::now();
    for client in local.clients.all() {
        // When it was last used is known to a second: nobody is ended before his time. A subscriber may be silent for ever.
        let idle = timeout > 0
            && !client.listens()
            && !client.monitors()
            && now.since(client.last_used.get()) > timeout.saturating_add(1).saturating_mul(1000);
        let stranger = must_authenticate
            && !client.authenticated.get()
            && authentication > 0
            && now.since(client.created) > authentication.saturating_mul(1000);
        // Nobody is cut off while it is us who keep him waiting. Who takes none of a reply is as silent as who asks for nothing.
        if (idle || stranger) && (!client.busy.get() || client.writing.get()) {
            client.end(true);
        }
    }
}

/// Nanoseconds since the first call, from the monotonic clock.
pub(super) fn ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}
