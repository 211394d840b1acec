//! DEBUG OBJECT key: a line about the value at a key. DEBUG PANIC: the end of the process.

use super::SECOND;
use crate::command::{Access, Args, Arity, Cx, Fault, Flags, KeySpec, Limits, Row, Spec, Spread};
use crate::resp::Reply;

/// The row: neither a reader nor a writer by its flags, and refused where DEBUG is.
pub(super) const OBJECT: Row =
    Row { spec: Spec::new("debug|object", Arity::exactly(3), SECOND, FLAGS), run: object, spread: Spread::No, beyond: None }.doc(
        "server",
        "1.0.0",
        "Describes the value at a key, for who hunts a bug.",
        "O(1)",
        "key",
    );

/// For tests of what a panic does: in the shard that owns the keys, or in a borrower when several do. Redis takes no keys.
pub(super) const PANIC: Row = Row {
    spec: Spec::new("debug|panic", Arity::at_least(2), &[KeySpec::rest(2, 1, Access::RO)], FLAGS.and(Flags::NO_MANDATORY_KEYS)),
    run: panic,
    spread: Spread::No,
    beyond: None,
}
.doc("server", "1.0.0", "Lets the server panic, to see how it ends.", "O(1)", "[key ...]");

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED);

fn panic(_: &mut Cx<'_>, _: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    panic!("DEBUG PANIC")
}

/// The fields are those that tests and tools look for in Redis's line. There is no address worth telling, and the serialized length is
/// the allocated one.
fn object(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
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
