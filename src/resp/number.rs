//! Integers and doubles exactly as Redis 7.0 reads and prints them.

use std::io::Write;

use super::request::hex_digit;

pub use super::long_double::{FloatFault, LongDouble, add_long_double};

/// Room for every text that [`format_double`] makes: a sign, 17 digits, a point and `e-308` take 24.
pub const DOUBLE_BYTES_MAX: usize = 32;

/// Reads an integer in its one canonical form: no `+`, no leading zeros, no blanks, not `-0`.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let value = match digits {
        [b'0'] if !negative => return Some(0),
        // 19 digits always fit a u64.
        [b'1'..=b'9', rest @ ..] if rest.len() < 19 => {
            let mut value = 0_u64;
            for byte in digits {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    return None;
                }
                value = value * 10 + u64::from(digit);
            }
            value
        }
        _ => return None,
    };
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Writes an integer's digits into `scratch`.
pub fn digits(value: i64, scratch: &mut [u8; 20]) -> &[u8] {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value).as_bytes();
    let place = &mut scratch[..text.len()];
    place.copy_from_slice(text);
    place
}

/// Reads a double as C's `strtod` does: decimal, `0x` hexadecimal, `inf` and `infinity` in any case. Refuses blanks, NaN, what is
/// too large, and what is not zero but too small.
pub fn parse_double(text: &[u8]) -> Option<f64> {
    if let Some((negative, magnitude)) = parse_hex(text) {
        let (mantissa, exponent) = magnitude.round(f64::MANTISSA_DIGITS, -1074);
        let value = compose_double(mantissa, exponent)?;
        // Zero may be written, but must not be the outcome of rounding.
        if value == 0.0 && !magnitude.is_zero() {
            return None;
        }
        return Some(if negative { -value } else { value });
    }
    // What is left of the language is that of Rust, but for NaN.
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if value.is_normal() {
        return Some(value);
    }
    let mantissa = text.split(|byte| byte | 0x20 == b'e').next().unwrap_or_default();
    let sound = if value.is_infinite() {
        !mantissa.iter().any(u8::is_ascii_digit)
    } else {
        value.is_subnormal() || (value == 0.0 && !mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9')))
    };
    sound.then_some(value)
}

/// Prints a double as C's `%.17g`, the form of scores in Redis 7.0: integers without a point up to 17 digits, `inf`, `-inf`, and
/// 17 significant digits otherwise (so 0.1 is `0.10000000000000001`).
pub fn format_double(value: f64, scratch: &mut [u8; DOUBLE_BYTES_MAX]) -> &str {
    let length = write_double(value, scratch);
    std::str::from_utf8(&scratch[..length]).expect("digits, signs and letters are ASCII")
}

fn write_double(value: f64, scratch: &mut [u8; DOUBLE_BYTES_MAX]) -> usize {
    if !value.is_finite() {
        let text = if value.is_nan() {
            "nan"
        } else if value < 0.0 {
            "-inf"
        } else {
            "inf"
        };
        scratch[..text.len()].copy_from_slice(text.as_bytes());
        return text.len();
    }
    // Most scores are integers. Negative zero keeps its sign, so it takes the long way.
    if value.abs() < 1e17 && value.trunc().to_bits() == value.to_bits() && value.to_bits() != (-0.0_f64).to_bits() {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(value as i64).as_bytes();
        scratch[..text.len()].copy_from_slice(text);
        return text.len();
    }
    // One digit, a point, sixteen digits, `e` and the exponent: Rust rounds correctly here, as the C library does.
    let mut scientific = [0; DOUBLE_BYTES_MAX];
    let mut room = &mut scientific[..];
    write!(room, "{:.16e}", value.abs()).expect("a sign, 17 digits and an exponent fit 32 bytes");
    let unused = room.len();
    let text = &scientific[..DOUBLE_BYTES_MAX - unused];
    let exponent: i32 = text.get(19..).and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut digits = [b'0'; 17];
    digits[0] = text[0];
    digits[1..].copy_from_slice(&text[2..18]);
    let significant = digits.iter().rposition(|digit| *digit != b'0').map_or(1, |last| last + 1);

    let mut out = Cursor { scratch, length: 0 };
    if value.is_sign_negative() {
        out.push(b"-");
    }
    match usize::try_from(exponent) {
        Ok(point) if point < 17 => {
            let whole = point + 1;
            out.push(&digits[..whole]);
            if significant > whole {
                out.push(b".");
                out.push(&digits[whole..significant]);
            }
        }
        Err(_) if exponent >= -4 => {
            out.push(&b"0.000"[..1 + exponent.unsigned_abs() as usize]);
            out.push(&digits[..significant]);
        }
        _ => {
            out.push(&digits[..1]);
            if significant > 1 {
                out.push(b".");
                out.push(&digits[1..significant]);
            }
            out.push(if exponent < 0 { b"e-" } else { b"e+" });
            let mut scratch = [0; 20];
            let exponent = self::digits(i64::from(exponent.unsigned_abs()), &mut scratch);
            if exponent.len() < 2 {
                out.push(b"0");
            }
            out.push(exponent);
        }
    }
    out.length
}

/// A text that grows in a scratch array.
struct Cursor<'a> {
    scratch: &'a mut [u8; DOUBLE_BYTES_MAX],
    length: usize,
}

