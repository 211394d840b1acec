//! Arguments -> settings -> log -> server -> exit code.

use std::io::Write as _;
use std::process::ExitCode;

use trencadis::{Error, Request, Result, Server, Settings, logging};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line; if standard error is closed, the exit code must do.
            let _ = writeln!(std::io::stderr(), "trencadis: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run() -> Result<()> {
    match Settings::from_process()? {
        Request::Print(text) => print(&text),
        Request::Check { path, fix } => print(&Server::check(&path, fix)?),
        Request::Serve(settings) => {
            logging::start(&settings)?;
            Server::run(*settings)
        }
    }
}

/// To standard output. A reader that has seen enough (`--help | head`) is no error.
fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::from(error)),
        _ => Ok(()),
    }
}
