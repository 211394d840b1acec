//! What a thread needs to run scripts: its Lua states, and the scripts compiled for them.

use std::cell::{OnceCell, Ref, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use mlua::{Function, Table};
use tokio::sync::watch;

use super::act::{Act, Who};
use super::cache::Cache;
use super::caller::Caller;
use super::functions::{self, Libraries, Library};
use super::machine::Machine;
use super::sha1::Digest;
use super::source::{ScriptFlags, Source};
use super::watchdog::Watchdog;
use crate::command::{Args, Cx, Fault, How, Named, Row, ScriptRow, Scripts, keys_named};
use crate::resp::{Protocol, Reply};

const NO_FUNCTION: Fault = Fault::Because("ERR Function not found");
const NO_SCRIPT: Fault = Fault::Because("NOSCRIPT No matching script. Please use EVAL.");

/// What all threads share of scripts.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) scripts: watch::Sender<Arc<Cache>>,
    pub(crate) libraries: watch::Sender<Arc<Libraries>>,
    /// The number of the library that was loaded last.
    loaded: AtomicU64,
    pub(crate) watchdog: Arc<Watchdog>,
}

impl Shelf {
    pub(crate) fn new(threads: usize) -> Shelf {
        Shelf {
            scripts: watch::Sender::new(Arc::default()),
            libraries: watch::Sender::new(Arc::default()),
            loaded: AtomicU64::new(0),
            watchdog: Watchdog::new(threads),
        }
    }
}

/// The functions of a library.
type ByName = HashMap<Box<[u8]>, Function>;

/// Runs scripts on one thread.
pub(crate) struct Engine {
    shelf: Arc<Shelf>,
    caller: Rc<dyn Caller>,
    thread: usize,
    memory_max: usize,
    news: RefCell<watch::Receiver<Arc<Cache>>>,
    cache: RefCell<Arc<Cache>>,
    machine: OnceCell<Option<Machine>>,
    /// Where functions run.
    function_machine: OnceCell<Option<Machine>>,
    library_news: RefCell<watch::Receiver<Arc<Libraries>>>,
    libraries: RefCell<Arc<Libraries>>,
    /// The functions of libraries that are loaded here, by the library's number.
    functions: RefCell<HashMap<u64, ByName>>,
    /// By digest.
    compiled: RefCell<HashMap<Digest, Function>>,
    /// Scripts by their text, so that a text that comes again need not be digested.
    by_text: RefCell<HashMap<Arc<[u8]>, Arc<Source>, ahash::RandomState>>,
}

/// Compiled scripts kept by a thread. Those that are not among the known any more go first.
const COMPILED_MAX: usize = 2048;

impl Engine {
    pub(crate) fn new(shelf: Arc<Shelf>, caller: Rc<dyn Caller>, thread: usize, memory_max: usize) -> Engine {
        let news = shelf.scripts.subscribe();
        let cache = news.borrow().clone();
        let library_news = shelf.libraries.subscribe();
        let libraries = library_news.borrow().clone();
        Engine {
            shelf,
            caller,
            thread,
            memory_max,
            news: RefCell::new(news),
            cache: RefCell::new(cache),
            machine: OnceCell::new(),
            function_machine: OnceCell::new(),
            library_news: RefCell::new(library_news),
            libraries: RefCell::new(libraries),
            functions: RefCell::default(),
            compiled: RefCell::default(),
            by_text: RefCell::new(HashMap::with_hasher(hasher())),
        }
    }

