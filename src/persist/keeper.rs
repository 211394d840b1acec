//! The keeper of the snapshot: begins one when somebody asks or a save point is reached, and knows how the last ones went.
//!
//! One task on the service thread. Sessions send it orders; what it knows it shows in a `watch`, which INFO and LASTSAVE read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::command::Limits;
use crate::persist::disk::{Disk, Folder, Lock};
use crate::persist::health::{Health, Trouble};
use crate::persist::save::{self, Failure, Plan};
use crate::rdb::{self, Clerk, Pack, Usage, Use};
use crate::router::Router;
use crate::settings::Settings;
use crate::shard::saving::{Ending, PIECES_MAX, Save};
use crate::store::{Piece, Scribe};
use crate::time::UnixMillis;

/// Orders on their way to the keeper: each is of a session that waits for its answer.
const ORDERS_MAX: usize = 64;
/// How often it looks whether a save point is reached.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a failure the next try by itself, as in Redis.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a session may want.
#[derive(Debug)]
pub(crate) enum Order {
    /// SAVE: answered when the file is there.
    Save { answer: oneshot::Sender<Result<(), Refused>> },
    /// BGSAVE: answered when it has begun.
    Begin { answer: oneshot::Sender<Result<(), Refused>> },
    /// BGSAVE CANCEL.
    Cancel { answer: oneshot::Sender<Result<(), Refused>> },
    /// The last one, before the end.
    /// Answered with how many changes to the data it has.
    Last { answer: oneshot::Sender<Result<u64, Refused>> },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// One is being made.
    Busy,
    /// None is being made.
    Idle,
    /// The log says why.
    Failed,
}

/// What is known of snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Saves {
    pub(crate) running: Option<Running>,
    /// When the last one that succeeded ended, or the daemon began.
    pub(crate) last: UnixMillis,
    /// Whether the last one that was made in the background succeeded.
    pub(crate) is_sound: bool,
    /// How long that took.
    pub(crate) last_seconds: Option<u64>,
    /// How many succeeded.
    pub(crate) count: u64,
    /// Changes to the data, over all shards, that the last file has.
    pub(crate) changes_saved: u64,
    /// What was loaded at the start, and what of it had expired.
    pub(crate) keys_loaded: u64,
    pub(crate) keys_expired: u64,
}

/// One that is being made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) since: Instant,
    pub(crate) in_background: bool,
    pub(crate) keys: u64,
}

/// The way to the keeper.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    orders: mpsc::Sender<Order>,
    pub(crate) saves: watch::Receiver<Saves>,
}

/// The end of the way.
pub(crate) struct Inbox {
    orders: mpsc::Receiver<Order>,
    saves: watch::Sender<Saves>,
}

impl Keeper {
    pub(crate) fn new() -> (Keeper, Inbox) {
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let first = Saves {
            running: None,
            last: UnixMillis::now(),
            is_sound: true,
            last_seconds: None,
            count: 0,
            changes_saved: 0,
            keys_loaded: 0,
            keys_expired: 0,
        };
        let (state, saves) = watch::channel(first);
        (Keeper { orders: sender, saves }, Inbox { orders, saves: state })
    }

    /// Sends an order and waits for what comes of it. `None` if the server is ending.
    pub(crate) async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).await.ok()?;
        answered.await.ok()
    }
}

impl Inbox {
    /// What was loaded at the start.
    pub(crate) fn loaded(&self, keys: u64, expired: u64) {
        self.saves.send_modify(|saves| (saves.keys_loaded, saves.keys_expired, saves.last) = (keys, expired, UnixMillis::now()));
    }
}

/// The directory that the daemon works in, and the lock on it.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) folder: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    /// `None`: another process has it. Then nothing is written.
    pub(crate) lock: Option<Lock>,
}

impl Home {
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(path: PathBuf) -> std::io::Result<Home> {
        let folder = Folder::open(&path)?;
        let lock = folder.lock()?;
        Ok(Home { folder: Arc::new(folder), path, lock })
    }
}

