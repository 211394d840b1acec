//! XCLAIM and XAUTOCLAIM: pending entries change hands, those that are named or those that have waited long enough.

use super::group::Deliveries;
use super::range::entry;
use super::{group, ids};
use crate::command::{Args, Classes, Cx, Fault};
use crate::resp::{Reply, number};
use crate::store::types::group::{DELIVERIES_MAX, Pending, Seat};
use crate::store::types::stream::{Fields, Id, Stream};

/// What XCLAIM was told besides the ids.
#[derive(Default)]
struct Wanted {
    /// When the entries count as delivered; now, if it is not said.
    delivered_ms: Option<i64>,
    retries: Option<u64>,
    force: bool,
    just_ids: bool,
    last_id: Id,
}

impl Wanted {
    fn read(args: &Args<'_>, at: usize, now_ms: u64) -> Result<Wanted, Fault> {
        let mut wanted = Wanted::default();
        let mut options = args.options(at);
        while let Some(word) = options.next() {
            let more = options.left() > 0;
            let mut int = |fault| number::parse_integer(options.next().unwrap_or_default()).ok_or(Fault::Because(fault));
            if word.eq_ignore_ascii_case(b"force") {
                wanted.force = true;
            } else if word.eq_ignore_ascii_case(b"justid") {
                wanted.just_ids = true;
            } else if word.eq_ignore_ascii_case(b"idle") && more {
                let idle = int("ERR Invalid IDLE option argument for XCLAIM")?;
                wanted.delivered_ms = Some(i64::try_from(now_ms).unwrap_or(i64::MAX).saturating_sub(idle));
            } else if word.eq_ignore_ascii_case(b"time") && more {
                wanted.delivered_ms = Some(int("ERR Invalid TIME option argument for XCLAIM")?);
            } else if word.eq_ignore_ascii_case(b"retrycount") && more {
                // A negative count is none.
                wanted.retries = u64::try_from(int("ERR Invalid RETRYCOUNT option argument for XCLAIM")?).ok();
            } else if word.eq_ignore_ascii_case(b"lastid") && more {
                wanted.last_id = ids::strict_id(options.operand()?, 0)?;
            } else {
                let word = String::from_utf8_lossy(word.split(|byte| *byte == 0).next().unwrap_or_default());
                return Err(Fault::told(format!("ERR Unrecognized XCLAIM option '{word}'")));
            }
        }
        Ok(wanted)
    }

    /// The time of delivery, which is now if what was said cannot be.
    fn delivered_ms(&self, now_ms: u64) -> u64 {
        self.delivered_ms.and_then(|time| u64::try_from(time).ok()).filter(|time| *time <= now_ms).unwrap_or(now_ms)
    }
}

/// How long an entry must have been idle, in milliseconds.
fn min_idle(word: &[u8], fault: &'static str) -> Result<u64, Fault> {
    let idle = number::parse_integer(word).ok_or(Fault::Because(fault))?;
    Ok(u64::try_from(idle).unwrap_or(0))
}

/// Writes an entry that changed hands.
fn claimed(id: Id, fields: Fields<'_>, just_ids: bool, reply: &mut Reply<'_>) {
    if just_ids {
        ids::write(id, reply);
    } else {
        entry(id, fields, reply);
    }
}

