//! The journal in the daemon: read at the start, written by a thread of its own, switched on and off while the daemon runs.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::command::{Args, Limits, Thresholds};
use crate::error::{Error, Result};
use crate::persist::recover::Manner;
use crate::persist::{Account, Home, Journal, Place, Recovered, Redo, Refused, Scribe, recover};
use crate::rdb;
use crate::resp::{self, Decoder, Protocol, Span};
use crate::server::local_runtime;
use crate::session::{Board, Handler, Registry};
use crate::settings::Settings;
use crate::shard::pages::{Content, Intake};
use crate::shard::{Batch, Held, Tools, batch};
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// Where the log lies.
pub(super) fn place(home: &Home, settings: &Settings) -> Place {
    Place { disk: home.folder.clone(), folder: settings.appenddirname.clone(), prefix: settings.appendfilename.clone() }
}

/// Does again what the log says, on keyspaces that stand in the order of their shards. No log, if there is none.
pub(super) fn read(
    place: &Place,
    settings: &Settings,
    registry: &Registry,
    limits: &Limits,
    keyspaces: Vec<Keyspace>,
    now: UnixMillis,
) -> Result<(Vec<Keyspace>, Option<Journal>)> {
    let began = Instant::now();
    let mut held = take(keyspaces);
    let (databases, batch) = (settings.databases, Box::<Batch>::default());
    let mut reader = Reader { registry, limits, now, held: &mut held, databases, database: 0, batch, words: Vec::new(), commands: 0 };
    let refused = |Refused { file, at, why }| Error::Data { path: settings.dir.join(file), at, problem: why };
    let found = recover(place, Manner { may_cut: settings.aof_load_truncated }, &mut reader).map_err(refused)?;
    let commands = reader.commands;
    let log = found.map(|(log, Recovered { files, keys, bytes, cut })| {
        if let Some((file, at, bytes)) = cut {
            tracing::warn!(file, at, bytes, "the end of the journal was never durable and has been cut off");
        }
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(files, keys, commands, bytes, seconds, "the journal was read");
        log
    });
    Ok((give(held, 0), log))
}

/// Lets the journal begin, if it is to: with the log that was read, or with the data there are.
pub(super) fn begin(board: &Board, home: &Home, intake: Intake, log: Option<Journal>, keyspaces: Vec<Keyspace>) -> Result<Vec<Keyspace>> {
    let settings = board.settings.borrow().clone();
    let refused = |source| Error::Io { doing: "starting the journal", source };
    board.pages.set_policy(Board::policy_of(&settings));
    let place = place(home, &settings);
    let all = u64::MAX >> (64 - keyspaces.len().clamp(1, 64));
    let (mut held, mut log, mut seen) = (take(keyspaces), log, 0);
    if settings.appendonly {
        held.record(true);
        if log.is_none() {
            log = Some(Journal::create(place.clone(), None).map_err(refused)?);
            held.record_all();
            let record = held.take_record();
            if !record.is_empty() {
                seen = board.pages.send(Content::Held { shards: all, record });
            }
        }
        board.pages.set_on(true);
    }
    start(intake, home.lock.is_some().then_some(place), log, board.journal.clone()).map_err(refused)?;
    Ok(give(held, seen))
}

fn take(keyspaces: Vec<Keyspace>) -> Held {
    let mut held = Held::new(keyspaces.len(), false);
    keyspaces.into_iter().enumerate().for_each(|(shard, keyspace)| held.take(shard, keyspace));
    held
}

fn give(mut held: Held, seen: u64) -> Vec<Keyspace> {
    held.give_back(seen).map(|(_, returned)| returned.keyspace).collect()
}

/// Who does again what is read: see [`Redo`].
struct Reader<'a> {
    registry: &'a Registry,
    limits: &'a Limits,
    now: UnixMillis,
    held: &'a mut Held,
    databases: usize,
    database: u16,
    batch: Box<Batch>,
    words: Vec<Span>,
    commands: u64,
}

/// Calls that are run together.
const BATCH_CALLS: usize = 4096;

