//! The large form of a list: packed rows in order, and what is done to a row of either form.
//!
//! How much goes into a row is Redis's `list-max-listpack-size`, reckoned as Redis does, since OBJECT ENCODING shows it.

use super::entries::Position;
use super::packed::Packed;
use super::{Element, Thresholds};
use crate::store::memory::size_class;
use std::collections::VecDeque;
use std::ops::RangeBounds;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// A side of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// The large form: rows in order, none of them empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) nodes: VecDeque<Node>,
    /// Elements in all nodes.
    pub(super) len: usize,
    /// Memory of the blocks of all nodes.
    block_bytes: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) packed: Packed,
    /// Its number of elements, here so that a walk over nodes stays within the chain.
    count: u32,
}

/// What a row costs besides its entries, and what a further one is taken to cost besides its bytes, where Redis reckons with limits.
const ROW_BYTES: usize = 7;
const ELEMENT_BYTES: usize = 8;
/// A row limited by its number of elements has this limit too.
const COUNTED_ROW_BYTES_MAX: usize = 8192;

/// How large a row may become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    bytes: usize,
    count: usize,
}

impl Node {
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }
}

impl Limit {
    pub(super) fn of(thresholds: &Thresholds) -> Limit {
        match usize::try_from(thresholds.list_listpack_size) {
            Ok(count) => Limit { bytes: COUNTED_ROW_BYTES_MAX, count: count.clamp(1, 0x7fff) },
            Err(_) => {
                let step = thresholds.list_listpack_size.unsigned_abs().min(5) as u32;
                Limit { bytes: 2048 << step, count: usize::MAX }
            }
        }
    }

    /// Whether a list of that many bytes and elements is still one row.
    pub(super) fn is_one(self, used: usize, count: usize) -> bool {
        used.saturating_add(ROW_BYTES) <= self.bytes && count <= self.count
    }

    /// Whether a chain that has shrunk to so little becomes one row: half of what would make it a chain again.
    pub(super) fn is_little(self, used: usize, count: usize) -> bool {
        let bytes = if self.count == usize::MAX { self.bytes / 2 } else { self.bytes };
        used.saturating_add(ROW_BYTES) <= bytes && count <= self.count / 2
    }

    /// Whether a node with that in it takes an element of `len` bytes.
    pub(super) fn admits(self, used: usize, count: usize, len: usize) -> bool {
        used.saturating_add(ROW_BYTES + ELEMENT_BYTES).saturating_add(len) <= self.bytes && count < self.count
    }
}

impl Chain {
    /// The memory it owns, its own fields included.
    pub(super) fn heap_bytes(&self) -> usize {
        size_class(size_of::<Chain>()) + size_class(self.nodes.capacity() * size_of::<Node>()) + self.block_bytes
    }

    pub(super) fn end(&self, end: End) -> Option<usize> {
        let last = self.nodes.len().checked_sub(1)?;
        Some(match end {
            End::Front => 0,
            End::Back => last,
        })
    }

    /// What [`Chain::heap_bytes`] must say.
    #[cfg(test)]
    pub(super) fn recount(&self) -> usize {
        assert_eq!(self.len, self.nodes.iter().map(Node::count).sum::<usize>());
        let blocks: usize = self.nodes.iter().map(|node| node.packed.heap_bytes()).sum();
        size_class(size_of::<Chain>()) + size_class(self.nodes.capacity() * size_of::<Node>()) + blocks
    }

    /// Lets `change` work on the row of a node, and keeps the counts.
    pub(super) fn edit<R>(&mut self, number: usize, change: impl FnOnce(&mut Packed) -> R) -> R {
        let node = &mut self.nodes[number];
        let bytes = node.packed.heap_bytes();
        let result = change(&mut node.packed);
        let count = node.packed.len();
        self.block_bytes = self.block_bytes - bytes + node.packed.heap_bytes();
        self.len = self.len - node.count() + count;
        node.count = u32::try_from(count).expect("a row has fewer bytes than 2^30, and two to an element");
        result
    }

    /// Puts a row in as node `number`, unless it is empty.
    pub(super) fn place(&mut self, number: usize, packed: Packed) {
        if !packed.is_empty() {
            self.nodes.insert(number, Node { packed: Packed::new(), count: 0 });
            self.edit(number, |row| *row = packed);
        }
    }