impl Cursor<'_> {
    fn push(&mut self, text: &[u8]) {
        self.scratch[self.length..self.length + text.len()].copy_from_slice(text);
        self.length += text.len();
    }
}

/// `mantissa` times 2 to the `exponent`, and whether more follows below the last bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Magnitude {
    pub mantissa: u128,
    pub exponent: i64,
    pub sticky: bool,
}

impl Magnitude {
    pub fn is_zero(self) -> bool {
        self.mantissa == 0 && !self.sticky
    }

    /// Rounds to the nearest value of `bits` bits whose last bit is worth at least 2 to the `lowest`; a tie goes to the even one.
    /// What is sticky must have more than `bits` bits, so that what follows lies below the half.
    pub fn round(self, bits: u32, lowest: i64) -> (u64, i64) {
        if self.is_zero() {
            return (0, lowest);
        }
        let width = i64::from(u128::BITS - self.mantissa.leading_zeros());
        let shift = (width - i64::from(bits)).max(lowest.saturating_sub(self.exponent));
        let exponent = self.exponent.saturating_add(shift);
        if shift <= 0 {
            // At most `bits` bits wide afterwards.
            return ((self.mantissa << shift.unsigned_abs()) as u64, exponent);
        }
        if shift > i64::from(u128::BITS) {
            return (0, exponent);
        }
        let kept = u32::try_from(shift).ok().and_then(|shift| self.mantissa.checked_shr(shift)).unwrap_or(0);
        let half = 1_u128 << (shift - 1);
        let rest = self.mantissa & (half | (half - 1));
        let up = rest > half || (rest == half && (self.sticky || kept & 1 == 1));
        let rounded = kept + u128::from(up);
        if rounded >> bits == 0 { (rounded as u64, exponent) } else { ((rounded >> 1) as u64, exponent + 1) }
    }
}

/// Reads `0x1.8p3` and its kin, with a sign; `None` for everything else.
pub(super) fn parse_hex(text: &[u8]) -> Option<(bool, Magnitude)> {
    let (negative, text) = split_sign(text);
    let [b'0', b'x' | b'X', text @ ..] = text else { return None };
    let mut magnitude = Magnitude { mantissa: 0, exponent: 0, sticky: false };
    let (mut read, mut any, mut point) = (0, false, false);
    while let Some(byte) = text.get(read) {
        match byte {
            b'.' if !point => point = true,
            byte if byte.is_ascii_hexdigit() => {
                any = true;
                let digit = u128::from(hex_digit(*byte));
                // 30 digits are more than any mantissa needs; of the rest it matters only whether it is zero.
                if magnitude.mantissa >> 120 == 0 {
                    magnitude.mantissa = magnitude.mantissa << 4 | digit;
                    magnitude.exponent -= if point { 4 } else { 0 };
                } else {
                    magnitude.sticky |= digit != 0;
                    magnitude.exponent += if point { 0 } else { 4 };
                }
            }
            _ => break,
        }
        read += 1;
    }
    if !any {
        return None;
    }
    match &text[read..] {
        [] => {}
        [b'p' | b'P', exponent @ ..] => magnitude.exponent = magnitude.exponent.checked_add(parse_exponent(exponent)?)?,
        _ => return None,
    }
    Some((negative, magnitude))
}

