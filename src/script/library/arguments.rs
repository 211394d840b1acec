//! The arguments of a call, read as Lua's C functions read them: numbers and strings stand for each other, and a wrong one is named by its place.

use mlua::{Lua, LuaString, MultiValue, Value};

use super::number::truncated;
use super::type_name;
use crate::script::raise::Raised;

/// Counted from one, as the texts do.
pub(super) struct Arguments<'l> {
    lua: &'l Lua,
    values: MultiValue,
}

impl<'l> Arguments<'l> {
    pub fn new(lua: &'l Lua, values: MultiValue) -> Arguments<'l> {
        Arguments { lua, values }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn get(&self, place: usize) -> Option<&Value> {
        self.values.get(place.wrapping_sub(1))
    }

    /// The values, one after the other.
    pub fn into_values(self) -> impl Iterator<Item = Value> {
        self.values.into_iter()
    }

    pub fn is_none_or_nil(&self, place: usize) -> bool {
        matches!(self.get(place), None | Some(Value::Nil))
    }

    /// A string, or the text of a number.
    pub fn string(&self, place: usize) -> Result<LuaString, Raised> {
        match self.get(place) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(number @ (Value::Integer(_) | Value::Number(_))) => {
                self.lua.coerce_string(number.clone())?.ok_or_else(|| self.unexpected(place, "string"))
            }
            _ => Err(self.unexpected(place, "string")),
        }
    }

    /// A number, or what a string says that is one.
    #[allow(clippy::cast_precision_loss)]
    pub fn number(&self, place: usize) -> Result<f64, Raised> {
        match self.get(place) {
            Some(Value::Integer(number)) => Ok(*number as f64),
            Some(Value::Number(number)) => Ok(*number),
            Some(text @ Value::String(_)) => self.lua.coerce_number(text.clone())?.ok_or_else(|| self.unexpected(place, "number")),
            _ => Err(self.unexpected(place, "number")),
        }
    }

    pub fn integer(&self, place: usize) -> Result<i64, Raised> {
        self.number(place).map(truncated)
    }

    pub fn integer_or(&self, place: usize, default: i64) -> Result<i64, Raised> {
        if self.is_none_or_nil(place) { Ok(default) } else { self.integer(place) }
    }

    fn unexpected(&self, place: usize, wanted: &str) -> Raised {
        let found = self.get(place).map_or("no value", type_name);
        Raised::Argument(place, format!("{wanted} expected, got {found}").into())
    }
}
