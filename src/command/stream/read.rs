//! XREAD and XREADGROUP: what is new in several streams, for anyone or for a consumer of a group.

use super::group::Deliveries;
use super::range::{contents, entry};
use super::{group, ids};
use crate::command::wait::Patience;
use crate::command::{Args, Cx, Fault, Waits};
use crate::resp::{Protocol, Reply, number};
use crate::store::Kind;
use crate::store::types::group::{DELIVERIES_MAX, Group, Pending, Seat};
use crate::store::types::stream::{Id, Log, Stream};

/// The options that may stand before STREAMS, with the number of their operands: by these the keys are found.
pub(super) const OPTIONS: &[(&str, usize)] =
    &[("count", 1), ("maxcount", 1), ("maxsize", 1), ("block", 1), ("claim", 1), ("group", 2), ("noack", 0)];

const UNBALANCED: &str = "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
const GROUP_OF_XREAD: &str = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
const NOACK_OF_XREAD: &str = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
const CLAIM_OF_XREAD: &str = "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.";
const NEW_OF_XREAD: &str = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
const TOP_OF_GROUP: &str = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer \
                            by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty \
                            result set.";

/// What was asked for.
#[derive(Default)]
struct Wanted<'a> {
    /// Of each stream at most so many entries; all, if it is 0.
    count: usize,
    /// Of all streams together.
    count_of_all: Option<usize>,
    /// Of the whole reply, in bytes.
    bytes_max: Option<usize>,
    /// How long to wait if there is nothing to tell.
    block: Option<Patience>,
    /// And the consumer in it.
    group: Option<(&'a [u8], &'a [u8])>,
    /// Entries that have been idle for so many milliseconds are wanted too.
    claim_idle: Option<u64>,
    no_ack: bool,
    /// The first key, and how many there are.
    keys: (usize, usize),
}