/// What the keeper works with.
pub(crate) struct Tools {
    pub(crate) router: Router,
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    pub(crate) limits: watch::Receiver<Arc<Limits>>,
    pub(crate) health: Arc<Health>,
    pub(crate) home: Home,
    pub(crate) libraries: Vec<Vec<u8>>,
}

/// A snapshot under way, as the keeper sees it.
struct Task {
    ended: oneshot::Receiver<Ended>,
    cancel: Option<oneshot::Sender<()>>,
    in_background: bool,
    /// Who waits for this very file.
    waiting: Vec<Waiting>,
}

/// How a snapshot ended, when every shard is through with it.
struct Ended {
    result: Result<u64, Failure>,
    /// Changes to the data until the cut.
    changed: u64,
    since: Instant,
}

/// Who waits for a whole file.
enum Waiting {
    Save(oneshot::Sender<Result<(), Refused>>),
    Last(oneshot::Sender<Result<u64, Refused>>),
}

/// Keeps snapshots until every way to it is gone.
pub(crate) async fn run(mut tools: Tools, mut inbox: Inbox) {
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut task: Option<Task> = None;
    let mut failed_at: Option<Instant> = None;
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Those who wait for a whole file get one that is begun after they asked.
        if task.is_none() && !waiting.is_empty() {
            task = begin(&mut tools, &inbox, std::mem::take(&mut waiting), &mut failed_at).await;
        }
        tokio::select! {
            order = inbox.orders.recv() => match order {
                None => return,
                Some(Order::Save { answer }) if task.as_ref().is_some_and(|task| task.in_background) => drop(answer.send(Err(Refused::Busy))),
                Some(Order::Save { answer }) => waiting.push(Waiting::Save(answer)),
                Some(Order::Last { answer }) => {
                    // Nothing else matters any more.
                    cancel(&mut task);
                    waiting.push(Waiting::Last(answer));
                }
                Some(Order::Begin { answer }) if task.is_some() || !waiting.is_empty() => drop(answer.send(Err(Refused::Busy))),
                Some(Order::Begin { answer }) => {
                    task = begin(&mut tools, &inbox, Vec::new(), &mut failed_at).await;
                    let _ = answer.send(if task.is_some() { Ok(()) } else { Err(Refused::Failed) });
                }
                Some(Order::Cancel { answer }) => {
                    let is_running = task.as_ref().is_some_and(|task| task.in_background) && cancel(&mut task);
                    let _ = answer.send(if is_running { Ok(()) } else { Err(Refused::Idle) });
                }
            },
            ended = ended(&mut task), if task.is_some() => {
                if let Some(task) = task.take() {
                    let outcome = finish(&tools, &inbox, &ended, task.in_background);
                    failed_at = outcome.is_err().then(Instant::now);
                    answer(task.waiting, outcome);
                }
            }
            _ = look.tick() => {
                let is_patient = failed_at.is_some_and(|at| at.elapsed() < RETRY_AFTER);
                if task.is_none() && !is_patient && is_due(&tools, &inbox).await {
                    task = begin(&mut tools, &inbox, Vec::new(), &mut failed_at).await;
                }
            }
        }
    }
}

/// Asks the snapshot under way to end; false if there is none, or it has been asked before.
fn cancel(task: &mut Option<Task>) -> bool {
    let cancel = task.as_mut().and_then(|task| task.cancel.take());
    cancel.is_some_and(|cancel| cancel.send(()).is_ok())
}

/// Begins a snapshot, for those who wait or, if nobody does, in the background.
async fn begin(tools: &mut Tools, inbox: &Inbox, waiting: Vec<Waiting>, failed_at: &mut Option<Instant>) -> Option<Task> {
    let in_background = waiting.is_empty();
    match start(tools, inbox, in_background).await {
        Ok((ended, cancel)) => Some(Task { ended, cancel: Some(cancel), in_background, waiting }),
        Err(failure) => {
            *failed_at = Some(Instant::now());
            report(tools, inbox, in_background, &failure);
            answer(waiting, Err(Refused::Failed));
            None
        }
    }
}

