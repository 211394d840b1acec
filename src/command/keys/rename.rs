//! RENAME and RENAMENX: what a key holds, and its deadline, under another name.

use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (source, target) = (args.key(1), args.key(2));
    if source != target {
        rename(cx, source, target)?;
    } else if !cx.exists(cx.database, source) {
        return Err(Fault::NoSuchKey);
    }
    reply.ok();
    Ok(())
}

pub(super) fn renamenx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (source, target) = (args.key(1), args.key(2));
    let database = cx.database;
    if !cx.exists(database, source) {
        return Err(Fault::NoSuchKey);
    }
    // A key that is to have its own name has it.
    let free = !cx.exists(database, target);
    if free {
        rename(cx, source, target)?;
    }
    reply.integer(i64::from(free));
    Ok(())
}

fn rename(cx: &mut Cx<'_>, source: &[u8], target: &[u8]) -> Result<(), Fault> {
    let is_raw = cx.write(source).is_some_and(|entry| entry.encoding() == "raw");
    let (value, deadline) = cx.take_in(cx.database, source).ok_or(Fault::NoSuchKey)?;
    // What was there is gone first: the key is a new one.
    cx.remove(target);
    cx.put(target, value, deadline);
    if is_raw {
        cx.mark_raw(cx.database, target);
    }
    cx.changed(1);
    cx.event(Classes::GENERIC, "rename_from", source);
    cx.event(Classes::GENERIC, "rename_to", target);
    Ok(())
}
