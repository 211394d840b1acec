//! GET and its kin: GETDEL and GETEX, which change the key as they read it, and MGET of many keys.

use super::options::Lifetime;
use super::{answer, answer_text};
use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::resp::Reply;

#[inline]
pub(super) fn run(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer(cx.read_text(args.key(1))?, reply);
    Ok(())
}

pub(super) fn getdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    answer(cx.read_text(args.key(1))?, reply);
    if cx.delete(args.key(1)) {
        if let Some(record) = cx.record() {
            record.instead([b"DEL".as_slice(), args.key(1)]);
        }
        cx.changed(1);
    }
    Ok(())
}

/// Options are looked at before the key, but the number of a deadline only if there is a key to give it to: as Redis does.
pub(super) fn getex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let mut lifetime = Lifetime::Unsaid;
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        lifetime = lifetime.option(word, &mut options)?.filter(|&said| said != Lifetime::Keep).ok_or(Fault::Syntax)?;
    }
    let Some(text) = cx.read_text(key)? else {
        reply.null();
        return Ok(());
    };
    answer_text(text, reply);
    let changed = match lifetime {
        Lifetime::Unsaid | Lifetime::Keep => false,
        Lifetime::Persist => {
            let volatile = cx.write(key).is_some_and(|entry| entry.deadline().is_some());
            if let Some(record) = cx.record().filter(|_| volatile) {
                record.instead([b"PERSIST".as_slice(), key]);
            }
            let persisted = volatile && cx.set_deadline(key, None);
            if persisted {
                cx.event(Classes::GENERIC, "persist", key);
            }
            persisted
        }
        Lifetime::Until(measure, number) => {
            let deadline = measure.deadline(number, cx.now, "getex")?;
            let passed = deadline <= cx.expiry;
            if let Some(record) = cx.record() {
                match passed {
                    true => record.instead([b"DEL".as_slice(), key]),
                    false => record.instead([b"PEXPIREAT".as_slice(), key, &decimal(deadline.0)]),
                }
            }
            if passed {
                cx.delete(key)
            } else {
                cx.event(Classes::GENERIC, "expire", key);
                cx.set_deadline(key, Some(deadline))
            }
        }
    };
    cx.changed(u64::from(changed));
    Ok(())
}

/// Keys that hold no string are null, as missing ones are.
pub(super) fn mget(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let keys = args.from(1);
    reply.array(keys.len());
    for key in keys {
        answer(cx.read(key).and_then(|entry| entry.text()), reply);
    }
    Ok(())
}

pub(super) fn strlen(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let length = cx.read_text(args.key(1))?.map_or(0, |text| text.len());
    reply.integer(i64::try_from(length).unwrap_or(i64::MAX));
    Ok(())
}
