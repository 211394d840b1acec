//! The log: to the journal, to standard error or to a file; one line for each event, whatever a client put into it.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{Error, Result};
use crate::settings::{LogLevel, Settings};

/// How the level of the running log is changed.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();
/// The file of the running log, if it goes to one.
static FILE: OnceLock<LogFile> = OnceLock::new();

/// Starts the log of this process as the settings say, and tells what they say in vain. In a process that has a log, that one stays.
///
/// # Errors
/// The log file cannot be opened.
pub fn start(settings: &Settings) -> Result<()> {
    let (filter, handle) = reload::Layer::new(filter(settings.loglevel));
    let log = tracing_subscriber::registry().with(filter);
    let started = if let Some(path) = &settings.logfile {
        let file = LogFile::open(path.clone()).map_err(|source| Error::Io { doing: "opening the log file", source })?;
        let file = FILE.get_or_init(|| file);
        log.with(tracing_subscriber::fmt::layer().event_format(Lines { to: Reader::Person }).with_writer(move || file)).try_init()
    } else if stderr_is_journal() {
        match tracing_journald::layer() {
            Ok(journal) => log.with(journal.with_field_prefix(None)).try_init(),
            // No native socket: the journal reads standard error, and a priority at the beginning of each line.
            Err(_) => {
                log.with(tracing_subscriber::fmt::layer().event_format(Lines { to: Reader::Journal }).with_writer(io::stderr)).try_init()
            }
        }
    } else {
        log.with(tracing_subscriber::fmt::layer().event_format(Lines { to: Reader::Person }).with_writer(io::stderr)).try_init()
    };
    if started.is_ok() {
        // The first log is the only one, so this cannot have been set.
        let _ = LEVEL.set(handle);
        // A panic is an event like any other: one line, wherever the log goes.
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("of an unknown kind"));
        }));
    }
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Changes how much is logged (CONFIG SET loglevel).
pub(crate) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only when the log is gone, and then nobody reads it.
        let _ = handle.modify(|standing| *standing = filter(level));
    }
}

/// Opens the log file anew, after logrotate has moved it (SIGHUP). If that fails, the old one stays.
pub(crate) fn reopen() -> io::Result<()> {
    match FILE.get() {
        Some(log) => {
            let fresh = append(&log.path)?;
            *log.file.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
            Ok(())
        }
        None => Ok(()),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
    }
}

/// Whether standard error is the stream the journal gave us: `JOURNAL_STREAM` holds its device and inode.
fn stderr_is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else { return false };
    File::from(stderr).metadata().is_ok_and(|is| named == format!("{}:{}", is.dev(), is.ino()))
}

/// A file that can be replaced while it is written to.
struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = Mutex::new(append(&path)?);
        Ok(LogFile { path, file })
    }
}

impl io::Write for &LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// Who reads the lines.
#[derive(Clone, Copy)]
enum Reader {
    /// `<5>Ready to accept connections`: the journal keeps the time itself.
    Journal,
    /// `2026-01-31T12:00:00.000000Z notice Ready to accept connections`
    Person,
}

struct Lines {
    to: Reader,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        let (priority, name) = names(*event.metadata().level());
        match self.to {
            Reader::Journal => write!(line, "<{priority}>")?,
            Reader::Person => {
                SystemTime.format_time(&mut Writer::new(&mut line))?;
                write!(line, " {name} ")?;
            }
        }
        context.format_fields(Writer::new(&mut line), event)?;
        write_plainly(&mut out, &line)?;
        out.write_char('\n')
    }
}

/// The priority in the journal, and Redis's name of the level.
fn names(level: Level) -> (u8, &'static str) {
    match level {
        Level::ERROR => (3, "error"),
        Level::WARN => (4, "warning"),
        Level::INFO => (5, "notice"),
        Level::DEBUG => (6, "verbose"),
        Level::TRACE => (7, "debug"),
    }
}

/// Writes text with control characters escaped: a client's name must not begin a line of its own, nor talk to a terminal.
fn write_plainly(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for letter in text.chars() {
        if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { out.write_char(letter)? }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_begin_a_line() {
        let mut line = String::new();
        write_plainly(&mut line, "name=\"a\nb\u{1b}[31m\r\" é").unwrap();
        assert_eq!(line, "name=\"a\\nb\\u{1b}[31m\\r\" é");
    }
}
