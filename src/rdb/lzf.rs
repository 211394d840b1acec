//! LZF: the compression of long strings in dumps and files.
//!
//! ```text
//! | 000nnnnn                     n + 1 bytes follow as they are
//! | lllooooo oooooooo            l + 2 bytes from o + 1 back, l from 1 to 6
//! | 111ooooo llllllll oooooooo   l + 9 bytes from o + 1 back
//! ```
//!
//! What is copied may reach into what is being written: a run is a copy from one byte back.

const LITERALS_MAX: usize = 32;
const OFFSET_MAX: usize = 1 << 13;
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;
/// Lengths from here on take a byte more.
const LONG_CODE: usize = 7;
/// Nothing becomes longer than so many times its compressed form: three bytes for a copy of the longest kind.
const RATIO_MAX: usize = COPY_MAX / 3;
/// Places of the table of what was seen where: at least, and at most.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 6..=13;
/// After so many places without a copy every second one is tried, and so on: what does not compress costs little.
const MISSES_PER_STEP: usize = 32;

/// The compressed form, if it takes at most `limit` bytes.
pub(super) fn compress(input: &[u8], limit: usize) -> Option<Vec<u8>> {
    // Positions are kept in four bytes.
    u32::try_from(input.len()).ok()?;
    let bits = input.len().checked_ilog2()?.clamp(*TABLE_BITS.start(), *TABLE_BITS.end());
    // Where the three bytes of a hash were last seen, plus one; 0 is nowhere.
    let mut seen = vec![0u32; 1 << bits];
    let mut out = Vec::with_capacity(limit.min(input.len()));
    let (mut at, mut copied, mut misses) = (0, 0, 0);
    while let Some(next) = input.get(at..).and_then(|rest| rest.first_chunk::<COPY_MIN>()) {
        let word = u32::from_le_bytes([next[0], next[1], next[2], 0]);
        let slot = &mut seen[(word.wrapping_mul(0x9e37_79b1) >> (32 - bits)) as usize];
        let candidate = std::mem::replace(slot, at as u32 + 1);
        let source = (candidate as usize).wrapping_sub(1);
        if candidate == 0 || at - source > OFFSET_MAX || input[source..source + COPY_MIN] != *next {
            misses += 1;
            at += 1 + misses / MISSES_PER_STEP;
            continue;
        }
        let longest = (input.len() - at).min(COPY_MAX);
        let same = input[source..].iter().zip(&input[at..at + longest]).take_while(|(old, new)| old == new).count();
        literals(&mut out, &input[copied..at]);
        copy(&mut out, at - source - 1, same);
        if out.len() > limit {
            return None;
        }
        at += same;
        (copied, misses) = (at, 0);
    }
    literals(&mut out, &input[copied..]);
    if out.len() <= limit { Some(out) } else { None }
}

fn literals(out: &mut Vec<u8>, bytes: &[u8]) {
    for run in bytes.chunks(LITERALS_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn copy(out: &mut Vec<u8>, offset: usize, len: usize) {
    // An offset has 13 bits and a code 3, or 8 more: each cast keeps what is its own.
    let (code, high) = (len - 2, (offset >> 8) as u8);
    if code < LONG_CODE {
        out.push((code as u8) << 5 | high);
    } else {
        out.push((LONG_CODE as u8) << 5 | high);
        out.push((code - LONG_CODE) as u8);
    }
    out.push(offset as u8);
}

/// The `len` bytes that `input` is the compressed form of, if it is. What is allocated follows what was decompressed, not `len`.
pub(super) fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > input.len().saturating_mul(RATIO_MAX) {
        return None;
    }
    let mut out = Vec::with_capacity(len.min(input.len().saturating_mul(2)));
    let mut rest = input;
    while let Some((&control, after)) = rest.split_first() {
        rest = after;
        if usize::from(control) < LITERALS_MAX {
            let (run, after) = rest.split_at_checked(usize::from(control) + 1)?;
            out.extend_from_slice(run);
            rest = after;
        } else {
            let mut code = usize::from(control >> 5);
            if code == LONG_CODE {
                let (more, after) = rest.split_first()?;
                code += usize::from(*more);
                rest = after;
            }
            let (low, after) = rest.split_first()?;
            rest = after;
            let offset = usize::from(control & 0x1f) << 8 | usize::from(*low);
            let start = out.len().checked_sub(offset + 1)?;
            let mut left = code + 2;
            while left > 0 {
                // What was just written is part of the source.
                let step = left.min(out.len() - start);
                out.extend_from_within(start..start + step);
                left -= step;
            }
        }
        if out.len() > len {
            return None;
        }
    }
    if out.len() == len { Some(out) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text of few letters with runs in it, of every length that matters.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            3 => prop::collection::vec(0..4u8, 1..40),
            1 => prop::collection::vec(any::<u8>(), 1..60),
            1 => (any::<u8>(), prop::sample::select(vec![1usize, 2, 3, 8, 9, 10, 262, 263, 264, 265, 266, 700])).prop_map(|(byte, len)| vec![byte; len]),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_compressed_comes_back(text in text()) {
            if let Some(packed) = compress(&text, usize::MAX) {
                prop_assert_eq!(decompress(&packed, text.len()), Some(text.clone()));
                prop_assert_eq!(decompress(&packed, text.len() + 1), None);
                prop_assert_eq!(compress(&text, packed.len().saturating_sub(1)), None);
            } else {
                prop_assert!(text.is_empty());
            }
        }

        #[test]
        fn any_bytes_may_be_decompressed(bytes: Vec<u8>, len in 0..5000usize) {
            if let Some(text) = decompress(&bytes, len) {
                prop_assert_eq!(text.len(), len);
            }
        }
    }

    #[test]
    fn long_copies_reach_far() {
        let mut text: Vec<u8> = (0..9000u32).map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        text.extend_from_within(808..1500);
        let packed = compress(&text, usize::MAX).unwrap();
        assert!(packed.len() < 9400, "{}", packed.len());
        assert_eq!(decompress(&packed, text.len()), Some(text));
        assert!(compress(&[b'x'; 100_000], 1200).is_some());
        assert_eq!(decompress(&[0x20, 0], 3), None, "a copy from before the beginning");
        assert_eq!(decompress(&[0, b'x', 0xe0, 0xff, 0], 265), Some(vec![b'x'; 265]));
        assert_eq!(decompress(b"", 1 << 40), None);
    }
}
