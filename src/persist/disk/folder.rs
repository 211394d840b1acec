//! A directory of the machine. It is opened once: what is read and written later is in it even when its path has come to mean another.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::{Disk, DiskFile, Held, Lock};

/// Whom files belong to: the owner writes, others may read, as far as the umask lets them.
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
#[allow(dead_code, reason = "as the method that uses it")]
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);

#[derive(Debug)]
pub(crate) struct Folder {
    directory: OwnedFd,
}

impl Folder {
    /// # Errors
    /// It is not there, is no directory, or may not be read.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        let directory = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())?;
        Ok(Folder { directory })
    }

    fn file(&self, name: &str, flags: OFlags) -> io::Result<Box<dyn DiskFile>> {
        let file = File::from(openat(&self.directory, name, flags | OFlags::CLOEXEC, FILE_MODE)?);
        Ok(Box::new(RealFile { file }))
    }

    fn directory(&self, name: &str) -> io::Result<OwnedFd> {
        let name = if name.is_empty() { "." } else { name };
        Ok(openat(&self.directory, name, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty())?)
    }
}

impl Disk for Folder {
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name, OFlags::RDONLY)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::TRUNC)
    }

    fn open_to_append(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.file(name, OFlags::RDWR | OFlags::APPEND)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.directory, from, &self.directory, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.directory, name, AtFlags::empty())?)
    }

    fn make_directory(&self, name: &str) -> io::Result<()> {
        match mkdirat(&self.directory, name, DIRECTORY_MODE) {
            // It may be no directory: then what comes next says so.
            Err(Errno::EXIST) => Ok(()),
            made => Ok(made?),
        }
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.directory(directory)?)? {
            // What is no UTF-8 is none of our files.
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        File::from(self.directory(directory)?).sync_all()
    }

    fn lock(&self) -> io::Result<Option<Lock>> {
        // The directory itself: no file is left behind, and one that may not be written can be locked too. A second opening, since a lock
        // belongs to what was opened.
        let directory = File::from(self.directory("")?);
        match directory.try_lock() {
            Ok(()) => Ok(Some(Lock(Box::new(directory)))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Held for File {}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(into, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.file, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory of this test's own.
    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("trencadis-folder-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        path
    }

    #[test]
    fn files_are_made_read_renamed_and_removed() {
        let path = scratch("files");
        let folder = Folder::open(&path).unwrap();
        super::super::tests::simulated::tests::stands_the_rounds(&folder);
        assert_eq!(folder.list("").unwrap(), ["inner"]);
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn one_at_a_time_has_the_lock() {
        let path = scratch("lock");
        let (one, other) = (Folder::open(&path).unwrap(), Folder::open(&path).unwrap());
        let lock = one.lock().unwrap();
        assert!(lock.is_some());
        assert!(other.lock().unwrap().is_none());
        drop(lock);
        assert!(other.lock().unwrap().is_some());
        assert!(Folder::open(&path.join("missing")).is_err());
        std::fs::remove_dir(&path).unwrap();
    }
}
