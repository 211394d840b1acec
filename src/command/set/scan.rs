//! SSCAN key cursor \[MATCH pattern\] \[COUNT count\]: the members of a set in steps. A small set is one step.

use crate::command::{Args, Cx, Fault, answer, walk};
use crate::resp::Reply;
use crate::store::types::{DIGITS_MAX, Set};

pub(super) fn sscan(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let cursor = walk::cursor(args.get(2))?;
    // The options of a scan of nothing are not looked at.
    let Some(set) = cx.read_as::<Set>(args.key(1))? else {
        walk::nothing(reply);
        return Ok(());
    };
    let wanted = walk::Wanted::parse(args, false)?;
    // No scan returned what is beyond all cursors: for a table that is the end.
    wanted.answer(cursor.unwrap_or(u64::MAX), reply, |place, reply| {
        let (mut seen, mut written) = (0, 0);
        let next = set.scan(place, |member| {
            seen += 1;
            if wanted.admits(member.bytes(&mut [0; DIGITS_MAX])) {
                answer::element(member, reply);
                written += 1;
            }
        });
        (next, seen, written)
    });
    Ok(())
}
