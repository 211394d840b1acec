//! `cmsgpack`: values to and from MessagePack. Strings are strings (the format's binary and extension types are not known to it), integers are as
//! short as they can be, and a table whose keys are one, two, three and so on is an array.

use mlua::{Lua, MultiValue, Table, Value};

use super::number::truncated;
use super::{Arguments, LENGTH_MAX, SLOTS_MAX, add, add_simple, too_long};
use crate::script::raise::Raised;

/// Makes the library.
pub(crate) fn open(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    add_simple(lua, &library, "pack", pack)?;
    add(lua, &library, "unpack", |lua, arguments| unpack(lua, &arguments, None))?;
    add(lua, &library, "unpack_one", |lua, arguments| {
        let offset = arguments.integer_or(2, 0)?;
        unpack(lua, &arguments, Some((1, offset)))
    })?;
    add(lua, &library, "unpack_limit", |lua, arguments| {
        let (limit, offset) = (arguments.integer(2)?, arguments.integer_or(3, 0)?);
        unpack(lua, &arguments, Some((limit, offset)).filter(|both| *both != (0, 0)))
    })?;
    library.raw_set("_NAME", "cmsgpack")?;
    library.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(library)
}

/// A table that is nested deeper is written as nil, so that one that holds itself ends.
const NESTING_MAX: usize = 16;

/// What the first byte says. Where it holds a small number or length itself, that is in its low bits.
mod mark {
    pub const NIL: u8 = 0xc0;
    pub const FALSE: u8 = 0xc2;
    pub const TRUE: u8 = 0xc3;
    pub const FLOAT: u8 = 0xca;
    pub const DOUBLE: u8 = 0xcb;
    pub const UNSIGNED: [u8; 4] = [0xcc, 0xcd, 0xce, 0xcf];
    pub const SIGNED: [u8; 4] = [0xd0, 0xd1, 0xd2, 0xd3];
    pub const STRING: [u8; 3] = [0xd9, 0xda, 0xdb];
    pub const ARRAY: [u8; 2] = [0xdc, 0xdd];
    pub const MAP: [u8; 2] = [0xde, 0xdf];
    pub const SHORT_MAP: u8 = 0x80;
    pub const SHORT_ARRAY: u8 = 0x90;
    pub const SHORT_STRING: u8 = 0xa0;
    pub const NEGATIVE: u8 = 0xe0;
}

fn pack(lua: &Lua, arguments: Arguments<'_>) -> Result<Value, Raised> {
    if arguments.len() == 0 {
        return Err(Raised::Argument(0, b"MessagePack pack needs input.".to_vec()));
    }
    if 2 * arguments.len() > SLOTS_MAX {
        return Err(Raised::Argument(0, b"Too many arguments for MessagePack pack.".to_vec()));
    }
    let mut out = Vec::new();
    for value in arguments.into_values() {
        write(&value, 0, &mut out)?;
    }
    Ok(Value::String(lua.create_string(out)?))
}

fn write(value: &Value, nesting: usize, out: &mut Vec<u8>) -> Result<(), Raised> {
    if out.len() > LENGTH_MAX {
        return Err(too_long());
    }
    match value {
        Value::String(text) => write_text(&text.as_bytes(), out),
        Value::Boolean(is_true) => out.push(if *is_true { mark::TRUE } else { mark::FALSE }),
        Value::Integer(number) => write_integer(*number, out),
        Value::Number(number) => write_number(*number, out),
        Value::Table(table) if nesting < NESTING_MAX => match length_of_array(table)? {
            Some(length) => {
                write_length(length, mark::SHORT_ARRAY, mark::ARRAY, out);
                for index in 1..=length {
                    write(&table.raw_get(index)?, nesting + 1, out)?;
                }
            }
            None => {
                // How many there are is known when they have been walked.
                let pairs = table.pairs::<Value, Value>().count();
                write_length(pairs, mark::SHORT_MAP, mark::MAP, out);
                for pair in table.pairs::<Value, Value>() {
                    let (key, value) = pair?;
                    write(&key, nesting + 1, out)?;
                    write(&value, nesting + 1, out)?;
                }
            }
        },
        _ => out.push(mark::NIL),
    }
    Ok(())
}

