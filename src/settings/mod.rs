//! Settings: one table of directives, one text for each, and the typed values the rest of the house reads.
//!
//! Defaults, then the file, then the environment, then the arguments (`load.rs`); later CONFIG SET. All of them go through the
//! same row of the table (`table.rs`) and the same parser (`parse.rs`) into [`Values`], from which the fields here are read.

mod arguments;
mod file;
mod load;
mod parse;
pub(crate) mod reference;
mod table;
mod typed;
mod values;

use std::fmt;
use std::path::{Path, PathBuf};

use table::{Status, When};
pub(crate) use typed::{Access, Encodings, Fsync, LogLevel, OutputLimit, Stop};
use values::{Refusal, Values};

use crate::error::{Error, Result};

/// What the arguments ask for.
#[derive(Debug)]
pub enum Request {
    /// Run the daemon.
    Serve(Box<Settings>),
    /// Print this and exit: `--help`, `--version`, `--print-config`, `--check-config`.
    Print(String),
    /// Check this file of data, and perhaps cut off what is damaged: `check FILE [--fix]`.
    Check { path: PathBuf, fix: bool },
}

/// Every setting of the daemon, as typed values and as the texts CONFIG GET prints.
#[derive(Clone)]
#[allow(dead_code, reason = "the table is whole; what features to come will read is typed and checked already")]
pub struct Settings {
    values: Values,
    file: Option<PathBuf>,

    // network
    /// Addresses as written: `127.0.0.1`, `-::1` (a leading `-`: may be missing), `*`.
    pub(crate) bind: Vec<String>,
    pub(crate) port: u16,
    pub(crate) protected_mode: bool,
    pub(crate) tcp_backlog: i32,
    /// Seconds; 0 is off. So are the other times here.
    pub(crate) tcp_keepalive: u64,
    pub(crate) timeout: u64,
    pub(crate) authentication_timeout: u64,
    pub(crate) unixsocket: Option<PathBuf>,
    pub(crate) unixsocketperm: Option<u32>,
    pub(crate) maxclients: usize,

    // security
    pub(crate) requirepass: Option<String>,
    pub(crate) enable_protected_configs: Access,
    pub(crate) enable_debug_command: Access,

    // general
    pub(crate) shards: usize,
    pub(crate) databases: usize,
    pub(crate) dir: PathBuf,
    pub(crate) pidfile: Option<PathBuf>,
    pub(crate) loglevel: LogLevel,
    pub(crate) logfile: Option<PathBuf>,
    pub(crate) hz: u32,
    pub(crate) shutdown_timeout: u64,

    // clients
    pub(crate) output_limit_normal: OutputLimit,
    pub(crate) output_limit_replica: OutputLimit,
    pub(crate) output_limit_pubsub: OutputLimit,
    pub(crate) client_query_buffer_limit: usize,
    pub(crate) proto_max_bulk_len: usize,
    pub(crate) query_words_max: usize,

    // memory
    pub(crate) maxmemory: u64,
    pub(crate) maxmemory_policy: String,
    pub(crate) active_expire: bool,
    pub(crate) active_expire_effort: u32,
    /// 0: no limit.
    pub(crate) tracking_keys_max: u64,
    pub(crate) lazyfree_lazy_user_del: bool,
    pub(crate) lazyfree_lazy_user_flush: bool,

    pub(crate) encodings: Encodings,

    // snapshot, observation, scripting
    /// Seconds and changes.
    pub(crate) save: Vec<(u64, u64)>,
    pub(crate) dbfilename: String,
    pub(crate) rdbcompression: bool,
    pub(crate) rdbchecksum: bool,
    pub(crate) rdb_version: u16,
    pub(crate) stop_writes_on_bgsave_error: bool,
    pub(crate) rdb_save_incremental_fsync: bool,
    pub(crate) shutdown_on_sigterm: Stop,
    pub(crate) shutdown_on_sigint: Stop,
    /// Microseconds; 0 logs everything, -1 nothing.
    /// Whether there is a log, and when it is durable.
    pub(crate) appendonly: bool,
    pub(crate) appendfsync: Fsync,
    /// The beginning of its files' names, and their folder in `dir`.
    pub(crate) appendfilename: String,
    pub(crate) appenddirname: String,
    pub(crate) aof_load_truncated: bool,
    pub(crate) auto_aof_rewrite_percentage: u64,
    pub(crate) auto_aof_rewrite_min_size: u64,
    pub(crate) slowlog_log_slower_than: i64,
    pub(crate) slowlog_max_len: usize,
    pub(crate) latency_tracking: bool,
    pub(crate) latency_tracking_info_percentiles: Vec<f64>,
    /// Letters of classes of events, as CONFIG GET shows them.
    pub(crate) notify_keyspace_events: String,
    pub(crate) busy_reply_threshold: u64,
    pub(crate) script_memory_limit: usize,
    /// Whether scripts may look at keys that they were not given.
    pub(crate) script_undeclared_keys: bool,
}

/// Why CONFIG SET changed nothing. `Display` is the error line without its `-`, as Redis words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetFault {
    /// No directive has this name.
    Unknown(String),
    /// This directive refused.
    Refused { name: String, problem: String },
}

impl fmt::Display for SetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetFault::Unknown(name) => write!(f, "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"),
            SetFault::Refused { name, problem } => {
                write!(f, "ERR CONFIG SET failed (possibly related to argument '{name}') - {problem}")
            }
        }
    }
}

impl std::error::Error for SetFault {}

/// How patterns are matched: pattern, text, whether case is folded. Handed in, since settings stand on the same floor as `glob`.
pub(crate) type Matcher = fn(&[u8], &[u8], bool) -> bool;

