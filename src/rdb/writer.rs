//! A whole file, written as it goes: entries are handed in, bytes are taken out. `file` draws what they look like.

use super::encode::{self, Form};
use super::{VERSION, VERSION_WITH_DEADLINES, crc64, file};
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
}

impl Writer {
    /// Begins a file with facts about it: names and texts. `deadlines`: members of collections in it may have deadlines of their own, which
    /// Redis knows since 7.4.
    pub(crate) fn new(facts: &[(&str, &str)], deadlines: bool) -> Writer {
        let version = if deadlines { VERSION_WITH_DEADLINES } else { VERSION };
        let mut bytes = format!("REDIS{version:04}").into_bytes();
        for (name, text) in facts {
            bytes.push(file::FACT);
            encode::string(name.as_bytes(), &mut bytes);
            encode::string(text.as_bytes(), &mut bytes);
        }
        Writer { bytes, checksum: 0 }
    }

    /// The entries that follow are in this database, which has so many keys, and so many with deadlines: a reader may make ready for them.
    pub(crate) fn database(&mut self, number: usize, keys: usize, volatile: usize) {
        self.bytes.push(file::DATABASE);
        encode::length(number as u64, &mut self.bytes);
        self.bytes.push(file::SIZES);
        encode::length(keys as u64, &mut self.bytes);
        encode::length(volatile as u64, &mut self.bytes);
    }

    pub(crate) fn entry(&mut self, entry: Entry<'_>, usage: Use) {
        if let Some(deadline) = entry.deadline() {
            self.bytes.push(file::DEADLINE_MS);
            self.bytes.extend_from_slice(&deadline.0.to_le_bytes());
        }
        match usage {
            Use::Idle(seconds) => {
                self.bytes.push(file::IDLE);
                encode::length(u64::from(seconds), &mut self.bytes);
            }
            Use::Frequency(counter) => self.bytes.extend_from_slice(&[file::FREQUENCY, counter]),
        }
        let form = Form::of(entry);
        self.bytes.push(form.code());
        encode::string(entry.key(), &mut self.bytes);
        form.write(&mut self.bytes);
    }

    /// Ends the file: what is taken out after this is the last of it.
    pub(crate) fn finish(&mut self) {
        self.bytes.push(file::END);
        let checksum = crc64::update(self.checksum, &self.bytes);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
    }

    /// How many bytes are there to be taken out.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Hands the bytes over that have been written since the last time.
    pub(crate) fn take(&mut self, visit: impl FnOnce(&[u8])) {
        self.checksum = crc64::update(self.checksum, &self.bytes);
        visit(&self.bytes);
        self.bytes.clear();
    }
}
