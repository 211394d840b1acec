//! Reading a list: LRANGE and LLEN.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::List;

pub(super) fn lrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let Some(list) = cx.read_as::<List>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    let (first, count) = list.span(start, stop);
    reply.array(count);
    answer::each(list.iter_from(first).take(count), count, reply, answer::element);
    Ok(())
}

pub(super) fn llen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<List>(args.key(1))?.map_or(0, List::len), reply);
    Ok(())
}
