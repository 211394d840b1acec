//! What a script finds when it looks around: Lua's own functions, as far as they are harmless, `redis`, and the libraries. Nothing of it can be changed.

use std::rc::Rc;

use mlua::{Function, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value};

use super::act::Bench;
use super::guard::{Guard, Wrap};
use super::library;
use super::raise::{self, Raised};
use super::redis;

/// The globals that scripts share, behind the proxy through which they see them.
pub(super) struct Sandbox {
    pub(super) globals: Table,
    /// Runs a function, with two arguments if it has any, and makes of its error what the client is told.
    pub(super) guarded_call: Function,
    /// The metatable of what scripts see as their globals.
    rules: Table,
    /// What the code of a library sees instead while it is loaded.
    for_loading: Option<Table>,
}

/// Lua's own globals that scripts may use as they are. Tables among them are libraries.
const OURS: &[&str] = &[
    "_VERSION",
    "assert",
    "error",
    "gcinfo",
    "ipairs",
    "rawequal",
    "select",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "coroutine",
    "math",
    "string",
    "table",
];
/// Those that reach past a metatable, by how they are tamed. `table.insert` is `insert` in `table`.
const WRAPPED: &[(&str, &[&str], Wrap)] = &[
    ("", &["rawset", "setmetatable"], Wrap::Refuse),
    ("", &["rawget", "next"], Wrap::LookBehind),
    ("", &["getmetatable"], Wrap::Metatable),
    ("", &["unpack"], Wrap::Bounds),
    ("table", &["insert", "setn"], Wrap::Refuse),
    ("table", &["foreach", "foreachi", "getn", "maxn"], Wrap::LookBehind),
];

/// A Lua state for scripts, without `redis` and the libraries.
pub(super) fn lua() -> mlua::Result<Lua> {
    Lua::new_with(StdLib::MATH | StdLib::STRING | StdLib::TABLE, LuaOptions::default())
}

/// Furnishes a state. `is_for_functions`: for libraries of functions, where `redis` differs a little.
pub(super) fn furnish(lua: &Lua, bench: &Rc<Bench>, is_for_functions: bool) -> mlua::Result<Sandbox> {
    let std = lua.globals();
    let (globals, guard) = (lua.create_table()?, Guard::new(lua)?);
    for &(library, names, how) in WRAPPED {
        let table = if library.is_empty() { std.clone() } else { std.raw_get(library)? };
        for &name in names {
            let function: Function = table.raw_get(name)?;
            let wrapped = guard.wrap(lua, &function, how)?;
            if name == "next" {
                globals.raw_set("pairs", guard.pairs(lua, &function, &wrapped)?)?;
            }
            table.raw_set(name, wrapped)?;
        }
    }
    let math: Table = std.raw_get("math")?;
    random(lua, &math, bench)?;
    for name in OURS.iter().chain(&["rawset", "setmetatable", "rawget", "next", "getmetatable"]) {
        match std.raw_get(*name)? {
            Value::Table(library) => globals.raw_set(*name, guard.proxy(lua, &library, None)?)?,
            other => globals.raw_set(*name, other)?,
        }
    }
    for (name, open) in library::ALL {
        globals.raw_set(name, guard.proxy(lua, &open(lua)?, None)?)?;
    }
    globals.raw_set("redis", guard.proxy(lua, &redis::open(lua, bench, is_for_functions)?, None)?)?;
    globals.raw_set("collectgarbage", collectgarbage(lua, &std)?)?;
    globals.raw_set("pcall", pcall(lua, &std)?)?;
    globals.raw_set("xpcall", xpcall(lua, &std, bench)?)?;
    compilers(lua, &globals)?;
    strings(lua, &globals, &guard)?;
    let guarded_call = guarded_call(lua, bench, &std)?;
    let missing = lua.create_table()?;
    missing.raw_set("__index", nonexistent(lua)?)?;
    globals.set_metatable(Some(missing.clone()))?;
    let (seen, rules) = guard.proxy_with_rules(lua, &globals, Some(&guard.proxy(lua, &missing, None)?))?;
    let for_loading = if is_for_functions {
        let (globals, redis) = (lua.create_table()?, redis::open_for_loading(lua, bench)?);
        redis.set_metatable(Some(missing.clone()))?;
        globals.raw_set("redis", guard.proxy(lua, &redis, None)?)?;
        globals.set_metatable(Some(missing))?;
        Some(globals)
    } else {
        None
    };
    globals.raw_set("_G", &seen)?;
    lua.set_globals(seen)?;
    Ok(Sandbox { globals, guarded_call, rules, for_loading })
}

impl Sandbox {
    /// Shows scripts what they may see while a library is loaded, or all again.
    pub(super) fn narrow(&self, is_loading: bool) -> mlua::Result<()> {
        let shown = self.for_loading.as_ref().filter(|_| is_loading).unwrap_or(&self.globals);
        self.rules.raw_set("__index", shown)
    }
}

