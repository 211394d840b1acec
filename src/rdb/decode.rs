//! Values on their way in: every type, in every form that any version up to ours gave it.
//!
//! Whatever the bytes say, what is made is a value of our own, built element by element: members come once, pairs are whole,
//! scores are numbers, ids ascend. What is not so is refused, and what was built is dropped.

use super::row::{self, Row};
use super::source::Source;
use super::{Flaw, Lineage, stream};
use crate::store::Value;
use crate::store::types::list::End;
use crate::store::types::packed::Packed;
use crate::store::types::zset::{Outcome, Score};
use crate::store::types::{DIGITS_MAX, Element, Hash, List, Perishable, Set, SortedSet, Thresholds, canonical_integer};
use crate::time::UnixMillis;

/// The types that are written, by the names that `encode` calls them.
pub(super) mod code {
    pub(in super::super) const STRING: u8 = 0;
    pub(in super::super) const SET: u8 = 2;
    pub(in super::super) const HASH: u8 = 4;
    pub(in super::super) const SORTED_SET: u8 = 5;
    pub(in super::super) const SET_INTSET: u8 = 11;
    pub(in super::super) const HASH_LISTPACK: u8 = 16;
    pub(in super::super) const SORTED_SET_LISTPACK: u8 = 17;
    pub(in super::super) const LIST: u8 = 18;
    pub(in super::super) const STREAM: u8 = 19;
    pub(in super::super) const HASH_WITH_DEADLINES: u8 = 24;
    /// Ours: nobody else has deadlines for members of sets, and everybody else refuses these.
    pub(in super::super) const SET_WITH_DEADLINES: u8 = 64;
    pub(in super::super) const SORTED_SET_WITH_DEADLINES: u8 = 65;
}

/// Nodes of a list: an element by itself, or a listpack.
pub(super) const NODE_PLAIN: u64 = 1;
pub(super) const NODE_PACKED: u64 = 2;

/// The value of type `code`.
pub(super) fn value(code: u8, source: &mut Source<'_>, lineage: Lineage, thresholds: &Thresholds) -> Result<Value, Flaw> {
    match (code, lineage) {
        (code::STRING, _) => text(source),
        (1, _) => list(source, thresholds),
        (code::SET, _) => set(source, thresholds),
        (3, _) => sorted_set(source, text_score, thresholds),
        (code::HASH, _) => hash(source, thresholds),
        (code::SORTED_SET, _) => sorted_set(source, |source| score(source.double()?), thresholds),
        (6, _) => Err(Flaw::foreign("a module's value of before Redis 4.0")),
        (7, _) => Err(Flaw::foreign(format!("a value of the module type '{}'", module_type(source.length()?)))),
        (9, _) => hash_of_row(Row::zipmap(&source.string()?)?, thresholds),
        (10, _) => list_of_row(Row::ziplist(&source.string()?)?, thresholds),
        (code::SET_INTSET, _) => set_of_row(Row::intset(&source.string()?)?, thresholds),
        (12, _) => sorted_set_of_row(Row::ziplist(&source.string()?)?, thresholds),
        (13, _) => hash_of_row(Row::ziplist(&source.string()?)?, thresholds),
        (14, _) => quicklist(source, thresholds),
        (15, _) => stream::read(source, 1, thresholds),
        (code::HASH_LISTPACK, _) => hash_of_listpack(&source.string()?, thresholds),
        (code::SORTED_SET_LISTPACK, _) => sorted_set_of_row(Row::listpack(&source.string()?)?, thresholds),
        (code::LIST, _) => list_of_nodes(source, thresholds),
        (code::STREAM, _) => stream::read(source, 2, thresholds),
        (20, _) => set_of_row(Row::listpack(&source.string()?)?, thresholds),
        (21, _) => stream::read(source, 3, thresholds),
        (22, Lineage::Valkey) => hash_with_times(source, thresholds),
        (22, Lineage::Redis) => hash_with_deadlines(source, None, thresholds),
        (23, Lineage::Redis) => hash_of_triples(&source.string()?, thresholds),
        (code::HASH_WITH_DEADLINES, Lineage::Redis) => {
            let earliest = source.millis()?;
            hash_with_deadlines(source, Some(earliest), thresholds)
        }
        (25, Lineage::Redis) => {
            // The earliest deadline, which the row tells as well.
            source.millis()?;
            hash_of_triples(&source.string()?, thresholds)
        }
        (code::SET_WITH_DEADLINES, Lineage::Redis) => set_with_deadlines(source, thresholds),
        (code::SORTED_SET_WITH_DEADLINES, Lineage::Redis) => sorted_set_with_deadlines(source, thresholds),
        _ => Err(Flaw::Broken("a type of value that there is not")),
    }
}

