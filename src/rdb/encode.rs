//! Values on their way out, in the forms that Redis 7.0 reads and everything after it.

use super::decode::{NODE_PACKED, code};
use super::{VERSION, VERSION_WITH_DEADLINES, lzf, source, stream};
use crate::store::types::entries::{self, Entries};
use crate::store::types::intset::Integers;
use crate::store::types::{Element, Hash, List, Perishable, Set, SortedSet, Stream, canonical_integer};
use crate::store::{Entry, Text};
use crate::time::UnixMillis;

/// The longest text of an integer that takes four bytes or fewer.
const INTEGER_TEXT_MAX: usize = 11;
/// A shorter string is not worth compressing.
const COMPRESSED_MIN: usize = 21;
/// What compressing must save.
const SAVED_MIN: usize = 4;
/// A row of pairs that would be longer is written pair by pair.
const ROW_BYTES_MAX: usize = 1 << 30;

/// A value, and how it is written.
pub(super) enum Form<'a> {
    Text(Text<'a>),
    List(&'a List),
    Integers(Integers<'a>),
    Members(&'a Set),
    ScoreRow(&'a SortedSet),
    Scores(&'a SortedSet),
    FieldRow(Entries<'a>, usize),
    Fields(&'a Hash),
    /// With the earliest deadline of any of them.
    MortalFields(&'a Hash, UnixMillis),
    MortalMembers(&'a Set),
    MortalScores(&'a SortedSet),
    Stream(&'a Stream),
}

impl<'a> Form<'a> {
    pub(super) fn of(entry: Entry<'a>) -> Form<'a> {
        if let Some(list) = entry.get::<List>() {
            Form::List(list)
        } else if let Some(set) = entry.get::<Set>() {
            if set.earliest().is_some() {
                return Form::MortalMembers(set);
            }
            // A packed row of members is younger than Redis 7.0.
            set.integers().map_or(Form::Members(set), Form::Integers)
        } else if let Some(set) = entry.get::<SortedSet>() {
            if set.earliest().is_some() {
                return Form::MortalScores(set);
            }
            let row_bytes = |set: &SortedSet| set.iter().map(|(member, _)| member.len().saturating_add(64)).fold(0, usize::saturating_add);
            if set.encoding() == "listpack" && row_bytes(set) <= ROW_BYTES_MAX { Form::ScoreRow(set) } else { Form::Scores(set) }
        } else if let Some(hash) = entry.get::<Hash>() {
            match (hash.earliest(), hash.packed()) {
                (Some(earliest), _) => Form::MortalFields(hash, earliest),
                (None, Some(packed)) => Form::FieldRow(packed.entries(), packed.len()),
                (None, None) => Form::Fields(hash),
            }
        } else if let Some(stream) = entry.get::<Stream>() {
            Form::Stream(stream)
        } else {
            Form::Text(entry.text().unwrap_or(Text::Bytes(b"")))
        }
    }

    /// The byte that says so.
    pub(super) fn code(&self) -> u8 {
        match self {
            Form::Text(_) => code::STRING,
            Form::List(_) => code::LIST,
            Form::Integers(_) => code::SET_INTSET,
            Form::Members(_) => code::SET,
            Form::ScoreRow(_) => code::SORTED_SET_LISTPACK,
            Form::Scores(_) => code::SORTED_SET,
            Form::FieldRow(..) => code::HASH_LISTPACK,
            Form::Fields(_) => code::HASH,
            Form::MortalFields(..) => code::HASH_WITH_DEADLINES,
            Form::MortalMembers(_) => code::SET_WITH_DEADLINES,
            Form::MortalScores(_) => code::SORTED_SET_WITH_DEADLINES,
            Form::Stream(_) => code::STREAM,
        }
    }

    /// The version in which this form came up.
    pub(super) fn version(&self) -> u16 {
        match self {
            Form::MortalFields(..) | Form::MortalMembers(_) | Form::MortalScores(_) => VERSION_WITH_DEADLINES,
            _ => VERSION,
        }
    }

    pub(super) fn write(&self, target: &mut Vec<u8>) {
        match self {
            Form::Text(text) => string(text.bytes(&mut [0; 20]), target),
            Form::List(list) => {
                let rows = list.rows();
                length(rows.clone().count() as u64, target);
                for row in rows {
                    length(NODE_PACKED, target);
                    string(&listpack(row, row.count()), target);
                }
            }
            Form::Integers(integers) => string(&intset(*integers), target),
            Form::Members(set) => {
                length(set.len() as u64, target);
                set.iter().for_each(|member| string(member.bytes(&mut [0; 20]), target));
            }
            Form::ScoreRow(set) => {
                let mut pack = Listpack::new();
                for (member, score) in set.iter() {
                    pack.push(Element::of(member));
                    pack.score(score.get());
                }
                string(&pack.finish(), target);
            }
            Form::Scores(set) => {
                length(set.len() as u64, target);
                // The highest first: whoever keeps them in order from the front finds each place at once.
                for (member, score) in set.range(0..set.len(), true) {
                    string(member, target);
                    target.extend_from_slice(&score.get().to_le_bytes());
                }
            }
            Form::FieldRow(row, count) => string(&listpack(*row, *count), target),
            Form::Fields(hash) => {
                length(hash.len() as u64, target);
                for (field, value) in hash.iter() {
                    string(field.bytes(&mut [0; 20]), target);
                    string(value.bytes(&mut [0; 20]), target);
                }
            }
            Form::MortalFields(hash, earliest) => {
                target.extend_from_slice(&earliest.0.to_le_bytes());
                length(hash.len() as u64, target);
                for (field, value, deadline) in hash.iter_with_deadlines() {
                    length(deadline.map_or(0, |deadline| deadline.0.saturating_sub(earliest.0) + 1), target);
                    string(field.bytes(&mut [0; 20]), target);
                    string(value.bytes(&mut [0; 20]), target);
                }
            }
            Form::MortalMembers(set) => {
                length(set.len() as u64, target);
                for member in set.iter() {
                    let mut digits = [0; 20];
                    let member = member.bytes(&mut digits);
                    length(set.deadline_of(member).flatten().map_or(0, |deadline| deadline.0), target);
                    string(member, target);
                }
            }
            Form::MortalScores(set) => {
                length(set.len() as u64, target);
                for (member, score) in set.range(0..set.len(), true) {
                    length(set.deadline_of(member).flatten().map_or(0, |deadline| deadline.0), target);
                    string(member, target);
                    target.extend_from_slice(&score.get().to_le_bytes());
                }
            }
            Form::Stream(stream) => stream::write(stream, target),
        }
    }
}

/// Writes a length in as few bytes as it takes.
pub(super) fn length(length: u64, target: &mut Vec<u8>) {
    if length < 0x40 {
        target.push(length as u8);
    } else if length < 0x4000 {
        target.extend_from_slice(&(length as u16 | u16::from(source::LENGTH_14_BITS) << 8).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        target.push(source::LENGTH_4_BYTES);
        target.extend_from_slice(&length.to_be_bytes());
    } else {
        target.push(source::LENGTH_8_BYTES);
        target.extend_from_slice(&length.to_be_bytes());
    }
}

/// Writes a string: as an integer if it spells a short one, compressed if that saves something, or as it is.
pub(super) fn string(text: &[u8], target: &mut Vec<u8>) {
    if text.len() <= INTEGER_TEXT_MAX
        && let Some(number) = canonical_integer(text)
        && let Ok(number) = i32::try_from(number)
    {
        let bytes = number.to_le_bytes();
        let (tag, width) = match number {
            -0x80..=0x7f => (source::INTEGER_1_BYTE, 1),
            -0x8000..=0x7fff => (source::INTEGER_2_BYTES, 2),
            _ => (source::INTEGER_4_BYTES, 4),
        };
        target.push(tag);
        target.extend_from_slice(&bytes[..width]);
        return;
    }
    if text.len() >= COMPRESSED_MIN
        && let Some(packed) = lzf::compress(text, text.len() - SAVED_MIN)
    {
        target.push(source::COMPRESSED);
        length(packed.len() as u64, target);
        length(text.len() as u64, target);
        target.extend_from_slice(&packed);
        return;
    }
    length(text.len() as u64, target);
    target.extend_from_slice(text);
}

/// A listpack around a row that is coded like one.
fn listpack(row: Entries<'_>, count: usize) -> Vec<u8> {
    let mut pack = Listpack::new();
    pack.bytes.extend_from_slice(row.as_bytes());
    pack.count = count;
    pack.finish()
}

fn intset(integers: Integers<'_>) -> Vec<u8> {
    let members = integers.as_bytes();
    let mut blob = Vec::with_capacity(8 + members.len());
    blob.extend_from_slice(&(integers.width() as u32).to_le_bytes());
    blob.extend_from_slice(&(integers.len() as u32).to_le_bytes());
    blob.extend_from_slice(members);
    blob
}

/// A listpack in the making.
pub(super) struct Listpack {
    /// The header, which is written last, and the elements.
    bytes: Vec<u8>,
    count: usize,
}

impl Listpack {
    const HEADER: usize = 6;

    pub(super) fn new() -> Listpack {
        Listpack { bytes: vec![0; Listpack::HEADER], count: 0 }
    }

    pub(super) fn push(&mut self, element: Element<'_>) {
        entries::append(&mut self.bytes, element);
        self.count += 1;
    }

    /// A number without a sign; a listpack has none above those with one, so that these become negative, as servers have it.
    pub(super) fn number(&mut self, number: u64) {
        self.push(Element::Integer(number as i64));
    }

    fn score(&mut self, score: f64) {
        // Integers in the middle of the range are spelt as such: beyond it not every one of them is a double.
        let whole = score as i64;
        if whole as f64 == score && whole.unsigned_abs() < 1 << 53 && (whole != 0 || score.is_sign_positive()) {
            self.push(Element::Integer(whole));
        } else if score.is_infinite() {
            self.push(Element::Bytes(if score > 0.0 { b"inf" } else { b"-inf" }));
        } else {
            self.push(Element::of(zmij::Buffer::new().format(score).as_bytes()));
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0xff);
        let len =
            u32::try_from(self.bytes.len()).expect("rows end before a gigabyte, and nodes of streams with the entry that passes 4 KiB");
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(u16::MAX);
        self.bytes[4..Listpack::HEADER].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}
