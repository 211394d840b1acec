//! HGETEX reads fields and gives them a deadline, or takes it away; HGETDEL reads fields and removes them.

use super::options::{Command, Lifetime, Options};
use crate::command::members::Worded;
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{Hash, Perishable};

pub(super) fn hgetex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, now, thresholds) = (args.key(1), cx.now, cx.thresholds());
    let options = Options::read(args, Command::Get, now)?;
    let fields = args.from(options.first).take(options.count);
    let mut hash = cx.edit_as::<Hash>(key)?;
    reply.array(options.count);
    let mut changed = 0;
    for field in fields {
        let Some(hash) = hash.as_mut() else {
            reply.null();
            continue;
        };
        let value = hash.get(field);
        let found = value.is_some();
        answer::element_or_null(value, reply);
        changed += u64::from(match options.lifetime {
            Lifetime::Persist => hash.take_deadline(field),
            Lifetime::Until(deadline) if found && deadline <= now => hash.remove(field),
            Lifetime::Until(deadline) if found => {
                hash.give_deadline(field, deadline, thresholds);
                true
            }
            Lifetime::Until(_) | Lifetime::Unsaid | Lifetime::Keep => false,
        });
    }
    drop(hash);
    if changed > 0 {
        let name = match options.lifetime {
            Lifetime::Persist => "hpersist",
            Lifetime::Until(deadline) if deadline <= now => "hdel",
            _ => "hexpire",
        };
        cx.event(Classes::HASH, name, key);
    }
    cx.drop_if_empty::<Hash>(key);
    cx.changed(changed);
    Ok(())
}

pub(super) fn hgetdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let mut hash = cx.edit_as::<Hash>(key)?;
    let fields = Hash::WORDS.of(args, 2)?;
    reply.array(fields.len());
    let mut removed = 0;
    for field in fields {
        answer::element_or_null(hash.as_ref().and_then(|hash| hash.get(field)), reply);
        removed += u64::from(hash.as_mut().is_some_and(|hash| hash.remove(field)));
    }
    drop(hash);
    if removed > 0 {
        cx.event(Classes::HASH, "hdel", key);
    }
    cx.drop_if_empty::<Hash>(key);
    cx.changed(removed);
    Ok(())
}
