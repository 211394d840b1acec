//! A row of packed elements, read: the code of one element, steps in both directions, searching, checking.
//!
//! An element is coded as in a Redis listpack, so that DUMP and RDB copy the row as it stands:
//!
//! ```text
//! | 0nnnnnnn                 integer 0..=127
//! | 10llllll                 string of l < 64 bytes, which follow
//! | 110nnnnn nnnnnnnn        integer of 13 bits, two's complement
//! | 1110llll llllllll        string of l < 4096 bytes
//! | 11110000 llll            string, its length in four bytes, low byte first
//! | 11110001..11110100       integer of 2, 3, 4 or 8 bytes, low byte first
//! ```
//!
//! Behind each element stands the length of what was just said, seven bits to a byte and written backwards, so that a reader who comes
//! from the right finds the beginning: one byte for everything up to 127.

use super::Element;
use std::fmt;

const STRING_4_BYTES: u8 = 0xf0;
const INTEGER_2_BYTES: u8 = 0xf1;
const INTEGER_3_BYTES: u8 = 0xf2;
const INTEGER_4_BYTES: u8 = 0xf3;
const INTEGER_8_BYTES: u8 = 0xf4;

/// The longest code of an element besides the bytes of a string: tag and integer, or tag and length.
const HEAD_BYTES_MAX: usize = 9;
const BACK_BYTES_MAX: usize = 5;

/// Where an element begins: an offset into its row. Any insertion or removal makes it void, unless the call returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub(super) usize);

/// Bytes that are not a row of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    /// The offset of the element that cannot be one.
    pub at: usize,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a packed element at offset {}", self.at)
    }
}

impl std::error::Error for Corrupt {}

/// A row of packed elements, borrowed.
///
/// Every step checks its bounds: on a row that [`Entries::check`] would refuse, a walk ends early and nothing panics.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
}

impl<'a> Entries<'a> {
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Entries<'a> {
        Entries { bytes }
    }

    /// The row as it is stored.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks that the bytes are a row of whole elements, each with the right length behind it, and counts them.
    pub fn check(bytes: &[u8]) -> Result<usize, Corrupt> {
        let (mut at, mut count) = (0, 0);
        while at < bytes.len() {
            let (_, size) = decode(bytes, at).ok_or(Corrupt { at })?;
            let (back, back_len) = back_length(size);
            let end = at + size;
            if bytes.get(end..end + back_len) != Some(&back[..back_len]) {
                return Err(Corrupt { at });
            }
            at = end + back_len;
            count += 1;
        }
        Ok(count)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The position behind the last element.
    #[inline]
    pub fn end(&self) -> Position {
        Position(self.bytes.len())
    }

    #[inline]
    pub fn first(&self) -> Option<Position> {
        if self.bytes.is_empty() { None } else { Some(Position(0)) }
    }

    #[inline]
    pub fn last(&self) -> Option<Position> {
        self.previous(self.end())
    }

    /// The element at a position.
    #[inline]
    pub fn get(&self, position: Position) -> Option<Element<'a>> {
        decode(self.bytes, position.0).map(|(element, _)| element)
    }

    /// The position behind the element at `position`: of the next element, or the end.
    #[inline]
    pub fn after(&self, position: Position) -> Option<Position> {
        let size = size_of(self.bytes, position.0)?;
        let end = position.0 + size + back_bytes(size);
        if end <= self.bytes.len() { Some(Position(end)) } else { None }
    }

    /// The position of the next element.
    #[inline]
    pub fn next(&self, position: Position) -> Option<Position> {
        self.after(position).filter(|next| next.0 < self.bytes.len())
    }

    /// The position of the element before.
    #[inline]
    pub fn previous(&self, position: Position) -> Option<Position> {
        step_back(self.bytes, position.0).map(Position)
    }

    /// The position `index` elements from the left, or, if negative, from the right: -1 is the last. Walks from that side.
    pub fn seek(&self, index: i64) -> Option<Position> {
        if index >= 0 {
            let mut position = self.first()?;
            for _ in 0..index {
                position = self.next(position)?;
            }
            Some(position)
        } else {
            let mut position = self.last()?;
            for _ in 1..index.unsigned_abs() {
                position = self.previous(position)?;
            }
            Some(position)
        }
    }

    /// How many elements there are. Walks them all: whoever keeps a row keeps its count.
    pub fn count(&self) -> usize {
        let (mut at, mut count) = (0, 0);
        while let Some(size) = size_of(self.bytes, at) {
            at += size + back_bytes(size);
            count += 1;
        }
        count
    }

    /// The first element at or after `from` that is `needle`; after each one that is not, `skip` elements are passed over.
    ///
    /// `find(first, field, 1)` looks at the fields only of a row of fields and values.
    pub fn find(&self, from: Position, needle: &[u8], skip: usize) -> Option<Position> {
        let wanted = Element::of(needle);
        let mut at = from.0;
        while at < self.bytes.len() {
            let (element, size) = decode(self.bytes, at)?;
            let same = match (element, wanted) {
                // Names of one kind begin alike and end differently: the last byte spares most comparisons.
                (Element::Bytes(bytes), _) => bytes.len() == needle.len() && bytes.last() == needle.last() && bytes == needle,
                (Element::Integer(number), Element::Integer(other)) => number == other,
                (Element::Integer(_), Element::Bytes(_)) => false,
            };
            if same {
                return Some(Position(at));
            }
            at += size + back_bytes(size);
            for _ in 0..skip {
                let size = size_of(self.bytes, at)?;
                at += size + back_bytes(size);
            }
        }
        None
    }

    /// The elements from left to right; also from right to left.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        Iter { bytes: self.bytes, front: 0, back: self.bytes.len() }
    }

    /// The elements from `position` on to the right.
    pub fn iter_from(&self, position: Position) -> Iter<'a> {
        Iter { bytes: self.bytes, front: position.0, back: self.bytes.len() }
    }

    /// The elements before `position`: taken from the back, these go to the left.
    pub fn iter_before(&self, position: Position) -> Iter<'a> {
        Iter { bytes: self.bytes, front: 0, back: position.0.min(self.bytes.len()) }
    }
}