    /// Which of its rows a call takes: with the shards of its keys, or with all. `undeclared`: whether scripts may look at other keys.
    ///
    /// # Errors
    /// The script cannot be run at all, which needs no shard to say.
    pub(crate) fn place(&self, script: &'static ScriptRow, args: &Args<'_>, undeclared: bool) -> Result<&'static Row, Fault> {
        if script.how.named == Named::Function {
            // What a function calls is not looked into.
            return Ok(if undeclared { &script.far } else { &script.near });
        }
        if keys_named(args).is_err() {
            return Ok(&script.near);
        }
        let source = self.source(script.how, args.get(1))?;
        // Where undeclared keys are not allowed, a call that needs one is refused when it is made.
        Ok(if source.is_proven || !undeclared { &script.near } else { &script.far })
    }

    /// SCRIPT LOAD: knows a script until it is told to forget it.
    ///
    /// # Errors
    /// It cannot be compiled.
    pub(crate) fn load(&self, text: &[u8]) -> Result<Digest, Fault> {
        let source = self.source_of(text)?;
        self.know(&source, true);
        Ok(source.digest)
    }

    /// The scripts that are known.
    pub(crate) fn known(&self) -> Ref<'_, Cache> {
        let mut news = self.news.borrow_mut();
        if news.has_changed().unwrap_or(false) {
            let next = news.borrow_and_update().clone();
            if next.flushes != self.cache.borrow().flushes {
                self.compiled.borrow_mut().clear();
                self.by_text.borrow_mut().clear();
            }
            *self.cache.borrow_mut() = next;
        }
        Ref::map(self.cache.borrow(), |cache| &**cache)
    }

    /// SCRIPT EXISTS.
    pub(crate) fn knows(&self, digest: &[u8]) -> bool {
        Digest::parse(digest).is_some_and(|digest| self.known().get(&digest).is_some())
    }

    /// SCRIPT SHOW: a script's text.
    pub(crate) fn text(&self, digest: &[u8]) -> Option<Arc<[u8]>> {
        let digest = Digest::parse(digest)?;
        self.known().get(&digest).map(|source| source.text.clone())
    }

    /// SCRIPT FLUSH: knows none any more.
    pub(crate) fn flush(&self) {
        self.shelf.scripts.send_modify(|cache| {
            let mut next = Cache::clone(cache);
            next.flush();
            *cache = Arc::new(next);
        });
    }

    /// The libraries that are known.
    pub(crate) fn libraries(&self) -> Arc<Libraries> {
        let mut news = self.library_news.borrow_mut();
        if news.has_changed().unwrap_or(false) {
            let next = news.borrow_and_update().clone();
            // What is gone is let go of here too.
            self.functions.borrow_mut().retain(|number, _| next.all().any(|library| library.number == *number));
            *self.libraries.borrow_mut() = next;
        }
        self.libraries.borrow().clone()
    }

    /// Reads the code of a library, and runs it once. Nobody knows of it yet.
    ///
    /// # Errors
    /// What the client is told of a code that cannot be loaded. `is_known`: whether a library of that name stands in the way.
    pub(crate) fn read_library(&self, code: &[u8], is_known: impl Fn(&str) -> bool) -> Result<Arc<Library>, Fault> {
        let (name, body_at) = functions::heading(code)?;
        if is_known(&name) {
            return Err(Fault::told(format!("ERR Library '{name}' already exists")));
        }
        let registered = self.function_machine()?.load(code.get(body_at..).unwrap_or_default())?;
        let number = functions::next_number(&self.shelf.loaded);
        let described = registered.iter().map(|registered| registered.described.clone()).collect();
        self.keep(number, registered);
        Ok(Arc::new(Library { number, name, code: code.into(), functions: described }))
    }

    /// Changes the libraries that everybody knows: all of what `change` does, or nothing.
    ///
    /// # Errors
    /// What `change` says.
    pub(crate) fn change_libraries<E>(&self, change: impl FnOnce(&mut Libraries) -> Result<(), E>) -> Result<(), E> {
        let mut refusal = None;
        self.shelf.libraries.send_if_modified(|current| {
            let mut next = Libraries::clone(current);
            match change(&mut next) {
                Ok(()) => {
                    *current = Arc::new(next);
                    true
                }
                Err(error) => {
                    refusal = Some(error);
                    false
                }
            }
        });
        refusal.map_or(Ok(()), Err)
    }

    fn keep(&self, number: u64, registered: Vec<functions::Registered>) {
        let by_name = registered.into_iter().map(|registered| (registered.described.name, registered.callback)).collect();
        self.functions.borrow_mut().insert(number, by_name);
    }

    /// A function, loaded into this thread's state.
    fn loaded(&self, library: &Library, name: &[u8]) -> Result<Function, Fault> {
        let find = || self.functions.borrow().get(&library.number).map(|functions| functions.get(name).cloned());
        let found = match find() {
            Some(found) => found,
            None => {
                let (_, body_at) = functions::heading(&library.code)?;
                let registered = self.function_machine()?.load(library.code.get(body_at..).unwrap_or_default())?;
                self.keep(library.number, registered);
                find().flatten()
            }
        };
        found.ok_or(NO_FUNCTION)
    }

    fn machine(&self) -> Result<&Machine, Fault> {
        self.made(&self.machine, false)
    }

    fn function_machine(&self) -> Result<&Machine, Fault> {
        self.made(&self.function_machine, true)
    }

    fn made<'m>(&self, place: &'m OnceCell<Option<Machine>>, is_for_functions: bool) -> Result<&'m Machine, Fault> {
        let make = || {
            let made = Machine::new(self.caller.clone(), self.shelf.watchdog.clone(), self.thread, self.memory_max, is_for_functions);
            made.inspect_err(|error| tracing::error!(%error, "no Lua state could be made")).ok()
        };
        place.get_or_init(make).as_ref().ok_or(Fault::Because("ERR no memory for scripts"))
    }

    /// The script that a word names. One that comes by its text is known from then on.
    fn source(&self, how: How, word: &[u8]) -> Result<Arc<Source>, Fault> {
        match how.named {
            Named::Digest => {
                let digest = Digest::parse(word).ok_or(NO_SCRIPT)?;
                self.known().get(&digest).cloned().ok_or(NO_SCRIPT)
            }
            Named::Source => {
                let source = self.source_of(word)?;
                if self.known().get(&source.digest).is_none() {
                    self.know(&source, false);
                }
                Ok(source)
            }
            Named::Function => Err(NO_FUNCTION),
        }
    }

    fn know(&self, source: &Arc<Source>, load: bool) {
        self.shelf.scripts.send_if_modified(|cache| {
            let mut next = Cache::clone(cache);
            let added = next.add(source, load);
            if added {
                *cache = Arc::new(next);
            }
            added
        });
    }

    /// The script with that text, compiled at least once.
    fn source_of(&self, text: &[u8]) -> Result<Arc<Source>, Fault> {
        self.known();
        if let Some(source) = self.by_text.borrow().get(text) {
            return Ok(source.clone());
        }
        let digest = Digest::of(text);
        let known = self.known().get(&digest).cloned();
        let source = match known {
            Some(source) => source,
            None => {
                let mut source = Source::new(text, digest)?;
                self.function(&source)?;
                source.is_proven = super::proof::is_proven(source.body(), &*self.caller);
                Arc::new(source)
            }
        };
        let mut by_text = self.by_text.borrow_mut();
        if by_text.len() >= COMPILED_MAX {
            by_text.clear();
        }
        by_text.insert(source.text.clone(), source.clone());
        Ok(source)
    }

    /// The script, compiled for this thread.
    fn function(&self, source: &Source) -> Result<Function, Fault> {
        if let Some(function) = self.compiled.borrow().get(&source.digest) {
            return Ok(function.clone());
        }
        let compiled = self.machine()?.compile(source.body(), "@user_script");
        let function = compiled.map_err(|text| Fault::told(format!("ERR Error compiling script (new function): {text}")))?;
        let mut all = self.compiled.borrow_mut();
        if all.len() >= COMPILED_MAX {
            all.clear();
        }
        all.insert(source.digest, function.clone());
        Ok(function)
    }
}

