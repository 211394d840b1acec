//! `struct`: values to and from the bytes that a C structure has in memory, as a format says.
//!
//! ```text
//! > <   big or little endian from here on      !4   align to at most 4 from here on      (space)
//! b B   signed, unsigned char      h H  short      i I  int, or i3: of that many bytes      l L  long      T  size_t
//! f     float      d  double      s  string up to a zero byte      c5  so many characters      x  one byte of padding
//! ```
//!
//! `c0` is a whole string when it is packed; when unpacked, as many characters as the value before it says.

use mlua::{Lua, MultiValue, Table, Value};

use super::number::{truncated, truncated_unsigned};
use super::{Arguments, LENGTH_MAX, SLOTS_MAX, add, add_simple, too_long};
use crate::script::raise::Raised;

/// Makes the library.
pub(crate) fn open(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    add_simple(lua, &library, "pack", |lua, arguments| Ok(Value::String(lua.create_string(pack(&arguments)?)?)))?;
    add(lua, &library, "unpack", unpack)?;
    add_simple(lua, &library, "size", |_, arguments| size(&arguments))?;
    Ok(library)
}

/// The largest number of bytes that an integer may have.
const INTEGER_BYTES_MAX: usize = 32;
/// What `!` without a number aligns to.
const ALIGNMENT: usize = 8;

/// A format as it is read: where it is, and what was said about all that follows.
struct Format<'f> {
    rest: &'f [u8],
    is_big_endian: bool,
    alignment: usize,
}

/// One option: its letter, how many bytes it takes, as far as the format says, and how many go in front.
struct Item {
    letter: u8,
    size: usize,
    padding: usize,
}

impl<'f> Format<'f> {
    /// A format ends at a zero byte.
    fn new(text: &'f [u8]) -> Format<'f> {
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Format { rest: &text[..end], is_big_endian: false, alignment: 1 }
    }

    /// The next option, for a place `at` bytes into the structure.
    fn next(&mut self, at: usize) -> Result<Option<Item>, Raised> {
        let Some((letter, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match letter {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number(1)?,
            b'i' | b'I' => self.number(4)?,
            _ => 0,
        };
        if matches!(letter, b'i' | b'I') && size > INTEGER_BYTES_MAX {
            return Err(format!("integral size {size} is larger than limit of {INTEGER_BYTES_MAX}").into());
        }
        Ok(Some(Item { letter: *letter, size, padding: self.padding(at, *letter, size) }))
    }

    /// The number that follows, which is one that an int holds.
    fn number(&mut self, default: usize) -> Result<usize, Raised> {
        if !self.rest.first().is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut number = 0_i32;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let next = number.checked_mul(10).and_then(|tens| tens.checked_add(i32::from(digit - b'0')));
            number = next.ok_or("integral size overflow")?;
            self.rest = rest;
        }
        Ok(usize::try_from(number).unwrap_or(0))
    }

    fn padding(&self, at: usize, letter: u8, size: usize) -> usize {
        let size = size.min(self.alignment);
        if size == 0 || letter == b'c' { 0 } else { size.wrapping_sub(at & (size - 1)) & (size - 1) }
    }

    /// An option that takes no bytes and says something about those that follow.
    fn control(&mut self, letter: u8) -> Result<(), Raised> {
        match letter {
            b' ' => {}
            b'>' => self.is_big_endian = true,
            b'<' => self.is_big_endian = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    return Err(format!("alignment {alignment} is not a power of 2").into());
                }
                self.alignment = alignment;
            }
            _ => return Err(Raised::Argument(1, [b"invalid format option '".as_slice(), &[letter], b"'"].concat())),
        }
        Ok(())
    }

    fn put(&self, little_endian: &[u8], out: &mut Vec<u8>) {
        if self.is_big_endian { out.extend(little_endian.iter().rev()) } else { out.extend_from_slice(little_endian) }
    }
}

fn pack(arguments: &Arguments<'_>) -> Result<Vec<u8>, Raised> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let (mut format, mut out, mut place) = (Format::new(&text), Vec::new(), 2);
    while let Some(item) = format.next(out.len())? {
        out.extend(std::iter::repeat_n(0, item.padding));
        match item.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = value(arguments, place, Arguments::number)?;
                let bits = if number < 0.0 { truncated(number).cast_unsigned() } else { truncated_unsigned(number) };
                // Beyond the eighth byte there is nothing, not even a sign.
                let mut bytes = [0; INTEGER_BYTES_MAX];
                bytes[..8].copy_from_slice(&bits.to_le_bytes());
                format.put(&bytes[..item.size], &mut out);
            }
            #[allow(clippy::cast_possible_truncation)]
            b'f' => format.put(&(value(arguments, place, Arguments::number)? as f32).to_le_bytes(), &mut out),
            b'd' => format.put(&value(arguments, place, Arguments::number)?.to_le_bytes(), &mut out),
            b'c' | b's' => {
                let text = value(arguments, place, Arguments::string)?;
                let text = text.as_bytes();
                let size = if item.size == 0 { text.len() } else { item.size };
                let kept = text.get(..size).ok_or_else(|| Raised::Argument(place + 1, b"string too short".to_vec()))?;
                out.extend_from_slice(kept);
                if item.letter == b's' {
                    out.push(0);
                }
            }
            b'x' => out.push(0),
            letter => format.control(letter)?,
        }
        place += usize::from(!matches!(item.letter, b'x' | b' ' | b'<' | b'>' | b'!'));
        if out.len() > LENGTH_MAX {
            return Err(too_long());
        }
    }
    Ok(out)
}

