//! SET and its older forms SETNX, SETEX, PSETEX and GETSET: a string under a key, whatever was there before.

use super::answer;
use super::options::{Condition, Lifetime, Measure};
use super::test::Test;
use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::resp::Reply;
use crate::store::Keep;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 3 {
        return with_options(cx, args, reply);
    }
    cx.set_text(args.key(1), args.get(2), Keep::Clear);
    cx.changed(1);
    cx.event(Classes::STRING, "set", args.key(1));
    reply.ok();
    Ok(())
}

#[cold]
fn with_options(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, value) = (args.key(1), args.get(2));
    let (mut condition, mut lifetime, mut old) = (Condition::Always, Lifetime::Unsaid, false);
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if let Some(said) = condition.option(word)? {
            condition = said;
        } else if word.eq_ignore_ascii_case(b"get") {
            old = true;
        } else if let Some(test) = Test::option(word, &mut options)? {
            condition = condition.and(Condition::Text(test))?;
        } else {
            lifetime = lifetime.option(word, &mut options)?.filter(|&said| said != Lifetime::Persist).ok_or(Fault::Syntax)?;
        }
    }
    let keep = lifetime.keep(cx.now, "set")?;
    if old {
        answer(cx.read_text(key)?, reply);
    }
    let database = cx.database;
    let holds = match condition {
        Condition::Always => true,
        Condition::Missing => !cx.exists(database, key),
        Condition::Present => cx.exists(database, key),
        Condition::Text(test) => test.passes_at(cx, key)?,
    };
    if holds {
        cx.set_text(key, value, keep);
        cx.changed(1);
        if old || keep != Keep::Clear || matches!(condition, Condition::Text(_)) {
            record_set(cx, key, value, keep);
        }
        tell(cx, key, keep);
    }
    match (old, holds) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

/// Tells of a string that was set, and of its deadline if it was given one.
pub(super) fn tell(cx: &mut Cx<'_>, key: &[u8], keep: Keep) {
    cx.event(Classes::STRING, "set", key);
    if let Keep::At(_) = keep {
        cx.event(Classes::GENERIC, "expire", key);
    }
}

pub(super) fn setnx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let missing = !cx.exists(cx.database, args.key(1));
    if missing {
        cx.set_text(args.key(1), args.get(2), Keep::Clear);
        cx.changed(1);
        cx.event(Classes::STRING, "set", args.key(1));
    }
    reply.integer(i64::from(missing));
    Ok(())
}

pub(super) fn setex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    set_until(cx, args, reply, Measure::Seconds, "setex")
}

pub(super) fn psetex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    set_until(cx, args, reply, Measure::Millis, "psetex")
}

fn set_until(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, measure: Measure, command: &'static str) -> Result<(), Fault> {
    let deadline = measure.deadline(args.get(2), cx.now, command)?;
    cx.set_text(args.key(1), args.get(3), Keep::At(deadline));
    record_set(cx, args.key(1), args.get(3), Keep::At(deadline));
    cx.changed(1);
    tell(cx, args.key(1), Keep::At(deadline));
    reply.ok();
    Ok(())
}

pub(super) fn getset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer(cx.read_text(args.key(1))?, reply);
    cx.set_text(args.key(1), args.get(2), Keep::Clear);
    record_set(cx, args.key(1), args.get(2), Keep::Clear);
    cx.changed(1);
    cx.event(Classes::STRING, "set", args.key(1));
    Ok(())
}

/// Tells the journal of a string that was written, whatever the words were.
pub(super) fn record_set(cx: &mut Cx<'_>, key: &[u8], value: &[u8], keep: Keep) {
    let Some(record) = cx.record() else { return };
    match keep {
        Keep::Clear => record.instead([b"SET".as_slice(), key, value]),
        Keep::Keep => record.instead([b"SET".as_slice(), key, value, b"KEEPTTL"]),
        Keep::At(deadline) => record.instead([b"SET".as_slice(), key, value, b"PXAT", &decimal(deadline.0)]),
    }
}