impl<'a> Wanted<'a> {
    fn read(args: &Args<'a>, of_group: bool) -> Result<Wanted<'a>, Fault> {
        let mut wanted = Wanted::default();
        let mut options = args.options(1);
        while let Some(word) = options.next() {
            let more = options.left();
            if word.eq_ignore_ascii_case(b"block") && more > 0 {
                wanted.block = Some(millis(options.operand()?)?);
            } else if word.eq_ignore_ascii_case(b"count") && more > 0 {
                wanted.count = usize::try_from(options.int()?).unwrap_or(0);
            } else if word.eq_ignore_ascii_case(b"streams") && more > 0 {
                if !more.is_multiple_of(2) {
                    return Err(Fault::Because(UNBALANCED));
                }
                wanted.keys = (options.position(), more / 2);
                break;
            } else if word.eq_ignore_ascii_case(b"group") && more > 1 {
                if !of_group {
                    return Err(Fault::Because(GROUP_OF_XREAD));
                }
                wanted.group = Some((options.operand()?, options.operand()?));
            } else if word.eq_ignore_ascii_case(b"noack") {
                if !of_group {
                    return Err(Fault::Because(NOACK_OF_XREAD));
                }
                wanted.no_ack = true;
            } else if word.eq_ignore_ascii_case(b"claim") && more > 0 {
                if !of_group {
                    return Err(Fault::Because(CLAIM_OF_XREAD));
                }
                wanted.claim_idle = Some(u64::try_from(options.int()?).unwrap_or(0));
            } else if word.eq_ignore_ascii_case(b"maxcount") && more > 0 {
                let fault = Fault::Because("ERR MAXCOUNT must be a positive integer");
                wanted.count_of_all = Some(usize::try_from(options.int()?).ok().filter(|count| *count > 0).ok_or(fault)?);
            } else if word.eq_ignore_ascii_case(b"maxsize") && more > 0 {
                let fault = Fault::Because("ERR MAXSIZE must be a positive integer");
                wanted.bytes_max = Some(usize::try_from(options.int()?).ok().filter(|bytes| *bytes > 0).ok_or(fault)?);
            } else {
                return Err(Fault::Syntax);
            }
        }
        if wanted.keys.1 == 0 {
            return Err(Fault::Syntax);
        }
        if of_group && wanted.group.is_none() {
            return Err(Fault::Because("ERR Missing GROUP option for XREADGROUP"));
        }
        if wanted.count_of_all.is_some_and(|all| all < wanted.count) {
            return Err(Fault::Because("ERR MAXCOUNT must be greater than or equal to COUNT"));
        }
        Ok(wanted)
    }

    /// Each key and what is wanted of it.
    fn streams(&self, args: &Args<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (first, count) = self.keys;
        args.from(first).take(count).zip(args.from(first + count))
    }
}

/// How long to wait, in milliseconds; 0 is for ever.
fn millis(word: &[u8]) -> Result<Patience, Fault> {
    let timeout = number::parse_integer(word).ok_or(Fault::Because("ERR timeout is not an integer or out of range"))?;
    match timeout {
        ..0 => Err(Fault::Because("ERR timeout is negative")),
        // The time of day would not fit any more.
        MILLIS_TOO_MANY.. => Err(Fault::Because("ERR timeout is out of range")),
        _ => Ok(Patience::millis(timeout.unsigned_abs())),
    }
}

const MILLIS_TOO_MANY: i64 = i64::MAX - (1 << 46);

/// XREAD .. BLOCK
pub(super) const READ: Waits = Waits::until(Kind::Stream, |args| Wanted::read(args, false).ok()?.block);
/// XREADGROUP .. BLOCK
pub(super) const READ_GROUP: Waits =
    Waits { even_without: true, ..Waits::until(Kind::Stream, |args| Wanted::read(args, true).ok()?.block) };

/// Where to read on in a stream.
#[derive(Clone, Copy)]
enum From {
    /// Behind an id.
    After(Id),
    /// `$`: behind all there is.
    Top,
    /// `+`: the last entry.
    Last,
    /// `>`: what no consumer of the group was delivered.
    New,
}

impl From {
    fn read(word: &[u8], of_group: bool) -> Result<From, Fault> {
        match word {
            b"$" if of_group => Err(Fault::Because(TOP_OF_GROUP)),
            b"$" => Ok(From::Top),
            b"+" if !of_group => Ok(From::Last),
            b">" if !of_group => Err(Fault::Because(NEW_OF_XREAD)),
            b">" => Ok(From::New),
            _ => match ids::strict_id(word, 0)? {
                // In Redis the last id of all is how `>` is written down.
                Id::MAX if of_group => Ok(From::New),
                id => Ok(From::After(id)),
            },
        }
    }
}

/// The reply as it grows: a map of streams with their entries, and how much more may be said.
struct Account<'r, 'b> {
    reply: &'r mut Reply<'b>,
    start: usize,
    /// Entries that may still be told.
    left: usize,
    bytes_max: usize,
    told: usize,
    full: bool,
}

impl<'r, 'b> Account<'r, 'b> {
    fn new(wanted: &Wanted<'_>, reply: &'r mut Reply<'b>) -> Account<'r, 'b> {
        let (left, bytes_max) = (wanted.count_of_all.unwrap_or(usize::MAX), wanted.bytes_max.unwrap_or(usize::MAX));
        Account { start: reply.mark(), reply, left, bytes_max, told: 0, full: false }
    }

    /// How many entries a stream may tell of which `count` are wanted, 0 being all.
    fn room(&self, count: usize) -> usize {
        if count == 0 { self.left } else { self.left.min(count) }
    }

