//! The packed form of a sorted set: its (member, score) pairs in order, in one row of bytes.
//!
//! ```text
//! | length of the member * 4 + code   varint, 7 bits a byte, low bits first
//! | member
//! | score                             code 0, 1, 2: an integer of 1, 2, 4 bytes; 3: a double
//! ```
//!
//! Not the listpack that lists, sets and hashes share: scores stay numbers here, so that looking for a place parses no decimals,
//! and members stay bytes, so that every reader can borrow them.

use std::ops::Range;

use super::rank::Score;
use crate::store::memory::size_class;

/// The longest head and score around a member.
const FRAME_BYTES_MAX: usize = 10 + 8;

#[derive(Debug, Default)]
pub(super) struct PackedPairs {
    bytes: Vec<u8>,
    len: usize,
}

/// A pair, and the bytes it lies in.
pub(super) struct Found {
    pub(super) rank: usize,
    pub(super) score: Score,
    place: Range<usize>,
}

impl PackedPairs {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Bytes as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        size_class(self.bytes.capacity())
    }

    pub(super) fn duplicate(&self) -> PackedPairs {
        let mut bytes = Vec::with_capacity(self.bytes.capacity());
        bytes.extend_from_slice(&self.bytes);
        PackedPairs { bytes, len: self.len }
    }

    pub(super) fn iter(&self) -> PackedIter<'_> {
        PackedIter { bytes: &self.bytes, at: 0, left: self.len }
    }

    /// The pairs of a range of ranks, the last first.
    pub(super) fn backwards(&self, ranks: Range<usize>) -> PackedBackwards<'_> {
        let mut iter = self.iter();
        let mut starts = Vec::with_capacity(ranks.len());
        let mut rank = 0;
        while rank < ranks.end {
            if rank >= ranks.start {
                starts.push(iter.at);
            }
            if iter.next().is_none() {
                break;
            }
            rank += 1;
        }
        PackedBackwards { bytes: &self.bytes, starts }
    }

    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        let mut iter = self.iter();
        let mut rank = 0;
        loop {
            let start = iter.at;
            let (other, score) = iter.next()?;
            if other == member {
                return Some(Found { rank, score, place: start..iter.at });
            }
            rank += 1;
        }
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, member: &[u8], score: Score) {
        let mut iter = self.iter();
        let mut at = 0;
        while let Some((other, other_score)) = iter.next() {
            if (score, member) < (other_score, other) {
                break;
            }
            at = iter.at;
        }
        let mut frame = [0; FRAME_BYTES_MAX];
        let (head, score_bytes) = write_frame(&mut frame, member.len(), score);
        let size = head + member.len() + score_bytes;
        let end = self.bytes.len();
        if end + size > self.bytes.capacity() {
            // The next size class and no more: many small sets matter more than the copies of a few growing ones.
            self.bytes.reserve_exact(size_class(end + size) - end);
        }
        self.bytes.resize(end + size, 0);
        self.bytes.copy_within(at..end, at + size);
        let pair = &mut self.bytes[at..at + size];
        pair[..head].copy_from_slice(&frame[..head]);
        pair[head..head + member.len()].copy_from_slice(member);
        pair[head + member.len()..].copy_from_slice(&frame[head..head + score_bytes]);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, found: &Found) {
        self.cut(found.place.clone(), 1);
    }

    /// Removes a range of ranks, after showing each pair.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>, each: &mut impl FnMut(&[u8], Score)) {
        let mut iter = self.iter();
        for _ in 0..ranks.start {
            iter.next();
        }
        let start = iter.at;
        let mut count = 0;
        for _ in ranks {
            let Some((member, score)) = iter.next() else { break };
            each(member, score);
            count += 1;
        }
        let end = iter.at;
        self.cut(start..end, count);
    }

    fn cut(&mut self, place: Range<usize>, pairs: usize) {
        self.bytes.drain(place);
        self.len -= pairs;
        if self.bytes.capacity() > size_class(self.bytes.len()).saturating_mul(2) {
            self.bytes.shrink_to(size_class(self.bytes.len()));
        }
    }
}

/// Writes head and score; returns how many bytes each took.
fn write_frame(frame: &mut [u8; FRAME_BYTES_MAX], member_len: usize, score: Score) -> (usize, usize) {
    let value = score.get();
    // The cast saturates; -0 is the one double that equals its integer and must not become it.
    let whole = value as i32;
    let is_whole = f64::from(whole).to_bits() == value.to_bits();
    let (code, width, bytes) = match whole {
        -0x80..=0x7f if is_whole => (0, 1, u64::from_le_bytes(i64::from(whole).to_le_bytes())),
        -0x8000..=0x7fff if is_whole => (1, 2, u64::from_le_bytes(i64::from(whole).to_le_bytes())),
        _ if is_whole => (2, 4, u64::from_le_bytes(i64::from(whole).to_le_bytes())),
        _ => (3, 8, value.to_bits()),
    };
    // A member's length is below 2^62: nothing longer can be allocated.
    let mut rest = (member_len << 2) | code;
    let mut head = 0;
    while rest >= 0x80 {
        frame[head] = (rest & 0x7f) as u8 | 0x80;
        rest >>= 7;
        head += 1;
    }
    frame[head] = rest as u8;
    head += 1;
    frame[head..head + width].copy_from_slice(&bytes.to_le_bytes()[..width]);
    (head, width)
}

/// Reads the pair at an offset; returns it and the offset after it. The bytes are our own and whole.
#[inline]
fn read(bytes: &[u8], at: usize) -> (&[u8], Score, usize) {
    let mut at = at;
    let mut head = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[at];
        at += 1;
        head |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    let end = at + (head >> 2);
    let member = &bytes[at..end];
    let width = 1 << (head & 3);
    let mut score = [0; 8];
    score[..width].copy_from_slice(&bytes[end..end + width]);
    let value = match width {
        1 => f64::from(score[0].cast_signed()),
        2 => f64::from(i16::from_le_bytes([score[0], score[1]])),
        4 => f64::from(i32::from_le_bytes([score[0], score[1], score[2], score[3]])),
        _ => f64::from_le_bytes(score),
    };
    // Only scores are written here, so this is none but theirs.
    (member, Score::new(value).unwrap_or_default(), end + width)
}

/// Pairs in order.
pub(super) struct PackedIter<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Iterator for PackedIter<'a> {
    type Item = (&'a [u8], Score);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], Score)> {
        self.left = self.left.checked_sub(1)?;
        let (member, score, after) = read(self.bytes, self.at);
        self.at = after;
        Some((member, score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Pairs in reverse: their offsets had to be collected on a way forward.
pub(super) struct PackedBackwards<'a> {
    bytes: &'a [u8],
    starts: Vec<usize>,
}

impl<'a> Iterator for PackedBackwards<'a> {
    type Item = (&'a [u8], Score);

    fn next(&mut self) -> Option<(&'a [u8], Score)> {
        let (member, score, _) = read(self.bytes, self.starts.pop()?);
        Some((member, score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.starts.len(), Some(self.starts.len()))
    }
}

#[cfg(test)]
impl PackedPairs {
    /// Walks the whole row: it must hold what it says, in order, and nothing else.
    pub(super) fn check(&self) {
        let mut iter = self.iter();
        let mut last: Option<(Score, &[u8])> = None;
        let mut count = 0;
        for (member, score) in iter.by_ref() {
            assert!(last < Some((score, member)));
            last = Some((score, member));
            count += 1;
        }
        assert_eq!((count, iter.at), (self.len, self.bytes.len()));
    }
}
