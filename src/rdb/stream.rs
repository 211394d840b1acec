//! Streams on their way in and out: listpacks of entries, what is remembered of those that are gone, and consumer groups.
//!
//! ```text
//! stream    | nodes n | n times: key, node | entries | last id |
//!           | first id | highest deleted id | entries ever added |       from version 2 on
//!           | groups n | n times: group |
//! key       a string: ms u64, seq u64, high byte first; the ids in the node count from it
//! node      a string, a listpack: | live | deleted | fields n | n fields | 0 | entry, entry, ... |
//! entry     | flags | ms - key's | seq - key's | values |                                   flags 2: the fields are the node's
//!           | flags | ms - key's | seq - key's | fields n | n times: field, value |         flags 0; and 1 is added if deleted
//!           both end with how many elements they were
//! group     | name | last id | entries read, from version 2 on | pending n | n times: id, time, deliveries |
//!           | consumers n | n times: name, time, time active from version 3 on, pending n, n ids |
//! ```
//!
//! Ids are two lengths each, but for those that are pending: these are as in a key.

use super::encode::Pack;
use super::source::Source;
use super::{Flaw, encode, row};
use crate::store::Value;
use crate::store::types::entries::Iter;
use crate::store::types::group::{Consumer, DELIVERIES_MAX, Group, Pending, Seat};
use crate::store::types::stream::{Fields, Id, LogRange};
use crate::store::types::{DIGITS_MAX, Element, Stream, Thresholds};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// How many entries a group has read, if nobody knows.
const UNKNOWN: u64 = u64::MAX;

/// The names of a node's fields are looked at for every entry: at most so many times its bytes in all. Servers stay below a quarter.
const COPIES_MAX: u64 = 256;

const BAD_NODE: Flaw = Flaw::Broken("a node of a stream that is none");
const UNORDERED: Flaw = Flaw::Broken("ids of a stream out of order");

/// Reads a stream as the `form`th way of writing them has it.
pub(super) fn read(source: &mut Source<'_>, form: u8, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut stream = Stream::new();
    for _ in 0..source.length()? {
        let key = source.string()?;
        let base = raw_id(key.as_ref().try_into().map_err(|_| Flaw::Broken("the key of a node that is no id"))?);
        read_node(&mut stream, base, &source.string()?, thresholds)?;
    }
    let (len, last_id) = (source.length()?, id(source)?);
    if u64::try_from(stream.len()) != Ok(len) {
        return Err(Flaw::Broken("another number of entries than the stream says it has"));
    }
    let (mut max_deleted_id, mut entries_added) = (Id::MIN, len);
    if form >= 2 {
        // The first id: the entries tell it better.
        id(source)?;
        (max_deleted_id, entries_added) = (id(source)?, source.length()?);
    }
    if last_id < stream.last_id() || last_id < max_deleted_id || entries_added < len {
        return Err(Flaw::Broken("a stream that knows less than its entries"));
    }
    stream.restore(last_id, max_deleted_id, entries_added);
    for _ in 0..source.length()? {
        let name = source.string()?;
        let group = read_group(source, form, &stream)?;
        if !stream.groups_mut().add(&name, group) {
            return Err(Flaw::Broken("a group that comes twice"));
        }
    }
    Ok(Value::Stream(Box::new(stream)))
}

