//! DEL (with UNLINK), EXISTS and TOUCH: many keys, and how many of them there were.

use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let removed = count(args, |key| cx.delete(key));
    cx.changed(removed.unsigned_abs());
    reply.integer(removed);
    Ok(())
}

pub(super) fn exists(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.integer(count(args, |key| cx.peek(key).is_some()));
    Ok(())
}

pub(super) fn touch(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.integer(count(args, |key| cx.read(key).is_some()));
    Ok(())
}

/// How many of the keys pass.
fn count(args: &Args<'_>, mut pass: impl FnMut(&[u8]) -> bool) -> i64 {
    args.from(1).map(|key| i64::from(pass(key))).sum()
}
