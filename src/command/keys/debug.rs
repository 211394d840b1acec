//! DEBUG OBJECT key: a line about the value at a key. DEBUG RELOAD: every key through its written form. DEBUG PANIC: the end of the process.

use super::SECOND;
use crate::command::{Access, Args, Arity, Cx, Fault, Flags, Join, KeySpec, Limits, Row, Spec, Spread};
use crate::rdb::{self, Item, Reader, Record, Use, Writer, Wrong};
use crate::resp::Reply;
use crate::store::{Database, Keyspace};
use crate::time::UnixMillis;

/// The row: neither a reader nor a writer by its flags, and refused where DEBUG is.
pub(super) const OBJECT: Row =
    Row { spec: Spec::new("debug|object", Arity::exactly(3), SECOND, FLAGS), run: object, spread: Spread::No, beyond: None, waits: None }
        .doc("server", "1.0.0", "Describes the value at a key, for who hunts a bug.", "O(N) for a value of N bytes", "key");

/// For tests of what a panic does: in the shard that owns the keys, or in a borrower when several do. Redis takes no keys.
pub(super) const PANIC: Row = Row {
    spec: Spec::new("debug|panic", Arity::at_least(2), &[KeySpec::rest(2, 1, Access::RO)], FLAGS.and(Flags::NO_MANDATORY_KEYS)),
    run: panic,
    spread: Spread::No,
    beyond: None,
    waits: None,
}
.doc("server", "1.0.0", "Lets the server panic, to see how it ends.", "O(1)", "[key ...]");

/// For tests of what is written and read.
pub(super) const RELOAD: Row = Row {
    spec: Spec::new("debug|reload", Arity::at_least(2), &[], FLAGS),
    run: reload,
    spread: Spread::All(Join::AllOk),
    beyond: None,
    waits: None,
}
.doc("server", "1.0.0", "Writes every key as a data file has it, and reads it back.", "O(N) for N bytes of data", "");

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED);

fn panic(_: &mut Cx<'_>, _: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    panic!("DEBUG PANIC")
}

/// The fields are those that tests and tools look for in Redis's line. There is no address worth telling.
fn object(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now;
    let entry = cx.inspect(args.key(2)).ok_or(Fault::NoSuchKey)?;
    let access = entry.access();
    reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{access} lru_seconds_idle:{}",
        entry.encoding(),
        rdb::written_bytes(entry),
        Limits::idle_seconds(access, now),
    ));
    Ok(())
}

/// What is written before it is read.
const PIECE_BYTES: usize = 1 << 20;

/// A keyspace that cannot be read back stays as it was, and the fault says why.
fn reload(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 2 {
        return Err(Fault::Because("ERR DEBUG RELOAD takes no options: it writes to memory and reads from there"));
    }
    let (limits, now) = (cx.limits, cx.now);
    if cx.every().any(|keyspace| keyspace.is_imaging()) {
        // What is exchanged here would be missing there.
        return Err(Fault::Because("ERR a snapshot is being made; try again when it is done"));
    }
    let (keyspaces, effects) = cx.every_with_effects();
    for keyspace in keyspaces {
        let numbers = 0..keyspace.databases();
        numbers.clone().for_each(|number| keyspace.touch_all(number, &[number]));
        let old: Vec<Database> = numbers.map(|number| keyspace.database_mut(number).take()).collect();
        match write_and_read(&old, keyspace, limits, now) {
            Ok(()) => old.into_iter().for_each(|database| effects.discard_database(database)),
            Err(wrong) => {
                for (number, database) in old.into_iter().enumerate() {
                    effects.discard_database(std::mem::replace(keyspace.database_mut(number), database));
                }
                return Err(Fault::told(format!("ERR what was written is not read: byte {}: {}", wrong.at, wrong.flaw)));
            }
        }
    }
    reply.ok();
    Ok(())
}

fn write_and_read(old: &[Database], keyspace: &mut Keyspace, limits: &Limits, now: UnixMillis) -> Result<(), Wrong> {
    let (mut writer, mut loading) =
        (Writer::new(rdb::VERSION_WITH_DEADLINES, &[]), Loading { reader: Reader::new(), database: 0, keyspace, limits, now });
    for (number, database) in old.iter().enumerate().filter(|(_, database)| !database.is_empty()) {
        writer.database(number);
        writer.sizes(database.len(), database.volatile());
        for entry in database.iter() {
            let usage = if limits.frequency {
                Use::Frequency(u8::try_from(limits.frequency_of(entry.access(), now)).unwrap_or(u8::MAX))
            } else {
                Use::Idle(Limits::idle_seconds(entry.access(), now))
            };
            writer.entry(entry, usage);
            if writer.waiting() > PIECE_BYTES {
                writer.take(|bytes| loading.reader.feed(bytes));
                loading.go_on()?;
            }
        }
    }
    writer.finish();
    writer.take(|bytes| loading.reader.feed(bytes));
    loading.reader.finish();
    loading.go_on()
}

/// A keyspace being read.
struct Loading<'a> {
    reader: Reader,
    database: usize,
    keyspace: &'a mut Keyspace,
    limits: &'a Limits,
    now: UnixMillis,
}

impl Loading<'_> {
    /// Takes in what is there of the file.
    fn go_on(&mut self) -> Result<(), Wrong> {
        while let Some(item) = self.reader.next(&self.limits.thresholds)? {
            match item {
                Item::Database(number) => self.database = usize::try_from(number).unwrap_or(usize::MAX),
                // What is due by now is not there any more.
                Item::Key(record) if record.deadline.is_none_or(|deadline| deadline >= self.now) => self.place(*record),
                _ => {}
            }
        }
        Ok(())
    }

    fn place(&mut self, record: Record) {
        let hash = self.keyspace.hash(&record.key);
        let database = self.keyspace.database_mut(self.database);
        database.insert(hash, &record.key, record.value, record.deadline);
        let access = match (record.idle_seconds, record.frequency) {
            (Some(seconds), _) => Some(Limits::last_used(seconds, self.now)),
            (None, Some(counter)) => Some(Limits::used_so_often(counter, self.now)),
            (None, None) => None,
        };
        if let (Some(access), Some(mut entry)) = (access, database.find_mut(hash, &record.key)) {
            entry.set_access(access);
        }
    }
}
