//! The bits of a string: counting, finding, combining, and fields of a few bits. Bit 0 is the highest bit of byte 0.
//!
//! Everything works on machine words or on rows of bytes that the compiler turns into vectors; no loop goes bit by bit.

/// How BITOP combines strings. A string that is shorter than the longest goes on in zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    And,
    Or,
    Xor,
    Not,
    /// Set in the first and in no other.
    Diff,
    /// Set in any other and not in the first.
    Diff1,
    /// Set in the first and in any other.
    AndOr,
    /// Set in exactly one.
    One,
}

impl Combine {
    /// Whether the first string is taken after all others.
    #[must_use]
    pub fn takes_first_last(self) -> bool {
        matches!(self, Combine::Diff1 | Combine::AndOr)
    }
}

/// A combination under way: strings are taken one after the other, so that only one of them needs to be held.
#[derive(Debug)]
pub struct Combination {
    how: Combine,
    bits: Vec<u8>,
    /// For [`Combine::One`]: set in more than one.
    repeated: Vec<u8>,
    taken: usize,
}

impl Combination {
    #[must_use]
    pub fn new(how: Combine) -> Combination {
        Combination { how, bits: Vec::new(), repeated: Vec::new(), taken: 0 }
    }

    /// Takes the next string. For an operation that [takes the first last](Combine::takes_first_last), `is_last` tells when that is.
    pub fn take(&mut self, text: &[u8], is_last: bool) {
        let longest = self.bits.len().max(text.len());
        self.bits.resize(longest, 0);
        let first = self.taken == 0;
        self.taken += 1;
        let bits = self.bits.as_mut_slice();
        match self.how {
            Combine::Not => over(bits, text, |_, byte| !byte),
            Combine::Or => over(bits, text, |bits, byte| bits | byte),
            Combine::Xor => over(bits, text, |bits, byte| bits ^ byte),
            Combine::And | Combine::Diff if first => bits.copy_from_slice(text),
            Combine::Diff => over(bits, text, |bits, byte| bits & !byte),
            Combine::Diff1 if is_last => over(bits, text, |bits, byte| bits & !byte),
            Combine::Diff1 => over(bits, text, |bits, byte| bits | byte),
            Combine::AndOr if !is_last => over(bits, text, |bits, byte| bits | byte),
            Combine::And | Combine::AndOr => {
                over(bits, text, |bits, byte| bits & byte);
                bits[text.len()..].fill(0);
            }
            Combine::One => {
                self.repeated.resize(longest, 0);
                for ((bits, repeated), byte) in bits.iter_mut().zip(&mut self.repeated).zip(text) {
                    *repeated |= *bits & byte;
                    *bits |= byte;
                }
            }
        }
    }

    /// The result, as long as the longest string.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        if self.how == Combine::One {
            over(&mut self.bits, &self.repeated, |bits, repeated| bits & !repeated);
        }
        self.bits
    }
}

fn over(bits: &mut [u8], text: &[u8], how: impl Fn(u8, u8) -> u8) {
    for (bits, byte) in bits.iter_mut().zip(text) {
        *bits = how(*bits, *byte);
    }
}

/// One bit; 0 behind the end.
#[must_use]
pub fn get(text: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|at| text.get(at));
    byte.is_some_and(|byte| byte & mask(bit) != 0)
}

/// Sets or clears a bit, which the string must have.
pub fn set(text: &mut [u8], bit: u64, on: bool) {
    if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| text.get_mut(at)) {
        *byte = if on { *byte | mask(bit) } else { *byte & !mask(bit) };
    }
}

fn mask(bit: u64) -> u8 {
    0x80 >> (bit % 8)
}

/// How many bits are set.
#[must_use]
pub fn count(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// How many bits are set from bit `first` to bit `last`, both of which the string has.
#[must_use]
pub fn count_between(text: &[u8], first: u64, last: u64) -> u64 {
    let Some(range) = Range::of(text, first, last) else { return 0 };
    let ends = (range.head.1 & range.head_mask).count_ones() + range.tail.map_or(0, |(_, byte)| (byte & range.tail_mask).count_ones());
    count(range.middle) + u64::from(ends)
}

/// The first bit with this value from bit `first` to bit `last`, both of which the string has.
#[must_use]
pub fn find(text: &[u8], wanted: bool, first: u64, last: u64) -> Option<u64> {
    let range = Range::of(text, first, last)?;
    let hits = |byte: u8| if wanted { byte } else { !byte };
    let place = |byte: usize, hits: u8| Some(byte as u64 * 8 + u64::from(hits.leading_zeros()));
    let (at, byte) = range.head;
    let head = hits(byte) & range.head_mask;
    if head != 0 {
        return place(at, head);
    }
    let dull = if wanted { 0 } else { 0xff };
    // By blocks, then by bytes: a bitmap is often empty for long.
    let (blocks, _) = range.middle.as_chunks::<64>();
    let passed = blocks.iter().take_while(|block| block.iter().fold(0, |any, byte| any | (byte ^ dull)) == 0).count() * 64;
    if let Some(more) = range.middle[passed..].iter().position(|byte| *byte != dull) {
        let at = passed + more;
        return place(range.head.0 + 1 + at, hits(range.middle[at]));
    }
    let (at, byte) = range.tail?;
    let tail = hits(byte) & range.tail_mask;
    if tail != 0 { place(at, tail) } else { None }
}

/// A range of bits as a first byte, a last one if it is another, and whole bytes between.
struct Range<'a> {
    head: (usize, u8),
    head_mask: u8,
    middle: &'a [u8],
    tail: Option<(usize, u8)>,
    tail_mask: u8,
}

