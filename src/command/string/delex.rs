//! DELEX and DELIFEQ: removes a key if its string passes a test, as who gives back a lock wants.

use super::test::Test;
use crate::command::{Args, Cx, Fault};
use crate::resp::Reply;

/// Without a condition it is DEL; with one the key must hold a string.
pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let mut options = args.options(2);
    let passes = match options.next() {
        None => true,
        Some(_) if args.len() != 4 => return Err(Fault::Arity("delex")),
        Some(word) => match Test::option(word, &mut options)? {
            Some(test) => test.passes_at(cx, key)? && cx.exists(cx.database, key),
            None => return Err(Fault::Because("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")),
        },
    };
    answer(passes && cx.delete(key), key, cx, reply)
}

pub(super) fn delifeq(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let removed = Test::Equals(args.get(2)).passes_at(cx, args.key(1))? && cx.delete(args.key(1));
    answer(removed, args.key(1), cx, reply)
}

fn answer(removed: bool, key: &[u8], cx: &mut Cx<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if let Some(record) = cx.record().filter(|_| removed) {
        record.instead([b"DEL".as_slice(), key]);
    }
    cx.changed(u64::from(removed));
    reply.integer(i64::from(removed));
    Ok(())
}
