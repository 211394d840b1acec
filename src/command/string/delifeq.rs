//! DELIFEQ key value: removes a string if it is this one, as who gives back a lock wants.

use super::equals;
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let removed = equals(cx, args.key(1), args.get(2))? && cx.remove(args.key(1));
    cx.changed(u64::from(removed));
    reply.integer(i64::from(removed));
    Ok(())
}
