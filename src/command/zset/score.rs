//! Looking members up: ZSCORE one, ZMSCORE several. And ZCARD, how many there are.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::SortedSet;

pub(super) fn zscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    tell(set, args.get(2), reply);
    Ok(())
}

pub(super) fn zmscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    members.for_each(|member| tell(set, member, reply));
    Ok(())
}

fn tell(set: Option<&SortedSet>, member: &[u8], reply: &mut Reply<'_>) {
    match set.and_then(|set| set.score(member)) {
        Some(score) => reply.double(score.get()),
        None => reply.null(),
    }
}

pub(super) fn zcard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<SortedSet>(args.key(1))?.map_or(0, SortedSet::len), reply);
    Ok(())
}
