//! The 80-bit numbers of INCRBYFLOAT and HINCRBYFLOAT: read, added and printed as Redis does with the `long double` of x86-64.
//!
//! Redis adds in x87 extended precision and prints with `%.17Lf`, which shows 0.1 + 0.2 as 0.3 where a double would not. So that the
//! same key gives the same digits here, these few operations are done in software: a mantissa of 64 bits, exact decimal conversion
//! both ways, one rounding to nearest (ties to even) for each reading, sum and print.

use super::number::{Magnitude, parse_exponent, parse_hex, split_sign};

/// Redis refuses longer texts before reading them.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
const MANTISSA_BITS: u32 = 64;
/// The worth of the last bit of the smallest subnormal, and that of the largest finite value.
const EXPONENT_MIN: i64 = -16445;
const EXPONENT_MAX: i64 = 16383 - 63;
/// The digits after the point that are printed.
const FRACTION_DIGITS: u32 = 17;

/// Why a float command has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatFault {
    /// One of the texts is no number: `value is not a valid float`.
    NotFloat,
    /// The sum is none: `increment would produce NaN or Infinity`.
    NanOrInfinity,
}

/// A number of x87 extended precision; never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// `mantissa` times 2 to the `exponent`.
    Finite {
        mantissa: u64,
        exponent: i64,
    },
    Infinite,
}

/// The sum of two numbers as Redis's INCRBYFLOAT stores and answers it.
pub fn add_long_double(a: &[u8], b: &[u8]) -> Result<String, FloatFault> {
    let a = LongDouble::parse(a).ok_or(FloatFault::NotFloat)?;
    let b = LongDouble::parse(b).ok_or(FloatFault::NotFloat)?;
    Ok(a.add(b).ok_or(FloatFault::NanOrInfinity)?.format())
}

impl LongDouble {
    pub const ZERO: LongDouble = LongDouble { negative: false, size: Size::Finite { mantissa: 0, exponent: 0 } };
    /// The largest finite one.
    pub const MAX: LongDouble = LongDouble { negative: false, size: Size::Finite { mantissa: u64::MAX, exponent: EXPONENT_MAX } };

    /// The same with the other sign.
    #[must_use]
    pub fn negated(self) -> LongDouble {
        LongDouble { negative: !self.negative, ..self }
    }

