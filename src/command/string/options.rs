//! The options that SET, GETEX, MSETEX and their kin share: until when a string lives, and on what condition it is written.

use std::mem::discriminant;

use super::test::Test;
use crate::command::{Fault, Options};
use crate::resp::number;
use crate::store::Keep;
use crate::time::UnixMillis;

/// What the options of a call say about the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime<'a> {
    /// Nothing: SET takes a deadline away, GETEX leaves it.
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT or PXAT; the number is read only after all options were found sound, as Redis does.
    Until(Measure, &'a [u8]),
}

/// How the number of a deadline is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
}

impl Measure {
    /// Whether the number is a date and not a span.
    pub(super) fn is_date(self) -> bool {
        matches!(self, Measure::UnixSeconds | Measure::UnixMillis)
    }

    /// The deadline that `number` stands for: in the future of 1970, if not of `now`. `command` is named in the error.
    pub(super) fn deadline(self, number: &[u8], now: UnixMillis, command: &'static str) -> Result<UnixMillis, Fault> {
        let number = number::parse_integer(number).ok_or(Fault::NotInteger)?;
        let millis = match self {
            Measure::Seconds | Measure::UnixSeconds => number.checked_mul(1000),
            Measure::Millis | Measure::UnixMillis => Some(number),
        };
        let since = if self.is_date() { 0 } else { i64::try_from(now.0).unwrap_or(i64::MAX) };
        let deadline = millis.filter(|&millis| millis > 0).and_then(|millis| millis.checked_add(since));
        deadline.and_then(|deadline| u64::try_from(deadline).ok()).map(UnixMillis).ok_or(Fault::InvalidExpire(command))
    }
}

impl<'a> Lifetime<'a> {
    /// Takes `word` as an option about the deadline, its operand from `options`. `None` if it is none; a syntax error if it
    /// contradicts what was said before. Saying the same thing twice is allowed, and the later number counts.
    pub(super) fn option(self, word: &[u8], options: &mut Options<'a>) -> Result<Option<Lifetime<'a>>, Fault> {
        let measure = if word.eq_ignore_ascii_case(b"ex") {
            Measure::Seconds
        } else if word.eq_ignore_ascii_case(b"px") {
            Measure::Millis
        } else if word.eq_ignore_ascii_case(b"exat") {
            Measure::UnixSeconds
        } else if word.eq_ignore_ascii_case(b"pxat") {
            Measure::UnixMillis
        } else {
            let said = if word.eq_ignore_ascii_case(b"keepttl") {
                Lifetime::Keep
            } else if word.eq_ignore_ascii_case(b"persist") {
                Lifetime::Persist
            } else {
                return Ok(None);
            };
            return if self == Lifetime::Unsaid || self == said { Ok(Some(said)) } else { Err(Fault::Syntax) };
        };
        match self {
            Lifetime::Unsaid => {}
            Lifetime::Until(before, _) if before == measure => {}
            _ => return Err(Fault::Syntax),
        }
        Ok(Some(Lifetime::Until(measure, options.operand()?)))
    }

    /// What becomes of the deadline when the string is overwritten.
    pub(super) fn keep(self, now: UnixMillis, command: &'static str) -> Result<Keep, Fault> {
        match self {
            Lifetime::Unsaid | Lifetime::Persist => Ok(Keep::Clear),
            Lifetime::Keep => Ok(Keep::Keep),
            Lifetime::Until(measure, number) => Ok(Keep::At(measure.deadline(number, now, command)?)),
        }
    }
}

/// On what condition a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Always,
    /// NX
    Missing,
    /// XX
    Present,
    /// IFEQ and kin
    Text(Test<'a>),
}

impl<'a> Condition<'a> {
    /// Takes `word` as NX or XX. `None` if it is neither; a syntax error if it contradicts what was said before.
    pub(super) fn option(self, word: &[u8]) -> Result<Option<Condition<'a>>, Fault> {
        let said = if word.eq_ignore_ascii_case(b"nx") {
            Condition::Missing
        } else if word.eq_ignore_ascii_case(b"xx") {
            Condition::Present
        } else {
            return Ok(None);
        };
        self.and(said).map(Some)
    }

    /// Adds a condition to what was said before, which must be nothing or the same kind.
    pub(super) fn and(self, said: Condition<'a>) -> Result<Condition<'a>, Fault> {
        let alike = match (self, said) {
            (Condition::Text(one), Condition::Text(other)) => discriminant(&one) == discriminant(&other),
            _ => discriminant(&self) == discriminant(&said),
        };
        if self == Condition::Always || alike { Ok(said) } else { Err(Fault::Syntax) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_123);

    fn deadline(measure: Measure, number: &str) -> Result<u64, Fault> {
        measure.deadline(number.as_bytes(), NOW, "set").map(|deadline| deadline.0)
    }

    #[test]
    fn deadlines_are_counted_from_now_or_from_1970() {
        assert_eq!(deadline(Measure::Seconds, "1"), Ok(1_700_000_001_123));
        assert_eq!(deadline(Measure::Millis, "1"), Ok(1_700_000_000_124));
        assert_eq!(deadline(Measure::UnixSeconds, "1"), Ok(1000));
        assert_eq!(deadline(Measure::UnixMillis, "1"), Ok(1));
        assert_eq!(deadline(Measure::UnixMillis, "9223372036854775807"), Ok(i64::MAX as u64));
        assert_eq!(deadline(Measure::UnixSeconds, "9223372036854775"), Ok(9_223_372_036_854_775_000));
    }

    #[test]
    fn deadlines_that_cannot_be_are_refused() {
        for measure in [Measure::Seconds, Measure::Millis, Measure::UnixSeconds, Measure::UnixMillis] {
            for number in ["0", "-1", "-9223372036854775808"] {
                assert_eq!(deadline(measure, number), Err(Fault::InvalidExpire("set")));
            }
            assert_eq!(deadline(measure, "1.5"), Err(Fault::NotInteger));
            assert_eq!(deadline(measure, "9223372036854775808"), Err(Fault::NotInteger));
        }
        assert_eq!(deadline(Measure::Millis, "9223372036854775807"), Err(Fault::InvalidExpire("set")));
        for measure in [Measure::Seconds, Measure::UnixSeconds] {
            assert_eq!(deadline(measure, "9223372036854776"), Err(Fault::InvalidExpire("set")));
        }
    }
}
