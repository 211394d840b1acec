//! LPOP and RPOP: elements leave an end of a list. With a count, even of one, they come as an array.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::List;
use crate::store::types::list::End;

pub(super) fn lpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => pop_one(cx, args.key(1), End::Front, reply),
        3 => pop_many(cx, args, End::Front, reply),
        _ => Err(Fault::Arity("lpop")),
    }
}

pub(super) fn rpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => pop_one(cx, args.key(1), End::Back, reply),
        3 => pop_many(cx, args, End::Back, reply),
        _ => Err(Fault::Arity("rpop")),
    }
}

/// Tells that elements have left an end of a list.
#[inline]
pub(super) fn tell(cx: &mut Cx<'_>, key: &[u8], end: End) {
    cx.event(Classes::LIST, if end == End::Front { "lpop" } else { "rpop" }, key);
}

/// The element at an end of a list, or null if there is no list.
#[inline]
pub(super) fn pop_one(cx: &mut Cx<'_>, key: &[u8], end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(key)? else {
        reply.null();
        return Ok(());
    };
    list.pop(end, thresholds, |element| answer::element(element, reply));
    let emptied = list.is_empty();
    drop(list);
    tell(cx, key, end);
    if emptied {
        cx.drop_if_empty::<List>(key);
    }
    cx.changed(1);
    Ok(())
}

fn pop_many(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let count = args.count(2)?;
    pop_up_to(cx, key, end, count, reply)
}

/// Answers up to `count` elements that leave an end of a list, or the null array if there is no list.
pub(super) fn pop_up_to(cx: &mut Cx<'_>, key: &[u8], end: End, count: usize, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(key)? else {
        reply.null_array();
        return Ok(());
    };
    let popped = count.min(list.len());
    reply.array(popped);
    let all = popped == list.len();
    if all {
        match end {
            End::Front => list.iter().for_each(|element| answer::element(element, reply)),
            End::Back => list.iter_back().for_each(|element| answer::element(element, reply)),
        }
    } else {
        for _ in 0..popped {
            list.pop(end, thresholds, |element| answer::element(element, reply));
        }
    }
    drop(list);
    if popped > 0 {
        tell(cx, key, end);
    }
    if all {
        cx.delete(key); // by way of the reclaimer, if it was long
    }
    cx.changed(popped as u64);
    Ok(())
}
