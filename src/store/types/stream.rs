//! A stream: entries of fields and values under rising ids, in nodes that are found by their first id.
//!
//! Consumer groups are not here: they hang beside the entries, and all they need of a stream is its ranges and counters.

use std::collections::btree_map::{self, BTreeMap};
use std::fmt;

use super::Thresholds;
pub use super::stream_node::Fields;
use super::stream_node::Node;
use crate::store::value::{Kind, Typed, Value};

/// The most one node may hold whatever the thresholds say, as in Redis.
const NODE_BYTES_MAX: usize = 1 << 30;
/// What the map takes for one node: std does not tell. Rising keys leave its leaves of 896 bytes with 6 of 11 places used,
/// and a seventh key above them.
const NODE_MAP_BYTES: usize = 150;
/// The least it takes: one leaf.
const LEAF_BYTES: usize = 896;

/// The id of an entry: milliseconds and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

/// The longest id: two u64 and a dash.
pub const ID_BYTES_MAX: usize = 41;

impl Id {
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// Reads `ms-seq`, or `ms` alone with the given sequence number. `-`, `+`, `*` and `(` are matters of single commands.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Id> {
        match text.iter().position(|byte| *byte == b'-') {
            Some(dash) => Some(Id { ms: parse_number(&text[..dash])?, seq: parse_number(&text[dash + 1..])? }),
            None => Some(Id { ms: parse_number(text)?, seq: missing_seq }),
        }
    }

    /// The id after this one, unless it is the last of all.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { ms: self.ms, seq }),
            None => Some(Id { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before this one, unless it is the first of all.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { ms: self.ms, seq }),
            None => Some(Id { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The id as clients see it, written into `scratch`.
    pub fn write(self, scratch: &mut [u8; ID_BYTES_MAX]) -> &[u8] {
        let mut buffer = itoa::Buffer::new();
        let ms = buffer.format(self.ms).as_bytes();
        let mut len = ms.len();
        scratch[..len].copy_from_slice(ms);
        scratch[len] = b'-';
        len += 1;
        let seq = buffer.format(self.seq).as_bytes();
        scratch[len..len + seq.len()].copy_from_slice(seq);
        &scratch[..len + seq.len()]
    }
}

/// A number as Redis reads one here, which is laxer than elsewhere: spaces and a plus before it, and leading zeros.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An id that is not above the last one of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// What to keep of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Trim {
    /// So many entries, the newest.
    MaxLen(u64),
    /// The entries from this id on.
    MinId(Id),
}

/// How precisely to trim.
#[derive(Clone, Copy, Debug)]
pub enum Precision {
    Exact,
    /// Whole nodes only, and at most `limit` entries, if it is not 0.
    Nodes {
        limit: usize,
    },
}

/// The entries and what is remembered of those that are gone. A stream without entries is still a stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// By the id the first entry had when the node was made; ids in the node count from it. No node is empty.
    nodes: BTreeMap<Id, Node>,
    len: usize,
    last_id: Id,
    max_deleted_id: Id,
    entries_added: u64,
    /// Bytes of all nodes as allocated.
    heap: usize,
}

impl Stream {
    pub fn new() -> Stream {
        Stream::default()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries. Commands keep such a stream: its ids must not start again.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Bytes as allocated, besides the value itself; of the map of nodes an estimate.
    pub fn heap_bytes(&self) -> usize {
        self.heap + if self.nodes.is_empty() { 0 } else { (self.nodes.len() * NODE_MAP_BYTES).max(LEAF_BYTES) }
    }

    /// The number of nodes, which XINFO calls radix-tree-keys.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub fn duplicate(&self) -> Stream {
        let nodes: BTreeMap<Id, Node> = self.nodes.iter().map(|(base, node)| (*base, node.duplicate())).collect();
        let heap = nodes.values().map(Node::heap_bytes).sum();
        Stream { nodes, heap, ..*self }
    }

    /// The highest id there ever was; 0-0 in a new stream.
    pub fn last_id(&self) -> Id {
        self.last_id
    }

    /// The highest id that XDEL removed; trimming does not count.
    pub fn max_deleted_id(&self) -> Id {
        self.max_deleted_id
    }

    /// Entries that were ever added.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// The id of the first entry, if there is one.
    pub fn first_id(&self) -> Option<Id> {
        self.nodes.first_key_value().map(|(base, node)| node.first(*base))
    }

    /// Sets what is remembered besides the entries, as XSETID and a loader do. `last_id` must not lie below the last entry's.
    pub fn restore(&mut self, last_id: Id, max_deleted_id: Id, entries_added: u64) {
        (self.last_id, self.max_deleted_id, self.entries_added) = (last_id, max_deleted_id, entries_added);
    }

    /// The id for `*`: the clock's, or the one after the last if the clock is not ahead of it. Nothing if ids are exhausted.
    pub fn next_id(&self, now_ms: u64) -> Option<Id> {
        if now_ms > self.last_id.ms { Some(Id { ms: now_ms, seq: 0 }) } else { self.last_id.next() }
    }

    /// The id for `ms-*`: the first free one in that millisecond, if it is not in the past or full.
    pub fn next_id_in(&self, ms: u64) -> Option<Id> {
        if ms > self.last_id.ms {
            return Some(Id { ms, seq: 0 });
        }
        self.last_id.next().filter(|next| next.ms == ms)
    }

