//! Replies become Lua values, and Lua values replies.

use mlua::{Lua, LuaString, Table, Value};

use crate::resp::{Protocol, Reply, number};

/// How deep a value that a script returns may be nested: each level takes some hundred bytes of the stack.
const DEPTH_MAX: usize = 1000;

/// The names of the fields by which a table says what kind of reply it is.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) err: LuaString,
    pub(super) ok: LuaString,
    double: LuaString,
    map: LuaString,
    set: LuaString,
    big_number: LuaString,
    verbatim_string: LuaString,
    format: LuaString,
    string: LuaString,
    /// Marks an error that a command answered, and that was counted then.
    counted: LuaString,
}

impl Fields {
    pub(super) fn new(lua: &Lua) -> mlua::Result<Fields> {
        Ok(Fields {
            err: lua.create_string("err")?,
            ok: lua.create_string("ok")?,
            double: lua.create_string("double")?,
            map: lua.create_string("map")?,
            set: lua.create_string("set")?,
            big_number: lua.create_string("big_number")?,
            verbatim_string: lua.create_string("verbatim_string")?,
            format: lua.create_string("format")?,
            string: lua.create_string("string")?,
            counted: lua.create_string("ignore_error_stats_update")?,
        })
    }

    /// `{err = text}`.
    pub(super) fn error(&self, lua: &Lua, text: impl AsRef<[u8]>) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(&self.err, lua.create_string(text)?)?;
        Ok(table)
    }

    /// The value of the first reply in `bytes`, and what follows it. The bytes are those that a command of ours wrote.
    pub(super) fn read<'b>(&self, lua: &Lua, bytes: &'b [u8]) -> mlua::Result<(Value, &'b [u8])> {
        let (line, rest) = split_line(bytes);
        let Some((&kind, line)) = line.split_first() else { return Ok((Value::Nil, b"")) };
        let value = match kind {
            b':' => Value::Integer(integer(line)),
            b'+' => {
                let table = lua.create_table_with_capacity(0, 1)?;
                table.raw_set(&self.ok, lua.create_string(line)?)?;
                Value::Table(table)
            }
            b'-' => {
                let table = self.error(lua, line)?;
                table.raw_set(&self.counted, true)?;
                Value::Table(table)
            }
            b'$' => match usize::try_from(integer(line)) {
                Ok(length) => {
                    let (text, rest) = bulk(rest, length);
                    return Ok((Value::String(lua.create_string(text)?), rest));
                }
                Err(_) => Value::Boolean(false),
            },
            b'*' | b'>' => match usize::try_from(integer(line)) {
                Ok(count) => return self.read_array(lua, count, rest),
                Err(_) => Value::Boolean(false),
            },
            b'_' => Value::Nil,
            b'#' => Value::Boolean(line == b"t"),
            b',' => self.tagged(lua, &self.double, Value::Number(number::parse_double(line).unwrap_or(f64::NAN)))?,
            b'(' => self.tagged(lua, &self.big_number, Value::String(lua.create_string(line)?))?,
            b'%' => return self.read_map(lua, usize::try_from(integer(line)).unwrap_or(0), rest),
            b'~' => return self.read_set(lua, usize::try_from(integer(line)).unwrap_or(0), rest),
            b'=' => {
                let (text, rest) = bulk(rest, usize::try_from(integer(line)).unwrap_or(0));
                let (format, text) = text.split_at(text.len().min(4));
                let table = lua.create_table_with_capacity(0, 2)?;
                table.raw_set(&self.format, lua.create_string(format.get(..3).unwrap_or_default())?)?;
                table.raw_set(&self.string, lua.create_string(text)?)?;
                return Ok((self.tagged(lua, &self.verbatim_string, Value::Table(table))?, rest));
            }
            // Attributes say something of the value behind them.
            b'|' => {
                let mut rest = rest;
                for _ in 0..integer(line) * 2 {
                    (_, rest) = self.read(lua, rest)?;
                }
                return self.read(lua, rest);
            }
            _ => Value::Nil,
        };
        Ok((value, rest))
    }

    fn read_array<'b>(&self, lua: &Lua, count: usize, mut rest: &'b [u8]) -> mlua::Result<(Value, &'b [u8])> {
        let table = lua.create_table_with_capacity(count, 0)?;
        for at in 1..=count {
            let (value, behind) = self.read(lua, rest)?;
            table.raw_set(at, value)?;
            rest = behind;
        }
        Ok((Value::Table(table), rest))
    }

    fn read_map<'b>(&self, lua: &Lua, pairs: usize, mut rest: &'b [u8]) -> mlua::Result<(Value, &'b [u8])> {
        let table = lua.create_table_with_capacity(0, pairs)?;
        for _ in 0..pairs {
            let (key, behind) = self.read(lua, rest)?;
            let (value, behind) = self.read(lua, behind)?;
            if !key.is_nil() {
                table.raw_set(key, value)?;
            }
            rest = behind;
        }
        Ok((self.tagged(lua, &self.map, Value::Table(table))?, rest))
    }

    fn read_set<'b>(&self, lua: &Lua, count: usize, mut rest: &'b [u8]) -> mlua::Result<(Value, &'b [u8])> {
        let table = lua.create_table_with_capacity(0, count)?;
        for _ in 0..count {
            let (member, behind) = self.read(lua, rest)?;
            if !member.is_nil() {
                table.raw_set(member, true)?;
            }
            rest = behind;
        }
        Ok((self.tagged(lua, &self.set, Value::Table(table))?, rest))
    }

    fn tagged(&self, lua: &Lua, field: &LuaString, value: Value) -> mlua::Result<Value> {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set(field, value)?;
        Ok(Value::Table(table))
    }

    /// Writes what a script returned. `spoken`: the protocol that the script chose for itself.
    pub(super) fn write(&self, value: &Value, spoken: Protocol, reply: &mut Reply<'_>) -> mlua::Result<()> {
        self.write_at(value, spoken, reply, 0)
    }

    fn write_at(&self, value: &Value, spoken: Protocol, reply: &mut Reply<'_>, depth: usize) -> mlua::Result<()> {
        if depth > DEPTH_MAX {
            reply.error("ERR reached lua stack limit");
            return Ok(());
        }
        match value {
            Value::String(text) => reply.bulk(&text.as_bytes()),
            Value::Integer(integer) => reply.integer(*integer),
            Value::Number(number) => reply.integer(truncated(*number)),
            Value::Boolean(truth) => match (spoken, truth) {
                (Protocol::Resp2, true) => reply.integer(1),
                (Protocol::Resp2, false) => reply.null(),
                (Protocol::Resp3, truth) => reply.boolean(*truth),
            },
            Value::Table(table) => self.write_table(table, spoken, reply, depth)?,
            _ => reply.null(),
        }
        Ok(())
    }

    fn write_table(&self, table: &Table, spoken: Protocol, reply: &mut Reply<'_>, depth: usize) -> mlua::Result<()> {
        if let Value::String(text) = table.raw_get(&self.err)? {
            reply.error_bytes(&text.as_bytes());
            return Ok(());
        }
        if let Value::String(text) = table.raw_get(&self.ok)? {
            reply.simple_bytes(&text.as_bytes());
            return Ok(());
        }
        match table.raw_get(&self.double)? {
            Value::Number(number) => {
                reply.double(number);
                return Ok(());
            }
            #[expect(clippy::cast_precision_loss, reason = "it was a double a moment ago")]
            Value::Integer(integer) => {
                reply.double(integer as f64);
                return Ok(());
            }
            _ => {}
        }
        if let Value::Table(map) = table.raw_get(&self.map)? {
            let place = reply.map_later();
            let mut count = 0;
            for pair in map.pairs::<Value, Value>() {
                let (key, value) = pair?;
                self.write_at(&key, spoken, reply, depth + 1)?;
                self.write_at(&value, spoken, reply, depth + 1)?;
                count += 1;
            }
            reply.close(place, count);
            return Ok(());
        }
        if let Value::Table(set) = table.raw_get(&self.set)? {
            let place = reply.set_later();
            let mut count = 0;
            for pair in set.pairs::<Value, Value>() {
                self.write_at(&pair?.0, spoken, reply, depth + 1)?;
                count += 1;
            }
            reply.close(place, count);
            return Ok(());
        }
        if let Value::String(digits) = table.raw_get(&self.big_number)? {
            reply.big_number(&without_line_ends(&digits));
            return Ok(());
        }
        if let Value::Table(verbatim) = table.raw_get(&self.verbatim_string)?
            && let (Value::String(format), Value::String(text)) = (verbatim.raw_get(&self.format)?, verbatim.raw_get(&self.string)?)
        {
            let format = without_line_ends(&format);
            if format.len() == 3 {
                reply.verbatim(&format, &text.as_bytes());
                return Ok(());
            }
        }
        let place = reply.array_later();
        let mut count = 0;
        loop {
            let element: Value = table.raw_get(count + 1)?;
            if element.is_nil() {
                break;
            }
            self.write_at(&element, spoken, reply, depth + 1)?;
            count += 1;
        }
        reply.close(place, count);
        Ok(())
    }
}

