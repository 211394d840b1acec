//! The history: records of shards and units, one after the other, as the bytes of the log.
//!
//! It says SELECT where the database changes, and puts the parts of a unit together as one block.

use crate::command::{Piece, Record, encode};

/// More room than this is given back.
const KEPT_MAX: usize = 4 << 20;

/// The end of the log, as it grows.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The database that the last SELECT chose; none yet in a new file.
    selected: Option<u16>,
    bytes: Vec<u8>,
}

impl History {
    /// What a reader does not know yet: whoever wrote before had another file.
    pub(crate) fn begin_file(&mut self) {
        self.selected = None;
    }

    /// Bytes that were not written yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_MAX {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Adds what calls of one shard left, each of them a matter of its own.
    pub(crate) fn add(&mut self, record: &Record) {
        for (piece, bytes) in record.pieces() {
            self.piece(piece, bytes);
        }
    }

    /// Adds the parts of a unit as one block. They are alike in what every part runs (FLUSHALL): what lies between two such places is put together, and
    /// so the block says the same as the unit did, whatever the order of the parts.
    pub(crate) fn add_unit(&mut self, parts: &[&Record]) {
        let commands: usize = parts.iter().map(|part| part.commands()).sum();
        if commands > 1 {
            self.say(&[b"MULTI"]);
        }
        let mut left: Vec<_> = parts.iter().map(|part| part.pieces().peekable()).collect();
        while left.iter_mut().any(|pieces| pieces.peek().is_some()) {
            for pieces in &mut left {
                while let Some((piece, bytes)) = pieces.next_if(|(piece, _)| !piece.everywhere) {
                    self.piece(piece, bytes);
                }
            }
            for (piece, bytes) in left.iter_mut().filter_map(Iterator::next) {
                self.piece(piece, bytes);
            }
        }
        if commands > 1 {
            self.say(&[b"EXEC"]);
        }
    }

    fn piece(&mut self, piece: Piece, bytes: &[u8]) {
        // Of what all parts run, one says it.
        if bytes.is_empty() {
            return;
        }
        if self.selected != Some(piece.database) {
            self.selected = Some(piece.database);
            self.say(&[b"SELECT", piece.database.to_string().as_bytes()]);
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn say(&mut self, words: &[&[u8]]) {
        encode(words.iter().copied(), &mut self.bytes);
    }
}
