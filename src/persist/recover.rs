//! Recovery: what the log says is done again, file by file, and then the log goes on where it ended.
//!
//! A torn end is cut off, if that is allowed, and told. Whatever else is wrong ends it with one line: which file, where, what, and what to do. A log is
//! never taken for empty because it cannot be read.

use std::io;

use crate::persist::disk::DiskFile;
use crate::persist::journal::{Journal, Place};
use crate::persist::manifest::{Manifest, Part};
use crate::persist::reader::{Damage, LogReader, Trouble};
use crate::rdb;
use crate::store::types::Thresholds;

/// Who does again what is read.
pub(crate) trait Redo {
    /// A key of a base.
    fn key(&mut self, database: u64, record: rdb::Record) -> Result<(), String>;

    /// Whole commands, and whole transactions.
    fn commands(&mut self, commands: &[u8]) -> Result<(), String>;

    /// What keys are made with.
    fn thresholds(&self) -> &Thresholds;
}

/// Why the log cannot be gone on with.
#[derive(Debug)]
pub(crate) struct Refused {
    /// A path in the directory of data.
    pub(crate) file: String,
    pub(crate) at: Option<u64>,
    pub(crate) why: String,
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) files: usize,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    /// What was cut off, and where.
    pub(crate) cut: Option<(String, u64, u64)>,
}

/// How the log is to be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// aof-load-truncated
    pub(crate) may_cut: bool,
}

/// Reads the log, if there is one, and opens it to go on.
pub(crate) fn recover(place: &Place, manner: Manner, redo: &mut dyn Redo) -> Result<Option<(Journal, Recovered)>, Refused> {
    let failed = |name: &str| {
        let file = name.to_owned();
        move |error: io::Error| Refused { file, at: None, why: error.to_string() }
    };
    let Some(manifest) = find(place)? else { return Ok(None) };
    let mut told = Recovered::default();
    let (mut base, mut before, mut last) = (0, 0, None);
    let parts: Vec<&Part> = manifest.needed().collect();
    for (at, part) in parts.iter().enumerate() {
        let (is_base, is_last) = (manifest.base.as_ref() == Some(part), at + 1 == parts.len());
        let name = place.path(&part.name);
        let file = place.disk.open(&name).map_err(failed(&name))?;
        let begin = preamble(file.as_ref(), &name, redo, &mut told)?;
        let mut reader = LogReader::from(file, begin).map_err(failed(&name))?;
        let damage = read(&mut reader, &name, redo)?;
        let mut len = reader.len();
        if let Some(damage) = damage {
            if !is_last || !damage.is_torn || !manner.may_cut {
                return Err(refusal(&name, &damage, is_last, manner));
            }
            cut(place, &name, damage.at).map_err(failed(&name))?;
            told.cut = Some((name.clone(), damage.at, len - damage.at));
            len = damage.at;
        }
        told.files += 1;
        told.bytes += len;
        match (is_base, is_last) {
            (true, _) => base = len,
            (false, true) => last = Some((len, reader.number())),
            (false, false) => before += len,
        }
    }
    let opened = match last {
        // One that Redis wrote has no batches; it is followed by one of ours.
        Some((len, number)) if number > 0 => Journal::open(place.clone(), manifest, len, number, base, before),
        Some((len, _)) => Journal::begin(place.clone(), manifest, base, before + len),
        None => Journal::begin(place.clone(), manifest, base, before),
    };
    let journal = opened.map_err(failed(&place.manifest()))?;
    Ok(Some((journal, told)))
}

