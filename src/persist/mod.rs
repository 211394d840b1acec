//! What outlives the process: files of data, and those who write and read them.
//!
//! [`disk`] is the file system, behind a trait, so that all of this also runs on one that loses what was not synced. [`keeper`] decides when
//! a snapshot is made, [`save`] writes its file from the pieces that the shards send, [`load`] reads a file into keyspaces. [`health`] is what
//! every session sees of it: data that is still being loaded, or that cannot be saved. [`history`] makes one serial history of the records of
//! all shards.

pub(crate) mod disk;
pub(crate) mod health;
#[allow(dead_code, reason = "who writes the history down comes next")]
pub(crate) mod history;
pub(crate) mod keeper;
pub(crate) mod load;
pub(crate) mod save;

pub(crate) use health::{Health, Trouble};
#[allow(unused_imports, reason = "as above")]
pub(crate) use history::History;
pub(crate) use keeper::{Home, Keeper};
