//! HEXPIRE and kin: deadlines for members, on condition if asked. A deadline that has passed removes the member.

use super::Unit;
use super::words::{Dealt, Worded};
use crate::command::{Args, Cx, Fault};
use crate::resp::{Reply, number};
use crate::time::UnixMillis;

/// The last moment that Redis can give a field: 46 bits, in the year 4199.
const MOMENT_MAX: i64 = (1 << 46) - 1;
const NEGATIVE: &str = "ERR invalid expire time, must be >= 0";

/// HEXPIRE, HPEXPIRE: a span from now on.
pub(super) fn within<T: Worded, U: Unit>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let since = cx.now;
    give::<T, U>(cx, args, reply, since)
}

/// HEXPIREAT, HPEXPIREAT: a date.
pub(super) fn at<T: Worded, U: Unit>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    give::<T, U>(cx, args, reply, UnixMillis(0))
}

fn give<T: Worded, U: Unit>(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, since: UnixMillis) -> Result<(), Fault> {
    let (key, now, thresholds) = (args.key(1), cx.expiry, cx.thresholds());
    let mut dealt = Dealt::default();
    // The type is complained about before the words.
    let mut collection = cx.edit_as::<T>(key)?;
    let deadline = moment(args.get(2), U::MILLIS, since, args.get(0))?;
    let condition = Condition::of(args.get(3));
    let members = T::WORDS.of_giving(args, if condition == Condition::None { 3 } else { 4 })?;
    reply.array(members.len());
    let mut changed = 0;
    for member in members {
        let Some(collection) = collection.as_mut() else {
            reply.integer(-2);
            continue;
        };
        reply.integer(match collection.deadline_of(member) {
            None => -2,
            Some(before) if !condition.admits(before, deadline) => 0,
            Some(_) if deadline <= now => {
                collection.drop_member(member);
                dealt.removed.push(member);
                changed += 1;
                2
            }
            Some(_) => {
                collection.give_deadline(member, deadline, thresholds);
                dealt.given.push(member);
                changed += 1;
                1
            }
        });
    }
    drop(collection);
    if changed > 0 {
        let events = T::EVENTS;
        cx.event(events.class, if deadline <= now { events.removed } else { events.expire }, key);
    }
    cx.drop_if_empty::<T>(key);
    dealt.record(cx, T::WORDS, key, deadline);
    cx.changed(changed);
    Ok(())
}

/// The moment that is `word` times the unit after `since`; 0 and what has passed included. `command` is named in the error.
pub(crate) fn moment(word: &[u8], unit_millis: i64, since: UnixMillis, command: &[u8]) -> Result<UnixMillis, Fault> {
    let number = number::parse_integer(word).ok_or(Fault::NotInteger)?;
    if number < 0 {
        return Err(Fault::Because(NEGATIVE));
    }
    let since = i64::try_from(since.0).unwrap_or(i64::MAX);
    let moment = number.checked_mul(unit_millis).and_then(|millis| millis.checked_add(since)).filter(|&moment| moment <= MOMENT_MAX);
    moment.and_then(|moment| u64::try_from(moment).ok()).map(UnixMillis).ok_or_else(|| {
        let command = String::from_utf8_lossy(command).to_ascii_lowercase();
        Fault::told(format!("ERR invalid expire time in '{command}' command"))
    })
}

/// When a deadline is given at all. A member without one lives longer than any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    /// NX: only if it has none.
    Missing,
    /// XX: only if it has one.
    Present,
    /// GT: only if the new one is later.
    Later,
    /// LT: only if the new one is earlier.
    Earlier,
}

impl Condition {
    /// The condition that `word` is.
    fn of(word: &[u8]) -> Condition {
        const NAMES: [(&[u8], Condition); 4] =
            [(b"nx", Condition::Missing), (b"xx", Condition::Present), (b"gt", Condition::Later), (b"lt", Condition::Earlier)];
        NAMES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map_or(Condition::None, |(_, condition)| *condition)
    }

    fn admits(self, before: Option<UnixMillis>, after: UnixMillis) -> bool {
        match self {
            Condition::None => true,
            Condition::Missing => before.is_none(),
            Condition::Present => before.is_some(),
            Condition::Later => before.is_some_and(|before| after > before),
            Condition::Earlier => before.is_none_or(|before| after < before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_end_where_those_of_redis_do() {
        let now = UnixMillis(1_700_000_000_000);
        let told = |word: &str, unit, since| moment(word.as_bytes(), unit, since, b"HExpire").map(|moment| moment.0);
        assert_eq!(told("1", 1000, now), Ok(1_700_000_001_000));
        assert_eq!(told("0", 1, now), Ok(now.0));
        assert_eq!(told("70368744177663", 1, UnixMillis(0)), Ok(70_368_744_177_663));
        assert_eq!(told("-1", 1, now), Err(Fault::Because(NEGATIVE)));
        assert_eq!(told("1.5", 1, now), Err(Fault::NotInteger));
        for (word, unit, since) in [
            ("70368744177664", 1, UnixMillis(0)),
            ("70368744177663", 1, now),
            ("70368744178", 1000, UnixMillis(0)),
            ("9223372036854775807", 1, now),
            ("9223372036854775807", 1000, UnixMillis(0)),
        ] {
            assert_eq!(told(word, unit, since), Err(Fault::told("ERR invalid expire time in 'hexpire' command")), "{word}");
        }
    }

    #[test]
    fn conditions_compare_deadlines() {
        let at = |millis| Some(UnixMillis(millis));
        for (word, before, after, admitted) in [
            ("", at(5), 5, true),
            ("fields", None, 5, true),
            ("nx", None, 5, true),
            ("NX", at(5), 9, false),
            ("xx", None, 5, false),
            ("xx", at(5), 1, true),
            ("gt", None, 5, false),
            ("gt", at(5), 5, false),
            ("gt", at(5), 6, true),
            ("lt", None, 5, true),
            ("lt", at(5), 5, false),
            ("Lt", at(5), 4, true),
        ] {
            assert_eq!(Condition::of(word.as_bytes()).admits(before, UnixMillis(after)), admitted, "{word} {before:?} {after}");
        }
    }
}