/// The manifest; one made for the single file of older versions, which is moved to where the others are; or nothing, where there is no log.
fn find(place: &Place) -> Result<Option<Manifest>, Refused> {
    let name = place.manifest();
    let failed = |error: io::Error| Refused { file: name.clone(), at: None, why: error.to_string() };
    let text = place.read_manifest().map_err(failed)?;
    let is_there = |name: &str| match place.disk.open(name) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Refused { file: name.to_owned(), at: None, why: error.to_string() }),
    };
    let manifest = match text {
        Some(text) => {
            let why = |unsound: crate::persist::manifest::Unsound| {
                format!("{unsound}; restore it from a copy, or write it anew: one line for each file")
            };
            Manifest::read(&text).map_err(|unsound| Refused { file: name.clone(), at: None, why: why(unsound) })?
        }
        None if is_there(&place.prefix)? => {
            let base = Part { name: place.prefix.clone(), seq: 1 };
            let manifest = Manifest { base: Some(base), ..Manifest::default() };
            place.adopt(&manifest).map_err(failed)?;
            manifest
        }
        None => {
            // Files of a log without their list: somebody lost it, and would lose them by an empty start. One that was begun and not listed yet when
            // the power failed holds nothing.
            let mut orphan = None;
            for name in place.files().map_err(failed)?.into_iter().filter(|name| name.starts_with(&format!("{}.", place.prefix))) {
                let len = place.disk.open(&place.path(&name)).and_then(|file| file.len()).map_err(failed)?;
                if len > EMPTY_BYTES_MAX {
                    orphan = Some(name);
                }
            }
            if let Some(orphan) = orphan {
                let why = format!("it is missing, and {orphan} is there: restore it from a copy, or move the folder away to begin anew");
                return Err(Refused { file: name, at: None, why });
            }
            return Ok(None);
        }
    };
    // The manifest was written, and then the power failed.
    if let Some(base) = &manifest.base
        && base.name == place.prefix
        && !is_there(&place.path(&base.name))?
        && is_there(&place.prefix)?
    {
        place.move_in().map_err(failed)?;
    }
    Ok(Some(manifest))
}

/// No longer than what a new file begins with.
const EMPTY_BYTES_MAX: u64 = 32;

/// A base in the form of a snapshot, at the front of a file. Returns where it ends.
fn preamble(file: &dyn DiskFile, name: &str, redo: &mut dyn Redo, told: &mut Recovered) -> Result<u64, Refused> {
    const PIECE_BYTES: usize = 1 << 20;
    let failed = |error: io::Error| Refused { file: name.to_owned(), at: None, why: error.to_string() };
    let mut magic = [0; 5];
    let read = file.read_at(0, &mut magic).map_err(failed)?;
    if magic[..read] != *b"REDIS" {
        return Ok(0);
    }
    let (mut reader, mut at, mut database) = (rdb::Reader::new(), 0, 0);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let wrong = |wrong: rdb::Wrong| Refused {
            file: name.to_owned(),
            at: Some(wrong.at),
            why: format!("{}; restore it from a copy", wrong.flaw),
        };
        while let Some(item) = reader.next(redo.thresholds()).map_err(wrong)? {
            match item {
                rdb::Item::Database(number) => database = number,
                rdb::Item::Key(record) => {
                    told.keys += 1;
                    redo.key(database, *record).map_err(|why| Refused { file: name.to_owned(), at: None, why })?;
                }
                rdb::Item::End { .. } => return Ok(at - reader.rest().len() as u64),
                _ => {}
            }
        }
        match file.read_at(at, &mut piece).map_err(failed)? {
            0 => reader.finish(),
            read => {
                reader.feed(&piece[..read]);
                at += read as u64;
            }
        }
    }
}

/// Does again what a file says, to its end or to its first damage.
fn read(reader: &mut LogReader, name: &str, redo: &mut dyn Redo) -> Result<Option<Damage>, Refused> {
    loop {
        let at = reader.at();
        match reader.next() {
            Ok(Some(commands)) => {
                let wrong = |why| Refused { file: name.to_owned(), at: Some(at), why };
                redo.commands(commands).map_err(wrong)?;
            }
            Ok(None) => return Ok(None),
            Err(Trouble::Damage(damage)) => return Ok(Some(damage)),
            Err(Trouble::Io(error)) => return Err(Refused { file: name.to_owned(), at: Some(at), why: error.to_string() }),
        }
    }
}

/// Cuts a file off, durably.
fn cut(place: &Place, name: &str, at: u64) -> io::Result<()> {
    let mut file = place.disk.open_to_append(name)?;
    file.truncate(at)?;
    file.sync()
}

fn refusal(name: &str, damage: &Damage, is_last: bool, manner: Manner) -> Refused {
    let what_to_do = match () {
        () if damage.is_torn && is_last && !manner.may_cut => {
            "what follows was never promised to anyone: set aof-load-truncated yes, or cut it off with trencadis check --fix"
        }
        () => "what was there was durable once: restore the file from a copy, or give up what follows with trencadis check --fix",
    };
    Refused { file: name.to_owned(), at: Some(damage.at), why: format!("{}; {what_to_do}", damage.why) }
}
