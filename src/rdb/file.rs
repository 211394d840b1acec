//! A whole file, read as it comes: bytes are handed in in pieces of any size, items come out.
//!
//! ```text
//! file      | "REDIS" or "VALKEY" | version, digits up to the ninth byte | item, item, ... | 0xff | checksum u64 |     from version 5 on
//! item      | 0xfe | database |                              0xfb | keys | of these with deadlines |
//!           | 0xfa | name | text |                           a fact about the file
//!           | 0xf5 | code of a library of functions |        0xf6: of a release candidate
//!           | 0xf7 | module's type | 2 | when | parts |      what a module remembers besides its keys
//!           | 0xf4 | slot | keys | of these with deadlines | 0xf3: slots on their way in (Valkey)
//!           | deadline | use | type | key | value |          deadline and use only where there are such
//! deadline  | 0xfc | milliseconds u64 |                      0xfd | seconds u32 |
//! use       | 0xf8 | seconds since the last |                0xf9 | frequency, one byte |
//! ```
//!
//! A value is decoded as soon as all of it is there; one that is not yet whole is tried again when twice as much is there, so that
//! every byte is looked at a few times at most.

use super::source::Source;
use super::{Flaw, Lineage, crc64, decode};
use crate::store::Value;
use crate::store::types::Thresholds;
use crate::time::UnixMillis;

const SLOT_IMPORT: u8 = 0xf3;
const SLOT_INFO: u8 = 0xf4;
pub(super) const FUNCTION: u8 = 0xf5;
const FUNCTION_OF_CANDIDATE: u8 = 0xf6;
const MODULE: u8 = 0xf7;
pub(super) const IDLE: u8 = 0xf8;
pub(super) const FREQUENCY: u8 = 0xf9;
pub(super) const FACT: u8 = 0xfa;
pub(super) const SIZES: u8 = 0xfb;
pub(super) const DEADLINE_MS: u8 = 0xfc;
const DEADLINE_SECONDS: u8 = 0xfd;
pub(super) const DATABASE: u8 = 0xfe;
pub(super) const END: u8 = 0xff;

const MAGIC_BYTES: usize = 9;
/// Files of earlier versions end without a checksum.
const CHECKED_VERSION_MIN: u16 = 5;
/// What was consumed is let go of when it is more than this, and more than what is left.
const CONSUMED_BYTES_MAX: usize = 64 << 10;

/// Something in a file.
#[derive(Debug)]
pub(crate) enum Item {
    /// The beginning.
    Version {
        number: u16,
        valkey: bool,
    },
    Fact {
        name: Vec<u8>,
        text: Vec<u8>,
    },
    /// The keys that follow are in this database.
    Database(u64),
    /// The source text of a library of functions.
    Function(Vec<u8>),
    Key(Box<Record>),
    /// What is there and is passed over.
    Skipped(String),
    /// The end, where the checksum was right, or was not written.
    End {
        is_checked: bool,
    },
}

/// A key and all that is said of it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Value,
    pub(crate) deadline: Option<UnixMillis>,
    pub(crate) idle_seconds: Option<u64>,
    pub(crate) frequency: Option<u8>,
}

/// Where a file is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// An offset into the file.
    pub(crate) at: u64,
    /// The key whose value it is, if it is one's.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) flaw: Flaw,
}

/// Reads one file.
pub(crate) struct Reader {
    /// What was handed in and not let go of.
    buffer: Vec<u8>,
    /// What of it was consumed.
    consumed: usize,
    /// Bytes of the file that were let go of.
    passed: u64,
    /// The next item is tried when so many bytes that were not consumed are there, or all.
    wanted: usize,
    is_whole: bool,
    checksum: u64,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Magic,
    Items(u16, Lineage),
    Ended,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader { buffer: Vec::new(), consumed: 0, passed: 0, wanted: 1, is_whole: false, checksum: 0, stage: Stage::Magic }
    }

    /// Hands in the next piece of the file.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that there is no more.
    pub(crate) fn finish(&mut self) {
        self.is_whole = true;
    }

    /// The next item. None if more bytes are needed, or behind the end.
    pub(crate) fn next(&mut self, thresholds: &Thresholds) -> Result<Option<Item>, Wrong> {
        let rest = self.buffer.get(self.consumed..).unwrap_or_default();
        if matches!(self.stage, Stage::Ended) || rest.len() < self.wanted && !self.is_whole {
            return Ok(None);
        }
        let (mut source, mut key) = (Source::new(rest), None);
        let item = match self.stage {
            Stage::Items(version, lineage) => item(&mut source, version, lineage, self.checksum, &mut key, thresholds),
            _ => magic(&mut source),
        };
        let at = source.position();
        match item {
            Ok(item) => {
                self.stage = match (&item, self.stage) {
                    (Item::Version { number, .. }, _) => Stage::Items(*number, Lineage::of(*number).unwrap_or(Lineage::Redis)),
                    (Item::End { .. }, _) => Stage::Ended,
                    (_, stage) => stage,
                };
                self.checksum = crc64::update(self.checksum, &rest[..at]);
                self.consumed += at;
                self.wanted = 1;
                self.let_go();
                Ok(Some(item))
            }
            Err(Flaw::Short) if !self.is_whole => {
                self.wanted = rest.len().saturating_mul(2).max(1);
                Ok(None)
            }
            Err(flaw) => Err(Wrong { at: self.passed + (self.consumed + at) as u64, key, flaw }),
        }
    }

    /// What was handed in behind the end of the file: an append-only log may begin there.
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer.get(self.consumed..).unwrap_or_default()
    }

    fn let_go(&mut self) {
        if self.consumed > CONSUMED_BYTES_MAX && self.consumed > self.buffer.len() / 2 {
            self.passed += self.consumed as u64;
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
    }
}