fn nonexistent(lua: &Lua) -> mlua::Result<Function> {
    raise::function(lua, |lua, arguments| {
        let name = arguments.get(1).cloned().unwrap_or(Value::Nil);
        let name = lua.coerce_string(name)?.map(|name| name.to_string_lossy()).unwrap_or_default();
        Err(Raised::from(format!("Script attempted to access nonexistent global variable '{name}'")))
    })
}

/// Strings have a metatable, which every script can ask for.
fn strings(lua: &Lua, globals: &Table, guard: &Guard) -> mlua::Result<()> {
    let rules = lua.create_table()?;
    rules.raw_set("__index", globals.raw_get::<Table>("string")?)?;
    let of_strings: Table = lua.load("return getmetatable('')").eval()?;
    of_strings.raw_set("__metatable", guard.proxy(lua, &rules, None)?)
}

/// `math.random` and `math.randomseed`, with the generator of Redis.
fn random(lua: &Lua, math: &Table, bench: &Rc<Bench>) -> mlua::Result<()> {
    let (rolls, seeds) = (bench.clone(), bench.clone());
    let random = raise::function(lua, move |lua, arguments| {
        let roll = rolls.dice.roll();
        let (least, most) = match arguments.len() {
            0 => return Ok(MultiValue::from_iter([Value::Number(roll)])),
            1 => (1.0, whole(lua, &arguments, 0, "random")?),
            2 => (whole(lua, &arguments, 0, "random")?, whole(lua, &arguments, 1, "random")?),
            _ => return Err(Raised::from("wrong number of arguments")),
        };
        if least > most {
            return Err(Raised::Argument(arguments.len(), b"interval is empty".to_vec()));
        }
        Ok(MultiValue::from_iter([Value::Number((roll * (most - least + 1.0)).floor() + least)]))
    })?;
    let seed = raise::function(lua, move |lua, arguments| {
        let seed = whole(lua, &arguments, 0, "randomseed")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as C does it")]
        seeds.dice.seed(seed as i64 as u32);
        Ok(MultiValue::new())
    })?;
    math.raw_set("random", random)?;
    math.raw_set("randomseed", seed)
}

/// An argument as a whole number.
fn whole(lua: &Lua, arguments: &MultiValue, at: usize, _: &str) -> Result<f64, Raised> {
    let value = arguments.get(at).cloned().unwrap_or(Value::Nil);
    let kind = if at < arguments.len() { value.type_name() } else { "no value" };
    let number = lua.coerce_number(value)?.ok_or_else(|| Raised::Argument(at + 1, format!("number expected, got {kind}").into_bytes()))?;
    Ok(number.trunc())
}

/// `collectgarbage`, but for what would hold for scripts to come.
fn collectgarbage(lua: &Lua, std: &Table) -> mlua::Result<Function> {
    let collect: Function = std.raw_get("collectgarbage")?;
    raise::function(lua, move |lua, arguments| {
        let what = arguments.front().cloned().unwrap_or(Value::Nil);
        match lua.coerce_string(what)? {
            Some(what) if [&b"stop"[..], b"restart", b"setpause", b"setstepmul"].contains(&&*what.as_bytes()) => {
                Ok(MultiValue::from_iter([Value::Integer(0)]))
            }
            _ => collect.call(arguments).map_err(|error| Raised::from(text_of(&error))),
        }
    })
}

/// `pcall`: what it catches is a text, where the error is one of a command. It can catch neither a panic nor the end of a script.
fn pcall(lua: &Lua, std: &Table) -> mlua::Result<Function> {
    let caught = lua.create_function(|lua, value: Value| {
        Ok(match value {
            Value::Error(error) => Value::String(lua.create_string(text_of(&error))?),
            Value::Table(table) => match table.raw_get("err")? {
                Value::String(text) => Value::String(text),
                _ => Value::Table(table),
            },
            other => other,
        })
    })?;
    let make: Function = lua
        .load(
            "local pcall, caught, type = ...
             local function settle(done, ...)
               if done then return true, ... end
               local what = ...
               if type(what) == 'string' then return false, what end
               return false, caught(what)
             end
             return function(...) return settle(pcall(...)) end",
        )
        .set_name("=pcall")
        .into_function()?;
    make.call((std.raw_get::<Function>("pcall")?, caught, std.raw_get::<Function>("type")?))
}

/// `xpcall`: its handler is not asked about the end of a script. It would be called from within the hook, where no other hook could end it.
fn xpcall(lua: &Lua, std: &Table, bench: &Rc<Bench>) -> mlua::Result<Function> {
    let bench = bench.clone();
    let is_ending = lua.create_function(move |_, ()| Ok(bench.is_ending.get()))?;
    let make: Function = lua
        .load(
            "local xpcall, is_ending = ...
             return function(f, handler)
               return xpcall(f, function(what)
                 if is_ending() then return what end
                 return handler(what)
               end)
             end",
        )
        .set_name("=xpcall")
        .into_function()?;
    make.call((std.raw_get::<Function>("xpcall")?, is_ending))
}