impl<'a> Range<'a> {
    fn of(text: &'a [u8], first: u64, last: u64) -> Option<Range<'a>> {
        let (start, end) = (usize::try_from(first / 8).ok()?, usize::try_from(last / 8).ok()?);
        let bytes = text.get(start..=end).filter(|_| first <= last)?;
        let (head_mask, tail_mask) = (0xff_u8 >> (first % 8), 0xff_u8 << (7 - last % 8));
        match bytes {
            [] => None,
            [only] => Some(Range { head: (start, *only), head_mask: head_mask & tail_mask, middle: &[], tail: None, tail_mask: 0 }),
            [head, middle @ .., tail] => Some(Range { head: (start, *head), head_mask, middle, tail: Some((end, *tail)), tail_mask }),
        }
    }
}

/// The type of a field of BITFIELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub signed: bool,
    /// 1 to 64 of a signed one, 1 to 63 of an unsigned one, whose values are then i64 too.
    pub bits: u32,
}

/// What becomes of a value that a field cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Field {
    /// The value of the field that begins at bit `first`. Behind the end of the string all is 0.
    #[must_use]
    pub fn read(self, text: &[u8], first: u64) -> i64 {
        let (_, window) = window_at(text, first);
        let raw = (window << (first % 8)) >> (128 - self.bits);
        self.extend(raw as u64)
    }

    /// Writes the low bits of a value into the field that begins at bit `first`; the string must reach to its end.
    pub fn write(self, text: &mut [u8], first: u64, value: i64) {
        let (start, window) = window_at(text, first);
        let room = 128 - self.bits - (first % 8) as u32;
        let mask = (u128::MAX >> (128 - self.bits)) << room;
        let window = window & !mask | ((value as u128) << room) & mask;
        if let Some(place) = text.get_mut(start..) {
            for (place, byte) in place.iter_mut().zip(window.to_be_bytes()) {
                *place = byte;
            }
        }
    }

    /// The value as the field can hold it, or `None` if it cannot and must not be made to.
    #[must_use]
    pub fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) =
            if self.signed { (-1_i128 << (self.bits - 1), (1_i128 << (self.bits - 1)) - 1) } else { (0, (1_i128 << self.bits) - 1) };
        let fits = (least..=most).contains(&value);
        match overflow {
            Overflow::Fail if !fits => None,
            Overflow::Saturate => i64::try_from(value.clamp(least, most)).ok(),
            _ => Some(self.extend(value as u64)),
        }
    }

    /// The low bits of a number, as a number of this type.
    fn extend(self, raw: u64) -> i64 {
        let up = 64 - self.bits;
        if self.signed { ((raw << up) as i64) >> up } else { ((raw << up) >> up) as i64 }
    }
}

