//! Members of the lowest or highest scores leave: ZPOPMIN and ZPOPMAX from one set, ZMPOP from the first that there is.

use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::resp::{Protocol, Reply, number};
use crate::store::types::SortedSet;
use crate::store::types::zset::Score;

const NO_KEYS: &str = "ERR numkeys should be greater than 0";
const NO_COUNT: &str = "ERR count should be greater than 0";

/// The side they leave from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Lowest,
    Highest,
}

pub(super) fn zpopmin(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_of_one(cx, args, End::Lowest, reply)
}

pub(super) fn zpopmax(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_of_one(cx, args, End::Highest, reply)
}

fn pop_of_one(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (count, counted) = match args.len() {
        2 => (1, false),
        3 => (args.count(2)?, true),
        _ => return Err(Fault::Syntax),
    };
    // Pairs of their own only where many were asked for, and only in RESP3.
    let nested = counted && reply.protocol() == Protocol::Resp3;
    let begin = |popped, reply: &mut Reply<'_>| reply.array(if nested { popped } else { popped * 2 });
    if pop(cx, args.key(1), count, end, nested, begin, reply)?.is_none() {
        reply.array(0);
    }
    Ok(())
}

/// ZMPOP numkeys key \[key ...\] MIN | MAX \[COUNT count\]
pub(super) fn zmpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let positive = |word: &[u8], fault| {
        let number = number::parse_integer(word).filter(|&number| number > 0);
        number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)).ok_or(Fault::Because(fault))
    };
    let keys = positive(args.get(1), NO_KEYS)?;
    let at = keys.checked_add(2).filter(|&at| at < args.len()).ok_or(Fault::Syntax)?;
    let end = match args.get(at) {
        word if word.eq_ignore_ascii_case(b"min") => End::Lowest,
        word if word.eq_ignore_ascii_case(b"max") => End::Highest,
        _ => return Err(Fault::Syntax),
    };
    let mut count = None;
    let mut options = args.options(at + 1);
    while let Some(word) = options.next() {
        if count.is_some() || !word.eq_ignore_ascii_case(b"count") {
            return Err(Fault::Syntax);
        }
        count = Some(positive(options.operand()?, NO_COUNT)?);
    }
    for key in args.from(2).take(keys) {
        let begin = |popped, reply: &mut Reply<'_>| {
            reply.array(2);
            reply.bulk(key);
            reply.array(popped);
        };
        let count = count.unwrap_or(1);
        if let Some(popped) = pop(cx, key, count, end, true, begin, reply)? {
            if let Some(record) = cx.record() {
                let command: &[u8] = if end == End::Lowest { b"ZPOPMIN" } else { b"ZPOPMAX" };
                record.instead([command, key, &decimal(popped as u64)]);
            }
            return Ok(());
        }
    }
    reply.null_array();
    Ok(())
}

/// Takes up to `count` members out of a set and answers them behind what `begin` writes; nothing if there is no set. Says how many.
fn pop(
    cx: &mut Cx<'_>,
    key: &[u8],
    count: usize,
    end: End,
    nested: bool,
    begin: impl FnOnce(usize, &mut Reply<'_>),
    reply: &mut Reply<'_>,
) -> Result<Option<usize>, Fault> {
    let Some(mut set) = cx.edit_as::<SortedSet>(key)? else { return Ok(None) };
    let popped = count.min(set.len());
    begin(popped, reply);
    let mut tell = |member: &[u8], score: Score| {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score.get());
    };
    let all = popped == set.len();
    match end {
        _ if all => set.range(0..popped, end == End::Highest).for_each(|(member, score)| tell(member, score)),
        End::Lowest => {
            set.pop_min(popped, tell);
        }
        End::Highest => {
            set.pop_max(popped, tell);
        }
    }
    drop(set);
    if popped > 0 {
        cx.event(Classes::ZSET, if end == End::Lowest { "zpopmin" } else { "zpopmax" }, key);
    }
    if all {
        cx.delete(key); // by way of the reclaimer, if it was large
    }
    cx.changed(popped as u64);
    Ok(Some(popped))
}
