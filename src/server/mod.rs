//! The roof: puts settings, shards, workers and listeners together, and takes them apart again in reverse.

mod boot;
mod check;
mod doors;
mod ending;
mod journal;
pub mod logging;
mod pidfile;
mod repair;
mod systemd;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, Result};
use crate::metrics::{Pulse, SAMPLE_EVERY, Sampler, WorkerCounters, process};
use crate::net::{Accepted, Door};
use crate::persist::keeper::{self, Tools};
use crate::persist::{Account, Health, Home, Keeper, Trouble};
use crate::pubsub::broker::PARCELS_MAX;
use crate::pubsub::{Broker, Events, Registry as Listeners};
use crate::router::{Router, SHARDS_MAX, Sequencer};
use crate::script::Shelf;
use crate::server::boot::Boot;
use crate::server::ending::{Call, Calls};
use crate::server::worker::{Arrival, BrokerPlan, WorkerPlan};
use crate::session::clients::QUESTIONS_MAX;
use crate::session::{Board, Pause, Registry, Seat, Seldom, Shutdown};
use crate::settings::Settings;
use crate::shard::pages::{Intake, Turn};
use crate::shard::reclaim::Reclaimer;
use crate::shard::{Mailbox, Outbox, Pages, Posted};
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// The daemon.
#[derive(Debug)]
pub struct Server;

/// Sockets on their way to one worker. An acceptor faster than its workers waits, and the kernel's backlog with it.
const ARRIVALS_MAX: usize = 128;

/// Lua's own functions may call each other back two hundred deep, with eight kilobytes on the stack for each.
const WORKER_STACK_BYTES: usize = 8 << 20;

/// Task polls between two looks at the sockets: about a hundred busy connections, or some 200 microseconds.
const TASK_POLLS_PER_LOOK: u32 = 256;

/// Clients that ask for the end at once: each waits for its answer.
const SHUTDOWNS_MAX: usize = 16;

/// How the process is coming to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// No new clients; those there finish what they are doing.
    Draining,
    Ended,
}

impl Server {
    /// Runs the daemon until it is told to stop. Blocks the calling thread.
    ///
    /// # Errors
    /// It cannot listen, or the system refuses threads.
    pub fn run(settings: Settings) -> Result<()> {
        // Sockets from systemd are taken while there is one thread: that changes the environment.
        let doors = doors::open(&settings)?;
        let home = boot::enter(&settings)?;
        let _pidfile = pidfile::PidFile::write(settings.pidfile.as_deref())?;
        doors::raise_descriptor_limit(settings.maxclients);
        let runtime = local_runtime().map_err(|source| Error::Io { doing: "starting the service thread", source })?;
        let tcp_port = doors.iter().find_map(Door::port).unwrap_or(0);
        let (pages, intake) = Pages::new();
        let result = runtime.block_on(async {
            let (assembly, cellar) = Assembly::new(settings, tcp_port, pages, intake)?;
            assembly.serve(doors, home, cellar).await
        });
        if result.is_ok() {
            tracing::info!("bye");
        }
        result
    }
}

/// Events of keys as the broker takes them.
fn events_of(posted: Posted) -> Events {
    let Posted { lots, room, is_heard } = posted;
    Events { lots, room, is_heard }
}

/// Everything between the listeners and the shards.
struct Assembly {
    board: Arc<Board>,
    workers: Vec<mpsc::Sender<Arrival>>,
    threads: Vec<thread::JoinHandle<()>>,
    phase: watch::Sender<Phase>,
    /// The service thread's own way to the shards: for the watchdog.
    router: Router,
}

/// What the service thread keeps for itself.
struct Cellar {
    shutdown: mpsc::Receiver<Shutdown>,
    saves: keeper::Inbox,
    /// For the keeper.
    router: Router,
    /// Where pages of the history arrive.
    intake: Intake,
    keyspaces: Vec<Keyspace>,
    /// Where they belong.
    homes: Vec<oneshot::Sender<Keyspace>>,
}

