//! WATCH, as a shard sees it: the client of this batch is to know of the next change of these keys.

use crate::command::{Access, Args, Arity, Cx, Fault, Join, KeySpec, Row, Spread, spec};
use crate::resp::Reply;

/// No command that a client can name: the session's WATCH sends it.
pub(crate) static ROW: Row =
    spec::read("watch", Arity::at_least(2), &[KeySpec::rest(1, 1, Access::RO)], run).spread(Spread::Keys(Join::AllOk));

fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    args.from(1).for_each(|key| cx.watch(key));
    reply.ok();
    Ok(())
}
