//! The library `redis`: how a script calls commands, and what else it may ask of the server.

use std::rc::Rc;

use mlua::{Lua, LuaString, MultiValue, Table, Value};

use super::act::{Bench, take_words};
use super::functions;
use super::raise::{self, Raised};
use super::sha1::Digest;
use crate::command::Args;
use crate::resp::Protocol;

/// The Redis we claim to be, as INFO tells it.
const VERSION: &str = "7.2.4";
const VERSION_NUM: i64 = 0x0007_0204;

const LOG_LEVELS: [&str; 4] = ["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"];
/// Whom a script's changes are told to; accepted, and of no effect.
const REPL: [(&str, i64); 5] = [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)];

/// The library. In functions it has no debugger.
pub(super) fn open(lua: &Lua, bench: &Rc<Bench>, is_for_functions: bool) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    let add = |name: &str, function: mlua::Result<mlua::Function>| redis.raw_set(name, function?);
    let shared = bench.clone();
    add(
        "call",
        raise::function(lua, move |lua, arguments| {
            let value = shared.call(lua, &arguments)?;
            match shared.error_in(&value) {
                Some(error) => Err(Raised::Value(Value::Table(error))),
                None => Ok(one(value)),
            }
        }),
    )?;
    let shared = bench.clone();
    add("pcall", raise::function(lua, move |lua, arguments| shared.call(lua, &arguments).map(one)))?;
    let shared = bench.clone();
    add("error_reply", raise::function(lua, move |lua, arguments| error_reply(lua, &shared, &arguments)))?;
    let shared = bench.clone();
    add("status_reply", raise::function(lua, move |lua, arguments| status_reply(lua, &shared, &arguments)))?;
    let shared = bench.clone();
    add(
        "sha1hex",
        raise::function(lua, move |lua, arguments| {
            if arguments.len() != 1 {
                return Err(complaint(lua, &shared, "ERR wrong number of arguments"));
            }
            let text = text(lua, &arguments, 0)?;
            let digest = Digest::of(text.as_ref().map_or(&b""[..], |text| text));
            Ok(one(Value::String(lua.create_string(digest.hex())?)))
        }),
    )?;
    let shared = bench.clone();
    add("log", raise::function(lua, move |lua, arguments| log(lua, &shared, &arguments)))?;
    let shared = bench.clone();
    add("setresp", raise::function(lua, move |lua, arguments| setresp(lua, &shared, &arguments)))?;
    let shared = bench.clone();
    add(
        "set_repl",
        raise::function(lua, move |lua, arguments| {
            if arguments.len() != 1 {
                return Err(complaint(lua, &shared, "ERR redis.set_repl() requires two arguments."));
            }
            let to = lua.coerce_integer(arguments[0].clone()).ok().flatten().unwrap_or(0);
            if !(0..=3).contains(&to) {
                return Err(complaint(lua, &shared, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."));
            }
            Ok(MultiValue::new())
        }),
    )?;
    let shared = bench.clone();
    add("acl_check_cmd", raise::function(lua, move |lua, arguments| acl_check_cmd(lua, &shared, &arguments)))?;
    if !is_for_functions {
        add("replicate_commands", raise::function(lua, |_, _| Ok(one(Value::Boolean(true)))))?;
        add("breakpoint", raise::function(lua, |_, _| Ok(one(Value::Boolean(false)))))?;
        add("debug", raise::function(lua, |_, _| Ok(MultiValue::new())))?;
    }
    for (level, name) in (0..).zip(LOG_LEVELS) {
        redis.raw_set(name, level)?;
    }
    for (name, to) in REPL {
        redis.raw_set(name, to)?;
    }
    redis.raw_set("REDIS_VERSION", VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", VERSION_NUM)?;
    Ok(redis)
}

/// What the code of a library of functions finds while it is loaded: enough to register functions.
pub(super) fn open_for_loading(lua: &Lua, bench: &Rc<Bench>) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    redis.raw_set("register_function", functions::register_function(lua, bench)?)?;
    let shared = bench.clone();
    redis.raw_set("log", raise::function(lua, move |lua, arguments| log(lua, &shared, &arguments))?)?;
    for (level, name) in (0..).zip(LOG_LEVELS) {
        redis.raw_set(name, level)?;
    }
    redis.raw_set("REDIS_VERSION", VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", VERSION_NUM)?;
    Ok(redis)
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_iter([value])
}

/// An error as commands have them: a table with the text.
fn complaint(lua: &Lua, bench: &Bench, text: &str) -> Raised {
    bench.fields.error(lua, text).map_or_else(Raised::Lua, |table| Raised::Value(Value::Table(table)))
}

fn text(lua: &Lua, arguments: &MultiValue, at: usize) -> mlua::Result<Option<Vec<u8>>> {
    Ok(lua.coerce_string(arguments.get(at).cloned().unwrap_or(Value::Nil))?.map(|text| text.as_bytes().to_vec()))
}

/// The only argument, if it is a string.
fn only_string(arguments: &MultiValue) -> Option<&LuaString> {
    match (arguments.len(), arguments.front()) {
        (1, Some(Value::String(text))) => Some(text),
        _ => None,
    }
}

const WRONG: &str = "ERR wrong number or type of arguments";

/// The text is given a code word if it has none: if it is one word.
fn error_reply(lua: &Lua, bench: &Bench, arguments: &MultiValue) -> Result<MultiValue, Raised> {
    let Some(text) = only_string(arguments) else { return Ok(one(Value::Table(bench.fields.error(lua, WRONG)?))) };
    let text = text.as_bytes();
    let bare = text.strip_prefix(b"-").unwrap_or(&text);
    let table = if bare.contains(&b' ') { bench.fields.error(lua, bare)? } else { bench.fields.error(lua, [b"ERR ", bare].concat())? };
    Ok(one(Value::Table(table)))
}

fn status_reply(lua: &Lua, bench: &Bench, arguments: &MultiValue) -> Result<MultiValue, Raised> {
    let Some(text) = only_string(arguments) else { return Ok(one(Value::Table(bench.fields.error(lua, WRONG)?))) };
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(&bench.fields.ok, text)?;
    Ok(one(Value::Table(table)))
}

fn log(lua: &Lua, bench: &Bench, arguments: &MultiValue) -> Result<MultiValue, Raised> {
    if arguments.len() < 2 {
        return Err(complaint(lua, bench, "ERR redis.log() requires two arguments or more."));
    }
    let Some(Value::Integer(level)) = arguments.front() else {
        return Err(complaint(lua, bench, "ERR First argument must be a number (log level)."));
    };
    let mut words = Vec::new();
    for at in 1..arguments.len() {
        words.push(text(lua, arguments, at)?.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default());
    }
    let text = words.join(" ");
    match level {
        0 => tracing::debug!("{text}"),
        1 | 2 => tracing::info!("{text}"),
        3 => tracing::warn!("{text}"),
        _ => return Err(complaint(lua, bench, "ERR Invalid debug level.")),
    }
    Ok(MultiValue::new())
}

fn setresp(lua: &Lua, bench: &Bench, arguments: &MultiValue) -> Result<MultiValue, Raised> {
    if arguments.len() != 1 {
        return Err(complaint(lua, bench, "ERR redis.setresp() requires one argument."));
    }
    let spoken = match arguments.front() {
        Some(Value::Integer(2)) => Protocol::Resp2,
        Some(Value::Integer(3)) => Protocol::Resp3,
        _ => return Err(complaint(lua, bench, "ERR RESP version must be 2 or 3.")),
    };
    if let Some(act) = bench.act.borrow_mut().as_mut() {
        act.spoken = spoken;
    }
    Ok(MultiValue::new())
}

/// Everybody may do everything there is.
fn acl_check_cmd(lua: &Lua, bench: &Bench, arguments: &MultiValue) -> Result<MultiValue, Raised> {
    let (mut words, mut spans) = (Vec::new(), Vec::new());
    take_words(arguments, &mut words, &mut spans).map_err(|text| complaint(lua, bench, text))?;
    if !bench.caller.knows(&Args::new(&words, &spans)) {
        return Err(complaint(lua, bench, "ERR Invalid command passed to redis.acl_check_cmd()"));
    }
    Ok(one(Value::Boolean(true)))
}