/// The keys are the integers from one on, each once.
fn length_of_array(table: &Table) -> Result<Option<usize>, Raised> {
    let (mut count, mut largest) = (0, 0);
    for pair in table.pairs::<Value, Value>() {
        let Value::Integer(key @ 1..) = pair?.0 else { return Ok(None) };
        count += 1;
        largest = largest.max(key);
    }
    Ok(usize::try_from(largest).ok().filter(|largest| *largest == count))
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        #[allow(clippy::cast_possible_truncation)]
        short @ ..32 => out.push(mark::SHORT_STRING | short as u8),
        length => write_sized(length as u64, &mark::STRING, out),
    }
    out.extend_from_slice(text);
}

fn write_length(length: usize, short: u8, long: [u8; 2], out: &mut Vec<u8>) {
    match length {
        #[allow(clippy::cast_possible_truncation)]
        few @ ..16 => out.push(short | few as u8),
        // Marks for two bytes and four; there is none for one.
        16..0x1_0000 => {
            out.push(long[0]);
            out.extend_from_slice(&(length as u64).to_be_bytes()[6..]);
        }
        _ => {
            out.push(long[1]);
            out.extend_from_slice(&(length as u64).to_be_bytes()[4..]);
        }
    }
}

/// The mark for the smallest size that holds the number, and the number. `marks` are those for one, two, four and eight bytes.
fn write_sized(number: u64, marks: &[u8], out: &mut Vec<u8>) {
    let (place, size) = match number {
        ..0x100 => (0, 1),
        0x100..0x1_0000 => (1, 2),
        0x1_0000..0x1_0000_0000 => (2, 4),
        _ => (3, 8),
    };
    out.push(marks[place]);
    out.extend_from_slice(&number.to_be_bytes()[8 - size..]);
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn write_integer(number: i64, out: &mut Vec<u8>) {
    match number {
        0..=127 => out.push(number as u8),
        128.. => write_sized(number.cast_unsigned(), &mark::UNSIGNED, out),
        -32..0 => out.push(number as u8),
        _ => {
            let (place, size) = match number {
                ..-0x8000_0000 => (3, 8),
                -0x8000_0000..-0x8000 => (2, 4),
                -0x8000..-0x80 => (1, 2),
                _ => (0, 1),
            };
            out.push(mark::SIGNED[place]);
            out.extend_from_slice(&number.to_be_bytes()[8 - size..]);
        }
    }
}

/// An integer if it is one that 64 bits hold, a float if nothing is lost by it.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::float_cmp)]
fn write_number(number: f64, out: &mut Vec<u8>) {
    let integer = truncated(number);
    if integer as f64 == number {
        return write_integer(integer, out);
    }
    let float = number as f32;
    if f64::from(float) == number {
        out.push(mark::FLOAT);
        out.extend_from_slice(&float.to_be_bytes());
    } else {
        out.push(mark::DOUBLE);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// What is left to be read.
struct Input<'i> {
    rest: &'i [u8],
}

impl<'i> Input<'i> {
    fn take(&mut self, length: usize) -> Result<&'i [u8], Raised> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("Missing bytes in input.")?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Raised> {
        self.take(1).map(|taken| taken[0])
    }

    /// An unsigned number of one, two, four or eight bytes, as the place of its mark among its kind says.
    fn number(&mut self, place: u8) -> Result<u64, Raised> {
        Ok(self.take(1 << place)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, place: u8) -> Result<usize, Raised> {
        self.number(place).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    #[allow(clippy::cast_possible_truncation)]
    fn next(&mut self, lua: &Lua) -> Result<Read, Raised> {
        let first = self.byte()?;
        let value = match first {
            0..=0x7f => Value::Integer(first.into()),
            0x80..=0x8f => return Ok(Read::Map((first & 15).into())),
            0x90..=0x9f => return Ok(Read::Array((first & 15).into())),
            0xa0..=0xbf => Value::String(lua.create_string(self.take((first & 31).into())?)?),
            mark::NIL => Value::Nil,
            mark::FALSE | mark::TRUE => Value::Boolean(first == mark::TRUE),
            mark::FLOAT => Value::Number(f32::from_bits(self.number(2)? as u32).into()),
            mark::DOUBLE => Value::Number(f64::from_bits(self.number(3)?)),
            // Lua's integers are signed, and what is too large for them is negative.
            0xcc..=0xcf => Value::Integer(self.number(first - mark::UNSIGNED[0])?.cast_signed()),
            0xd0..=0xd3 => {
                let place = first - mark::SIGNED[0];
                let unused = 64 - (8 << place);
                Value::Integer(self.number(place)?.cast_signed() << unused >> unused)
            }
            0xd9..=0xdb => {
                let length = self.length(first - mark::STRING[0])?;
                Value::String(lua.create_string(self.take(length)?)?)
            }
            0xdc..=0xdd => return Ok(Read::Array(self.length(first - mark::ARRAY[0] + 1)?)),
            0xde..=0xdf => return Ok(Read::Map(self.length(first - mark::MAP[0] + 1)?)),
            mark::NEGATIVE.. => Value::Integer(first.cast_signed().into()),
            _ => return Err("Bad data format in input.".into()),
        };
        Ok(Read::Value(value))
    }
}

/// What was read: a value, or that so many elements or pairs follow.
enum Read {
    Value(Value),
    Array(usize),
    Map(usize),
}

/// A table that is being filled.
struct Open {
    table: Table,
    left: usize,
    /// The index of the next element, if it is an array.
    index: Option<usize>,
    /// The key whose value is being read.
    key: Option<Value>,
}

impl Open {
    /// How many values lie on Redis's stack for it while what it holds is read.
    fn slots(&self) -> usize {
        1 + usize::from(self.index.is_some() || self.key.is_some())
    }

    fn put(&mut self, lua: &Lua, value: Value) -> Result<(), Raised> {
        if let Some(index) = &mut self.index {
            self.table.raw_set(*index, value)?;
            *index += 1;
            self.left -= 1;
        } else if let Some(key) = self.key.take() {
            match key {
                Value::Nil => return Err(Raised::Value(Value::String(lua.create_string("table index is nil")?))),
                Value::Number(number) if number.is_nan() => {
                    return Err(Raised::Value(Value::String(lua.create_string("table index is NaN")?)));
                }
                key => self.table.raw_set(key, value)?,
            }
            self.left -= 1;
        } else {
            self.key = Some(value);
        }
        Ok(())
    }
}

fn unpack(lua: &Lua, arguments: &Arguments<'_>, bounds: Option<(i64, i64)>) -> Result<MultiValue, Raised> {
    let text = arguments.string(1)?;
    let text = text.as_bytes();
    let (limit, offset) = bounds.unwrap_or((i64::MAX, 0));
    if limit < 0 || offset < 0 {
        return Err(format!("Invalid request to unpack with offset of {} and limit of {}.", printed(offset), text.len()).into());
    }
    let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..));
    let Some(rest) = rest else {
        return Err(format!("Start offset {} greater than input length {}.", printed(offset), text.len()).into());
    };
    let mut input = Input { rest };
    let mut answers = MultiValue::new();
    // With bounds Redis has dropped all but the first argument by now.
    let base = if bounds.is_some() { 1 } else { arguments.len() };
    while !input.rest.is_empty() && i64::try_from(answers.len()).is_ok_and(|count| count < limit) {
        let value = read_value(lua, &mut input, base + answers.len())?;
        answers.push_back(value);
    }
    if bounds.is_some() {
        if base + answers.len() + 1 > SLOTS_MAX {
            return Err("stack overflow (in function mp_unpack_full)".into());
        }
        let next = if input.rest.is_empty() { -1 } else { i64::try_from(text.len() - input.rest.len()).unwrap_or(-1) };
        answers.push_front(Value::Integer(next));
    }
    Ok(answers)
}

/// Texts show the lower half of a number.
#[allow(clippy::cast_possible_truncation)]
fn printed(number: i64) -> i32 {
    number as i32
}

/// Reads one value with all that it holds; `slots` values lie on the stack already.
fn read_value(lua: &Lua, input: &mut Input<'_>, mut slots: usize) -> Result<Value, Raised> {
    let mut path: Vec<Open> = Vec::new();
    loop {
        if slots + 1 > SLOTS_MAX {
            return Err("stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)".into());
        }
        let mut value = match input.next(lua)? {
            Read::Value(value) => value,
            Read::Array(length) | Read::Map(length) if length == 0 => Value::Table(lua.create_table()?),
            Read::Array(length) => {
                if slots + 2 > SLOTS_MAX {
                    return Err("stack overflow (in function mp_decode_to_lua_array)".into());
                }
                path.push(Open { table: lua.create_table()?, left: length, index: Some(1), key: None });
                slots += 2;
                continue;
            }
            Read::Map(length) => {
                path.push(Open { table: lua.create_table()?, left: length, index: None, key: None });
                slots += 1;
                continue;
            }
        };
        loop {
            let Some(open) = path.last_mut() else { return Ok(value) };
            slots -= open.slots();
            open.put(lua, value)?;
            if open.left > 0 {
                slots += open.slots();
                break;
            }
            value = Value::Table(path.pop().expect("it was the last").table);
        }
    }
}
