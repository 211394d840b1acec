//! The types a key can hold, outside the table: owned and detached ([`Value`]), or borrowed as text ([`Text`]).

use std::any::Any;

use super::memory::size_class;
use super::types::{Hash, List, Perishable, Set, SortedSet, Stream};
use crate::time::UnixMillis;

/// What TYPE answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

impl Kind {
    /// The word clients know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::List => "list",
            Kind::Set => "set",
            Kind::SortedSet => "zset",
            Kind::Hash => "hash",
            Kind::Stream => "stream",
        }
    }
}

/// A value that belongs to no key: on its way in, taken out, or copied.
#[derive(Debug)]
pub enum Value {
    /// A string that is the canonical decimal of an i64, kept as the number.
    Integer(i64),
    Text(Vec<u8>),
    List(Box<List>),
    Set(Box<Set>),
    SortedSet(Box<SortedSet>),
    Hash(Box<Hash>),
    Stream(Box<Stream>),
}

/// From here on freeing a value is noticed by the others of its shard: about a tenth of a millisecond.
const HEAVY_ELEMENTS: usize = 4096;
const HEAVY_BYTES: usize = 1 << 20;

impl Value {
    /// A string value: the number where the bytes are its canonical decimal, the bytes otherwise.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Value {
        match canonical_integer(bytes) {
            Some(number) => Value::Integer(number),
            None => Value::Text(bytes.to_vec()),
        }
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Value::Integer(_) | Value::Text(_) => Kind::String,
            Value::List(_) => Kind::List,
            Value::Set(_) => Kind::Set,
            Value::SortedSet(_) => Kind::SortedSet,
            Value::Hash(_) => Kind::Hash,
            Value::Stream(_) => Kind::Stream,
        }
    }

    /// A deep copy.
    #[must_use]
    pub fn duplicate(&self) -> Value {
        match self {
            Value::Integer(number) => Value::Integer(*number),
            Value::Text(text) => Boxed::Text(text).duplicate(),
            Value::List(list) => Boxed::List(list).duplicate(),
            Value::Set(set) => Boxed::Set(set).duplicate(),
            Value::SortedSet(set) => Boxed::SortedSet(set).duplicate(),
            Value::Hash(hash) => Boxed::Hash(hash).duplicate(),
            Value::Stream(stream) => Boxed::Stream(stream).duplicate(),
        }
    }

    /// Whether dropping this takes long enough to be done away from the shard.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        let elements = match self {
            Value::Integer(_) | Value::Text(_) => 0,
            Value::List(list) => list.len(),
            Value::Set(set) => set.len(),
            Value::SortedSet(set) => set.len(),
            Value::Hash(hash) => hash.len(),
            Value::Stream(stream) => stream.len(),
        };
        elements > HEAVY_ELEMENTS || self.heap_bytes() > HEAVY_BYTES
    }

    /// Bytes allocated for it, the box of a collection included.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::Integer(_) => 0,
            Value::Text(bytes) => size_class(bytes.capacity()),
            Value::List(list) => boxed_bytes(&**list),
            Value::Set(set) => boxed_bytes(&**set),
            Value::SortedSet(set) => boxed_bytes(&**set),
            Value::Hash(hash) => boxed_bytes(&**hash),
            Value::Stream(stream) => boxed_bytes(&**stream),
        }
    }
}

/// Bytes of a collection and of the box it lives in.
fn boxed_bytes<T: Typed>(collection: &T) -> usize {
    size_class(size_of::<T>()).saturating_add(collection.heap_bytes())
}

