//! What a command is, and every command on data: a family is a folder whose `mod.rs` is its table of rows.
//!
//! To add a command: write `family/name.rs` with one function `run`, add a row to the family's `TABLE`, add a transcript to
//! `tests/transcripts/family.txt`. Arity errors, COMMAND, routing, metrics and the reference pages follow from the row.

mod answer;
mod args;
mod bitmap;
mod context;
mod effects;
mod events;
mod fault;
mod geo;
mod hash;
mod hyperloglog;
mod keys;
mod list;
mod members;
mod outdated;
mod reach;
mod record;
mod script;
mod set;
mod sort;
mod spec;
mod stream;
mod string;
pub(crate) mod wait;
mod walk;
mod zset;

pub(crate) use args::{Args, Options};
pub(crate) use context::{Cx, Gone};
pub(crate) use effects::{Discard, Effects, News, Published};
pub(crate) use events::{Classes, Event, Lot};
pub(crate) use fault::Fault;
pub(crate) use keys::WATCH;
pub(crate) use outdated::{Outdated, Receipt, What};
pub(crate) use reach::{Limits, Reach};
pub(crate) use record::{Piece, Record, decimal, encode};
pub(crate) use script::{How, Named, SCRIPTS, ScriptRow, Scripts, Stage, keys_named};
pub(crate) use spec::{Access, Arity, Categories, Doc, Find, Flags, Join, KeySpec, Row, Run, Secret, Spec, Spread, keys_of};

pub(crate) use wait::{Patience, Waits};

pub(crate) use crate::store::types::Thresholds;
pub(crate) use crate::store::{Prefixes, Reader, Watch};

use crate::resp::Reply;

/// Every family of data commands. The registry of the session is filled from this list and from the session's own tables.
pub(crate) static FAMILIES: &[&[Row]] = &[
    keys::TABLE,
    sort::TABLE,
    string::TABLE,
    list::TABLE,
    set::TABLE,
    hash::TABLE,
    zset::TABLE,
    geo::TABLE,
    members::TABLE,
    stream::TABLE,
    bitmap::TABLE,
    hyperloglog::TABLE,
];

/// Runs one row. The one place where a row is called: by shards, by borrowers, later by scripts; while the journal is on, by way of
/// [`run_recorded`].
///
/// Whatever the row wrote before it found a fault is taken back. Says whether it succeeded.
pub(crate) fn run(row: &Row, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> bool {
    let (start, changed) = (reply.mark(), cx.effects.changed);
    let result = (row.run)(cx, args, reply);
    if cx.has_touched() {
        cx.tell_of_changes(cx.effects.changed != changed);
    }
    match result {
        Ok(()) => true,
        Err(Fault::Nothing) => {
            reply.rewind(start);
            cx.attempt.found_nothing = true;
            false
        }
        Err(fault) => {
            reply.rewind(start); // a fault leaves nothing half written
            cx.effects.faulted(&fault);
            reply.error(&fault.text());
            false
        }
    }
}

/// As [`run`], and leaves in the effects' record what the journal must know: what the row said of it, or the call's own words if it changed
/// something. `counts` is false for the further parts of a split call.
pub(crate) fn run_recorded(row: &Row, cx: &mut Cx<'_>, args: &Args<'_>, counts: bool, reply: &mut Reply<'_>) -> bool {
    let before = cx.effects.changed;
    cx.effects.record.begin_call(cx.database);
    let done = run(row, cx, args, reply);
    let everywhere = matches!(row.spread, Spread::All(_)) && row.spec.flags.has(Flags::WRITE);
    if everywhere && done {
        // Whether its own slice held anything or not, others may.
        cx.effects.record.everywhere(args, counts);
    } else if cx.effects.changed != before {
        cx.effects.record.words_of(args);
    }
    cx.effects.record.end_call();
    done
}
