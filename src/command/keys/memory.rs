//! MEMORY USAGE key: what a key costs, as it was allocated.

use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;

/// The entry, its value, and the key's share of the tables. Values keep a running count of their bytes, so SAMPLES is understood and not needed.
pub(super) fn usage(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if !word.eq_ignore_ascii_case(b"samples") || options.int()? < 0 {
            return Err(Fault::Syntax);
        }
    }
    match cx.weigh(args.key(2)) {
        Some(bytes) => answer::count(bytes, reply),
        None => reply.null(),
    }
    Ok(())
}