/// A value that is more than bytes or a number: a long text or a collection.
#[derive(Clone, Copy)]
pub(super) enum Boxed<'a> {
    Text(&'a Vec<u8>),
    List(&'a List),
    Set(&'a Set),
    SortedSet(&'a SortedSet),
    Hash(&'a Hash),
    Stream(&'a Stream),
}

impl<'a> Boxed<'a> {
    /// The collection, if it is of this type. `Any` is asked besides KIND, since KIND is only what a type says of itself; it costs nothing.
    #[inline]
    pub(super) fn get<T: Typed>(self) -> Option<&'a T> {
        let collection: &'a dyn Any = match self {
            Boxed::List(list) if T::KIND == Kind::List => list,
            Boxed::Set(set) if T::KIND == Kind::Set => set,
            Boxed::SortedSet(set) if T::KIND == Kind::SortedSet => set,
            Boxed::Hash(hash) if T::KIND == Kind::Hash => hash,
            Boxed::Stream(stream) if T::KIND == Kind::Stream => stream,
            _ => return None,
        };
        collection.downcast_ref()
    }

    /// The earliest deadline of any of its members.
    #[inline]
    pub(super) fn next_deadline(self) -> Option<UnixMillis> {
        match self {
            Boxed::Set(set) => set.earliest(),
            Boxed::SortedSet(set) => set.earliest(),
            Boxed::Hash(hash) => hash.earliest(),
            Boxed::Text(_) | Boxed::List(_) | Boxed::Stream(_) => None,
        }
    }

    /// Whether the deadlines of all its members have passed.
    pub(super) fn are_all_due(self, now: UnixMillis) -> bool {
        match self {
            Boxed::Set(set) => set.are_all_due(now),
            Boxed::SortedSet(set) => set.are_all_due(now),
            Boxed::Hash(hash) => hash.are_all_due(now),
            Boxed::Text(_) | Boxed::List(_) | Boxed::Stream(_) => false,
        }
    }

    pub(super) fn encoding(self) -> &'static str {
        match self {
            Boxed::Text(_) => "raw",
            Boxed::List(list) => list.encoding(),
            Boxed::Set(set) => set.encoding(),
            Boxed::SortedSet(set) => set.encoding(),
            Boxed::Hash(hash) => hash.encoding(),
            Boxed::Stream(stream) => stream.encoding(),
        }
    }

    pub(super) fn duplicate(self) -> Value {
        match self {
            Boxed::Text(text) => Value::Text(text.clone()),
            Boxed::List(list) => Value::List(Box::new(list.duplicate())),
            Boxed::Set(set) => Value::Set(Box::new(set.duplicate())),
            Boxed::SortedSet(set) => Value::SortedSet(Box::new(set.duplicate())),
            Boxed::Hash(hash) => Value::Hash(Box::new(hash.duplicate())),
            Boxed::Stream(stream) => Value::Stream(Box::new(stream.duplicate())),
        }
    }

    /// What it owns beyond the entry, its box included if it has one there.
    pub(super) fn heap_bytes(self) -> usize {
        match self {
            Boxed::Text(text) => size_class(size_of::<Vec<u8>>()) + size_class(text.capacity()),
            Boxed::List(list) => list.heap_bytes(),
            Boxed::Set(set) => set.heap_bytes(),
            Boxed::SortedSet(set) => boxed_bytes(set),
            Boxed::Hash(hash) => hash.heap_bytes(),
            Boxed::Stream(stream) => boxed_bytes(stream),
        }
    }
}

/// The same, to be changed.
pub(super) enum BoxedMut<'a> {
    Text(&'a mut Vec<u8>),
    List(&'a mut List),
    Set(&'a mut Set),
    SortedSet(&'a mut SortedSet),
    Hash(&'a mut Hash),
    Stream(&'a mut Stream),
}

impl<'a> BoxedMut<'a> {
    /// As [`Boxed::get`].
    #[inline]
    pub(super) fn get<T: Typed>(self) -> Option<&'a mut T> {
        let collection: &'a mut dyn Any = match self {
            BoxedMut::List(list) if T::KIND == Kind::List => list,
            BoxedMut::Set(set) if T::KIND == Kind::Set => set,
            BoxedMut::SortedSet(set) if T::KIND == Kind::SortedSet => set,
            BoxedMut::Hash(hash) if T::KIND == Kind::Hash => hash,
            BoxedMut::Stream(stream) if T::KIND == Kind::Stream => stream,
            _ => return None,
        };
        collection.downcast_mut()
    }
}

/// A collection that a key can hold. `heap_bytes` is what it owns beyond its own fields, and is a running count.
pub trait Typed: Sized + 'static {
    const KIND: Kind;
    fn from_value(value: Value) -> Option<Box<Self>>;
    fn into_value(self: Box<Self>) -> Value;
    fn heap_bytes(&self) -> usize;
    fn is_empty(&self) -> bool;

    /// The earliest deadline of any of its members.
    #[inline]
    fn next_deadline(&self) -> Option<UnixMillis> {
        None
    }
}

/// The longest text kept inside the entry; a longer one is a `Vec` of its own, which can grow without its key.
pub const INLINE_TEXT_MAX: usize = 4096;

/// A value on its way into a block.
pub(super) enum Content<'t> {
    Integer(i64),
    /// At most [`INLINE_TEXT_MAX`] bytes.
    Text(&'t [u8]),
    /// A longer text or a collection.
    Boxed(Value),
}

impl<'t> Content<'t> {
    /// A string as SET stores it.
    #[inline]
    pub(super) fn of_text(text: &'t [u8]) -> Content<'t> {
        match canonical_integer(text) {
            Some(number) => Content::Integer(number),
            None if text.len() <= INLINE_TEXT_MAX => Content::Text(text),
            None => Content::Boxed(Value::Text(text.to_vec())),
        }
    }

    pub(super) fn of_value(value: Value, scratch: &'t mut Vec<u8>) -> Content<'t> {
        match value {
            Value::Integer(number) => Content::Integer(number),
            Value::Text(text) if text.len() <= INLINE_TEXT_MAX => {
                *scratch = text;
                Content::Text(scratch)
            }
            boxed => Content::Boxed(boxed),
        }
    }
}

/// What a string key holds, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// Bytes of it as clients see it.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Text::Integer(number) => {
                let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(number < 0)
            }
            Text::Bytes(bytes) => bytes.len(),
        }
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes; those of a number are written into `scratch`.
    #[must_use]
    pub fn bytes<'s>(self, scratch: &'s mut [u8; 20]) -> &'s [u8]
    where
        'a: 's,
    {
        match self {
            Text::Integer(number) => digits(number, scratch),
            Text::Bytes(bytes) => bytes,
        }
    }

    /// The number this is the canonical decimal of.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        match self {
            Text::Integer(number) => Some(number),
            Text::Bytes(bytes) => canonical_integer(bytes),
        }
    }

    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut [0; 20]).to_vec()
    }

    /// The bytes from `start` to `end`, both inclusive, negative ones counted from the end: GETRANGE.
    #[must_use]
    pub fn range<'s>(self, start: i64, end: i64, scratch: &'s mut [u8; 20]) -> &'s [u8]
    where
        'a: 's,
    {
        let bytes = self.bytes(scratch);
        let len = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        // Both before the beginning and in the wrong order: empty, although clamping would make them meet.
        if start < 0 && end < 0 && start > end {
            return &[];
        }
        let from_end = |offset: i64| if offset < 0 { offset.saturating_add(len).max(0) } else { offset };
        let (start, end) = (from_end(start), from_end(end).min(len.saturating_sub(1)));
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(start), Ok(end)) if start <= end => bytes.get(start..=end).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// Writes the decimal of `number` at the end of `scratch` and returns it.
fn digits(number: i64, scratch: &mut [u8; 20]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = scratch.len();
    loop {
        at -= 1;
        scratch[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        scratch[at] = b'-';
    }
    &scratch[at..]
}

/// The number whose only decimal form is `bytes`: no plus, no leading zero, no minus zero, no spaces.
///
/// On the way of every SET, so most values must leave at the first byte.
#[inline]
pub(super) fn canonical_integer(bytes: &[u8]) -> Option<i64> {
    match bytes.first() {
        Some(b'0'..=b'9' | b'-') if bytes.len() <= 20 => parse_integer(bytes),
        _ => None,
    }
}

fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let (negative, decimal) = match bytes {
        [b'-', decimal @ ..] => (true, decimal),
        decimal => (false, decimal),
    };
    match decimal {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for &byte in decimal {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_numbers() {
        for number in [0, 1, -1, 9, 10, 99, 100, 12345, -12345, i64::MAX, i64::MIN, i64::MAX - 1, 1_000_000_000_000_000_000] {
            let decimal = number.to_string();
            assert_eq!(canonical_integer(decimal.as_bytes()), Some(number));
            assert_eq!(Text::Integer(number).len(), decimal.len());
            assert_eq!(Text::Integer(number).to_vec(), decimal.as_bytes());
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "-01",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "1e3",
            "--1",
        ] {
            assert_eq!(canonical_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn range_is_that_of_getrange() {
        let mut scratch = [0; 20];
        let text = Text::Bytes(b"This is a string");
        for (start, end, expected) in [
            (0, 3, "This"),
            (-3, -1, "ing"),
            (0, -1, "This is a string"),
            (10, 100, "string"),
            (5, 3, ""),
            (100, 200, ""),
            (-100, -90, "T"),
            (-90, -100, ""),
            (-100, 2, "Thi"),
            (i64::MIN, i64::MAX, "This is a string"),
            (i64::MAX, i64::MIN, ""),
        ] {
            assert_eq!(text.range(start, end, &mut scratch), expected.as_bytes(), "{start} {end}");
        }
        assert_eq!(Text::Integer(-1234).range(1, 2, &mut scratch), b"12");
        assert_eq!(Text::Bytes(b"").range(0, -1, &mut scratch), b"");
        assert_eq!(Text::Bytes(b"").range(-1, -1, &mut scratch), b"");
    }
}
