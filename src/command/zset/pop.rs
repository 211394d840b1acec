//! Members of the lowest or highest scores leave: ZPOPMIN and ZPOPMAX from one set, ZMPOP from the first that there is. BZPOPMIN, BZPOPMAX and
//! BZMPOP wait for one if there is none.

use crate::command::wait::seconds;
use crate::command::{Args, Classes, Cx, Fault, Waits, decimal};
use crate::resp::{Protocol, Reply, number};
use crate::store::Kind;
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
    if !Wanted::read(args, 1)?.pop(cx, args, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// BZPOPMIN and BZPOPMAX: the timeout is the last word.
pub(super) const POP: Waits = Waits::until(Kind::SortedSet, |args| seconds(args.get(args.len() - 1)).ok());
/// BZMPOP: it is the first.
pub(super) const POP_MANY: Waits = Waits::until(Kind::SortedSet, |args| seconds(args.get(1)).ok());

pub(super) fn bzpopmin(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_first(cx, args, End::Lowest, reply)
}

pub(super) fn bzpopmax(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_first(cx, args, End::Highest, reply)
}

/// One member of the first set that is there, between its key and its score.
fn pop_first(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let keys = args.len() - 2;
    seconds(args.get(keys + 1))?;
    for key in args.from(1).take(keys) {
        let begin = |_, reply: &mut Reply<'_>| {
            reply.array(3);
            reply.bulk(key);
        };
        if let Some(popped) = pop(cx, key, 1, end, false, begin, reply)? {
            record(cx, key, end, popped);
            return Ok(());
        }
    }
    cx.wait_or(|| reply.null_array())
}

/// BZMPOP timeout numkeys key \[key ...\] MIN | MAX \[COUNT count\]
pub(super) fn bzmpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::read(args, 2)?;
    seconds(args.get(1))?;
    if wanted.pop(cx, args, reply)? { Ok(()) } else { cx.wait_or(|| reply.null_array()) }
}

/// What ZMPOP and BZMPOP were asked for.
struct Wanted {
    /// The first key, and how many there are.
    keys: (usize, usize),
    end: End,
    count: usize,
}

impl Wanted {
    /// Reads the words from the number of keys on.
    fn read(args: &Args<'_>, at: usize) -> Result<Wanted, Fault> {
        let positive = |word: &[u8], fault| {
            let number = number::parse_integer(word).filter(|&number| number > 0);
            number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)).ok_or(Fault::Because(fault))
        };
        let keys = positive(args.get(at), NO_KEYS)?;
        let end_at = keys.checked_add(at + 1).filter(|&at| at < args.len()).ok_or(Fault::Syntax)?;
        let end = match args.get(end_at) {
            word if word.eq_ignore_ascii_case(b"min") => End::Lowest,
            word if word.eq_ignore_ascii_case(b"max") => End::Highest,
            _ => return Err(Fault::Syntax),
        };
        let mut count = None;
        let mut options = args.options(end_at + 1);
        while let Some(word) = options.next() {
            if count.is_some() || !word.eq_ignore_ascii_case(b"count") {
                return Err(Fault::Syntax);
            }
            count = Some(positive(options.operand()?, NO_COUNT)?);
        }
        Ok(Wanted { keys: (at + 1, keys), end, count: count.unwrap_or(1) })
    }

    /// Takes members out of the first set that is there; false if none is.
    fn pop(&self, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<bool, Fault> {
        let (first, keys) = self.keys;
        for key in args.from(first).take(keys) {
            let begin = |popped, reply: &mut Reply<'_>| {
                reply.array(2);
                reply.bulk(key);
                reply.array(popped);
            };
            if let Some(popped) = pop(cx, key, self.count, self.end, true, begin, reply)? {
                record(cx, key, self.end, popped);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What the journal is told: how many left, from one set.
fn record(cx: &mut Cx<'_>, key: &[u8], end: End, popped: usize) {
    if let Some(record) = cx.record() {
        let command: &[u8] = if end == End::Lowest { b"ZPOPMIN" } else { b"ZPOPMAX" };
        record.instead([command, key, &decimal(popped as u64)]);
    }
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
