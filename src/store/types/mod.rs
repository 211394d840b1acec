//! The structures a key can hold besides a string: one structure a file, each with a packed small form and a large form.
//!
//! Reading order: [`Element`] is what a client's word becomes; [`entries`] reads and [`packed`] writes the small form they share;
//! [`table`] is the large form of hashes and sets, `roster` and `rank` together that of sorted sets; [`mortals`] are the members
//! that have deadlines of their own; then the structures themselves. [`bits`] and [`hyperloglog`] are ways to read and write a string.
//! When a structure changes its form is decided by [`Thresholds`], which come in as a parameter: nothing here knows
//! a setting, a clock or a client.

pub mod entries;
pub mod packed;

pub mod chain;
pub mod intset;
pub mod table;

pub mod mortals;

pub mod hash;
pub mod list;
pub mod set;

pub mod algebra;

mod arena;
mod pairs;
mod pocket;
mod rank;
mod rank_node;
mod roster;
pub mod zset;

pub mod stream;
mod stream_node;

pub mod bits;
pub mod hyperloglog;
mod hyperloglog_sparse;

pub use hash::Hash;
pub use list::List;
pub use mortals::{Mortals, Perishable};
pub use set::Set;
pub use stream::Stream;
pub use zset::SortedSet;

/// How large the small form of each structure may become. The names are those of Redis's directives.
#[derive(Clone, Debug)]
pub struct Thresholds {
    /// Fields of a packed hash.
    pub hash_listpack_entries: usize,
    /// Bytes of one field or value of a packed hash.
    pub hash_listpack_value: usize,
    /// Positive: elements in one node of a list; -1 to -5: 4, 8, 16, 32, 64 KiB in one node.
    pub list_listpack_size: i64,
    /// Accepted for the sake of existing configurations; no node is compressed.
    pub list_compress_depth: u64,
    /// Members of a set of integers that is one sorted array.
    pub set_intset_entries: usize,
    /// Members of a packed set.
    pub set_listpack_entries: usize,
    /// Bytes of one member of a packed set.
    pub set_listpack_value: usize,
    /// Members of a packed sorted set.
    pub zset_listpack_entries: usize,
    /// Bytes of one member of a packed sorted set.
    pub zset_listpack_value: usize,
    /// Bytes of one node of a stream.
    pub stream_node_bytes: usize,
    /// Entries of one node of a stream.
    pub stream_node_entries: usize,
    /// What the tables of large hashes and sets are seeded with: secret and per process, so that no client can choose keys that collide.
    pub hash_seeds: [u64; 4],
}

impl Default for Thresholds {
    /// Redis's defaults. The seeds are constants, good for tests only: the daemon puts random ones in their place.
    fn default() -> Thresholds {
        Thresholds {
            hash_listpack_entries: 512,
            hash_listpack_value: 64,
            list_listpack_size: -2,
            list_compress_depth: 0,
            set_intset_entries: 512,
            set_listpack_entries: 128,
            set_listpack_value: 64,
            zset_listpack_entries: 128,
            zset_listpack_value: 64,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
            hash_seeds: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89],
        }
    }
}

/// The digits of the longest i64 and its sign.
pub const DIGITS_MAX: usize = 20;

/// One element of a collection, borrowed: what is the canonical decimal of an i64 is kept as that number.
///
/// Two elements are equal exactly when their bytes are, as long as both came from [`Element::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Element<'a> {
    /// The element that a client's word is: an integer if the word is how that integer is printed, else the bytes.
    #[inline]
    pub fn of(bytes: &'a [u8]) -> Element<'a> {
        match canonical_integer(bytes) {
            Some(number) => Element::Integer(number),
            None => Element::Bytes(bytes),
        }
    }

    /// The element as bytes; digits are written into `scratch`.
    #[inline]
    pub fn bytes<'s>(&self, scratch: &'s mut [u8; DIGITS_MAX]) -> &'s [u8]
    where
        'a: 's,
    {
        match *self {
            Element::Integer(number) => digits(number, scratch),
            Element::Bytes(bytes) => bytes,
        }
    }

    /// The element as bytes of its own.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut [0; DIGITS_MAX]).to_vec()
    }

    /// The number the element is, or the canonical decimal it spells.
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Element::Integer(number) => Some(number),
            Element::Bytes(bytes) => canonical_integer(bytes),
        }
    }

    /// Its length in bytes, as a client sees it.
    pub fn len(&self) -> usize {
        self.bytes(&mut [0; DIGITS_MAX]).len()
    }

    /// Whether it is the empty string.
    pub fn is_empty(&self) -> bool {
        matches!(self, Element::Bytes(bytes) if bytes.is_empty())
    }

    /// Whether its bytes, as a client sees them, are these.
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.bytes(&mut [0; DIGITS_MAX]) == bytes
    }
}

/// Writes the decimal of `number` into `scratch`.
#[inline]
pub fn digits(number: i64, scratch: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number).as_bytes();
    let target = &mut scratch[..text.len()];
    target.copy_from_slice(text);
    target
}

/// The number that prints exactly as `bytes`: no leading zero, no `+`, no space, no `-0`.
#[inline]
pub fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    let (first, rest) = bytes.split_first()?;
    let (negative, leading, rest) = match first {
        b'-' => {
            let (leading, rest) = rest.split_first()?;
            (true, leading, rest)
        }
        _ => (false, first, rest),
    };
    if rest.len() > DIGITS_MAX - 2 {
        return None;
    }
    let mut magnitude = match leading {
        b'0' if rest.is_empty() && !negative => return Some(0),
        b'1'..=b'9' => u64::from(leading - b'0'),
        _ => return None,
    };
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // At most 19 digits: below 10^19, which a u64 holds.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// The next number of a sequence that looks random (SplitMix64): for picks that start from a caller's seed.
#[inline]
pub fn scramble(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A number below `bound` out of a sequence that looks random; 0 if the bound is 0.
#[inline]
pub fn below(bound: usize, seed: &mut u64) -> usize {
    // The high half of the product: no division, and no bias that matters for bounds far below 2^64.
    ((u128::from(scramble(seed)) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_prints_alike_is_an_integer() {
        let integers = ["0", "1", "-1", "127", "9223372036854775807", "-9223372036854775808", "1000000000000000000"];
        for text in integers {
            assert_eq!(Element::of(text.as_bytes()), Element::Integer(text.parse().unwrap()), "{text}");
        }
        let texts = [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "1e3",
        ];
        for text in texts {
            assert_eq!(Element::of(text.as_bytes()), Element::Bytes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_element_prints_as_it_came() {
        for text in ["0", "-12", "9223372036854775807", "-9223372036854775808", "x", ""] {
            let element = Element::of(text.as_bytes());
            assert_eq!(element.to_vec(), text.as_bytes());
            assert_eq!(element.len(), text.len());
            assert!(element.is(text.as_bytes()));
            assert_eq!(element.is_empty(), text.is_empty());
        }
    }
}