/// An argument that must be there: behind the last one the library has a nil of its own.
fn value<'l, T>(arguments: &Arguments<'l>, place: usize, read: fn(&Arguments<'l>, usize) -> Result<T, Raised>) -> Result<T, Raised> {
    match read(arguments, place) {
        Err(Raised::Argument(_, text)) if place > arguments.len() => {
            let text = String::from_utf8_lossy(&text).replace("no value", "nil");
            Err(Raised::Argument(place, text.into()))
        }
        answer => answer,
    }
}

fn unpack(lua: &Lua, arguments: Arguments<'_>) -> Result<MultiValue, Raised> {
    let too_short = || Raised::Argument(2, b"data string too short".to_vec());
    let (text, data) = (arguments.string(1)?, arguments.string(2)?);
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let start = arguments.integer_or(3, 1)?;
    if start == 0 {
        return Err(Raised::Argument(3, b"offset must be 1 or greater".to_vec()));
    }
    // A negative offset is a very large one.
    let mut at = usize::try_from(start.wrapping_sub(1).cast_unsigned()).unwrap_or(usize::MAX);
    let mut format = Format::new(&text);
    let mut answers = MultiValue::new();
    while let Some(item) = format.next(at)? {
        at = at.wrapping_add(item.padding);
        let rest = data.get(at..).filter(|rest| item.size <= rest.len()).ok_or_else(too_short)?;
        let bytes = &rest[..item.size];
        if answers.len() + arguments.len() + 2 > SLOTS_MAX {
            return Err("stack overflow (too many results)".into());
        }
        let mut taken_more = 0;
        match item.letter {
            b'b' | b'h' | b'l' | b'i' | b'B' | b'H' | b'L' | b'T' | b'I' => {
                answers.push_back(Value::Number(integer(bytes, format.is_big_endian, item.letter.is_ascii_lowercase())));
            }
            #[allow(clippy::cast_possible_truncation)]
            b'f' => answers.push_back(Value::Number(f32::from_bits(low_bits(bytes, format.is_big_endian) as u32).into())),
            b'd' => answers.push_back(Value::Number(f64::from_bits(low_bits(bytes, format.is_big_endian)))),
            b'x' => {}
            b'c' if item.size > 0 => answers.push_back(Value::String(lua.create_string(bytes)?)),
            b'c' => {
                let before = answers.pop_back().map(|value| lua.coerce_number(value)).transpose()?.flatten();
                let size = truncated_unsigned(before.ok_or("format 'c0' needs a previous size")?);
                let text = usize::try_from(size).ok().and_then(|size| rest.get(..size)).ok_or_else(too_short)?;
                answers.push_back(Value::String(lua.create_string(text)?));
                taken_more = text.len();
            }
            b's' => {
                let end = memchr::memchr(0, rest).ok_or("unfinished string in data")?;
                answers.push_back(Value::String(lua.create_string(&rest[..end])?));
                taken_more = end + 1;
            }
            letter => format.control(letter)?,
        }
        at = at.wrapping_add(item.size + taken_more);
    }
    answers.push_back(Value::Integer((at as u64).cast_signed().wrapping_add(1)));
    Ok(answers)
}

/// The last eight bytes that count.
fn low_bits(bytes: &[u8], is_big_endian: bool) -> u64 {
    let add = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
    if is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

#[allow(clippy::cast_precision_loss)]
fn integer(bytes: &[u8], is_big_endian: bool, is_signed: bool) -> f64 {
    let bits = low_bits(bytes, is_big_endian);
    if !is_signed {
        return bits as f64;
    }
    // All bits from the sign on are set if one of them is. Of an integer beyond eight bytes, where there is no such bit, the library takes the
    // place within the last eight bytes, and so does this.
    let sign = (8 * bytes.len()).wrapping_sub(1) % 64;
    let mask = u64::MAX << sign;
    (if bits & mask == 0 { bits } else { bits | mask }).cast_signed() as f64
}

fn size(arguments: &Arguments<'_>) -> Result<Value, Raised> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let (mut format, mut total) = (Format::new(&text), 0_usize);
    while let Some(item) = format.next(total)? {
        total = total.wrapping_add(item.padding).wrapping_add(item.size);
        match item.letter {
            b's' => return Err(Raised::Argument(1, b"option 's' has no fixed size".to_vec())),
            b'c' if item.size == 0 => return Err(Raised::Argument(1, b"option 'c0' has no fixed size".to_vec())),
            // A letter that means nothing takes no bytes, and here nobody complains.
            letter if !letter.is_ascii_alphanumeric() => format.control(letter)?,
            _ => {}
        }
    }
    Ok(Value::Integer(i64::try_from(total).unwrap_or(i64::MAX)))
}
