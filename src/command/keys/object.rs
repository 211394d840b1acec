//! OBJECT ENCODING, FREQ, IDLETIME, REFCOUNT: how a value is kept, without using it. A missing key is null.

use crate::command::{Args, Cx, Fault, Limits};
use crate::resp::Reply;

pub(super) fn encoding(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match cx.inspect(args.key(2)) {
        Some(entry) => reply.bulk(entry.encoding().as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn freq(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (limits, now) = (cx.limits, cx.now);
    match cx.inspect(args.key(2)) {
        Some(_) if !limits.frequency => return Err(Fault::Because(NO_FREQUENCY)),
        Some(entry) => reply.integer(i64::from(limits.frequency_of(entry.access(), now))),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn idletime(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (limits, now) = (cx.limits, cx.now);
    match cx.inspect(args.key(2)) {
        Some(_) if limits.frequency => return Err(Fault::Because(NO_IDLE_TIME)),
        Some(entry) => reply.integer(i64::from(Limits::idle_seconds(entry.access(), now))),
        None => reply.null(),
    }
    Ok(())
}

const NO_FREQUENCY: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                            switching between policies at runtime LRU and LFU data will take some time to adjust.";
const NO_IDLE_TIME: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
                            policies at runtime LRU and LFU data will take some time to adjust.";

/// Nothing is shared: always one.
pub(super) fn refcount(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match cx.inspect(args.key(2)) {
        Some(_) => reply.integer(1),
        None => reply.null(),
    }
    Ok(())
}
