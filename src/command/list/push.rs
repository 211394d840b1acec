//! LPUSH, RPUSH, LPUSHX, RPUSHX: elements come in at an end of a list, one after the other; with X only if there is a list.

use crate::command::{Args, Cx, Fault, answer};
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

#[inline]
fn push(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let mut list = cx.create_as(args.key(1), List::new)?;
    let words = args.from(2);
    let added = words.len() as u64;
    for word in words {
        list.push(end, word, thresholds);
    }
    answer::count(list.len(), reply);
    drop(list);
    cx.changed(added);
    Ok(())
}

fn push_if_there(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let Some(mut list) = cx.edit_as::<List>(args.key(1))? else {
        reply.integer(0);
        return Ok(());
    };
    let words = args.from(2);
    let added = words.len() as u64;
    words.for_each(|word| list.push(end, word, thresholds));
    answer::count(list.len(), reply);
    drop(list);
    cx.changed(added);
    Ok(())
}
