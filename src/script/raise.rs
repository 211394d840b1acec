//! How a function written in Rust fails in Lua: with a value or a text, as Lua's own functions do, not with an object of the binding's.
//!
//! A script may catch an error and look at it (`pcall(cjson.decode, "{")`), and what it finds must be the text that Redis gives, which
//! begins with the place of the call. The place is known only while the called function has its frame, and a call in tail position
//! (`return cjson.decode(x)`) leaves a Lua wrapper without one. So the wrapper is a C function: it calls the Rust function, which always
//! returns, and raises what that asked for.
#![allow(unsafe_code)]

use std::ffi::c_int;

use mlua::{Function, Lua, MultiValue, Value, ffi};

/// What a function raises.
#[derive(Debug)]
pub(crate) enum Raised {
    /// A text, in front of which the place of the call is put: `user_script:1: text`.
    Text(Vec<u8>),
    /// What is wrong with the argument of that number, counted from one: `bad argument #1 to 'decode' (text)`.
    Argument(usize, Vec<u8>),
    /// A value, as it is.
    Value(Value),
    /// What Lua itself complained of: out of memory, a metamethod that failed.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Raised {
    fn from(error: mlua::Error) -> Raised {
        Raised::Lua(error)
    }
}

impl From<&str> for Raised {
    fn from(text: &str) -> Raised {
        Raised::Text(text.into())
    }
}

impl From<String> for Raised {
    fn from(text: String) -> Raised {
        Raised::Text(text.into())
    }
}

// What the Rust function's first result tells the wrapper; nil is that all went well. A number from zero on is that of an argument.
const TEXT: i64 = -1;
const VALUE: i64 = -2;

/// A Lua function that does `deed` with the arguments of the call, and raises what it says.
pub(crate) fn function<F>(lua: &Lua, deed: F) -> mlua::Result<Function>
where
    F: Fn(&Lua, MultiValue) -> Result<MultiValue, Raised> + 'static,
{
    let inner = lua.create_function(move |lua, arguments: MultiValue| {
        let (code, value) = match deed(lua, arguments) {
            Ok(mut answers) => {
                answers.push_front(Value::Nil);
                return Ok(answers);
            }
            Err(Raised::Lua(error)) => return Err(error),
            Err(Raised::Value(value)) => (VALUE, value),
            Err(Raised::Text(text)) => (TEXT, Value::String(lua.create_string(text)?)),
            Err(Raised::Argument(number, text)) => (i64::try_from(number).unwrap_or(i64::MAX), Value::String(lua.create_string(text)?)),
        };
        Ok(MultiValue::from_iter([Value::Integer(code), value]))
    })?;
    // SAFETY: on the stack is `inner`, which becomes the one upvalue of the closure that is left in its place.
    unsafe { lua.exec_raw(inner, |state| ffi::lua_pushcclosure(state, return_or_raise, 1)) }
}

/// Calls its upvalue with its own arguments; returns what that returned, or raises it.
///
/// # Safety
/// For Lua to call, as a closure with one upvalue. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn return_or_raise(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua gives a C function its own part of the stack, with room for twenty values more, and `lua_call` makes room for the results.
    // The Rust function returns at least one value, and two unless the first is nil: what is read is there.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        if ffi::lua_isnil(state, 1) != 0 {
            return ffi::lua_gettop(state) - 1;
        }
        #[allow(clippy::cast_possible_truncation)]
        let code = ffi::lua_tonumber(state, 1) as i64;
        if code >= 0 {
            return ffi::luaL_argerror(state, c_int::try_from(code).unwrap_or(c_int::MAX), ffi::lua_tostring(state, 2));
        }
        if code == TEXT {
            ffi::luaL_where(state, 1);
            ffi::lua_insert(state, 2);
            ffi::lua_concat(state, 2);
        }
        ffi::lua_error(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lua() -> Lua {
        let lua = Lua::new();
        let fail = function(&lua, |lua, mut arguments| match arguments.pop_front() {
            None => Ok(MultiValue::from_iter([Value::Integer(1), Value::Nil, Value::Integer(3)])),
            Some(Value::Integer(number)) => Err(Raised::Argument(usize::try_from(number).unwrap_or(1), "string expected, got nil".into())),
            Some(Value::Table(table)) => Err(Raised::Value(Value::Table(table))),
            Some(Value::Boolean(_)) => Err(lua.load("error('deep', 0)").exec().expect_err("it raises").into()),
            Some(_) => Err("no good\0at all".into()),
        });
        lua.globals().set("fail", fail.expect("a function")).expect("a global");
        lua
    }

    fn run(script: &str) -> String {
        let lua = lua();
        let answer: mlua::Result<mlua::LuaString> = lua.load(script).set_name("@user_script").eval();
        answer.map_or_else(|error| format!("raised {error}"), |answer| answer.to_string_lossy())
    }

    #[test]
    fn what_it_returns_is_returned() {
        assert_eq!(run("local a, b, c, d = fail() return tostring(a)..tostring(b)..tostring(c)..tostring(d)"), "1nil3nil");
        assert_eq!(run("return '' .. select('#', fail())"), "3");
    }

    /// Whoever catches finds a string, with the place of the call in front, a call in tail position included; called by pcall itself there is no place.
    #[test]
    fn a_text_is_raised_as_a_string_with_its_place() {
        let bare = "local ok, e = pcall(fail, 'x') return type(e) .. ' ' .. e";
        assert_eq!(run(bare), "string no good\0at all");
        let called = "local ok, e = pcall(function()\n local x = fail('x') return x end) return e";
        assert_eq!(run(called), "user_script:2: no good\0at all");
        let tail = "local ok, e = pcall(function() return fail('x') end) return e";
        assert_eq!(run(tail), "user_script:1: no good\0at all");
        let in_a_coroutine = "local ok, e = coroutine.resume(coroutine.create(function() return fail('x') end)) return e";
        assert_eq!(run(in_a_coroutine), "user_script:1: no good\0at all");
    }

    #[test]
    fn an_argument_is_named_by_its_number_and_the_function_by_the_call() {
        let called = "local ok, e = pcall(function() local nick = fail; return nick(2) end) return e";
        assert_eq!(run(called), "user_script:1: bad argument #2 to 'nick' (string expected, got nil)");
        assert_eq!(run("local ok, e = pcall(fail, 1) return e"), "bad argument #1 to '?' (string expected, got nil)");
    }

    #[test]
    fn a_value_is_raised_as_it_is() {
        assert_eq!(run("local t = {} local ok, e = pcall(fail, t) return tostring(e == t)"), "true");
    }

    #[test]
    fn what_lua_complains_of_comes_through() {
        assert_eq!(run("local ok, e = pcall(fail, true) return tostring(ok) .. type(e)"), "falseuserdata");
    }
}