impl Redo for Reader<'_> {
    fn key(&mut self, database: u64, record: rdb::Record) -> std::result::Result<(), String> {
        let database = usize::try_from(database).ok().filter(|&database| database < self.databases);
        let database =
            database.ok_or_else(|| format!("a key lies in a database beyond the {} there are: set databases higher", self.databases))?;
        self.held.insert(database, &record.key, record.value, record.deadline);
        Ok(())
    }

    fn commands(&mut self, commands: &[u8]) -> std::result::Result<(), String> {
        let limits = resp::Limits { bulk_bytes_max: usize::MAX, words_max: usize::MAX, authenticated: true };
        let (mut decoder, mut at) = (Decoder::new(), 0);
        let mut input = Arc::new(commands.to_vec());
        let mut calls = 0;
        let mut words = std::mem::take(&mut self.words);
        loop {
            words.clear();
            // Nobody else holds it between two batches.
            let Some(bytes) = Arc::get_mut(&mut input) else { return Err("the buffer is held".to_owned()) };
            match decoder.next(bytes, at, &limits, &mut words) {
                Ok(Some(end)) => at = end,
                Ok(None) => break,
                Err(violation) => return Err(violation.to_string()),
            }
            let args = Args::new(&input, &words);
            if args.len() > 0 && self.take_up(&args)? {
                calls += 1;
            }
            if calls >= BATCH_CALLS {
                calls = 0;
                self.run(&input);
            }
        }
        self.run(&input);
        self.words = words;
        Ok(())
    }

    fn thresholds(&self) -> &Thresholds {
        &self.limits.thresholds
    }
}

impl Reader<'_> {
    /// Adds a call to the batch. False if it is one that only says how others are to be taken.
    fn take_up(&mut self, args: &Args<'_>) -> std::result::Result<bool, String> {
        let name = || String::from_utf8_lossy(args.get(0)).into_owned();
        let command = self.registry.find(args.get(0)).ok_or_else(|| format!("unknown command '{}' in the log", name()))?;
        let entry = if command.subcommands.is_empty() { Some(command) } else { command.subcommand(args.get(1)) };
        let entry =
            entry.filter(|entry| entry.spec.arity.admits(args.len())).ok_or_else(|| format!("'{}' is used wrongly in the log", name()))?;
        match entry.handler {
            Handler::Data(row) => {
                let manner = batch::Manner { database: self.database, protocol: Protocol::Resp2, touches: false, block: 0, caches: false };
                self.batch.push(row, entry.id, manner, args.spans());
                self.commands += 1;
                Ok(true)
            }
            // Which database the next calls are about. MULTI and EXEC say nothing here: who reads sees whole transactions, and nobody sees half of one.
            _ if entry.spec.name == "select" => {
                let number =
                    args.int(1).ok().and_then(|number| u16::try_from(number).ok()).filter(|&number| usize::from(number) < self.databases);
                self.database =
                    number.ok_or_else(|| format!("a database beyond the {} there are: set databases higher", self.databases))?;
                Ok(false)
            }
            _ if ["multi", "exec"].contains(&entry.spec.name) => Ok(false),
            _ => Err(format!("'{}' is no command for a log", name())),
        }
    }

    fn run(&mut self, input: &Arc<Vec<u8>>) {
        self.batch.input = Some(input.clone());
        self.batch.replay = true;
        let tools = Tools { limits: self.limits, seed: self.now.0, ticks: || 0, scripts: None };
        self.held.run(&mut self.batch, &tools, self.now);
        self.batch.reset();
    }
}

/// Starts the thread that writes. If it cannot go on, the process ends: what is not written must not be answered.
fn start(intake: Intake, place: Option<Place>, journal: Option<Journal>, account: Arc<Account>) -> io::Result<()> {
    let runtime = local_runtime;
    let write = move || {
        let written = match runtime() {
            Ok(runtime) => runtime.block_on(Scribe::new(intake, place, journal, account).run()),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::error!(%error, "the journal cannot be written, and appendfsync is always: the process ends before anybody is told of what may be lost");
            std::process::exit(1);
        }
    };
    thread::Builder::new().name("journal".to_owned()).spawn(write).map(drop)
}
