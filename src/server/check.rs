//! `trencadis check FILE`: reads an RDB file to the end and says what is in it, or where and what is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use crate::error::{Error, Result};
use crate::rdb::{Item, Reader, Record, Wrong};
use crate::server::{Server, repair};
use crate::store::types::Thresholds;

/// What is read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Keys of one database.
#[derive(Default)]
struct Keys {
    by_kind: BTreeMap<&'static str, u64>,
    volatile: u64,
    /// Keys that say when they were last used, or how often they are.
    with_use: u64,
}

/// What was found.
#[derive(Default)]
struct Findings {
    text: String,
    database: u64,
    keys: BTreeMap<u64, Keys>,
    libraries: Vec<String>,
    skipped: BTreeMap<String, u64>,
    last_key: Option<Vec<u8>>,
}

impl Server {
    /// Reads a data file to its end and returns what is in it, in lines.
    ///
    /// # Errors
    /// It cannot be read, or it is not whole and sound: where, and what is wrong.
    pub fn check(path: &Path, fix: bool) -> Result<String> {
        let unreadable = |source: std::io::Error| Error::Data { path: path.to_owned(), at: None, problem: source.to_string() };
        if repair::is_log(path).map_err(unreadable)? {
            return repair::check(path, fix, &mut std::io::stdin().lock());
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let (mut reader, thresholds, mut findings) = (Reader::new(), Thresholds::default(), Findings::default());
        let mut bar = Bar::of(&file);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let len = file.read(&mut piece).map_err(unreadable)?;
            bar.advance(len);
            if len == 0 {
                reader.finish();
            } else {
                reader.feed(piece.get(..len).unwrap_or_default());
            }
            while let Some(item) = reader.next(&thresholds).map_err(|wrong| findings.complaint(path, wrong))? {
                findings.add(item);
            }
            if len == 0 {
                break;
            }
        }
        Ok(findings.summary(reader.rest()))
    }
}

/// How far the check has come, drawn where somebody looks: on standard error, if that is a terminal.
struct Bar {
    /// 0: nobody looks, or there is little to wait for.
    total: u64,
    done: u64,
    drawn: u64,
}

impl Bar {
    /// Hash signs in a full bar.
    const WIDTH: u64 = 40;
    /// Below so many bytes it is over before one has read the bar.
    const WORTH_BYTES: u64 = 16 << 20;

    fn of(file: &File) -> Bar {
        let total = file.metadata().map_or(0, |metadata| metadata.len());
        let is_seen = std::io::stderr().is_terminal() && total >= Bar::WORTH_BYTES;
        Bar { total: if is_seen { total } else { 0 }, done: 0, drawn: u64::MAX }
    }

    fn advance(&mut self, bytes: usize) {
        self.done += bytes as u64;
        let Some(percent) = (self.done * 100).checked_div(self.total).map(|percent| percent.min(100)) else { return };
        if percent != self.drawn {
            self.drawn = percent;
            let signs = (percent * Bar::WIDTH / 100) as usize;
            let end = if percent == 100 { "\n" } else { "" };
            // To draw it is no reason to fail.
            let _ = write!(std::io::stderr(), "\r[{:<width$}] {percent:3} %{end}", "#".repeat(signs), width = Bar::WIDTH as usize);
        }
    }
}

impl Findings {
    fn add(&mut self, item: Item) {
        match item {
            Item::Version { number, valkey } => {
                let _ = writeln!(self.text, "version {number}{}", if valkey { ", of Valkey" } else { "" });
            }
            Item::Fact { name, text } => {
                let _ = writeln!(self.text, "{}: {}", name.escape_ascii(), text.escape_ascii());
            }
            Item::Database(number) => self.database = number,
            Item::Function(source) => {
                // Its first line names it: `#!lua name=mylib`.
                let name = source.split(|byte| *byte == b'\n').next().unwrap_or_default();
                self.libraries.push(name.escape_ascii().to_string());
            }
            Item::Key(record) => self.count(*record),
            Item::Skipped(what) => *self.skipped.entry(what).or_default() += 1,
            Item::End { is_checked } => {
                let checksum = if is_checked { "the checksum is right" } else { "it has no checksum" };
                let _ = writeln!(self.text, "sound to the end; {checksum}");
            }
        }
    }

    fn count(&mut self, record: Record) {
        let keys = self.keys.entry(self.database).or_default();
        *keys.by_kind.entry(record.value.kind().name()).or_default() += 1;
        keys.volatile += u64::from(record.deadline.is_some());
        keys.with_use += u64::from(record.idle_seconds.is_some() || record.frequency.is_some());
        self.last_key = Some(record.key);
    }

    fn summary(mut self, rest: &[u8]) -> String {
        for (number, keys) in &self.keys {
            let kinds: Vec<String> = keys.by_kind.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let total: u64 = keys.by_kind.values().sum();
            let _ = write!(self.text, "database {number}: {total} keys ({}), {} with a deadline", kinds.join(", "), keys.volatile);
            let _ = if keys.with_use > 0 { writeln!(self.text, ", {} with their use", keys.with_use) } else { writeln!(self.text) };
        }
        for library in &self.libraries {
            let _ = writeln!(self.text, "library of functions: {library}");
        }
        for (what, count) in &self.skipped {
            let _ = writeln!(self.text, "passed over: {what} ({count})");
        }
        if !rest.is_empty() {
            let _ = writeln!(self.text, "behind the end: {} bytes or more of something else", rest.len());
        }
        self.text
    }

    fn complaint(&self, path: &Path, wrong: Wrong) -> Error {
        let place = match (&wrong.key, &self.last_key) {
            (Some(key), _) => format!("database {}, key \"{}\": ", self.database, key.escape_ascii()),
            (None, Some(key)) => format!("database {}, behind key \"{}\": ", self.database, key.escape_ascii()),
            (None, None) => String::new(),
        };
        Error::Data { path: path.to_owned(), at: Some(wrong.at), problem: format!("{place}{}", wrong.flaw) }
    }
}
