//! The journal on disk: a folder in Redis's layout, to whose last file the history is appended, and which is written anew as a base now and then.
//!
//! Nothing here waits for anyone or knows the time: the scribe's thread drives it, and so do tests, on a disk that fails and loses power. What is
//! promised: after [`Journal::sync`] all that was appended before is found by [`Journal::open`], whole; of what came later, a beginning.

use std::io;
use std::sync::Arc;

use crate::persist::History;
use crate::persist::disk::{Disk, DiskFile};
use crate::persist::frame;
use crate::persist::manifest::{Manifest, Part};

/// Where the log lies.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    /// appenddirname
    pub(crate) folder: String,
    /// appendfilename
    pub(crate) prefix: String,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Journal {
    place: Place,
    manifest: Manifest,
    file: Box<dyn DiskFile>,
    /// Bytes of the file that are whole batches.
    len: u64,
    /// Bytes of it that are durable.
    synced: u64,
    /// The number of its last batch.
    number: u64,
    /// The next batch, while it could not be written.
    frame: Vec<u8>,
    /// Behind `len` there may be a part of a batch.
    is_torn: bool,
    /// A sync failed: what was appended since the last good one may be lost, whatever the disk says from now on.
    is_broken: bool,
    /// Bytes of the files before this one, the base's among them.
    before: u64,
    base: u64,
    /// The highest number of a base that was ever named: none is named twice, since the manifest on disk may know of one that failed here.
    bases: u64,
    /// How many increments the base that is being written will replace.
    replaced: Option<usize>,
}

/// Where a new base is written, before it is one.
pub(crate) const BASE_IN_THE_MAKING: &str = "temp-base.rdb";

impl Place {
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    pub(crate) fn manifest(&self) -> String {
        self.path(&format!("{}.manifest", self.prefix))
    }

