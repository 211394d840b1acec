//! PFCOUNT key ..: how many different elements were added. Of one key the count is kept, until its registers change.

use super::{checked, read};
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;
use crate::store::types::hyperloglog::{self, Histogram, REGISTERS};

pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let count = if args.len() == 2 { one(cx, args.key(1))? } else { several(cx, args)? };
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn one(cx: &mut Cx<'_>, key: &[u8]) -> Result<u64, Fault> {
    let Some(text) = read(cx, key)? else { return Ok(0) };
    if let Some(count) = hyperloglog::cached(text) {
        return Ok(count);
    }
    let count = Histogram::of(text)?.estimate();
    if let Some(mut entry) = cx.write(key)
        && let Some(text) = entry.text_mut(0)
    {
        hyperloglog::remember(text, count);
    }
    cx.changed(1);
    Ok(count)
}

fn several(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<u64, Fault> {
    let mut registers = [0; REGISTERS];
    for key in args.from(1) {
        if let Some(text) = cx.read_text(key)? {
            hyperloglog::merge(checked(text)?, &mut registers)?;
        }
    }
    Ok(Histogram::of_registers(&registers).estimate())
}