impl Assembly {
    fn new(settings: Settings, tcp_port: u16, pages: Pages, intake: Intake) -> Result<(Assembly, Cellar)> {
        let shards = settings.shards.clamp(1, SHARDS_MAX as usize);
        let refused = |source| Error::Io { doing: "starting threads", source };
        let reclaimer = Reclaimer::start().map_err(refused)?;
        let seeds = std::array::from_fn(|_| random_seed());
        let limits = Arc::new(Board::limits_of(&settings, seeds));
        // One more than there are shards: a worker without one takes new clients while scripts hold all others.
        let threads_wanted = shards + 1;
        let keyspaces = boot::keyspaces(shards, settings.databases, seeds);
        let (keeper, saves) = Keeper::new();
        let health = Arc::<Health>::default();
        let (shutdown, asked) = mpsc::channel(SHUTDOWNS_MAX);
        let (desks, questions): (Vec<_>, Vec<_>) = (0..threads_wanted).map(|_| mpsc::channel(QUESTIONS_MAX)).unzip();
        let (broker, requests) = Broker::new();
        let (outbox, posted) = Outbox::new();
        let (parcel_desks, parcels): (Vec<_>, Vec<_>) = (0..threads_wanted).map(|_| mpsc::channel(PARCELS_MAX)).unzip();
        let mut broker_task =
            Some(BrokerPlan { registry: Listeners::new(seeds), requests, events: events_of(posted), desks: parcel_desks.into() });
        let board = Arc::new(Board {
            settings: watch::Sender::new(Arc::new(settings)),
            limits: watch::Sender::new(limits),
            registry: Registry::whole(),
            pause: Pause::default(),
            counters: (0..threads_wanted).map(|_| WorkerCounters::default()).collect(),
            desks,
            broker,
            scripts: Arc::new(Shelf::new(threads_wanted)),
            pages: pages.clone(),
            journal: Arc::new(Account::new(health.clone())),
            shutdown,
            health,
            keeper,
            started: Instant::now(),
            run_id: random_id(),
            replication_id: random_id(),
            pulse: Pulse::default(),
            hash_seeds: seeds,
            tcp_port,
            seats: AtomicU64::new(0),
            connections_received: AtomicU64::new(0),
            connections_rejected: AtomicU64::new(0),
            accept_errors: AtomicU64::new(0),
            attack_told: Seldom::default(),
            accept_error_told: Seldom::default(),
        });
        let (mailboxes, inboxes): (Vec<_>, Vec<_>) = (0..shards).map(|_| Mailbox::new()).unzip();
        let sequencer = Arc::new(Sequencer::default());
        let phase = watch::Sender::new(Phase::Serving);
        let all_mailboxes = mailboxes.clone().into_boxed_slice();
        let router = |mailboxes| {
            Router::new(mailboxes, sequencer.clone(), board.limits.subscribe(), outbox.clone(), worker::ticks, next_seed(), pages.clone())
        };
        let (for_keeper, router) = (router(all_mailboxes.clone()), router(all_mailboxes));
        let (homes, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| oneshot::channel()).unzip();
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        let shards_of = inboxes.into_iter().zip(receivers).map(Some).chain([None]);
        for (index, ((own, questions), parcels)) in shards_of.zip(questions).zip(parcels).enumerate() {
            let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
            workers.push(sender);
            let plan = WorkerPlan {
                index,
                board: board.clone(),
                own,
                mailboxes: mailboxes.clone().into_boxed_slice(),
                sequencer: sequencer.clone(),
                questions,
                parcels,
                broker: broker_task.take(),
                arrivals,
                phase: phase.subscribe(),
                reclaimer: reclaimer.clone(),
                outbox: outbox.clone(),
            };
            let thread = thread::Builder::new()
                .name(format!("worker-{index}"))
                .stack_size(WORKER_STACK_BYTES)
                .spawn(move || worker::run(plan))
                .map_err(refused)?;
            threads.push(thread);
        }
        let cellar = Cellar { shutdown: asked, saves, router: for_keeper, intake, keyspaces, homes };
        Ok((Assembly { board, workers, threads, phase, router }, cellar))
    }