/// Adds the entries of a node. They stay together in a node of ours: cut in several, long names of fields would come more often than
/// there are bytes here.
fn read_node(stream: &mut Stream, base: Id, blob: &[u8], thresholds: &Thresholds) -> Result<(), Flaw> {
    let (entries, _) = row::listpack(blob)?;
    let mut words = Words { row: entries.iter() };
    let (live, deleted) = (words.count()?, words.count()?);
    let mut names = Texts::default();
    for _ in 0..words.count()? {
        names.push(words.next()?);
    }
    if words.number()? != 0 || live == 0 && deleted == 0 {
        return Err(BAD_NODE);
    }
    let (mut live_seen, mut deleted_seen, mut last) = (0u64, 0u64, None);
    let (mut own_names, mut values) = (Texts::default(), Texts::default());
    while let Some(flags) = words.row.next() {
        let flags = flags.integer().filter(|flags| *flags & !(DELETED | SAME_FIELDS) == 0).ok_or(BAD_NODE)?;
        let id = Id { ms: base.ms.wrapping_add(words.number()? as u64), seq: base.seq.wrapping_add(words.number()? as u64) };
        if id < base || last.replace(id) >= Some(id) {
            return Err(UNORDERED);
        }
        let same = flags & SAME_FIELDS != 0;
        let count = if same { names.places.len() as u64 } else { words.count()? };
        own_names.clear();
        values.clear();
        for _ in 0..count {
            if !same {
                own_names.push(words.next()?);
            }
            values.push(words.next()?);
        }
        // What was read of the entry: three numbers and the values, and a fourth and the fields if it has its own.
        let elements = if same { count.checked_add(3) } else { count.checked_mul(2).and_then(|count| count.checked_add(4)) };
        if elements != Some(words.count()?) {
            return Err(BAD_NODE);
        }
        if flags & DELETED != 0 {
            deleted_seen += 1;
            continue;
        }
        let place = Thresholds { stream_node_bytes: 0, stream_node_entries: usize::from(live_seen == 0), ..*thresholds };
        live_seen += 1;
        if names.bytes.len() as u64 > COPIES_MAX.saturating_mul(blob.len() as u64) / live_seen {
            return Err(Flaw::Broken("fields of a stream that are named too often"));
        }
        let fields = (if same { &names } else { &own_names }).iter();
        stream.append(id, fields.zip(values.iter()), &place).map_err(|_| UNORDERED)?;
    }
    if (live_seen, deleted_seen) != (live, deleted) {
        return Err(BAD_NODE);
    }
    Ok(())
}

/// The elements of a node, one after the other; there must be a next one.
struct Words<'a> {
    row: Iter<'a>,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<Element<'a>, Flaw> {
        self.row.next().ok_or(BAD_NODE)
    }

    fn number(&mut self) -> Result<i64, Flaw> {
        self.next()?.integer().ok_or(BAD_NODE)
    }

    fn count(&mut self) -> Result<u64, Flaw> {
        u64::try_from(self.number()?).map_err(|_| BAD_NODE)
    }
}

/// Elements as text, one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    /// Where each ends.
    places: Vec<usize>,
}

impl Texts {
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    fn push(&mut self, element: Element<'_>) {
        self.bytes.extend_from_slice(element.bytes(&mut [0; DIGITS_MAX]));
        self.places.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let starts = std::iter::once(&0).chain(&self.places);
        starts.zip(&self.places).map(|(start, end)| self.bytes.get(*start..*end).unwrap_or_default())
    }
}

/// Reads a group behind its name.
fn read_group(source: &mut Source<'_>, form: u8, stream: &Stream) -> Result<Group, Flaw> {
    let last_id = id(source)?;
    let entries_read = match form {
        1 => stream.added_up_to(last_id),
        // It may be more than were ever added: XGROUP CREATE takes any number.
        _ => Some(source.length()?).filter(|read| *read != UNKNOWN),
    };
    let mut group = Group::new(last_id, entries_read);
    for _ in 0..source.length()? {
        let id = raw_id(source.array()?);
        let (delivered_ms, deliveries) = (time(source.millis()?), source.length()?.min(DELIVERIES_MAX));
        if group.get(id).is_some() {
            return Err(Flaw::Broken("an entry that is pending twice"));
        }
        group.put(id, Pending { delivered_ms, deliveries, owner: Seat::NOBODY });
    }
    let mut given_back = 0;
    for _ in 0..source.length()? {
        let name = source.string()?;
        let seen_ms = time(source.millis()?);
        let active_ms = match form {
            3 => u64::try_from(source.millis()?).ok(),
            _ => Some(seen_ms),
        };
        let count = source.length()?;
        if name.is_empty() && seen_ms == 0 && given_back == 0 {
            // Nobody, which is how we write whose the entries are that were given back.
            for _ in 0..count {
                source.array::<16>()?;
            }
            given_back = count;
            continue;
        }
        let (seat, is_new) = group.join(&name, seen_ms);
        if !is_new {
            return Err(Flaw::Broken("a consumer that comes twice"));
        }
        group.set_times(seat, seen_ms, active_ms);
        for _ in 0..count {
            if !group.assign(raw_id(source.array()?), seat) {
                return Err(Flaw::Broken("a pending entry that is not one consumer's"));
            }
        }
    }
    let owned: usize = group.iter_consumers().map(Consumer::pending).sum();
    if u64::try_from(group.pending() - owned) != Ok(given_back) {
        return Err(Flaw::Broken("a pending entry without a consumer"));
    }
    Ok(group)
}

