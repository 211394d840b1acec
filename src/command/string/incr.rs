//! Counters: INCR, DECR, INCRBY, DECRBY on integers and INCRBYFLOAT on decimal fractions.

use super::set::record_set;
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::resp::number::{FloatFault, add_long_double};
use crate::store::{Keep, Value};

#[inline]
pub(super) fn incr(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    add(cx, args.key(1), 1, reply)
}

pub(super) fn decr(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    add(cx, args.key(1), -1, reply)
}

pub(super) fn incrby(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    add(cx, args.key(1), args.int(2)?, reply)
}

pub(super) fn decrby(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    // The one number without a counterpart of the other sign.
    let by = args.int(2)?.checked_neg().ok_or(Fault::DecrementOverflow)?;
    add(cx, args.key(1), by, reply)
}

/// Adds to the number at a key, 0 if there is none. A number that is kept as one changes where it lies.
#[inline]
fn add(cx: &mut Cx<'_>, key: &[u8], by: i64, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let sum = match cx.write(key) {
        Some(mut entry) => {
            if let Some(number) = entry.integer_mut() {
                *number = number.checked_add(by).ok_or(Fault::Overflow)?;
                *number
            } else {
                let number = entry.text().ok_or(Fault::WrongType)?.integer().ok_or(Fault::NotInteger)?;
                let sum = number.checked_add(by).ok_or(Fault::Overflow)?;
                entry.put_integer(sum);
                sum
            }
        }
        None => {
            cx.put(key, Value::Integer(by), None);
            by
        }
    };
    cx.changed(1);
    cx.event(Classes::STRING, "incrby", key);
    reply.integer(sum);
    Ok(())
}

pub(super) fn incrbyfloat(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let by = args.get(2);
    let sum = match cx.write(key) {
        Some(mut entry) => {
            let sum = sum_of(entry.text().ok_or(Fault::WrongType)?.bytes(&mut [0; 20]), by)?;
            entry.put_value(text(&sum));
            sum
        }
        None => {
            let sum = sum_of(b"0", by)?;
            cx.put(key, text(&sum), None);
            sum
        }
    };
    record_set(cx, key, sum.as_bytes(), Keep::Keep);
    cx.changed(1);
    cx.event(Classes::STRING, "incrbyfloat", key);
    reply.bulk(sum.as_bytes());
    Ok(())
}

/// Not [`Value::text`]: the sum stays a text even where it is whole, as OBJECT ENCODING shows.
fn text(sum: &str) -> Value {
    Value::Text(sum.as_bytes().to_vec())
}

fn sum_of(number: &[u8], by: &[u8]) -> Result<String, Fault> {
    add_long_double(number, by).map_err(|fault| match fault {
        FloatFault::NotFloat => Fault::NotFloat,
        FloatFault::NanOrInfinity => Fault::NanOrInfinity,
    })
}
