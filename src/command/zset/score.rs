//! Looking a member up: ZSCORE. And ZCARD, how many there are.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::SortedSet;

pub(super) fn zscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    match set.and_then(|set| set.score(args.get(2))) {
        Some(score) => reply.double(score.get()),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zcard(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<SortedSet>(args.key(1))?.map_or(0, SortedSet::len), reply);
    Ok(())
}
