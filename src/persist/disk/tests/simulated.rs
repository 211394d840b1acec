//! A file system that remembers what was made durable, fails where it is told to, and may lose power at any moment.
//!
//! A test writes to it, then asks for [`Simulated::after_power_cut`] as often as it likes: each seed gives one of the states in which the
//! disk may be found. What was synced is there. Of what was not, some pieces are there and some are not; bytes that never arrived are zeros;
//! names that were not synced are the old ones or the new ones.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::{Disk, DiskFile, Held, Lock};

/// Disks write pieces of this size whole, or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    /// By number; a file lives on while it is open, as on a real disk. Directories are files too.
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// What happened to names since their directory was synced.
    renamings: Vec<Renaming>,
    /// Operations that change something, so far.
    operations: u64,
    faults: Vec<Fault>,
    /// Bytes that all files may have together; 0: any.
    capacity: usize,
    is_locked: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    is_directory: bool,
    /// What is read.
    bytes: Vec<u8>,
    /// What is there after a power cut, whatever happens.
    durable: Vec<u8>,
    /// What has been done since the last sync, in order.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Clone, Debug)]
enum Renaming {
    Link { name: String, file: usize },
    Unlink { name: String },
    Rename { from: String, to: String, file: usize },
}

/// An operation that fails.
#[derive(Clone, Copy, Debug)]
struct Fault {
    /// Its number, from 0.
    at: u64,
    /// So do all after it.
    lasts: bool,
    error: i32,
}

/// EIO and ENOSPC, as the system numbers them.
pub(crate) const BROKEN: i32 = 5;
pub(crate) const FULL: i32 = 28;

impl Simulated {
    /// Lets the `at`th operation from the beginning fail, and all behind it if the fault lasts.
    pub(crate) fn fail_at(&self, at: u64, lasts: bool, error: i32) {
        self.inside().faults.push(Fault { at, lasts, error });
    }

    /// Heals the disk.
    pub(crate) fn heal(&self) {
        let mut inside = self.inside();
        inside.faults.clear();
        inside.capacity = 0;
    }

    /// Gives the disk a size.
    pub(crate) fn limit(&self, bytes: usize) {
        self.inside().capacity = bytes;
    }

    /// How many operations there were: files made, appends, syncs, renames, removals, truncations.
    pub(crate) fn operations(&self) -> u64 {
        self.inside().operations
    }

    /// All of a file, as a reader sees it.
    pub(crate) fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let inside = self.inside();
        inside.names.get(name).map(|&file| inside.files[file].bytes.clone())
    }

    /// Puts a file there, durable, as if it had always been.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut inside = self.inside();
        let file = inside.files.len();
        inside.files.push(Content { bytes: bytes.to_vec(), durable: bytes.to_vec(), ..Content::default() });
        inside.names.insert(name.to_owned(), file);
        inside.durable_names.insert(name.to_owned(), file);
    }

    /// A disk as it may be found if the power fails now.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Simulated {
        let inside = self.inside();
        let mut dice = Dice(seed ^ 0x5bd1_e995_9d1d_6a3f);
        let mut names = inside.durable_names.clone();
        // Journals of file systems keep the order of names mostly; what POSIX says is that they need not.
        let (in_order, kept) = (dice.next(2) == 0, dice.next(inside.renamings.len() as u64 + 1));
        for (number, renaming) in inside.renamings.iter().enumerate() {
            let is_kept = if in_order { (number as u64) < kept } else { dice.next(2) == 0 };
            if is_kept {
                renaming.apply(&mut names);
            }
        }
        let files = inside.files.iter().map(|content| content.after_power_cut(&mut dice)).collect();
        Simulated(Arc::new(Mutex::new(Inside { files, durable_names: names.clone(), names, ..Inside::default() })))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { disk: self.clone(), file })
    }
}

