//! Reading a stream: XRANGE, XREVRANGE and XLEN.

use super::ids;
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::stream::{Fields, Id, Stream};

pub(super) fn xrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, end) = (ids::first_of_range(args.get(2))?, ids::last_of_range(args.get(3))?);
    range(cx, args, start, end, false, reply)
}

pub(super) fn xrevrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (start, end) = (ids::first_of_range(args.get(3))?, ids::last_of_range(args.get(2))?);
    range(cx, args, start, end, true, reply)
}

fn range(cx: &mut Cx<'_>, args: &Args<'_>, start: Id, end: Id, reverse: bool, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut count = None;
    let mut options = args.options(4);
    while let Some(word) = options.next() {
        if !word.eq_ignore_ascii_case(b"count") {
            return Err(Fault::Syntax);
        }
        // -1 too is none at all, once it is said.
        count = Some(usize::try_from(options.int()?).unwrap_or(0));
    }
    let Some(stream) = cx.read_as::<Stream>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    if count == Some(0) {
        reply.null_array();
        return Ok(());
    }
    let later = reply.array_later();
    let mut told = 0;
    for (id, fields) in stream.range(start, end, reverse).take(count.unwrap_or(usize::MAX)) {
        entry(id, fields, reply);
        told += 1;
    }
    reply.close(later, told);
    Ok(())
}

/// An entry as clients see it: its id, and its fields and values in one array.
#[inline]
pub(super) fn entry(id: Id, fields: Fields<'_>, reply: &mut Reply<'_>) {
    reply.array(2);
    ids::write(id, reply);
    contents(fields, reply);
}

/// Its fields and values alone.
#[inline]
pub(super) fn contents(fields: Fields<'_>, reply: &mut Reply<'_>) {
    reply.array(fields.len() * 2);
    for (field, value) in fields {
        reply.bulk(field);
        reply.bulk(value);
    }
}

pub(super) fn xlen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<Stream>(args.key(1))?.map_or(0, |stream| stream.len()), reply);
    Ok(())
}
