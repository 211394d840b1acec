//! One run of a script, and the calls it makes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Lua, MultiValue, Table, Value};

use super::caller::{Callee, Caller, Refusal};
use super::convert::{self, Fields};
use super::dice::Dice;
use super::functions::Registry;
use super::own;
use super::raise::Raised;
use super::sha1::Digest;
use super::watchdog::{Running, Watchdog};
use crate::command::{Args, Flags, Stage};
use crate::resp::{Protocol, Reply, Span};
use crate::time::UnixMillis;

/// What a script's calls work on while it runs.
pub(super) struct Act {
    pub(super) stage: Stage,
    pub(super) read_only: bool,
    /// `redis.setresp`: how replies are shown to the script.
    pub(super) spoken: Protocol,
}

/// Who runs.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Script(Digest),
    Function(Rc<str>),
}

impl Who {
    /// As errors tell it.
    pub(super) fn name(&self) -> String {
        match self {
            Who::Script(digest) => digest.hex(),
            Who::Function(name) => name.to_string(),
        }
    }
}

/// What all functions that a machine gives its scripts share.
pub(super) struct Bench {
    pub(super) act: RefCell<Option<Act>>,
    pub(super) fields: Fields,
    pub(super) dice: Dice,
    pub(super) caller: Rc<dyn Caller>,
    pub(super) watchdog: Arc<Watchdog>,
    pub(super) thread: usize,
    /// A command runs. If this is still so when the script is done, the command has panicked.
    pub(super) is_calling: Cell<bool>,
    /// When the hook first saw this run.
    pub(super) began: Cell<Option<(Instant, UnixMillis)>>,
    pub(super) is_noticed: Cell<bool>,
    /// It was told to end, and is not let go on whatever it catches.
    pub(super) is_ending: Cell<bool>,
    /// Where it was when it was told to.
    pub(super) ended_at: RefCell<Option<(String, usize)>>,
    /// Calls until the clock is looked at: they take longer than instructions.
    until_look: Cell<u32>,
    /// The code of a library runs, and since when.
    pub(super) loading: Cell<Option<Instant>>,
    pub(super) registry: Registry,
    /// Nobody between two runs.
    who: RefCell<Option<Who>>,
    scratch: RefCell<Scratch>,
}

/// Buffers that every call uses again.
#[derive(Default)]
struct Scratch {
    words: Vec<u8>,
    spans: Vec<Span>,
    reply: Vec<u8>,
}

/// Calls between two looks at the clock: about a millisecond.
const CALLS: u32 = 1000;

/// What the code of a library may take to register its functions, as in Redis.
const LOADING_MAX: Duration = Duration::from_millis(500);

/// A buffer larger than this is given back to the allocator.
const SCRATCH_KEPT_MAX: usize = 64 << 10;

impl Bench {
    pub(super) fn new(lua: &Lua, caller: Rc<dyn Caller>, watchdog: Arc<Watchdog>, thread: usize) -> mlua::Result<Bench> {
        Ok(Bench {
            act: RefCell::default(),
            fields: Fields::new(lua)?,
            dice: Dice::new(),
            caller,
            watchdog,
            thread,
            is_calling: Cell::new(false),
            began: Cell::new(None),
            is_noticed: Cell::new(false),
            is_ending: Cell::new(false),
            ended_at: RefCell::default(),
            until_look: Cell::new(CALLS),
            loading: Cell::new(None),
            registry: Registry::default(),
            who: RefCell::default(),
            scratch: RefCell::default(),
        })
    }

