//! The roof: settings become a running daemon.

pub mod logging;
mod pidfile;
mod systemd;

use crate::error::Result;
use crate::settings::Settings;

/// The daemon.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// What kept it from starting.
    pub fn run(settings: Settings) -> Result<()> {
        let _pidfile = pidfile::PidFile::write(settings.pidfile.as_deref())?;
        Ok(())
    }
}
