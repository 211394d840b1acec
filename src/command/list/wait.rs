//! BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH: as LPOP and kin, and if there is nothing yet they wait.

use crate::command::list::mpop::{self, end_of};
use crate::command::list::{pop, relocate};
use crate::command::wait::{Patience, seconds};
use crate::command::{Args, Cx, Fault, Waits};
use crate::resp::Reply;
use crate::store::Kind;
use crate::store::types::List;
use crate::store::types::list::End;

/// BLPOP, BRPOP, BLMOVE, BRPOPLPUSH: the timeout is the last word.
pub(super) const POP: Waits = Waits::until(Kind::List, |args| seconds(args.get(args.len() - 1)).ok());
pub(super) const MOVE: Waits = Waits { first_key_only: true, ..POP };
/// BLMPOP: it is the first.
pub(super) const POP_MANY: Waits = Waits::until(Kind::List, |args| seconds(args.get(1)).ok());

pub(super) fn blpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_first(cx, args, End::Front, reply)
}

pub(super) fn brpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    pop_first(cx, args, End::Back, reply)
}

/// One element of the first list that is there, behind its key.
fn pop_first(cx: &mut Cx<'_>, args: &Args<'_>, end: End, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let keys = args.len() - 2;
    seconds(args.get(keys + 1))?;
    for key in args.from(1).take(keys) {
        if cx.check_as::<List>(key)?.is_some() {
            reply.array(2);
            reply.bulk(key);
            if let Some(record) = cx.record() {
                let command: &[u8] = if end == End::Front { b"LPOP" } else { b"RPOP" };
                record.instead([command, key]);
            }
            return pop::pop_one(cx, key, end, reply);
        }
    }
    cx.wait_or(|| reply.null_array())
}

pub(super) fn blmpop(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = mpop::Wanted::read(args, 2)?;
    seconds(args.get(1))?;
    if wanted.pop(cx, args, reply)? { Ok(()) } else { cx.wait_or(|| reply.null_array()) }
}

pub(super) fn blmove(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (from, to) = (end_of(args.get(3))?, end_of(args.get(4))?);
    move_or_wait(cx, args, from, to, seconds(args.get(5))?, reply)
}

pub(super) fn brpoplpush(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    move_or_wait(cx, args, End::Back, End::Front, seconds(args.get(3))?, reply)
}

fn move_or_wait(cx: &mut Cx<'_>, args: &Args<'_>, from: End, to: End, _: Patience, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if cx.check_as::<List>(args.key(1))?.is_none() {
        return cx.wait_or(|| reply.null());
    }
    relocate::move_one(cx, args.key(1), args.key(2), from, to, reply)?;
    if let Some(record) = cx.record() {
        let word = |end| if end == End::Front { b"LEFT".as_slice() } else { b"RIGHT" };
        record.instead([b"LMOVE".as_slice(), args.key(1), args.key(2), word(from), word(to)]);
    }
    Ok(())
}