/// Whether this is a collection without elements, which nobody keeps. An empty stream is one that still knows its last id.
pub(super) fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Text(_) | Value::Stream(_) => false,
        Value::List(list) => list.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::SortedSet(set) => set.is_empty(),
        Value::Hash(hash) => hash.is_empty(),
    }
}

/// The name of a module's type: nine characters of six bits, and ten bits of a version.
pub(super) fn module_type(id: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).rev().map(|place| char::from(ALPHABET[(id >> (10 + 6 * place) & 0x3f) as usize])).collect()
}

fn text(source: &mut Source<'_>) -> Result<Value, Flaw> {
    let text = source.string()?;
    Ok(match canonical_integer(&text) {
        Some(number) => Value::Integer(number),
        None => Value::Text(text.into_owned()),
    })
}

// Lists -----------------------------------------------------------------------------------------------------------------------

fn list(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut list = List::new();
    for _ in 0..source.length()? {
        list.push(End::Back, &source.string()?, thresholds);
    }
    Ok(Value::List(Box::new(list)))
}

fn list_of_row(row: Row<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut list = List::new();
    push_row(&mut list, row, thresholds);
    Ok(Value::List(Box::new(list)))
}

fn quicklist(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut list = List::new();
    for _ in 0..source.length()? {
        push_row(&mut list, Row::ziplist(&source.string()?)?, thresholds);
    }
    Ok(Value::List(Box::new(list)))
}

fn list_of_nodes(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut list = List::new();
    for _ in 0..source.length()? {
        let container = source.length()?;
        let blob = source.string()?;
        match container {
            NODE_PLAIN => list.push(End::Back, &blob, thresholds),
            NODE_PACKED => push_row(&mut list, Row::listpack(&blob)?, thresholds),
            _ => return Err(Flaw::Broken("a node of a list that is neither plain nor packed")),
        }
    }
    Ok(Value::List(Box::new(list)))
}

fn push_row(list: &mut List, row: Row<'_>, thresholds: &Thresholds) {
    let mut digits = [0; DIGITS_MAX];
    row.for_each(|element| list.push(End::Back, element.bytes(&mut digits), thresholds));
}

// Sets ------------------------------------------------------------------------------------------------------------------------

fn set(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let count = source.length()?;
    let mut set = Set::new();
    for index in 0..count {
        let member = source.string()?;
        if index == 0 {
            // A form is chosen by it, nothing more.
            set.expect(&member, usize::try_from(count).unwrap_or(usize::MAX), thresholds);
        }
        add_member(&mut set, &member, thresholds)?;
    }
    Ok(Value::Set(Box::new(set)))
}

fn set_of_row(row: Row<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let (mut set, mut digits) = (Set::new(), [0; DIGITS_MAX]);
    let count = row.len();
    for (index, element) in row.enumerate() {
        let member = element.bytes(&mut digits);
        if index == 0 {
            set.expect(member, count, thresholds);
        }
        add_member(&mut set, member, thresholds)?;
    }
    Ok(Value::Set(Box::new(set)))
}

fn add_member(set: &mut Set, member: &[u8], thresholds: &Thresholds) -> Result<(), Flaw> {
    if set.add(member, thresholds) { Ok(()) } else { Err(Flaw::Broken("a member that comes twice")) }
}

/// Our members with deadlines: each stands before its member, 0 for none.
fn set_with_deadlines(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut set = Set::new();
    for _ in 0..source.length()? {
        let (deadline, member) = (deadline(source)?, source.string()?);
        add_member(&mut set, &member, thresholds)?;
        give(&mut set, &member, deadline, thresholds)?;
    }
    Ok(Value::Set(Box::new(set)))
}

// Sorted sets -----------------------------------------------------------------------------------------------------------------

