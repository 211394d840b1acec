//! The door for tests, benches and fuzzers: parts of the daemon driven in process, without sockets and threads. Not part of the public contract.

use std::sync::Arc;

use crate::command::{Args, Fault, Limits, Record, Row};
use crate::persist::History;
use crate::rdb;
use crate::resp::{self, Decoder, Protocol, Span};
use crate::router::{Round, Spare};
use crate::script;
use crate::session::{Entry, Registry};
use crate::shard::batch::{Bond, Manner};
use crate::shard::{Batch, Held, Shard, Tools};
use crate::slot;
use crate::store::{Keyspace, Part};
use crate::time::UnixMillis;

/// The keyspace and its structures.
pub mod store {
    pub use crate::store::{Database, Entry, EntryMut, Guard, Keep, Keyspace, Kind, Part, Stamp, Text, Typed, Value, size_class, types};
}

/// Time as the store sees it.
pub mod time {
    pub use crate::time::UnixMillis;
}

/// Runs a script in a Lua that has nothing but its own functions and the libraries. Returns the string that it returns, or what it raised.
///
/// # Errors
/// The script raised an error, or did not return a string.
pub fn run_with_libraries(script: &[u8]) -> Result<Vec<u8>, String> {
    let run = || -> mlua::Result<Vec<u8>> {
        let lua = mlua::Lua::new_with(mlua::StdLib::ALL_SAFE, mlua::LuaOptions::new().catch_rust_panics(true))?;
        for (name, open) in script::library::ALL {
            lua.globals().raw_set(name, open(&lua)?)?;
        }
        Ok(lua.load(script).set_name("@user_script").eval::<mlua::LuaString>()?.as_bytes().to_vec())
    };
    run().map_err(|error| error.to_string())
}

/// Shards without mailboxes: calls are planned, run and joined at once, on a clock of the caller's.
pub struct InProcess {
    registry: Registry,
    shards: Vec<Shard>,
    limits: Arc<Limits>,
    spare: Spare,
    round: Round,
    /// What a socket would have been read into, and the words of the request at hand.
    input: Arc<Vec<u8>>,
    words: Vec<Span>,
    scratch: Vec<u8>,
    history: History,
    /// What is called happened before.
    replays: bool,
    /// Milliseconds since the epoch that the next call sees.
    pub now_ms: u64,
    /// Whether replies are written in RESP3.
    pub resp3: bool,
    /// The selected database.
    pub database: u16,
}

impl InProcess {
    /// Empty shards with fixed seeds.
    #[must_use]
    pub fn new(shards: u32) -> InProcess {
        let registry = Registry::whole();
        let limits = Arc::new(Limits::default());
        let shard = |index| {
            let keyspace = Keyspace::new(16, Part { index, of: shards }, [1, 2, 3, 4]);
            Shard::new(keyspace, limits.clone(), registry.len(), u64::from(index) + 1, || 0)
        };
        let shards = (0..shards).map(shard).collect();
        InProcess {
            registry,
            shards,
            limits,
            spare: Spare::default(),
            round: Round::default(),
            input: Arc::default(),
            words: Vec::new(),
            scratch: Vec::new(),
            history: History::default(),
            replays: false,
            now_ms: UnixMillis::now().0,
            resp3: false,
            database: 0,
        }
    }

