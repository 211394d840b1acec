//! The text of a script, what its first line asks for, and what is known of it.

use std::sync::Arc;

use super::sha1::Digest;
use crate::command::Fault;

/// A script as everybody knows it. Each thread that runs it compiles it for itself.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) digest: Digest,
    pub(crate) text: Arc<[u8]>,
    /// Where what Lua compiles begins: behind the `#!` line, if there is one.
    pub(super) body_at: usize,
    pub(super) flags: ScriptFlags,
    /// It looks at no key but those it is given.
    pub(crate) is_proven: bool,
}

/// What a script says of itself: `#!lua flags=no-writes,allow-stale`, or the flags of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptFlags {
    bits: u8,
    /// It says something of itself: a script that has no `#!` line may do what its commands may.
    pub(super) declared: bool,
}

/// In the order in which Redis lists them.
const FLAGS: [&str; 5] = ["no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"];

impl ScriptFlags {
    /// The flag of that name; false if there is none.
    pub(super) fn add(&mut self, name: &[u8]) -> bool {
        match FLAGS.iter().position(|flag| flag.as_bytes() == name) {
            Some(bit) => {
                self.bits |= 1 << bit;
                true
            }
            None => false,
        }
    }

    /// As those of a function: it may write unless it says otherwise.
    pub(super) fn declared(self) -> ScriptFlags {
        ScriptFlags { declared: true, ..self }
    }

    pub(crate) fn no_writes(self) -> bool {
        self.bits & 1 != 0
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        FLAGS.into_iter().enumerate().filter(move |(bit, _)| self.bits & (1 << bit) != 0).map(|(_, name)| name)
    }
}

impl Source {
    /// Reads the first line. Nothing is compiled yet.
    ///
    /// # Errors
    /// What the client is told of a `#!` line that says nothing we know.
    pub(super) fn new(text: &[u8], digest: Digest) -> Result<Source, Fault> {
        let mut source = Source { digest, text: text.into(), body_at: 0, flags: ScriptFlags::default(), is_proven: false };
        if text.starts_with(b"#!") {
            source.flags.declared = true;
            let (line, body_at) = shebang(text)?;
            source.body_at = body_at;
            for option in line {
                let Some(flags) = option.strip_prefix(b"flags=") else {
                    return Err(Fault::told(format!("ERR Unknown lua shebang option: {}", String::from_utf8_lossy(option))));
                };
                for flag in flags.split(|&byte| byte == b',').filter(|_| !flags.is_empty()) {
                    if !source.flags.add(flag) {
                        return Err(Fault::told(format!("ERR Unexpected flag in script shebang: {}", String::from_utf8_lossy(flag))));
                    }
                }
            }
        }
        Ok(source)
    }

    /// What Lua compiles: the line end of a `#!` line stays, so that lines have their numbers.
    pub(super) fn body(&self) -> &[u8] {
        self.text.get(self.body_at..).unwrap_or_default()
    }
}

/// The words of the `#!lua` line behind the engine's name, and where the line ends.
fn shebang(text: &[u8]) -> Result<(impl Iterator<Item = &[u8]>, usize), Fault> {
    let end = memchr::memchr(b'\n', text).ok_or(Fault::Because("ERR Invalid script shebang"))?;
    let mut words = text[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(Fault::told(format!("ERR Unexpected engine in script shebang: {}", String::from_utf8_lossy(engine))));
    }
    Ok((words, end))
}
