//! The members between two ranks, scores or names: ZRANGE, its older kin, each of which has one of ZRANGE's options in its name, and
//! ZRANGESTORE, which keeps what ZRANGE would answer.

use std::ops::Range;

use super::bounds::{lex_bound, score_bound};
use super::{pairs, store};
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::SortedSet;

const LIMIT_BY_RANK: &str = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
const SCORES_BY_NAME: &str = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";

/// What the two ends of a range are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Name,
}

/// What the name of a command leaves open for its options to say.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
    /// The place of the first end.
    ends: usize,
    /// Whether the members are answered, perhaps with their scores.
    answers: bool,
}

impl Form {
    const OPEN: Form = Form { by: None, reverse: None, ends: 2, answers: true };

    const fn of(by: By, reverse: bool) -> Form {
        Form { by: Some(by), reverse: Some(reverse), ..Form::OPEN }
    }
}

pub(super) fn zrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::OPEN, reply)
}

pub(super) fn zrevrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::of(By::Rank, true), reply)
}

pub(super) fn zrangebyscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::of(By::Score, false), reply)
}

pub(super) fn zrevrangebyscore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::of(By::Score, true), reply)
}

pub(super) fn zrangebylex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::of(By::Name, false), reply)
}

pub(super) fn zrevrangebylex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    tell(cx, args, Form::of(By::Name, true), reply)
}

/// ZRANGESTORE destination key start stop, and ZRANGE's options but WITHSCORES
pub(super) fn zrangestore(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options::read(args, Form { ends: 3, answers: false, ..Form::OPEN })?;
    let thresholds = cx.thresholds();
    let found = options.find(cx, args, args.key(2))?;
    let found = match found {
        None => SortedSet::new(),
        Some((set, ranks)) if !options.reverse => SortedSet::from_ordered(set.range(ranks, false), None, thresholds),
        Some((set, ranks)) => {
            // One by one from the highest down, as Redis does: when the set stops being packed, and so whether -0 stays, depends on it.
            let mut found = SortedSet::new();
            set.range(ranks, true).for_each(|(member, score)| {
                found.insert(member, score, thresholds);
            });
            found
        }
    };
    store::keep(cx, args.key(1), found, 1, "zrangestore", reply);
    Ok(())
}

/// Answers the members of the range.
fn tell(cx: &mut Cx<'_>, args: &Args<'_>, form: Form, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options::read(args, form)?;
    match options.find(cx, args, args.key(1))? {
        Some((set, ranks)) => pairs::write_all(set.range(ranks, options.reverse), options.with_scores, reply),
        None => reply.array(0),
    }
    Ok(())
}

/// What stands behind the ends, and what the name of the command says.
#[derive(Clone, Copy, Debug)]
struct Options {
    by: By,
    reverse: bool,
    with_scores: bool,
    offset: i64,
    /// Negative: all.
    limit: i64,
    ends: usize,
}

impl Options {
    fn read(args: &Args<'_>, form: Form) -> Result<Options, Fault> {
        let Form { mut by, mut reverse, ends, answers } = form;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut words = args.options(ends + 2);
        while let Some(word) = words.next() {
            if answers && word.eq_ignore_ascii_case(b"withscores") {
                with_scores = true;
            } else if word.eq_ignore_ascii_case(b"limit") && words.left() >= 2 {
                (offset, limit) = (words.int()?, words.int()?);
            } else if word.eq_ignore_ascii_case(b"rev") && reverse.is_none() {
                reverse = Some(true);
            } else if word.eq_ignore_ascii_case(b"bylex") && by.is_none() {
                by = Some(By::Name);
            } else if word.eq_ignore_ascii_case(b"byscore") && by.is_none() {
                by = Some(By::Score);
            } else {
                return Err(Fault::Syntax);
            }
        }
        let by = by.unwrap_or(By::Rank);
        if limit != -1 && by == By::Rank {
            return Err(Fault::Because(LIMIT_BY_RANK));
        }
        if with_scores && by == By::Name {
            return Err(Fault::Because(SCORES_BY_NAME));
        }
        Ok(Options { by, reverse: reverse.unwrap_or(false), with_scores, offset, limit, ends })
    }

    /// The set at a key and the ranks asked for, if there is a set. The ends are read before the key is looked up: what is wrong
    /// with them is said first.
    fn find<'c>(self, cx: &'c mut Cx<'_>, args: &Args<'_>, key: &[u8]) -> Result<Option<(&'c SortedSet, Range<usize>)>, Fault> {
        let (first, second) = (args.get(self.ends), args.get(self.ends + 1));
        let (min, max) = if self.reverse { (second, first) } else { (first, second) };
        let found = match self.by {
            By::Rank => {
                let (start, stop) = (args.int(self.ends)?, args.int(self.ends + 1)?);
                cx.read_as::<SortedSet>(key)?.map(|set| (set, set.ranks_by_index(start, stop, self.reverse)))
            }
            By::Score => {
                let (min, max) = (score_bound(min)?, score_bound(max)?);
                cx.read_as::<SortedSet>(key)?.map(|set| (set, self.cut(set.ranks_by_score(min, max))))
            }
            By::Name => {
                let (min, max) = (lex_bound(min)?, lex_bound(max)?);
                cx.read_as::<SortedSet>(key)?.map(|set| (set, self.cut(set.ranks_by_lex(min, max))))
            }
        };
        Ok(found)
    }

    /// What LIMIT leaves of a range of ranks.
    fn cut(self, ranks: Range<usize>) -> Range<usize> {
        // Redis takes a negative offset for one beyond the end.
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let left = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        if self.reverse {
            let end = ranks.end - skipped;
            end - left..end
        } else {
            let start = ranks.start + skipped;
            start..start + left
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_from_the_side_that_comes_first() {
        let cut = |reverse, offset, limit| Options { by: By::Score, reverse, with_scores: false, offset, limit, ends: 2 }.cut(10..20);
        assert_eq!(cut(false, 0, -1), 10..20);
        assert_eq!(cut(false, 2, 3), 12..15);
        assert_eq!(cut(true, 2, 3), 15..18);
        assert_eq!(cut(false, 8, 5), 18..20);
        assert_eq!(cut(true, 8, 5), 10..12);
        assert!(cut(false, 0, 0).is_empty() && cut(true, 10, 5).is_empty() && cut(false, -1, 5).is_empty());
        assert_eq!(cut(true, i64::MAX, i64::MAX), 10..10);
    }
}
