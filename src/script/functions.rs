//! Libraries of functions: what is known of them by all threads, and how one is loaded into a state.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::act::Bench;
use super::raise::{self, Raised};
use super::source::ScriptFlags;
use crate::command::Fault;

/// A library, as everybody knows it.
#[derive(Debug)]
pub(crate) struct Library {
    /// Another for every load: the same name may come again with another code.
    pub(super) number: u64,
    pub(crate) name: Box<str>,
    /// As it was given, with its first line.
    pub(crate) code: Arc<[u8]>,
    pub(crate) functions: Vec<Described>,
}

/// What is known of a function.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(crate) name: Box<[u8]>,
    pub(crate) description: Option<Box<[u8]>>,
    pub(crate) flags: ScriptFlags,
}

/// All libraries, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Libraries {
    all: BTreeMap<Box<str>, Arc<Library>>,
}

/// What is done about libraries that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A name must not be known.
    Append,
    /// A known name gets the new code.
    Replace,
    /// Nothing stays.
    Flush,
}

impl Libraries {
    pub(crate) fn all(&self) -> impl ExactSizeIterator<Item = &Arc<Library>> {
        self.all.values()
    }

    /// How many functions there are.
    pub(crate) fn functions(&self) -> usize {
        self.all.values().map(|library| library.functions.len()).sum()
    }

    /// Bytes of all codes.
    pub(crate) fn bytes(&self) -> usize {
        self.all.values().map(|library| library.code.len()).sum()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// The function of that name, and its library.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&Arc<Library>, &Described)> {
        self.all
            .values()
            .find_map(|library| library.functions.iter().find(|function| *function.name == *name).map(|function| (library, function)))
    }

    /// Takes libraries in: all of them or none.
    ///
    /// # Errors
    /// A name of theirs is taken.
    pub(crate) fn add(&mut self, libraries: Vec<Arc<Library>>, policy: Policy) -> Result<(), Fault> {
        let mut next = if policy == Policy::Flush { Libraries::default() } else { self.clone() };
        for library in &libraries {
            if policy == Policy::Append && next.knows(&library.name) {
                return Err(Fault::told(format!("ERR Library {} already exists", library.name)));
            }
            next.all.remove(&library.name);
        }
        for library in libraries {
            if let Some(taken) = library.functions.iter().find(|function| next.find(&function.name).is_some()) {
                return Err(Fault::told(format!("ERR Function {} already exists", String::from_utf8_lossy(&taken.name))));
            }
            next.all.insert(library.name.clone(), library);
        }
        *self = next;
        Ok(())
    }

    /// False if there is none of that name.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.all.remove(name).is_some())
    }
}

const BAD_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Names of libraries and of functions.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name that the first line of a code gives its library, and where the line ends.
pub(super) fn heading(code: &[u8]) -> Result<(Box<str>, usize), Fault> {
    if !code.starts_with(b"#!") {
        return Err(Fault::Because("ERR Missing library metadata"));
    }
    let end = memchr::memchr(b'\n', code).ok_or(Fault::Because("ERR Invalid library metadata"))?;
    let mut words = code[2..end].split(u8::is_ascii_whitespace);
    let engine = words.next().unwrap_or_default();
    let mut name: Option<&[u8]> = None;
    for word in words.filter(|word| !word.is_empty()) {
        match word.strip_prefix(b"name=") {
            Some(_) if name.is_some() => {
                return Err(Fault::Because("ERR Invalid metadata value, name argument was given multiple times"));
            }
            Some(given) => name = Some(given),
            None => return Err(Fault::told(format!("ERR Invalid metadata value given: {}", String::from_utf8_lossy(word)))),
        }
    }
    let name = name.ok_or(Fault::Because("ERR Library name was not given"))?;
    if !is_name(name) {
        return Err(Fault::Because(BAD_NAME));
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Fault::told(format!("ERR Engine '{}' not found", String::from_utf8_lossy(engine))));
    }
    Ok((String::from_utf8_lossy(name).into(), end))
}

/// A number for a library that is loaded now.
pub(super) fn next_number(last: &AtomicU64) -> u64 {
    last.fetch_add(1, Ordering::Relaxed) + 1
}

/// A function that a code has registered.
pub(super) struct Registered {
    pub(super) described: Described,
    pub(super) callback: Function,
}

/// Where `redis.register_function` puts functions while a code runs.
#[derive(Default)]
pub(super) struct Registry(RefCell<Option<Vec<Registered>>>);

impl Registry {
    pub(super) fn open(&self) {
        *self.0.borrow_mut() = Some(Vec::new());
    }

    pub(super) fn close(&self) -> Vec<Registered> {
        self.0.borrow_mut().take().unwrap_or_default()
    }
}

/// `redis.register_function`, in both of its forms.
pub(super) fn register_function(lua: &Lua, bench: &Rc<Bench>) -> mlua::Result<Function> {
    let bench = bench.clone();
    raise::function(lua, move |lua, arguments| {
        let complain = |text: &str| match bench.fields.error(lua, text) {
            Ok(table) => Raised::Value(Value::Table(table)),
            Err(error) => Raised::Lua(error),
        };
        let registered = read(lua, &arguments)?.map_err(complain)?;
        let mut registry = bench.registry.0.borrow_mut();
        let Some(registry) = registry.as_mut() else {
            return Err(complain("ERR redis.register_function can only be called on FUNCTION LOAD command"));
        };
        if !is_name(&registered.described.name) {
            return Err(complain(BAD_NAME));
        }
        if registry.iter().any(|known| known.described.name == registered.described.name) {
            return Err(complain("ERR Function already exists in the library"));
        }
        registry.push(registered);
        Ok(MultiValue::new())
    })
}

