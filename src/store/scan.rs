//! A scan in steps that survives whatever the table does between them: every key that is there all the time is met at least once.
//!
//! Hashes are visited in an order that depends on their bits alone: first by [`CHUNKS`] ranges of the tag, then by the top 32 bits. A
//! cursor is a position in that order, and all that is at or behind it is still to come, however segments have split, joined or
//! changed size meanwhile. A step visits the entries of one segment within one range of tags, about seven of them in a full segment,
//! and the range of tags is a range of its buckets, so that no other entry is looked at.

use super::directory::Directory;
use super::entry::Entry;

/// Bits of the tag that come first in the order. With 7, a full segment of 870 entries has 7 in each range.
const CHUNK_BITS: u32 = 7;
const CHUNKS: u64 = 1 << CHUNK_BITS;
/// Bits of the prefix that a cursor holds, all that a directory can use.
const PREFIX_BITS: u32 = 32;
/// Cursors are below 2^39; the caller has 9 bits to spare until 2^48 for the shard, and clients keep them in 64 bits.
const _: () = assert!(CHUNK_BITS + PREFIX_BITS < 48);
/// How many empty ranges one step passes over before it returns with nothing, so that a nearly empty table is not walked in one go.
/// A database of one segment is done in one step.
const EMPTY_RANGES_MAX: usize = CHUNKS as usize;

impl Directory {
    /// Visits what the next non-empty range holds, and returns the cursor behind it: 0 at the end, where a scan also begins.
    /// A cursor that no scan can have returned is the end.
    pub(super) fn scan(&self, cursor: u64, visit: &mut dyn FnMut(Entry<'_>)) -> u64 {
        let mut position = cursor;
        for _ in 0..EMPTY_RANGES_MAX {
            let chunk = position >> PREFIX_BITS;
            if chunk >= CHUNKS {
                return 0;
            }
            let segment = self.segment_at(position as u32);
            let first = (chunk << (16 - CHUNK_BITS)) as u16;
            let last = first | ((1 << (16 - CHUNK_BITS)) - 1);
            let mut visited = 0usize;
            segment.visit_tags(first, last, |entry| {
                visited += 1;
                visit(entry);
            });
            // The first position behind the segment's prefix, which is that of the next segment, or of the next range of tags.
            let width = PREFIX_BITS - u32::from(segment.depth());
            position = (chunk << PREFIX_BITS) + ((u64::from(segment.prefix()) + 1) << width);
            if visited > 0 {
                break;
            }
        }
        if position >> PREFIX_BITS < CHUNKS { position } else { 0 }
    }
}
