//! A small set of integers: one sorted array, as narrow as its members allow.
//!
//! ```text
//! | shape u32 | member, member, ... | room ... |
//! ```
//!
//! The shape is the number of members, and in its low bits the mark that tells this block from a packed row, and the width of a member:
//! 2, 4 or 8 bytes, low byte first. A member too wide for the others widens all of them, and they stay so.

use crate::store::memory::size_class;

const HEADER: usize = 4;
/// The bit of the first byte that a packed row never has.
const MARK: u8 = 0b10;
const WIDTH_SHIFT: u32 = 2;
const COUNT_SHIFT: u32 = 4;

/// A sorted array of integers.
#[derive(Clone, Debug, Default)]
pub struct IntSet {
    /// Empty, or a header and room for at least as many members as it says.
    block: Box<[u8]>,
}

/// A sorted array of integers, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Integers<'a> {
    /// Whole members only.
    bytes: &'a [u8],
    width: usize,
}

/// Whether a block is one of an `IntSet`, and not of a packed row.
#[inline]
pub(super) fn is_marked(block: &[u8]) -> bool {
    block.first().is_some_and(|byte| byte & MARK != 0)
}

/// The members in the block of an `IntSet`.
#[inline]
pub(super) fn integers_of(block: &[u8]) -> Integers<'_> {
    let shape = block.first_chunk::<HEADER>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let width = 2 << ((shape >> WIDTH_SHIFT) & 3);
    let bytes = block.get(HEADER..HEADER + (shape >> COUNT_SHIFT) as usize * width).unwrap_or_default();
    Integers { bytes, width }
}

fn width_for(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

impl<'a> Integers<'a> {
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of a member: 2, 4 or 8.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The members as they are stored, in ascending order, low bytes first.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The member at `index`, in ascending order.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let member = self.bytes.get(index.checked_mul(self.width)?..)?;
        Some(match self.width {
            2 => i64::from(i16::from_le_bytes(*member.first_chunk()?)),
            4 => i64::from(i32::from_le_bytes(*member.first_chunk()?)),
            _ => i64::from_le_bytes(*member.first_chunk()?),
        })
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = i64> + Clone + use<'a> {
        let integers = *self;
        (0..self.len()).filter_map(move |index| integers.get(index))
    }

    pub fn contains(&self, number: i64) -> bool {
        self.search(number).is_ok()
    }

    /// Where the number is, or where it would be.
    fn search(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle) {
                Some(member) if member == number => return Ok(middle),
                Some(member) if member < number => low = middle + 1,
                _ => high = middle,
            }
        }
        Err(low)
    }
}

impl IntSet {
    /// The most members its header can count.
    pub const LEN_MAX: usize = (u32::MAX >> COUNT_SHIFT) as usize;

    pub fn new() -> IntSet {
        IntSet::default()
    }

    pub fn integers(&self) -> Integers<'_> {
        integers_of(&self.block)
    }

    /// Adds a number; false if it was there. The set must not be full.
    pub fn insert(&mut self, number: i64) -> bool {
        let wanted = width_for(number);
        if self.block.is_empty() || wanted > self.integers().width {
            return self.widen(number, wanted);
        }
        if let Some(added) = insert_into(&mut self.block, number) {
            return added;
        }
        let integers = self.integers();
        self.resize(size_class(HEADER + (integers.len() + 1) * integers.width));
        insert_into(&mut self.block, number).unwrap_or(false)
    }

    /// The bytes of the block that count.
    pub(super) fn used(&self) -> usize {
        if self.block.is_empty() { 0 } else { HEADER + self.integers().as_bytes().len() }
    }

    /// Removes a number; false if it was not there.
    pub fn remove(&mut self, number: i64) -> bool {
        let integers = self.integers();
        let Ok(index) = integers.search(number) else { return false };
        let (width, len) = (integers.width, integers.len());
        if len == 1 {
            self.block = Box::default();
            return true;
        }
        let (at, end) = (HEADER + index * width, HEADER + len * width);
        self.block.copy_within(at + width..end, at);
        set_shape(&mut self.block, len - 1, width);
        let wanted = size_class(end + end / 4);
        if wanted <= self.block.len() / 2 {
            self.resize(wanted);
        }
        true
    }

    pub(super) fn into_block(self) -> Box<[u8]> {
        self.block
    }

    /// The set whose block this is: one that came from [`IntSet::into_block`], or an empty one.
    pub(super) fn from_block(block: Box<[u8]>) -> IntSet {
        debug_assert!(block.is_empty() || is_marked(&block));
        IntSet { block }
    }

    /// Rewrites the members at a new width, with one more that needs it: it is the least of them or the greatest.
    fn widen(&mut self, number: i64, width: usize) -> bool {
        let old = self.integers();
        let mut block = Vec::with_capacity(size_class(HEADER + (old.len() + 1) * width));
        block.resize(HEADER, 0);
        let (first, last) = if number < 0 { (Some(number), None) } else { (None, Some(number)) };
        for member in first.into_iter().chain(old.iter()).chain(last) {
            block.extend_from_slice(&member.to_le_bytes()[..width]);
        }
        let len = old.len() + 1;
        block.resize(size_class(block.len()), 0);
        self.block = block.into_boxed_slice();
        set_shape(&mut self.block, len, width);
        true
    }

    fn resize(&mut self, len: usize) {
        let mut block = std::mem::take(&mut self.block).into_vec();
        if len > block.len() {
            block.reserve_exact(len - block.len());
        }
        block.resize(len, 0);
        self.block = block.into_boxed_slice();
    }
}

/// Makes a set without members of some bytes, as wide as a number needs.
pub(super) fn begin(block: &mut [u8], number: i64) {
    set_shape(block, 0, width_for(number));
}

/// Adds a number to the members in a block of at least a header; false if it was there, `None` if it is too wide for the others, or there is no room.
pub(super) fn insert_into(block: &mut [u8], number: i64) -> Option<bool> {
    let integers = integers_of(block);
    let (width, len) = (integers.width, integers.len());
    if width_for(number) > width {
        return None;
    }
    let Err(index) = integers.search(number) else { return Some(false) };
    let (at, end) = (HEADER + index * width, HEADER + len * width);
    if end + width > block.len() {
        return None;
    }
    block.copy_within(at..end, at + width);
    block[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
    set_shape(block, len + 1, width);
    Some(true)
}

fn set_shape(block: &mut [u8], len: usize, width: usize) {
    let len = u32::try_from(len).expect("a set asks LEN_MAX before it inserts");
    let shape = len << COUNT_SHIFT | (width.ilog2() - 1) << WIDTH_SHIFT | u32::from(MARK);
    block[..HEADER].copy_from_slice(&shape.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn integers_are_an_ordered_set(
            steps in prop::collection::vec((any::<bool>(), prop_oneof![8 => -20..20i64, 4 => -40_000..40_000i64, 1 => any::<i64>()]), 1..200),
        ) {
            let (mut set, mut model) = (IntSet::new(), BTreeSet::new());
            for (add, number) in steps {
                if add {
                    prop_assert_eq!(set.insert(number), model.insert(number));
                } else {
                    prop_assert_eq!(set.remove(number), model.remove(&number));
                }
                prop_assert_eq!(set.integers().contains(number), add);
                prop_assert!(set.integers().iter().eq(model.iter().copied()));
                prop_assert_eq!(set.block.len(), size_class(set.block.len()));
            }
        }
    }
}