/// The elements of a row, from both ends.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (element, size) = decode(self.bytes, self.front)?;
        self.front += size + back_bytes(size);
        Some(element)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let at = step_back(self.bytes, self.back)?;
        let (element, _) = decode(self.bytes, at)?;
        self.back = at;
        Some(element)
    }
}

/// An element in its packed code, ready to be copied into a row.
pub(super) struct Coded<'a> {
    head: [u8; HEAD_BYTES_MAX],
    head_len: usize,
    data: &'a [u8],
    back: [u8; BACK_BYTES_MAX],
    back_len: usize,
}

impl<'a> Coded<'a> {
    #[inline]
    pub(super) fn new(element: Element<'a>) -> Coded<'a> {
        let mut head = [0; HEAD_BYTES_MAX];
        let (head_len, data) = match element {
            Element::Bytes(bytes) => (code_length(bytes.len(), &mut head), bytes),
            Element::Integer(number) => (code_integer(number, &mut head), &[][..]),
        };
        let (back, back_len) = back_length(head_len + data.len());
        Coded { head, head_len, data, back, back_len }
    }

    /// The bytes it takes in a row.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.head_len + self.data.len() + self.back_len
    }

    /// Writes it over `target`, which is `len` bytes long.
    #[inline]
    pub(super) fn write(&self, target: &mut [u8]) {
        let (head, rest) = target.split_at_mut(self.head_len);
        let (data, back) = rest.split_at_mut(self.data.len());
        head.copy_from_slice(&self.head[..self.head_len]);
        data.copy_from_slice(self.data);
        back.copy_from_slice(&self.back[..self.back_len]);
    }
}

/// Adds an element to a row that somebody builds byte by byte: one to be written out. It must be shorter than 4 GiB.
pub fn append(row: &mut Vec<u8>, element: Element<'_>) {
    let coded = Coded::new(element);
    row.extend_from_slice(&coded.head[..coded.head_len]);
    row.extend_from_slice(coded.data);
    row.extend_from_slice(&coded.back[..coded.back_len]);
}

/// The bytes a string of `len` bytes takes in a row.
pub fn string_bytes(len: usize) -> usize {
    let head = match len {
        0..64 => 1,
        64..4096 => 2,
        _ => 5,
    };
    let size = len.saturating_add(head);
    size.saturating_add(back_bytes(size))
}

#[inline]
fn code_length(len: usize, head: &mut [u8; HEAD_BYTES_MAX]) -> usize {
    // The masks and shifts below take the bytes of a length apart: each cast keeps one byte of it.
    match len {
        0..64 => {
            head[0] = 0x80 | len as u8;
            1
        }
        64..4096 => {
            head[0] = 0xe0 | (len >> 8) as u8;
            head[1] = len as u8;
            2
        }
        _ => {
            debug_assert!(u32::try_from(len).is_ok(), "Packed refuses what is longer");
            head[0] = STRING_4_BYTES;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
            5
        }
    }
}

