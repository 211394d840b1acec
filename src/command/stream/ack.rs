//! XACK: entries that need not be delivered again. XNACK: entries that somebody else may take.

use super::{group, ids};
use crate::command::{Args, Classes, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::group::{DELIVERIES_MAX, Pending, Seat};
use crate::store::types::stream::Stream;

pub(super) fn xack(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut acknowledged = 0;
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(args.key(1))? else {
        cx.event(Classes::MISS, "keymiss", args.key(1));
        reply.integer(0);
        return Ok(());
    };
    if let Some(mut group) = stream.groups_mut().edit(args.get(2)) {
        // All are read before the first is settled: a bad one among them changes nothing.
        if args.len() == 4 {
            acknowledged = usize::from(group.settle(ids::strict_id(args.get(3), 0)?).is_some());
        } else {
            acknowledged = ids::all(args, 3)?.into_iter().filter(|id| group.settle(*id).is_some()).count();
        }
    }
    drop(stream);
    cx.changed(acknowledged as u64);
    answer::count(acknowledged, reply);
    Ok(())
}

/// How the count of deliveries goes on.
#[derive(Clone, Copy)]
enum Mode {
    /// This one did not count.
    Silent,
    Fail,
    /// Nobody should try again.
    Fatal,
}

impl Mode {
    fn read(word: &[u8]) -> Result<Mode, Fault> {
        const MODES: [(&[u8], Mode); 3] = [(b"silent", Mode::Silent), (b"fail", Mode::Fail), (b"fatal", Mode::Fatal)];
        MODES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, mode)| *mode).ok_or(Fault::Syntax)
    }
}

pub(super) fn xnack(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mode = Mode::read(args.get(3))?;
    let (mut asked, mut retries, mut force) = (None, None, false);
    let mut options = args.options(4);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"ids") && asked.is_none() {
            asked = Some(ids::block(&mut options)?);
        } else if word.eq_ignore_ascii_case(b"retrycount") {
            let count = u64::try_from(options.int()?);
            retries = Some(count.map_err(|_| Fault::Because("ERR Invalid RETRYCOUNT option argument for XNACK"))?);
        } else if word.eq_ignore_ascii_case(b"force") {
            force = true;
        } else {
            return Err(Fault::Syntax);
        }
    }
    let asked = asked.ok_or(Fault::Syntax)?;
    let (key, name) = (args.key(1), args.get(2));
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(key)? else { return Err(group::no_key_or_group(key, name)) };
    let (log, groups) = stream.parts();
    let Some(mut group) = groups.edit(name) else { return Err(group::no_key_or_group(key, name)) };
    let mut released = 0;
    for id in asked {
        let before = match group.get(id) {
            Some(pending) => pending.deliveries,
            None if force && log.get(id).is_some() => 0,
            None => continue,
        };
        let deliveries = retries.unwrap_or(match mode {
            Mode::Silent => before.saturating_sub(1),
            Mode::Fail => before,
            Mode::Fatal => DELIVERIES_MAX,
        });
        // Delivered at the beginning of time, so that it has been idle for longer than anyone asks.
        group.put(id, Pending { delivered_ms: 0, deliveries, owner: Seat::NOBODY });
        released += 1;
    }
    drop(group);
    drop(stream);
    cx.changed(released as u64);
    answer::count(released, reply);
    Ok(())
}
