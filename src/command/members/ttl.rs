//! HTTL and kin tell the deadlines of members; HPERSIST and kin take them away.

use super::Unit;
use super::words::Worded;
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;

/// No such member, or no such key.
const MISSING: i64 = -2;
/// No deadline.
const IMMORTAL: i64 = -1;

/// HTTL, HPTTL: what is left, in whole units, the last of which has begun.
pub(super) fn left<T: Worded, U: Unit>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now.0;
    tell::<T>(cx, args, reply, |deadline| units::<U>(deadline.saturating_sub(now)))
}

/// HEXPIRETIME, HPEXPIRETIME: the date, rounded up likewise.
pub(super) fn until<T: Worded, U: Unit>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell::<T>(cx, args, reply, units::<U>)
}

fn units<U: Unit>(millis: u64) -> u64 {
    millis.div_ceil(U::MILLIS.unsigned_abs())
}

fn tell<T: Worded>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, say: impl Fn(u64) -> u64) -> Result<(), Fault> {
    let collection = cx.read_as::<T>(args.key(1))?;
    let members = T::WORDS.of(args, 2)?;
    reply.array(members.len());
    for member in members {
        reply.integer(match collection.and_then(|collection| collection.deadline_of(member)) {
            None => MISSING,
            Some(None) => IMMORTAL,
            Some(Some(deadline)) => i64::try_from(say(deadline.0)).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}

pub(super) fn persist<T: Worded>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut collection = cx.edit_as::<T>(args.key(1))?;
    let members = T::WORDS.of(args, 2)?;
    reply.array(members.len());
    let mut changed = 0;
    for member in members {
        let Some(collection) = collection.as_mut() else {
            reply.integer(MISSING);
            continue;
        };
        let persisted = collection.take_deadline(member);
        changed += u64::from(persisted);
        reply.integer(match persisted {
            true => 1,
            false if collection.holds(member) => IMMORTAL,
            false => MISSING,
        });
    }
    drop(collection);
    if changed > 0 {
        cx.event(T::EVENTS.class, T::EVENTS.persist, args.key(1));
    }
    cx.changed(changed);
    Ok(())
}
