//! XINFO: a stream, its groups and their consumers, told at length.

use super::range::entry;
use super::{group, ids};
use crate::command::{Args, Cx, Fault, answer};
use crate::resp::Reply;
use crate::store::types::group::{Consumer, Group, Groups, Pending};
use crate::store::types::stream::{Id, Log, Stream};

/// How many entries FULL tells of each kind, unless COUNT says otherwise.
const COUNT_DEFAULT: usize = 10;

pub(super) fn stream(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(stream) = cx.read_as::<Stream>(args.key(2))? else { return Err(Fault::NoSuchKey) };
    let full = match args.len() {
        3 => None,
        4 if args.is(3, "full") => Some(COUNT_DEFAULT),
        6 if args.is(3, "full") && args.is(4, "count") => Some(match args.int(5)? {
            // All there are.
            0 => usize::MAX,
            count => usize::try_from(count).unwrap_or(COUNT_DEFAULT),
        }),
        _ => return Err(group::misused(args)),
    };
    let told_apart = stream.producers().is_some();
    reply.map(if full.is_some() { 9 } else { 10 } + if told_apart { 6 } else { 0 });
    field("length", stream.len() as u64, reply);
    field("radix-tree-keys", stream.nodes() as u64, reply);
    // Redis counts the inner nodes of its tree too; there is no such tree here.
    field("radix-tree-nodes", stream.nodes() as u64 + 1, reply);
    id_field("last-generated-id", stream.last_id(), reply);
    id_field("max-deleted-entry-id", stream.max_deleted_id(), reply);
    field("entries-added", stream.entries_added(), reply);
    id_field("recorded-first-entry-id", stream.first_id().unwrap_or(Id::MIN), reply);
    if let Some(producers) = stream.producers() {
        field("idmp-duration", producers.duration_s(), reply);
        field("idmp-maxsize", producers.names_max() as u64, reply);
        field("pids-tracked", producers.producers() as u64, reply);
        field("iids-tracked", producers.names() as u64, reply);
        field("iids-added", producers.added(), reply);
        field("iids-duplicates", producers.repeated(), reply);
    }
    match full {
        None => {
            field("groups", stream.groups().len() as u64, reply);
            for (name, reverse) in [("first-entry", false), ("last-entry", true)] {
                reply.bulk(name.as_bytes());
                match stream.range(Id::MIN, Id::MAX, reverse).next() {
                    Some((id, fields)) => entry(id, fields, reply),
                    None => reply.null(),
                }
            }
        }
        Some(count) => {
            reply.bulk(b"entries");
            let later = reply.array_later();
            let mut told = 0;
            for (id, fields) in stream.range(Id::MIN, Id::MAX, false).take(count) {
                entry(id, fields, reply);
                told += 1;
            }
            reply.close(later, told);
            all_groups(stream.log(), stream.groups(), count, reply);
        }
    }
    Ok(())
}

/// The groups, as FULL tells of them.
fn all_groups(log: &Log, groups: &Groups, count: usize, reply: &mut Reply<'_>) {
    reply.bulk(b"groups");
    reply.array(groups.len());
    for (name, group) in groups.iter() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        id_field("last-delivered-id", group.last_id(), reply);
        progress(log, group, reply);
        field("pel-count", group.pending() as u64, reply);
        reply.bulk(b"pending");
        reply.array(group.pending().min(count));
        for (id, pending) in group.range(Id::MIN).take(count) {
            reply.array(4);
            ids::write(*id, reply);
            reply.bulk(group.owner(pending));
            delivered(pending, reply);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers());
        for consumer in group.iter_consumers() {
            reply.map(5);
            reply.bulk(b"name");
            reply.bulk(consumer.name());
            field("seen-time", consumer.seen_ms(), reply);
            reply.bulk(b"active-time");
            reply.integer(consumer.active_ms().map_or(-1, |time| i64::try_from(time).unwrap_or(i64::MAX)));
            field("pel-count", consumer.pending() as u64, reply);
            reply.bulk(b"pending");
            reply.array(consumer.pending().min(count));
            for (id, pending) in consumer.own(Id::MIN).take(count).filter_map(|id| Some((id, group.get(id)?))) {
                reply.array(3);
                ids::write(id, reply);
                delivered(pending, reply);
            }
        }
    }
}

/// When and how often.
fn delivered(pending: &Pending, reply: &mut Reply<'_>) {
    reply.integer(i64::try_from(pending.delivered_ms).unwrap_or(i64::MAX));
    reply.integer(i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
}

pub(super) fn groups(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(stream) = cx.read_as::<Stream>(args.key(2))? else { return Err(Fault::NoSuchKey) };
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        field("consumers", group.consumers() as u64, reply);
        field("pending", group.pending() as u64, reply);
        id_field("last-delivered-id", group.last_id(), reply);
        progress(stream.log(), group, reply);
    }
    Ok(())
}

/// `entries-read` and `lag`: null where deletions leave no way to tell.
fn progress(log: &Log, group: &Group, reply: &mut Reply<'_>) {
    let number = |number: Option<i64>, reply: &mut Reply<'_>| match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    };
    reply.bulk(b"entries-read");
    number(group.entries_read().map(|read| i64::try_from(read).unwrap_or(i64::MAX)), reply);
    reply.bulk(b"lag");
    number(lag(log, group), reply);
}

/// How many entries a group has yet to be delivered. It may be negative, if somebody set the counters so.
fn lag(log: &Log, group: &Group) -> Option<i64> {
    let added = log.entries_added();
    let read = match group.entries_read() {
        _ if added == 0 => return Some(0),
        Some(read) if !log.has_gaps_from(group.last_id()) => read,
        _ => log.added_up_to(group.last_id())?,
    };
    Some((added as i64).wrapping_sub(read as i64))
}

pub(super) fn consumers(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now.0;
    let Some(stream) = cx.read_as::<Stream>(args.key(2))? else { return Err(Fault::NoSuchKey) };
    let Some(group) = stream.groups().get(args.get(3)) else { return Err(group::no_group(args.key(2), args.get(3))) };
    let since = |time: u64| i64::try_from(now.saturating_sub(time)).unwrap_or(i64::MAX);
    reply.array(group.consumers());
    for consumer in group.iter_consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        answer::count(Consumer::pending(consumer), reply);
        reply.bulk(b"idle");
        reply.integer(since(consumer.seen_ms()));
        reply.bulk(b"inactive");
        reply.integer(consumer.active_ms().map_or(-1, since));
    }
    Ok(())
}

fn field(name: &str, value: u64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.integer(i64::try_from(value).unwrap_or(i64::MAX));
}

fn id_field(name: &str, id: Id, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    ids::write(id, reply);
}
