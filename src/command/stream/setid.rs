//! XSETID and XCFGSET: what a stream remembers besides its entries.

use super::ids;
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::{Reply, number};
use crate::store::types::producers;
use crate::store::types::stream::{Id, Stream};

pub(super) fn xsetid(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let last_id = ids::strict_id(args.get(2), 0)?;
    let (mut added, mut deleted) = (None, None);
    let mut options = args.options(3);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"entriesadded") && options.left() > 0 {
            added = Some(u64::try_from(options.int()?).map_err(|_| Fault::Because("ERR entries_added must be positive"))?);
        } else if word.eq_ignore_ascii_case(b"maxdeletedid") && options.left() > 0 {
            let id = ids::strict_id(options.operand()?, 0)?;
            if last_id < id {
                return Err(Fault::Because("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"));
            }
            // 0-0 says nothing.
            deleted = Some(id).filter(|id| *id != Id::MIN);
        } else {
            return Err(Fault::Syntax);
        }
    }
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(args.key(1))? else { return Err(Fault::NoSuchKey) };
    if let Some(top) = stream.top_id() {
        if last_id < top {
            return Err(Fault::Because("ERR The ID specified in XSETID is smaller than the target stream top item"));
        }
        if added.is_some_and(|added| added < stream.len() as u64) {
            return Err(Fault::Because("ERR The entries_added specified in XSETID is smaller than the target stream length"));
        }
    }
    let (deleted, added) = (deleted.unwrap_or(stream.max_deleted_id()), added.unwrap_or(stream.entries_added()));
    stream.restore(last_id, deleted, added);
    drop(stream);
    cx.changed(1);
    cx.event(Classes::STREAM, "xsetid", args.key(1));
    reply.ok();
    Ok(())
}

pub(super) fn xcfgset(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (mut duration, mut names) = (None, None);
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        let number = |word: &[u8]| number::parse_integer(word).and_then(|number| u64::try_from(number).ok());
        if word.eq_ignore_ascii_case(b"idmp-duration") {
            let seconds = number(options.operand()?).filter(|seconds| (1..=producers::DURATION_MAX).contains(seconds));
            duration = Some(seconds.ok_or(Fault::Because("ERR invalid duration"))?);
        } else if word.eq_ignore_ascii_case(b"idmp-maxsize") {
            let size = number(options.operand()?).and_then(|size| usize::try_from(size).ok());
            let size = size.filter(|size| (1..=producers::NAMES_MAX).contains(size));
            names = Some(size.ok_or(Fault::Because("ERR invalid maxsize"))?);
        } else {
            return Err(Fault::Syntax);
        }
    }
    if duration.is_none() && names.is_none() {
        return Err(Fault::Syntax);
    }
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(args.key(1))? else { return Err(Fault::NoSuchKey) };
    stream.producers_mut().configure(duration, names);
    drop(stream);
    cx.changed(1);
    reply.ok();
    Ok(())
}
