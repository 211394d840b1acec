//! Whole databases: DBSIZE counts, FLUSHDB and FLUSHALL empty, SWAPDB exchanges.

use crate::command::{Args, Cx, Fault};
use crate::resp::{Reply, number};

pub(super) fn dbsize(cx: &mut Cx<'_>, _args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let database = cx.database;
    let keys: usize = cx.every().map(|keyspace| keyspace.database(database).len()).sum();
    reply.integer(i64::try_from(keys).unwrap_or(i64::MAX));
    Ok(())
}

pub(super) fn flushdb(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    check_manner(args)?;
    let database = cx.database;
    flush(cx, |number| number == database);
    reply.ok();
    Ok(())
}

pub(super) fn flushall(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    check_manner(args)?;
    flush(cx, |_| true);
    reply.ok();
    Ok(())
}

/// SYNC and ASYNC are understood, and mean the same: who asked never waits for the memory to be freed.
fn check_manner(args: &Args<'_>) -> Result<(), Fault> {
    let sound = match args.len() {
        1 => true,
        2 => args.is(1, "sync") || args.is(1, "async"),
        _ => false,
    };
    if sound { Ok(()) } else { Err(Fault::Syntax) }
}

fn flush(cx: &mut Cx<'_>, chosen: impl Fn(usize) -> bool) {
    let (keyspaces, effects) = cx.every_with_effects();
    for keyspace in keyspaces {
        for number in (0..keyspace.databases()).filter(|&number| chosen(number)) {
            keyspace.touch_all(number, &[number]);
            effects.changed += keyspace.database(number).len() as u64;
            if let Some(old) = keyspace.empty(number) {
                effects.discard_database(old);
            }
        }
    }
    cx.outdate_all();
}

pub(super) fn swapdb(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let read = |at: usize, refusal: &'static str| {
        number::parse_integer(args.get(at)).and_then(|number| i32::try_from(number).ok()).ok_or(Fault::Because(refusal))
    };
    let one = read(1, "ERR invalid first DB index")?;
    let other = read(2, "ERR invalid second DB index")?;
    let databases = cx.databases();
    let index = |number: i32| usize::try_from(number).ok().filter(|&number| number < databases).ok_or(Fault::DatabaseOutOfRange);
    let (one, other) = (index(one)?, index(other)?);
    let mut changes = 0;
    for keyspace in cx.every() {
        keyspace.touch_all(one, &[one, other]);
        keyspace.touch_all(other, &[one, other]);
        keyspace.swap(one, other);
        // Every slice is told, but it is one change.
        changes += u64::from(keyspace.part().index == 0);
    }
    cx.outdate_all();
    cx.changed(changes);
    reply.ok();
    Ok(())
}
