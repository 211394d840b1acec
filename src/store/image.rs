//! A database as it was at one moment, written down while it goes on changing.
//!
//! [`super::Keyspace::begin_image`] is that moment, the cut. From then on the database owes its image every entry it had. A walk pays by and by:
//! it goes over the segments in the order of their hashes ([`super::Keyspace::image_step`]), and stamps those it has written. Whoever is about
//! to change or remove an entry of a segment without the stamp has that entry written first. Such an entry is marked in its slot, and so is
//! one that came after the cut: the walk passes over them. So every entry of the cut is written once, as it was, and nothing else is.
//!
//! What an entry is in writing is the [`Scribe`]'s to know. A value too large for one step is written in parts. Its parts are one piece after
//! the other, and what is written of other entries meanwhile is kept apart, for whoever collects it to put behind the last part.

use super::entry::Entry;

/// Entries with values above this are written in parts.
pub(super) const LARGE_BYTES: usize = 32 << 10;
/// About as long is a part.
const PART_BYTES: usize = 32 << 10;

/// Who writes entries down.
pub trait Scribe: Send {
    /// Adds an entry to what was written.
    fn whole(&mut self, entry: Entry<'_>, target: &mut Vec<u8>);

    /// Adds the next part of an entry, about so many bytes of it; true if that was the last. The entry does not change between its parts.
    fn part(&mut self, entry: Entry<'_>, bytes: usize, target: &mut Vec<u8>) -> bool;
}

/// What was written, to be taken away.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The number of the database at the cut.
    pub database: usize,
    pub bytes: Vec<u8>,
    /// Parts of one entry, and whether these end it.
    pub part: Option<PartEnd>,
}

/// Whether an entry goes on in the next of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartEnd {
    GoesOn,
    Ends,
}

/// What a database held at the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub database: usize,
    pub keys: usize,
    /// Of them, those with a deadline.
    pub volatile: usize,
    /// Of them, those with members that have deadlines.
    pub with_mortals: usize,
}

/// The image of one database that is being made. It stays with its database, wherever that goes.
pub(super) struct Image {
    /// The stamp of segments that owe nothing any more.
    pub(super) version: u64,
    /// Of the database, at the cut.
    pub(super) number: usize,
    /// `None` if nobody wants the image any more: then the walk only takes the marks away.
    scribe: Option<Box<dyn Scribe>>,
    /// The walk has come so far: the first 32 bits of the hashes that are next. 2^32 at the end.
    pub(super) position: u64,
    /// The entry that is being written in parts: hash and key.
    pub(super) open: Option<(u64, Box<[u8]>)>,
    whole: Vec<u8>,
    parts: Vec<u8>,
    /// The parts end an entry.
    parts_end: bool,
    /// Entries written.
    pub(super) written: usize,
}

/// Where the walk ends.
pub(super) const END: u64 = 1 << 32;

impl Image {
    pub(super) fn new(version: u64, number: usize, scribe: Box<dyn Scribe>) -> Image {
        Image {
            version,
            number,
            scribe: Some(scribe),
            position: 0,
            open: None,
            whole: Vec::new(),
            parts: Vec::new(),
            parts_end: false,
            written: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.position >= END && self.open.is_none()
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.scribe.is_some()
    }

    /// Nobody wants it any more.
    pub(super) fn cancel(&mut self) {
        self.scribe = None;
        self.open = None;
        (self.whole, self.parts, self.parts_end) = (Vec::new(), Vec::new(), false);
    }

    /// Writes an entry. Returns how many bytes that was.
    pub(super) fn write(&mut self, entry: Entry<'_>) -> usize {
        let Some(scribe) = &mut self.scribe else { return 0 };
        let before = self.whole.len();
        scribe.whole(entry, &mut self.whole);
        self.written += 1;
        self.whole.len() - before
    }

    /// Writes the next part of the entry that is open; true if it was the last. All that is left of it if `rest`.
    pub(super) fn write_part(&mut self, entry: Entry<'_>, rest: bool) -> bool {
        let Some(scribe) = &mut self.scribe else { return true };
        debug_assert!(!self.parts_end, "the parts of the entry before have been taken away");
        let is_last = loop {
            let is_last = scribe.part(entry, PART_BYTES, &mut self.parts);
            if is_last || !rest {
                break is_last;
            }
        };
        if is_last {
            self.open = None;
            self.parts_end = true;
            self.written += 1;
        }
        is_last
    }

    /// Whether parts wait to be taken away, before which the next entry cannot be opened.
    pub(super) fn has_ended_parts(&self) -> bool {
        self.parts_end
    }

    /// Bytes that wait to be taken away.
    pub(super) fn waiting(&self) -> usize {
        self.whole.len() + self.parts.len()
    }

    /// Hands over what was written, if it is worth it: at least so many bytes.
    pub(super) fn collect(&mut self, at_least: usize, visit: &mut dyn FnMut(Piece)) {
        if self.parts_end || self.parts.len() >= at_least.max(1) {
            let part = if std::mem::take(&mut self.parts_end) { PartEnd::Ends } else { PartEnd::GoesOn };
            visit(Piece { database: self.number, bytes: std::mem::take(&mut self.parts), part: Some(part) });
        }
        if self.whole.len() >= at_least.max(1) {
            visit(Piece { database: self.number, bytes: std::mem::take(&mut self.whole), part: None });
        }
    }
}

#[cfg(test)]
mod tests;
