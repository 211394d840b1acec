//! SET and its older forms SETNX, SETEX, PSETEX and GETSET: a string under a key, whatever was there before.

use super::answer;
use super::options::{Condition, Lifetime, Measure};
use super::test::Test;
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::Keep;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 3 {
        return with_options(cx, args, reply);
    }
    cx.set_text(args.key(1), args.get(2), Keep::Clear);
    cx.changed(1);
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
    }
    match (old, holds) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

pub(super) fn setnx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let missing = !cx.exists(cx.database, args.key(1));
    if missing {
        cx.set_text(args.key(1), args.get(2), Keep::Clear);
        cx.changed(1);
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
    cx.changed(1);
    reply.ok();
    Ok(())
}

pub(super) fn getset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer(cx.read_text(args.key(1))?, reply);
    cx.set_text(args.key(1), args.get(2), Keep::Clear);
    cx.changed(1);
    Ok(())
}
