//! TTL, PTTL, EXPIRETIME and PEXPIRETIME tell the deadline of a key, PERSIST takes it away.

use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;

pub(super) fn ttl(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now.0;
    tell(cx, args, reply, |deadline| rounded_seconds(deadline.saturating_sub(now)))
}

pub(super) fn pttl(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now.0;
    tell(cx, args, reply, |deadline| deadline.saturating_sub(now))
}

pub(super) fn expiretime(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, reply, rounded_seconds)
}

pub(super) fn pexpiretime(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, reply, |deadline| deadline)
}

/// Answers `say` of the key's deadline, -1 if it has none, -2 if there is no such key.
fn tell(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, say: impl FnOnce(u64) -> u64) -> Result<(), Fault> {
    reply.integer(match cx.peek(args.key(1)).map(|entry| entry.deadline()) {
        None => -2,
        Some(None) => -1,
        Some(Some(deadline)) => i64::try_from(say(deadline.0)).unwrap_or(i64::MAX),
    });
    Ok(())
}

fn rounded_seconds(millis: u64) -> u64 {
    millis.saturating_add(500) / 1000
}

pub(super) fn persist(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let volatile = cx.write(key).is_some_and(|entry| entry.deadline().is_some());
    let persisted = volatile && cx.set_deadline(key, None);
    if persisted {
        cx.changed(1);
        cx.event(Classes::GENERIC, "persist", key);
    }
    reply.integer(i64::from(persisted));
    Ok(())
}
