//! The options that HGETEX and HSETEX share: until when fields live, on what condition they are written, and which they are.
//!
//! They may come in any order, before the fields or behind them, as in Redis since 8.4; its older grammar is a part of that.

use crate::command::{Args, Fault, members};
use crate::time::UnixMillis;

const CONFLICT_OF_SET: &str = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
const CONFLICT_OF_GET: &str = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified";
const CONFLICT_OF_CONDITIONS: &str = "ERR Only one of FXX or FNX arguments can be specified";
const CONFLICT_OF_KEY_CONDITIONS: &str = "ERR Only one of NX or XX arguments can be specified";
const NO_TIME: &str = "ERR missing expire time";
const NO_COUNT: &str = "ERR invalid number of fields";
const NO_FIELDS: &str = "ERR missing FIELDS argument";
const FIELDS_TWICE: &str = "ERR FIELDS keyword specified multiple times";

/// Which of the two commands is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Get,
    Set,
}

/// What the options say about the deadlines of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    Unsaid,
    /// KEEPTTL, of HSETEX.
    Keep,
    /// PERSIST, of HGETEX.
    Persist,
    /// EX, PX, EXAT or PXAT; it may have passed.
    Until(UnixMillis),
}

/// On what condition something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    #[default]
    Always,
    Missing,
    Present,
}

/// A call, read.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) lifetime: Lifetime,
    /// FNX, FXX: none or all of the fields are there.
    pub(super) fields: Condition,
    /// NX, XX, which Valkey has: whether the key is there.
    pub(super) key: Condition,
    /// The word of the first field.
    pub(super) first: usize,
    /// How many fields there are, with a value behind each in HSETEX.
    pub(super) count: usize,
}

impl Options {
    pub(super) fn read(args: &Args<'_>, command: Command, now: UnixMillis) -> Result<Options, Fault> {
        let width = if command == Command::Set { 2 } else { 1 };
        let mut read = Options { lifetime: Lifetime::Unsaid, fields: Condition::default(), key: Condition::default(), first: 0, count: 0 };
        let mut at = 2;
        while at < args.len() {
            let word = args.get(at);
            at += 1;
            if word.eq_ignore_ascii_case(b"fields") {
                if read.count > 0 {
                    return Err(Fault::Because(FIELDS_TWICE));
                }
                (read.first, read.count) = (at + 1, count_of(args, at, width, command)?);
                at = read.first + read.count * width;
            } else if let Some((unit_millis, since)) = unit_of(word, now) {
                read.say(Lifetime::Keep, command)?;
                if at == args.len() {
                    return Err(Fault::Because(NO_TIME));
                }
                read.lifetime = Lifetime::Until(members::moment(args.get(at), unit_millis, since, args.get(0))?);
                at += 1;
            } else if command == Command::Set && word.eq_ignore_ascii_case(b"keepttl") {
                read.say(Lifetime::Keep, command)?;
            } else if command == Command::Get && word.eq_ignore_ascii_case(b"persist") {
                read.say(Lifetime::Persist, command)?;
            } else if command == Command::Get || !read.condition(word)? {
                return Err(Fault::told(format!("ERR unknown argument: {}", String::from_utf8_lossy(word))));
            }
        }
        if read.count == 0 {
            return Err(Fault::Because(NO_FIELDS));
        }
        Ok(read)
    }

    /// Notes what is said about the deadlines, which may be said once.
    fn say(&mut self, lifetime: Lifetime, command: Command) -> Result<(), Fault> {
        if self.lifetime != Lifetime::Unsaid {
            return Err(Fault::Because(if command == Command::Set { CONFLICT_OF_SET } else { CONFLICT_OF_GET }));
        }
        self.lifetime = lifetime;
        Ok(())
    }

    /// Takes `word`, if it is a condition; each kind may be said once.
    fn condition(&mut self, word: &[u8]) -> Result<bool, Fault> {
        let (kind, condition, conflict) = if word.eq_ignore_ascii_case(b"fnx") {
            (&mut self.fields, Condition::Missing, CONFLICT_OF_CONDITIONS)
        } else if word.eq_ignore_ascii_case(b"fxx") {
            (&mut self.fields, Condition::Present, CONFLICT_OF_CONDITIONS)
        } else if word.eq_ignore_ascii_case(b"nx") {
            (&mut self.key, Condition::Missing, CONFLICT_OF_KEY_CONDITIONS)
        } else if word.eq_ignore_ascii_case(b"xx") {
            (&mut self.key, Condition::Present, CONFLICT_OF_KEY_CONDITIONS)
        } else {
            return Ok(false);
        };
        if *kind != Condition::Always {
            return Err(Fault::Because(conflict));
        }
        *kind = condition;
        Ok(true)
    }
}

impl Condition {
    /// Whether it holds where some of what it is about is there (`any`), or all of it is.
    pub(super) fn holds(self, any: impl FnOnce() -> bool, all: impl FnOnce() -> bool) -> bool {
        match self {
            Condition::Always => true,
            Condition::Missing => !any(),
            Condition::Present => all(),
        }
    }
}

/// The count of fields at word `at`, behind which there are as many.
fn count_of(args: &Args<'_>, at: usize, width: usize, command: Command) -> Result<usize, Fault> {
    let arity = Fault::Arity(if command == Command::Set { "hsetex" } else { "hgetex" });
    if at >= args.len() {
        return Err(arity);
    }
    let count = args.int(at).ok().filter(|&count| (1..=i64::from(i32::MAX)).contains(&count));
    let count = count.and_then(|count| usize::try_from(count).ok()).ok_or(Fault::Because(NO_COUNT))?;
    if count.saturating_mul(width) > args.len() - at - 1 {
        return Err(arity);
    }
    Ok(count)
}

/// What the operand of an option counts, and from when on.
fn unit_of(word: &[u8], now: UnixMillis) -> Option<(i64, UnixMillis)> {
    const EPOCH: UnixMillis = UnixMillis(0);
    if word.eq_ignore_ascii_case(b"ex") {
        Some((1000, now))
    } else if word.eq_ignore_ascii_case(b"px") {
        Some((1, now))
    } else if word.eq_ignore_ascii_case(b"exat") {
        Some((1000, EPOCH))
    } else if word.eq_ignore_ascii_case(b"pxat") {
        Some((1, EPOCH))
    } else {
        None
    }
}