fn sorted_set(
    source: &mut Source<'_>,
    read_score: impl Fn(&mut Source<'_>) -> Result<Score, Flaw>,
    thresholds: &Thresholds,
) -> Result<Value, Flaw> {
    let count = source.length()?;
    // What might be packed is looked through first: the form decides what becomes of -0.
    let looked_through = usize::try_from(count).unwrap_or(usize::MAX).min(thresholds.zset_listpack_entries.saturating_add(1));
    let (mut pairs, mut longest) = (Vec::new(), 0);
    for _ in 0..looked_through {
        let member = source.string()?;
        longest = longest.max(member.len());
        pairs.push((member, read_score(source)?));
    }
    let mut set = SortedSet::fit_for(pairs.len(), longest, thresholds);
    for (member, score) in pairs {
        add_pair(&mut set, &member, score, thresholds)?;
    }
    for _ in looked_through as u64..count {
        let member = source.string()?;
        add_pair(&mut set, &member, read_score(source)?, thresholds)?;
    }
    Ok(Value::SortedSet(Box::new(set)))
}

fn sorted_set_with_deadlines(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut set = SortedSet::new();
    for _ in 0..source.length()? {
        let (deadline, member) = (deadline(source)?, source.string()?);
        add_pair(&mut set, &member, score(source.double()?)?, thresholds)?;
        give(&mut set, &member, deadline, thresholds)?;
    }
    Ok(Value::SortedSet(Box::new(set)))
}

fn sorted_set_of_row(row: Row<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let (mut set, mut digits) = (SortedSet::new(), [0; DIGITS_MAX]);
    for (member, element) in row.pairs()? {
        let number = match element {
            Element::Integer(number) => score(number as f64)?,
            Element::Bytes(text) => spelt_score(text)?,
        };
        add_pair(&mut set, member.bytes(&mut digits), number, thresholds)?;
    }
    Ok(Value::SortedSet(Box::new(set)))
}

fn add_pair(set: &mut SortedSet, member: &[u8], score: Score, thresholds: &Thresholds) -> Result<(), Flaw> {
    match set.upsert(member, thresholds, |old| if old.is_none() { Some(score) } else { None }) {
        Outcome::Added => Ok(()),
        _ => Err(Flaw::Broken("a member that comes twice")),
    }
}

/// A score as old files have it: a byte for its length, or for one of those that are not finite; then the text.
fn text_score(source: &mut Source<'_>) -> Result<Score, Flaw> {
    match source.byte()? {
        253 => score(f64::NAN),
        254 => Ok(Score::HIGHEST),
        255 => Ok(Score::LOWEST),
        len => spelt_score(source.take(u64::from(len))?),
    }
}

fn spelt_score(text: &[u8]) -> Result<Score, Flaw> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    score(number.ok_or(Flaw::Broken("a score that is not a number"))?)
}

fn score(number: f64) -> Result<Score, Flaw> {
    Score::new(number).ok_or(Flaw::Broken("a score that is not a number"))
}

// Hashes ----------------------------------------------------------------------------------------------------------------------

fn hash(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut hash = Hash::new();
    for _ in 0..source.length()? {
        let (field, value) = (source.string()?, source.string()?);
        add_field(&mut hash, &field, &value, thresholds)?;
    }
    Ok(Value::Hash(Box::new(hash)))
}

/// A listpack of ours, or of anybody who spells integers as integers, becomes a packed hash as it stands.
fn hash_of_listpack(blob: &[u8], thresholds: &Thresholds) -> Result<Value, Flaw> {
    let (entries, count) = row::listpack(blob)?;
    let is_ours = |element| matches!(element, Element::Integer(_)) || element.integer().is_none();
    if count / 2 > thresholds.hash_listpack_entries || !entries.iter().all(is_ours) {
        return hash_of_row(Row::listpack(blob)?, thresholds);
    }
    let packed = Packed::from_entries(entries.as_bytes()).map_err(|_| Flaw::Broken("a listpack that is too long"))?;
    let hash = Hash::from_packed(packed, thresholds).ok_or(Flaw::Broken("fields that do not pair with values, or come twice"))?;
    Ok(Value::Hash(Box::new(hash)))
}

