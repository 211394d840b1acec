//! Reading a hash: HGET one field, HGETALL everything.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Hash;

pub(super) fn hget(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let hash = cx.read_as::<Hash>(args.key(1))?;
    answer::element_or_null(hash.and_then(|hash| hash.get(args.get(2))), reply);
    Ok(())
}

pub(super) fn hgetall(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(hash) = cx.read_as::<Hash>(args.key(1))? else {
        reply.map(0);
        return Ok(());
    };
    reply.map(hash.len());
    answer::each(hash.iter(), hash.len(), reply, |(field, value), reply| {
        answer::element(field, reply);
        answer::element(value, reply);
    });
    Ok(())
}