/// The sixteen bytes around a bit as one number, the byte it is in first, and where that is. A field and its offset in that byte take nine.
fn window_at(text: &[u8], bit: u64) -> (usize, u128) {
    let start = usize::try_from(bit / 8).unwrap_or(usize::MAX);
    let mut window = [0; 16];
    for (place, byte) in window.iter_mut().zip(text.get(start..).unwrap_or_default()) {
        *place = *byte;
    }
    (start, u128::from_be_bytes(window))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(text: &[u8]) -> Vec<bool> {
        text.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0)).collect()
    }

    fn combined(how: Combine, texts: &[Vec<u8>]) -> Vec<u8> {
        let mut combination = Combination::new(how);
        let split = usize::from(how.takes_first_last());
        texts[split..].iter().for_each(|text| combination.take(text, false));
        texts[..split].iter().for_each(|text| combination.take(text, true));
        combination.finish()
    }

    #[test]
    fn fields_keep_to_their_limits() {
        let u8 = Field { signed: false, bits: 8 };
        let i8 = Field { signed: true, bits: 8 };
        let i64 = Field { signed: true, bits: 64 };
        for (field, value, wrapped, saturated) in [
            (u8, 256, 0, 255),
            (u8, -1, 255, 0),
            (u8, 255, 255, 255),
            (i8, 128, -128, 127),
            (i8, -129, 127, -128),
            (i8, -128, -128, -128),
            (i64, i128::from(i64::MAX) + 1, i64::MIN, i64::MAX),
            (i64, i128::from(i64::MIN) - 1, i64::MAX, i64::MIN),
        ] {
            assert_eq!(field.fit(value, Overflow::Wrap), Some(wrapped));
            assert_eq!(field.fit(value, Overflow::Saturate), Some(saturated));
            let fits = value == i128::from(wrapped);
            assert_eq!(field.fit(value, Overflow::Fail), fits.then_some(wrapped));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 400 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn counting_and_finding_are_those_of_a_list_of_bits(
            mut text in prop::collection::vec(prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 1..300),
            dull in prop::option::of((0..300_usize, 0..300_usize, any::<bool>())),
            a in any::<prop::sample::Index>(),
            b in any::<prop::sample::Index>(),
        ) {
            if let Some((from, to, on)) = dull {
                let (from, to) = (from.min(text.len()), to.min(text.len()));
                if from < to { text[from..to].fill(if on { 0xff } else { 0 }); }
            }
            let bits = naive(&text);
            let (a, b) = (a.index(bits.len()), b.index(bits.len()));
            let (first, last) = (a.min(b), a.max(b));
            prop_assert_eq!(count(&text), bits.iter().filter(|bit| **bit).count() as u64);
            let inside = &bits[first..=last];
            prop_assert_eq!(count_between(&text, first as u64, last as u64), inside.iter().filter(|bit| **bit).count() as u64);
            for wanted in [false, true] {
                let expected = inside.iter().position(|bit| *bit == wanted).map(|at| (first + at) as u64);
                prop_assert_eq!(find(&text, wanted, first as u64, last as u64), expected);
            }
            prop_assert_eq!(get(&text, a as u64), bits[a]);
            set(&mut text, a as u64, !bits[a]);
            let mut flipped = bits;
            flipped[a] = !flipped[a];
            prop_assert_eq!(naive(&text), flipped);
        }

        #[test]
        fn combining_is_that_of_lists_of_bits(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)) {
            let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
            let lists: Vec<Vec<bool>> = texts.iter().map(|text| {
                let mut bits = naive(text);
                bits.resize(longest * 8, false);
                bits
            }).collect();
            let expected = |how: &dyn Fn(bool, usize, usize) -> bool| -> Vec<bool> {
                (0..longest * 8).map(|at| {
                    let set = lists.iter().filter(|list| list[at]).count();
                    how(lists[0][at], set, set - usize::from(lists[0][at]))
                }).collect()
            };
            let all = texts.len();
            prop_assert_eq!(naive(&combined(Combine::And, &texts)), expected(&|_, set, _| set == all));
            prop_assert_eq!(naive(&combined(Combine::Or, &texts)), expected(&|_, set, _| set > 0));
            prop_assert_eq!(naive(&combined(Combine::Xor, &texts)), expected(&|_, set, _| set % 2 == 1));
            prop_assert_eq!(naive(&combined(Combine::One, &texts)), expected(&|_, set, _| set == 1));
            prop_assert_eq!(naive(&combined(Combine::Not, &texts[..1])), naive(&texts[0]).iter().map(|bit| !bit).collect::<Vec<_>>());
            if all > 1 {
                prop_assert_eq!(naive(&combined(Combine::Diff, &texts)), expected(&|first, _, others| first && others == 0));
                prop_assert_eq!(naive(&combined(Combine::Diff1, &texts)), expected(&|first, _, others| !first && others > 0));
                prop_assert_eq!(naive(&combined(Combine::AndOr, &texts)), expected(&|first, _, others| first && others > 0));
            }
        }

        #[test]
        fn fields_are_those_of_a_list_of_bits(
            mut text in prop::collection::vec(any::<u8>(), 1..24),
            signed in any::<bool>(),
            bits in 1..=64_u32,
            first in 0..192_u64,
            value in any::<i64>(),
        ) {
            let field = Field { signed, bits: if signed { bits } else { bits.min(63) } };
            let list = naive(&text);
            let at = |bit: u64| list.get(bit as usize).copied().unwrap_or(false);
            let raw = (first..first + u64::from(field.bits)).fold(0_i128, |raw, bit| raw << 1 | i128::from(at(bit)));
            let negative = signed && at(first);
            let expected = if negative { raw - (1_i128 << field.bits) } else { raw };
            prop_assert_eq!(i128::from(field.read(&text, first)), expected);

            text.resize(40, 0x55);
            let before = naive(&text);
            let Some(fitting) = field.fit(i128::from(value), Overflow::Wrap) else { panic!("wrapping always fits") };
            field.write(&mut text, first, fitting);
            prop_assert_eq!(field.read(&text, first), fitting);
            let (start, end) = (first as usize, first as usize + field.bits as usize);
            let after = naive(&text);
            prop_assert_eq!(&after[..start], &before[..start]);
            prop_assert_eq!(&after[end..], &before[end..]);
        }
    }
}