pub(super) fn xclaim(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, name, now) = (args.key(1), args.get(2), cx.now.0);
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(key)? else {
        cx.event(Classes::MISS, "keymiss", key);
        return Err(group::no_key_or_group(key, name));
    };
    let (log, groups) = stream.parts();
    let Some(mut group) = groups.edit(name) else { return Err(group::no_key_or_group(key, name)) };
    let min_idle = min_idle(args.get(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
    // The ids go on to the first word that is none; options begin there.
    let asked: Vec<Id> = args.from(5).map_while(|word| ids::strict_id(word, 0).ok()).collect();
    let wanted = Wanted::read(args, 5 + asked.len(), now)?;
    let delivered_ms = wanted.delivered_ms(now);

    let (mut changed, mut made) = (0, Deliveries::default());
    let moved = wanted.last_id > group.last_id();
    if moved {
        let entries_read = group.entries_read();
        group.set_progress(wanted.last_id, entries_read);
        changed += 1;
    }
    let (seat, is_new) = group.join(args.get(3), now);
    group.seen(seat, now);
    let later = reply.array_later();
    let mut told = 0;
    for id in asked {
        let pending = group.get(id).copied();
        let Some(fields) = log.get(id) else {
            // Nothing is left to be delivered.
            if let Some(before) = group.settle(id) {
                changed += 1;
                made.note(id, before);
            }
            continue;
        };
        let deliveries = match pending {
            // What is nobody's may be taken at once.
            Some(pending) if pending.owner != Seat::NOBODY && pending.idle(now) < min_idle => continue,
            Some(pending) => pending.deliveries,
            None if wanted.force => 1,
            None => continue,
        };
        let again = deliveries.saturating_add(1).min(DELIVERIES_MAX);
        let deliveries = wanted.retries.unwrap_or(if wanted.just_ids { deliveries } else { again });
        let pending = Pending { delivered_ms, deliveries, owner: seat };
        group.put(id, pending);
        made.note(id, pending);
        claimed(id, fields, wanted.just_ids, reply);
        told += 1;
    }
    if told > 0 {
        group.active(seat, now);
    }
    reply.close(later, told);
    let (last_id, entries_read) = (group.last_id(), group.entries_read());
    drop(group);
    drop(stream);
    if let Some(record) = cx.record() {
        record.nothing();
        if is_new {
            group::record_consumer(record, key, name, args.get(3));
        }
        made.record(record, key, name, args.get(3), last_id);
        if moved {
            group::record_progress(record, key, name, last_id, entries_read);
        }
    }
    cx.changed(changed + told as u64);
    group::told_joined(cx, key, is_new);
    Ok(())
}

/// How many pending entries are looked at for each that may be claimed.
const LOOKS_PER_CLAIM: usize = 10;
const CLAIMS_DEFAULT: usize = 100;
/// As in Redis, where it keeps an allocation from overflowing.
const CLAIMS_MAX: i64 = i64::MAX / 16;

pub(super) fn xautoclaim(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (key, name, now) = (args.key(1), args.get(2), cx.now.0);
    let min_idle = min_idle(args.get(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = ids::first_of_range(args.get(5))?;
    let (mut count, mut just_ids) = (CLAIMS_DEFAULT, false);
    let mut options = args.options(6);
    while let Some(word) = options.next() {
        if word.eq_ignore_ascii_case(b"count") && options.left() > 0 {
            let said = number::parse_integer(options.operand()?).filter(|count| (1..=CLAIMS_MAX).contains(count));
            count = said.and_then(|count| usize::try_from(count).ok()).ok_or(Fault::Because("ERR COUNT must be > 0"))?;
        } else if word.eq_ignore_ascii_case(b"justid") {
            just_ids = true;
        } else {
            return Err(Fault::Syntax);
        }
    }
    let Some(mut stream) = cx.edit_unwatched_as::<Stream>(key)? else {
        cx.event(Classes::MISS, "keymiss", key);
        return Err(group::no_key_or_group(key, name));
    };
    let (log, groups) = stream.parts();
    let Some(mut group) = groups.edit(name) else { return Err(group::no_key_or_group(key, name)) };

    let (seat, is_new) = group.join(args.get(3), now);
    group.seen(seat, now);
    // The cursor comes first in the reply and is known last: what is claimed is written aside.
    let (mut deleted, mut made) = (Vec::new(), Deliveries::default());
    let (mut looks, mut told) = (count.saturating_mul(LOOKS_PER_CLAIM), 0);
    let mut next = group.next_pending(start);
    let mut body = Vec::new();
    let mut claims = Reply::new(&mut body, reply.protocol());
    while let Some((id, pending)) = next
        && looks > 0
        && count > 0
    {
        looks -= 1;
        match log.get(id) {
            None => {
                group.settle(id);
                made.note(id, pending);
                deleted.push(id);
                count -= 1;
            }
            Some(_) if pending.owner != Seat::NOBODY && pending.idle(now) < min_idle => {}
            Some(fields) => {
                let deliveries = if just_ids { pending.deliveries } else { pending.deliveries.saturating_add(1).min(DELIVERIES_MAX) };
                let pending = Pending { delivered_ms: now, deliveries, owner: seat };
                group.put(id, pending);
                made.note(id, pending);
                claimed(id, fields, just_ids, &mut claims);
                told += 1;
                count -= 1;
            }
        }
        next = id.next().and_then(|after| group.next_pending(after));
    }
    if told > 0 {
        group.active(seat, now);
    }
    reply.array(3);
    ids::write(next.map_or(Id::MIN, |(id, _)| id), reply);
    reply.array(told);
    reply.raw(&body);
    reply.array(deleted.len());
    deleted.iter().for_each(|id| ids::write(*id, reply));
    let last_id = group.last_id();
    drop(group);
    drop(stream);
    if let Some(record) = cx.record() {
        record.nothing();
        if is_new {
            group::record_consumer(record, key, name, args.get(3));
        }
        made.record(record, key, name, args.get(3), last_id);
    }
    cx.changed((told + deleted.len()) as u64);
    group::told_joined(cx, key, is_new);
    Ok(())
}
