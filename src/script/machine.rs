//! One Lua state with everything scripts find in it, and how a function runs there.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, Lua, Table, Value, VmState};

use super::act::{Act, Bench, Who};
use super::caller::Caller;
use super::functions::Registered;
use super::sandbox::{self, Sandbox, place, text_of};
use super::watchdog::Watchdog;
use crate::command::Fault;
use crate::resp::{Protocol, Reply};

/// Lua's instructions between two looks at the clock: about a millisecond.
const INSTRUCTIONS: u32 = 100_000;

/// What a state may use, once it is furnished, for every script to come.
pub(super) struct Machine {
    pub(super) lua: Lua,
    pub(super) bench: Rc<Bench>,
    sandbox: Sandbox,
    /// Bytes of memory beyond which garbage is collected when a script is done.
    tidy_from: usize,
}

/// A script was told to end.
#[derive(Debug)]
struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(ENDED)
    }
}

impl std::error::Error for Ended {}

/// What Redis says of a script that was killed, dots included.
const ENDED: &str = "ERR Script killed by user with SCRIPT KILL...";

/// What came of a run.
pub(super) enum Outcome {
    Returned(Value),
    /// An error as `xpcall`'s handler left it.
    Raised(Value),
    /// It was ended, at this place of its text.
    Ended(Option<(String, usize)>),
}

impl Machine {
    /// `memory_max`: bytes that scripts may use; 0 for no limit.
    pub(super) fn new(
        caller: Rc<dyn Caller>,
        watchdog: Arc<Watchdog>,
        thread: usize,
        memory_max: usize,
        is_for_functions: bool,
    ) -> mlua::Result<Machine> {
        let lua = sandbox::lua()?;
        let bench = Rc::new(Bench::new(&lua, caller, watchdog, thread)?);
        let sandbox = sandbox::furnish(&lua, &bench, is_for_functions)?;
        lua.set_memory_limit(memory_max)?;
        let machine = Machine { lua, bench, sandbox, tidy_from: (memory_max / 4).max(1 << 20) };
        machine.look_every(INSTRUCTIONS)?;
        Ok(machine)
    }

    /// Compiles a text; lines are told under `name`.
    pub(super) fn compile(&self, text: &[u8], name: &str) -> Result<Function, String> {
        if text.first() == Some(&0x1b) {
            return Err(format!("{}:1: unexpected symbol near 'char(27)'", name.trim_start_matches('@')));
        }
        self.lua.load(text).set_name(name).set_mode(ChunkMode::Text).into_function().map_err(|error| text_of(&error))
    }

    /// The globals that scripts see.
    pub(super) fn globals(&self) -> &Table {
        &self.sandbox.globals
    }

    /// Runs a function on what the act has, which comes back in any case. `given`: its arguments, if it has any.
    pub(super) fn run(&self, function: Function, given: Option<(Table, Table)>, act: Act, who: Who) -> (Outcome, Option<Act>) {
        self.bench.begin(act, who);
        let result: mlua::Result<(bool, Value)> = match given {
            None => self.sandbox.guarded_call.call(function),
            Some((keys, args)) => self.sandbox.guarded_call.call((function, keys, args)),
        };
        assert!(!self.bench.is_calling.get(), "a command that a script called has panicked");
        let (act, was_ended) = self.bench.end();
        if was_ended {
            let _ = self.look_every(INSTRUCTIONS);
            return (Outcome::Ended(self.bench.ended_at.take()), act);
        }
        let outcome = match result {
            Ok((true, value)) => Outcome::Returned(value),
            Ok((false, raised)) => Outcome::Raised(raised),
            Err(error) => Outcome::Raised(self.lua.create_string(text_of(&error)).map_or(Value::Nil, Value::String)),
        };
        (outcome, act)
    }

