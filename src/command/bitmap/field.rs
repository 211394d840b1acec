//! BITFIELD and BITFIELD_RO: integers of any width within a string, read, set and added to.
//!
//! The whole call is read before anything is done, so that one wrong word leaves the string as it was.

use super::{offset, store};
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::{Reply, number};
use crate::store::types::bits::{Field, Overflow};

/// One operation of a call.
#[derive(Clone, Copy)]
struct Step {
    field: Field,
    first: u64,
    deed: Deed,
}

#[derive(Clone, Copy)]
enum Deed {
    Get,
    Set(i64, Overflow),
    Add(i64, Overflow),
}

pub(super) fn bitfield(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, reply, false)
}

pub(super) fn bitfield_ro(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    run(cx, args, reply, true)
}

fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>, only_reads: bool) -> Result<(), Fault> {
    let steps = parse(cx, args, only_reads)?;
    let writes = steps.iter().filter(|step| !matches!(step.deed, Deed::Get));
    match writes.map(|step| step.first + u64::from(step.field.bits) - 1).max() {
        None => get(cx, args.key(1), &steps, reply),
        Some(last) => change(cx, args.key(1), &steps, usize::try_from(last / 8).map_or(usize::MAX, |at| at + 1), reply),
    }
}

fn parse(cx: &Cx<'_>, args: &Args<'_>, only_reads: bool) -> Result<Vec<Step>, Fault> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut words = args.options(2);
    while let Some(word) = words.next() {
        let left = words.left();
        if word.eq_ignore_ascii_case(b"overflow") && left >= 1 {
            overflow = overflow_of(words.operand()?)?;
            continue;
        }
        let (is_get, is_set, is_add) =
            (word.eq_ignore_ascii_case(b"get"), word.eq_ignore_ascii_case(b"set"), word.eq_ignore_ascii_case(b"incrby"));
        if !(is_get && left >= 2 || (is_set || is_add) && left >= 3) {
            return Err(Fault::Syntax);
        }
        let field = field_of(words.operand()?)?;
        let first = offset(words.operand()?, Some(field.bits), cx.limits)?;
        let deed = if is_get {
            Deed::Get
        } else if only_reads {
            return Err(Fault::Because("ERR BITFIELD_RO only supports the GET subcommand"));
        } else if is_set {
            Deed::Set(words.int()?, overflow)
        } else {
            Deed::Add(words.int()?, overflow)
        };
        steps.push(Step { field, first, deed });
    }
    Ok(steps)
}

fn overflow_of(word: &[u8]) -> Result<Overflow, Fault> {
    if word.eq_ignore_ascii_case(b"wrap") {
        Ok(Overflow::Wrap)
    } else if word.eq_ignore_ascii_case(b"sat") {
        Ok(Overflow::Saturate)
    } else if word.eq_ignore_ascii_case(b"fail") {
        Ok(Overflow::Fail)
    } else {
        Err(Fault::Because("ERR Invalid OVERFLOW type specified"))
    }
}

/// `i16`, `u8`: the letter in lower case, and no leading zero.
fn field_of(word: &[u8]) -> Result<Field, Fault> {
    let (signed, digits, bits_max) = match word {
        [b'i', digits @ ..] => (true, digits, 64),
        [b'u', digits @ ..] => (false, digits, 63),
        _ => (false, &[][..], 0),
    };
    number::parse_integer(digits)
        .and_then(|bits| u32::try_from(bits).ok())
        .filter(|bits| (1..=bits_max).contains(bits))
        .map(|bits| Field { signed, bits })
        .ok_or(Fault::Because("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."))
}

fn get(cx: &mut Cx<'_>, key: &[u8], steps: &[Step], reply: &mut Reply<'_>) -> Result<(), Fault> {
    let text = cx.read_text(key)?;
    let mut scratch = [0; 20];
    let text = text.map_or(&[][..], |text| text.bytes(&mut scratch));
    reply.array(steps.len());
    for step in steps {
        reply.integer(step.field.read(text, step.first));
    }
    Ok(())
}

fn change(cx: &mut Cx<'_>, key: &[u8], steps: &[Step], bytes: usize, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let grows = match cx.write(key) {
        Some(entry) => entry.text().ok_or(Fault::WrongType)?.len() < bytes,
        None => {
            store(cx, key, vec![0; bytes]);
            true
        }
    };
    let Some(mut entry) = cx.write(key) else { return Err(Fault::WrongType) };
    let text = entry.text_mut(bytes).ok_or(Fault::WrongType)?;
    let (mut changes, mut is_written) = (0, false);
    reply.array(steps.len());
    for &Step { field, first, deed } in steps {
        let before = field.read(text, first);
        let (after, answers_old) = match deed {
            Deed::Get => (Some(before), true),
            Deed::Set(value, overflow) => (set_to(value, field, overflow), true),
            Deed::Add(by, overflow) => (field.fit(i128::from(before) + i128::from(by), overflow), false),
        };
        let Some(after) = after else {
            reply.null();
            continue;
        };
        if after != before {
            field.write(text, first, after);
            changes += 1;
        }
        is_written |= !matches!(deed, Deed::Get) && (grows || after != before);
        reply.integer(if answers_old { before } else { after });
    }
    // That a string grew is a change too, even if every field in it kept its value.
    cx.changed(changes.max(u64::from(grows)));
    if is_written {
        cx.event(Classes::STRING, "setbit", key);
    }
    Ok(())
}

/// What SET puts into a field.
///
/// Taken for the unsigned number of the same bits, a negative one is too large for any unsigned field. And one so low that its distance from the
/// highest value of a signed field takes more than 63 bits is too high, not too low, for Redis, which saturates it up.
fn set_to(value: i64, field: Field, overflow: Overflow) -> Option<i64> {
    let most = i64::MAX >> (64 - field.bits);
    if !field.signed {
        field.fit(i128::from(value as u64), overflow)
    } else if overflow == Overflow::Saturate && field.bits < 64 && most.checked_sub(value).is_none() {
        Some(most)
    } else {
        field.fit(i128::from(value), overflow)
    }
}
