//! SRANDMEMBER key \[count\]: members chosen at random, each once, or with repetitions if the count is negative.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Set;

const COUNT_OUT_OF_RANGE: &str = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
const TOO_MUCH: &str = "ERR the reply would be longer than proto-max-bulk-len";
/// What the shortest member takes in a reply.
const MEMBER_BYTES_MIN: usize = 6;

pub(super) fn srandmember(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        2 => {
            let seed = cx.random();
            let member = cx.read_as::<Set>(args.key(1))?.and_then(|set| set.random(seed));
            answer::element_or_null(member, reply);
            Ok(())
        }
        3 => several(cx, args.key(1), args.int(2)?, reply),
        _ => Err(Fault::Syntax),
    }
}

fn several(cx: &mut Cx<'_>, key: &[u8], count: i64, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if count == i64::MIN {
        return Err(Fault::Because(COUNT_OUT_OF_RANGE));
    }
    let (seed, bytes_max) = (cx.random(), cx.limits.string_bytes_max);
    let Some(set) = cx.read_as::<Set>(key)? else {
        reply.array(0);
        return Ok(());
    };
    if let Ok(count) = usize::try_from(count) {
        reply.array(count.min(set.len()));
        set.sample(count, seed, |member| answer::element(member, reply));
        return Ok(());
    }
    // A few bytes could ask for any amount of memory: what no string may be, no reply of repetitions is either.
    let mut left = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if left > bytes_max / MEMBER_BYTES_MIN {
        return Err(Fault::Because(TOO_MUCH));
    }
    reply.array(left);
    let limit = reply.mark().saturating_add(bytes_max);
    set.draw(seed, |member| {
        answer::element(member, reply);
        left -= 1;
        left > 0 && reply.mark() < limit
    });
    if left > 0 { Err(Fault::Because(TOO_MUCH)) } else { Ok(()) }
}