    /// Adds an entry behind the others.
    pub fn append<'f>(
        &mut self,
        id: Id,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
        thresholds: &Thresholds,
    ) -> Result<(), Stale> {
        if id <= self.last_id {
            return Err(Stale);
        }
        let size: usize = fields.clone().map(|(field, value)| field.len().saturating_add(value.len())).fold(0, usize::saturating_add);
        let bytes_max = match thresholds.stream_node_bytes {
            0 => NODE_BYTES_MAX,
            bytes => bytes.min(NODE_BYTES_MAX),
        };
        let entries_max = match thresholds.stream_node_entries {
            0 => usize::MAX,
            entries => entries,
        };
        let mut open = None;
        if let Some(last) = self.nodes.last_entry() {
            let base = *last.key();
            let node = last.into_mut();
            if node.size().saturating_add(size) < bytes_max && node.entries() < entries_max {
                open = Some((base, node));
            } else {
                self.heap -= node.heap_bytes();
                node.close();
                self.heap += node.heap_bytes();
            }
        }
        match open {
            Some((base, node)) => {
                self.heap -= node.heap_bytes();
                node.append(base, id, fields);
                self.heap += node.heap_bytes();
            }
            None => {
                let mut node = Node::new(fields.clone());
                node.append(id, id, fields);
                self.heap += node.heap_bytes();
                self.nodes.insert(id, node);
            }
        }
        self.len += 1;
        self.last_id = id;
        self.entries_added = self.entries_added.saturating_add(1);
        Ok(())
    }

    /// The entries between two ids, both inclusive, in order or, with `reverse`, from the last to the first.
    pub fn range(&self, start: Id, end: Id, reverse: bool) -> StreamRange<'_> {
        // Entries from `start` on may lie in a node that begins before it.
        let from = self.nodes.range(..=start).next_back().map_or(start, |(base, _)| *base);
        let nodes = if start <= end { Some(self.nodes.range(from..=end)) } else { None };
        StreamRange { nodes, current: None, start, end, reverse }
    }

    /// The fields of one entry.
    pub fn get(&self, id: Id) -> Option<Fields<'_>> {
        self.range(id, id, false).next().map(|(_, fields)| fields)
    }

    /// Deletes an entry, as XDEL does. Returns whether it was there.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some((base, node)) = self.nodes.range_mut(..=id).next_back() else { return false };
        let base = *base;
        let before = node.heap_bytes();
        if !node.delete(base, id) {
            return false;
        }
        self.heap = self.heap - before + node.heap_bytes();
        if node.live() == 0 {
            self.heap -= node.heap_bytes();
            self.nodes.remove(&base);
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        true
    }

    /// Removes entries from the front until the rest is what is to be kept. Returns how many went.
    pub fn trim(&mut self, keep: Trim, precision: Precision) -> usize {
        let before = self.len;
        while let Some(mut first) = self.nodes.first_entry() {
            let (base, node) = (*first.key(), first.get_mut());
            let excess = match keep {
                Trim::MaxLen(len) => self.len.saturating_sub(usize::try_from(len).unwrap_or(usize::MAX)),
                Trim::MinId(_) => usize::MAX,
            };
            if let Precision::Nodes { limit } = precision
                && limit != 0
                && before - self.len + node.live() > limit
            {
                break;
            }
            let whole = match keep {
                Trim::MaxLen(_) => node.live() <= excess,
                Trim::MinId(id) => node.last(base) < id,
            };
            if whole {
                self.len -= node.live();
                self.heap -= node.heap_bytes();
                first.remove();
                continue;
            }
            if let Precision::Exact = precision {
                self.heap -= node.heap_bytes();
                self.len -= node.trim(base, excess, |id| if let Trim::MinId(min) = keep { id < min } else { true });
                self.heap += node.heap_bytes();
            }
            break;
        }
        before - self.len
    }
}

impl Typed for Stream {
    const KIND: Kind = Kind::Stream;

    fn from_value(value: Value) -> Option<Box<Stream>> {
        if let Value::Stream(stream) = value { Some(stream) } else { None }
    }

    fn into_value(self: Box<Stream>) -> Value {
        Value::Stream(self)
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// Entries of a stream, in the order asked for.
#[derive(Debug)]
pub struct StreamRange<'a> {
    /// The nodes still to be read; none once the other end was reached.
    nodes: Option<btree_map::Range<'a, Id, Node>>,
    /// The node being read, and where.
    current: Option<(Id, &'a Node, usize)>,
    start: Id,
    end: Id,
    reverse: bool,
}

impl<'a> Iterator for StreamRange<'a> {
    type Item = (Id, Fields<'a>);

    fn next(&mut self) -> Option<(Id, Fields<'a>)> {
        loop {
            let nodes = self.nodes.as_mut()?;
            let Some((base, node, cursor)) = &mut self.current else {
                let (base, node) = if self.reverse { nodes.next_back()? } else { nodes.next()? };
                self.current = Some((*base, node, if self.reverse { node.end() } else { node.begin() }));
                continue;
            };
            let node = *node;
            let entry = if self.reverse { node.previous(cursor, *base) } else { node.next(cursor, *base) };
            let Some((id, fields)) = entry else {
                self.current = None;
                continue;
            };
            let Some(id) = id else { continue }; // Deleted.
            let (before, after) = if self.reverse { (id > self.end, id < self.start) } else { (id < self.start, id > self.end) };
            if after {
                self.nodes = None;
                return None;
            }
            if !before {
                return Some((id, fields));
            }
        }
    }
}

#[cfg(test)]
mod tests;
