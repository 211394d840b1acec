//! Reading a set: SMEMBERS, SCARD, SISMEMBER, SMISMEMBER.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Set;

pub(super) fn smembers(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(set) = cx.read_as::<Set>(args.key(1))? else {
        reply.set(0);
        return Ok(());
    };
    reply.set(set.len());
    answer::each(set.iter(), set.len(), reply, answer::element);
    Ok(())
}

pub(super) fn scard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<Set>(args.key(1))?.map_or(0, Set::len), reply);
    Ok(())
}

pub(super) fn sismember(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let there = cx.read_as::<Set>(args.key(1))?.is_some_and(|set| set.contains(args.get(2)));
    reply.integer(i64::from(there));
    Ok(())
}

pub(super) fn smismember(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let set = cx.read_as::<Set>(args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
    }
    Ok(())
}