    /// Whether it is less than another.
    #[must_use]
    pub fn is_less(self, other: LongDouble) -> bool {
        let class = |number: LongDouble| match (number.is_finite(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        if class(self) != 0 || class(other) != 0 {
            return class(self) < class(other);
        }
        match self.add(other.negated()) {
            Some(difference) => difference.negative && !difference.is_zero(),
            // So far apart that their signs differ.
            None => self.negative,
        }
    }

    /// Reads what C's `strtold` reads whole; refuses blanks before it, NaN, what is too large, and what is not zero but too small.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, magnitude) = match parse_hex(text) {
            Some(read) => read,
            None => {
                let (negative, rest) = split_sign(text);
                if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
                    return Some(LongDouble { negative, size: Size::Infinite });
                }
                (negative, parse_decimal(rest)?)
            }
        };
        let value = LongDouble::rounded(negative, magnitude);
        (value.is_finite() && (!value.is_zero() || magnitude.is_zero())).then_some(value)
    }

    pub fn is_finite(self) -> bool {
        self.size != Size::Infinite
    }

    fn is_zero(self) -> bool {
        matches!(self.size, Size::Finite { mantissa: 0, .. })
    }

    /// The sum, or `None` if it is infinite or (of two opposite infinities) no number.
    pub fn add(self, other: LongDouble) -> Option<LongDouble> {
        let (Size::Finite { mantissa: a, exponent: a_exponent }, Size::Finite { mantissa: b, exponent: b_exponent }) =
            (self.size, other.size)
        else {
            return None;
        };
        if a == 0 {
            return Some(other);
        }
        if b == 0 {
            return Some(self);
        }
        // The summand with the higher last bit is moved up by 63: under it there is room for as much of the other as can count.
        let ((high, high_exponent, high_negative), (low, low_exponent, low_negative)) = if a_exponent >= b_exponent {
            ((a, a_exponent, self.negative), (b, b_exponent, other.negative))
        } else {
            ((b, b_exponent, other.negative), (a, a_exponent, self.negative))
        };
        let exponent = high_exponent - 63;
        let high = i128::from(high) << 62 << 1;
        let distance = u32::try_from(high_exponent - low_exponent).unwrap_or(u32::MAX);
        let low = u128::from(low) << 63;
        let moved = low.checked_shr(distance).unwrap_or(0);
        // What falls off leaves its mark in the last bit, far below any half.
        let lost = moved.checked_shl(distance).unwrap_or(0) != low;
        let low = i128::try_from(moved | u128::from(lost)).ok()?;
        let signed = |value: i128, negative: bool| if negative { -value } else { value };
        let sum = signed(high, high_negative).checked_add(signed(low, low_negative));
        let sum = match sum {
            Some(sum) => sum,
            // Two mantissas of 64 bits, 63 up, reach 2^128.
            None => return LongDouble::carried(high, low, high_negative, exponent),
        };
        let magnitude = Magnitude { mantissa: sum.unsigned_abs(), exponent, sticky: lost };
        Some(LongDouble::rounded(sum < 0, magnitude)).filter(|sum| sum.is_finite())
    }

    /// A sum of equal signs that needs the 128th bit.
    fn carried(high: i128, low: i128, negative: bool, exponent: i64) -> Option<LongDouble> {
        let mantissa = high.unsigned_abs() + low.unsigned_abs();
        Some(LongDouble::rounded(negative, Magnitude { mantissa, exponent, sticky: false })).filter(|sum| sum.is_finite())
    }

    fn rounded(negative: bool, magnitude: Magnitude) -> LongDouble {
        let (mantissa, exponent) = magnitude.round(MANTISSA_BITS, EXPONENT_MIN);
        let size = if mantissa != 0 && exponent > EXPONENT_MAX { Size::Infinite } else { Size::Finite { mantissa, exponent } };
        LongDouble { negative, size }
    }

    /// Prints as Redis does "for humans": `%.17Lf` without the zeros at its end, and no negative zero.
    pub fn format(self) -> String {
        let Size::Finite { mantissa, exponent } = self.size else {
            return if self.negative { "-inf" } else { "inf" }.to_owned();
        };
        let digits = match u32::try_from(exponent) {
            Ok(exponent) => {
                let mut whole = Natural::from(u128::from(mantissa));
                whole.shift_left(exponent);
                whole.into_decimal()
            }
            Err(_) => {
                // 64 bits and the 57 of 10^17 fit 128, and the rest is one more rounding, to the last digit printed.
                const UNIT: u128 = 10_u128.pow(FRACTION_DIGITS);
                let scaled = Magnitude { mantissa: u128::from(mantissa) * UNIT, exponent, sticky: false };
                let scaled = scaled.round_to_integer();
                let (whole, fraction) = (scaled / UNIT, scaled % UNIT);
                if fraction == 0 {
                    whole.to_string()
                } else {
                    let fraction = format!("{fraction:017}");
                    format!("{whole}.{}", fraction.trim_end_matches('0'))
                }
            }
        };
        if self.negative && digits != "0" { format!("-{digits}") } else { digits }
    }
}

impl Magnitude {
    /// The nearest integer, for an exponent that is negative; a tie goes to the even one.
    fn round_to_integer(self) -> u128 {
        let shift = u32::try_from(self.exponent.unsigned_abs()).unwrap_or(u32::MAX);
        let whole = self.mantissa.checked_shr(shift).unwrap_or(0);
        let rest = self.mantissa - whole.checked_shl(shift).unwrap_or(0);
        let Some(half) = 1_u128.checked_shl(shift - 1) else { return 0 };
        whole + u128::from(rest > half || (rest == half && whole & 1 == 1))
    }
}

/// Reads digits with at most one point and perhaps an exponent, and gives enough bits of it to round rightly.
fn parse_decimal(text: &[u8]) -> Option<Magnitude> {
    let end = text.iter().position(|byte| byte | 0x20 == b'e').unwrap_or(text.len());
    let exponent = if end < text.len() { parse_exponent(&text[end + 1..])? } else { 0 };
    let mut digits = Vec::with_capacity(end);
    let mut point = None;
    for (index, byte) in text[..end].iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits.push(byte - b'0'),
            b'.' if point.is_none() => point = Some(end - index - 1),
            _ => return None,
        }
    }
    if digits.is_empty() {
        return None;
    }
    let mut exponent = exponent - i64::try_from(point.unwrap_or(0)).ok()?;
    while digits.last() == Some(&0) {
        digits.pop();
        exponent += 1;
    }
    let leading = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
    let digits = &digits[leading..];
    let zero = Magnitude { mantissa: 0, exponent: 0, sticky: false };
    if digits.is_empty() {
        return Some(zero);
    }
    // Beyond these the value is refused anyway: 2^16384 is about 10^4932, 2^-16446 about 10^-4951.
    let top = exponent + i64::try_from(digits.len()).ok()?;
    if !(-5000..=5000).contains(&top) {
        return None;
    }
    let power = u32::try_from(exponent.unsigned_abs()).ok()?;
    if let Some(short) = short_decimal(digits, exponent) {
        return Some(short);
    }
    let mut above = Natural::default();
    for chunk in digits.chunks(9) {
        let value = chunk.iter().fold(0, |value, digit| value * 10 + u32::from(*digit));
        above.multiply_add(10_u32.pow(u32::try_from(chunk.len()).ok()?), value);
    }
    let mut below = Natural::from(1);
    if exponent >= 0 { &mut above } else { &mut below }.multiply_power_of_ten(power);
    Some(above.divide(below))
}

