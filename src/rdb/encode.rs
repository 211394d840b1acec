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

/// Whether long strings are compressed where that saves something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pack {
    Compressed,
    Plain,
}

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

    pub(super) fn write(&self, pack: Pack, target: &mut Vec<u8>) {
        match self {
            Form::Text(text) => string(text.bytes(&mut [0; 20]), pack, target),
            Form::List(list) => {
                let rows = list.rows();
                length(rows.clone().count() as u64, target);
                for row in rows {
                    length(NODE_PACKED, target);
                    string(&listpack(row, row.count()), pack, target);
                }
            }
            Form::Integers(integers) => string(&intset(*integers), pack, target),
            Form::Members(set) => {
                length(set.len() as u64, target);
                set.iter().for_each(|member| string(member.bytes(&mut [0; 20]), pack, target));
            }
            Form::ScoreRow(set) => {
                let mut row = Listpack::new();
                for (member, score) in set.iter() {
                    row.push(Element::of(member));
                    row.score(score.get());
                }
                string(&row.finish(), pack, target);
            }
            Form::Scores(set) => {
                length(set.len() as u64, target);
                // The highest first: whoever keeps them in order from the front finds each place at once.
                for (member, score) in set.range(0..set.len(), true) {
                    string(member, pack, target);
                    target.extend_from_slice(&score.get().to_le_bytes());
                }
            }
            Form::FieldRow(row, count) => string(&listpack(*row, *count), pack, target),
            Form::Fields(hash) => {
                length(hash.len() as u64, target);
                for (field, value) in hash.iter() {
                    string(field.bytes(&mut [0; 20]), pack, target);
                    string(value.bytes(&mut [0; 20]), pack, target);
                }
            }
            Form::MortalFields(hash, earliest) => {
                target.extend_from_slice(&earliest.0.to_le_bytes());
                length(hash.len() as u64, target);
                for (field, value, deadline) in hash.iter_with_deadlines() {
                    length(deadline.map_or(0, |deadline| deadline.0.saturating_sub(earliest.0) + 1), target);
                    string(field.bytes(&mut [0; 20]), pack, target);
                    string(value.bytes(&mut [0; 20]), pack, target);
                }
            }
            Form::MortalMembers(set) => {
                length(set.len() as u64, target);
                set.iter().for_each(|member| mortal_member(set, member, pack, target));
            }
            Form::MortalScores(set) => {
                length(set.len() as u64, target);
                for (member, score) in set.range(0..set.len(), true) {
                    length(set.deadline_of(member).flatten().map_or(0, |deadline| deadline.0), target);
                    string(member, pack, target);
                    target.extend_from_slice(&score.get().to_le_bytes());
                }
            }
            Form::Stream(stream) => stream::write(stream, pack, target),
        }
    }
}

/// A text up to here is written as one; a longer one as it is, since compressing it would take too long at a time.
const TEXT_AT_ONCE_MAX: usize = 256 << 10;
/// How much of a long text is one part.
const TEXT_PART_BYTES: usize = 64 << 10;
/// Rows of lists, nodes of streams and members of sorted sets in one part.
const ROWS_PART: usize = 8;
const NODES_PART: usize = 4;
const SCORES_PART: usize = 128;

/// Values in parts: together they are what [`Form::write`] writes, but for long texts, which are not compressed.
impl Form<'_> {
    /// What comes first; all of it where there is no need for parts.
    pub(super) fn write_head(&self, pack: Pack, target: &mut Vec<u8>) {
        match self {
            Form::Text(Text::Bytes(text)) if text.len() > TEXT_AT_ONCE_MAX => length(text.len() as u64, target),
            Form::List(list) => length(list.rows().count() as u64, target),
            Form::Members(set) | Form::MortalMembers(set) => length(set.len() as u64, target),
            Form::Scores(set) | Form::MortalScores(set) => length(set.len() as u64, target),
            Form::Fields(hash) => length(hash.len() as u64, target),
            Form::MortalFields(hash, earliest) => {
                target.extend_from_slice(&earliest.0.to_le_bytes());
                length(hash.len() as u64, target);
            }
            Form::Stream(stream) => length(stream.nodes() as u64, target),
            Form::Text(_) | Form::Integers(_) | Form::ScoreRow(_) | Form::FieldRow(..) => self.write(pack, target),
        }
    }

    /// What follows at `cursor`, which is 0 to begin with. Returns the next cursor, or none at the end.
    pub(super) fn write_part(&self, cursor: u64, pack: Pack, target: &mut Vec<u8>) -> Option<u64> {
        let from = cursor as usize;
        let go_on = |next: usize, end: usize| (next < end).then_some(next as u64);
        let scanned = |next: u64| (next != 0).then_some(next);
        match self {
            Form::Text(Text::Bytes(text)) if text.len() > TEXT_AT_ONCE_MAX => {
                let end = text.len().min(from + TEXT_PART_BYTES);
                target.extend_from_slice(text.get(from..end).unwrap_or_default());
                go_on(end, text.len())
            }
            Form::Text(_) | Form::Integers(_) | Form::ScoreRow(_) | Form::FieldRow(..) => None,
            Form::List(list) => {
                let mut rows = list.rows().skip(from);
                for row in rows.by_ref().take(ROWS_PART) {
                    length(NODE_PACKED, target);
                    string(&listpack(row, row.count()), pack, target);
                }
                rows.next().map(|_| cursor + ROWS_PART as u64)
            }
            Form::Members(set) => scanned(set.scan(cursor, |member| string(member.bytes(&mut [0; 20]), pack, target))),
            Form::Fields(hash) => scanned(hash.scan(cursor, |field, value| {
                string(field.bytes(&mut [0; 20]), pack, target);
                string(value.bytes(&mut [0; 20]), pack, target);
            })),
            Form::MortalFields(hash, earliest) => scanned(hash.scan(cursor, |field, value| {
                let mut digits = [0; 20];
                let field = field.bytes(&mut digits);
                length(hash.deadline_of(field).flatten().map_or(0, |deadline| deadline.0.saturating_sub(earliest.0) + 1), target);
                string(field, pack, target);
                string(value.bytes(&mut [0; 20]), pack, target);
            })),
            Form::MortalMembers(set) => scanned(set.scan(cursor, |member| mortal_member(set, member, pack, target))),
            Form::Scores(set) | Form::MortalScores(set) => {
                let end = set.len().saturating_sub(from);
                let start = end.saturating_sub(SCORES_PART);
                for (member, score) in set.range(start..end, true) {
                    if let Form::MortalScores(_) = self {
                        length(set.deadline_of(member).flatten().map_or(0, |deadline| deadline.0), target);
                    }
                    string(member, pack, target);
                    target.extend_from_slice(&score.get().to_le_bytes());
                }
                (start > 0).then(|| (set.len() - start) as u64)
            }
            Form::Stream(stream) => {
                stream::write_nodes(stream, from, NODES_PART, pack, target);
                let next = go_on(from + NODES_PART, stream.nodes());
                if next.is_none() {
                    stream::write_rest(stream, pack, target);
                }
                next
            }
        }
    }
}

fn mortal_member(set: &Set, member: Element<'_>, pack: Pack, target: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let member = member.bytes(&mut digits);
    length(set.deadline_of(member).flatten().map_or(0, |deadline| deadline.0), target);
    string(member, pack, target);
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
pub(super) fn string(text: &[u8], pack: Pack, target: &mut Vec<u8>) {
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
    if pack == Pack::Compressed
        && text.len() >= COMPRESSED_MIN
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
