//! ZRANK and ZREVRANK key member \[WITHSCORE\]: a member's place, counted from the lowest score or from the highest.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::SortedSet;

pub(super) fn zrank(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    rank(cx, args, "zrank", false, reply)
}

pub(super) fn zrevrank(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    rank(cx, args, "zrevrank", true, reply)
}

fn rank(cx: &mut Cx<'_>, args: &Args<'_>, name: &'static str, reverse: bool, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let with_score = args.len() > 3;
    if args.len() > 4 {
        return Err(Fault::Arity(name));
    }
    if with_score && !args.is(3, "withscore") {
        return Err(Fault::Syntax);
    }
    let set = cx.read_as::<SortedSet>(args.key(1))?;
    let found = set.and_then(|set| set.rank(args.get(2)).map(|(rank, score)| (if reverse { set.len() - 1 - rank } else { rank }, score)));
    match found {
        Some((rank, score)) if with_score => {
            reply.array(2);
            answer::count(rank, reply);
            reply.double(score.get());
        }
        Some((rank, _)) => answer::count(rank, reply),
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    Ok(())
}
