//! LPUSH, RPUSH, LPUSHX, RPUSHX: elements come in at an end of a list, one after the other; with X only if there is a list.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::List;
use crate::store::types::list::End;

pub(super) fn lpush(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    push(cx, args, End::Front, reply)
}

pub(super) fn rpush(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    push(cx, args, End::Back, reply)
}

pub(super) fn lpushx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    push_if_there(cx, args, End::Front, reply)
}

pub(super) fn rpushx(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    push_if_there(cx, args, End::Back, reply)
}

/// Tells that elements have come in at an end of a list.
#[inline]
pub(super) fn tell(cx: &mut Cx<'_>, key: &[u8], end: End) {
    cx.event(Classes::LIST, if end == End::Front { "lpush" } else { "rpush" }, key);
}

#[inline]
fn push(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let key = args.key(1);
    let mut list = cx.create_as(key, List::new)?;
    let words = args.from(2);
    let added = words.len() as u64;
    for word in words {
        list.push(end, word, thresholds);
    }
    answer::count(list.len(), reply);
    drop(list);
    cx.changed(added);
    tell(cx, key, end);
    Ok(())
}

fn push_if_there(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let key = args.key(1);
    let Some(mut list) = cx.edit_as::<List>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let words = args.from(2);
    let added = words.len() as u64;
    words.for_each(|word| list.push(end, word, thresholds));
    answer::count(list.len(), reply);
    drop(list);
    cx.changed(added);
    tell(cx, key, end);
    Ok(())
}
