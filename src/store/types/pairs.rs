//! The packed form of a sorted set: its (member, score) pairs in order, in one row of bytes.
//!
//! ```text
//! | pairs                             2 bytes, once; an empty row has no bytes at all
//! | length of the member * 4 + code   varint, 7 bits a byte, low bits first
//! | member
//! | score                             code 0, 1, 2: an integer of 1, 2, 4 bytes; 3: a double
//! ```
//!
//! Not the listpack that lists, sets and hashes share: scores stay numbers here, so that looking for a place parses no decimals,
//! and members stay bytes, so that every reader can borrow them. The block is exactly as long as what is in it, and its own length
//! is all that is known outside: a small set then costs two words and the block. (Growing it by a pair mostly stays in its size class.)

use std::ops::Range;

use super::Thresholds;
use super::rank::Score;
use crate::store::memory::size_class;

/// The longest head and score around a member.
const FRAME_BYTES_MAX: usize = 10 + 8;
/// The bytes before the first pair.
const COUNT_BYTES: usize = 2;
/// As many pairs as can be counted.
const PAIRS_MAX: usize = u16::MAX as usize;

#[derive(Debug, Default)]
pub(super) struct PackedPairs {
    block: Box<[u8]>,
}

/// A pair, and the bytes it lies in.
pub(super) struct Found {
    pub(super) rank: usize,
    pub(super) score: Score,
    place: Range<usize>,
}

impl PackedPairs {
    pub(super) fn len(&self) -> usize {
        match *self.block {
            [low, high, ..] => usize::from(u16::from_le_bytes([low, high])),
            _ => 0,
        }
    }

    /// Whether one more member may be put here.
    pub(super) fn has_room(&self, member: &[u8], thresholds: &Thresholds) -> bool {
        self.len() < thresholds.zset_listpack_entries.min(PAIRS_MAX) && member.len() <= thresholds.zset_listpack_value
    }

    /// Bytes as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        size_class(self.block.len())
    }

    pub(super) fn duplicate(&self) -> PackedPairs {
        PackedPairs { block: self.block.clone() }
    }

    pub(super) fn iter(&self) -> PackedIter<'_> {
        PackedIter { bytes: &self.block, at: COUNT_BYTES, left: self.len() }
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
        PackedBackwards { bytes: &self.block, starts }
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
        let mut at = COUNT_BYTES;
        while let Some((other, other_score)) = iter.next() {
            if (score, member) < (other_score, other) {
                break;
            }
            at = iter.at;
        }
        self.put(at, member, score);
    }

    /// Adds a member that comes after all there are.
    pub(super) fn push(&mut self, member: &[u8], score: Score) {
        self.put(self.block.len().max(COUNT_BYTES), member, score);
    }

    /// Puts a pair at an offset.
    fn put(&mut self, at: usize, member: &[u8], score: Score) {
        let mut frame = [0; FRAME_BYTES_MAX];
        let (head, score_bytes) = write_frame(&mut frame, member.len(), score);
        let size = head + member.len() + score_bytes;
        let pairs = self.len() + 1;
        let mut bytes = std::mem::take(&mut self.block).into_vec();
        let end = bytes.len().max(COUNT_BYTES);
        bytes.reserve_exact(end + size - bytes.len());
        bytes.resize(end + size, 0);
        bytes.copy_within(at..end, at + size);
        let pair = &mut bytes[at..at + size];
        pair[..head].copy_from_slice(&frame[..head]);
        pair[head..head + member.len()].copy_from_slice(member);
        pair[head + member.len()..].copy_from_slice(&frame[head..head + score_bytes]);
        self.close(bytes, pairs);
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
        let left = self.len() - pairs;
        let mut bytes = std::mem::take(&mut self.block).into_vec();
        if left == 0 {
            return;
        }
        bytes.drain(place);
        self.close(bytes, left);
    }

    /// Makes bytes the block, and writes how many pairs they are: at most as many as can be counted.
    fn close(&mut self, bytes: Vec<u8>, pairs: usize) {
        self.block = bytes.into_boxed_slice();
        self.block[..COUNT_BYTES].copy_from_slice(&(pairs as u16).to_le_bytes());
    }
}

/// Writes head and score; returns how many bytes each took.
fn write_frame(frame: &mut [u8; FRAME_BYTES_MAX], member_len: usize, score: Score) -> (usize, usize) {
    let value = score.get();
    // The cast saturates. -0 becomes 0, as in Redis's packed form, and only there.
    let whole = value as i32;
    let is_whole = f64::from(whole) == value;
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
        assert_eq!((count, iter.at), (self.len(), self.block.len().max(COUNT_BYTES)));
    }
}
