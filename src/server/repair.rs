//! `trencadis check FILE`, where the file is a log or its manifest: what is in it, or where and what is wrong; and `--fix`, which cuts a log off there
//! when it has been told to.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::persist::disk::{Disk as _, Folder};
use crate::persist::manifest::Manifest;
use crate::persist::reader::{Damage, LogReader, Trouble};
use crate::server::Server;

/// Whether a file is a log, or lists one.
pub(super) fn is_log(path: &Path) -> io::Result<bool> {
    let mut first = [0];
    let read = std::fs::File::open(path)?.read(&mut first)?;
    Ok(is_manifest(path) || read == 1 && matches!(first[0], b'*' | b'#'))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "manifest")
}

/// Reads a log, or all that a manifest lists. With `fix` it asks, and cuts off what follows the first damage.
pub(super) fn check(path: &Path, fix: bool, answers: &mut dyn BufRead) -> Result<String> {
    let failed = |error: io::Error| Error::Data { path: path.to_owned(), at: None, problem: error.to_string() };
    if !is_manifest(path) {
        return check_one(path, fix, answers);
    }
    let text = std::fs::read(path).map_err(failed)?;
    let manifest =
        Manifest::read(&text).map_err(|unsound| Error::Data { path: path.to_owned(), at: None, problem: unsound.to_string() })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut told = String::new();
    for part in manifest.needed() {
        let path = folder.join(&part.name);
        let missing = |error: io::Error| Error::Data { path: path.clone(), at: None, problem: error.to_string() };
        let _ = writeln!(told, "{}:", part.name);
        let said = if is_log(&path).map_err(missing)? { check_one(&path, fix, answers)? } else { Server::check(&path, fix)? };
        for line in said.lines() {
            let _ = writeln!(told, "  {line}");
        }
    }
    Ok(told)
}

fn check_one(path: &Path, fix: bool, answers: &mut dyn BufRead) -> Result<String> {
    let failed = |error: io::Error| Error::Data { path: path.to_owned(), at: None, problem: error.to_string() };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = Folder::open(folder).map_err(failed)?;
    let mut reader = LogReader::from(disk.open(&name).map_err(failed)?, 0).map_err(failed)?;
    let damage = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(format!("{} bytes, {} batches with checksums; sound to the end", reader.len(), reader.batches)),
            Err(Trouble::Damage(damage)) => break damage,
            Err(Trouble::Io(error)) => return Err(failed(error)),
        }
    };
    let len = reader.len();
    if !fix {
        let what = if damage.is_torn {
            "; nothing behind it was ever durable: --fix cuts it off"
        } else {
            "; it was durable once: --fix gives up what follows"
        };
        return Err(Error::Data { path: path.to_owned(), at: Some(damage.at), problem: format!("{}{what}", damage.why) });
    }
    if !is_wanted(&name, &damage, len, answers).map_err(failed)? {
        return Ok(format!("{name} stays as it is"));
    }
    let cut = || {
        let mut file = disk.open_to_append(&name)?;
        file.truncate(damage.at)?;
        file.sync()
    };
    cut().map_err(failed)?;
    Ok(format!("{} bytes were cut off; {} bytes stay", len - damage.at, damage.at))
}

fn is_wanted(name: &str, damage: &Damage, len: u64, answers: &mut dyn BufRead) -> io::Result<bool> {
    let promised = if damage.is_torn { "It was never durable." } else { "It was durable once: clients were told that it is kept." };
    let mut out = io::stderr();
    write!(
        out,
        "{name}: {} at byte {} of {len}. Cutting it off there loses {} bytes. {promised} Continue? [y/N] ",
        damage.why,
        damage.at,
        len - damage.at
    )?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
