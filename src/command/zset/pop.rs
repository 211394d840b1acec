//! ZPOPMIN key \[count\]: the members of the lowest scores leave the set, the lowest first.

use crate::command::{Args, Cx, Fault};
use crate::resp::{Protocol, Reply};
use crate::store::types::SortedSet;
use crate::store::types::zset::Score;

pub(super) fn zpopmin(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (count, counted) = match args.len() {
        2 => (1, false),
        3 => (args.count(2)?, true),
        _ => return Err(Fault::Syntax),
    };
    let key = args.key(1);
    let Some(mut set) = cx.edit_as::<SortedSet>(key)? else {
        reply.array(0);
        return Ok(());
    };
    let popped = count.min(set.len());
    // Pairs of their own only where many were asked for, and only in RESP3.
    let nested = counted && reply.protocol() == Protocol::Resp3;
    reply.array(if nested { popped } else { popped * 2 });
    let mut tell = |member: &[u8], score: Score| {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score.get());
    };
    let all = popped == set.len();
    if all {
        set.iter().for_each(|(member, score)| tell(member, score));
    } else {
        set.pop_min(popped, tell);
    }
    drop(set);
    if all {
        cx.remove(key); // by way of the reclaimer, if it was large
    }
    cx.changed(popped as u64);
    Ok(())
}