    /// Reads the manifest, if there is one.
    pub(crate) fn read_manifest(&self) -> io::Result<Option<Vec<u8>>> {
        match self.disk.open(&self.manifest()) {
            Ok(file) => read_all(&*file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a manifest in the place of the one before, durably: the one or the other is found, whatever happens.
    fn write_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let name = self.path(&format!("temp-{}.manifest", self.prefix));
        let mut file = self.disk.create(&name)?;
        file.append(manifest.write().as_bytes())?;
        file.sync()?;
        self.disk.rename(&name, &self.manifest())?;
        self.disk.sync_directory(&self.folder)
    }

    /// The files in the folder; none if there is no such folder.
    pub(crate) fn files(&self) -> io::Result<Vec<String>> {
        match self.disk.list(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Makes a log of the single file of older versions: its manifest first, so that it is never without one.
    pub(crate) fn adopt(&self, manifest: &Manifest) -> io::Result<()> {
        self.disk.make_directory(&self.folder)?;
        self.disk.sync_directory("")?;
        self.write_manifest(manifest)?;
        self.move_in()
    }

    /// Moves the single file of older versions to where the others are.
    pub(crate) fn move_in(&self) -> io::Result<()> {
        self.disk.rename(&self.prefix, &self.path(&self.prefix))?;
        self.disk.sync_directory(&self.folder)?;
        self.disk.sync_directory("")
    }

    /// Gives a base its name, durably: before the manifest says it.
    fn enter_base(&self, part: &Part) -> io::Result<()> {
        self.disk.rename(&self.path(BASE_IN_THE_MAKING), &self.path(&part.name))?;
        self.disk.sync_directory(&self.folder)
    }

    /// Makes a file for what is to come, durably, with a batch in it that says nothing: so that it is known as ours before it is needed.
    fn new_increment(&self, part: &Part) -> io::Result<(Box<dyn DiskFile>, u64)> {
        let mut file = self.disk.create(&self.path(&part.name))?;
        let mut first = Vec::new();
        frame::write(1, 0, b"", &mut first);
        file.append(&first)?;
        file.sync()?;
        self.disk.sync_directory(&self.folder)?;
        Ok((file, first.len() as u64))
    }
}

/// All of a file that is known to be small.
pub(crate) fn read_all(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len)?;
    bytes.resize(len, 0);
    let mut at = 0;
    while at < len {
        match file.read_at(at as u64, &mut bytes[at..])? {
            0 => break,
            read => at += read,
        }
    }
    bytes.truncate(at);
    Ok(bytes)
}

impl Journal {
    /// Begins a log where there is none. `base`, if there are data already, has been written to [`BASE_IN_THE_MAKING`] in its folder, and is durable.
    pub(crate) fn create(place: Place, base: Option<u64>) -> io::Result<Journal> {
        place.disk.make_directory(&place.folder)?;
        place.disk.sync_directory("")?;
        // What is there from before, when the log was on and then off, is replaced; its names are not used again while it may be needed.
        let before = place.read_manifest()?.and_then(|text| Manifest::read(&text).ok()).unwrap_or_default();
        let seq = before.base.as_ref().map_or(0, |base| base.seq) + 1;
        let next = before.new_increment(&place.prefix);
        let mut manifest = Manifest { base: None, increments: Vec::new(), history: before.history.clone() };
        manifest.history.extend(before.needed().cloned());
        if base.is_some() {
            let part = Manifest::base_of(&place.prefix, seq);
            place.enter_base(&part)?;
            manifest.base = Some(part);
        }
        let mut journal = Journal::begin_with(place, manifest, next, base.unwrap_or(0), 0)?;
        journal.bases = seq;
        journal.forget_history()?;
        Ok(journal)
    }

    /// Goes on with a log that was read: a file of Redis's is followed by one of ours.
    pub(crate) fn begin(place: Place, manifest: Manifest, base: u64, before: u64) -> io::Result<Journal> {
        let part = manifest.new_increment(&place.prefix);
        Journal::begin_with(place, manifest, part, base, before)
    }

    fn begin_with(place: Place, mut manifest: Manifest, part: Part, base: u64, before: u64) -> io::Result<Journal> {
        let (file, len) = place.new_increment(&part)?;
        manifest.increments.push(part);
        place.write_manifest(&manifest)?;
        Ok(Journal::of(place, manifest, file, len, 1, base, base + before))
    }

    /// Goes on in the last file, which is `len` bytes long and ends with batch `number`.
    pub(crate) fn open(place: Place, manifest: Manifest, len: u64, number: u64, base: u64, before: u64) -> io::Result<Journal> {
        let Some(last) = manifest.increments.last() else { return Journal::begin(place, manifest, base, before) };
        let mut file = place.disk.open_to_append(&place.path(&last.name))?;
        // What the last process wrote and did not sync is vouched for from now on.
        file.sync()?;
        Ok(Journal::of(place, manifest, file, len, number, base, base + before))
    }

    fn of(place: Place, manifest: Manifest, file: Box<dyn DiskFile>, len: u64, number: u64, base: u64, before: u64) -> Journal {
        let bases = manifest.base.as_ref().map_or(0, |base| base.seq);
        Journal {
            place,
            manifest,
            file,
            len,
            synced: len,
            number,
            frame: Vec::new(),
            is_torn: false,
            is_broken: false,
            before,
            base,
            bases,
            replaced: None,
        }
    }

    /// Appends what the history has. After an error all of it is kept, to be tried again.
    pub(crate) fn append(&mut self, history: &mut History) -> io::Result<()> {
        self.finish_frame()?;
        if history.bytes().is_empty() {
            return Ok(());
        }
        frame::write(self.number + 1, self.synced, history.bytes(), &mut self.frame);
        history.clear();
        self.finish_frame()
    }

    fn finish_frame(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            self.file.truncate(self.len)?;
            self.is_torn = false;
        }
        if let Err(error) = self.file.append(&self.frame) {
            // A part of it may be there, and must not be when it is written again.
            self.is_torn = self.file.truncate(self.len).is_err();
            return Err(error);
        }
        self.len += self.frame.len() as u64;
        self.number += 1;
        self.frame.clear();
        if self.frame.capacity() > FRAME_KEPT_MAX {
            self.frame = Vec::new();
        }
        Ok(())
    }

    /// Makes durable what was appended.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other(
                "an earlier fsync failed: what was written since then may be lost, until all data are written anew",
            ));
        }
        if let Err(error) = self.file.sync() {
            self.is_broken = true;
            return Err(error);
        }
        self.synced = self.len;
        Ok(())
    }

    /// Bytes of the last file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether anything was appended that is not durable.
    pub(crate) fn is_dirty(&self) -> bool {
        self.synced < self.len
    }

    /// Whether nothing helps but a new base.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Bytes of all files that are needed.
    pub(crate) fn size(&self) -> u64 {
        self.before + self.len
    }

    /// Bytes of the base.
    pub(crate) fn base_size(&self) -> u64 {
        self.base
    }

    /// What is appended from here on goes into a new file; what was before will be replaced by a base, if that is made. The history must be told that a
    /// file begins.
    pub(crate) fn turn_page(&mut self) -> io::Result<()> {
        // The new file is worth nothing without what lies before it.
        if !self.is_broken {
            self.sync()?;
        }
        let mut manifest = self.manifest.clone();
        let part = manifest.new_increment(&self.place.prefix);
        let (file, len) = self.place.new_increment(&part)?;
        let replaced = manifest.increments.len();
        manifest.increments.push(part);
        self.place.write_manifest(&manifest)?;
        self.before += self.len;
        (self.file, self.len, self.synced, self.number) = (file, len, len, 1);
        (self.manifest, self.replaced) = (manifest, Some(replaced));
        Ok(())
    }

    /// All before the last turn is history: its data are in a base, so many bytes long and durable under its name in the making, or else in what was
    /// appended since the turn.
    pub(crate) fn replace_base(&mut self, base: Option<u64>) -> io::Result<()> {
        let Some(replaced) = self.replaced.take() else { return Ok(()) };
        // Whatever became of the files before this one, this one was begun anew.
        self.file.sync()?;
        let mut manifest = self.manifest.clone();
        let part = Manifest::base_of(&self.place.prefix, self.bases + 1);
        self.bases = part.seq;
        let before = match base {
            Some(_) => {
                self.place.enter_base(&part)?;
                manifest.base.replace(part)
            }
            None => manifest.base.take(),
        };
        manifest.history.extend(before);
        manifest.history.extend(manifest.increments.drain(..replaced));
        self.place.write_manifest(&manifest)?;
        self.manifest = manifest;
        self.before = base.unwrap_or(0);
        // What the growth from here on is measured by.
        self.base = base.unwrap_or(self.len);
        self.synced = self.len;
        self.is_broken = false;
        self.forget_history()
    }

    /// Removes files that are needed no more, and then their names from the manifest. A failure leaves them to the next time.
    fn forget_history(&mut self) -> io::Result<()> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        for part in &self.manifest.history {
            match self.place.disk.remove(&self.place.path(&part.name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let manifest = Manifest { history: Vec::new(), ..self.manifest.clone() };
        self.place.write_manifest(&manifest)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Everything is appended and made durable, and the last batch says so: whatever is damaged from now on is known to have been whole.
    pub(crate) fn close(&mut self, history: &mut History) -> io::Result<()> {
        self.append(history)?;
        self.sync()?;
        frame::write(self.number + 1, self.synced, b"", &mut self.frame);
        self.finish_frame()?;
        self.sync()
    }
}

/// A batch larger than this gives its memory back.
const FRAME_KEPT_MAX: usize = 4 << 20;
