//! ZRANDMEMBER key \[count \[WITHSCORES\]\]: members chosen at random, each once, or with repetitions if the count is negative.

use std::collections::BTreeSet;

use super::pairs;
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::zset::Score;
use crate::store::types::{SortedSet, below};

const COUNT_OUT_OF_RANGE: &str = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
const PAIRS_OUT_OF_RANGE: &str = "ERR value is out of range";
const TOO_MUCH: &str = "ERR the reply would be longer than proto-max-bulk-len";

/// Of more than one member in so many, all are walked and some passed over; of fewer, ranks are drawn until enough are different.
const DRAWN_OF: usize = 3;
/// Members of a packed set are noted once rather than looked for each time: a packed set has no more, unless its owner wants it so.
const NOTED_MAX: usize = 128;

pub(super) fn zrandmember(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() == 2 {
        let seed = cx.random();
        match cx.read_as::<SortedSet>(args.key(1))?.and_then(|set| set.random(seed)) {
            Some((member, _)) => reply.bulk(member),
            None => reply.null(),
        }
        return Ok(());
    }
    let (count, repeat) = count_of(args)?;
    let scores = args.len() == 4;
    let bytes_max = cx.limits.string_bytes_max;
    let mut seed = cx.random();
    let Some(set) = cx.read_as::<SortedSet>(args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    if repeat {
        return repeated(set, count, scores, bytes_max, &mut seed, reply);
    }
    let count = count.min(set.len());
    pairs::begin(count, scores, reply);
    let mut tell = |(member, score)| pairs::write(member, score, scores, reply);
    if count > set.len() / DRAWN_OF {
        // One walk, on which each member is as likely as the rest to be taken.
        let (mut wanted, mut left) = (count, set.len());
        for pair in set.iter() {
            if below(left, &mut seed) < wanted {
                tell(pair);
                wanted -= 1;
            }
            left -= 1;
        }
    } else {
        let mut drawn = BTreeSet::new();
        while drawn.len() < count {
            let rank = below(set.len(), &mut seed);
            if drawn.insert(rank)
                && let Some(pair) = set.at(rank)
            {
                tell(pair);
            }
        }
    }
    Ok(())
}

/// How many members, and whether one may come more than once.
fn count_of(args: &Args<'_>) -> Result<(usize, bool), Fault> {
    let count = args.int(2)?;
    if count == i64::MIN {
        return Err(Fault::Because(COUNT_OUT_OF_RANGE));
    }
    if args.len() > 4 || (args.len() == 4 && !args.is(3, "withscores")) {
        return Err(Fault::Syntax);
    }
    if args.len() == 4 && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Fault::Because(PAIRS_OUT_OF_RANGE));
    }
    Ok((usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX), count < 0))
}

/// `count` members, each time any of all. They are as many as a client likes, however small the set, so their reply has a bound.
fn repeated(set: &SortedSet, count: usize, scores: bool, bytes_max: usize, seed: &mut u64, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let start = reply.mark();
    let noted: Vec<(&[u8], Score)> = if set.len() <= NOTED_MAX && count > 1 { set.iter().collect() } else { Vec::new() };
    pairs::begin(count, scores, reply);
    for _ in 0..count {
        let rank = below(set.len(), seed);
        let Some((member, score)) = noted.get(rank).copied().or_else(|| set.at(rank)) else { break };
        pairs::write(member, score, scores, reply);
        if reply.mark() - start > bytes_max {
            return Err(Fault::Because(TOO_MUCH));
        }
    }
    Ok(())
}
