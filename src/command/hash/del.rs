//! HDEL key field [field ...]: the last field takes the key with it.

use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::Hash;

pub(super) fn hdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let Some(mut hash) = cx.edit_as::<Hash>(key)? else {
        reply.integer(0);
        return Ok(());
    };
    let removed = args.from(2).filter(|field| hash.remove(field)).count();
    let emptied = hash.is_empty();
    drop(hash);
    if removed > 0 {
        cx.event(Classes::HASH, "hdel", key);
    }
    if emptied {
        cx.drop_if_empty::<Hash>(key);
    }
    cx.changed(removed as u64);
    answer::count(removed, reply);
    Ok(())
}
