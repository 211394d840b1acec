//! How many members lie in a range: ZCOUNT by score, ZLEXCOUNT by name. The range is never walked.

use super::bounds::{lex_bound, score_bound};
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::SortedSet;

pub(super) fn zcount(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (min, max) = (score_bound(args.get(2))?, score_bound(args.get(3))?);
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    answer::count(set.map_or(0, |set| set.ranks_by_score(min, max).len()), reply);
    Ok(())
}

pub(super) fn zlexcount(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (min, max) = (lex_bound(args.get(2))?, lex_bound(args.get(3))?);
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    answer::count(set.map_or(0, |set| set.ranks_by_lex(min, max).len()), reply);
    Ok(())
}
