//! Fields as counters: HINCRBY on integers, HINCRBYFLOAT on decimal fractions. A field that is not there counts from 0.

use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::Reply;
use crate::resp::number::LongDouble;
use crate::store::types::{DIGITS_MAX, Element, Hash, Perishable, digits};

const NOT_INTEGER: &str = "ERR hash value is not an integer";
const NOT_FLOAT: &str = "ERR hash value is not a float";
const INFINITE: &str = "ERR value is NaN or Infinity";

pub(super) fn hincrby(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (field, by) = (args.get(2), args.int(3)?);
    let thresholds = cx.thresholds();
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    // Only a field that is there can be at fault, so that no empty hash stays behind.
    let number = match hash.get(field) {
        Some(value) => value.integer().ok_or(Fault::Because(NOT_INTEGER))?,
        None => 0,
    };
    let sum = number.checked_add(by).ok_or(Fault::Overflow)?;
    hash.update(field, digits(sum, &mut [0; DIGITS_MAX]), thresholds);
    drop(hash);
    cx.changed(1);
    cx.event(Classes::HASH, "hincrby", args.key(1));
    reply.integer(sum);
    Ok(())
}

pub(super) fn hincrbyfloat(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let by = LongDouble::parse(args.get(3)).ok_or(Fault::NotFloat)?;
    if !by.is_finite() {
        return Err(Fault::Because(INFINITE));
    }
    let field = args.get(2);
    let thresholds = cx.thresholds();
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    // As above.
    let sum = match hash.get(field) {
        Some(value) => float_of(value)?.add(by).ok_or(Fault::NanOrInfinity)?,
        None => by,
    };
    let sum = sum.format();
    let is_mortal = hash.deadline_of(field).flatten().is_some();
    hash.update(field, sum.as_bytes(), thresholds);
    drop(hash);
    if let Some(record) = cx.record() {
        // HSET would take the deadline away.
        match is_mortal {
            true => record.instead([b"HSETEX".as_slice(), args.key(1), b"KEEPTTL", b"FIELDS", b"1", field, sum.as_bytes()]),
            false => record.instead([b"HSET".as_slice(), args.key(1), field, sum.as_bytes()]),
        }
    }
    cx.changed(1);
    cx.event(Classes::HASH, "hincrbyfloat", args.key(1));
    reply.bulk(sum.as_bytes());
    Ok(())
}

fn float_of(value: Element<'_>) -> Result<LongDouble, Fault> {
    LongDouble::parse(value.bytes(&mut [0; DIGITS_MAX])).ok_or(Fault::Because(NOT_FLOAT))
}