impl Inside {
    /// Begins an operation, or fails it.
    fn operate(&mut self) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        match self.faults.iter().find(|fault| number == fault.at || fault.lasts && number > fault.at) {
            Some(fault) => Err(io::Error::from_raw_os_error(fault.error)),
            None => Ok(()),
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether a directory is there for this name to be in.
    fn check_parent(&self, name: &str) -> io::Result<()> {
        match name.rsplit_once('/') {
            None => Ok(()),
            Some((parent, _)) => match self.files[self.find(parent)?].is_directory {
                true => Ok(()),
                false => Err(io::ErrorKind::NotADirectory.into()),
            },
        }
    }

    fn rename_by(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.renamings.push(renaming);
    }

    fn make(&mut self, name: &str, is_directory: bool) -> usize {
        let file = self.files.len();
        self.files.push(Content { is_directory, ..Content::default() });
        self.rename_by(Renaming::Link { name: name.to_owned(), file });
        file
    }

    fn used(&self) -> usize {
        self.names.values().map(|&file| self.files[file].bytes.len()).sum()
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Renaming::Link { name, file } => drop(names.insert(name.clone(), *file)),
            Renaming::Unlink { name } => drop(names.remove(name)),
            Renaming::Rename { from, to, file } => {
                // The new name's coming and the old one's going are one.
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
        }
    }

    /// The directory whose sync makes it durable.
    fn directory(&self) -> &str {
        let (Renaming::Link { name, .. } | Renaming::Unlink { name } | Renaming::Rename { to: name, .. }) = self;
        name.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Truncate(len) => bytes.resize(*len, 0),
            Change::Write { at, bytes: new } => {
                let end = at + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*at..end].copy_from_slice(new);
            }
        }
    }

    /// The change in pieces that a disk writes whole.
    fn pieces(&self) -> Vec<Change> {
        let Change::Write { at, bytes } = self else { return vec![self.clone()] };
        let (mut pieces, mut at, mut rest) = (Vec::new(), *at, bytes.as_slice());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(SECTOR_BYTES - at % SECTOR_BYTES));
            pieces.push(Change::Write { at, bytes: piece.to_vec() });
            (at, rest) = (at + piece.len(), behind);
        }
        pieces
    }
}

impl Content {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.pending.push(change);
    }

    fn after_power_cut(&self, dice: &mut Dice) -> Content {
        let mut bytes = self.durable.clone();
        let pieces: Vec<Change> = self.pending.iter().flat_map(Change::pieces).collect();
        // Written in order up to some point, or in any order.
        let (in_order, kept) = (dice.next(2) == 0, dice.next(pieces.len() as u64 + 1));
        for (number, piece) in pieces.iter().enumerate() {
            let is_kept = if in_order { (number as u64) < kept } else { dice.next(4) != 0 };
            if is_kept {
                piece.apply(&mut bytes);
            }
        }
        Content { is_directory: self.is_directory, durable: bytes.clone(), bytes, pending: Vec::new() }
    }
}

impl Disk for Simulated {
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.inside().find(name)?;
        Ok(self.handle(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut inside = self.inside();
        inside.operate()?;
        inside.check_parent(name)?;
        let file = match inside.find(name) {
            Ok(file) => {
                inside.files[file].change(Change::Truncate(0));
                file
            }
            Err(_) => inside.make(name, false),
        };
        drop(inside);
        Ok(self.handle(file))
    }

    fn open_to_append(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        inside.check_parent(to)?;
        let file = inside.find(from)?;
        inside.rename_by(Renaming::Rename { from: from.to_owned(), to: to.to_owned(), file });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        inside.find(name)?;
        inside.rename_by(Renaming::Unlink { name: name.to_owned() });
        Ok(())
    }

    fn make_directory(&self, name: &str) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        if inside.find(name).is_err() {
            inside.check_parent(name)?;
            inside.make(name, true);
        }
        Ok(())
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let inside = self.inside();
        if !directory.is_empty() {
            inside.find(directory)?;
        }
        let in_it = |name: &String| match (directory, name.rsplit_once('/')) {
            ("", None) => Some(name.clone()),
            (directory, Some((parent, last))) if parent == directory => Some(last.to_owned()),
            _ => None,
        };
        Ok(inside.names.keys().filter_map(in_it).collect())
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        let (ours, others) = std::mem::take(&mut inside.renamings).into_iter().partition(|renaming| renaming.directory() == directory);
        inside.renamings = others;
        let ours: Vec<Renaming> = ours;
        ours.iter().for_each(|renaming| renaming.apply(&mut inside.durable_names));
        Ok(())
    }

    fn lock(&self) -> io::Result<Option<Lock>> {
        if std::mem::replace(&mut self.inside().is_locked, true) {
            return Ok(None);
        }
        Ok(Some(Lock(Box::new(SimulatedLock(self.clone())))))
    }
}

#[derive(Debug)]
struct SimulatedLock(Simulated);

