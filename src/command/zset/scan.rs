//! ZSCAN key cursor \[MATCH pattern\] \[COUNT count\]: members and scores in steps. A packed set is one step.

use crate::command::{Args, Cx, Fault, walk};
use crate::resp::Reply;
use crate::resp::number::{DOUBLE_BYTES_MAX, format_double};
use crate::store::types::SortedSet;

pub(super) fn zscan(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let cursor = walk::cursor(args.get(2))?;
    // The options of a scan of nothing are not looked at.
    let Some(set) = cx.read_as::<SortedSet>(args.key(1))? else {
        walk::nothing(reply);
        return Ok(());
    };
    let wanted = walk::Wanted::parse(args, false)?;
    // No scan returned what is beyond all cursors: for a large set that is the end, while a packed one is shown all the same.
    if cursor.is_none() && !set.is_packed() {
        walk::nothing(reply);
        return Ok(());
    }
    wanted.answer(cursor.unwrap_or(0), reply, |place, reply| {
        let (mut seen, mut written) = (0, 0);
        let next = set.scan(place, 1, &mut |member, score| {
            seen += 1;
            if wanted.admits(member) {
                reply.bulk(member);
                // A bulk string in RESP3 too. Redis keeps whole scores of packed sets as integers, and shows them as such.
                match whole(score.get()).filter(|_| set.is_packed()) {
                    Some(number) => reply.bulk_integer(number),
                    None => reply.bulk(format_double(score.get(), &mut [0; DOUBLE_BYTES_MAX]).as_bytes()),
                }
                written += 2;
            }
        });
        (next, seen, written)
    });
    Ok(())
}

/// The integer that a score is, if it is one of 63 bits.
fn whole(score: f64) -> Option<i64> {
    const MOST: f64 = (1u64 << 62) as f64;
    let number = score as i64;
    (score.abs() <= MOST && number as f64 == score).then_some(number)
}
