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

use std::collections::{BTreeMap, HashSet};

use super::source::Source;
use super::{Flaw, encode, row};
use crate::store::Value;
use crate::store::types::entries::Iter;
use crate::store::types::stream::{Fields, Id};
use crate::store::types::{DIGITS_MAX, Element, Stream, Thresholds};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// How much we put into one node: what every server keeps to by itself.
const NODE_ENTRIES_MAX: usize = 100;
const NODE_BYTES_MAX: usize = 4096;

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
    let mut names = HashSet::new();
    for _ in 0..source.length()? {
        let group = Group::read(source, form)?;
        if !names.insert(group.name) {
            return Err(Flaw::Broken("a group that comes twice"));
        }
    }
    if !names.is_empty() {
        return Err(Flaw::foreign("a stream with consumer groups"));
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

/// A consumer group as it is written.
struct Group {
    name: Vec<u8>,
}

impl Group {
    fn read(source: &mut Source<'_>, form: u8) -> Result<Group, Flaw> {
        let name = source.string()?.into_owned();
        id(source)?;
        if form >= 2 {
            source.length()?;
        }
        let mut pending = BTreeMap::new();
        for _ in 0..source.length()? {
            let id = raw_id(source.array()?);
            let (_delivered, _deliveries) = (source.millis()?, source.length()?);
            if pending.insert(id, false).is_some() {
                return Err(Flaw::Broken("an entry that is pending twice"));
            }
        }
        let mut names = HashSet::new();
        for _ in 0..source.length()? {
            let name = source.string()?.into_owned();
            source.millis()?;
            if form >= 3 {
                source.millis()?;
            }
            for _ in 0..source.length()? {
                let id = raw_id(source.array()?);
                match pending.get_mut(&id) {
                    Some(owned) if !*owned => *owned = true,
                    _ => return Err(Flaw::Broken("a pending entry that is not one consumer's")),
                }
            }
            if !names.insert(name) {
                return Err(Flaw::Broken("a consumer that comes twice"));
            }
        }
        if pending.values().any(|owned| !owned) {
            return Err(Flaw::Broken("a pending entry without a consumer"));
        }
        Ok(Group { name })
    }
}

/// Writes a stream the second way, which Redis 7.0 reads.
pub(super) fn write(stream: &Stream, target: &mut Vec<u8>) {
    let mut nodes = Vec::new();
    let mut count = 0;
    let mut entries = stream.range(Id::MIN, Id::MAX, false).peekable();
    while let Some(first) = entries.next() {
        let mut size = bytes_of(&first.1);
        let mut node = vec![first];
        while node.len() < NODE_ENTRIES_MAX
            && size < NODE_BYTES_MAX
            && let Some(entry) = entries.next()
        {
            size += bytes_of(&entry.1);
            node.push(entry);
        }
        encode::string(&raw(node[0].0), &mut nodes);
        encode::string(&write_node(&node), &mut nodes);
        count += 1;
    }
    encode::length(count, target);
    target.extend_from_slice(&nodes);
    encode::length(stream.len() as u64, target);
    write_id(stream.last_id(), target);
    write_id(stream.first_id().unwrap_or(Id::MIN), target);
    write_id(stream.max_deleted_id(), target);
    encode::length(stream.entries_added(), target);
    // Groups.
    encode::length(0, target);
}

fn bytes_of(fields: &Fields<'_>) -> usize {
    fields.clone().map(|(field, value)| field.len() + value.len()).sum()
}

/// The listpack of some entries, at least one.
fn write_node(entries: &[(Id, Fields<'_>)]) -> Vec<u8> {
    let mut pack = encode::Listpack::new();
    let (base, first) = &entries[0];
    pack.number(entries.len() as u64);
    pack.number(0);
    pack.number(first.len() as u64);
    first.clone().for_each(|(field, _)| pack.push(Element::of(field)));
    pack.number(0);
    for (id, fields) in entries {
        let same = fields.clone().map(|(field, _)| field).eq(first.clone().map(|(field, _)| field));
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