impl Held for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.0.inside().is_locked = false;
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Simulated,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let inside = self.disk.inside();
        let rest = inside.files[self.file].bytes.get(at as usize..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.disk.inside();
        let room = if inside.capacity == 0 { usize::MAX } else { inside.capacity.saturating_sub(inside.used()) };
        let outcome = match inside.operate() {
            Ok(()) if room < bytes.len() => Err(io::Error::from_raw_os_error(FULL)),
            outcome => outcome,
        };
        // What could not be written whole is there in part.
        let written = if outcome.is_ok() { bytes } else { &bytes[..room.min(bytes.len() / 2)] };
        let file = &mut inside.files[self.file];
        if !written.is_empty() {
            file.change(Change::Write { at: file.bytes.len(), bytes: written.to_vec() });
        }
        outcome
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inside = self.disk.inside();
        let outcome = inside.operate();
        let file = &mut inside.files[self.file];
        // After a failure the system takes the pages for clean: they are read, and never written.
        let changes = std::mem::take(&mut file.pending);
        if outcome.is_ok() {
            changes.iter().for_each(|change| change.apply(&mut file.durable));
        }
        outcome
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut inside = self.disk.inside();
        inside.operate()?;
        inside.files[self.file].change(Change::Truncate(len as usize));
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.inside().files[self.file].bytes.len() as u64)
    }
}

/// Random numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

pub(crate) mod tests {
    use super::*;

    /// What every disk does, on an empty one, which is empty again in the end.
    pub(crate) fn stands_the_rounds(disk: &dyn Disk) {
        let mut into = [0; 16];
        let mut file = disk.create("new").unwrap();
        file.append(b"hello").unwrap();
        file.append(b" world").unwrap();
        file.sync().unwrap();
        assert_eq!((file.len().unwrap(), file.read_at(6, &mut into).unwrap(), &into[..5]), (11, 5, &b"world"[..]));
        disk.rename("new", "old").unwrap();
        disk.sync_directory("").unwrap();
        assert!(disk.open("new").is_err());
        let mut again = disk.open_to_append("old").unwrap();
        again.truncate(5).unwrap();
        again.append(b"!").unwrap();
        assert_eq!((again.read_at(0, &mut into).unwrap(), &into[..6]), (6, &b"hello!"[..]));
        assert_eq!(again.read_at(6, &mut into).unwrap(), 0);
        assert_eq!(disk.create("old").unwrap().len().unwrap(), 0);
        assert!(disk.create("missing/file").is_err() && disk.list("missing").is_err() && disk.open_to_append("missing").is_err());
        disk.make_directory("inner").unwrap();
        disk.make_directory("inner").unwrap();
        drop(disk.create("inner/file").unwrap());
        disk.sync_directory("inner").unwrap();
        assert_eq!(
            (disk.list("").unwrap(), disk.list("inner").unwrap()),
            (vec!["inner".to_owned(), "old".to_owned()], vec!["file".to_owned()])
        );
        disk.remove("inner/file").unwrap();
        disk.remove("old").unwrap();
        assert!(disk.remove("old").is_err());
    }

    #[test]
    fn it_is_a_disk() {
        let disk = Simulated::default();
        stands_the_rounds(&disk);
        assert_eq!(disk.list("").unwrap(), ["inner"]);
        let lock = disk.lock().unwrap();
        assert!(lock.is_some() && disk.lock().unwrap().is_none());
        drop(lock);
        assert!(disk.lock().unwrap().is_some());
    }

    #[test]
    fn what_was_synced_survives_and_nothing_else_need() {
        let disk = Simulated::default();
        let mut file = disk.create("a").unwrap();
        file.append(&[1; 700]).unwrap();
        file.sync().unwrap();
        disk.sync_directory("").unwrap();
        file.append(&[2; 2000]).unwrap();
        disk.rename("a", "b").unwrap();
        let (mut lengths, mut names, mut holes) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new(), 0);
        for seed in 0..300 {
            let found = disk.after_power_cut(seed);
            let name = found.list("").unwrap().concat();
            let bytes = found.contents(&name).unwrap();
            assert!(bytes.len() >= 700 && bytes[..700] == [1; 700] && bytes[700..].iter().all(|&byte| byte == 0 || byte == 2));
            holes += usize::from(bytes[700..].contains(&0));
            lengths.insert(bytes.len());
            names.insert(name);
        }
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(lengths.len() > 3 && holes > 10, "{lengths:?}, {holes} with holes");
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_another() {
        let disk = Simulated::default();
        let mut file = disk.create("a").unwrap();
        disk.sync_directory("").unwrap();
        file.append(b"lost").unwrap();
        disk.fail_at(disk.operations(), false, BROKEN);
        assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(BROKEN));
        file.sync().unwrap();
        assert_eq!(disk.contents("a").unwrap(), b"lost");
        assert!((0..20).all(|seed| disk.after_power_cut(seed).contents("a").unwrap().is_empty()));
    }

    #[test]
    fn a_full_disk_takes_a_part() {
        let disk = Simulated::default();
        disk.limit(10);
        let mut file = disk.create("a").unwrap();
        file.append(b"12345678").unwrap();
        assert_eq!(file.append(b"12345678").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.contents("a").unwrap(), b"1234567812");
        disk.heal();
        file.append(b"rest").unwrap();
    }
}
