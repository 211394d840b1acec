//! What outlives the process: files of data, and those who write and read them.
//!
//! [`disk`] is the file system, behind a trait, so that all of this also runs on one that loses what was not synced. [`history`] makes one serial history
//! of the records of all shards.
#![allow(dead_code, reason = "the room is furnished from the ground up: who uses it comes next")]

pub(crate) mod disk;
pub(crate) mod history;

pub(crate) use history::History;