    /// `redis.call` and `redis.pcall`: the reply as a Lua value, or the error to be raised or returned.
    pub(super) fn call(&self, lua: &Lua, arguments: &MultiValue) -> Result<Value, Raised> {
        let error = |text: &str| Ok(Value::Table(self.fields.error(lua, text)?));
        match self.until_look.get() {
            0 => {
                self.until_look.set(CALLS);
                self.look_up();
            }
            left => self.until_look.set(left - 1),
        }
        let mut act = self.act.borrow_mut();
        let Some(act) = act.as_mut() else { return error("ERR redis.call can only be called inside a script") };
        let mut scratch = self.scratch.borrow_mut();
        let Scratch { words, spans, reply } = &mut *scratch;
        if let Err(text) = take_words(arguments, words, spans) {
            return error(text);
        }
        let args = Args::new(words, spans);
        let callee = match self.caller.find(&args) {
            Ok(callee) => callee,
            Err(Refusal::Unknown) => return error("ERR Unknown Redis command called from script"),
            Err(Refusal::Arity) => return error("ERR Wrong number of args calling Redis command from script"),
        };
        let flags = match callee {
            Callee::Data(row, _) => row.spec.flags,
            Callee::Other(spec) => spec.flags,
        };
        if flags.has(Flags::NOSCRIPT) {
            return error("ERR This Redis command is not allowed from script");
        }
        let publishes = flags.has(Flags::PUBSUB);
        if act.read_only && (flags.has(Flags::WRITE) || publishes) {
            return error("ERR Write commands are not allowed from read-only scripts.");
        }
        reply.clear();
        match callee {
            Callee::Data(row, id) => {
                if !act.stage.reaches(row, &args) {
                    return error("ERR Script attempted to access a non local key in a cluster node");
                }
                if flags.has(Flags::WRITE) {
                    self.watchdog.of(self.thread).wrote(true);
                }
                self.is_calling.set(true);
                let spoken = act.spoken;
                let done = act.stage.run(row, &args, &mut Reply::new(reply, spoken));
                self.is_calling.set(false);
                act.stage.effects.called(id, !done);
            }
            Callee::Other(spec) => {
                let Some(own) = own::find(spec) else { return error("ERR This Redis command is not allowed from script") };
                let spoken = act.spoken;
                if let Err(fault) = (own.run)(act, &args, &mut Reply::new(reply, spoken)) {
                    act.stage.effects.faulted(&fault);
                    reply.clear();
                    Reply::new(reply, spoken).error(&fault.text());
                }
            }
        }
        let (value, _) = self.fields.read(lua, reply)?;
        for buffer in [words, reply] {
            if buffer.capacity() > SCRATCH_KEPT_MAX {
                *buffer = Vec::new();
            }
        }
        Ok(value)
    }

    /// The hook: called by Lua every so many instructions of whatever script runs.
    pub(super) fn look_up(&self) -> bool {
        if self.is_ending.get() {
            return true;
        }
        if let Some(since) = self.loading.get() {
            let ends = since.elapsed() > LOADING_MAX;
            self.is_ending.set(ends);
            return ends;
        }
        if self.who.borrow().is_none() {
            return false;
        }
        if self.began.get().is_none() {
            self.began.set(Some((Instant::now(), UnixMillis::now())));
            return false;
        }
        if !self.is_noticed.replace(true)
            && let Some(who) = &*self.who.borrow()
            && let Some((_, since)) = self.began.get()
        {
            let is_function = matches!(who, Who::Function(_));
            self.watchdog.notice(self.thread, Running { name: who.name(), is_function, since });
        }
        let ends = self.watchdog.of(self.thread).must_end();
        self.is_ending.set(ends);
        ends
    }

    /// A script begins.
    pub(super) fn begin(&self, act: Act, who: Who) {
        *self.act.borrow_mut() = Some(act);
        *self.who.borrow_mut() = Some(who);
        self.began.set(None);
        self.watchdog.of(self.thread).wrote(false);
    }

    /// It is done: what its calls worked on comes back. True if it had to be ended.
    pub(super) fn end(&self) -> (Option<Act>, bool) {
        *self.who.borrow_mut() = None;
        if self.is_noticed.replace(false) {
            self.watchdog.forget(self.thread);
        }
        (self.act.borrow_mut().take(), self.is_ending.replace(false))
    }

    /// Whether this is a table that says what went wrong.
    pub(super) fn error_in(&self, value: &Value) -> Option<Table> {
        let Value::Table(table) = value else { return None };
        matches!(table.raw_get(&self.fields.err), Ok(Value::String(_))).then(|| table.clone())
    }
}

/// The words of a call that a script makes.
pub(super) fn take_words(arguments: &MultiValue, words: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), &'static str> {
    words.clear();
    spans.clear();
    if arguments.is_empty() {
        return Err("ERR Please specify at least one argument for this redis lib call");
    }
    for argument in arguments {
        let start = words.len();
        match argument {
            Value::String(text) => words.extend_from_slice(&text.as_bytes()),
            Value::Integer(integer) => convert::write_integer(*integer, words),
            Value::Number(number) => convert::write_number(*number, words),
            _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
        }
        let span = u32::try_from(start).ok().zip(u32::try_from(words.len()).ok()).map(|(start, end)| Span { start, len: end - start });
        spans.push(span.ok_or("ERR the words of a call are too long")?);
    }
    Ok(())
}
