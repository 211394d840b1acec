//! The door for tests, benches and fuzzers: parts of the daemon driven in process, without sockets and threads. Not part of the public contract.

use std::sync::Arc;

use crate::command::{Args, Limits};
use crate::resp::{Protocol, Span};
use crate::router::{Round, Spare};
use crate::session::{Handler, Registry};
use crate::shard::batch::Manner;
use crate::shard::{Batch, Held, Shard};
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

/// Shards without mailboxes: a call is planned, run and joined at once, on a clock of the caller's.
pub struct InProcess {
    registry: Registry,
    shards: Vec<Shard>,
    limits: Arc<Limits>,
    spare: Spare,
    round: Round,
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
            now_ms: UnixMillis::now().0,
            resp3: false,
            database: 0,
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
        let args = Args::new(&input, &spans);
        let mut entry = self.registry.find(args.get(0))?;
        if !entry.subcommands.is_empty() {
            entry = entry.subcommand(args.get(1))?;
        }
        let Handler::Data(row) = entry.handler else { return None };
        let protocol = if self.resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
        if !entry.spec.arity.admits(args.len()) {
            let name = entry.spec.name;
            return Some(format!("-ERR wrong number of arguments for '{name}' command\r\n").into_bytes());
        }
        let manner = Manner { database: self.database, protocol, touches: true };
        let shards = u32::try_from(self.shards.len()).ok()?;
        self.round.push(row, entry.id, manner, &args, shards, &self.spare, false);
        let now = UnixMillis(self.now_ms);
        for (index, owners, batch) in self.round.batches() {
            batch.input = Some(input.clone());
            match owners {
                None => self.shards[index].run(batch, now),
                Some(owners) => run_borrowed(batch, owners, &mut self.shards, &self.limits, now),
            }
        }
        let mut scratch = Vec::new();
        let reply = self.round.stitch(&mut scratch, 0).to_vec();
        self.round.reset(&self.spare);
        Some(reply)
    }

    /// The names of every command and subcommand.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let entries = self.registry.entries().iter();
        entries.flat_map(|entry| std::iter::once(entry).chain(&entry.subcommands)).map(|entry| entry.spec.name).collect()
    }
}

/// A borrow without mailboxes: the keyspaces of `owners` are lent, used, and given back.
fn run_borrowed(batch: &mut Batch, owners: u64, shards: &mut [Shard], limits: &Limits, now: UnixMillis) {
    let mut held = Held::new(shards.len());
    for (index, shard) in shards.iter_mut().enumerate().filter(|(index, _)| owners & (1 << index) != 0) {
        held.take(index, shard.lend());
    }
    held.run(batch, limits, now.0, || 0, now);
    for (index, returned) in held.give_back() {
        shards[index].take_back(returned);
    }
}
