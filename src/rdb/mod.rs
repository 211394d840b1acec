//! The written form of data: what DUMP answers, RESTORE takes, and the files that Redis and Valkey leave behind.
//!
//! Read downwards: `encode` writes a value and `decode` reads one, each with [`stream`] for the longest of them; `row` reads the
//! packed rows of all versions, `source` lengths and strings; `lzf` and `crc64` are what they are called. `file` reads a whole file
//! of many values, `writer` makes one, and `scribe` writes the entries of a keyspace's image. docs/rdb.md draws every form byte by byte.
//!
//! Everything here is a function of bytes: no file, no clock. What comes in is a stranger's: it is checked against the bytes that are
//! there before anything is allocated for it, and becomes values of our own making or nothing.

mod crc64;
mod decode;
mod encode;
mod file;
mod functions;
mod lzf;
mod row;
mod scribe;
mod source;
mod stream;
mod writer;

use crate::store::Entry;
use crate::store::Value;
use crate::store::types::Thresholds;
pub(crate) use encode::Pack;
pub(crate) use file::{Item, Reader, Record, Wrong};
pub(crate) use functions::{dump_functions, restore_functions};
pub(crate) use scribe::{Clerk, Usage};
pub(crate) use source::Flaw;
pub(crate) use writer::{Use, Writer};

/// What is written: the version of Redis 7.0, which every later one and every Valkey reads.
pub(crate) const VERSION: u16 = 10;
/// What is written where members of a collection have deadlines of their own: Redis 7.4 and Redis 8.
pub(crate) const VERSION_WITH_DEADLINES: u16 = 12;
/// The last version of Redis that is understood whole.
const REDIS_VERSION_MAX: u16 = 12;
/// Valkey counts from here on, to be told apart: the meaning of the types above 21 is its own.
const VALKEY_VERSIONS: std::ops::RangeInclusive<u16> = 80..=81;
/// Version and checksum behind a dumped value.
const FOOTER_BYTES: usize = 10;

/// Whose numbers the types are, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lineage {
    Redis,
    Valkey,
}

impl Lineage {
    /// Who writes this version, if we read it.
    fn of(version: u16) -> Option<Lineage> {
        match version {
            1..=REDIS_VERSION_MAX => Some(Lineage::Redis),
            _ if VALKEY_VERSIONS.contains(&version) => Some(Lineage::Valkey),
            _ => None,
        }
    }
}

/// Why a dumped value is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not a dump, one of a version we do not read, or one that was damaged on its way.
    Envelope,
    /// What it holds is not sound.
    Body(Flaw),
}

/// A value as DUMP answers it: its type, the value, the version, a checksum of all that.
pub(crate) fn dump(entry: Entry<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    let form = encode::Form::of(entry);
    payload.push(form.code());
    form.write(Pack::Compressed, &mut payload);
    payload.extend_from_slice(&form.version().to_le_bytes());
    payload.extend_from_slice(&crc64::update(0, &payload).to_le_bytes());
    payload
}

/// How many bytes a value takes when it is written.
pub(crate) fn written_bytes(entry: Entry<'_>) -> usize {
    let mut bytes = Vec::new();
    encode::Form::of(entry).write(Pack::Compressed, &mut bytes);
    bytes.len()
}

/// The value in a dump.
pub(crate) fn restore(payload: &[u8], thresholds: &Thresholds) -> Result<Value, Refused> {
    let (body, footer) = payload.split_last_chunk::<FOOTER_BYTES>().ok_or(Refused::Envelope)?;
    let (version, checksum) = footer.split_first_chunk::<2>().ok_or(Refused::Envelope)?;
    let lineage = Lineage::of(u16::from_le_bytes(*version)).ok_or(Refused::Envelope)?;
    if crc64::update(crc64::update(0, body), version).to_le_bytes() != checksum {
        return Err(Refused::Envelope);
    }
    decode_whole(body, lineage, thresholds).map_err(Refused::Body)
}

fn decode_whole(body: &[u8], lineage: Lineage, thresholds: &Thresholds) -> Result<Value, Flaw> {
    let mut source = source::Source::new(body);
    let code = source.byte()?;
    let value = decode::value(code, &mut source, lineage, thresholds)?;
    if !source.is_at_end() {
        return Err(Flaw::Broken("bytes behind the value"));
    }
    if decode::is_hollow(&value) {
        return Err(Flaw::Broken("a collection without elements"));
    }
    Ok(value)
}

/// The checksum of what `before` is the checksum of, followed by `bytes`: CRC-64 as in dumps and files. That of nothing is 0.
pub(crate) fn checksum(before: u64, bytes: &[u8]) -> u64 {
    crc64::update(before, bytes)
}
