//! ZRANGE: the members between two ranks, scores or names, from either end.

use std::ops::Range;

use super::bounds::{lex_bound, score_bound};
use crate::command::{Args, Cx, Fault};
use crate::resp::{Protocol, Reply};
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

/// What stands behind the ends.
#[derive(Clone, Copy, Debug)]
struct Options {
    by: By,
    reverse: bool,
    with_scores: bool,
    offset: i64,
    /// Negative: all.
    limit: i64,
}

impl Options {
    fn read(args: &Args<'_>) -> Result<Options, Fault> {
        let (mut by, mut reverse, mut with_scores, mut offset, mut limit) = (None, false, false, 0, -1);
        let mut words = args.options(4);
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"withscores") {
                with_scores = true;
            } else if word.eq_ignore_ascii_case(b"limit") && words.left() >= 2 {
                (offset, limit) = (words.int()?, words.int()?);
            } else if word.eq_ignore_ascii_case(b"rev") && !reverse {
                reverse = true;
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
        Ok(Options { by, reverse, with_scores, offset, limit })
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

pub(super) fn zrange(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options::read(args)?;
    let key = args.key(1);
    let (min, max) = if options.reverse { (args.get(3), args.get(2)) } else { (args.get(2), args.get(3)) };
    // The ends are read before the key is looked up: what is wrong with them is said first.
    match options.by {
        By::Rank => {
            let (start, stop) = (args.int(2)?, args.int(3)?);
            tell(cx, key, options, reply, |set| set.ranks_by_index(start, stop, options.reverse))
        }
        By::Score => {
            let (min, max) = (score_bound(min)?, score_bound(max)?);
            tell(cx, key, options, reply, |set| options.cut(set.ranks_by_score(min, max)))
        }
        By::Name => {
            let (min, max) = (lex_bound(min)?, lex_bound(max)?);
            tell(cx, key, options, reply, |set| options.cut(set.ranks_by_lex(min, max)))
        }
    }
}

/// Answers the members with the ranks that `find` finds in the set.
fn tell(
    cx: &mut Cx<'_>,
    key: &[u8],
    options: Options,
    reply: &mut Reply<'_>,
    find: impl FnOnce(&SortedSet) -> Range<usize>,
) -> Result<(), Fault> {
    let Some(set) = cx.read_as::<SortedSet>(key)? else {
        reply.array(0);
        return Ok(());
    };
    let pairs = set.range(find(set), options.reverse);
    if !options.with_scores {
        reply.array(pairs.len());
        pairs.for_each(|(member, _)| reply.bulk(member));
        return Ok(());
    }
    let nested = reply.protocol() == Protocol::Resp3;
    reply.array(if nested { pairs.len() } else { pairs.len() * 2 });
    for (member, score) in pairs {
        if nested {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score.get());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_from_the_side_that_comes_first() {
        let cut = |reverse, offset, limit| Options { by: By::Score, reverse, with_scores: false, offset, limit }.cut(10..20);
        assert_eq!(cut(false, 0, -1), 10..20);
        assert_eq!(cut(false, 2, 3), 12..15);
        assert_eq!(cut(true, 2, 3), 15..18);
        assert_eq!(cut(false, 8, 5), 18..20);
        assert_eq!(cut(true, 8, 5), 10..12);
        assert!(cut(false, 0, 0).is_empty() && cut(true, 10, 5).is_empty() && cut(false, -1, 5).is_empty());
        assert_eq!(cut(true, i64::MAX, i64::MAX), 10..10);
    }
}