type Read<T> = mlua::Result<Result<T, &'static str>>;

fn read(lua: &Lua, arguments: &MultiValue) -> Read<Registered> {
    match (arguments.len(), arguments.front(), arguments.get(1)) {
        (1, Some(Value::Table(named)), _) => read_named(lua, named),
        (1, ..) => Ok(Err(
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        )),
        (2, Some(name), callback) => {
            let Some(name) = text(lua, name)? else { return Ok(Err("ERR first argument to redis.register_function must be a string")) };
            let Some(Value::Function(callback)) = callback else {
                return Ok(Err("ERR second argument to redis.register_function must be a function"));
            };
            let described = Described { name, description: None, flags: ScriptFlags::default() };
            Ok(Ok(Registered { described, callback: callback.clone() }))
        }
        _ => Ok(Err("ERR wrong number of arguments to redis.register_function")),
    }
}

/// Strings, and numbers, which Lua takes for such.
fn text(lua: &Lua, value: &Value) -> mlua::Result<Option<Box<[u8]>>> {
    Ok(lua.coerce_string(value.clone())?.map(|text| Box::from(&*text.as_bytes())))
}

fn read_named(lua: &Lua, named: &Table) -> Read<Registered> {
    let (mut name, mut callback, mut description, mut flags) = (None, None, None, ScriptFlags::default());
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let key = match &key {
            Value::String(key) => key.to_string_lossy(),
            _ => return Ok(Err("ERR unknown argument given to redis.register_function")),
        };
        let is = |word: &str| key.eq_ignore_ascii_case(word);
        if is("function_name") {
            name = text(lua, &value)?;
            if name.is_none() {
                return Ok(Err("ERR function_name argument given to redis.register_function must be a string"));
            }
        } else if is("description") {
            description = text(lua, &value)?;
            if description.is_none() {
                return Ok(Err("ERR description argument given to redis.register_function must be a string"));
            }
        } else if is("callback") {
            let Value::Function(function) = value else {
                return Ok(Err("ERR callback argument given to redis.register_function must be a function"));
            };
            callback = Some(function);
        } else if is("flags") {
            let Value::Table(names) = value else {
                return Ok(Err("ERR flags argument to redis.register_function must be a table representing function flags"));
            };
            for at in 1.. {
                match names.raw_get::<Value>(at)? {
                    Value::Nil => break,
                    Value::String(flag) if flags.add(&flag.as_bytes()) => {}
                    _ => return Ok(Err("ERR unknown flag given")),
                }
            }
        } else {
            return Ok(Err("ERR unknown argument given to redis.register_function"));
        }
    }
    let Some(name) = name else { return Ok(Err("ERR redis.register_function must get a function name argument")) };
    let Some(callback) = callback else { return Ok(Err("ERR redis.register_function must get a callback argument")) };
    flags.declared = true;
    Ok(Ok(Registered { described: Described { name, description, flags }, callback }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, functions: &[&str]) -> Arc<Library> {
        let functions =
            functions.iter().map(|name| Described { name: name.as_bytes().into(), description: None, flags: ScriptFlags::default() });
        Arc::new(Library { number: 0, name: name.into(), code: name.as_bytes().into(), functions: functions.collect() })
    }

    #[test]
    fn libraries_come_in_whole_or_not_at_all() {
        let told = |result: Result<(), Fault>| result.map_err(|fault| fault.text().into_owned());
        let mut all = Libraries::default();
        all.add(vec![library("a", &["f"]), library("b", &["g"])], Policy::Append).unwrap();
        assert_eq!(
            told(all.add(vec![library("c", &["h"]), library("a", &["i"])], Policy::Append)),
            Err("ERR Library a already exists".into())
        );
        assert_eq!(
            told(all.add(vec![library("c", &["h"]), library("d", &["f"])], Policy::Append)),
            Err("ERR Function f already exists".into())
        );
        assert_eq!(told(all.add(vec![library("a", &["g"])], Policy::Replace)), Err("ERR Function g already exists".into()));
        assert_eq!((all.all().len(), all.functions(), all.bytes()), (2, 2, 2));
        all.add(vec![library("a", &["f", "i"])], Policy::Replace).unwrap();
        assert_eq!((all.functions(), all.find(b"i").is_some(), all.find(b"h").is_some()), (3, true, false));
        all.add(vec![library("z", &["f"])], Policy::Flush).unwrap();
        assert_eq!(all.all().len(), 1);
        assert!(all.remove(b"z") && !all.remove(b"z"));
    }

    #[test]
    fn the_first_line_names_the_library() {
        let told = |code: &str| heading(code.as_bytes()).map(|(name, _)| name.into_string()).map_err(|fault| fault.text().into_owned());
        assert_eq!(told("#!LUA  name=x_1 \nreturn"), Ok("x_1".into()));
        for (code, error) in [
            ("return", "ERR Missing library metadata"),
            ("#!lua name=x", "ERR Invalid library metadata"),
            ("#!lua\n", "ERR Library name was not given"),
            ("#!lua name=a name=b\n", "ERR Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=1\n", "ERR Invalid metadata value given: foo=1"),
            ("#!js name=x\n", "ERR Engine 'js' not found"),
            ("#!lua name=a-b\n", BAD_NAME),
            ("#!lua name=\n", BAD_NAME),
        ] {
            assert_eq!(told(code), Err(error.into()), "{code}");
        }
    }
}
