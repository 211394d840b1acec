//! What systemd is told, and the sockets it hands over. Without systemd all of it does nothing.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use socket2::SockRef;

use crate::error::{Error, Result};

/// Data is loaded and the sockets are open. Also the end of a reload.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Not ready yet, but on the way, for this long at least.
pub(crate) fn still_starting(status: &str, longer: Duration) {
    let micros = u32::try_from(longer.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(micros), NotifyState::Status(status)]);
}

/// A reload begins; `ready` ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The first thing on SIGTERM.
pub(crate) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Every shard has answered.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often `alive` should be called, if systemd watches: half of what it allows.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2)
}

fn tell(states: &[NotifyState<'_>]) {
    // Not to be heard is no reason to stop serving.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// A listening socket that was open before us.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A socket and its `FileDescriptorName=`, such as `resp`.
#[derive(Debug)]
pub(crate) struct HandedOver {
    pub(crate) name: String,
    pub(crate) socket: Listening,
}

/// Takes the sockets handed over (socket activation), not blocking, and removes `LISTEN_PID` and `LISTEN_FDS` from the
/// environment. To be called once, while the process has one thread.
pub(crate) fn sockets() -> Result<Vec<HandedOver>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut handed = ListenFd::from_env();
    let mut taken = Vec::with_capacity(handed.len());
    for place in 0..handed.len() {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
        let fault = |source| Error::Listen { address: format!("the socket handed over as {name}"), source };
        let socket = match handed.take_tcp_listener(place) {
            Ok(Some(listener)) => Listening::Tcp(listener),
            Ok(None) => continue,
            // Not TCP: a Unix socket, or nothing we can serve.
            Err(_) => match handed.take_unix_listener(place).map_err(fault)? {
                Some(listener) => Listening::Unix(listener),
                None => continue,
            },
        };
        socket.check().map_err(fault)?;
        taken.push(HandedOver { name, socket });
    }
    Ok(taken)
}

impl Listening {
    /// Listening, and made not to block. A unit with `Accept=yes` hands over connections, which we do not serve.
    fn check(&self) -> std::io::Result<()> {
        let socket = match self {
            Listening::Tcp(listener) => SockRef::from(listener),
            Listening::Unix(listener) => SockRef::from(listener),
        };
        if !socket.is_listener()? {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it does not listen; the socket unit must have Accept=no"));
        }
        socket.set_nonblocking(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};

    #[test]
    fn only_listening_sockets_are_taken() {
        assert!(Listening::Tcp(TcpListener::bind("127.0.0.1:0").unwrap()).check().is_ok());
        let idle = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert!(Listening::Tcp(idle.into()).check().unwrap_err().to_string().contains("Accept=no"));
        let idle = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        assert!(Listening::Unix(idle.into()).check().is_err());
    }
}
