//! The file system as persistence sees it: one directory whose files are read, appended to, made durable and renamed.
//!
//! A trait, so that the same code runs on the [`Folder`] that the daemon was given and on one that fails and loses power at will
//! (`tests::simulated`). What is promised is what POSIX promises, and no more:
//! - bytes that were appended are durable after [`DiskFile::sync`], and before it may be there or not, in any part;
//! - a name (of a file that was made, renamed or removed) is durable after [`Disk::sync_directory`] of its directory;
//! - a rename is seen whole or not at all;
//! - after a failed sync nothing is known of what was appended since the last one that did not fail, and another sync does not help.

mod folder;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt::Debug;
use std::io;

pub(crate) use folder::Folder;

/// A directory. Names are paths inside it: `dump.rdb`, `appendonlydir/appendonly.aof.1.incr.aof`; the empty name is the directory itself.
#[allow(dead_code, reason = "the log of writes, which comes next, appends to files that are there and keeps a directory of its own")]
pub(crate) trait Disk: Debug + Send + Sync {
    /// Opens a file to read it.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Makes an empty file, to be appended to. One that had the name loses all it held.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that is there, to read it and to append to it.
    fn open_to_append(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, which another file may have had until now.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes a directory, if it is not there.
    fn make_directory(&self, name: &str) -> io::Result<()>;

    /// What is in a directory, by its last names, in order.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Makes the names in a directory durable.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;

    /// Takes the directory for this process alone, for as long as the lock lives. `None` if another process has it.
    fn lock(&self) -> io::Result<Option<Lock>>;
}

/// An open file.
#[allow(dead_code, reason = "as above")]
pub(crate) trait DiskFile: Debug + Send {
    /// Reads from an offset on. 0 is the end of the file; fewer bytes than there is room for mean nothing.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Adds bytes at the end. After an error some of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes durable, and the length.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file off.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    fn len(&self) -> io::Result<u64>;
}

/// A directory that is ours; let go when it is dropped, or when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "held to be dropped")] Box<dyn Held>);

trait Held: Debug + Send {}
