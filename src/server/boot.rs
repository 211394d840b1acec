//! The beginning: the directory is taken, and what is in it is loaded, while clients are told to wait.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::command::Limits;
use crate::error::{Error, Result};
use crate::persist::load::{self, Loaded, Source};
use crate::persist::{Health, Home, Journal, Trouble};
use crate::server::{journal, systemd};
use crate::session::Board;
use crate::settings::Settings;
use crate::store::{Keyspace, Part};
use crate::time::UnixMillis;

/// How often the operator is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Opens the directory of the daemon's files, and takes it for this process.
///
/// # Errors
/// It cannot be opened, or another daemon works in it and both would write there.
pub(super) fn enter(settings: &Settings) -> Result<Home> {
    let problem = |problem: String| Error::Data { path: settings.dir.clone(), at: None, problem };
    let home = Home::open(settings.dir.clone()).map_err(|error| problem(format!("the directory cannot be opened: {error}")))?;
    if home.lock.is_none() && (!settings.save.is_empty() || settings.appendonly) {
        return Err(problem(
            "another daemon works in this directory; give this one its own (`dir`), or let it save nothing (`save \"\"`)".to_owned(),
        ));
    }
    if home.lock.is_none() {
        tracing::warn!(dir = %settings.dir.display(), "another daemon works in this directory: nothing will be saved");
    }
    Ok(home)
}

/// Empty keyspaces, one for each shard.
pub(super) fn keyspaces(shards: usize, databases: usize, seeds: [u64; 4]) -> Vec<Keyspace> {
    let of = u32::try_from(shards).unwrap_or(1);
    (0..of).map(|index| Keyspace::new(databases, Part { index, of }, seeds)).collect()
}

/// What loading needs.
pub(super) struct Boot {
    pub(super) board: Arc<Board>,
    pub(super) settings: Arc<Settings>,
    pub(super) limits: Arc<Limits>,
    pub(super) health: Arc<Health>,
    pub(super) keyspaces: Vec<Keyspace>,
}

impl Boot {
    /// Loads what is there.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub(super) async fn load(self, home: &Home) -> Result<(Vec<Keyspace>, Loaded, Option<Journal>)> {
        let Boot { board, settings, limits, health, mut keyspaces } = self;
        if settings.appendonly {
            let (place, now) = (journal::place(home, &settings), UnixMillis::now());
            health.set(Trouble::Loading, true);
            let (finished, read) = oneshot::channel();
            let (settings, limits) = (settings.clone(), limits.clone());
            let reading = move || {
                let log = journal::read(&place, &settings, &board.registry, &limits, keyspaces, now);
                let _ = finished.send(log);
            };
            let spawned = std::thread::Builder::new().name("loader".into()).spawn(reading);
            spawned.map_err(|source| Error::Io { doing: "starting a thread to load", source })?;
            let gone = |_| Error::Data { path: home.path.clone(), at: None, problem: "loading it panicked".to_owned() };
            let log;
            (keyspaces, log) = read.await.map_err(gone)??;
            if log.is_some() {
                return Ok((keyspaces, Loaded::default(), log));
            }
        }
        let path = home.path.join(&settings.dbfilename);
        if !is_there(home, &settings.dbfilename, &path)? {
            return Ok((keyspaces, Loaded::default(), None));
        }
        health.set(Trouble::Loading, true);
        let (started, folder) = (Instant::now(), home.folder.clone());
        let (finished, loaded) = oneshot::channel();
        let (watched, shown) = (health.clone(), path.clone());
        let spawned = std::thread::Builder::new().name("loader".into()).spawn(move || {
            let source = Source {
                disk: &*folder,
                name: &settings.dbfilename,
                path,
                limits: &limits,
                now: UnixMillis::now(),
                progress: &watched.loading,
            };
            let loaded = load::load(&source, &mut keyspaces);
            let _ = finished.send(loaded.map(|loaded| (keyspaces, loaded)));
        });
        spawned.map_err(|source| Error::Io { doing: "starting a thread to load", source })?;
        let telling = tell(&health, &shown);
        let result = tokio::select! {
            loaded = loaded => loaded,
            () = telling => unreachable!("it tells for ever"),
        };
        // The thread that loads ends without a word only by a panic, which is in the log.
        let (keyspaces, loaded) =
            result.map_err(|_| Error::Data { path: shown.clone(), at: None, problem: "loading it panicked".to_owned() })??;
        for skipped in &loaded.skipped {
            tracing::warn!(file = %shown.display(), "passed over: {skipped}");
        }
        if let Some(at) = loaded.rest_at {
            tracing::warn!(file = %shown.display(), at, "there is something behind the end of the snapshot, which is not read");
        }
        tracing::info!(
            keys = loaded.keys,
            expired = loaded.expired,
            millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "DB loaded from disk"
        );
        Ok((keyspaces, loaded, None))
    }
}

/// Whether there is a file. One that cannot even be looked at is no reason to begin with nothing.
fn is_there(home: &Home, name: &str, path: &Path) -> Result<bool> {
    match home.folder.open(name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::Data { path: path.to_owned(), at: None, problem: format!("it cannot be opened: {error}") }),
    }
}

/// Tells how far it is, until nobody wants to hear it any more.
async fn tell(health: &Health, path: &Path) {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        let now = health.loading.now();
        let percent = now.percent();
        tracing::info!(file = %path.display(), keys = now.keys, "loading: {percent:.0} %");
        systemd::still_starting(&format!("loading {}: {percent:.0} %", path.display()), 2 * TELL_EVERY + Duration::from_secs(30));
    }
}
