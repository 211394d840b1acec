//! Members that leave: ZREM by name, ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX by the range.

use std::ops::Range;

use super::bounds::{lex_bound, score_bound};
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::SortedSet;

pub(super) fn zrem(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let Some(mut set) = cx.edit_as::<SortedSet>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|member| set.remove(member).is_some()).count();
    let emptied = set.is_empty();
    drop(set);
    if removed > 0 {
        cx.event(Classes::ZSET, "zrem", key);
    }
    if emptied {
        cx.drop_if_empty::<SortedSet>(key);
    }
    cx.changed(removed as u64);
    answer::count(removed, reply);
    Ok(())
}

pub(super) fn zremrangebyrank(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    remove(cx, args.key(1), "zremrangebyrank", reply, |set| set.ranks_by_index(start, stop, false))
}

pub(super) fn zremrangebyscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (min, max) = (score_bound(args.get(2))?, score_bound(args.get(3))?);
    remove(cx, args.key(1), "zremrangebyscore", reply, |set| set.ranks_by_score(min, max))
}

pub(super) fn zremrangebylex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (min, max) = (lex_bound(args.get(2))?, lex_bound(args.get(3))?);
    remove(cx, args.key(1), "zremrangebylex", reply, |set| set.ranks_by_lex(min, max))
}

/// Removes the members with the ranks that `find` finds in the set, and answers how many there were.
fn remove(
    cx: &mut Cx<'_>,
    key: &[u8],
    event: &'static str,
    reply: &mut Reply<'_>,
    find: impl FnOnce(&SortedSet) -> Range<usize>,
) -> Result<(), Fault> {
    let Some(mut set) = cx.edit_as::<SortedSet>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let ranks = find(&set);
    let removed = ranks.len();
    let all = removed == set.len();
    if !all {
        set.remove_ranks(ranks, |_, _| {});
    }
    drop(set);
    if removed > 0 {
        cx.event(Classes::ZSET, event, key);
    }
    if all {
        cx.delete(key); // by way of the reclaimer, if it was large
    }
    cx.changed(removed as u64);
    answer::count(removed, reply);
    Ok(())
}
