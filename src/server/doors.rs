//! The listening sockets of the daemon: handed over by systemd, or opened as the settings say.

use crate::error::{Error, Result};
use crate::net::Door;
use crate::server::systemd::{self, Listening};
use crate::settings::Settings;

/// Opens what the settings name. Sockets handed over take the place of `bind` and `port`, or of `unixsocket`, whichever they are.
///
/// # Errors
/// An address that cannot be had.
pub(super) fn open(settings: &Settings) -> Result<Vec<Door>> {
    let mut doors: Vec<Door> = systemd::sockets()?
        .into_iter()
        .map(|handed| {
            tracing::info!(name = handed.name, "serving on a socket that was handed over");
            match handed.socket {
                Listening::Tcp(listener) => Door::Tcp(listener),
                Listening::Unix(listener) => Door::Unix(listener, None),
            }
        })
        .collect();
    let has_tcp = doors.iter().any(|door| matches!(door, Door::Tcp(_)));
    let has_unix = doors.iter().any(|door| matches!(door, Door::Unix(..)));
    let backlog = settings.tcp_backlog;
    // As in Redis, port 0 is no TCP at all; without any other socket it asks the system for a free port.
    let wants_tcp = settings.port != 0 || (settings.unixsocket.is_none() && !has_unix);
    if wants_tcp && !has_tcp {
        for host in &settings.bind {
            doors.extend(Door::tcp(host, settings.port, backlog)?);
        }
    }
    if let Some(path) = settings.unixsocket.as_ref().filter(|_| !has_unix) {
        doors.push(Door::unix(path, settings.unixsocketperm, backlog)?);
    }
    if doors.is_empty() {
        let source = std::io::Error::other("no address of `bind` exists on this machine");
        return Err(Error::Listen { address: settings.bind.join(" "), source });
    }
    Ok(doors)
}

/// Descriptors for `maxclients` clients and for ourselves. What cannot be had is told and lived with: accepting waits when they run out.
pub(super) fn raise_descriptor_limit(maxclients: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = maxclients as u64 + 64;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = now.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: now.maximum });
    if raised.is_err() || current < wanted {
        tracing::warn!(
            wanted,
            available = current,
            "fewer file descriptors than maxclients needs; raise the limit (LimitNOFILE=) or lower maxclients"
        );
    }
}
