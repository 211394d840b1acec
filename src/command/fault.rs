//! What the client is told when a command cannot be done: one cause, one text, exactly Redis's.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// A reason to refuse a command. Its text begins with the code word that clients match on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    WrongType,
    NotInteger,
    NotFloat,
    Syntax,
    NoSuchKey,
    OffsetOutOfRange,
    /// A string would pass proto-max-bulk-len.
    StringTooLong,
    /// `value is out of range, must be positive`
    NotPositive,
    Overflow,
    DecrementOverflow,
    NanOrInfinity,
    DatabaseOutOfRange,
    SameObject,
    InvalidCursor,
    NanScore,
    MinMaxNotFloat,
    /// The named command was given a deadline that cannot be.
    InvalidExpire(&'static str),
    /// Wrong number of words, told by the row that looks closer than the table can (MSET with an odd number).
    Arity(&'static str),
    /// What the call asks for is not there yet, and it may wait: nobody is told.
    Nothing,
    /// A fixed text of a single command, with its code word.
    Because(&'static str),
    /// A text made for the occasion, with its code word.
    Told(Box<str>),
}

impl Fault {
    /// The text after `-`, code word included. CR and LF inside are replaced when it is written.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Fault::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Fault::NotInteger => "ERR value is not an integer or out of range",
            Fault::NotFloat => "ERR value is not a valid float",
            Fault::Syntax => "ERR syntax error",
            Fault::NoSuchKey => "ERR no such key",
            Fault::OffsetOutOfRange => "ERR offset is out of range",
            Fault::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Fault::NotPositive => "ERR value is out of range, must be positive",
            Fault::Overflow => "ERR increment or decrement would overflow",
            Fault::DecrementOverflow => "ERR decrement would overflow",
            Fault::NanOrInfinity => "ERR increment would produce NaN or Infinity",
            Fault::DatabaseOutOfRange => "ERR DB index is out of range",
            Fault::SameObject => "ERR source and destination objects are the same",
            Fault::InvalidCursor => "ERR invalid cursor",
            Fault::NanScore => "ERR resulting score is not a number (NaN)",
            Fault::MinMaxNotFloat => "ERR min or max is not a float",
            Fault::InvalidExpire(command) => return Cow::Owned(format!("ERR invalid expire time in '{command}' command")),
            Fault::Arity(command) => return Cow::Owned(format!("ERR wrong number of arguments for '{command}' command")),
            Fault::Nothing => "ERR nothing yet",
            Fault::Because(text) => text,
            Fault::Told(text) => text,
        })
    }

    /// Counts it under its code word, the first of its text.
    pub(crate) fn count_in(&self, counts: &mut BTreeMap<Box<str>, u64>) {
        let text = self.text();
        let code = text.split(' ').next().unwrap_or_default();
        match counts.get_mut(code) {
            Some(count) => *count += 1,
            None => {
                counts.insert(code.into(), 1);
            }
        }
    }

    /// A text made for the occasion.
    pub(crate) fn told(text: impl Into<String>) -> Fault {
        Fault::Told(text.into().into_boxed_str())
    }
}
