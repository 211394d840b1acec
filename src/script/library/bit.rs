//! `bit`: operations on the 32 bits of numbers.

use mlua::{Lua, Table, Value};

use super::{Arguments, add_simple};
use crate::script::raise::Raised;

type Pair = fn(u32, u32) -> u32;

/// Makes the library.
pub(crate) fn open(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    add_simple(lua, &library, "tobit", |_, arguments| bits(&arguments, 1).map(number))?;
    add_simple(lua, &library, "bnot", |_, arguments| bits(&arguments, 1).map(|bits| number(!bits)))?;
    add_simple(lua, &library, "bswap", |_, arguments| bits(&arguments, 1).map(|bits| number(bits.swap_bytes())))?;
    let folds: [(&str, Pair); 3] = [("band", |a, b| a & b), ("bor", |a, b| a | b), ("bxor", |a, b| a ^ b)];
    for (name, fold) in folds {
        add_simple(lua, &library, name, move |_, arguments| {
            let mut result = bits(&arguments, 1)?;
            for place in 2..=arguments.len() {
                result = fold(result, bits(&arguments, place)?);
            }
            Ok(number(result))
        })?;
    }
    // Only the last five bits of a distance count, which is what the wrapping shifts do.
    let shifts: [(&str, Pair); 5] = [
        ("lshift", u32::wrapping_shl),
        ("rshift", u32::wrapping_shr),
        ("arshift", |bits, by| bits.cast_signed().wrapping_shr(by).cast_unsigned()),
        ("rol", |bits, by| bits.rotate_left(by & 31)),
        ("ror", |bits, by| bits.rotate_right(by & 31)),
    ];
    for (name, shift) in shifts {
        add_simple(lua, &library, name, move |_, arguments| Ok(number(shift(bits(&arguments, 1)?, bits(&arguments, 2)?))))?;
    }
    add_simple(lua, &library, "tohex", hexadecimal)?;
    Ok(library)
}

/// The low 32 bits of a number, rounded to an integer, ties to even. Adding 1.5 times two to the 52 leaves them at the end of the mantissa;
/// for numbers beyond two to the 51 that is no longer arithmetic, but it is what the library answers.
#[allow(clippy::cast_possible_truncation)]
fn bits(arguments: &Arguments<'_>, place: usize) -> Result<u32, Raised> {
    Ok((arguments.number(place)? + 6_755_399_441_055_744.0).to_bits() as u32)
}

/// Results are signed.
fn number(bits: u32) -> Value {
    Value::Integer(i64::from(bits.cast_signed()))
}

/// The last `n` hexadecimal digits, eight if nothing is said, in capitals if `n` is negative.
fn hexadecimal(lua: &Lua, arguments: Arguments<'_>) -> Result<Value, Raised> {
    let value = bits(&arguments, 1)?;
    let count = if arguments.len() < 2 { 8 } else { bits(&arguments, 2)?.cast_signed() };
    let text = if count < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let kept = count.unsigned_abs().min(8) as usize;
    Ok(Value::String(lua.create_string(&text[8 - kept..])?))
}
