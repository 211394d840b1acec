//! LINDEX, LSET, LINSERT, LREM: single elements of a list, by their place or by what they are.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::List;
use crate::store::types::list::Side;

pub(super) fn lindex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    // The key is looked at before the index is read: where there is no list, any index will do.
    match cx.read_as::<List>(args.key(1))? {
        Some(list) => answer::element_or_null(list.get(args.int(2)?), reply),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn lset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(args.key(1))? else { return Err(Fault::NoSuchKey) };
    let index = args.int(2)?;
    if !list.set(index, args.get(3), thresholds) {
        return Err(Fault::Because("ERR index out of range"));
    }
    drop(list);
    cx.changed(1);
    cx.event(Classes::LIST, "lset", args.key(1));
    reply.ok();
    Ok(())
}

pub(super) fn linsert(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let side = match () {
        () if args.is(2, "before") => Side::Before,
        () if args.is(2, "after") => Side::After,
        () => return Err(Fault::Syntax),
    };
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(args.key(1))? else {
        reply.integer(0);
        return Ok(());
    };
    if !list.insert(side, args.get(3), args.get(4), thresholds) {
        reply.integer(-1);
        return Ok(());
    }
    answer::count(list.len(), reply);
    drop(list);
    cx.changed(1);
    cx.event(Classes::LIST, "linsert", args.key(1));
    Ok(())
}

pub(super) fn lrem(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, count) = (args.key(1), args.int(2)?);
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let removed = list.remove(count, args.get(3), thresholds);
    let emptied = list.is_empty();
    drop(list);
    if removed > 0 {
        cx.event(Classes::LIST, "lrem", key);
    }
    if emptied {
        cx.drop_if_empty::<List>(key);
    }
    cx.changed(removed as u64);
    answer::count(removed, reply);
    Ok(())
}
