//! Where things lie in an entry's block: the one drawing of it, and its arithmetic.
//!
//! ```text
//!   0         1          2..4         4..8      8         [+8]          [+4]        ...   ...
//! +---------+----------+------------+---------+-----------+-------------+-----------+-----+------------+
//! | shape   | key_len  | text_len   | access  | deadline  | word        | key_long  | key | text       |
//! | u8      | u8       | u16        | u32     | u64, if   | i64, Box or | u32, if   |     | if the     |
//! |         | 255=long |            |         | DEADLINE  | collection, | key_len   |     | value is   |
//! |         |          |            |         |           | unless TEXT | is 255    |     | TEXT       |
//! +---------+----------+------------+---------+-----------+-------------+-----------+-----+------------+
//! ```
//!
//! Blocks are as long as their size class, so that it is known when a change fits in place: overwriting a value by one of the
//! same class calls no allocator. The word lies before the key, where it is aligned, so that `&mut i64` can be had of it. It is eight bytes
//! long, or as long as the collection that lies there: a list, set or hash is two or three words itself, which in a box of their own
//! would cost as much again, and a line of the cache on every use. Sorted sets and streams, which are larger, and long texts are in boxes.

use super::types::{Hash, List, Set};

/// What the low bits of `shape` say of the value. Zero is the only one without a word.
pub(super) const ENCODING: u8 = 0b111;
pub(super) const TEXT: u8 = 0;
pub(super) const INTEGER: u8 = 1;
pub(super) const LARGE_TEXT: u8 = 2;
pub(super) const LIST: u8 = 3;
pub(super) const SET: u8 = 4;
pub(super) const SORTED_SET: u8 = 5;
pub(super) const HASH: u8 = 6;
pub(super) const STREAM: u8 = 7;
/// A deadline follows the header. The bit is worth the eight bytes it adds.
pub(super) const DEADLINE: u8 = 8;
/// The text was changed in the middle or at its end, which Redis tells in OBJECT ENCODING.
pub(super) const RAW: u8 = 16;

/// `key_len` of a key whose length does not fit there.
pub(super) const LONG_KEY: u8 = u8::MAX;

/// Bytes of the header.
pub(super) const HEADER: usize = 8;

/// Where the word is, if there is one.
#[inline]
pub(super) const fn word_at(shape: u8) -> usize {
    HEADER + (shape & DEADLINE) as usize
}

/// Bytes of the word, by encoding.
const WORDS: [u8; 8] = [0, 8, 8, words_of::<List>(), words_of::<Set>(), 8, words_of::<Hash>(), 8];
/// The longest word, in words.
pub(super) const WORD_MAX: usize = 3;

const fn words_of<T>() -> u8 {
    // What outgrows this wants a box, as a sorted set has.
    assert!(size_of::<T>() <= WORD_MAX * 8 && size_of::<T>().is_multiple_of(8) && align_of::<T>() <= 8);
    size_of::<T>() as u8 // at most 24
}

/// Bytes of the word.
#[inline]
pub(super) const fn word_len(shape: u8) -> usize {
    WORDS[(shape & ENCODING) as usize] as usize
}

/// Where what follows deadline and word begins: the key's long length, the key, the text.
#[inline]
pub(super) const fn tail_at(shape: u8) -> usize {
    word_at(shape) + word_len(shape)
}

/// The bytes of the key and of its length, if that is long.
#[inline]
pub(super) const fn key_room(key_len: usize) -> usize {
    if key_len >= LONG_KEY as usize { key_len + 4 } else { key_len }
}
