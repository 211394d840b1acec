//! HSCAN key cursor \[MATCH pattern\] \[COUNT count\] \[NOVALUES\]: the fields of a hash in steps. A packed hash is one step.

use crate::command::{Args, Cx, Fault, answer, walk};
use crate::resp::Reply;
use crate::store::types::{DIGITS_MAX, Hash};

pub(super) fn hscan(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let cursor = walk::cursor(args.get(2))?;
    // The options of a scan of nothing are not looked at.
    let Some(hash) = cx.read_as::<Hash>(args.key(1))? else {
        walk::nothing(reply);
        return Ok(());
    };
    let wanted = walk::Wanted::parse(args, true)?;
    // No scan returned what is beyond all cursors: for a table that is the end.
    wanted.answer(cursor.unwrap_or(u64::MAX), reply, |place, reply| {
        let (mut seen, mut written) = (0, 0);
        let next = hash.scan(place, |field, value| {
            seen += 1;
            if wanted.admits(field.bytes(&mut [0; DIGITS_MAX])) {
                answer::element(field, reply);
                written += 1;
                if !wanted.keys_only {
                    answer::element(value, reply);
                    written += 1;
                }
            }
        });
        (next, seen, written)
    });
    Ok(())
}
