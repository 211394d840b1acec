//! The libraries that scripts find beside Lua's own, each a table of functions: what they answer and what they raise is Redis's, to the letter.
//!
//! None of them recurses as deep as its input says, and none allocates ahead of what it was given. What they build in Lua counts against
//! the limit of that Lua; a text that is built here first may not be longer than [`LENGTH_MAX`].

mod arguments;
pub(crate) mod bit;
pub(crate) mod cjson;
pub(crate) mod cmsgpack;
mod number;
pub(crate) mod records;

use mlua::{Lua, Table, Value};

use super::raise::{Raised, function};
use arguments::Arguments;

/// A library's name as a global, and what makes it.
pub(crate) type Library = (&'static str, fn(&Lua) -> mlua::Result<Table>);

/// Every library.
pub(crate) const ALL: [Library; 4] = [("bit", bit::open), ("cjson", cjson::open), ("cmsgpack", cmsgpack::open), ("struct", records::open)];

/// The longest text that a library builds: the longest string that a key may hold. A table that names one string a million times is small,
/// what it would be written as is not.
const LENGTH_MAX: usize = 512 << 20;

/// How many values a library holds, or returns, at once. Lua lets a C function have 8000 on its stack; Redis's libraries come to that limit where
/// data is nested deeply, and say so. These count as if they had that stack, and stop a little earlier: the binding needs some of it.
const SLOTS_MAX: usize = 7000;

/// Adds a function to a library.
fn add<F>(lua: &Lua, library: &Table, name: &str, deed: F) -> mlua::Result<()>
where
    F: Fn(&Lua, Arguments<'_>) -> Result<mlua::MultiValue, Raised> + 'static,
{
    let deed = move |lua: &Lua, values| match deed(lua, Arguments::new(lua, values)) {
        // The binding has no room for another value: it holds others' as well.
        Err(Raised::Lua(mlua::Error::StackError)) => Err("stack overflow (too many values)".into()),
        answer => answer,
    };
    library.raw_set(name, function(lua, deed)?)
}

/// Adds a function that answers one value.
fn add_simple<F>(lua: &Lua, library: &Table, name: &str, deed: F) -> mlua::Result<()>
where
    F: Fn(&Lua, Arguments<'_>) -> Result<Value, Raised> + 'static,
{
    add(lua, library, name, move |lua, arguments| Ok(mlua::MultiValue::from_iter([deed(lua, arguments)?])))
}

fn too_long() -> Raised {
    Raised::Lua(mlua::Error::MemoryError("not enough memory".into()))
}

/// The name that Lua gives a value's type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}
