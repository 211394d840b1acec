//! XDEL, and XDELEX and XACKDEL, which look at what is pending too.

use super::{ids, references};
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::stream::{Deletion, Id, References, Stream};

pub(super) fn xdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut deleted = 0;
    if let Some(mut stream) = cx.edit_as::<Stream>(args.key(1))? {
        let asked = ids::all(args, 2)?;
        deleted = asked.into_iter().filter(|id| stream.delete(*id)).count();
    }
    told_deleted(cx, args.key(1), deleted);
    answer::count(deleted, reply);
    Ok(())
}

/// Counts entries that were deleted, and tells of them.
fn told_deleted(cx: &mut Cx<'_>, key: &[u8], deleted: usize) {
    if deleted > 0 {
        cx.changed(deleted as u64);
        cx.event(Classes::STREAM, "xdel", key);
    }
}

/// KEEPREF, DELREF or ACKED, and the ids of an IDS block, in any order.
fn asked(args: &Args<'_>, at: usize) -> Result<(References, Vec<Id>), Fault> {
    let (mut references, mut asked) = (References::default(), None);
    let mut options = args.options(at);
    while let Some(word) = options.next() {
        if let Some(said) = references::option(word) {
            references = said;
        } else if word.eq_ignore_ascii_case(b"ids") && asked.is_none() {
            asked = Some(ids::block(&mut options)?);
        } else {
            return Err(Fault::Syntax);
        }
    }
    Ok((references, asked.ok_or(Fault::Syntax)?))
}

/// One number for each id.
fn told(deletions: impl ExactSizeIterator<Item = Deletion>, reply: &mut Reply<'_>) {
    reply.array(deletions.len());
    for deletion in deletions {
        reply.integer(match deletion {
            Deletion::Missing => -1,
            Deletion::Done => 1,
            Deletion::Referenced => 2,
        });
    }
}

pub(super) fn xdelex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (references, asked) = asked(args, 2)?;
    let deletions = match cx.edit_as::<Stream>(args.key(1))? {
        Some(mut stream) => stream.delete_all(&asked, references),
        None => vec![Deletion::Missing; asked.len()],
    };
    told_deleted(cx, args.key(1), deletions.iter().filter(|deletion| **deletion == Deletion::Done).count());
    told(deletions.into_iter(), reply);
    Ok(())
}

pub(super) fn xackdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (references, asked) = asked(args, 3)?;
    let mut deletions = vec![Deletion::Missing; asked.len()];
    let (mut acknowledged, mut deleted) = (0, 0);
    if let Some(mut stream) = cx.edit_as::<Stream>(args.key(1))? {
        // Only what was pending is deleted: the rest was not this group's to acknowledge.
        let mut settled = vec![false; asked.len()];
        if let Some(mut group) = stream.groups_mut().edit(args.get(2)) {
            for (id, settled) in asked.iter().zip(&mut settled) {
                *settled = group.settle(*id).is_some();
                acknowledged += u64::from(*settled);
            }
        }
        let pending: Vec<Id> = asked.iter().zip(&settled).filter(|(_, settled)| **settled).map(|(id, _)| *id).collect();
        let mut verdicts = stream.delete_all(&pending, references).into_iter();
        for (deletion, _) in deletions.iter_mut().zip(&settled).filter(|(_, settled)| **settled) {
            *deletion = match verdicts.next() {
                // It had been deleted before.
                Some(Deletion::Missing) | None => Deletion::Done,
                Some(verdict) => {
                    deleted += usize::from(verdict == Deletion::Done);
                    verdict
                }
            };
        }
    }
    cx.changed(acknowledged);
    if deleted > 0 {
        cx.event(Classes::STREAM, "xdel", args.key(1));
    }
    told(deletions.into_iter(), reply);
    Ok(())
}