fn hash_of_row(row: Row<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let (mut hash, mut digits, mut more_digits) = (Hash::new(), [0; DIGITS_MAX], [0; DIGITS_MAX]);
    for (field, value) in row.pairs()? {
        add_field(&mut hash, field.bytes(&mut digits), value.bytes(&mut more_digits), thresholds)?;
    }
    Ok(Value::Hash(Box::new(hash)))
}

fn add_field(hash: &mut Hash, field: &[u8], value: &[u8], thresholds: &Thresholds) -> Result<(), Flaw> {
    if hash.set(field, value, thresholds) { Ok(()) } else { Err(Flaw::Broken("a field that comes twice")) }
}

/// A field with the time at which it expires, if it has one.
fn add_field_until(hash: &mut Hash, field: &[u8], value: &[u8], deadline: Option<UnixMillis>, thresholds: &Thresholds) -> Result<(), Flaw> {
    add_field(hash, field, value, thresholds)?;
    give(hash, field, deadline, thresholds)
}

/// Gives a member its deadline, if it has one.
fn give<T: Perishable>(collection: &mut T, member: &[u8], deadline: Option<UnixMillis>, thresholds: &Thresholds) -> Result<(), Flaw> {
    match deadline {
        Some(deadline) if deadline.0 > MOMENT_MAX => Err(BAD_DEADLINE),
        Some(deadline) => {
            collection.give_deadline(member, deadline, thresholds);
            Ok(())
        }
        None => Ok(()),
    }
}

/// A deadline that stands before what it is of; 0 is none.
fn deadline(source: &mut Source<'_>) -> Result<Option<UnixMillis>, Flaw> {
    Ok(Some(source.length()?).filter(|deadline| *deadline != 0).map(UnixMillis))
}

/// Redis's fields with deadlines: each stands before its field, 0 for none. Where the earliest of them is given, they count from it,
/// and it is 1.
fn hash_with_deadlines(source: &mut Source<'_>, earliest: Option<i64>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut hash = Hash::new();
    for _ in 0..source.length()? {
        let deadline = match (deadline(source)?, earliest) {
            (Some(UnixMillis(more)), Some(earliest)) => Some(UnixMillis((more - 1).checked_add_signed(earliest).ok_or(BAD_DEADLINE)?)),
            (deadline, _) => deadline,
        };
        let (field, value) = (source.string()?, source.string()?);
        add_field_until(&mut hash, &field, &value, deadline, thresholds)?;
    }
    Ok(Value::Hash(Box::new(hash)))
}

/// Redis's packed fields with deadlines: field, value, deadline; 0 for none.
fn hash_of_triples(blob: &[u8], thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut row = Row::listpack(blob)?;
    if !row.len().is_multiple_of(3) {
        return Err(Flaw::Broken("a number of elements that is none of triples"));
    }
    let (mut hash, mut digits, mut more_digits) = (Hash::new(), [0; DIGITS_MAX], [0; DIGITS_MAX]);
    while let (Some(field), Some(value), Some(deadline)) = (row.next(), row.next(), row.next()) {
        let deadline = deadline.integer().and_then(|deadline| u64::try_from(deadline).ok()).ok_or(BAD_DEADLINE)?;
        let deadline = if deadline == 0 { None } else { Some(UnixMillis(deadline)) };
        add_field_until(&mut hash, field.bytes(&mut digits), value.bytes(&mut more_digits), deadline, thresholds)?;
    }
    Ok(Value::Hash(Box::new(hash)))
}

/// Valkey's fields with deadlines: each stands behind its value, -1 for none.
fn hash_with_times(source: &mut Source<'_>, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut hash = Hash::new();
    for _ in 0..source.length()? {
        let (field, value) = (source.string()?, source.string()?);
        let deadline = match source.millis()? {
            -1 => None,
            deadline => Some(UnixMillis(u64::try_from(deadline).map_err(|_| BAD_DEADLINE)?)),
        };
        add_field_until(&mut hash, &field, &value, deadline, thresholds)?;
    }
    Ok(Value::Hash(Box::new(hash)))
}

/// The last date a member can have, 46 bits of milliseconds, as in Redis.
const MOMENT_MAX: u64 = (1 << 46) - 1;
const BAD_DEADLINE: Flaw = Flaw::Broken("a deadline that is no time");