    /// Loads, accepts until a signal or SHUTDOWN, saves and drains.
    async fn serve(self, doors: Vec<Door>, home: Home, cellar: Cellar) -> Result<()> {
        let Cellar { shutdown, saves, router, intake, keyspaces, homes } = cellar;
        let mut calls = Calls::new(shutdown)?;
        let assembly = std::rc::Rc::new(self);
        let next_id = std::rc::Rc::new(std::cell::Cell::new(1u64));
        let paths: Vec<_> =
            doors.iter().filter_map(|door| if let Door::Unix(_, Some(path)) = door { Some(path.clone()) } else { None }).collect();
        let keepalive = assembly.board.settings.borrow().tcp_keepalive;
        let mut accepting = Vec::new();
        for door in doors {
            let (assembly, next_id) = (assembly.clone(), next_id.clone());
            accepting.push(tokio::task::spawn_local(async move {
                let failed = |error: &std::io::Error| {
                    Board::count(&assembly.board.accept_errors);
                    if assembly.board.accept_error_told.is_due() {
                        tracing::warn!(%error, "accept failed; told at most once a minute");
                    }
                };
                let arrived = async |accepted| assembly.welcome(accepted, &next_id).await;
                if let Err(error) = door.accept_all(keepalive, failed, arrived).await {
                    tracing::error!(%error, "a listener ended");
                }
            }));
        }
        let shards = assembly.router.shards();
        let board = &assembly.board;
        let boot = Boot {
            settings: board.settings.borrow().clone(),
            limits: board.limits.borrow().clone(),
            health: board.health.clone(),
            board: board.clone(),
            keyspaces,
        };
        let (keyspaces, loaded, log) = {
            let mut loading = std::pin::pin!(boot.load(&home));
            loop {
                tokio::select! {
                    loaded = &mut loading => break loaded?,
                    call = calls.next(board) => match call {
                        // There is nothing to save yet, and the process ends with what it was loading.
                        Call::End(..) => return Ok(()),
                        Call::Reload => assembly.reload(),
                    },
                }
            }
        };
        saves.loaded(loaded.keys, loaded.expired);
        let keyspaces = journal::begin(board, &home, intake, log, keyspaces)?;
        for (keyspace, home) in keyspaces.into_iter().zip(homes) {
            let _ = home.send(keyspace);
        }
        board.health.set(Trouble::Loading, false);
        let tools = Tools {
            router,
            settings: board.settings.subscribe(),
            limits: board.limits.subscribe(),
            health: board.health.clone(),
            home,
            libraries: loaded.libraries,
        };
        let keeping = tokio::task::spawn_local(keeper::run(tools, saves));
        tracing::info!(port = assembly.board.tcp_port, shards, "Ready to accept connections");
        let status = format!("serving on port {} with {shards} shards", assembly.board.tcp_port);
        systemd::ready(&status);
        let watchdog = tokio::task::spawn_local(feed_watchdog(assembly.clone()));
        let pulse = tokio::task::spawn_local(feel_pulse(assembly.board.clone()));
        let (saved, how, answer) = loop {
            match calls.next(&assembly.board).await {
                Call::End(how, answer) => {
                    systemd::stopping("saving");
                    match calls.save(&assembly.board, how).await {
                        Ok(saved) => break (saved, how, answer),
                        Err(refusal) => {
                            if let Some(answer) = answer {
                                let _ = answer.send(Err(refusal));
                            }
                            systemd::ready(&status);
                        }
                    }
                }
                Call::Reload => {
                    systemd::reloading();
                    assembly.reload();
                    systemd::ready(&status);
                }
            }
        };
        if let Some(answer) = answer {
            let _ = answer.send(Ok(()));
        }
        systemd::stopping("draining");
        // What runs too long already would keep its clients, and the end, waiting.
        let threshold = assembly.board.settings.borrow().busy_reply_threshold;
        if assembly.board.scripts.watchdog.busy(threshold, UnixMillis::now()).is_some() {
            assembly.board.scripts.watchdog.end_all();
        }
        watchdog.abort();
        pulse.abort();
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        for path in paths {
            let _ = std::fs::remove_file(path);
        }
        let drained = async {
            assembly.phase.send_replace(Phase::Draining);
            while assembly.board.sum(|counters| counters.connections.get()) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Writes that were held come to nothing: their sessions see that it is too late.
        assembly.board.pause.end();
        let timeout = if how.now { Duration::ZERO } else { Duration::from_secs(assembly.board.settings.borrow().shutdown_timeout) };
        tokio::select! {
            () = drained => {}
            () = tokio::time::sleep(timeout) => tracing::warn!("clients still busy after shutdown-timeout are cut off"),
            () = calls.impatience() => tracing::warn!("a second signal: not waiting any longer"),
        }
        ending::save_the_rest(&assembly.board, &assembly.router, saved).await;
        keeping.abort();
        let _ = keeping.await;
        assembly.board.scripts.watchdog.end_all();
        assembly.phase.send_replace(Phase::Ended);
        // The tasks that hold the other handles were aborted; they let go of them when they are next polled.
        let _ = watchdog.await;
        for task in accepting {
            let _ = task.await;
        }
        if let Some(assembly) = std::rc::Rc::into_inner(assembly) {
            drop(assembly.workers);
            for thread in assembly.threads {
                let _ = thread.join();
            }
            if assembly.board.pages.is_on() && assembly.board.pages.turn(Turn::Close).await.is_err() {
                tracing::error!("the journal could not be closed");
            }
        }
        Ok(())
    }

    /// SIGHUP: reads the file again. What cannot work leaves everything as it was.
    fn reload(&self) {
        if let Err(error) = logging::reopen() {
            tracing::error!(%error, "the log file could not be opened again; the old one goes on");
        }
        let reloaded = self.board.settings.borrow().reloaded();
        match reloaded {
            Ok((settings, not_live)) => {
                for name in not_live {
                    tracing::warn!(setting = name, "changed in the file, but takes effect only at the next start");
                }
                logging::set_level(settings.loglevel);
                if settings.appendonly != self.board.pages.is_on() {
                    tracing::warn!("appendonly changed in the file: CONFIG SET appendonly switches the journal, or the next start");
                }
                self.board.publish(settings);
                tracing::info!("settings were read again");
            }
            Err(error) => tracing::error!(%error, "the settings stay as they were"),
        }
    }

    /// Gives a new socket to the worker with the fewest connections, or says why not.
    async fn welcome(&self, accepted: Accepted, next_id: &std::cell::Cell<u64>) {
        let board = &self.board;
        let refusal = refusal(&board.settings.borrow(), board.seats.load(Ordering::Relaxed), accepted.loopback);
        if let Some(text) = refusal {
            Board::count(&board.connections_rejected);
            accepted.refuse(text);
            return;
        }
        Board::count(&board.connections_received);
        let id = next_id.get();
        next_id.set(id + 1);
        let watchdog = &board.scripts.watchdog;
        let (spare, workers) = (self.workers.len() - 1, self.workers.len() - 1);
        let free = (0..workers).filter(|&index| !watchdog.is_held(index));
        let idlest = free.min_by_key(|&index| board.counters[index].connections.get() + waiting(&self.workers[index]));
        // A worker that is gone ended by a panic, which ends the process.
        let _ = self.workers[idlest.unwrap_or(spare)].send(Arrival { accepted, id, seat: Seat::take(board) }).await;
    }
}

/// Samples what INFO shows as rates and as the peak of memory, and lets the log follow CONFIG SET loglevel.
async fn feel_pulse(board: Arc<Board>) {
    let mut settings = board.settings.subscribe();
    board.pulse.memory_at_start.store(process::allocated(), Ordering::Relaxed);
    let (mut sampler, mut last) = (Sampler::default(), Instant::now());
    let mut clock = tokio::time::interval(SAMPLE_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        board.pulse.memory_peak(process::allocated());
        sampler.sample(board.totals(), last.elapsed(), &board.pulse);
        last = Instant::now();
        if settings.has_changed().unwrap_or(false) {
            logging::set_level(settings.borrow_and_update().loglevel);
        }
    }
}

/// Tells systemd's watchdog that every shard answers through its own mailbox, as long as every one does.
async fn feed_watchdog(assembly: std::rc::Rc<Assembly>) {
    let Some(interval) = systemd::watchdog_interval() else { return };
    loop {
        tokio::time::sleep(interval).await;
        // A script that holds a shard goes on for as long as it is let: its hook is the sign of life.
        match tokio::time::timeout(interval, assembly.router.survey(false)).await {
            Ok(Ok(_)) => systemd::alive(),
            Err(_) if assembly.board.scripts.watchdog.is_any_held() => systemd::alive(),
            _ => {}
        }
    }
}

/// Sockets that a worker has been handed and has not counted yet.
fn waiting(worker: &mpsc::Sender<Arrival>) -> u64 {
    (worker.max_capacity() - worker.capacity()) as u64
}

/// Why a new client is not let in, if it is not: what it is told.
fn refusal(settings: &Settings, connected: u64, loopback: bool) -> Option<&'static str> {
    if connected >= settings.maxclients as u64 {
        return Some("-ERR max number of clients reached\r\n");
    }
    let guarded = settings.protected_mode && settings.requirepass.is_none();
    (guarded && !loopback).then_some(DENIED)
}

