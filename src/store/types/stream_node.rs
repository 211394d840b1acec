//! A node of a stream: entries with neighbouring ids in one row of bytes, which say only how they differ from the first.
//!
//! ```text
//! head    number of fields, then each field           the fields of the node's first entry; as it is sent over and over,
//!                                                     the others mostly have the same and keep their values alone
//! entry   size of the body
//!         body: flags, ms - base.ms, seq (minus base.seq within the same ms),
//!               SAME_FIELDS: each value; else: number of fields, then each field and value
//!         the bytes of size and body, written backwards, for readers from the right
//! ```
//!
//! Numbers are varints: 7 bits a byte, the low ones first. Fields and values are a varint of their length and their bytes.

use super::stream::Id;
use crate::store::memory::size_class;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;

/// Nodes are made with an entry in them, and thrown away with their last one.
///
/// Invariant: the entry at `start` is live, so that the first id of a node is found at once.
#[derive(Debug)]
pub(super) struct Node {
    bytes: Vec<u8>,
    /// Where the head ends.
    head: usize,
    /// Where the first entry begins that was not removed; what lies between is garbage.
    start: usize,
    live: usize,
    /// Entries after `start` that are only marked as deleted.
    deleted: usize,
    /// Entries there ever were: by these Redis decides that a node is full, and so where `~` may cut.
    added: usize,
}

/// What an entry says of itself, and where it lies.
struct Header {
    id: Id,
    flags: u8,
    flags_at: usize,
    /// Where the fields begin.
    content: usize,
    /// Where the next entry begins.
    after: usize,
}

impl Node {
    /// A node with the fields of the entry that will be its first.
    pub(super) fn new<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Node {
        let mut bytes = Vec::new();
        write_varint(&mut bytes, fields.clone().count() as u64);
        for (field, _) in fields {
            write_text(&mut bytes, field);
        }
        let head = bytes.len();
        Node { bytes, head, start: head, live: 0, deleted: 0, added: 0 }
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Entries there ever were, whatever became of them.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// Bytes in use.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        size_class(self.bytes.capacity())
    }

    pub(super) fn duplicate(&self) -> Node {
        Node { bytes: self.bytes.clone(), ..*self }
    }

    /// Gives room back that was kept for entries to come.
    pub(super) fn close(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Adds an entry behind the others; its id is above theirs.
    pub(super) fn append<'f>(&mut self, base: Id, id: Id, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) {
        let mut own = Texts { bytes: &self.bytes, at: 0 };
        let (mut count, mut names, mut values) = (0u64, 0, 0);
        let own_count = own.varint();
        let mut same = true;
        for (field, value) in fields.clone() {
            same = same && count < own_count && own.text() == field;
            count += 1;
            names += text_bytes(field);
            values += text_bytes(value);
        }
        let same = same && count == own_count;
        let ms = id.ms.wrapping_sub(base.ms);
        let seq = if ms == 0 { id.seq.wrapping_sub(base.seq) } else { id.seq };
        let body = 1 + varint_bytes(ms) + varint_bytes(seq) + values + if same { 0 } else { varint_bytes(count) + names };
        let front = body + varint_bytes(body as u64);
        self.bytes.reserve(front + varint_bytes(front as u64));
        write_varint(&mut self.bytes, body as u64);
        self.bytes.push(if same { SAME_FIELDS } else { 0 });
        write_varint(&mut self.bytes, ms);
        write_varint(&mut self.bytes, seq);
        if !same {
            write_varint(&mut self.bytes, count);
        }
        for (field, value) in fields {
            if !same {
                write_text(&mut self.bytes, field);
            }
            write_text(&mut self.bytes, value);
        }
        let at = self.bytes.len();
        write_varint(&mut self.bytes, front as u64);
        self.bytes[at..].reverse();
        self.live += 1;
        self.added += 1;
    }

    /// The first live entry's id.
    pub(super) fn first(&self, base: Id) -> Id {
        self.header(self.start, base).id
    }

    /// The last live entry's id.
    pub(super) fn last(&self, base: Id) -> Id {
        let mut cursor = self.end();
        while let Some((id, _)) = self.previous(&mut cursor, base) {
            if let Some(id) = id {
                return id;
            }
        }
        base
    }

    /// Removes entries from the front as long as `remove` says so of an id, but at most `limit`. Returns how many went.
    pub(super) fn trim(&mut self, base: Id, limit: usize, mut remove: impl FnMut(Id) -> bool) -> usize {
        let mut trimmed = 0;
        while trimmed < limit && self.live > 0 {
            let header = self.header(self.start, base);
            if !remove(header.id) {
                break;
            }
            self.start = header.after;
            self.live -= 1;
            trimmed += 1;
            self.skip_deleted(base);
        }
        self.compact(base);
        trimmed
    }

    /// Deletes the entry of that id, if it is here.
    pub(super) fn delete(&mut self, base: Id, id: Id) -> bool {
        let mut at = self.start;
        while at < self.bytes.len() {
            let header = self.header(at, base);
            if header.id < id {
                at = header.after;
                continue;
            }
            if header.id > id || header.flags & DELETED != 0 {
                return false;
            }
            self.bytes[header.flags_at] |= DELETED;
            self.live -= 1;
            self.deleted += 1;
            self.skip_deleted(base);
            self.compact(base);
            return true;
        }
        false
    }

    fn skip_deleted(&mut self, base: Id) {
        while self.live > 0 {
            let header = self.header(self.start, base);
            if header.flags & DELETED == 0 {
                return;
            }
            self.start = header.after;
            self.deleted -= 1;
        }
    }

