//! SREM and SMOVE: members leave a set, for good or for another one.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Set;

pub(super) fn srem(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let Some(mut set) = cx.edit_as::<Set>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|member| set.remove(member)).count();
    let emptied = set.is_empty();
    drop(set);
    if removed > 0 {
        cx.event(Classes::SET, "srem", key);
    }
    if emptied {
        cx.drop_if_empty::<Set>(key);
    }
    cx.changed(removed as u64);
    answer::count(removed, reply);
    Ok(())
}

pub(super) fn smove(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (source, target, member) = (args.key(1), args.key(2), args.get(3));
    let thresholds = cx.thresholds();
    let Some(there) = cx.check_as::<Set>(source)?.map(|set| set.contains(member)) else {
        reply.integer(0);
        return Ok(());
    };
    // A fault comes before any change, even where there is nothing to move.
    let there_already = cx.check_as::<Set>(target)?.is_some_and(|set| set.contains(member));
    if there && source != target {
        let emptied = cx.edit_as::<Set>(source)?.is_some_and(|mut set| set.remove(member) && set.is_empty());
        cx.event(Classes::SET, "srem", source);
        if emptied {
            cx.drop_if_empty::<Set>(source);
        }
        cx.changed(1);
        if !there_already {
            cx.create_as(target, Set::new)?.add(member, thresholds);
            cx.changed(1);
            cx.event(Classes::SET, "sadd", target);
        }
    }
    reply.integer(i64::from(there));
    Ok(())
}
