//! Numbers as the C library prints and reads them: `%g` and `strtod`, and what a cast makes of a double that is no integer.

/// A double as the nearest integer towards zero; what does not fit, and what is not a number, is the smallest, as the processor has it.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn truncated(number: f64) -> i64 {
    if (-TWO_TO_63..TWO_TO_63).contains(&number) { number as i64 } else { i64::MIN }
}

/// The same for an unsigned integer: what is too large is zero, and a negative number is its two's complement.
#[allow(clippy::cast_sign_loss)]
pub(super) fn truncated_unsigned(number: f64) -> u64 {
    if number >= TWO_TO_63 { truncated(number - TWO_TO_63) as u64 ^ (1 << 63) } else { truncated(number) as u64 }
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Writes a number as `printf("%.{digits}g")` does.
pub(super) fn print(number: f64, digits: usize, out: &mut Vec<u8>) {
    if number.is_nan() {
        return out.extend_from_slice(b"nan");
    }
    if number.is_infinite() {
        return out.extend_from_slice(if number < 0.0 { b"-inf" } else { b"inf" });
    }
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 1e14 && digits == 14 && (number != 0.0 || number.is_sign_positive()) {
        return out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
    }
    // Rounded to that many digits: `d.ddde-5`.
    let scientific = format!("{:.*e}", digits.saturating_sub(1), number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let significant = all.iter().rposition(|digit| *digit != b'0').map_or(&all[..1], |last| &all[..=last]);
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let limit = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= limit {
        out.push(significant[0]);
        if significant.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&significant[1..]);
        }
        out.extend_from_slice(format!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()).as_bytes());
    } else if let Ok(whole) = usize::try_from(exponent) {
        for place in 0..=whole {
            out.push(significant.get(place).copied().unwrap_or(b'0'));
        }
        if significant.len() > whole + 1 {
            out.push(b'.');
            out.extend_from_slice(&significant[whole + 1..]);
        }
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(significant);
    }
}

/// Reads the number that a text begins with, as far as it goes, as `strtod` does: decimal, hexadecimal, infinite or none at all. Returns how
/// long it is, or nothing if there is none.
pub(super) fn read(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let (magnitude, length) = read_magnitude(&text[sign..])?;
    Some((if text[0] == b'-' { -magnitude } else { magnitude }, sign + length))
}

fn read_magnitude(text: &[u8]) -> Option<(f64, usize)> {
    if text.len() >= 2 && text[0] == b'0' && text[1] | 32 == b'x' {
        // Without a digit behind it the number is the zero in front of the x.
        return Some(read_hexadecimal(&text[2..]).map_or((0.0, 1), |(number, length)| (number, length + 2)));
    }
    if starts_with(text, b"inf") {
        return Some((f64::INFINITY, if starts_with(text, b"infinity") { 8 } else { 3 }));
    }
    if starts_with(text, b"nan") {
        let note = text[3..].strip_prefix(b"(").unwrap_or_default();
        let end = note.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let closes = end.filter(|end| note[*end] == b')');
        return Some((f64::NAN, closes.map_or(3, |end| 3 + 1 + end + 1)));
    }
    let whole = digits(text);
    let fraction = if text.get(whole) == Some(&b'.') { digits(&text[whole + 1..]) } else { 0 };
    if whole + fraction == 0 {
        return None;
    }
    let mut length = whole + if text.get(whole) == Some(&b'.') { 1 + fraction } else { 0 };
    length += exponent(&text[length..], b'e').map_or(0, |(_, length)| length);
    let number = std::str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    Some((number, length))
}

pub(super) fn starts_with(text: &[u8], lower: &[u8]) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// An exponent after its letter, and how long that is together; one without digits is none.
fn exponent(text: &[u8], letter: u8) -> Option<(i64, usize)> {
    if text.first()? | 32 != letter {
        return None;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'-' | b'+')));
    let count = digits(&text[1 + sign..]);
    if count == 0 {
        return None;
    }
    let fold = |sum: i64, byte: &u8| (sum * 10 + i64::from(byte - b'0')).min(1 << 50);
    let magnitude = text[1 + sign..][..count].iter().fold(0, fold);
    Some((if text[1] == b'-' { -magnitude } else { magnitude }, 1 + sign + count))
}