    /// Whether these words call a command that is for shards and does not wait: [`InProcess::call`] answers them.
    #[must_use]
    pub fn knows(&self, words: &[&[u8]]) -> bool {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            spans.push(Span { start: bytes.len() as u32, len: word.len() as u32 });
            bytes.extend_from_slice(word);
        }
        let waits = |row: &Row| row.waits.is_some_and(|waits| (waits.patience)(&Args::new(&bytes, &spans)).is_some());
        find(&self.registry, word(0), word(1)).is_some_and(|(_, row)| !waits(row))
    }

    /// Puts the keys of an RDB file in, which is read in pieces of that many bytes. Returns what is not a key, in words, or where and how
    /// the file is wrong.
    ///
    /// # Errors
    /// The file is not sound.
    pub fn load(&mut self, file: &[u8], piece: usize) -> Result<Vec<String>, String> {
        let (mut reader, mut database, mut told) = (rdb::Reader::new(), 0, Vec::new());
        let mut pieces = file.chunks(piece.max(1));
        loop {
            let is_last = match pieces.next() {
                Some(piece) => {
                    reader.feed(piece);
                    false
                }
                None => {
                    reader.finish();
                    true
                }
            };
            let wrong = |wrong: rdb::Wrong| format!("byte {}: {}", wrong.at, wrong.flaw);
            while let Some(item) = reader.next(&self.limits.thresholds).map_err(wrong)? {
                match item {
                    rdb::Item::Database(number) => database = usize::try_from(number).unwrap_or(usize::MAX).min(15),
                    rdb::Item::Key(record) => self.place(database, *record),
                    other => told.push(format!("{other:?}")),
                }
            }
            if is_last {
                return Ok(told);
            }
        }
    }

    fn place(&mut self, database: usize, record: rdb::Record) {
        let shards = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        let mut held = Held::new(self.shards.len(), true);
        let index = slot::shard_of(&record.key, shards) as usize;
        let mut keyspace = self.shards[index].lend();
        let hash = keyspace.hash(&record.key);
        keyspace.database_mut(database).insert(hash, &record.key, record.value, record.deadline);
        held.take(index, keyspace);
        for (index, returned) in held.give_back(0) {
            self.shards[index].take_back(returned, UnixMillis(self.now_ms));
        }
    }

    /// Answers one call as its bytes on the wire; `None` for commands that are not for shards.
    pub fn call(&mut self, words: &[&[u8]]) -> Option<Vec<u8>> {
        let (mut buffer, mut spans) = (Vec::new(), Vec::new());
        for word in words {
            let start = u32::try_from(buffer.len()).ok()?;
            spans.push(Span { start, len: u32::try_from(word.len()).ok()? });
            buffer.extend_from_slice(word);
        }
        let input = Arc::new(buffer);
        if !self.take_up(&Args::new(&input, &spans)) {
            return None;
        }
        self.run(&input);
        let reply = self.round.stitch(&mut self.scratch, 0).to_vec();
        self.round.reset(&self.spare);
        Some(reply)
    }

    /// Answers a pipeline, requests as they come on the wire, as one read of a connection: what is for one shard is one batch. Appends the
    /// replies to `replies` and returns how many calls there were; ends at the first that is not whole, not RESP, or not for shards.
    pub fn pipeline(&mut self, requests: &[u8], replies: &mut Vec<u8>) -> usize {
        let mut input = std::mem::take(&mut self.input);
        let Some(buffer) = Arc::get_mut(&mut input) else { return 0 };
        buffer.clear();
        buffer.extend_from_slice(requests);
        let (mut decoder, limits) = (Decoder::new(), resp::Limits::default());
        let mut words = std::mem::take(&mut self.words);
        let (mut at, mut calls) = (0, 0);
        loop {
            words.clear();
            let Ok(Some(end)) = decoder.next(buffer, at, &limits, &mut words) else { break };
            at = end;
            if !words.is_empty() && !self.take_up(&Args::new(buffer, &words)) {
                break;
            }
            calls += usize::from(!words.is_empty());
        }
        self.words = words;
        self.run(&input);
        replies.extend_from_slice(self.round.stitch(&mut self.scratch, 0));
        self.round.reset(&self.spare);
        self.input = input;
        calls
    }

    /// Adds a call to the round; false if it is not for shards.
    fn take_up(&mut self, args: &Args<'_>) -> bool {
        let Some((entry, row)) = find(&self.registry, args.get(0), args.get(1)) else { return false };
        let protocol = if self.resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        if entry.spec.arity.admits(args.len()) {
            let manner = Manner { database: self.database, protocol, touches: true, caches: false, block: 0 };
            let shards = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
            self.round.push(row, entry.id, manner, args, shards, &self.spare, false);
        } else {
            self.round.answer(protocol, false, |reply| reply.error(&Fault::Arity(entry.spec.name).text()));
        }
        true
    }

    /// Records what calls do from now on: [`InProcess::recorded`] has it.
    pub fn record(&mut self) {
        let mut held = Held::new(self.shards.len(), true);
        for (index, shard) in self.shards.iter_mut().enumerate() {
            let mut keyspace = shard.lend();
            keyspace.record(true);
            held.take(index, keyspace);
        }
        for (index, returned) in held.give_back(0) {
            self.shards[index].take_back(returned, UnixMillis(self.now_ms));
        }
    }

    /// What was recorded since it was last asked, as a journal holds it.
    pub fn recorded(&mut self) -> Vec<u8> {
        self.shards.iter_mut().for_each(|shard| self.history.add(&shard.take_record()));
        self.history.take()
    }

    /// Does again what a journal says that was done. Returns the replies that are errors.
    pub fn replay(&mut self, journal: &[u8]) -> Vec<String> {
        let (mut decoder, limits, mut words, mut at) = (Decoder::new(), resp::Limits::default(), Vec::new(), 0);
        let mut refused = Vec::new();
        let mut journal = journal.to_vec();
        self.replays = true;
        while let Ok(Some(end)) = {
            words.clear();
            decoder.next(&mut journal, at, &limits, &mut words)
        } {
            at = end;
            let args = Args::new(&journal, &words);
            let call: Vec<&[u8]> = args.from(0).collect();
            match call[..] {
                [b"MULTI"] | [b"EXEC"] => {}
                [b"SELECT", number] => self.database = String::from_utf8_lossy(number).parse().unwrap_or(0),
                _ => {
                    let reply = self.call(&call).unwrap_or_else(|| b"-ERR not for shards".to_vec());
                    if reply.first() == Some(&b'-') {
                        refused.push(format!("{call:?}: {}", String::from_utf8_lossy(&reply)));
                    }
                }
            }
        }
        self.replays = false;
        refused
    }

    /// Runs what the round collected.
    fn run(&mut self, input: &Arc<Vec<u8>>) {
        let now = UnixMillis(self.now_ms);
        let bond = if self.round.is_unit() { Bond::Part } else { Bond::Loose };
        let mut parts = Vec::new();
        if bond == Bond::Part {
            self.shards.iter_mut().for_each(|shard| self.history.add(&shard.take_record()));
        }
        for (index, owners, batch) in self.round.batches() {
            batch.input = Some(input.clone());
            batch.replay = self.replays;
            match owners {
                None => {
                    batch.bond = bond;
                    self.shards[index].run(batch, now);
                    if bond == Bond::Part {
                        parts.push(self.shards[index].take_record());
                    }
                }
                Some(owners) => {
                    // What happened before is told before, as by a shard that lends.
                    self.shards.iter_mut().for_each(|shard| self.history.add(&shard.take_record()));
                    let record = run_borrowed(batch, owners, &mut self.shards, &self.limits, now);
                    self.history.add_unit(&[&record]);
                }
            }
            // As when a batch is sent back: the buffer is the reader's again.
            batch.input = None;
        }
        self.history.add_unit(&parts.iter().collect::<Vec<_>>());
    }

    /// Removes what is due, at most `budget` keys and members of each shard, as a shard's timer does. Returns how many.
    pub fn sweep(&mut self, budget: usize) -> usize {
        let now = UnixMillis(self.now_ms);
        self.shards.iter_mut().map(|shard| shard.sweep(now, budget)).sum()
    }

    /// When the first shard's timer would go off.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.shards.iter().filter_map(Shard::next_deadline).map(|deadline| deadline.0).min()
    }

    /// The names of every command and subcommand.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let entries = self.registry.entries().iter();
        entries.flat_map(|entry| std::iter::once(entry).chain(&entry.subcommands)).map(|entry| entry.spec.name).collect()
    }
}