/// Takes a leading sign off.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', text @ ..] => (true, text),
        [b'+', text @ ..] => (false, text),
        text => (false, text),
    }
}

/// An exponent: a sign and digits. Stops counting where the outcome has long been decided.
pub(super) fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0_i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000_000));
    Some(if negative { -value } else { value })
}

/// The double of a rounded mantissa, `None` if it is too large.
fn compose_double(mantissa: u64, exponent: i64) -> Option<f64> {
    const HIDDEN: u64 = 1 << 52;
    if mantissa < HIDDEN {
        // Rounding fills 53 bits wherever the exponent allows: this is subnormal or zero.
        return Some(f64::from_bits(mantissa));
    }
    let biased = u64::try_from(exponent.checked_add(1075)?).ok().filter(|biased| *biased < 2047)?;
    Some(f64::from_bits(biased << 52 | (mantissa & (HIDDEN - 1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(value: f64) -> String {
        format_double(value, &mut [0; DOUBLE_BYTES_MAX]).to_owned()
    }

    #[test]
    fn integers_have_one_form() {
        for value in [0, 1, -1, 7, 10, -10, 99, 1_000_000_007, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            let text = value.to_string();
            assert_eq!(parse_integer(text.as_bytes()), Some(value));
            assert_eq!(digits(value, &mut [0; 20]), text.as_bytes());
        }
        let refused = "|+|-|+1|-0|01|-01|00| 1|1 |1.0|1e3|0x1|9223372036854775808|-9223372036854775809|99999999999999999999|123456789012345678901|a|1a|--1";
        for text in refused.split('|') {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
    }

    /// Read and printed by ZADD and ZSCORE of Redis 7.0.15.
    #[test]
    fn doubles_are_read_and_printed_as_redis_does() {
        let cases = "0.1 0.10000000000000001|3.3333333333333335 3.3333333333333335|1e17 1e+17|1e16 10000000000000000|\
            123456789012345678 1.2345678901234568e+17|1e21 1e+21|1e-5 1.0000000000000001e-05|0.0001 0.0001|inf inf|+inf inf|-INF -inf|\
            Infinity inf|0x10 16|0X1p3 8|0x1.8 1.5|0x.8 0.5|.5 0.5|5. 5|+5 5|1e-310 9.9999999999999694e-311|\
            4.9e-324 4.9406564584124654e-324|1e5 100000|1e+5 100000|1.7976931348623157e308 1.7976931348623157e+308|\
            9007199254740993 9007199254740992|0 0|-1.5 -1.5|0x1p-1074 4.9406564584124654e-324|1e999999999999999999 -|0e999999999999999999 0|\
            0x0p99999999999 0|-0x0.00p5 -0|100000000000000000 1e+17|99999999999999999 1e+17|0x1.fffffffffffff8p0 2|0x1.00000000000008p0 1|\
            0x1.000000000000080000000000000000000000001p0 1.0000000000000002";
        for case in cases.split('|').map(str::trim) {
            let (text, expected) = case.split_once(' ').unwrap();
            let read = parse_double(text.as_bytes()).map(printed);
            assert_eq!(read.as_deref().unwrap_or("-"), expected, "{text}");
        }
        let refused = "nan|NaN|-nan|nan(1)|0x|0x.|0x1p|0x1pz|.|| 1|1 |++5|1e400|-1e400|1e-400|2e-324|1e|1e+|1_0|infi|infinityx|0x1p-1080|0x1p1024|0x1.fffffffffffff8p1023|1,5|--1|0x 1|e5|\u{0661}";
        for text in refused.split('|') {
            assert_eq!(parse_double(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_double(b"1\0"), None);
        assert_eq!(printed(-0.0), "-0");
        assert_eq!(printed(f64::NAN), "nan");
    }

    proptest! {
        #[test]
        fn a_printed_double_is_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(!value.is_nan());
            prop_assert_eq!(parse_double(printed(value).as_bytes()), Some(value));
        }

        #[test]
        fn any_bytes_may_be_read(text: Vec<u8>) {
            let _ = (parse_double(&text), parse_integer(&text));
        }

        #[test]
        fn hexadecimal_doubles_round_as_integers_do(mantissa: u64) {
            prop_assert_eq!(parse_double(format!("0x{mantissa:x}").as_bytes()), Some(mantissa as f64));
        }
    }
}
