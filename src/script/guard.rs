//! What keeps scripts from changing what other scripts will find: the globals and the libraries are seen through empty tables that refuse to be
//! written to, and the few functions that reach past a metatable look first whom they are asked about.
//!
//! Lua 5.1 has no tables that cannot be written. A proxy is as good, but for functions that go straight to the table they are given (`rawset`,
//! `next`, `table.insert`): those are wrapped in a C function, which looks whether the table is a proxy and then *is* the function it
//! wraps, with the same frame on the stack, so that errors name the same place and the same function as without it.
#![allow(unsafe_code)]

use std::ffi::c_int;

use mlua::{Function, Lua, Table, Value, ffi};

use super::raise::{self, Raised};

/// The proxies there are.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// By proxy: the table behind it.
    behind: Table,
    /// By proxy: what `getmetatable` answers, false for nothing.
    shown: Table,
    refuse: Function,
}

/// What is done about a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    /// The function would write to it: an error.
    Refuse,
    /// The function only reads: it gets the table behind.
    LookBehind,
    /// The function is `getmetatable`.
    Metatable,
    /// The function is `unpack`, whose count of values overflows.
    Bounds,
}

const READONLY: &str = "Attempt to modify a readonly table";

impl Guard {
    pub(super) fn new(lua: &Lua) -> mlua::Result<Guard> {
        let refuse = raise::function(lua, |_, _| Err(Raised::from(READONLY)))?;
        Ok(Guard { behind: lua.create_table()?, shown: lua.create_table()?, refuse })
    }

    /// A table through which another is seen and cannot be changed. `metatable`: what scripts see as its metatable.
    pub(super) fn proxy(&self, lua: &Lua, real: &Table, metatable: Option<&Table>) -> mlua::Result<Table> {
        self.proxy_with_rules(lua, real, metatable).map(|(proxy, _)| proxy)
    }

    /// As [`Guard::proxy`], and its metatable.
    pub(super) fn proxy_with_rules(&self, lua: &Lua, real: &Table, metatable: Option<&Table>) -> mlua::Result<(Table, Table)> {
        let (proxy, rules) = (lua.create_table()?, lua.create_table()?);
        rules.raw_set("__index", real)?;
        rules.raw_set("__newindex", &self.refuse)?;
        rules.raw_set("__metatable", false)?;
        proxy.set_metatable(Some(rules.clone()))?;
        self.behind.raw_set(&proxy, real)?;
        let shown = metatable.map_or(Value::Boolean(false), |table| Value::Table(table.clone()));
        self.shown.raw_set(&proxy, shown)?;
        Ok((proxy, rules))
    }

    /// A function of Lua's own, which does not mind proxies any more.
    pub(super) fn wrap(&self, lua: &Lua, function: &Function, how: Wrap) -> mlua::Result<Function> {
        let (table, wrapper): (_, ffi::lua_CFunction) = match how {
            Wrap::Refuse => (&self.behind, refuse),
            Wrap::LookBehind => (&self.behind, look_behind),
            Wrap::Metatable => (&self.shown, metatable),
            Wrap::Bounds => (&self.behind, bounds),
        };
        // SAFETY: on the stack are the two upvalues of the closure that is left in their place.
        unsafe { lua.exec_raw((table, function), |state| ffi::lua_pushcclosure(state, wrapper, 2)) }
    }

    /// `pairs`, given the plain `next` and the one that looks behind proxies.
    pub(super) fn pairs(&self, lua: &Lua, next: &Function, careful: &Function) -> mlua::Result<Function> {
        // SAFETY: as above, with three.
        unsafe { lua.exec_raw((&self.behind, next, careful), |state| ffi::lua_pushcclosure(state, pairs, 3)) }
    }
}

/// Leaves what the first upvalue has for the first argument on the stack, nil if that is no table.
///
/// # Safety
/// In a C function that Lua called, whose first upvalue is a table.
unsafe fn look_up(state: *mut ffi::lua_State) {
    // SAFETY: Lua gives a C function room for twenty values; only one more is left here.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE {
            ffi::lua_pushvalue(state, 1);
            ffi::lua_rawget(state, ffi::lua_upvalueindex(1));
        } else {
            ffi::lua_pushnil(state);
        }
    }
}

/// Does what the second upvalue, a C function without upvalues of its own, would do in this place.
///
/// # Safety
/// In a C function that Lua called, with nothing but the arguments on the stack, and nothing to be dropped if it does not return.
unsafe fn be_the_function(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: it is called as Lua would call it; that it finds other upvalues it cannot notice.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(2)) {
            Some(function) => function(state),
            None => 0,
        }
    }
}

/// Is the second upvalue for tables that may be written, and an error for proxies.
///
/// # Safety
/// For Lua to call, as a closure that `Guard` made. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn refuse(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls it, as a closure made by `Guard::wrap`. An error leaves by a long jump; nothing here has to be dropped.
    unsafe {
        look_up(state);
        if ffi::lua_isnil(state, -1) == 0 {
            ffi::lua_pushlstring(state, READONLY.as_ptr().cast(), READONLY.len());
            ffi::lua_error(state);
        }
        ffi::lua_pop(state, 1);
        be_the_function(state)
    }
}

/// Is the second upvalue, asked about the table behind a proxy.
///
/// # Safety
/// For Lua to call, as a closure that `Guard` made. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn look_behind(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as for `refuse`. There is a first argument if something was found for it.
    unsafe {
        look_up(state);
        if ffi::lua_isnil(state, -1) == 0 {
            ffi::lua_replace(state, 1);
        } else {
            ffi::lua_pop(state, 1);
        }
        be_the_function(state)
    }
}

/// Is `getmetatable` for all but proxies.
///
/// # Safety
/// For Lua to call, as a closure that `Guard` made. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn metatable(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as for `refuse`.
    unsafe {
        look_up(state);
        if ffi::lua_isnil(state, -1) == 0 {
            if ffi::lua_toboolean(state, -1) == 0 {
                ffi::lua_pushnil(state);
            }
            return 1;
        }
        ffi::lua_pop(state, 1);
        be_the_function(state)
    }
}

/// Is `unpack`, for ranges that a stack could hold. Lua computes their length in an `int`, and may be compiled as if that could not overflow.
///
/// # Safety
/// For Lua to call, as a closure that `Guard` made. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn bounds(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as for `refuse`. Arguments that are not there read as 0.
    unsafe {
        let (first, last) = (ffi::lua_tonumber(state, 2), ffi::lua_tonumber(state, 3));
        if last - first > UNPACKED_MAX {
            ffi::luaL_where(state, 1);
            ffi::lua_pushlstring(state, TOO_MANY.as_ptr().cast(), TOO_MANY.len());
            ffi::lua_concat(state, 2);
            ffi::lua_error(state);
        }
        be_the_function(state)
    }
}

/// Far more than there is room for, and far less than overflows.
const UNPACKED_MAX: f64 = 1e6;
const TOO_MANY: &str = "too many results to unpack";

/// `pairs`, whose iterator looks behind proxies.
///
/// # Safety
/// For Lua to call, as a closure that `Guard` made. Errors leave by a long jump over this frame, in which nothing has to be dropped.
unsafe extern "C-unwind" fn pairs(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as for `refuse`, with a third upvalue.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        look_up(state);
        let next = if ffi::lua_isnil(state, -1) == 0 { 3 } else { 2 };
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(next));
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}