/// The data command of that name, or the data subcommand.
fn find<'r>(registry: &'r Registry, name: &[u8], sub: &[u8]) -> Option<(&'r Entry, &'static Row)> {
    let mut entry = registry.find(name)?;
    if !entry.subcommands.is_empty() {
        entry = entry.subcommand(sub)?;
    }
    entry.handler.row().map(|row| (entry, row))
}

/// The files of the journal as they are read: for fuzzers.
pub mod log {
    use std::io;

    use crate::persist::disk::DiskFile;
    use crate::persist::manifest::Manifest;
    use crate::persist::reader::{LogReader, Trouble};

    /// A file that is read and never written.
    #[derive(Debug)]
    struct Bytes(Vec<u8>);

    impl DiskFile for Bytes {
        fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
            let rest = usize::try_from(at).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
            let len = rest.len().min(into.len());
            into[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        }

        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn truncate(&mut self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }
    }

    /// How many bytes of commands there are, and where the file is damaged, if it is, and whether that may be cut off.
    #[must_use]
    pub fn read(bytes: &[u8]) -> (usize, Option<(u64, bool)>) {
        let Ok(mut reader) = LogReader::from(Box::new(Bytes(bytes.to_vec())), 0) else { return (0, None) };
        let mut commands = 0;
        loop {
            match reader.next() {
                Ok(Some(some)) => commands += some.len(),
                Ok(None) | Err(Trouble::Io(_)) => return (commands, None),
                Err(Trouble::Damage(damage)) => return (commands, Some((damage.at, damage.is_torn))),
            }
        }
    }

    /// What a manifest says, in one way of writing it.
    #[must_use]
    pub fn manifest(bytes: &[u8]) -> Option<String> {
        Manifest::read(bytes).ok().map(|manifest| manifest.write())
    }
}

/// The shard that owns a key when there are `shards`.
#[must_use]
pub fn shard_of(key: &[u8], shards: u32) -> u32 {
    slot::shard_of(key, shards)
}

/// A borrow without mailboxes: the keyspaces of `owners` are lent, used, and given back.
fn run_borrowed(batch: &mut Batch, owners: u64, shards: &mut [Shard], limits: &Limits, now: UnixMillis) -> Record {
    let mut held = Held::new(shards.len(), true);
    for (index, shard) in shards.iter_mut().enumerate().filter(|(index, _)| owners & (1 << index) != 0) {
        held.take(index, shard.lend());
    }
    let tools = Tools { limits, seed: now.0, ticks: || 0, scripts: None };
    held.run(batch, &tools, now);
    let record = held.take_record();
    for (index, returned) in held.give_back(0) {
        shards[index].take_back(returned, now);
    }
    record
}
