//! HSET key field value [field value ...]: the last value of a field that comes twice stays.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Hash;

pub(super) fn hset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if !args.len().is_multiple_of(2) {
        return Err(Fault::Arity("hset"));
    }
    let thresholds = cx.thresholds();
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    let created = args.pairs(2).filter(|(field, value)| hash.set(field, value, thresholds)).count();
    drop(hash);
    // Redis counts every pair as a change, new or not.
    cx.changed((args.len() / 2 - 1) as u64);
    answer::count(created, reply);
    Ok(())
}