#[inline]
fn code_integer(number: i64, head: &mut [u8; HEAD_BYTES_MAX]) -> usize {
    let bytes = number.to_le_bytes();
    let (tag, width) = match number {
        0..=127 => {
            head[0] = bytes[0];
            return 1;
        }
        -4096..=4095 => {
            head[0] = 0xc0 | (bytes[1] & 0x1f);
            head[1] = bytes[0];
            return 2;
        }
        -0x8000..=0x7fff => (INTEGER_2_BYTES, 2),
        -0x80_0000..=0x7f_ffff => (INTEGER_3_BYTES, 3),
        -0x8000_0000..=0x7fff_ffff => (INTEGER_4_BYTES, 4),
        _ => (INTEGER_8_BYTES, 8),
    };
    head[0] = tag;
    head[1..=width].copy_from_slice(&bytes[..width]);
    1 + width
}

/// The element at `at`, and its bytes without the length behind it.
#[inline]
fn decode(bytes: &[u8], at: usize) -> Option<(Element<'_>, usize)> {
    let tag = *bytes.get(at)?;
    if tag < 0x80 {
        return Some((Element::Integer(i64::from(tag)), 1));
    }
    if tag < 0xc0 {
        let len = usize::from(tag & 0x3f);
        return Some((Element::Bytes(bytes.get(at + 1..at + 1 + len)?), 1 + len));
    }
    decode_long(bytes, at, tag)
}

fn decode_long(bytes: &[u8], at: usize, tag: u8) -> Option<(Element<'_>, usize)> {
    let size = size_of(bytes, at)?;
    let body = bytes.get(at + 1..at + size)?;
    let element = match tag {
        0xc0..0xe0 => {
            let number = i64::from(tag & 0x1f) << 8 | i64::from(*body.first()?);
            Element::Integer(if number >= 4096 { number - 8192 } else { number })
        }
        0xe0..0xf0 => Element::Bytes(body.get(1..)?),
        STRING_4_BYTES => Element::Bytes(body.get(4..)?),
        _ => {
            let negative = body.last()? & 0x80 != 0;
            let mut number = if negative { [0xff; 8] } else { [0; 8] };
            number.get_mut(..body.len())?.copy_from_slice(body);
            Element::Integer(i64::from_le_bytes(number))
        }
    };
    Some((element, size))
}

/// The bytes of the element at `at` without the length behind it. They may lie outside of the row.
#[inline]
fn size_of(bytes: &[u8], at: usize) -> Option<usize> {
    let tag = *bytes.get(at)?;
    Some(match tag {
        0..0x80 => 1,
        0x80..0xc0 => 1 + usize::from(tag & 0x3f),
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 2 + (usize::from(tag & 0x0f) << 8 | usize::from(*bytes.get(at + 1)?)),
        STRING_4_BYTES => {
            let len = bytes.get(at + 1..at + 5)?.first_chunk::<4>()?;
            5 + u32::from_le_bytes(*len) as usize
        }
        INTEGER_2_BYTES => 3,
        INTEGER_3_BYTES => 4,
        INTEGER_4_BYTES => 5,
        INTEGER_8_BYTES => 9,
        _ => return None,
    })
}

/// How many bytes the length behind an element of `size` bytes takes.
#[inline]
fn back_bytes(size: usize) -> usize {
    // The limits are Redis's, which wastes the last value of each width.
    match size {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

#[inline]
fn back_length(size: usize) -> ([u8; BACK_BYTES_MAX], usize) {
    let len = back_bytes(size);
    let mut back = [0; BACK_BYTES_MAX];
    let mut rest = size;
    for (index, byte) in back[..len].iter_mut().enumerate().rev() {
        // Read from the right, a set top bit says that more follows; the byte that is read last has none.
        *byte = (rest & 0x7f) as u8 | if index == 0 { 0 } else { 0x80 };
        rest >>= 7;
    }
    (back, len)
}

/// Where the element that ends at `end` begins.
#[inline]
fn step_back(bytes: &[u8], end: usize) -> Option<usize> {
    let (mut size, mut shift, mut at) = (0usize, 0, end);
    loop {
        at = at.checked_sub(1)?;
        let byte = *bytes.get(at)?;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return at.checked_sub(size);
        }
        shift += 7;
        if shift > 28 {
            return None;
        }
    }
}