/// A time before the epoch is taken for its beginning.
fn time(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0)
}

/// Writes a stream the second way, which Redis 7.0 reads. When consumers last got something is lost.
pub(super) fn write(stream: &Stream, pack: Pack, target: &mut Vec<u8>) {
    encode::length(stream.nodes() as u64, target);
    write_nodes(stream, 0, usize::MAX, pack, target);
    write_rest(stream, pack, target);
}

/// Some of the nodes, from one of them on.
pub(super) fn write_nodes(stream: &Stream, from: usize, count: usize, pack: Pack, target: &mut Vec<u8>) {
    for (base, entries) in stream.iter_nodes().skip(from).take(count) {
        encode::string(&raw(base), pack, target);
        encode::string(&write_node(base, entries), pack, target);
    }
}

/// What comes behind the nodes.
pub(super) fn write_rest(stream: &Stream, pack: Pack, target: &mut Vec<u8>) {
    encode::length(stream.len() as u64, target);
    write_id(stream.last_id(), target);
    write_id(stream.first_id().unwrap_or(Id::MIN), target);
    write_id(stream.max_deleted_id(), target);
    encode::length(stream.entries_added(), target);
    encode::length(stream.groups().len() as u64, target);
    for (name, group) in stream.groups().iter() {
        encode::string(name, pack, target);
        write_group(group, pack, target);
    }
}

fn write_group(group: &Group, pack: Pack, target: &mut Vec<u8>) {
    write_id(group.last_id(), target);
    encode::length(group.entries_read().unwrap_or(UNKNOWN), target);
    encode::length(group.pending() as u64, target);
    for (id, pending) in group.range(Id::MIN) {
        target.extend_from_slice(&raw(*id));
        target.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        encode::length(pending.deliveries, target);
    }
    let given_back = || group.range(Id::MIN).filter(|(_, pending)| pending.owner == Seat::NOBODY);
    let nobody = given_back().count() as u64;
    encode::length(group.consumers() as u64 + u64::from(nobody > 0), target);
    if nobody > 0 {
        // A pending entry must be somebody's: these are of one without a name, whom nobody has ever seen.
        encode::string(b"", pack, target);
        target.extend_from_slice(&[0; 8]);
        encode::length(nobody, target);
        given_back().for_each(|(id, _)| target.extend_from_slice(&raw(*id)));
    }
    for consumer in group.iter_consumers() {
        encode::string(consumer.name(), pack, target);
        target.extend_from_slice(&consumer.seen_ms().to_le_bytes());
        encode::length(consumer.pending() as u64, target);
        consumer.own(Id::MIN).for_each(|id| target.extend_from_slice(&raw(id)));
    }
}

/// The listpack of a node's entries, of which there is at least one. The deleted ones are left out.
fn write_node(base: Id, entries: LogRange<'_>) -> Vec<u8> {
    let mut pack = encode::Listpack::new();
    let entries: Vec<(Id, Fields<'_>)> = entries.collect();
    let names = || entries.first().map(|(_, fields)| fields.clone()).into_iter().flatten().map(|(field, _)| field);
    pack.number(entries.len() as u64);
    pack.number(0);
    pack.number(names().count() as u64);
    names().for_each(|field| pack.push(Element::of(field)));
    pack.number(0);
    for (id, fields) in &entries {
        let same = fields.clone().map(|(field, _)| field).eq(names());
        let count = fields.len() as u64;
        pack.number(if same { SAME_FIELDS as u64 } else { 0 });
        pack.number(id.ms.wrapping_sub(base.ms));
        pack.number(id.seq.wrapping_sub(base.seq));
        if !same {
            pack.number(count);
        }
        for (field, value) in fields.clone() {
            if !same {
                pack.push(Element::of(field));
            }
            pack.push(Element::of(value));
        }
        pack.number(if same { count + 3 } else { 2 * count + 4 });
    }
    pack.finish()
}

fn id(source: &mut Source<'_>) -> Result<Id, Flaw> {
    Ok(Id { ms: source.length()?, seq: source.length()? })
}

fn write_id(id: Id, target: &mut Vec<u8>) {
    encode::length(id.ms, target);
    encode::length(id.seq, target);
}

fn raw_id(bytes: [u8; 16]) -> Id {
    let number = u128::from_be_bytes(bytes);
    Id { ms: (number >> 64) as u64, seq: number as u64 }
}

fn raw(id: Id) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}
