//! What the operator is told: one error type for everything that can keep the daemon from starting or running.

use std::fmt;
use std::path::PathBuf;

/// An error addressed to the operator (or to a program that uses the library's front door).
///
/// What a client is told is a `Fault`; what a peer's bytes can do wrong is a [`crate::frame::Error`].
#[derive(Debug)]
pub enum Error {
    /// A setting is unknown, misspelt or out of range. `place` says where it came from: `file:line`, a variable or an option.
    Setting { place: String, key: String, problem: String },
    /// A file of settings could not be read or is not TOML; then `line` says where.
    File { path: PathBuf, line: Option<usize>, problem: String },
    /// A file of data could not be read, or is damaged: at this byte.
    Data { path: PathBuf, at: Option<u64>, problem: String },
    /// An address or socket could not be opened.
    Listen { address: String, source: std::io::Error },
    /// The operating system refused something else.
    Io { doing: &'static str, source: std::io::Error },
    /// The peer closed in the middle of a frame, or sent what is not the protocol.
    Peer(String),
}

/// The result of everything at the library's front door.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The exit code of the daemon: 78 for a configuration that cannot work, 1 otherwise.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Setting { .. } | Error::File { .. } => 78,
            Error::Data { .. } | Error::Listen { .. } | Error::Io { .. } | Error::Peer(_) => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { place, key, problem } => write!(f, "{place}: {key}: {problem}"),
            Error::File { path, line: Some(line), problem } => write!(f, "{}:{line}: {problem}", path.display()),
            Error::File { path, line: None, problem } => write!(f, "{}: {problem}", path.display()),
            Error::Data { path, at: Some(at), problem } => write!(f, "{}: byte {at}: {problem}", path.display()),
            Error::Data { path, at: None, problem } => write!(f, "{}: {problem}", path.display()),
            Error::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            Error::Io { doing, source } => write!(f, "{doing}: {source}"),
            Error::Peer(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Listen { source, .. } | Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Error {
        Error::Io { doing: "input/output", source }
    }
}
