//! DEBUG OBJECT key: a line about the value at a key.

use crate::command::{Args, Cx, Fault, Limits};
use crate::resp::Reply;

/// The fields are those that tests and tools look for in Redis's line. There is no address worth telling, and the serialized length is
/// the allocated one.
pub(super) fn object(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now;
    let entry = cx.peek(args.key(2)).ok_or(Fault::NoSuchKey)?;
    let access = entry.access();
    reply.simple(&format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:{access} lru_seconds_idle:{}",
        entry.encoding(),
        entry.heap_bytes(),
        Limits::idle_seconds(access, now),
    ));
    Ok(())
}
