//! A stream: its entries, the groups that consume them, and what is remembered of its producers.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::group::Groups;
use super::producers::Producers;
pub use super::stream_log::{Log, LogRange};
pub use super::stream_node::Fields;
use crate::store::memory::size_class;
use crate::store::value::{Kind, Typed, Value};

/// The id of an entry: milliseconds and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub ms: u64,
    pub seq: u64,
}

/// The longest id: two u64 and a dash.
pub const ID_BYTES_MAX: usize = 41;

impl Id {
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    pub const MAX: Id = Id { ms: u64::MAX, seq: u64::MAX };

    /// Reads `ms-seq`, or `ms` alone with the given sequence number. `-`, `+`, `*` and `(` are matters of single commands.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Id> {
        match text.iter().position(|byte| *byte == b'-') {
            Some(dash) => Some(Id { ms: parse_number(&text[..dash])?, seq: parse_number(&text[dash + 1..])? }),
            None => Some(Id { ms: parse_number(text)?, seq: missing_seq }),
        }
    }

    /// The id after this one, unless it is the last of all.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { ms: self.ms, seq }),
            None => Some(Id { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before this one, unless it is the first of all.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { ms: self.ms, seq }),
            None => Some(Id { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// The id as clients see it, written into `scratch`.
    pub fn write(self, scratch: &mut [u8; ID_BYTES_MAX]) -> &[u8] {
        let mut buffer = itoa::Buffer::new();
        let ms = buffer.format(self.ms).as_bytes();
        let mut len = ms.len();
        scratch[..len].copy_from_slice(ms);
        scratch[len] = b'-';
        len += 1;
        let seq = buffer.format(self.seq).as_bytes();
        scratch[len..len + seq.len()].copy_from_slice(seq);
        &scratch[..len + seq.len()]
    }
}

/// A number as Redis reads one here, which is laxer than elsewhere: spaces and a plus before it, and leading zeros.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An id that is not above the last one of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// What to keep of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Trim {
    /// So many entries, the newest.
    MaxLen(u64),
    /// The entries from this id on.
    MinId(Id),
}

/// How precisely to trim.
#[derive(Clone, Copy, Debug)]
pub enum Precision {
    Exact,
    /// Whole nodes only, and at most `limit` entries, if it is not 0.
    Nodes {
        limit: usize,
    },
}

/// What becomes of a group's pending entries when their entry is deleted or trimmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They stay, and tell of an entry that is gone.
    #[default]
    Keep,
    /// They go too.
    Delete,
    /// An entry is only removed if every group has read it and none has it pending.
    Acknowledged,
}

/// What XDELEX and XACKDEL say of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Missing,
    Done,
    /// Somebody has not acknowledged it yet.
    Referenced,
}

/// A stream. One without entries is still a stream: its ids must not start again, and groups wait at it.
///
/// It reads and writes as its [`Log`]; only what concerns groups or producers too is here.
#[derive(Debug, Default)]
pub struct Stream {
    log: Log,
    groups: Groups,
    /// Of those who add entries under names of their own; most streams have none.
    producers: Option<Box<Producers>>,
}

impl Deref for Stream {
    type Target = Log;

    fn deref(&self) -> &Log {
        &self.log
    }
}

impl DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Log {
        &mut self.log
    }
}

impl Stream {
    pub fn new() -> Stream {
        Stream::default()
    }

    /// A stream that is nothing but these groups: how groups too large to be freed at once are handed on.
    pub fn of_groups(groups: Groups) -> Stream {
        Stream { groups, ..Stream::default() }
    }

    /// What OBJECT ENCODING says.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }

    /// Bytes as allocated, besides the value itself; of the maps estimates.
    pub fn heap_bytes(&self) -> usize {
        let producers = self.producers.as_ref().map_or(0, |producers| size_class(size_of::<Producers>()) + producers.heap_bytes());
        self.log.heap_bytes() + self.groups.heap_bytes() + producers
    }

    /// How many things there are to free, one by one.
    pub fn weight(&self) -> usize {
        self.log.nodes() + self.groups.pending()
    }