/// What Redis says to a stranger in protected mode, in our words after the first sentence, which clients match.
const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. \
    In this mode connections are only accepted from the loopback interface. To connect from other machines: set a password with requirepass, \
    or, where the network itself keeps strangers out, set protected-mode no.\r\n";

pub(crate) fn local_runtime() -> std::io::Result<LocalRuntime> {
    // With tokio's default of 61 task polls between two looks at the sockets, fifty busy connections (two polls each) are cut into three looks; one
    // look for all of them saves the system call and gives the shard a fuller mailbox. The same for wake-ups from other threads.
    let mut builder = Builder::new_current_thread();
    builder.event_interval(TASK_POLLS_PER_LOOK).global_queue_interval(TASK_POLLS_PER_LOOK / 4);
    builder.enable_all().build_local(LocalOptions::default())
}

fn random_seed() -> u64 {
    // Without the system's randomness a table could be attacked through its hash: better not to start.
    getrandom::u64().expect("the operating system provides randomness")
}

fn random_id() -> String {
    (0..3).map(|_| format!("{:016x}", random_seed())).collect::<String>().chars().take(40).collect()
}

/// Counts up from 1 for seeds of generators that need differ only from each other.
pub(crate) fn next_seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    random_seed() ^ NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_mode_lets_in_who_is_on_this_machine() {
        let settings = Settings::with(&[("maxclients", "10")]).unwrap();
        assert_eq!(refusal(&settings, 0, true), None);
        assert!(refusal(&settings, 0, false).unwrap().starts_with("-DENIED Redis is running in protected mode"));
        assert_eq!(refusal(&settings, 10, true), Some("-ERR max number of clients reached\r\n"));
        let settings = Settings::with(&[("protected-mode", "no")]).unwrap();
        assert_eq!(refusal(&settings, 0, false), None);
    }

    #[test]
    fn a_password_opens_the_door_to_everybody() {
        let settings = Settings::with(&[("requirepass", "secret")]).unwrap();
        assert_eq!(refusal(&settings, 0, false), None);
    }
}