    /// Runs the code of a library, and returns the functions it registered.
    ///
    /// # Errors
    /// It could not be compiled, or it failed.
    pub(super) fn load(&self, code: &[u8]) -> Result<Vec<Registered>, Fault> {
        let chunk = self.compile(code, "@user_function").map_err(|text| Fault::told(format!("ERR Error compiling function: {text}")))?;
        self.bench.registry.open();
        self.bench.loading.set(Some(Instant::now()));
        let result: mlua::Result<(bool, Value)> = self.sandbox.narrow(true).and_then(|()| self.sandbox.guarded_call.call(chunk));
        let widened = self.sandbox.narrow(false);
        self.bench.loading.set(None);
        let registered = self.bench.registry.close();
        if self.bench.is_ending.replace(false) {
            let _ = self.look_every(INSTRUCTIONS);
            return Err(Fault::Because("ERR Error registering functions: ERR FUNCTION LOAD timeout"));
        }
        let text = match result.and_then(|result| widened.map(|()| result)) {
            Ok((true, _)) if registered.is_empty() => return Err(Fault::Because("ERR No functions registered")),
            Ok((true, _)) => return Ok(registered),
            Ok((false, Value::Table(error))) => error.raw_get::<Option<mlua::LuaString>>(&self.bench.fields.err).ok().flatten(),
            Ok((false, other)) => self.lua.coerce_string(other).ok().flatten(),
            Err(error) => self.lua.create_string(text_of(&error)).ok(),
        };
        let text = text.map_or_else(|| "unknown error".to_owned(), |text| text.to_string_lossy());
        Err(Fault::told(format!("ERR Error registering functions: {text}")))
    }

    /// Garbage of a large script is no use to anybody until the next large one.
    pub(super) fn tidy(&self) {
        if self.lua.used_memory() > self.tidy_from {
            let _ = self.lua.gc_collect();
        }
    }

    /// Writes what a script returned or raised. `who`: as errors tell it.
    ///
    /// # Errors
    /// What the script raised.
    pub(super) fn answer(&self, outcome: &Outcome, who: &Who, spoken: Protocol, reply: &mut Reply<'_>) -> Result<(), Fault> {
        let fields = &self.bench.fields;
        match outcome {
            Outcome::Returned(value) => fields
                .write(value, spoken, reply)
                .map_err(|error| Fault::told(format!("ERR Error running script {}, {}", who.name(), text_of(&error)))),
            Outcome::Ended(Some((source, line))) => Err(Fault::told(format!("{ENDED} script: {}, on {source}:{line}.", who.name()))),
            Outcome::Ended(None) => Err(Fault::told(format!("{ENDED} script: {}", who.name()))),
            Outcome::Raised(Value::Table(error)) => {
                let text: Option<mlua::LuaString> = error.raw_get(&fields.err).ok();
                let text = text.map_or_else(|| "ERR unknown error".to_owned(), |text| text.to_string_lossy());
                let source: Option<String> = error.raw_get("source").ok().flatten();
                let line: Option<i64> = error.raw_get("line").ok().flatten();
                Err(Fault::told(match (source, line) {
                    (Some(source), Some(line)) => format!("{text} script: {}, on {source}:{line}.", who.name()),
                    _ => text,
                }))
            }
            Outcome::Raised(other) => {
                let text = match other {
                    Value::String(text) => text.to_string_lossy(),
                    Value::Error(error) => text_of(error),
                    _ => "execution failure".to_owned(),
                };
                Err(Fault::told(format!("ERR Error running script {}, {text}", who.name())))
            }
        }
    }

    fn look_every(&self, instructions: u32) -> mlua::Result<()> {
        let bench = self.bench.clone();
        self.lua.set_global_hook(HookTriggers::new().every_nth_instruction(instructions), move |lua, _| {
            if !bench.look_up() {
                return Ok(VmState::Continue);
            }
            if instructions > 1 {
                *bench.ended_at.borrow_mut() = place(lua);
                // From now on at every instruction: whatever catches this error does not get far.
                end_at_once(lua, &bench)?;
            }
            Err(mlua::Error::external(Ended))
        })
    }
}

fn end_at_once(lua: &Lua, bench: &Rc<Bench>) -> mlua::Result<()> {
    let bench = bench.clone();
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(1), move |_, _| {
        if bench.look_up() { Err(mlua::Error::external(Ended)) } else { Ok(VmState::Continue) }
    })
}