async fn ended(task: &mut Option<Task>) -> Ended {
    let lost = Ended { result: Err(Failure::Cut), changed: 0, since: Instant::now() };
    match task {
        Some(task) => (&mut task.ended).await.unwrap_or(lost),
        None => std::future::pending().await,
    }
}

fn answer(waiting: Vec<Waiting>, outcome: Result<u64, Refused>) {
    for one in waiting {
        match one {
            Waiting::Save(answer) => drop(answer.send(outcome.map(|_| ()))),
            Waiting::Last(answer) => drop(answer.send(outcome)),
        }
    }
}

/// Whether a save point is reached.
async fn is_due(tools: &Tools, inbox: &Inbox) -> bool {
    let points = tools.settings.borrow().save.clone();
    if points.is_empty() || tools.health.has(Trouble::Loading) {
        return false;
    }
    let (last, saved) = {
        let saves = inbox.saves.borrow();
        (saves.last, saves.changes_saved)
    };
    let passed = UnixMillis::now().since(last) / 1000;
    // Without looking whether enough has changed where not enough time has passed anyway.
    if points.iter().all(|&(seconds, _)| passed <= seconds) {
        return false;
    }
    let Ok(tallies) = tools.router.survey(false).await else { return false };
    let changes = tallies.iter().map(|tally| tally.changed).sum::<u64>().saturating_sub(saved);
    let reached = points.iter().find(|&&(seconds, count)| passed > seconds && changes >= count);
    if let Some((seconds, count)) = reached {
        tracing::info!("{count} changes in {seconds} seconds. Saving...");
    }
    reached.is_some()
}

/// Makes the cut, and sets a thread to write the file.
async fn start(tools: &mut Tools, inbox: &Inbox, in_background: bool) -> Result<(oneshot::Receiver<Ended>, oneshot::Sender<()>), Failure> {
    let settings = tools.settings.borrow().clone();
    let limits = tools.limits.borrow().clone();
    let disk = tools.disk(&settings)?;
    let since = Instant::now();
    let now = UnixMillis::now();
    let pack = if settings.rdbcompression { Pack::Compressed } else { Pack::Plain };
    let usage = usage(&settings, &limits, now);
    let (mut saves, mut reports, mut sources, mut overs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..tools.router.shards() {
        let usage = usage.clone();
        let scribes = Box::new(move || Box::new(Clerk::new(usage.clone(), pack)) as Box<dyn Scribe>);
        let (pieces, source) = mpsc::channel::<Piece>(PIECES_MAX);
        let ((cut, report), (over, ended)) = (oneshot::channel(), oneshot::channel());
        saves.push(Save { scribes, cut, pieces, over });
        reports.push(report);
        sources.push(source);
        overs.push(ended);
    }
    tools.router.cut(saves).await.map_err(|_| Failure::Cut)?;
    let mut cuts = Vec::with_capacity(reports.len());
    for report in reports {
        cuts.push(report.await.map_err(|_| Failure::Cut)?);
    }
    let has_mortals = cuts.iter().flat_map(|cut| &cut.extents).any(|extent| extent.with_mortals > 0);
    let version = settings.rdb_version.max(if has_mortals { rdb::VERSION_WITH_DEADLINES } else { rdb::VERSION });
    let plan = Plan {
        disk,
        name: settings.dbfilename.clone(),
        version,
        has_checksum: settings.rdbchecksum,
        syncs: settings.rdb_save_incremental_fsync,
        facts: facts(now),
        libraries: tools.libraries.clone(),
    };
    let (cancel, cancelled) = oneshot::channel::<()>();
    let (finished, done) = oneshot::channel();
    let keys = cuts.iter().flat_map(|cut| &cut.extents).map(|extent| extent.keys as u64).sum();
    let changed = cuts.iter().map(|cut| cut.changed).sum();
    let spawned = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let cancelled = async {
            if cancelled.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let result = match runtime {
            Ok(runtime) => runtime.block_on(save::write(&plan, &cuts, sources, cancelled)),
            Err(error) => Err(Failure::Io { doing: "starting a thread to write", error }),
        };
        let _ = finished.send(result);
    });
    spawned.map_err(|error| Failure::Io { doing: "starting a thread to write", error })?;
    inbox.saves.send_modify(|saves| saves.running = Some(Running { since, in_background, keys }));
    if in_background {
        tracing::info!(keys, "Background saving started");
    }
    let (ended, ending) = oneshot::channel();
    tokio::task::spawn_local(async move {
        let mut result = done.await.unwrap_or(Err(Failure::Cut));
        // Another cannot begin before every shard is through with this one. A shard that gave up between two entries leaves a file that looks whole.
        for over in overs {
            let is_whole = over.await == Ok(Ending::Whole);
            if !is_whole && result.is_ok() {
                result = Err(Failure::Cut);
            }
        }
        let _ = ended.send(Ended { result, changed, since });
    });
    Ok((ending, cancel))
}

