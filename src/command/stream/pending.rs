//! XPENDING: what was delivered and not acknowledged, in sum or entry by entry.

use super::{group, ids};
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::group::{Group, Pending, Seat};
use crate::store::types::stream::{Id, Stream};

/// Which entries are asked for.
struct Wanted<'a> {
    min_idle: u64,
    start: Id,
    end: Id,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// `XPENDING key group [[IDLE ms] start end count [consumer]]`; one more word is not looked at, nor is it in Redis.
    fn read(args: &Args<'a>) -> Result<Option<Wanted<'a>>, Fault> {
        let (mut at, mut min_idle) = (3, 0);
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(Fault::Syntax),
        }
        if args.is(3, "idle") {
            min_idle = u64::try_from(args.int(4)?).unwrap_or(0);
            if args.len() < 8 {
                return Err(Fault::Syntax);
            }
            at = 5;
        }
        let count = usize::try_from(args.int(at + 2)?).unwrap_or(0);
        let (start, end) = (ids::first_of_range(args.get(at))?, ids::last_of_range(args.get(at + 1))?);
        let consumer = (args.len() > at + 3).then(|| args.get(at + 3));
        Ok(Some(Wanted { min_idle, start, end, count, consumer }))
    }
}

pub(super) fn xpending(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::read(args)?;
    let (key, name, now) = (args.key(1), args.get(2), cx.now.0);
    let group = cx.read_as::<Stream>(key)?.and_then(|stream| stream.groups().get(name));
    let Some(group) = group else { return Err(group::no_key_or_group(key, name)) };
    match wanted {
        None => sum(group, reply),
        Some(wanted) => list(group, &wanted, now, reply),
    }
    Ok(())
}

fn sum(group: &Group, reply: &mut Reply<'_>) {
    reply.array(4);
    answer::count(group.pending(), reply);
    let mut all = group.range(Id::MIN);
    let Some((first, _)) = all.next() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    ids::write(*first, reply);
    ids::write(all.next_back().map_or(*first, |(last, _)| *last), reply);
    let later = reply.array_later();
    let mut told = 0;
    for consumer in group.iter_consumers().filter(|consumer| consumer.pending() > 0) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(i64::try_from(consumer.pending()).unwrap_or(i64::MAX));
        told += 1;
    }
    reply.close(later, told);
}

fn list(group: &Group, wanted: &Wanted<'_>, now_ms: u64, reply: &mut Reply<'_>) {
    let Some(name) = wanted.consumer else {
        return write(group, group.range(wanted.start).map(|(id, pending)| (*id, pending)), wanted, now_ms, reply);
    };
    let own = group.seat(name).and_then(|seat| group.consumer(seat)).map(|consumer| consumer.own(wanted.start));
    let own = own.into_iter().flatten().filter_map(|id| Some((id, group.get(id)?)));
    write(group, own, wanted, now_ms, reply);
}

fn write<'g>(group: &Group, entries: impl Iterator<Item = (Id, &'g Pending)>, wanted: &Wanted<'_>, now_ms: u64, reply: &mut Reply<'_>) {
    let idle_enough = |pending: &Pending| pending.idle(now_ms) >= wanted.min_idle;
    let entries = entries.take_while(|(id, _)| *id <= wanted.end).filter(|(_, pending)| idle_enough(pending)).take(wanted.count);
    let later = reply.array_later();
    let mut told = 0;
    for (id, pending) in entries {
        reply.array(4);
        ids::write(id, reply);
        reply.bulk(group.owner(pending));
        // What is nobody's has no idle time.
        let idle = if pending.owner == Seat::NOBODY { -1 } else { i64::try_from(pending.idle(now_ms)).unwrap_or(i64::MAX) };
        reply.integer(idle);
        reply.integer(i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
        told += 1;
    }
    reply.close(later, told);
}
