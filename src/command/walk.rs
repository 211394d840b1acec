//! What SCAN, HSCAN, SSCAN and ZSCAN read alike: the cursor, MATCH and COUNT; and how a step of a scan of one collection is answered.

use crate::command::{Args, Fault};
use crate::glob::Pattern;
use crate::resp::Reply;

/// How many elements a step looks at, if the client does not say.
const COUNT: usize = 10;
/// For every element that it may look at, a step may pass this many empty places.
const EMPTY_STEPS_PER_ELEMENT: usize = 10;

/// Reads what C's `strtoul` reads whole, as Redis does: an empty word is 0. `None` for a negative number, which no scan ever returned.
pub(crate) fn cursor(word: &[u8]) -> Result<Option<u64>, Fault> {
    let (negative, digits) = match word {
        [] => return Ok(Some(0)),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let sound = digits.iter().all(u8::is_ascii_digit);
    let cursor = std::str::from_utf8(digits).ok().filter(|_| sound).and_then(|digits| digits.parse().ok()).ok_or(Fault::InvalidCursor)?;
    Ok(Some(cursor).filter(|_| !negative))
}

/// What the options of a scan of one collection ask for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pattern: Option<Pattern>,
    count: usize,
    /// NOVALUES: fields alone. HSCAN has it.
    pub(crate) keys_only: bool,
}

impl Wanted {
    /// Reads the options from word 3 on. `values` says whether NOVALUES is one of them.
    pub(crate) fn parse(args: &Args<'_>, values: bool) -> Result<Wanted, Fault> {
        let mut wanted = Wanted { pattern: None, count: COUNT, keys_only: false };
        let mut options = args.options(3);
        while let Some(word) = options.next() {
            if word.eq_ignore_ascii_case(b"match") {
                wanted.pattern = Some(options.operand()?).filter(|&pattern| pattern != b"*").map(|pattern| Pattern::new(pattern, false));
            } else if word.eq_ignore_ascii_case(b"count") {
                wanted.count = usize::try_from(options.int()?).ok().filter(|&count| count > 0).ok_or(Fault::Syntax)?;
            } else if values && word.eq_ignore_ascii_case(b"novalues") {
                wanted.keys_only = true;
            } else {
                return Err(Fault::Syntax);
            }
        }
        Ok(wanted)
    }

    pub(crate) fn admits(&self, element: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(element))
    }

    /// Goes on from a cursor, step by step, until enough elements were seen, and answers the cursor behind them and what the steps
    /// wrote. A step is given the cursor and where to write; it returns the next cursor, how many elements it saw, and how many
    /// values it wrote.
    pub(crate) fn answer(&self, cursor: u64, reply: &mut Reply<'_>, mut step: impl FnMut(u64, &mut Reply<'_>) -> (u64, usize, usize)) {
        let mut encoded = Vec::new();
        let mut elements = Reply::new(&mut encoded, reply.protocol());
        let (mut place, mut seen, mut written) = (cursor, 0usize, 0usize);
        let mut steps = self.count.saturating_mul(EMPTY_STEPS_PER_ELEMENT);
        loop {
            let (next, more_seen, more_written) = step(place, &mut elements);
            place = next;
            seen += more_seen;
            written += more_written;
            steps -= 1;
            if place == 0 || seen >= self.count || steps == 0 {
                break;
            }
        }
        tell(reply, place, written, &encoded);
    }
}

/// Answers that there is nothing, and nothing to come.
pub(crate) fn nothing(reply: &mut Reply<'_>) {
    tell(reply, 0, 0, b"");
}

/// Answers the cursor to go on with, and the values of this step.
pub(crate) fn tell(reply: &mut Reply<'_>, next: u64, values: usize, encoded: &[u8]) {
    reply.array(2);
    reply.bulk_integer(i64::try_from(next).unwrap_or(0)); // below 2^48
    reply.array(values);
    reply.raw(encoded);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::Protocol;

    #[test]
    fn cursors_are_read_as_strtoul_does() {
        for (word, expected) in [("", 0), ("0", 0), ("+7", 7), ("007", 7), ("18446744073709551615", u64::MAX)] {
            assert_eq!(cursor(word.as_bytes()), Ok(Some(expected)));
        }
        assert_eq!(cursor(b"-1"), Ok(None));
        for word in ["-", "+", " 1", "1 ", "0x1", "a", "--1", "+-1", "18446744073709551616", "-18446744073709551616"] {
            assert_eq!(cursor(word.as_bytes()), Err(Fault::InvalidCursor), "{word}");
        }
    }

    #[test]
    fn a_scan_stops_when_it_has_seen_enough() {
        let wanted = Wanted { pattern: None, count: 3, keys_only: false };
        let mut out = Vec::new();
        wanted.answer(0, &mut Reply::new(&mut out, Protocol::Resp2), |place, reply| {
            reply.bulk_integer(i64::try_from(place).unwrap_or(0));
            (place + 1, 2, 1)
        });
        assert_eq!(out, b"*2\r\n$1\r\n2\r\n*2\r\n$1\r\n0\r\n$1\r\n1\r\n");
        let mut calls = 0;
        wanted.answer(0, &mut Reply::new(&mut out, Protocol::Resp2), |place, _| {
            calls += 1;
            (place + 1, 0, 0)
        });
        assert_eq!(calls, 30, "ten empty places for each element that is asked for");
    }
}
