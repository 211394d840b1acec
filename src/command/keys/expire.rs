//! EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT: a deadline for a key, on condition if asked. One that has passed removes the key.

use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::resp::Reply;
use crate::time::UnixMillis;

pub(super) fn expire(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let since = cx.now;
    give(cx, args, reply, 1000, since, "expire")
}

pub(super) fn pexpire(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let since = cx.now;
    give(cx, args, reply, 1, since, "pexpire")
}

pub(super) fn expireat(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    give(cx, args, reply, 1000, UnixMillis(0), "expireat")
}

pub(super) fn pexpireat(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    give(cx, args, reply, 1, UnixMillis(0), "pexpireat")
}

/// Gives the key of the call a deadline `unit_millis` times the number of the call after `since`.
fn give(
    cx: &mut Cx<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    unit_millis: i64,
    since: UnixMillis,
    command: &'static str,
) -> Result<(), Fault> {
    let key = args.key(1);
    let condition = Condition::parse(args.from(3))?;
    let deadline = moment(args.int(2)?, unit_millis, since).ok_or(Fault::InvalidExpire(command))?;
    let given = match cx.write(key) {
        Some(entry) if condition.admits(entry.deadline(), deadline) => match u64::try_from(deadline).map(UnixMillis) {
            Ok(deadline) if deadline > cx.expiry => {
                if let Some(record) = cx.record() {
                    record.instead([b"PEXPIREAT".as_slice(), key, &decimal(deadline.0)]);
                }
                cx.event(Classes::GENERIC, "expire", key);
                cx.set_deadline(key, Some(deadline))
            }
            _ => {
                if let Some(record) = cx.record() {
                    record.instead([b"DEL".as_slice(), key]);
                }
                cx.delete(key)
            }
        },
        _ => false,
    };
    cx.changed(u64::from(given));
    reply.integer(i64::from(given));
    Ok(())
}

/// Milliseconds since 1970, before which it may lie; `None` if it is beyond all numbers.
fn moment(number: i64, unit_millis: i64, since: UnixMillis) -> Option<i64> {
    number.checked_mul(unit_millis)?.checked_add(i64::try_from(since.0).ok()?)
}

/// When the deadline is given at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Condition {
    /// NX: only if the key has none.
    missing: bool,
    /// XX: only if it has one.
    present: bool,
    /// GT: only if the new one is later; a key without a deadline lives longer than any.
    later: bool,
    /// LT: only if the new one is earlier.
    earlier: bool,
}

impl Condition {
    fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Condition, Fault> {
        let mut condition = Condition::default();
        for word in words {
            if word.eq_ignore_ascii_case(b"nx") {
                condition.missing = true;
            } else if word.eq_ignore_ascii_case(b"xx") {
                condition.present = true;
            } else if word.eq_ignore_ascii_case(b"gt") {
                condition.later = true;
            } else if word.eq_ignore_ascii_case(b"lt") {
                condition.earlier = true;
            } else {
                return Err(Fault::told(format!("ERR Unsupported option {}", String::from_utf8_lossy(word))));
            }
        }
        if condition.missing && (condition.present || condition.later || condition.earlier) {
            return Err(Fault::Because("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if condition.later && condition.earlier {
            return Err(Fault::Because("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    fn admits(self, before: Option<UnixMillis>, after: i64) -> bool {
        let Some(before) = before else { return !self.present && !self.later };
        let before = i64::try_from(before.0).unwrap_or(i64::MAX);
        !(self.missing || self.later && after <= before || self.earlier && after >= before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_overflow() {
        let now = UnixMillis(1_700_000_000_000);
        assert_eq!(moment(1, 1000, now), Some(1_700_000_001_000));
        assert_eq!(moment(-1, 1, now), Some(1_699_999_999_999));
        assert_eq!(moment(i64::MAX, 1, UnixMillis(0)), Some(i64::MAX));
        assert_eq!(moment(i64::MIN, 1, UnixMillis(0)), Some(i64::MIN));
        for number in [i64::MAX, i64::MIN, i64::MAX / 1000 + 1, i64::MIN / 1000 - 1] {
            assert_eq!(moment(number, 1000, UnixMillis(0)), None);
        }
        assert_eq!(moment(i64::MAX, 1, now), None);
        assert_eq!(moment(i64::MAX / 1000, 1000, now), None);
    }

    fn condition(words: &str) -> Condition {
        Condition::parse(words.split_whitespace().map(str::as_bytes)).expect("the words are sound")
    }

    #[test]
    fn conditions_compare_deadlines() {
        let at = |millis| Some(UnixMillis(millis));
        for (words, before, after, admitted) in [
            ("", None, 5, true),
            ("", at(5), 5, true),
            ("nx", None, 5, true),
            ("nx", at(5), 9, false),
            ("xx", None, 5, false),
            ("XX", at(5), 9, true),
            ("gt", None, 5, false),
            ("gt", at(5), 5, false),
            ("gt", at(5), 6, true),
            ("lt", None, 5, true),
            ("lt", at(5), 5, false),
            ("lt", at(5), 4, true),
            ("lt", at(5), -4, true),
            ("xx lt", None, 4, false),
            ("xx gt", at(5), 6, true),
        ] {
            assert_eq!(condition(words).admits(before, after), admitted, "{words} {before:?} {after}");
        }
    }
}