/// `load` and `loadstring`: text only. What is compiled already could do anything.
fn compilers(lua: &Lua, globals: &Table) -> mlua::Result<()> {
    let loadstring = raise::function(lua, |lua, arguments| {
        let Some(text) = lua.coerce_string(arguments.front().cloned().unwrap_or(Value::Nil))? else {
            return Err(Raised::Argument(1, format!("string expected, got {}", kind_of(&arguments)).into_bytes()));
        };
        let text = text.as_bytes().to_vec();
        let name = lua.coerce_string(arguments.get(1).cloned().unwrap_or(Value::Nil))?.map(|name| name.as_bytes().to_vec());
        let name = name.unwrap_or_else(|| text.clone());
        compile(lua, text, &name)
    })?;
    let load = raise::function(lua, |lua, arguments| {
        let Some(Value::Function(reader)) = arguments.front() else {
            return Err(Raised::Argument(1, format!("function expected, got {}", kind_of(&arguments)).into_bytes()));
        };
        let mut text = Vec::new();
        loop {
            match reader.call::<Value>(())? {
                Value::Nil => break,
                Value::String(piece) if piece.as_bytes().is_empty() => break,
                piece @ (Value::String(_) | Value::Integer(_) | Value::Number(_)) => {
                    let piece = lua.coerce_string(piece)?;
                    text.extend_from_slice(piece.as_ref().map(LuaString::as_bytes).as_deref().unwrap_or_default());
                }
                _ => return Err(Raised::from("reader function must return a string")),
            }
            if text.len() > CODE_BYTES_MAX {
                return Err(Raised::from("not enough memory"));
            }
        }
        let name = lua.coerce_string(arguments.get(1).cloned().unwrap_or(Value::Nil))?.map(|name| name.as_bytes().to_vec());
        compile(lua, text, &name.unwrap_or_else(|| b"=(load)".to_vec()))
    })?;
    globals.raw_set("loadstring", loadstring)?;
    globals.raw_set("load", load)
}

/// What the first argument is, as Lua's own complaints call it.
fn kind_of(arguments: &MultiValue) -> &'static str {
    arguments.front().map_or("no value", Value::type_name)
}

/// What `load` collects at most: it is not counted where Lua's own memory is.
const CODE_BYTES_MAX: usize = 16 << 20;

fn compile(lua: &Lua, mut text: Vec<u8>, name: &[u8]) -> Result<MultiValue, Raised> {
    if text.first() == Some(&0x1b) {
        // Behind a space it is text, and none that means anything.
        text.insert(0, b' ');
    }
    let name = String::from_utf8_lossy(name).replace('\0', " ");
    match lua.load(text).set_name(name).set_mode(mlua::chunk::ChunkMode::Text).into_function() {
        Ok(function) => Ok(MultiValue::from_iter([Value::Function(function)])),
        Err(error) => Ok(MultiValue::from_iter([Value::Nil, Value::String(lua.create_string(text_of(&error))?)])),
    }
}

/// `xpcall` with a handler that says where an error was raised.
fn guarded_call(lua: &Lua, bench: &Rc<Bench>, std: &Table) -> mlua::Result<Function> {
    let bench = bench.clone();
    let handler = lua.create_function(move |lua, raised: Value| {
        let error = match raised {
            Value::Table(table) => table,
            Value::Error(error) => bench.fields.error(lua, told(lua, &error))?,
            other => {
                let text = match &other {
                    Value::String(text) => [b"ERR ", &*text.as_bytes()].concat(),
                    other => format!("ERR {}", other.to_string().unwrap_or_default()).into_bytes(),
                };
                bench.fields.error(lua, text)?
            }
        };
        if let Some((source, line)) = place(lua) {
            error.raw_set("source", source)?;
            error.raw_set("line", line)?;
        }
        Ok(error)
    })?;
    let make: Function = lua
        .load(
            "local xpcall, handler = ...
             return function(script, keys, args)
               if not keys then return xpcall(script, handler) end
               return xpcall(function() return script(keys, args) end, handler)
             end",
        )
        .set_name("=run")
        .into_function()?;
    make.call((std.raw_get::<Function>("xpcall")?, handler))
}

/// What is said of an error of the binding's.
fn told(lua: &Lua, error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => told(lua, cause),
        mlua::Error::ExternalError(_) => text_of(error),
        _ => match place(lua) {
            Some((source, line)) => format!("ERR {}:{line}: {}", source.trim_start_matches('@'), text_of(error)),
            None => format!("ERR {}", text_of(error)),
        },
    }
}

/// The innermost function of a script that is running, and its line.
pub(super) fn place(lua: &Lua) -> Option<(String, usize)> {
    (0..=5).find_map(|level| {
        lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let line = debug.current_line()?;
            let source = source.source?;
            (!source.starts_with('=')).then(|| (source.into_owned(), line))
        })?
    })
}

/// The bare text of an error.
pub(super) fn text_of(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => text_of(cause),
        mlua::Error::SyntaxError { message, .. } | mlua::Error::RuntimeError(message) | mlua::Error::MemoryError(message) => {
            message.clone()
        }
        other => other.to_string(),
    }
}
