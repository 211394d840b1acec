//! EVAL, EVALSHA, FCALL and kin, as a shard or a borrower sees them: calls whose work is done by whoever runs scripts, with the keyspaces in hand.
//!
//! A script calls commands on its own, from a place where nothing borrowed can go. So it is handed what it works on by value (a [`Stage`]), and
//! gives it back when it is done: a few words, there and back.

use std::sync::Arc;

use crate::command::{Access, Args, Arity, Categories, Cx, Effects, Fault, Flags, KeySpec, Limits, Reach, Row, Run, Spec, Spread, keys_of};
use crate::resp::Reply;
use crate::slot;
use crate::store::{Keyspace, Reader};
use crate::time::UnixMillis;

/// Runs scripts. There is one for each thread that runs calls; whoever runs a batch hands it down.
pub(crate) trait Scripts {
    /// Runs what the words ask for, and writes its reply.
    ///
    /// # Errors
    /// What the client is told. What the script wrote before it failed stays.
    fn run(&self, how: How, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault>;
}

impl std::fmt::Debug for dyn Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripts")
    }
}

/// How the first word after the name says what to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct How {
    pub(crate) named: Named,
    /// It must not write.
    pub(crate) read_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By its text.
    Source,
    /// By the SHA1 of its text.
    Digest,
    /// By the name of a function of a library.
    Function,
}

/// A command that runs scripts: two rows, of which the session takes one for every call.
pub(crate) struct ScriptRow {
    pub(crate) how: How,
    /// With the shards of the keys it was given.
    pub(crate) near: Row,
    /// With every shard: it may look at keys that it was not given.
    pub(crate) far: Row,
}

/// Where the keys are counted.
const COUNT_AT: usize = 2;
const WRITES: &[KeySpec] = &[KeySpec::counted(COUNT_AT, 1, Access::RW.and(Access::ACCESS).and(Access::UPDATE))];
const READS: &[KeySpec] = &[KeySpec::counted(COUNT_AT, 1, Access::RO.and(Access::ACCESS))];
const FLAGS: Flags = Flags::NOSCRIPT.and(Flags::STALE).and(Flags::SKIP_MONITOR).and(Flags::NO_MANDATORY_KEYS).and(Flags::MOVABLE_KEYS);

/// The commands that run scripts.
pub(crate) static SCRIPTS: &[ScriptRow] = &[
    row("eval", Named::Source, false, |cx, args, reply| run(Named::Source, false, cx, args, reply)).doc(
        "2.6.0",
        "Runs a Lua script on the server.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
    ),
    row("evalsha", Named::Digest, false, |cx, args, reply| run(Named::Digest, false, cx, args, reply)).doc(
        "2.6.0",
        "Runs a Lua script that the server has seen before.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    row("eval_ro", Named::Source, true, |cx, args, reply| run(Named::Source, true, cx, args, reply)).doc(
        "7.0.0",
        "Runs a Lua script that must not write.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
    ),
    row("evalsha_ro", Named::Digest, true, |cx, args, reply| run(Named::Digest, true, cx, args, reply)).doc(
        "7.0.0",
        "Runs a Lua script that the server has seen before and that must not write.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    row("fcall", Named::Function, false, |cx, args, reply| run(Named::Function, false, cx, args, reply)).doc(
        "7.0.0",
        "Calls a function of a library.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
    ),
    row("fcall_ro", Named::Function, true, |cx, args, reply| run(Named::Function, true, cx, args, reply)).doc(
        "7.0.0",
        "Calls a function of a library that must not write.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
    ),
];

const fn row(name: &'static str, named: Named, read_only: bool, run: Run) -> ScriptRow {
    let flags = FLAGS.and(if read_only { Flags::READONLY } else { Flags::MAY_WRITE });
    let keys = if read_only { READS } else { WRITES };
    let near = Row { spec: Spec::new(name, Arity::at_least(3), keys, flags), run, spread: Spread::No, beyond: None, waits: None };
    let far = Row { spec: Spec::new(name, Arity::at_least(3), keys, flags), run, spread: Spread::No, beyond: Some(|_| true), waits: None };
    ScriptRow { how: How { named, read_only }, near: near.categories(Categories::SCRIPTING), far: far.categories(Categories::SCRIPTING) }
}

impl ScriptRow {
    const fn doc(mut self, since: &'static str, summary: &'static str, syntax: &'static str) -> ScriptRow {
        self.near = self.near.doc("scripting", since, summary, "Depends on the script.", syntax);
        self
    }
}

fn run(named: Named, read_only: bool, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let scripts = cx.scripts().ok_or(Fault::Because("ERR nobody runs scripts here"))?;
    scripts.run(How { named, read_only }, cx, args, reply)
}