/// Enters how a snapshot ended. Returns how many changes to the data it has.
fn finish(tools: &Tools, inbox: &Inbox, ended: &Ended, in_background: bool) -> Result<u64, Refused> {
    let Ended { result, changed, since } = ended;
    let seconds = since.elapsed().as_secs();
    if in_background {
        inbox.saves.send_modify(|saves| saves.last_seconds = Some(seconds));
    }
    let bytes = match result {
        Ok(bytes) => bytes,
        Err(failure) => {
            report(tools, inbox, in_background, failure);
            return Err(Refused::Failed);
        }
    };
    tracing::info!(bytes, millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX), "DB saved on disk");
    if in_background {
        tracing::info!("Background saving terminated with success");
    }
    inbox.saves.send_modify(|saves| {
        (saves.running, saves.last, saves.count) = (None, UnixMillis::now(), saves.count + 1);
        // As in Redis, a SAVE that succeeds heals what a BGSAVE broke.
        (saves.changes_saved, saves.is_sound) = (*changed, true);
    });
    tools.health.set(Trouble::Unsaved, false);
    Ok(*changed)
}

fn report(tools: &Tools, inbox: &Inbox, in_background: bool, failure: &Failure) {
    let is_cancelled = matches!(failure, Failure::Cancelled);
    if is_cancelled {
        tracing::warn!("Background saving was cancelled");
    } else {
        let directory = tools.home.path.display();
        tracing::error!(%directory, error = %failure, "the snapshot failed; the file before it is untouched");
    }
    inbox.saves.send_modify(|saves| {
        saves.running = None;
        saves.is_sound &= is_cancelled || !in_background;
    });
    if in_background && !is_cancelled {
        tools.health.set(Trouble::Unsaved, true);
    }
}

impl Tools {
    /// The directory to write in, which is ours.
    fn disk(&mut self, settings: &Settings) -> Result<Arc<dyn Disk>, Failure> {
        let failed = |error| Failure::Io { doing: "opening the directory", error };
        if settings.dir != self.home.path {
            self.home = Home::open(settings.dir.clone()).map_err(failed)?;
        }
        if self.home.lock.is_none() {
            self.home.lock = self.home.folder.lock().map_err(failed)?;
        }
        if self.home.lock.is_none() {
            let error = std::io::Error::other("another daemon works in it");
            return Err(failed(error));
        }
        Ok(self.home.folder.clone())
    }
}

/// What is kept of the use of keys: what the policy of eviction looks at.
fn usage(settings: &Settings, limits: &Arc<Limits>, now: UnixMillis) -> Usage {
    let limits = limits.clone();
    if limits.frequency {
        Arc::new(move |access| Some(Use::Frequency(u8::try_from(limits.frequency_of(access, now)).unwrap_or(u8::MAX))))
    } else if settings.maxmemory_policy.contains("lru") {
        Arc::new(move |access| Some(Use::Idle(Limits::idle_seconds(access, now))))
    } else {
        Arc::new(|_| None)
    }
}

/// What the file says of itself.
fn facts(now: UnixMillis) -> Vec<(&'static str, String)> {
    vec![
        ("redis-ver", "7.2.4".to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", now.seconds().to_string()),
        ("trencadis-ver", env!("CARGO_PKG_VERSION").to_owned()),
        ("aof-base", "0".to_owned()),
    ]
}
