//! What is known of places: GEODIST, GEOHASH, GEOPOS.

use super::place::{unit, write_distance, write_place};
use super::{cell, shape};
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::SortedSet;
use crate::store::types::zset::Score;

/// GEODIST key member1 member2 \[M | KM | FT | MI\]
pub(super) fn geodist(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let meters = match args.len() {
        4 => 1.0,
        5 => unit(args.get(4))?,
        _ => return Err(Fault::Syntax),
    };
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    let point = |at| set.and_then(|set| set.score(args.get(at))).map(|score| cell::point_of(score.get()));
    match (point(2), point(3)) {
        (Some(from), Some(to)) => write_distance(shape::distance(from, to) / meters, reply),
        _ => reply.null(),
    }
    Ok(())
}

/// GEOHASH key \[member ...\]
pub(super) fn geohash(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    each(cx, args, reply, |score, reply| match score {
        Some(score) => reply.bulk(&cell::text_of(score.get())),
        None => reply.null(),
    })
}

/// GEOPOS key \[member ...\]
pub(super) fn geopos(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    each(cx, args, reply, |score, reply| match score {
        Some(score) => write_place(cell::point_of(score.get()), reply),
        None => reply.null_array(),
    })
}

/// Answers something about each member that is named.
fn each(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, tell: impl Fn(Option<Score>, &mut Reply<'_>)) -> Result<(), Fault> {
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    members.for_each(|member| tell(set.and_then(|set| set.score(member)), reply));
    Ok(())
}
