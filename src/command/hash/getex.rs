//! HGETEX reads fields and gives them a deadline, or takes it away; HGETDEL reads fields and removes them.

use super::options::{Command, Lifetime, Options};
use crate::command::members::{Dealt, Worded};
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::{Hash, Perishable};
use crate::time::UnixMillis;

pub(super) fn hgetex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, expiry, thresholds) = (args.key(1), cx.expiry, cx.thresholds());
    let options = Options::read(args, Command::Get, cx.now)?;
    let mut dealt = Dealt::default();
    let fields = args.from(options.first).take(options.count);
    let mut hash = cx.edit_as::<Hash>(key)?;
    reply.array(options.count);
    for field in fields {
        let Some(hash) = hash.as_mut() else {
            reply.null();
            continue;
        };
        let value = hash.get(field);
        let found = value.is_some();
        answer::element_or_null(value, reply);
        match options.lifetime {
            Lifetime::Persist if hash.take_deadline(field) => dealt.taken.push(field),
            Lifetime::Until(deadline) if found && deadline <= expiry => {
                hash.remove(field);
                dealt.removed.push(field);
            }
            Lifetime::Until(deadline) if found => {
                hash.give_deadline(field, deadline, thresholds);
                dealt.given.push(field);
            }
            Lifetime::Until(_) | Lifetime::Unsaid | Lifetime::Keep | Lifetime::Persist => {}
        }
    }
    drop(hash);
    let changed = dealt.given.len() + dealt.taken.len() + dealt.removed.len();
    if changed > 0 {
        let name = match options.lifetime {
            Lifetime::Persist => "hpersist",
            Lifetime::Until(deadline) if deadline <= expiry => "hdel",
            _ => "hexpire",
        };
        cx.event(Classes::HASH, name, key);
    }
    cx.drop_if_empty::<Hash>(key);
    let deadline = if let Lifetime::Until(deadline) = options.lifetime { deadline } else { UnixMillis(0) };
    dealt.record(cx, Hash::WORDS, key, deadline);
    cx.changed(changed as u64);
    Ok(())
}

pub(super) fn hgetdel(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let key = args.key(1);
    let mut hash = cx.edit_as::<Hash>(key)?;
    let fields = Hash::WORDS.of(args, 2)?;
    reply.array(fields.len());
    let mut dealt = Dealt::default();
    for field in fields {
        answer::element_or_null(hash.as_ref().and_then(|hash| hash.get(field)), reply);
        if hash.as_mut().is_some_and(|hash| hash.remove(field)) {
            dealt.removed.push(field);
        }
    }
    drop(hash);
    if !dealt.removed.is_empty() {
        cx.event(Classes::HASH, "hdel", key);
    }
    cx.drop_if_empty::<Hash>(key);
    dealt.record(cx, Hash::WORDS, key, UnixMillis(0));
    cx.changed(dealt.removed.len() as u64);
    Ok(())
}
