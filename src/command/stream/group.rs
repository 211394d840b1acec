//! XGROUP: consumer groups and consumers come and go, and groups are set back or forward.

use std::borrow::Cow;

use super::ids;
use crate::command::{Args, Classes, Cx, Fault, Record, answer, decimal};
use crate::resp::Reply;
use crate::store::Guard;
use crate::store::Typed;
use crate::store::types::group::{Group, Pending};
use crate::store::types::stream::{ID_BYTES_MAX, Id, Stream};

const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
                      option to create an empty stream automatically.";

/// More words than CREATE and SETID ever take, options said twice not included.
const CREATE_WORDS_MAX: usize = 8;
const SETID_WORDS_MAX: usize = 7;

/// The options of CREATE and SETID.
#[derive(Default)]
struct Wanted {
    make_stream: bool,
    entries_read: Option<u64>,
}

impl Wanted {
    fn read(args: &Args<'_>, may_make: bool) -> Result<Wanted, Fault> {
        let mut wanted = Wanted::default();
        let mut options = args.options(5);
        while let Some(word) = options.next() {
            if may_make && word.eq_ignore_ascii_case(b"mkstream") {
                wanted.make_stream = true;
            } else if word.eq_ignore_ascii_case(b"entriesread") && options.left() > 0 {
                wanted.entries_read = match options.int()? {
                    -1 => None,
                    read => Some(u64::try_from(read).map_err(|_| Fault::Because("ERR value for ENTRIESREAD must be positive or -1"))?),
                };
            } else {
                return Err(misused(args));
            }
        }
        Ok(wanted)
    }
}

pub(super) fn create(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::read(args, true)?;
    let (key, name) = (args.key(2), args.get(3));
    let existing = cx.edit_unwatched_as::<Stream>(key)?;
    if existing.is_none() && !wanted.make_stream {
        return Err(Fault::Because(NO_KEY));
    }
    if args.len() > CREATE_WORDS_MAX {
        return Err(misused(args));
    }
    let last_id = place(args.get(4), existing.as_ref().map(|stream| stream.last_id()))?;
    let is_there = existing.is_some();
    drop(existing);
    // There is no fault to come that would leave a new stream behind.
    let mut stream = match is_there {
        true => cx.edit_unwatched_as(key)?.ok_or(Fault::NoSuchKey)?,
        false => cx.create_as(key, Stream::new)?,
    };
    if !stream.groups_mut().add(name, Group::new(last_id, wanted.entries_read)) {
        return Err(Fault::Because("BUSYGROUP Consumer Group name already exists"));
    }
    drop(stream);
    cx.changed(1);
    cx.event(Classes::STREAM, "xgroup-create", key);
    reply.ok();
    Ok(())
}

pub(super) fn setid(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::read(args, false)?;
    let mut stream = existing(cx, args.key(2))?;
    let top = stream.last_id();
    let Some(mut group) = stream.groups_mut().edit(args.get(3)) else { return Err(no_group(args.key(2), args.get(3))) };
    if args.len() > SETID_WORDS_MAX {
        return Err(misused(args));
    }
    // Unlike CREATE it takes `-` and `+` for the lowest and the highest.
    let last_id = if args.get(4) == b"$" { top } else { ids::id(args.get(4), 0)? };
    group.set_progress(last_id, wanted.entries_read);
    drop(group);
    drop(stream);
    cx.changed(1);
    cx.event(Classes::STREAM, "xgroup-setid", args.key(2));
    reply.ok();
    Ok(())
}

pub(super) fn destroy(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let removed = existing(cx, args.key(2))?.groups_mut().remove(args.get(3));
    if removed.is_some() {
        cx.changed(1);
        cx.event(Classes::STREAM, "xgroup-destroy", args.key(2));
    }
    reply.integer(i64::from(removed.is_some()));
    if let Some(groups) = removed {
        // Whoever waits for entries of this group waits in vain.
        cx.stir(args.key(2));
        cx.effects.discard(Box::new(Stream::of_groups(groups)).into_value());
    }
    Ok(())
}

pub(super) fn createconsumer(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now;
    let mut stream = existing(cx, args.key(2))?;
    let Some(mut group) = stream.groups_mut().edit(args.get(3)) else { return Err(no_group(args.key(2), args.get(3))) };
    let (_, is_new) = group.join(args.get(4), now.0);
    drop(group);
    drop(stream);
    told_joined(cx, args.key(2), is_new);
    reply.integer(i64::from(is_new));
    Ok(())
}

