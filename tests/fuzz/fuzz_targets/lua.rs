//! Any bytes as JSON, as MessagePack, and as a format of `struct` with its data: what is refused is refused with a text, and what is read can be
//! written and read again.
#![no_main]

use std::cell::OnceCell;

use libfuzzer_sys::fuzz_target;
use mlua::{Function, Lua};

// Included, because the crate does not export them, and they import nothing else of the crate.
#[allow(dead_code)]
#[path = "../../../src/script"]
mod script {
    pub mod library;
    pub mod raise;
}

const MEMORY_BYTES_MAX: usize = 256 << 20;

const SCRIPT: &str = "
    local text, format = ...
    local function try(name, ...)
        local ok, value = pcall(...)
        if not ok then assert(type(value) == 'string' or tostring(value):find('not enough memory'), name) end
        return ok, value
    end
    local ok, value = try('cjson.decode', cjson.decode, text)
    if ok then
        local ok, written = try('cjson.encode', cjson.encode, value)
        if ok then assert(try('cjson.decode again', cjson.decode, written)) end
    end
    ok, value = try('cmsgpack.unpack', cmsgpack.unpack, text)
    if ok then
        local _, packed = try('cmsgpack.pack', cmsgpack.pack, value)
        try('cmsgpack.unpack again', cmsgpack.unpack, packed)
        try('cjson.encode', cjson.encode, value)
    end
    try('cmsgpack.unpack_limit', cmsgpack.unpack_limit, text, #format, 1)
    try('struct.unpack', struct.unpack, format, text)
    try('struct.pack', struct.pack, format, 1, 2, 3, text, text)
    try('struct.size', struct.size, format)
";

thread_local! {
    static LUA: OnceCell<(Lua, Function)> = const { OnceCell::new() };
}

fn prepare() -> mlua::Result<(Lua, Function)> {
    let lua = Lua::new();
    lua.set_memory_limit(MEMORY_BYTES_MAX)?;
    for (name, open) in script::library::ALL {
        lua.globals().raw_set(name, open(&lua)?)?;
    }
    let function = lua.load(SCRIPT).into_function()?;
    Ok((lua, function))
}

fuzz_target!(|data: &[u8]| {
    LUA.with(|prepared| {
        let (lua, function) = prepared.get_or_init(|| prepare().expect("the libraries open"));
        // The first line is a format too.
        let format = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let texts = lua.create_string(data).and_then(|text| Ok((text, lua.create_string(format)?)));
        function.call::<()>(texts.expect("there is room for the input")).expect("what is refused is refused with a text");
    });
});
