//! GEOADD key \[NX | XX\] \[CH\] longitude latitude member ...: places in a sorted set, which are ZADD's scores made of two numbers.

use super::cell;
use super::place::place;
use crate::command::zset::add::{Options, add_all};
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::zset::Score;

pub(super) fn geoadd(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut options = Options::default();
    let mut at = 2;
    while (args.is(at, "nx") || args.is(at, "xx") || args.is(at, "ch")) && options.take(args.get(at)) {
        at += 1;
    }
    let words = args.len() - at;
    if words == 0 || !words.is_multiple_of(3) || (options.missing && options.present) {
        return Err(Fault::Syntax);
    }
    let mut pairs = Vec::with_capacity(words / 3);
    for at in (at..args.len()).step_by(3) {
        let score = cell::score_of(place(args.get(at), args.get(at + 1))?);
        pairs.push((Score::new(score).unwrap_or_default(), args.get(at + 2)));
    }
    add_all(cx, args.key(1), pairs, options, reply)
}