impl Settings {
    /// What the command line and the environment of this process ask for.
    ///
    /// # Errors
    /// An unknown directive, a value that its directive does not take, a file that cannot be read: each with its place.
    pub fn from_process() -> Result<Request> {
        load::request(std::env::args_os().skip(1), std::env::vars_os())
    }

    /// The defaults with some directives changed, for tests and for programs that embed the daemon.
    ///
    /// # Errors
    /// As for [`Settings::from_process`].
    pub fn with(changes: &[(&str, &str)]) -> Result<Settings> {
        let mut values = Values::defaults();
        for (name, given) in changes {
            let entry = load::Entry { name: (*name).to_owned(), given: (*given).to_owned(), place: "program".to_owned() };
            load::apply(&mut values, &entry)?;
        }
        Settings::from_values(values, None)
    }

    fn from_values(values: Values, file: Option<PathBuf>) -> Result<Settings> {
        typed::read(values, file).map_err(|problem| Error::Setting { place: "settings".to_owned(), key: "table".to_owned(), problem })
    }

    /// The file these settings were read from.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Changes directives at run time, all of them or none. `local`: the client is on this machine, for what only local clients may.
    ///
    /// # Errors
    /// The first directive that refuses, in Redis's words.
    pub fn set(&mut self, changes: &[(&[u8], &[u8])], local: bool) -> std::result::Result<(), SetFault> {
        let mut chosen = Vec::with_capacity(changes.len());
        for (name, given) in changes {
            let typed = String::from_utf8_lossy(name).into_owned();
            let refuse = |problem: &str| SetFault::Refused { name: typed.clone(), problem: problem.to_owned() };
            let Some((index, _, row)) = table::find(&typed).filter(|(_, _, row)| !row.hidden) else { return Err(SetFault::Unknown(typed)) };
            match row.when {
                When::Boot => return Err(refuse("can't set immutable config")),
                When::Protected if !self.enable_protected_configs.allows(local) => return Err(refuse("can't set protected config")),
                When::Protected | When::Live => {}
            }
            if chosen.iter().any(|(_, _, other, _): &(_, _, String, _)| other.eq_ignore_ascii_case(&typed)) {
                return Err(refuse("duplicate parameter"));
            }
            let Ok(given) = std::str::from_utf8(given) else { return Err(refuse("argument must be UTF-8 text")) };
            chosen.push((index, row, typed, given));
        }
        let mut values = self.values.clone();
        for (index, row, typed, given) in chosen {
            let problem = match values.judge(index, row, given) {
                Ok(text) => {
                    values.put(index, text, "CONFIG SET");
                    continue;
                }
                Err(Refusal::Form(problem)) => problem,
                Err(Refusal::Later(needs)) => format!("{} is not available yet: {needs}", row.name),
            };
            return Err(SetFault::Refused { name: typed.to_ascii_lowercase(), problem });
        }
        // The texts are canonical, so this can only fail by a slip of ours; then nothing has changed.
        *self = typed::read(values, self.file.clone()).map_err(|problem| SetFault::Refused { name: "settings".to_owned(), problem })?;
        Ok(())
    }

    /// The directives that match a pattern, with their texts, in the table's order; several patterns name each directive once.
    /// As in Redis, a plain name is answered as it was typed, and aliases are names of their own.
    pub(crate) fn get(&self, patterns: &[&[u8]], matches: Matcher) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut add = |name: String, text: &str| {
            if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                found.push((name, text.to_owned()));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
                let typed = String::from_utf8_lossy(pattern).into_owned();
                if let Some((index, _, _)) = table::find(&typed).filter(|(_, _, row)| !row.hidden) {
                    add(typed, self.values.at(index));
                }
                continue;
            }
            for (index, _, row) in table::rows().filter(|(_, _, row)| !row.hidden) {
                for name in row.names().filter(|name| matches(pattern, name.as_bytes(), true)) {
                    add(name.to_owned(), self.values.at(index));
                }
            }
        }
        found
    }

    /// Whether a directive's value may be shown: passwords may not.
    #[cfg(test)]
    pub(crate) fn is_secret(name: &[u8]) -> bool {
        std::str::from_utf8(name).ok().and_then(table::find).is_some_and(|(_, _, row)| row.secret)
    }

    /// What the operator should know at start: values that were accepted but that nothing enforces yet.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, _, row) in table::rows() {
            let Status::Unenforced(needs) = row.status else { continue };
            let text = self.values.at(index);
            if !self.values.is_default(index, row) && !text.is_empty() {
                warnings.push(format!("{} = \"{text}\" has no effect yet: {needs}", row.name));
            }
        }
        warnings
    }

    /// Reads file and environment again, as SIGHUP asks. Directives that are fixed at start keep their value; the second list
    /// names those that would have changed. What CONFIG SET changed is read anew as well.
    ///
    /// # Errors
    /// As for [`Settings::from_process`]; the settings in force stay as they are.
    pub fn reloaded(&self) -> Result<(Settings, Vec<&'static str>)> {
        let Request::Serve(mut fresh) = Settings::from_process()? else { return Ok((self.clone(), Vec::new())) };
        let mut fixed = Vec::new();
        for (index, _, row) in table::rows().filter(|(_, _, row)| row.when == When::Boot) {
            if fresh.values.at(index) != self.values.at(index) {
                fixed.push(row.name);
                fresh.values.put(index, self.values.at(index).to_owned(), self.values.origin(index));
            }
        }
        Ok((Settings::from_values(fresh.values, fresh.file)?, fixed))
    }
}

/// Shows no values: some are passwords.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
