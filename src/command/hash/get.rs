//! Reading fields of a hash by name: HGET HMGET HSTRLEN HEXISTS; and how many there are: HLEN.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{Element, Hash};

pub(super) fn hget(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let hash = cx.read_as::<Hash>(args.key(1))?;
    answer::element_or_null(hash.and_then(|hash| hash.get(args.get(2))), reply);
    Ok(())
}

pub(super) fn hmget(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let hash = cx.read_as::<Hash>(args.key(1))?;
    let fields = args.from(2);
    reply.array(fields.len());
    for field in fields {
        answer::element_or_null(hash.and_then(|hash| hash.get(field)), reply);
    }
    Ok(())
}

pub(super) fn hstrlen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let hash = cx.read_as::<Hash>(args.key(1))?;
    let value = hash.and_then(|hash| hash.get(args.get(2)));
    answer::count(value.as_ref().map_or(0, Element::len), reply);
    Ok(())
}

pub(super) fn hexists(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let hash = cx.read_as::<Hash>(args.key(1))?;
    reply.integer(i64::from(hash.is_some_and(|hash| hash.contains(args.get(2)))));
    Ok(())
}

pub(super) fn hlen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer::count(cx.read_as::<Hash>(args.key(1))?.map_or(0, Hash::len), reply);
    Ok(())
}
