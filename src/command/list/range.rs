//! LRANGE, LLEN, LTRIM: a list between two indexes, and how long it is.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::Value;
use crate::store::types::List;

pub(super) fn lrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let Some(list) = cx.read_as::<List>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    let (first, count) = list.span(start, stop);
    reply.array(count);
    list.for_range(first, count, |element| answer::element(element, reply));
    Ok(())
}

pub(super) fn llen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<List>(args.key(1))?.map_or(0, List::len), reply);
    Ok(())
}

pub(super) fn ltrim(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, stop) = (args.int(2)?, args.int(3)?);
    let key = args.key(1);
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(key)? else {
        reply.ok();
        return Ok(());
    };
    let before = list.len();
    let (first, count) = list.span(start, stop);
    if count == 0 {
        drop(list);
        cx.event(Classes::LIST, "ltrim", key);
        cx.delete(key); // by way of the reclaimer, if it was long
    } else {
        let gone = list.trim(first, count, thresholds);
        drop(list);
        cx.event(Classes::LIST, "ltrim", key);
        cx.effects.discard(Value::List(Box::new(gone)));
    }
    cx.changed((before - count) as u64);
    reply.ok();
    Ok(())
}