/// The same for what people write: up to 19 digits, a power of ten within 18.
fn short_decimal(digits: &[u8], exponent: i64) -> Option<Magnitude> {
    if digits.len() > 19 {
        return None;
    }
    let value = digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
    let power = 10_u128.pow(u32::try_from(exponent.unsigned_abs()).ok().filter(|power| *power <= 18)?);
    if exponent >= 0 {
        return Some(Magnitude { mantissa: u128::from(value) * power, exponent: 0, sticky: false });
    }
    // A numerator of 128 bits over a denominator below 2^60 leaves a quotient of more than the 64 that count.
    let shift = u128::from(value).leading_zeros();
    let numerator = u128::from(value) << shift;
    Some(Magnitude { mantissa: numerator / power, exponent: -i64::from(shift), sticky: numerator % power != 0 })
}

/// A natural number of any length: limbs of 32 bits, the lowest first, none zero at the end.
#[derive(Clone, Debug, Default)]
struct Natural {
    limbs: Vec<u32>,
}

impl From<u128> for Natural {
    fn from(value: u128) -> Natural {
        let limbs = (0..4).map(|index| (value >> (32 * index)) as u32).collect();
        Natural { limbs }.trimmed()
    }
}

impl Natural {
    fn trimmed(mut self) -> Natural {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        self
    }

    fn bits(&self) -> u32 {
        let whole = u32::try_from(self.limbs.len()).expect("no number here has 2^32 limbs") * 32;
        self.limbs.last().map_or(0, |top| whole - top.leading_zeros())
    }

    /// Times `factor`, plus `summand`.
    fn multiply_add(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for limb in &mut self.limbs {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.limbs.push(carry as u32);
        }
    }

