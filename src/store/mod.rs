//! What a shard owns: its keyspaces, as plain data without clock, socket or lock.
//!
//! Read downwards: a [`Keyspace`] is a shard's numbered [`Database`]s; a database finds an entry through its `directory`, which
//! picks one of many small `segment`s by the top bits of the key's hash; a segment's slot points at an [`Entry`], one block of
//! memory with the key and, for a string, the value; anything larger is a [`Value`] of its own. What a database promises:
//! - memory is counted as it is allocated ([`Database::bytes`]), by the allocator's own size classes (`memory`);
//! - it grows and shrinks one segment at a time, so that no single call is long ([`Database::take`] is how a whole one is freed);
//! - a scan's cursor survives growing and shrinking (`scan`);
//! - it can be written down as it is at one moment while it goes on changing (`image`);
//! - who watches keys or waits for them costs nothing while there is nobody (`interests`);
//! - deadlines cost nothing for keys that have none (`expiry`), and expiring is the caller's decision: nothing here reads a clock.
mod awaited;
mod database;
mod directory;
mod edit;
mod entry;
mod expiry;
mod hasher;
mod image;
mod interests;
mod keyed;
mod keyspace;
mod layout;
mod memory;
mod readers;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod text;
pub mod types;
mod value;
mod watches;
#[cfg(test)]
mod weights;

pub use database::{Database, Keep, Stamp};
pub use edit::{EntryMut, Guard};
pub use entry::Entry;
pub use expiry::Due;
pub use image::{Extent, PartEnd, Piece, Scribe};
pub use interests::Interests;
pub use keyspace::{Keyspace, Part};
pub use memory::size_class;
pub use readers::{Prefixes, Reader, Stale};
pub use value::{Kind, Text, Typed, Value};
pub use watches::Watch;