/// Counts a consumer that is new, and tells of it.
pub(super) fn told_joined(cx: &mut Cx<'_>, key: &[u8], is_new: bool) {
    if is_new {
        cx.changed(1);
        cx.event(Classes::STREAM, "xgroup-createconsumer", key);
    }
}

pub(super) fn delconsumer(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut stream = existing(cx, args.key(2))?;
    let Some(mut group) = stream.groups_mut().edit(args.get(3)) else { return Err(no_group(args.key(2), args.get(3))) };
    let pending = group.leave(args.get(4));
    drop(group);
    drop(stream);
    if pending.is_some() {
        cx.changed(1);
        cx.event(Classes::STREAM, "xgroup-delconsumer", args.key(2));
    }
    answer::count(pending.unwrap_or(0), reply);
    Ok(())
}

/// The stream at a key that must be there.
fn existing<'c>(cx: &'c mut Cx<'_>, key: &[u8]) -> Result<Guard<'c, Stream>, Fault> {
    cx.edit_unwatched_as::<Stream>(key)?.ok_or(Fault::Because(NO_KEY))
}

/// Where a group begins to read: behind an id, or behind all there is.
fn place(word: &[u8], top: Option<Id>) -> Result<Id, Fault> {
    if word == b"$" { Ok(top.unwrap_or(Id::MIN)) } else { ids::strict_id(word, 0) }
}

/// What the journal is told of deliveries: who has which entry now, since when, and how often it was delivered.
#[derive(Default)]
pub(super) struct Deliveries {
    made: Vec<(Id, Pending)>,
}

impl Deliveries {
    pub(super) fn note(&mut self, id: Id, pending: Pending) {
        self.made.push((id, pending));
    }

    /// Records them, to be repeated by XCLAIM. `last_id` is how far the group has read.
    pub(super) fn record(&self, record: &mut Record, key: &[u8], group: &[u8], consumer: &[u8], last_id: Id) {
        let mut scratch = [0; ID_BYTES_MAX];
        let last_id: &[u8] = last_id.write(&mut scratch);
        for (id, pending) in &self.made {
            let mut scratch = [0; ID_BYTES_MAX];
            let (time, count) = (decimal(pending.delivered_ms), decimal(pending.deliveries));
            record.instead([
                b"XCLAIM".as_slice(),
                key,
                group,
                consumer,
                b"0",
                id.write(&mut scratch),
                b"TIME",
                &time,
                b"RETRYCOUNT",
                &count,
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                last_id,
            ]);
        }
    }
}

/// Tells the journal that a group has a new consumer.
pub(super) fn record_consumer(record: &mut Record, key: &[u8], group: &[u8], consumer: &[u8]) {
    record.instead([b"XGROUP".as_slice(), b"CREATECONSUMER", key, group, consumer]);
}

/// Tells the journal how far a group has read.
pub(super) fn record_progress(record: &mut Record, key: &[u8], group: &[u8], last_id: Id, entries_read: Option<u64>) {
    let mut scratch = [0; ID_BYTES_MAX];
    let read = entries_read.map_or_else(|| b"-1".to_vec(), decimal);
    record.instead([b"XGROUP".as_slice(), b"SETID", key, group, last_id.write(&mut scratch), b"ENTRIESREAD", &read]);
}

pub(super) fn no_group(key: &[u8], group: &[u8]) -> Fault {
    Fault::told(format!("NOGROUP No such consumer group '{}' for key name '{}'", shown(group), shown(key)))
}

/// As [`no_group`], in the words of the commands that need a key and a group alike.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8]) -> Fault {
    Fault::told(format!("NOGROUP No such key '{}' or consumer group '{}'", shown(key), shown(group)))
}

/// As [`no_group`], in the words of XREADGROUP.
pub(super) fn no_group_to_read(key: &[u8], group: &[u8]) -> Fault {
    Fault::told(format!("NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option", shown(key), shown(group)))
}

/// A client's word in an error line: up to its first zero byte, as Redis prints it.
fn shown(word: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(word.split(|byte| *byte == 0).next().unwrap_or_default())
}

/// What Redis says of a subcommand whose words its arity does not describe.
pub(super) fn misused(args: &Args<'_>) -> Fault {
    const SHOWN_BYTES_MAX: usize = 128;
    let word = args.get(1);
    let word = shown(&word[..word.len().min(SHOWN_BYTES_MAX)]);
    let container = String::from_utf8_lossy(args.get(0)).to_ascii_uppercase();
    Fault::told(format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try {container} HELP."))
}