    pub(super) fn drop_if_empty(&mut self, number: usize) {
        if self.nodes[number].count == 0 {
            self.edit(number, |row| *row = Packed::new());
            self.nodes.remove(number);
            if self.nodes.capacity() > 16 && self.nodes.len() < self.nodes.capacity() / 4 {
                self.nodes.shrink_to(self.nodes.len() * 2);
            }
        }
    }

    /// The node and the offset in it of an element.
    pub(super) fn locate(&self, index: usize) -> Option<(usize, usize)> {
        let last = self.len.checked_sub(1)?;
        if index > last {
            return None;
        }
        if index <= last / 2 {
            let mut offset = index;
            for (number, node) in self.nodes.iter().enumerate() {
                match offset.checked_sub(node.count()) {
                    Some(rest) => offset = rest,
                    None => return Some((number, offset)),
                }
            }
        } else {
            let mut from_back = last - index;
            for (number, node) in self.nodes.iter().enumerate().rev() {
                match from_back.checked_sub(node.count()) {
                    Some(rest) => from_back = rest,
                    None => return Some((number, node.count() - 1 - from_back)),
                }
            }
        }
        None
    }

    fn admits(&self, number: usize, len: usize, limit: Limit) -> bool {
        self.nodes.get(number).is_some_and(|node| limit.admits(node.packed.used(), node.count(), len))
    }

    pub(super) fn push(&mut self, end: End, element: Element<'_>, len: usize, limit: Limit) {
        if let Some(number) = self.end(end) {
            if self.admits(number, len, limit) {
                self.edit(number, |row| push_to(row, end, element));
                return;
            }
            // It will hardly be written again.
            self.edit(number, Packed::shrink);
        }
        let mut row = Packed::new();
        row.push_back(element);
        let number = if end == End::Front { 0 } else { self.nodes.len() };
        self.place(number, row);
    }

    /// Puts an element in at a position of a node, in a neighbour if that is the end of a full node, or else between the halves of
    /// the node.
    pub(super) fn insert(&mut self, number: usize, at: Position, word: &[u8], limit: Limit) {
        let element = Element::of(word);
        if self.admits(number, word.len(), limit) {
            self.edit(number, |row| row.insert(at, element));
            return;
        }
        let end = self.nodes[number].packed.entries().end();
        if at == Position(0) && number > 0 && self.admits(number - 1, word.len(), limit) {
            self.edit(number - 1, |row| row.push_back(element));
        } else if at == end && self.admits(number + 1, word.len(), limit) {
            self.edit(number + 1, |row| row.push_front(element));
        } else {
            let right = self.edit(number, |row| row.split_off(at));
            self.place(number + 1, right);
            let mut target = number;
            if self.nodes[number].count != 0 && self.admits(number, word.len(), limit) {
                self.edit(number, |row| row.push_back(element));
                return;
            }
            if self.nodes[number].count == 0 {
                self.nodes.remove(number);
            } else {
                target += 1;
            }
            if self.admits(target, word.len(), limit) {
                self.edit(target, |row| row.push_front(element));
            } else {
                let mut row = Packed::new();
                row.push_back(element);
                self.place(target, row);
            }
        }
    }

    pub(super) fn set(&mut self, number: usize, offset: usize, word: &[u8], limit: Limit) -> bool {
        let node = &self.nodes[number];
        let Some(at) = seek_near(&node.packed, offset) else { return false };
        let old = node.packed.entries().after(at).map_or(0, |after| after.0 - at.0);
        if node.count == 1 || limit.admits(node.packed.used().saturating_sub(old), 0, word.len()) {
            self.edit(number, |row| row.replace(at, Element::of(word)));
        } else {
            self.edit(number, |row| row.remove(at, 1));
            self.insert(number, at, word, limit);
        }
        true
    }

    pub(super) fn remove(&mut self, quota: usize, from_back: bool, word: &[u8]) -> usize {
        let (mut removed, nodes) = (0, self.nodes.len());
        for step in 0..nodes {
            if removed == quota {
                break;
            }
            let number = if from_back { nodes - 1 - step } else { step };
            removed += self.edit(number, |row| remove_from(row, quota - removed, from_back, word));
        }
        removed
    }