/// How many keys a call that runs a script names; they follow the count.
///
/// # Errors
/// What the client is told of a count that cannot be.
pub(crate) fn keys_named(args: &Args<'_>) -> Result<usize, Fault> {
    let count = args.int(COUNT_AT)?;
    let most = args.len().saturating_sub(COUNT_AT + 1);
    match usize::try_from(count) {
        Err(_) => Err(Fault::Because("ERR Number of keys can't be negative")),
        Ok(count) if count > most => Err(Fault::Because("ERR Number of keys can't be greater than number of args")),
        Ok(count) => Ok(count),
    }
}

/// Everything that a script's calls work on, by value.
pub(crate) struct Stage {
    lent: Lent,
    pub(crate) limits: Limits,
    pub(crate) effects: Effects,
    now: UnixMillis,
    expiry: UnixMillis,
    is_hushed: bool,
    /// The journal is told of every call; whether the block of these was opened for the script.
    opened: bool,
    /// The database that the script has selected. Its client's stays what it was.
    pub(crate) database: usize,
    touches: bool,
    reader: Option<Arc<Reader>>,
    seed: u64,
}

enum Lent {
    One(Keyspace),
    Several(Vec<Option<Keyspace>>),
}

impl Cx<'_> {
    /// Hands over all that calls work on. Until it is [taken back](Cx::take_back) nothing can be done here.
    pub(crate) fn hand_over(&mut self) -> Stage {
        let (touches, seed, is_hushed) = (self.touches, self.random(), self.is_hushed());
        let opened = self.effects.record.begin_script();
        let lent = match self.reach_mut() {
            Reach::One(keyspace) => Lent::One(std::mem::replace(keyspace, Keyspace::vacant())),
            Reach::Several(keyspaces) => Lent::Several(keyspaces.iter_mut().map(Option::take).collect()),
        };
        let effects = std::mem::take(self.effects);
        Stage {
            lent,
            limits: self.limits.clone(),
            effects,
            now: self.now,
            expiry: self.expiry,
            is_hushed,
            opened,
            database: self.database,
            touches,
            reader: self.reader(),
            seed,
        }
    }

    /// Takes back what was handed over.
    pub(crate) fn take_back(&mut self, stage: Stage) {
        match (self.reach_mut(), stage.lent) {
            (Reach::One(place), Lent::One(keyspace)) => **place = keyspace,
            (Reach::Several(places), Lent::Several(keyspaces)) => {
                places.iter_mut().zip(keyspaces).for_each(|(place, keyspace)| *place = keyspace)
            }
            (Reach::One(_), Lent::Several(_)) | (Reach::Several(_), Lent::One(_)) => {
                unreachable!("what is taken back is what was handed over")
            }
        }
        *self.effects = stage.effects;
        self.effects.record.end_script(stage.opened);
    }
}

impl Stage {
    /// The context of a call.
    pub(crate) fn cx(&mut self) -> Cx<'_> {
        let reach = match &mut self.lent {
            Lent::One(keyspace) => Reach::One(keyspace),
            Lent::Several(keyspaces) => Reach::Several(keyspaces),
        };
        let mut cx = Cx::new(reach, &self.limits, &mut self.effects, &mut self.seed, self.now);
        cx.database = self.database;
        cx.touches = self.touches;
        cx.expiry = self.expiry;
        if let Some(reader) = &self.reader {
            cx.read_by(reader.clone());
        }
        if self.is_hushed {
            cx.hush();
        }
        cx
    }

    /// Runs a call, and lets the journal know of it if that is on.
    pub(crate) fn run(&mut self, row: &Row, args: &Args<'_>, reply: &mut Reply<'_>) -> bool {
        let mut cx = self.cx();
        let done =
            if cx.is_recorded() { super::run_recorded(row, &mut cx, args, true, reply) } else { super::run(row, &mut cx, args, reply) };
        // What its script reads, a client may keep.
        cx.remember(row, args);
        done
    }

    /// How many databases there are to select.
    pub(crate) fn databases(&mut self) -> usize {
        self.cx().databases()
    }

    /// Whether every key that a call may look at is in hand.
    pub(crate) fn reaches(&self, row: &Row, args: &Args<'_>) -> bool {
        let in_hand: &dyn Fn(u32) -> bool = match &self.lent {
            Lent::One(keyspace) => {
                let part = keyspace.part();
                if part.of <= 1 {
                    return true;
                }
                &move |shard| shard == part.index
            }
            Lent::Several(keyspaces) => {
                if keyspaces.iter().all(Option::is_some) {
                    return true;
                }
                &|shard| keyspaces.get(shard as usize).is_some_and(Option::is_some)
            }
        };
        if matches!(row.spread, Spread::All(_) | Spread::Cursor(_)) || row.beyond.is_some_and(|beyond| beyond(args)) {
            return false;
        }
        let shards = match &self.lent {
            Lent::One(keyspace) => keyspace.part().of,
            Lent::Several(keyspaces) => u32::try_from(keyspaces.len()).unwrap_or(u32::MAX),
        };
        let mut all = true;
        // Keys that cannot be counted are a fault that the command tells.
        let _ = keys_of(&row.spec, args, |at, _| all &= in_hand(slot::shard_of(args.key(at), shards)));
        all
    }
}