fn read_hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    // The first sixteen digits that count; what follows only says whether there is more.
    let (mut mantissa, mut scale, mut has_more) = (0_u64, 0_i64, false);
    let (mut length, mut seen, mut is_fraction) = (0, false, false);
    for byte in text {
        match byte {
            b'.' if !is_fraction => is_fraction = true,
            _ => {
                let Some(digit) = char::from(*byte).to_digit(16) else { break };
                seen = true;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | u64::from(digit);
                    scale -= if is_fraction { 4 } else { 0 };
                } else {
                    has_more |= digit != 0;
                    scale += if is_fraction { 0 } else { 4 };
                }
            }
        }
        length += 1;
    }
    if !seen {
        return None;
    }
    if let Some((power, more)) = exponent(&text[length..], b'p') {
        scale = scale.saturating_add(power);
        length += more;
    }
    Some((scaled(mantissa, scale, has_more), length))
}

/// `mantissa` times two to the `scale`, rounded once, ties to even; `has_more` if the mantissa goes on beyond its last bit.
#[allow(clippy::cast_precision_loss)]
fn scaled(mantissa: u64, scale: i64, has_more: bool) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    // The last bit stands for all that follows: there are at least ten between it and the last bit that a double keeps, or it is exact.
    let zeros = i64::from(mantissa.leading_zeros());
    let mantissa = mantissa << zeros | u64::from(has_more);
    // The value is 1.xxx times two to the `power`.
    let power = scale - zeros + 63;
    if power > 1023 {
        return f64::INFINITY;
    }
    // How many bits a double of that size has; below the smallest normal one it loses one with every power of two.
    let kept = (53 + (power + 1022).min(0)).max(-1);
    let dropped = 64 - kept;
    let rounded = match dropped {
        // Less than half of the smallest there is.
        65.. => 0,
        64 => u64::from(mantissa > 1 << 63),
        _ => {
            let (whole, rest, half) = (mantissa >> dropped, mantissa & ((1 << dropped) - 1), 1_u64 << (dropped - 1));
            whole + u64::from(rest > half || (rest == half && whole & 1 == 1))
        }
    };
    // At most 2^53, and the product is a double: neither step rounds. In two steps, since two to the -1074 is not all that is needed.
    let exponent = i32::try_from(power - kept + 1).unwrap_or(-1074).max(-1074);
    rounded as f64 * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(number: f64, digits: usize) -> String {
        let mut out = Vec::new();
        print(number, digits, &mut out);
        String::from_utf8(out).expect("ascii")
    }

    #[test]
    fn numbers_are_printed_as_printf_does() {
        for (number, digits, expected) in [
            (0.0, 14, "0"),
            (-0.0, 14, "-0"),
            (99_999_999_999_999.0, 14, "99999999999999"),
            (1e14, 14, "1e+14"),
            (-123.0, 14, "-123"),
            (99_999_999_999_999.5, 14, "1e+14"),
            (0.000_123_45, 14, "0.00012345"),
            (0.000_012_345, 14, "1.2345e-05"),
            (1e100, 14, "1e+100"),
            (9.5, 1, "1e+01"),
            (0.95, 1, "0.9"),
            (1234.0, 3, "1.23e+03"),
            (999.9, 3, "1e+03"),
            (120.0, 3, "120"),
        ] {
            assert_eq!(printed(number, digits), expected, "{number} with {digits}");
        }
    }

    proptest! {
        /// Seventeen digits say which double it was.
        #[test]
        fn what_is_printed_in_full_is_read_again(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(!number.is_nan());
            let text = printed(number, 17);
            prop_assert_eq!(read(text.as_bytes()), Some((number, text.len())));
        }

        #[test]
        fn hexadecimal_numbers_are_exact(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let (fraction, power) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
            let sign = if number.is_sign_negative() { "-" } else { "" };
            let text = match power {
                0 => format!("{sign}0x0.{fraction:013x}p-1022"),
                _ => format!("{sign}0x1.{fraction:013X}P{}", power as i64 - 1023),
            };
            prop_assert_eq!(read(text.as_bytes()), Some((number, text.len())));
        }

        #[test]
        fn any_text_is_read_without_harm(text in "[-+0-9a-fxpinty.()_]{0,24}") {
            if let Some((_, length)) = read(text.as_bytes()) {
                prop_assert!(length > 0 && length <= text.len());
            }
        }
    }
}