fn magic(source: &mut Source<'_>) -> Result<Item, Flaw> {
    const NO_MAGIC: Flaw = Flaw::Broken("this is no RDB file: it begins neither with REDIS nor with VALKEY");
    let magic: [u8; MAGIC_BYTES] = source.array()?;
    let (valkey, digits) = match (magic.strip_prefix(b"REDIS"), magic.strip_prefix(b"VALKEY")) {
        (Some(digits), _) => (false, digits),
        (None, Some(digits)) => (true, digits),
        (None, None) => return Err(NO_MAGIC),
    };
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok()).ok_or(NO_MAGIC)?;
    match Lineage::of(number) {
        Some(lineage) if valkey == (lineage == Lineage::Valkey) => Ok(Item::Version { number, valkey }),
        _ => Err(Flaw::foreign(format!("version {number} of the format, which is not read"))),
    }
}

fn item(
    source: &mut Source<'_>,
    version: u16,
    lineage: Lineage,
    checksum: u64,
    key: &mut Option<Vec<u8>>,
    thresholds: &Thresholds,
) -> Result<Item, Flaw> {
    let (mut deadline, mut idle_seconds, mut frequency) = (None, None, None);
    loop {
        let opcode = source.byte()?;
        // Between a deadline and its key there is nothing but the key's use.
        let begun = deadline.is_some() || idle_seconds.is_some() || frequency.is_some();
        match opcode {
            DEADLINE_MS => deadline = Some(time(source.millis()?)),
            DEADLINE_SECONDS => deadline = Some(time(i64::from(i32::from_le_bytes(source.array()?)).saturating_mul(1000))),
            IDLE => idle_seconds = Some(source.length()?),
            FREQUENCY => frequency = Some(source.byte()?),
            _ if begun && opcode >= SLOT_IMPORT => return Err(Flaw::Broken("a deadline without a key")),
            DATABASE => return source.length().map(Item::Database),
            SIZES => {
                // Hints: nothing is made ready for keys that were only announced.
                source.length()?;
                source.length()?;
                return Ok(Item::Skipped("sizes of tables".to_owned()));
            }
            FACT => {
                let (name, text) = (source.string()?.into_owned(), source.string()?.into_owned());
                return Ok(Item::Fact { name, text });
            }
            FUNCTION => return Ok(Item::Function(source.string()?.into_owned())),
            FUNCTION_OF_CANDIDATE => return Err(Flaw::foreign("functions as release candidates of Redis 7.0 wrote them")),
            MODULE => {
                let module = decode::module_type(source.length()?);
                // When it is to be handed to the module: a number and its value.
                source.length()?;
                source.length()?;
                skip_parts(source)?;
                return Ok(Item::Skipped(format!("what the module type '{module}' keeps besides keys")));
            }
            SLOT_INFO => {
                for _ in 0..3 {
                    source.length()?;
                }
                return Ok(Item::Skipped("sizes of a slot".to_owned()));
            }
            SLOT_IMPORT if lineage == Lineage::Valkey => {
                source.string()?;
                for _ in 0..source.length()?.saturating_mul(2) {
                    source.length()?;
                }
                return Ok(Item::Skipped("slots that were on their way in".to_owned()));
            }
            END => return end(source, version, checksum),
            SLOT_IMPORT => return Err(Flaw::foreign("data about keys that only a newer Redis has")),
            code => {
                let name = &*key.insert(source.string()?.into_owned());
                let value = decode::value(code, source, lineage, thresholds)?;
                if decode::is_hollow(&value) {
                    return Ok(Item::Skipped("keys without elements".to_owned()));
                }
                return Ok(Item::Key(Box::new(Record { key: name.clone(), value, deadline, idle_seconds, frequency })));
            }
        }
    }
}

/// A deadline before the epoch is one that has passed.
fn time(millis: i64) -> UnixMillis {
    UnixMillis(u64::try_from(millis).unwrap_or(0))
}

fn end(source: &mut Source<'_>, version: u16, checksum: u64) -> Result<Item, Flaw> {
    if version < CHECKED_VERSION_MIN {
        return Ok(Item::End { is_checked: false });
    }
    let expected = u64::from_le_bytes(source.array()?);
    // Servers that are told not to checksum write a zero.
    if expected != 0 && expected != crc64::update(checksum, &[END]) {
        return Err(Flaw::Broken("the checksum is another than the data has"));
    }
    Ok(Item::End { is_checked: expected != 0 })
}

/// The parts a module wrote: each says of which kind it is, so that they can be skipped.
fn skip_parts(source: &mut Source<'_>) -> Result<(), Flaw> {
    loop {
        match source.length()? {
            0 => return Ok(()),
            1 | 2 => drop(source.length()?),
            3 => drop(source.array::<4>()?),
            4 => drop(source.array::<8>()?),
            5 => drop(source.string()?),
            _ => return Err(Flaw::Broken("a part of a module's that is of no kind")),
        }
    }
}