    pub fn duplicate(&self) -> Stream {
        Stream { log: self.log.duplicate(), groups: self.groups.clone(), producers: self.producers.clone() }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// The entries, to be read, and the groups, to be changed meanwhile.
    pub fn parts(&mut self) -> (&Log, &mut Groups) {
        (&self.log, &mut self.groups)
    }

    pub fn producers(&self) -> Option<&Producers> {
        self.producers.as_deref()
    }

    /// What is remembered of producers; from now on something is.
    pub fn producers_mut(&mut self) -> &mut Producers {
        self.producers.get_or_insert_default()
    }

    /// Deletes entries whatever is pending, or only where nothing is. What is said of each id comes in the order asked.
    pub fn delete_all(&mut self, ids: &[Id], references: References) -> Vec<Deletion> {
        let read_by_all = self.groups.read_by_all();
        let mut pending = self.groups.references();
        let verdicts: Vec<Deletion> = ids
            .iter()
            .map(|id| match references {
                References::Acknowledged if self.log.get(*id).is_none() => Deletion::Missing,
                // Without groups nobody has acknowledged anything: so says the documentation.
                References::Acknowledged if read_by_all.is_none_or(|read| *id > read) || pending.has(*id) => Deletion::Referenced,
                _ if self.log.delete(*id) => Deletion::Done,
                _ => Deletion::Missing,
            })
            .collect();
        if references == References::Delete {
            self.groups.forget(ids);
        }
        verdicts
    }

    /// Trims the entries, and says how many went. What is pending is dealt with as asked.
    pub fn trim_with(&mut self, keep: Trim, precision: Precision, references: References) -> usize {
        match references {
            _ if self.groups.is_empty() => self.log.trim(keep, precision),
            References::Keep => self.log.trim(keep, precision),
            References::Delete => {
                let Some(first) = self.log.first_id() else { return 0 };
                let trimmed = self.log.trim(keep, precision);
                if trimmed > 0 {
                    self.groups.forget_range(first, self.log.first_id());
                }
                trimmed
            }
            References::Acknowledged => self.trim_acknowledged(keep, precision),
        }
    }

    /// Removes the oldest entries that nobody waits for, until the rest is what is to be kept.
    fn trim_acknowledged(&mut self, keep: Trim, precision: Precision) -> usize {
        let Some(read_by_all) = self.groups.read_by_all() else { return 0 };
        let limit = match precision {
            Precision::Exact | Precision::Nodes { limit: 0 } => usize::MAX,
            Precision::Nodes { limit } => limit,
        };
        let mut pending = self.groups.references();
        let mut gone = Vec::new();
        // So many go before the first that stays: they leave no gap.
        let mut leading = None;
        for (id, _) in self.log.range(Id::MIN, read_by_all, false) {
            let enough = match keep {
                Trim::MaxLen(len) => self.log.len() - gone.len() <= usize::try_from(len).unwrap_or(usize::MAX),
                Trim::MinId(min) => id >= min,
            };
            if enough || gone.len() >= limit {
                break;
            }
            if pending.has(id) {
                leading.get_or_insert(gone.len());
            } else {
                gone.push(id);
            }
        }
        let trimmed = gone.len();
        for id in gone.drain(leading.unwrap_or(trimmed)..) {
            self.log.delete(id);
        }
        if !gone.is_empty() {
            self.log.trim(Trim::MaxLen((self.log.len() - gone.len()) as u64), Precision::Exact);
        }
        trimmed
    }
}

impl Typed for Stream {
    const KIND: Kind = Kind::Stream;

    fn from_value(value: Value) -> Option<Box<Stream>> {
        if let Value::Stream(stream) = value { Some(stream) } else { None }
    }

    fn into_value(self: Box<Stream>) -> Value {
        Value::Stream(self)
    }

    fn heap_bytes(&self) -> usize {
        self.heap_bytes()
    }

    fn is_empty(&self) -> bool {
        self.log.is_empty()
    }
}

#[cfg(test)]
mod tests;
