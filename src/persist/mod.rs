//! What outlives the process: files of data, and those who write and read them.
//!
//! [`disk`] is the file system, behind a trait, so that all of this also runs on one that loses what was not synced. [`keeper`] decides when
//! a snapshot is made, [`save`] writes its file from the pieces that the shards send, [`load`] reads a file into keyspaces. [`health`] is what
//! every session sees of it: data that is still being loaded, or that cannot be written down.
//!
//! The journal: [`gather`] puts pages of all shards in one order and [`history`] makes the bytes of the log of them; [`journal`] keeps them in files,
//! in batches that [`frame`] guards, which [`manifest`] lists; [`scribe`] is the thread that does it. [`reader`] reads them, and tells a torn end from rot;
//! [`mod@recover`] does again what they say, and goes on with them.

pub(crate) mod disk;
pub(crate) mod frame;
pub(crate) mod gather;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod journal;
pub(crate) mod keeper;
pub(crate) mod load;
pub(crate) mod manifest;
pub(crate) mod reader;
pub(crate) mod recover;
pub(crate) mod save;
pub(crate) mod scribe;
#[cfg(test)]
mod tests;

pub(crate) use gather::Gather;
pub(crate) use health::{Health, Trouble};
pub(crate) use history::History;
pub(crate) use journal::{Journal, Place};
pub(crate) use keeper::{Home, Keeper};
pub(crate) use recover::{Recovered, Redo, Refused, recover};
pub(crate) use scribe::{Account, Scribe};