    /// Writes an entry. If it is too much it is taken back, and the reply is full; but one entry is always told.
    fn tell(&mut self, write: impl FnOnce(&mut Reply<'b>)) -> bool {
        let before = self.reply.mark();
        write(self.reply);
        if self.told > 0 && self.reply.mark() - self.start > self.bytes_max {
            self.reply.rewind(before);
            self.full = true;
            return false;
        }
        self.told += 1;
        self.left = self.left.saturating_sub(1);
        self.full = self.left == 0;
        true
    }

    /// One stream: its key, and the entries that `tell` writes, whose number it returns. Without any the stream is not told of, unless
    /// it `must` be. Says whether it was.
    fn stream(&mut self, key: &[u8], must: bool, tell: impl FnOnce(&mut Self) -> usize) -> bool {
        let before = self.reply.mark();
        if self.reply.protocol() == Protocol::Resp2 {
            self.reply.array(2);
        }
        self.reply.bulk(key);
        let entries = self.reply.array_later();
        match tell(self) {
            0 if !must => {
                self.reply.rewind(before);
                false
            }
            told => {
                self.reply.close(entries, told);
                true
            }
        }
    }
}

/// Writes the streams that `each` tells of, which says how many those are; null if it is none.
fn answer<'b>(
    wanted: &Wanted<'_>,
    cx: &mut Cx<'_>,
    reply: &mut Reply<'b>,
    each: impl FnOnce(&mut Cx<'_>, &mut Account<'_, 'b>) -> Result<usize, Fault>,
) -> Result<(), Fault> {
    let before = reply.mark();
    let streams = match reply.protocol() {
        Protocol::Resp2 => reply.array_later(),
        Protocol::Resp3 => reply.map_later(),
    };
    match each(cx, &mut Account::new(wanted, reply))? {
        0 => {
            reply.rewind(before);
            cx.wait_or(|| reply.null_array())
        }
        told => {
            reply.close(streams, told);
            Ok(())
        }
    }
}

pub(super) fn xread(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let wanted = Wanted::read(args, false)?;
    let (first, count) = wanted.keys;
    for (at, (key, word)) in wanted.streams(args).enumerate() {
        let last = cx.read_as::<Stream>(key)?.map_or(Id::MIN, |stream| stream.last_id());
        // What is the end now is to be the same place when the call is done again.
        if matches!(From::read(word, false)?, From::Top) {
            cx.rewrite(first + count + at, || ids::text(last).into());
        }
    }
    answer(&wanted, cx, reply, |cx, account| {
        let mut streams = 0;
        for (key, word) in wanted.streams(args) {
            let Some(stream) = cx.read_as::<Stream>(key)?.filter(|_| !account.full) else { continue };
            let (start, count) = match From::read(word, false)? {
                From::After(id) => (id.next(), wanted.count),
                From::Last => (stream.top_id(), 1),
                From::Top | From::New => (None, 0),
            };
            let Some(start) = start else { continue };
            streams += usize::from(account.stream(key, false, |account| {
                let entries = stream.range(start, Id::MAX, false).take(account.room(count));
                entries.take_while(|(id, fields)| account.tell(|reply| entry(*id, fields.clone(), reply))).count()
            }));
        }
        Ok(streams)
    })
}

pub(super) fn xreadgroup(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = cx.now.0;
    let wanted = Wanted::read(args, true)?;
    let Some((name, consumer)) = wanted.group else { return Err(Fault::Syntax) };
    for (key, word) in wanted.streams(args) {
        if cx.read_as::<Stream>(key)?.and_then(|stream| stream.groups().get(name)).is_none() {
            return Err(group::no_group_to_read(key, name));
        }
        From::read(word, true)?;
    }
    let mut changed = 0;
    let noted = cx.is_recorded();
    if let Some(record) = cx.record() {
        // What is delivered once more changes nothing that would be missed.
        record.nothing();
    }
    let answered = answer(&wanted, cx, reply, |cx, account| {
        let mut streams = 0;
        for (key, word) in wanted.streams(args) {
            let Some(mut stream) = cx.edit_unwatched_as::<Stream>(key)? else { continue };
            let (log, groups) = stream.parts();
            let Some(mut group) = groups.edit(name) else { continue };
            let (seat, is_new) = group.join(consumer, now);
            group.seen(seat, now);
            let mut delivery = Delivery { log, seat, now_ms: now, noted, made: Deliveries::default() };
            let before = (group.last_id(), group.entries_read());
            let from = From::read(word, true)?;
            let is_told = !account.full
                && account.stream(key, matches!(from, From::After(_)), |account| match from {
                    From::After(id) => delivery.again(&mut group, id, account.room(wanted.count), account),
                    _ => {
                        let claimed = delivery.claimed(&mut group, &wanted, account);
                        let left = if wanted.count == 0 { 0 } else { wanted.count - claimed };
                        if wanted.count > 0 && left == 0 {
                            return claimed;
                        }
                        claimed + delivery.unread(&mut group, account.room(left), !wanted.no_ack, account)
                    }
                });
            streams += usize::from(is_told);
            changed += u64::from(is_told);
            let (made, after) = (delivery.made, (group.last_id(), group.entries_read()));
            drop(group);
            drop(stream);
            if let Some(record) = cx.record() {
                if is_new {
                    group::record_consumer(record, key, name, consumer);
                }
                made.record(record, key, name, consumer, after.0);
                if after != before {
                    group::record_progress(record, key, name, after.0, after.1);
                }
            }
            group::told_joined(cx, key, is_new);
        }
        Ok(streams)
    });
    cx.changed(changed);
    answered
}

/// Entries on their way to a consumer.
struct Delivery<'a> {
    log: &'a Log,
    seat: Seat,
    now_ms: u64,
    /// Whether the journal is to know of them.
    noted: bool,
    made: Deliveries,
}

impl Delivery<'_> {
    /// What is pending for the consumer behind an id, once more. Entries that are gone are told of without their contents.
    fn again(&self, group: &mut Group, after: Id, limit: usize, account: &mut Account<'_, '_>) -> usize {
        let mut told = 0;
        let mut next = after.next();
        while let Some(start) = next
            && told < limit
            && let Some((id, pending)) = group.next_own(self.seat, start)
        {
            let fields = self.log.get(id);
            let is_there = fields.is_some();
            let write = |reply: &mut Reply<'_>| match fields {
                Some(fields) => entry(id, fields, reply),
                None => {
                    reply.array(2);
                    ids::write(id, reply);
                    reply.null_array();
                }
            };
            if !account.tell(write) {
                break;
            }
            if is_there {
                self.deliver(group, id, pending.deliveries);
            }
            told += 1;
            next = id.next();
        }
        told
    }

    /// What others have held for too long, or given back. It is told with its idle time and the count of its deliveries so far.
    fn claimed(&mut self, group: &mut Group, wanted: &Wanted<'_>, account: &mut Account<'_, '_>) -> usize {
        let latest = wanted.claim_idle.and_then(|idle| self.now_ms.checked_sub(idle));
        let Some(latest) = latest else { return 0 };
        let mut told = 0;
        for (id, pending) in group.idle_longest(latest, account.room(wanted.count)) {
            let Some(fields) = self.log.get(id) else {
                group.settle(id);
                // Claimed from the journal, it is settled likewise.
                self.note(id, pending);
                continue;
            };
            let is_told = account.tell(|reply| {
                reply.array(4);
                ids::write(id, reply);
                contents(fields, reply);
                reply.integer(i64::try_from(pending.idle(self.now_ms)).unwrap_or(i64::MAX));
                reply.integer(i64::try_from(pending.deliveries).unwrap_or(i64::MAX));
            });
            if !is_told {
                break;
            }
            let made = self.deliver(group, id, pending.deliveries);
            self.note(id, made);
            group.active(self.seat, self.now_ms);
            told += 1;
        }
        told
    }

    /// What no consumer of the group was delivered yet.
    fn unread(&mut self, group: &mut Group, limit: usize, acknowledge: bool, account: &mut Account<'_, '_>) -> usize {
        let mut told = 0;
        let Some(start) = group.last_id().next().filter(|_| !account.full) else { return 0 };
        for (id, fields) in self.log.range(start, Id::MAX, false).take(limit) {
            if !account.tell(|reply| entry(id, fields, reply)) {
                break;
            }
            let entries_read = match group.entries_read() {
                Some(read) if !self.log.has_gaps_from(id) => Some(read.saturating_add(1)),
                unknown if self.log.entries_added() == 0 => unknown,
                _ => self.log.added_up_to(id),
            };
            group.set_progress(id, entries_read);
            if acknowledge {
                // It may be pending for another, if somebody set the group back.
                let made = self.deliver(group, id, 0);
                self.note(id, made);
            }
            told += 1;
        }
        if told > 0 && acknowledge {
            group.active(self.seat, self.now_ms);
        }
        told
    }

    fn deliver(&self, group: &mut Group, id: Id, deliveries: u64) -> Pending {
        let deliveries = deliveries.saturating_add(1).min(DELIVERIES_MAX);
        let pending = Pending { delivered_ms: self.now_ms, deliveries, owner: self.seat };
        group.put(id, pending);
        pending
    }

    fn note(&mut self, id: Id, pending: Pending) {
        if self.noted {
            self.made.note(id, pending);
        }
    }
}
