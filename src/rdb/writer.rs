//! A whole file, written as it goes: what is in it is handed in, bytes are taken out. `file` draws what they look like.

use super::encode::{self, Form, Pack};
use super::{crc64, file, scribe};
use crate::store::Entry;

/// How a key was used, where that is worth keeping.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// Seconds since the last time.
    Idle(u32),
    /// The logarithmic counter of the LFU policies.
    Frequency(u8),
}

/// Writes one file.
pub(crate) struct Writer {
    /// What was not taken out.
    bytes: Vec<u8>,
    /// Of what was.
    checksum: u64,
    has_checksum: bool,
}

impl Writer {
    /// Begins a file of a version, with facts about it: names and texts.
    pub(crate) fn new(version: u16, facts: &[(&str, &str)]) -> Writer {
        let mut bytes = format!("REDIS{version:04}").into_bytes();
        for (name, text) in facts {
            bytes.push(file::FACT);
            encode::string(name.as_bytes(), Pack::Plain, &mut bytes);
            encode::string(text.as_bytes(), Pack::Plain, &mut bytes);
        }
        Writer { bytes, checksum: 0, has_checksum: true }
    }

    /// Ends the file without a checksum: with a zero, which readers take for none.
    pub(crate) fn without_checksum(&mut self) {
        self.has_checksum = false;
    }

    /// A library of functions.
    pub(crate) fn library(&mut self, source: &[u8]) {
        self.bytes.push(file::FUNCTION);
        encode::string(source, Pack::Compressed, &mut self.bytes);
    }

    /// The entries that follow are in this database.
    pub(crate) fn database(&mut self, number: usize) {
        self.bytes.push(file::DATABASE);
        encode::length(number as u64, &mut self.bytes);
    }

    /// The database has so many keys, and so many with deadlines: a reader may make ready for them.
    pub(crate) fn sizes(&mut self, keys: usize, volatile: usize) {
        self.bytes.push(file::SIZES);
        encode::length(keys as u64, &mut self.bytes);
        encode::length(volatile as u64, &mut self.bytes);
    }

    pub(crate) fn entry(&mut self, entry: Entry<'_>, usage: Use) {
        let form = Form::of(entry);
        scribe::write_front(entry, Some(usage), &form, Pack::Compressed, &mut self.bytes);
        form.write(Pack::Compressed, &mut self.bytes);
    }

    /// Ends the file: what is taken out after this is the last of it.
    pub(crate) fn finish(&mut self) {
        self.bytes.push(file::END);
        let checksum = if self.has_checksum { crc64::update(self.checksum, &self.bytes) } else { 0 };
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
    }

    /// How many bytes are there to be taken out.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Hands the bytes over that have been written since the last time.
    pub(crate) fn take<R>(&mut self, visit: impl FnOnce(&[u8]) -> R) -> R {
        if self.has_checksum {
            self.checksum = crc64::update(self.checksum, &self.bytes);
        }
        let result = visit(&self.bytes);
        self.bytes.clear();
        result
    }

    /// Bytes that others have written, entries of an image, go by: the caller puts them behind what was taken out.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        debug_assert!(self.bytes.is_empty(), "what came before has been taken out");
        if self.has_checksum {
            self.checksum = crc64::update(self.checksum, bytes);
        }
    }
}
