//! ZADD: members get scores, on the conditions that the options say. A member that is written loses its deadline, unless by INCR.
//! And ZINCRBY, which is ZADD INCR with the words in another order.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::{Reply, number};
use crate::store::Guard;
use crate::store::types::zset::{Outcome, Score};
use crate::store::types::{Perishable, SortedSet};

const XX_AND_NX: &str = "ERR XX and NX options at the same time are not compatible";
const GT_LT_AND_NX: &str = "ERR GT, LT, and/or NX options at the same time are not compatible";
const INCR_OF_MANY: &str = "ERR INCR option supports a single increment-element pair";

/// What stands before the first score.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct Options {
    /// NX: only members that are not there.
    pub(in crate::command) missing: bool,
    /// XX: only members that are there.
    pub(in crate::command) present: bool,
    /// GT: only to a higher score. New members are added all the same.
    greater: bool,
    /// LT: only to a lower score. As above.
    less: bool,
    /// CH: the answer counts changed scores too.
    count_changed: bool,
    /// INCR: the score is added to the one there is.
    increment: bool,
}

impl Options {
    /// Takes `word`, if it is one of them.
    pub(in crate::command) fn take(&mut self, word: &[u8]) -> bool {
        let flag = match word.len() {
            2 if word.eq_ignore_ascii_case(b"nx") => &mut self.missing,
            2 if word.eq_ignore_ascii_case(b"xx") => &mut self.present,
            2 if word.eq_ignore_ascii_case(b"gt") => &mut self.greater,
            2 if word.eq_ignore_ascii_case(b"lt") => &mut self.less,
            2 if word.eq_ignore_ascii_case(b"ch") => &mut self.count_changed,
            4 if word.eq_ignore_ascii_case(b"incr") => &mut self.increment,
            _ => return false,
        };
        *flag = true;
        true
    }

    fn check(self, pairs: usize) -> Result<(), Fault> {
        if self.missing && self.present {
            return Err(Fault::Because(XX_AND_NX));
        }
        if (self.missing && (self.greater || self.less)) || (self.greater && self.less) {
            return Err(Fault::Because(GT_LT_AND_NX));
        }
        if self.increment && pairs > 1 {
            return Err(Fault::Because(INCR_OF_MANY));
        }
        Ok(())
    }

    /// The score that a member gets which has `old`, if any; nothing if the conditions keep it as it is.
    #[inline]
    fn decide(self, old: Option<Score>, given: Score) -> Result<Option<Score>, Fault> {
        let Some(old) = old else { return Ok(Some(given).filter(|_| !self.present)) };
        if self.missing {
            return Ok(None);
        }
        let score = if self.increment { old.plus(given.get()).ok_or(Fault::NanScore)? } else { given };
        let kept = (self.less && score >= old) || (self.greater && score <= old);
        Ok(Some(score).filter(|_| !kept))
    }
}

pub(super) fn zadd(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut options = Options::default();
    let mut at = 2;
    while at < args.len() && options.take(args.get(at)) {
        at += 1;
    }
    let words = args.len() - at;
    if words == 0 || !words.is_multiple_of(2) {
        return Err(Fault::Syntax);
    }
    options.check(words / 2)?;
    if words == 2 {
        return add_one(cx, args.key(1), score_of(args.get(at))?, args.get(at + 1), options, reply);
    }
    // All scores are read before the first member is added.
    let mut pairs = Vec::with_capacity(words / 2);
    for (text, member) in args.pairs(at) {
        pairs.push((score_of(text)?, member));
    }
    add_all(cx, args.key(1), pairs, options, reply)
}

/// Gives every member its score, but for what the options keep, and answers how many are new, or how many have changed.
pub(in crate::command) fn add_all(
    cx: &mut Cx<'_>,
    key: &[u8],
    pairs: Vec<(Score, &[u8])>,
    options: Options,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let Some(mut set) = open(cx, key, options)? else {
        reply.integer(0);
        return Ok(());
    };
    let (mut added, mut updated, mut persisted) = (0, 0, 0);
    for (score, member) in pairs {
        let mut written = false;
        let outcome = set.upsert(member, thresholds, |old| {
            // Only INCR can fail here, and it comes with one pair.
            let decided = options.decide(old, score).unwrap_or(None);
            written = decided.is_some();
            decided
        });
        let lost_deadline = written && set.take_deadline(member);
        match outcome {
            Outcome::Added => added += 1,
            Outcome::Updated => updated += 1,
            Outcome::Same => persisted += usize::from(lost_deadline),
        }
    }
    drop(set);
    if added + updated + persisted > 0 {
        cx.changed((added + updated + persisted) as u64);
        cx.event(Classes::ZSET, if options.increment { "zincr" } else { "zadd" }, key);
    }
    answer::count(if options.count_changed { added + updated } else { added }, reply);
    Ok(())
}

/// ZINCRBY key increment member
pub(super) fn zincrby(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options { increment: true, ..Options::default() };
    add_one(cx, args.key(1), score_of(args.get(2))?, args.get(3), options, reply)
}

#[inline]
fn add_one(cx: &mut Cx<'_>, key: &[u8], score: Score, member: &[u8], options: Options, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let mut decided = Ok(None);
    let (mut outcome, mut lost_deadline) = (Outcome::Same, false);
    if let Some(mut set) = open(cx, key, options)? {
        outcome = set.upsert(member, thresholds, |old| {
            decided = options.decide(old, score);
            decided.clone().unwrap_or(None)
        });
        lost_deadline = !options.increment && matches!(decided, Ok(Some(_))) && set.take_deadline(member);
    }
    let decided = decided?;
    if outcome != Outcome::Same || lost_deadline {
        cx.changed(1);
        cx.event(Classes::ZSET, if options.increment { "zincr" } else { "zadd" }, key);
    }
    match decided {
        Some(score) if options.increment => reply.double(score.get()),
        None if options.increment => reply.null(),
        _ => reply.integer(i64::from(outcome == Outcome::Added || (options.count_changed && outcome == Outcome::Updated))),
    }
    Ok(())
}

/// The set to be changed, a new one if there is none. With XX there must be one: nothing could be added to a new one.
#[inline]
fn open<'c>(cx: &'c mut Cx<'_>, key: &[u8], options: Options) -> Result<Option<Guard<'c, SortedSet>>, Fault> {
    if options.present { cx.edit_as(key) } else { cx.create_as(key, SortedSet::new).map(Some) }
}

#[inline]
fn score_of(text: &[u8]) -> Result<Score, Fault> {
    number::parse_double(text).and_then(Score::new).ok_or(Fault::NotFloat)
}
