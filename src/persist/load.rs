//! Reads an RDB file into keyspaces: one thread reads and decodes, one for each keyspace puts the keys in.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::command::Limits;
use crate::error::{Error, Result};
use crate::persist::disk::{Disk, DiskFile};
use crate::persist::health::Progress;
use crate::rdb::{Item, Reader, Record, Wrong};
use crate::slot;
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// What is read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Keys that go to a keyspace's thread together, and how many such loads may wait for it.
const LOAD_KEYS: usize = 256;
const LOADS_MAX: usize = 8;

/// What is to be read, and how.
pub(crate) struct Source<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) name: &'a str,
    /// For what the operator is told.
    pub(crate) path: PathBuf,
    pub(crate) limits: &'a Limits,
    /// Keys whose deadline is before this are not there any more.
    pub(crate) now: UnixMillis,
    pub(crate) progress: &'a Progress,
}

/// What was in the file.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) keys: u64,
    /// Keys that were past their deadline.
    pub(crate) expired: u64,
    /// Sources of libraries of functions.
    pub(crate) libraries: Vec<Vec<u8>>,
    /// What was passed over, in words.
    pub(crate) skipped: Vec<String>,
    /// The file has something behind its end, from this byte on.
    pub(crate) rest_at: Option<u64>,
}

/// Keys on their way to a keyspace, with the numbers of their databases.
type Load = Vec<(usize, Record)>;

/// Reads a file into keyspaces, which stand in the order of their shards.
///
/// # Errors
/// The file cannot be read or is damaged: where, and what is wrong. The keyspaces hold what came before.
pub(crate) fn load(source: &Source<'_>, keyspaces: &mut [Keyspace]) -> Result<Loaded> {
    let file = source.disk.open(source.name).map_err(|error| source.unreadable(&error))?;
    let databases = keyspaces.first().map_or(0, Keyspace::databases);
    source.progress.begin(file.len().map_err(|error| source.unreadable(&error))?);
    thread::scope(|scope| {
        let mut senders = Vec::with_capacity(keyspaces.len());
        let mut threads = Vec::with_capacity(keyspaces.len());
        for keyspace in keyspaces.iter_mut() {
            let (sender, loads) = sync_channel(LOADS_MAX);
            senders.push(sender);
            threads.push(scope.spawn(move || put_all(keyspace, &loads, source.now)));
        }
        let loads = (0..senders.len()).map(|_| Vec::new()).collect();
        let mut dealer = Dealer { senders, loads, databases };
        let read = read_all(source, &*file, &mut dealer);
        dealer.finish();
        let mut twice = None;
        for thread in threads {
            match thread.join() {
                Ok(found) => twice = twice.or(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let loaded = read?;
        match twice {
            Some(key) => Err(source.damaged(None, format!("key \"{}\": it comes twice", key.escape_ascii()))),
            None => Ok(loaded),
        }
    })
}

impl Source<'_> {
    fn unreadable(&self, error: &std::io::Error) -> Error {
        Error::Data { path: self.path.clone(), at: None, problem: format!("it cannot be read: {error}") }
    }

    fn damaged(&self, at: Option<u64>, problem: String) -> Error {
        Error::Data { path: self.path.clone(), at, problem: format!("{problem}; `trencadis check {}` says more", self.path.display()) }
    }

    fn wrong(&self, wrong: Wrong) -> Error {
        let key = wrong.key.map(|key| format!("key \"{}\": ", key.escape_ascii())).unwrap_or_default();
        self.damaged(Some(wrong.at), format!("{key}{}", wrong.flaw))
    }
}

fn read_all(source: &Source<'_>, file: &dyn DiskFile, dealer: &mut Dealer) -> Result<Loaded> {
    let (mut reader, mut loaded, mut database, mut at) = (Reader::new(), Loaded::default(), 0, 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let len = file.read_at(at, &mut piece).map_err(|error| source.unreadable(&error))?;
        if len == 0 {
            reader.finish();
        } else {
            reader.feed(piece.get(..len).unwrap_or_default());
            at += len as u64;
        }
        let mut is_ended = false;
        while let Some(item) = reader.next(&source.limits.thresholds).map_err(|wrong| source.wrong(wrong))? {
            match item {
                Item::Database(number) => database = usize::try_from(number).unwrap_or(usize::MAX),
                // What is due by now is not there any more.
                Item::Key(record) if record.deadline.is_some_and(|deadline| deadline < source.now) => loaded.expired += 1,
                Item::Key(record) => {
                    loaded.keys += 1;
                    dealer.deal(database, *record).map_err(|problem| source.damaged(None, problem))?;
                }
                Item::Function(text) => loaded.libraries.push(text),
                Item::Skipped(what) if what.starts_with("what the module") && !loaded.skipped.contains(&what) => loaded.skipped.push(what),
                Item::End { .. } => is_ended = true,
                Item::Version { .. } | Item::Fact { .. } | Item::Skipped(_) => {}
            }
        }
        source.progress.advance(len as u64, loaded.keys);
        if is_ended {
            let rest = reader.rest().len() as u64;
            let len = file.len().map_err(|error| source.unreadable(&error))?;
            loaded.rest_at = Some(at - rest).filter(|&end| end < len);
            return Ok(loaded);
        }
        if len == 0 {
            return Ok(loaded);
        }
    }
}

/// Gives keys to the threads of their keyspaces.
struct Dealer {
    senders: Vec<SyncSender<Load>>,
    loads: Vec<Load>,
    databases: usize,
}

impl Dealer {
    fn deal(&mut self, database: usize, record: Record) -> std::result::Result<(), String> {
        if database >= self.databases {
            return Err(format!("keys of database {database}, and there are {} here (the setting `databases`)", self.databases));
        }
        let shards = u32::try_from(self.senders.len()).unwrap_or(u32::MAX);
        let shard = slot::shard_of(&record.key, shards) as usize;
        let load = &mut self.loads[shard];
        load.push((database, record));
        if load.len() >= LOAD_KEYS {
            // Its thread ends early only if it has met something wrong, and says so when it is joined.
            let _ = self.senders[shard].send(std::mem::replace(load, Vec::with_capacity(LOAD_KEYS)));
        }
        Ok(())
    }

    fn finish(self) {
        for (sender, load) in self.senders.into_iter().zip(self.loads) {
            let _ = sender.send(load);
        }
    }
}

/// Puts keys in until there are no more. Returns one that came twice.
fn put_all(keyspace: &mut Keyspace, loads: &Receiver<Load>, now: UnixMillis) -> Option<Vec<u8>> {
    for load in loads {
        for (number, record) in load {
            let hash = keyspace.hash(&record.key);
            let database = keyspace.database_mut(number);
            if database.insert(hash, &record.key, record.value, record.deadline).is_some() {
                return Some(record.key);
            }
            let access = match (record.idle_seconds, record.frequency) {
                (Some(seconds), _) => Limits::last_used(seconds, now),
                (None, Some(counter)) => Limits::used_so_often(counter, now),
                (None, None) => continue,
            };
            if let Some(mut entry) = database.find_mut(hash, &record.key) {
                entry.set_access(access);
            }
        }
    }
    None
}
