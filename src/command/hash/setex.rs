//! HSETEX: fields get values and a deadline, all of them or, if a condition is not met, none.

use super::options::{Command, Condition, Lifetime, Options};
use crate::command::{Args, Classes, Cx, Fault, decimal};
use crate::resp::Reply;
use crate::store::types::{Hash, Perishable};
use crate::time::UnixMillis;

pub(super) fn hsetex(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let options = Options::read(args, Command::Set, cx.now)?;
    let set = is_wanted(cx, args, &options)?;
    if set {
        match options.lifetime {
            Lifetime::Until(deadline) if deadline <= cx.expiry => remove_all(cx, args, &options)?,
            Lifetime::Until(deadline) => set_all(cx, args, &options, Some(deadline))?,
            Lifetime::Keep | Lifetime::Unsaid | Lifetime::Persist => set_all(cx, args, &options, None)?,
        }
        record(cx, args, &options);
        cx.changed(options.count as u64);
    }
    reply.integer(i64::from(set));
    Ok(())
}

/// Tells the journal what was set, without the conditions.
fn record(cx: &mut Cx<'_>, args: &Args<'_>, options: &Options) {
    let expiry = cx.expiry;
    let Some(record) = cx.record() else { return };
    let (key, count) = (args.key(1), decimal(options.count as u64));
    let deadline = if let Lifetime::Until(deadline) = options.lifetime { deadline } else { UnixMillis(0) };
    let at = decimal(deadline.0);
    let pairs = || args.from(options.first).take(2 * options.count);
    let head: Vec<&[u8]> = match options.lifetime {
        Lifetime::Until(deadline) if deadline <= expiry => {
            let fields = args.pairs(options.first).take(options.count).map(|(field, _)| field);
            record.instead([b"HDEL".as_slice(), key].into_iter().chain(fields).collect::<Vec<_>>());
            return;
        }
        Lifetime::Until(_) => vec![b"HSETEX", key, b"PXAT", &at, b"FIELDS", &count],
        Lifetime::Keep => vec![b"HSETEX", key, b"KEEPTTL", b"FIELDS", &count],
        Lifetime::Unsaid | Lifetime::Persist => vec![b"HSET", key],
    };
    record.instead(head.into_iter().chain(pairs()).collect::<Vec<_>>());
}

/// Whether the conditions hold.
fn is_wanted(cx: &mut Cx<'_>, args: &Args<'_>, options: &Options) -> Result<bool, Fault> {
    if options.key == Condition::Always && options.fields == Condition::Always {
        return Ok(true);
    }
    let hash = cx.check_as::<Hash>(args.key(1))?;
    let mut fields = args.pairs(options.first).take(options.count).map(|(field, _)| field);
    let has = |field| hash.is_some_and(|hash| hash.contains(field));
    Ok(options.key.holds(|| hash.is_some(), || hash.is_some()) && {
        let mut all = fields.clone();
        options.fields.holds(|| fields.any(has), || all.all(has))
    })
}

fn set_all(cx: &mut Cx<'_>, args: &Args<'_>, options: &Options, deadline: Option<UnixMillis>) -> Result<(), Fault> {
    let thresholds = cx.thresholds();
    let mut hash = cx.create_as(args.key(1), Hash::new)?;
    for (field, value) in args.pairs(options.first).take(options.count) {
        if options.lifetime == Lifetime::Unsaid {
            hash.set(field, value, thresholds);
        } else {
            hash.update(field, value, thresholds);
        }
        if let Some(deadline) = deadline {
            hash.give_deadline(field, deadline, thresholds);
        }
    }
    drop(hash);
    cx.event(Classes::HASH, "hset", args.key(1));
    if deadline.is_some() {
        cx.event(Classes::HASH, "hexpire", args.key(1));
    }
    Ok(())
}

/// What is set to a deadline that has passed is gone at once.
fn remove_all(cx: &mut Cx<'_>, args: &Args<'_>, options: &Options) -> Result<(), Fault> {
    let key = args.key(1);
    let Some(mut hash) = cx.edit_as::<Hash>(key)? else { return Ok(()) };
    let removed = args.pairs(options.first).take(options.count).filter(|(field, _)| hash.remove(field)).count();
    drop(hash);
    if removed > 0 {
        cx.event(Classes::HASH, "hdel", key);
    }
    cx.drop_if_empty::<Hash>(key);
    Ok(())
}
