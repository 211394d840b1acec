//! Bytes of a dump or a file, read from the front: lengths, strings, times.
//!
//! ```text
//! | 00nnnnnn                    a length below 64
//! | 01nnnnnn nnnnnnnn           a length below 16384, high byte first
//! | 0x80, 4 bytes               a length in four bytes, high byte first
//! | 0x81, 8 bytes               a length in eight
//! | 0xc0 0xc1 0xc2, 1 2 4 bytes only before a string: the integer it spells, low byte first
//! | 0xc3, length, length, bytes only before a string: compressed; how long it is here, and how long in the end
//! ```
//!
//! Nothing is allocated from a length that was only announced: it is first held against the bytes that are there.

use std::borrow::Cow;

use super::lzf;

pub(super) const LENGTH_14_BITS: u8 = 0x40;
pub(super) const LENGTH_4_BYTES: u8 = 0x80;
pub(super) const LENGTH_8_BYTES: u8 = 0x81;
pub(super) const INTEGER_1_BYTE: u8 = 0xc0;
pub(super) const INTEGER_2_BYTES: u8 = 0xc1;
pub(super) const INTEGER_4_BYTES: u8 = 0xc2;
pub(super) const COMPRESSED: u8 = 0xc3;

/// Why bytes were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// They end before what they began has.
    Short,
    /// They are not what they must be.
    Broken(&'static str),
    /// They may be sound, but hold what this server does not.
    Foreign(Box<str>),
}

impl Flaw {
    pub(super) fn foreign(what: impl Into<String>) -> Flaw {
        Flaw::Foreign(what.into().into_boxed_str())
    }
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Flaw::Short => f.write_str("the data ends in the middle"),
            Flaw::Broken(what) => f.write_str(what),
            Flaw::Foreign(what) => f.write_str(what),
        }
    }
}

/// What is left to read.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Source<'a> {
        Source { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], Flaw> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| rest.get(..len)).ok_or(Flaw::Short)?;
        self.at += taken.len();
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.take(N as u64)?.first_chunk().copied().ok_or(Flaw::Short)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Flaw> {
        self.array().map(|[byte]| byte)
    }

    /// A length, a count, or another number that has no sign.
    pub(super) fn length(&mut self) -> Result<u64, Flaw> {
        let first = self.byte()?;
        self.length_after(first)
    }

    fn length_after(&mut self, first: u8) -> Result<u64, Flaw> {
        match first {
            0..LENGTH_14_BITS => Ok(u64::from(first)),
            LENGTH_14_BITS..LENGTH_4_BYTES => Ok(u64::from(u16::from_be_bytes([first & 0x3f, self.byte()?]))),
            LENGTH_4_BYTES => self.array().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            LENGTH_8_BYTES => self.array().map(u64::from_be_bytes),
            _ => Err(Flaw::Broken("a length that is none")),
        }
    }

    /// A string, in any of its forms.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, Flaw> {
        let number = match self.byte()? {
            INTEGER_1_BYTE => i32::from(i8::from_le_bytes(self.array()?)),
            INTEGER_2_BYTES => i32::from(i16::from_le_bytes(self.array()?)),
            INTEGER_4_BYTES => i32::from_le_bytes(self.array()?),
            COMPRESSED => {
                let (packed_len, len) = (self.length()?, self.length()?);
                let packed = self.take(packed_len)?;
                let text = usize::try_from(len).ok().and_then(|len| lzf::decompress(packed, len));
                return text.map(Cow::Owned).ok_or(Flaw::Broken("a compressed string that does not decompress"));
            }
            first => {
                let len = self.length_after(first)?;
                return self.take(len).map(Cow::Borrowed);
            }
        };
        Ok(Cow::Owned(itoa::Buffer::new().format(number).as_bytes().to_vec()))
    }

    /// A double in eight bytes.
    pub(super) fn double(&mut self) -> Result<f64, Flaw> {
        self.array().map(f64::from_le_bytes)
    }

    /// Milliseconds since the epoch. Servers write them as they keep them: with a sign.
    pub(super) fn millis(&mut self) -> Result<i64, Flaw> {
        self.array().map(i64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_strings_have_many_forms() {
        let length = |bytes: &[u8]| Source::new(bytes).length();
        assert_eq!(length(&[63]), Ok(63));
        assert_eq!(length(&[0x41, 2]), Ok(258));
        assert_eq!(length(&[0x80, 0, 1, 0, 2]), Ok(65538));
        assert_eq!(length(&[0x81, 0x10, 0, 0, 0, 0, 0, 0, 0]), Ok(1 << 60));
        assert_eq!(length(&[0x82, 0]), Err(Flaw::Broken("a length that is none")));
        assert_eq!(length(&[0x80, 0, 1]), Err(Flaw::Short));
        let string = |bytes: &[u8]| Source::new(bytes).string().map(Cow::into_owned);
        assert_eq!(string(&[0xc0, 0x80]), Ok(b"-128".to_vec()));
        assert_eq!(string(&[0xc1, 0, 0x80]), Ok(b"-32768".to_vec()));
        assert_eq!(string(&[0xc2, 0xff, 0xff, 0xff, 0x7f]), Ok(b"2147483647".to_vec()));
        assert_eq!(string(&[2, b'h', b'i', b'!']), Ok(b"hi".to_vec()));
        assert_eq!(string(&[0xc3, 5, 0x41, 9, 0, b'x', 0xe0, 0xff, 0]), Ok(vec![b'x'; 265]));
        assert_eq!(
            string(&[0xc3, 1, 0x81, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(Flaw::Broken("a compressed string that does not decompress"))
        );
        assert_eq!(string(&[0x81, 0x10, 0, 0, 0, 0, 0, 0, 0, b'x']), Err(Flaw::Short));
    }
}
