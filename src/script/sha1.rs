//! SHA-1, by which scripts are named. A name only: nothing is kept safe by it.

/// The digest of a script's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest(pub(crate) [u8; 20]);

impl Digest {
    pub(crate) fn of(text: &[u8]) -> Digest {
        let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
        let (blocks, rest) = text.as_chunks::<64>();
        blocks.iter().for_each(|block| mix(&mut state, block));
        // A one, zeros, and the length in bits fill the last block, or the last two.
        let mut tail = [0u8; 128];
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let end = if rest.len() < 56 { 64 } else { 128 };
        tail[end - 8..end].copy_from_slice(&(text.len() as u64).wrapping_mul(8).to_be_bytes());
        tail[..end].as_chunks::<64>().0.iter().for_each(|block| mix(&mut state, block));
        let mut digest = [0; 20];
        for (place, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
            *place = word.to_be_bytes();
        }
        Digest(digest)
    }

    /// What 40 hexadecimal digits in any case say.
    pub(crate) fn parse(text: &[u8]) -> Option<Digest> {
        let (pairs, []) = text.as_chunks::<2>() else { return None };
        let pairs: &[[u8; 2]; 20] = pairs.try_into().ok()?;
        let mut digest = [0; 20];
        for (place, &[high, low]) in digest.iter_mut().zip(pairs) {
            *place = (nibble(high)? << 4) | nibble(low)?;
        }
        Some(Digest(digest))
    }

    /// In lower case, as everybody writes it.
    pub(crate) fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0.iter().flat_map(|&byte| [byte >> 4, byte & 15]).map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn mix(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for at in 16..80 {
        words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.into_iter().enumerate() {
        let (choice, constant) = match at {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a.rotate_left(5).wrapping_add(choice).wrapping_add(e).wrapping_add(constant).wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        let of = |text: &[u8]| Digest::of(text).hex();
        assert_eq!(of(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(of(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of(b"return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(of(&[b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
        // Around the ends of blocks.
        assert_eq!(of(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    }

    #[test]
    fn digits_are_read_in_any_case() {
        let digest = Digest::of(b"return 1");
        assert_eq!(Digest::parse(digest.hex().as_bytes()), Some(digest));
        assert_eq!(Digest::parse(digest.hex().to_uppercase().as_bytes()), Some(digest));
        for wrong in [&b""[..], b"e0e1", b"g0e1f9fabfc9d4800c877a703b823ac0578ff8db", b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db0"] {
            assert_eq!(Digest::parse(wrong), None);
        }
    }
}
