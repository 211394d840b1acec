//! HSET and HMSET key field value [field value ...], whose last value of a field that comes twice stays; HSETNX sets only what is missing.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Hash;

pub(super) fn hset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let created = set_all(cx, args, "hset")?;
    answer::count(created, reply);
    Ok(())
}

pub(super) fn hmset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    set_all(cx, args, "hmset")?;
    reply.ok();
    Ok(())
}

/// Sets every pair of the call, and returns how many fields are new.
#[inline]
fn set_all(cx: &mut Cx<'_>, args: &Args<'_>, command: &'static str) -> Result<usize, Fault> {
    if !args.len().is_multiple_of(2) {
        return Err(Fault::Arity(command));
    }
    let thresholds = cx.thresholds();
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    let created = args.pairs(2).filter(|(field, value)| hash.set(field, value, thresholds)).count();
    drop(hash);
    // Redis counts every pair as a change, new or not.
    cx.changed((args.len() / 2 - 1) as u64);
    cx.event(Classes::HASH, "hset", args.key(1));
    Ok(created)
}

pub(super) fn hsetnx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    // A hash that this makes does not stay empty: its first field is always missing.
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    let created = hash.set_new(args.get(2), args.get(3), thresholds);
    drop(hash);
    if created {
        cx.changed(1);
        cx.event(Classes::HASH, "hset", args.key(1));
    }
    reply.integer(i64::from(created));
    Ok(())
}