/// A number as a command is given it: with 17 digits, as C prints `%.17g`.
pub(super) fn write_number(value: f64, out: &mut Vec<u8>) {
    let mut scratch = [0; number::DOUBLE_BYTES_MAX];
    out.extend_from_slice(number::format_double(value, &mut scratch).as_bytes());
}

/// Numbers from here on are written with an exponent.
const PLAIN_MAX: i64 = 100_000_000_000_000_000;

/// As [`write_number`], of what is whole.
pub(super) fn write_integer(value: i64, out: &mut Vec<u8>) {
    if value.unsigned_abs() < PLAIN_MAX.unsigned_abs() {
        out.extend_from_slice(number::digits(value, &mut [0; 20]));
    } else {
        #[expect(clippy::cast_precision_loss, reason = "it was a double a moment ago")]
        write_number(value as f64, out);
    }
}

/// What a C compiler for this processor makes of a double that is cast to 64 bits: what does not fit is the least of them.
#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
fn truncated(number: f64) -> i64 {
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    if fits { number as i64 } else { i64::MIN }
}

fn without_line_ends(text: &LuaString) -> String {
    text.to_string_lossy().replace(['\r', '\n'], " ")
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 2..).unwrap_or_default())
}

fn bulk(rest: &[u8], length: usize) -> (&[u8], &[u8]) {
    (rest.get(..length).unwrap_or_default(), rest.get(length + 2..).unwrap_or_default())
}

fn integer(digits: &[u8]) -> i64 {
    number::parse_integer(digits).unwrap_or(0)
}
