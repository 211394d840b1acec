//! Reading a hash whole: HGETALL, HKEYS and HVALS.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Hash;

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

pub(super) fn hkeys(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(hash) = cx.read_as::<Hash>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    reply.array(hash.len());
    answer::each(hash.iter(), hash.len(), reply, |(field, _), reply| answer::element(field, reply));
    Ok(())
}

pub(super) fn hvals(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(hash) = cx.read_as::<Hash>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    reply.array(hash.len());
    answer::each(hash.iter(), hash.len(), reply, |(_, value), reply| answer::element(value, reply));
    Ok(())
}