/// Texts come from clients: nobody must know where they will lie.
fn hasher() -> ahash::RandomState {
    let seed = |number: u64| std::hash::RandomState::new().hash_one(number);
    ahash::RandomState::with_seeds(seed(1), seed(2), seed(3), seed(4))
}

impl Scripts for Engine {
    fn run(&self, how: How, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
        if how.named == Named::Function { self.call_function(how, cx, args, reply) } else { self.run_script(how, cx, args, reply) }
    }
}

impl Engine {
    fn run_script(&self, how: How, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
        let keys = keys_named(args)?;
        let source = self.source(how, args.get(1))?;
        let read_only = must_not_write(how, source.flags)?;
        let (function, machine) = (self.function(&source)?, self.machine()?);
        let (keys, others) = given(machine, args, keys).map_err(|error| failed(&error))?;
        let globals = machine.globals();
        globals.raw_set("KEYS", keys).and_then(|()| globals.raw_set("ARGV", others)).map_err(|error| failed(&error))?;
        perform(machine, function, None, &Who::Script(source.digest), read_only, cx, reply)
    }

    fn call_function(&self, how: How, cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
        let libraries = self.libraries();
        let name = args.get(1);
        let (library, described) = libraries.find(name).ok_or(NO_FUNCTION)?;
        let keys = keys_named(args).map_err(|fault| match fault {
            Fault::NotInteger => Fault::Because("ERR Bad number of keys provided"),
            other => other,
        })?;
        let read_only = must_not_write(how, described.flags.declared())?;
        let (function, machine) = (self.loaded(library, name)?, self.function_machine()?);
        let given = given(machine, args, keys).map_err(|error| failed(&error))?;
        let who = Who::Function(String::from_utf8_lossy(name).into());
        perform(machine, function, Some(given), &who, read_only, cx, reply)
    }
}

fn failed(error: &mlua::Error) -> Fault {
    Fault::told(format!("ERR {}", super::sandbox::text_of(error)))
}

/// Whether the script may only read.
///
/// # Errors
/// It may write, and was called by a command that may not.
fn must_not_write(how: How, flags: ScriptFlags) -> Result<bool, Fault> {
    if how.read_only && flags.declared && !flags.no_writes() {
        return Err(Fault::Because("ERR Can not execute a script with write flag using *_ro command."));
    }
    Ok(how.read_only || flags.no_writes())
}

/// The keys and the other arguments of a call, as tables.
fn given(machine: &Machine, args: &Args<'_>, keys: usize) -> mlua::Result<(Table, Table)> {
    let table = |words: &mut dyn Iterator<Item = &[u8]>, count| {
        let table = machine.lua.create_table_with_capacity(count, 0)?;
        for (at, word) in (1..).zip(words) {
            table.raw_set(at, machine.lua.create_string(word)?)?;
        }
        mlua::Result::Ok(table)
    };
    let (first_key, first_other) = (3, 3 + keys);
    Ok((table(&mut args.from(first_key).take(keys), keys)?, table(&mut args.from(first_other), args.len() - first_other)?))
}

/// Runs a function on what is in hand, and writes what it returns.
fn perform(
    machine: &Machine,
    function: Function,
    given: Option<(Table, Table)>,
    who: &Who,
    read_only: bool,
    cx: &mut Cx<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let act = Act { stage: cx.hand_over(), read_only, spoken: Protocol::Resp2 };
    let (outcome, act) = machine.run(function, given, act, who.clone());
    let Some(act) = act else { unreachable!("the act is given back whatever becomes of the script") };
    let spoken = act.spoken;
    cx.take_back(act.stage);
    let answered = machine.answer(&outcome, who, spoken, reply);
    machine.tidy();
    answered
}