    /// Joins neighbours that fit into one node, and drops empty nodes: one pass.
    pub(super) fn gather(&mut self, limit: Limit) {
        let nodes = std::mem::take(&mut self.nodes);
        (self.len, self.block_bytes) = (0, 0);
        for node in nodes {
            if let Some(last) = self.nodes.len().checked_sub(1) {
                let count = (self.nodes[last].count + node.count) as usize;
                if node.count == 0 || limit.is_one(self.nodes[last].packed.used().saturating_add(node.packed.used()), count) {
                    self.edit(last, |row| row.append(&node.packed));
                    continue;
                }
            }
            self.place(self.nodes.len(), node.packed);
        }
    }

    /// Keeps `count` elements from the one at `first` on, of which there are that many. Returns the nodes that went whole.
    pub(super) fn trim(&mut self, first: usize, count: usize) -> Chain {
        let mut gone = Chain::default();
        let Some((number, offset)) = self.locate(first) else { return gone };
        self.drop_nodes(..number, &mut gone);
        self.edit(0, |row| trim_row(row, offset, usize::MAX));
        let Some((number, offset)) = self.locate(count - 1) else { return gone };
        self.drop_nodes(number + 1.., &mut gone);
        self.edit(number, |row| trim_row(row, 0, offset + 1));
        if self.nodes.len() < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.len() * 2);
        }
        gone
    }

    fn drop_nodes(&mut self, which: impl RangeBounds<usize>, gone: &mut Chain) {
        for node in self.nodes.drain(which) {
            let (count, bytes) = (node.count(), node.packed.heap_bytes());
            self.len -= count;
            self.block_bytes -= bytes;
            gone.len += count;
            gone.block_bytes += bytes;
            gone.nodes.push_back(node);
        }
    }
}

pub(super) fn push_to(row: &mut Packed, end: End, element: Element<'_>) {
    match end {
        End::Front => row.push_front(element),
        End::Back => row.push_back(element),
    }
}

pub(super) fn pop_from<R>(row: &mut Packed, end: End, visit: impl FnOnce(Element<'_>) -> R) -> Option<R> {
    let entries = row.entries();
    let at = match end {
        End::Front => entries.first()?,
        End::Back => entries.last()?,
    };
    let result = visit(entries.get(at)?);
    row.remove(at, 1);
    Some(result)
}

pub(super) fn remove_from(row: &mut Packed, quota: usize, from_back: bool, word: &[u8]) -> usize {
    let wanted = Element::of(word);
    // Of the matches from the back, those that stay are the first ones: they have to be counted before.
    let mut spared = if from_back { row.iter().filter(|element| *element == wanted).count().saturating_sub(quota) } else { 0 };
    let mut left = quota;
    row.retain(1, |element| {
        if element != wanted {
            return true;
        }
        if spared > 0 {
            spared -= 1;
            return true;
        }
        if left == 0 {
            return true;
        }
        left -= 1;
        false
    })
}

/// Keeps at most `count` elements of a row from the one at `first` on.
pub(super) fn trim_row(row: &mut Packed, first: usize, count: usize) {
    let len = row.len();
    let kept = count.min(len.saturating_sub(first));
    if first + kept < len
        && let Some(at) = seek_near(row, first + kept)
    {
        row.cut(at, row.entries().end(), len - first - kept);
    }
    if first > 0
        && let Some(at) = seek_near(row, first)
    {
        row.cut(Position(0), at, first);
    }
}

/// The position of the element at `offset`, from the nearer end.
pub(super) fn seek_near(row: &Packed, offset: usize) -> Option<Position> {
    let len = row.len();
    if offset >= len {
        return None;
    }
    let from_front = i64::try_from(offset).ok()?;
    if offset <= len / 2 { row.entries().seek(from_front) } else { row.entries().seek(from_front - i64::try_from(len).ok()?) }
}

/// The position before or behind the element at `at`.
pub(super) fn beside(row: &Packed, at: Position, side: Side) -> Position {
    match side {
        Side::Before => at,
        Side::After => row.entries().after(at).unwrap_or(at),
    }
}
