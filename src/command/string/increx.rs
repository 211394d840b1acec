//! INCREX: adds to a number within bounds, and sets its deadline, in one step: a rate limit, a quota, a stock.
//!
//! A sum out of bounds is not stored, and the answer says that nothing was added; with SATURATE the bound takes its place.

use super::options::{Lifetime, Measure};
use super::set::record_set;
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::number::LongDouble;
use crate::resp::{Protocol, Reply, number};
use crate::store::{Keep, Value};
use crate::time::UnixMillis;

/// What the words of a call say.
#[derive(Default)]
struct Asked<'a> {
    by_integer: Option<&'a [u8]>,
    by_float: Option<&'a [u8]>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturate: bool,
    /// ENX: a deadline only for a key that has none.
    only_first_deadline: bool,
}

/// What becomes of the deadline.
#[derive(Clone, Copy)]
enum Deadline {
    Left,
    Cleared,
    At(UnixMillis),
}

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (asked, lifetime) = parse(args)?;
    let key = args.key(1);
    if let Some(by) = asked.by_float {
        let by = float(by)?;
        let lower = asked.lower.map_or(Ok(LongDouble::MAX.negated()), float)?;
        let upper = asked.upper.map_or(Ok(LongDouble::MAX), float)?;
        check_order(!upper.is_less(lower))?;
        let deadline = deadline_of(lifetime, cx.now)?;
        let before = match cx.write(key) {
            Some(entry) => float(entry.text().ok_or(Fault::WrongType)?.bytes(&mut [0; 20]))?,
            None => LongDouble::ZERO,
        };
        let sum = before.add(by);
        let inside = sum.filter(|sum| !sum.is_less(lower) && !upper.is_less(*sum));
        let bound = match sum {
            Some(sum) if sum.is_less(lower) => lower,
            None if by.is_less(LongDouble::ZERO) => lower,
            _ => upper,
        };
        let after = inside.or(asked.saturate.then_some(bound));
        if let Some(after) = after {
            store(cx, key, Value::Text(after.format().into_bytes()), deadline, asked.only_first_deadline);
        }
        reply.array(2);
        let added = after.map(|after| after.add(before.negated()).unwrap_or(after));
        for number in [after.unwrap_or(before), added.unwrap_or(LongDouble::ZERO)] {
            let text = number.format();
            match reply.protocol() {
                Protocol::Resp2 => reply.bulk(text.as_bytes()),
                Protocol::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
            }
        }
    } else {
        let by = asked.by_integer.map_or(Ok(1), integer)?;
        let lower = asked.lower.map_or(Ok(i64::MIN), integer)?;
        let upper = asked.upper.map_or(Ok(i64::MAX), integer)?;
        check_order(lower <= upper)?;
        let deadline = deadline_of(lifetime, cx.now)?;
        let before = match cx.write(key) {
            Some(entry) => entry.text().ok_or(Fault::WrongType)?.integer().ok_or(Fault::NotInteger)?,
            None => 0,
        };
        let sum = i128::from(before) + i128::from(by);
        let bounded = i64::try_from(sum.clamp(i128::from(lower), i128::from(upper))).unwrap_or(upper);
        let stored = asked.saturate || i128::from(bounded) == sum;
        if stored {
            store(cx, key, Value::Integer(bounded), deadline, asked.only_first_deadline);
        }
        reply.array(2);
        reply.integer(if stored { bounded } else { before });
        reply.integer(if stored { bounded.saturating_sub(before) } else { 0 });
    }
    Ok(())
}

fn parse<'a>(args: &Args<'a>) -> Result<(Asked<'a>, Lifetime<'a>), Fault> {
    let (mut asked, mut lifetime) = (Asked::default(), Lifetime::Unsaid);
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        let operand = if word.eq_ignore_ascii_case(b"byint") {
            &mut asked.by_integer
        } else if word.eq_ignore_ascii_case(b"byfloat") {
            &mut asked.by_float
        } else if word.eq_ignore_ascii_case(b"lbound") {
            &mut asked.lower
        } else if word.eq_ignore_ascii_case(b"ubound") {
            &mut asked.upper
        } else if word.eq_ignore_ascii_case(b"saturate") {
            asked.saturate = true;
            continue;
        } else if word.eq_ignore_ascii_case(b"enx") {
            asked.only_first_deadline = true;
            continue;
        } else {
            lifetime = lifetime.option(word, &mut options)?.filter(|&said| said != Lifetime::Keep).ok_or(Fault::Syntax)?;
            continue;
        };
        *operand = Some(options.operand()?);
    }
    if asked.by_integer.is_some() && asked.by_float.is_some() {
        return Err(Fault::Syntax);
    }
    match lifetime {
        Lifetime::Persist if asked.only_first_deadline => Err(Fault::Syntax),
        Lifetime::Unsaid if asked.only_first_deadline => Err(Fault::Because("ERR ENX flag requires an expiration")),
        _ => Ok((asked, lifetime)),
    }
}

fn integer(word: &[u8]) -> Result<i64, Fault> {
    number::parse_integer(word).ok_or(Fault::NotInteger)
}

fn float(word: &[u8]) -> Result<LongDouble, Fault> {
    LongDouble::parse(word).ok_or(Fault::NotFloat)
}

fn check_order(sound: bool) -> Result<(), Fault> {
    if sound { Ok(()) } else { Err(Fault::Because("ERR LBOUND must be less than or equal to UBOUND")) }
}

fn deadline_of(lifetime: Lifetime<'_>, now: UnixMillis) -> Result<Deadline, Fault> {
    Ok(match lifetime {
        Lifetime::Unsaid | Lifetime::Keep => Deadline::Left,
        Lifetime::Persist => Deadline::Cleared,
        Lifetime::Until(measure, number) => Deadline::At(Measure::deadline(measure, number, now, "increx")?),
    })
}

/// Stores the new number and settles the deadline; one that has passed removes the key.
fn store(cx: &mut Cx<'_>, key: &[u8], number: Value, deadline: Deadline, only_first_deadline: bool) {
    let text = match (&number, cx.is_recorded()) {
        (Value::Text(text), true) => text.clone(),
        (Value::Integer(number), true) => number.to_string().into_bytes(),
        _ => Vec::new(),
    };
    let name = if matches!(number, Value::Integer(_)) { "incrby" } else { "incrbyfloat" };
    let has_deadline = match cx.write(key) {
        Some(mut entry) => {
            entry.put_value(number);
            entry.deadline().is_some()
        }
        None => {
            cx.put(key, number, None);
            false
        }
    };
    cx.event(Classes::STRING, name, key);
    match deadline {
        Deadline::Left => record_set(cx, key, &text, Keep::Keep),
        Deadline::At(_) if has_deadline && only_first_deadline => record_set(cx, key, &text, Keep::Keep),
        Deadline::Cleared if !has_deadline => record_set(cx, key, &text, Keep::Clear),
        Deadline::Cleared => {
            cx.set_deadline(key, None);
            record_set(cx, key, &text, Keep::Clear);
            cx.event(Classes::GENERIC, "persist", key);
        }
        Deadline::At(deadline) if deadline <= cx.expiry => {
            cx.delete(key);
            if let Some(record) = cx.record() {
                record.instead([b"DEL".as_slice(), key]);
            }
        }
        Deadline::At(deadline) => {
            cx.set_deadline(key, Some(deadline));
            record_set(cx, key, &text, Keep::At(deadline));
            cx.event(Classes::GENERIC, "expire", key);
        }
    }
    cx.changed(1);
}