    /// Closes gaps once they are more than what they lie between, so that each byte is moved a few times at most.
    fn compact(&mut self, base: Id) {
        if self.live == 0 {
            return; // The stream throws the node away.
        }
        if self.deleted > self.live {
            let mut to = self.head;
            let mut at = self.start;
            while at < self.bytes.len() {
                let header = self.header(at, base);
                if header.flags & DELETED == 0 {
                    self.bytes.copy_within(at..header.after, to);
                    to += header.after - at;
                }
                at = header.after;
            }
            self.bytes.truncate(to);
            (self.start, self.deleted) = (self.head, 0);
        } else if self.start - self.head > self.bytes.len() - self.start {
            self.bytes.drain(self.head..self.start);
            self.start = self.head;
        } else {
            return;
        }
        if self.bytes.capacity() / 4 > self.bytes.len() {
            self.bytes.shrink_to(self.bytes.len().saturating_mul(2));
        }
    }

    pub(super) fn begin(&self) -> usize {
        self.start
    }

    pub(super) fn end(&self) -> usize {
        self.bytes.len()
    }

    /// The entry at the cursor, which moves behind it: nothing inside if it is deleted, nothing at all at the end.
    pub(super) fn next(&self, cursor: &mut usize, base: Id) -> Option<(Option<Id>, Fields<'_>)> {
        if *cursor >= self.bytes.len() {
            return None;
        }
        let header = self.header(*cursor, base);
        *cursor = header.after;
        Some(self.entry(&header))
    }

    /// The entry before the cursor, which moves to its beginning.
    pub(super) fn previous(&self, cursor: &mut usize, base: Id) -> Option<(Option<Id>, Fields<'_>)> {
        if *cursor <= self.start {
            return None;
        }
        let mut at = *cursor;
        let (mut front, mut shift) = (0usize, 0);
        loop {
            at -= 1;
            let byte = self.bytes[at];
            front |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        *cursor = at - front;
        Some(self.entry(&self.header(*cursor, base)))
    }

    fn entry(&self, header: &Header) -> (Option<Id>, Fields<'_>) {
        let mut values = Texts { bytes: &self.bytes, at: header.content };
        let (names, left) = if header.flags & SAME_FIELDS == 0 {
            (None, values.varint())
        } else {
            let mut names = Texts { bytes: &self.bytes, at: 0 };
            let left = names.varint();
            (Some(names), left)
        };
        let id = if header.flags & DELETED == 0 { Some(header.id) } else { None };
        (id, Fields { names, values, left: left as usize })
    }

    fn header(&self, at: usize, base: Id) -> Header {
        let mut texts = Texts { bytes: &self.bytes, at };
        let body = texts.varint() as usize;
        let flags_at = texts.at;
        let back = varint_bytes((flags_at - at + body) as u64);
        texts.at += 1;
        let (ms, seq) = (texts.varint(), texts.varint());
        let seq = if ms == 0 { base.seq.wrapping_add(seq) } else { seq };
        let id = Id { ms: base.ms.wrapping_add(ms), seq };
        Header { id, flags: self.bytes[flags_at], flags_at, content: texts.at, after: flags_at + body + back }
    }
}

/// The fields and values of an entry.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// Where the names are if they are those of the node.
    names: Option<Texts<'a>>,
    values: Texts<'a>,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.names {
            Some(names) => names.text(),
            None => self.values.text(),
        };
        Some((field, self.values.text()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// Reads numbers and texts one after the other. The bytes are our own and whole.
#[derive(Clone, Debug)]
struct Texts<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Texts<'a> {
    #[inline]
    fn varint(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes[self.at];
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }

    #[inline]
    fn text(&mut self) -> &'a [u8] {
        let len = self.varint() as usize;
        let text = &self.bytes[self.at..self.at + len];
        self.at += len;
        text
    }
}

fn varint_bytes(value: u64) -> usize {
    // 1 for 0; each further byte carries 7 bits.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

fn text_bytes(text: &[u8]) -> usize {
    varint_bytes(text.len() as u64) + text.len()
}

#[inline]
fn write_varint(bytes: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

fn write_text(bytes: &mut Vec<u8>, text: &[u8]) {
    write_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

#[cfg(test)]
impl Node {
    /// Walks the node both ways: counts, the order of ids, and the live entry at the front.
    pub(super) fn check(&self, base: Id) {
        let (mut live, mut deleted) = (0, 0);
        let mut forward = Vec::new();
        let mut at = self.start;
        while at < self.bytes.len() {
            let header = self.header(at, base);
            assert!(header.id >= base && forward.last().is_none_or(|(last, _)| *last < header.id));
            if header.flags & DELETED == 0 {
                live += 1
            } else {
                deleted += 1
            }
            assert!(live > 0, "the first entry is live");
            forward.push((header.id, at));
            at = header.after;
        }
        assert_eq!((at, live, deleted), (self.bytes.len(), self.live, self.deleted));
        assert!(self.deleted <= self.live);
        let mut cursor = self.end();
        while self.previous(&mut cursor, base).is_some() {
            assert_eq!(forward.pop().map(|(_, at)| at), Some(cursor));
        }
        assert!(forward.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_is_as_long_as_it_says() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write_varint(&mut bytes, value);
                assert_eq!(bytes.len(), varint_bytes(value));
                assert_eq!(Texts { bytes: &bytes, at: 0 }.varint(), value);
            }
        }
    }
}
