//! `cjson`: values to and from JSON. A table with the keys one, two, three and so on is an array, any other an object, the empty one too; null
//! is a value of its own, `cjson.null`.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Function, Lua, Table, Value};

use super::{Arguments, add, add_simple};
use crate::script::raise::Raised;

mod decode;
mod encode;

/// What a script may set. It holds for the library it was set in, not for one that `new` makes.
#[derive(Clone, Copy)]
struct Settings {
    /// Whether a table of few elements with large numbers is written as an object instead of complained of.
    sparse_converts: bool,
    /// A table is one if its largest number is more than so many times the count of its elements; never, if zero.
    sparse_ratio: i32,
    /// Not if its largest number is at most that.
    sparse_safe: i32,
    encode_depth_max: i32,
    decode_depth_max: i32,
    digits: i32,
    keeps_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of a number that JSON cannot say.
#[derive(Clone, Copy, PartialEq)]
enum Invalid {
    Refuse,
    Print,
    Null,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_converts: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            digits: 14,
            keeps_buffer: true,
            encode_invalid: Invalid::Refuse,
            decode_invalid: true,
        }
    }
}

/// One of the settings.
type Field<T> = fn(&mut Settings) -> &mut T;

/// The settings of one library, shared by its functions.
type Shared = Rc<Cell<Settings>>;

/// Makes the library.
pub(crate) fn open(lua: &Lua) -> mlua::Result<Table> {
    open_with(lua, &lua.globals().raw_get("next")?)
}

/// Makes the library, or another with settings of its own. Scripts may no longer find `next` where it was when Lua was new.
fn open_with(lua: &Lua, next: &Function) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    let shared = Shared::default();
    let (settings, walk) = (shared.clone(), next.clone());
    add_simple(lua, &library, "encode", move |lua, arguments| {
        only_argument(&arguments)?;
        let value = arguments.into_values().next().unwrap_or(Value::Nil);
        Ok(Value::String(lua.create_string(encode::write(value, &walk, &settings.get())?)?))
    })?;
    let settings = shared.clone();
    add_simple(lua, &library, "decode", move |lua, arguments| {
        only_argument(&arguments)?;
        decode::read(lua, &arguments.string(1)?.as_bytes(), &settings.get())
    })?;
    let settings = shared.clone();
    add(lua, &library, "encode_sparse_array", move |lua, arguments| {
        at_most(&arguments, 3)?;
        let mut new = settings.get();
        change_switch(&arguments, &mut new.sparse_converts)?;
        settings.set(new);
        change_integer(&arguments, 2, &mut new.sparse_ratio, 0..=i32::MAX)?;
        settings.set(new);
        change_integer(&arguments, 3, &mut new.sparse_safe, 0..=i32::MAX)?;
        settings.set(new);
        Ok(mlua::IntoLuaMulti::into_lua_multi((new.sparse_converts, new.sparse_ratio, new.sparse_safe), lua)?)
    })?;
    let integers: [(&str, i32, Field<i32>); 3] = [
        ("encode_max_depth", i32::MAX, |settings| &mut settings.encode_depth_max),
        ("decode_max_depth", i32::MAX, |settings| &mut settings.decode_depth_max),
        ("encode_number_precision", 14, |settings| &mut settings.digits),
    ];
    for (name, max, field) in integers {
        let settings = shared.clone();
        add_simple(lua, &library, name, move |_, arguments| {
            at_most(&arguments, 1)?;
            let mut new = settings.get();
            change_integer(&arguments, 1, field(&mut new), 1..=max)?;
            settings.set(new);
            Ok(Value::Integer((*field(&mut new)).into()))
        })?;
    }
    let switches: [(&str, Field<bool>); 2] = [
        ("encode_keep_buffer", |settings| &mut settings.keeps_buffer),
        ("decode_invalid_numbers", |settings| &mut settings.decode_invalid),
    ];
    for (name, field) in switches {
        let settings = shared.clone();
        add_simple(lua, &library, name, move |_, arguments| {
            at_most(&arguments, 1)?;
            let mut new = settings.get();
            change_switch(&arguments, field(&mut new))?;
            settings.set(new);
            Ok(Value::Boolean(*field(&mut new)))
        })?;
    }
    add_simple(lua, &library, "encode_invalid_numbers", move |lua, arguments| {
        at_most(&arguments, 1)?;
        let mut new = shared.get();
        match arguments.get(1) {
            None | Some(Value::Nil) => {}
            Some(Value::Boolean(is_on)) => new.encode_invalid = if *is_on { Invalid::Print } else { Invalid::Refuse },
            Some(_) => {
                let choices = [("off", Invalid::Refuse), ("on", Invalid::Print), ("null", Invalid::Null)];
                new.encode_invalid = choice(&arguments, &choices)?;
            }
        }
        shared.set(new);
        Ok(match new.encode_invalid {
            Invalid::Refuse => Value::Boolean(false),
            Invalid::Print => Value::Boolean(true),
            Invalid::Null => Value::String(lua.create_string("null")?),
        })
    })?;
    let next = next.clone();
    add_simple(lua, &library, "new", move |lua, _| Ok(Value::Table(open_with(lua, &next)?)))?;
    library.raw_set("null", Value::NULL)?;
    library.raw_set("_NAME", "cjson")?;
    library.raw_set("_VERSION", "2.1.0")?;
    Ok(library)
}

fn only_argument(arguments: &Arguments<'_>) -> Result<(), Raised> {
    if arguments.len() == 1 { Ok(()) } else { Err(Raised::Argument(1, b"expected 1 argument".to_vec())) }
}

fn at_most(arguments: &Arguments<'_>, count: usize) -> Result<(), Raised> {
    if arguments.len() <= count { Ok(()) } else { Err(Raised::Argument(count + 1, b"found too many arguments".to_vec())) }
}

/// Sets a number that was given. One out of range is said to be the first argument, whichever it is.
#[allow(clippy::cast_possible_truncation)]
fn change_integer(arguments: &Arguments<'_>, place: usize, field: &mut i32, range: std::ops::RangeInclusive<i32>) -> Result<(), Raised> {
    if arguments.is_none_or_nil(place) {
        return Ok(());
    }
    let number = arguments.integer(place)? as i32;
    if !range.contains(&number) {
        let text = format!("expected integer between {} and {}", range.start(), range.end());
        return Err(Raised::Argument(1, text.into()));
    }
    *field = number;
    Ok(())
}

/// Sets a switch that was given as the first argument.
fn change_switch(arguments: &Arguments<'_>, field: &mut bool) -> Result<(), Raised> {
    match arguments.get(1) {
        None | Some(Value::Nil) => {}
        Some(Value::Boolean(is_on)) => *field = *is_on,
        Some(_) => *field = choice(arguments, &[("off", false), ("on", true)])?,
    }
    Ok(())
}

/// The first argument as one of several words.
fn choice<T: Copy>(arguments: &Arguments<'_>, choices: &[(&str, T)]) -> Result<T, Raised> {
    let word = arguments.string(1)?;
    let word = word.as_bytes();
    let found = choices.iter().find(|(name, _)| name.as_bytes() == &*word);
    found.map(|(_, choice)| *choice).ok_or_else(|| Raised::Argument(1, [b"invalid option '".as_slice(), &word, b"'"].concat()))
}

#[cfg(test)]
mod tests;
