//! The file that holds the process id while the daemon runs.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Removes the file when dropped.
#[derive(Debug)]
pub(crate) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes the file, if there shall be one. What an earlier run left is overwritten.
    pub(crate) fn write(path: Option<&Path>) -> Result<PidFile> {
        if let Some(path) = path {
            std::fs::write(path, format!("{}\n", std::process::id()))
                .map_err(|source| Error::Io { doing: "writing the pidfile", source })?;
        }
        Ok(PidFile(path.map(Path::to_owned)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Nobody is left to be told.
            let _ = std::fs::remove_file(path);
        }
    }
}