    fn multiply_power_of_ten(&mut self, power: u32) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10_u32.pow(power % 9), 0);
    }

    fn shift_left(&mut self, bits: u32) {
        if self.limbs.is_empty() {
            return;
        }
        self.multiply_add(1 << (bits % 32), 0);
        self.limbs.splice(0..0, std::iter::repeat_n(0, (bits / 32) as usize));
    }

    /// Subtracts `other` if that leaves no less than nothing.
    fn subtract(&mut self, other: &Natural) -> bool {
        if self.limbs.len() != other.limbs.len() {
            if self.limbs.len() < other.limbs.len() {
                return false;
            }
        } else if self.limbs.iter().rev().lt(other.limbs.iter().rev()) {
            return false;
        }
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let taken = other.limbs.get(index).copied().unwrap_or(0);
            let (rest, first) = limb.overflowing_sub(taken);
            let (rest, second) = rest.overflowing_sub(u32::from(borrow));
            *limb = rest;
            borrow = first || second;
        }
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        true
    }

    /// The upper 70 bits of the quotient, the rest as `sticky`.
    fn divide(mut self, mut below: Natural) -> Magnitude {
        let mut exponent = i64::from(self.bits()) - i64::from(below.bits());
        // Of equal length, so that the first bit of the quotient is that of one.
        if exponent >= 0 { &mut below } else { &mut self }.shift_left(u32::try_from(exponent.unsigned_abs()).expect("a difference of u32"));
        let mut mantissa = 0_u128;
        for _ in 0..70 {
            mantissa = mantissa << 1 | u128::from(self.subtract(&below));
            self.multiply_add(2, 0);
        }
        exponent -= 69;
        Magnitude { mantissa, exponent, sticky: !self.limbs.is_empty() }
    }

    fn into_decimal(mut self) -> String {
        let mut groups = Vec::new();
        while !self.limbs.is_empty() {
            let mut rest = 0_u64;
            for limb in self.limbs.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                rest = value % 1_000_000_000;
            }
            groups.push(rest);
            self = self.trimmed();
        }
        let mut groups = groups.iter().rev();
        let mut text = groups.next().map_or_else(|| "0".to_owned(), u64::to_string);
        for group in groups {
            text.push_str(&format!("{group:09}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(a: &str, b: &str) -> String {
        match add_long_double(a.as_bytes(), b.as_bytes()) {
            Ok(text) => text,
            Err(FloatFault::NotFloat) => "not a float".to_owned(),
            Err(FloatFault::NanOrInfinity) => "nan or infinity".to_owned(),
        }
    }

    #[test]
    fn numbers_are_in_order() {
        let texts = ["-inf", "-1e4932", "-2.5", "-1e-4940", "0", "1e-4940", "0.1", "0.10000000000000000001", "3", "1e4932", "inf"];
        let mut numbers: Vec<LongDouble> = texts.iter().map(|text| LongDouble::parse(text.as_bytes()).unwrap()).collect();
        numbers.insert(1, LongDouble::MAX.negated());
        numbers.insert(numbers.len() - 1, LongDouble::MAX);
        for (at, one) in numbers.iter().enumerate() {
            for (place, other) in numbers.iter().enumerate() {
                assert_eq!(one.is_less(*other), at < place, "{} and {}", one.format(), other.format());
            }
        }
        assert!(!LongDouble::ZERO.is_less(LongDouble::ZERO.negated()) && !LongDouble::ZERO.negated().is_less(LongDouble::ZERO));
    }

    /// Every answer is one of Redis 7.0.15 on x86-64 to INCRBYFLOAT.
    #[test]
    fn sums_are_those_of_redis() {
        let cases = [
            ("0", "0.1", "0.1"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3.0", "1.1", "4.1"),
            ("0.1", "0.2", "0.3"),
            ("1e20", "1", "100000000000000000000"),
            ("1e30", "0.1", "1000000000000000000024696061952"),
            ("-1", "1", "0"),
            ("-0.5", "0.5", "0"),
            ("0", "-0", "0"),
            ("0", "1e-17", "0.00000000000000001"),
            ("0", "1e-18", "0"),
            ("0", "5e-18", "0"),
            ("0", "-1e-18", "0"),
            ("0", "0x10", "16"),
            ("0", "inf", "nan or infinity"),
            ("0", "nan", "not a float"),
            ("0", "1e5000", "not a float"),
            ("0", "1e-4950", "0"),
            ("0", "1e-5000", "not a float"),
            ("1e4932", "1e4932", "nan or infinity"),
            ("0", "1e-4940", "0"),
            ("0", ".5", "0.5"),
            ("0", "5.", "5"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("0", "1.15", "1.15"),
            ("3", "0.000000000000000005", "3"),
            ("1", "+1", "2"),
            ("", "1", "not a float"),
            (" 1", "1", "not a float"),
            ("1 ", "1", "not a float"),
            ("1", "1e", "not a float"),
            ("1", ".", "not a float"),
            ("1", "0x", "not a float"),
            ("1", "1.2.3", "not a float"),
            ("-inf", "inf", "nan or infinity"),
        ];
        for (a, b, expected) in cases {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
        }
        assert!(sum("0", "1e4932").starts_with("10000000000000000000060189493879638913238377742545331147737850413525330194"));
        assert_eq!(sum("0", "1e4932").len(), 4933);
        assert_eq!(sum("0", &"1".repeat(5119)), "not a float");
        assert_eq!(sum("0", &format!("0.{}", "0".repeat(5117))), "0");
        assert_eq!(sum("0", &format!("0.{}", "0".repeat(5118))), "not a float");
    }

    proptest! {
        #[test]
        fn integers_add_as_integers(a in i64::from(i32::MIN)..=i64::from(u32::MAX) << 30, b in i64::from(i32::MIN)..=i64::from(u32::MAX) << 30) {
            prop_assert_eq!(sum(&a.to_string(), &b.to_string()), (a + b).to_string());
        }

        #[test]
        fn long_and_short_reading_agree(value: u64, scale in 0_usize..18) {
            let text = format!("{value}e-{scale}");
            let padded = format!("{value}.{}1e-{scale}", "0".repeat(60));
            let exact = LongDouble::parse(text.as_bytes()).unwrap();
            // What is added lies 60 digits down: it moves a tie, but nothing else.
            let near = LongDouble::parse(padded.as_bytes()).unwrap();
            let ulp = |number: LongDouble| match number.size { Size::Finite { mantissa, exponent } => (mantissa, exponent), Size::Infinite => unreachable!() };
            prop_assert!(ulp(exact).0.abs_diff(ulp(near).0) <= 1 && (value == 0 || ulp(exact).1 == ulp(near).1));
        }

        #[test]
        fn any_bytes_may_be_added(a: Vec<u8>, b in "[-+0-9.exp]{0,12}", c in "[-+]?[0-9]{0,30}[.]?[0-9]{0,30}(e[-+]?[0-9]{1,4})?") {
            let _ = (add_long_double(&a, b.as_bytes()), add_long_double(c.as_bytes(), b.as_bytes()));
            prop_assert_eq!(add_long_double(b.as_bytes(), c.as_bytes()), add_long_double(c.as_bytes(), b.as_bytes()));
        }
    }
}
