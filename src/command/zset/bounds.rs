//! The ends of ranges of scores and of names, as clients write them: `1.5`, `(1.5`, `-inf`; `[name`, `(name`, `-`, `+`.

use std::ops::Bound;

use crate::command::Fault;
use crate::resp::number;
use crate::store::types::zset::{LexBound, Score};

/// An end of a range of scores.
pub(super) fn score_bound(word: &[u8]) -> Result<Bound<Score>, Fault> {
    match word.strip_prefix(b"(") {
        Some(text) => score(text).map(Bound::Excluded),
        None => score(word).map(Bound::Included),
    }
    .ok_or(Fault::MinMaxNotFloat)
}

/// A score as `strtod` reads it, which is laxer than elsewhere: nothing is 0, blanks may come first, what is too large is infinite.
fn score(text: &[u8]) -> Option<Score> {
    if text.is_empty() {
        return Some(Score::ZERO);
    }
    let text = text.trim_ascii_start();
    let lax = || std::str::from_utf8(text).ok()?.parse().ok();
    number::parse_double(text).or_else(lax).and_then(Score::new)
}

/// An end of a range of names.
pub(super) fn lex_bound(word: &[u8]) -> Result<LexBound<'_>, Fault> {
    match word {
        b"-" => Ok(LexBound::Lowest),
        b"+" => Ok(LexBound::Highest),
        [b'[', name @ ..] => Ok(LexBound::Included(name)),
        [b'(', name @ ..] => Ok(LexBound::Excluded(name)),
        _ => Err(Fault::Because("ERR min or max not valid string range item")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_ranges_of_scores() {
        let included = |value| Ok(Bound::Included(Score::new(value).unwrap()));
        let excluded = |value| Ok(Bound::Excluded(Score::new(value).unwrap()));
        assert_eq!(score_bound(b"1.5"), included(1.5));
        assert_eq!(score_bound(b"(1.5"), excluded(1.5));
        assert_eq!(score_bound(b"-inf"), included(f64::NEG_INFINITY));
        assert_eq!(score_bound(b"(+inf"), excluded(f64::INFINITY));
        assert_eq!(score_bound(b"1e400"), included(f64::INFINITY));
        assert_eq!(score_bound(b""), included(0.0));
        assert_eq!(score_bound(b"("), excluded(0.0));
        assert_eq!(score_bound(b" 2"), included(2.0));
        for wrong in [&b"nan"[..], b"(nan", b"x", b"1x", b"2 ", b" ", b"((1", b"[1"] {
            assert_eq!(score_bound(wrong), Err(Fault::MinMaxNotFloat));
        }
    }

    #[test]
    fn ends_of_ranges_of_names() {
        assert!(matches!(lex_bound(b"-"), Ok(LexBound::Lowest)));
        assert!(matches!(lex_bound(b"+"), Ok(LexBound::Highest)));
        assert!(matches!(lex_bound(b"["), Ok(LexBound::Included(b""))));
        assert!(matches!(lex_bound(b"(a"), Ok(LexBound::Excluded(b"a"))));
        for wrong in [&b""[..], b"a", b"--", b"+a"] {
            assert!(lex_bound(wrong).is_err());
        }
    }
}
