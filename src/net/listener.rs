//! Listening sockets: opening them, and accepting without ever ending or spinning.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::error::{Error, Result};

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(std::net::TcpListener),
    /// With the path to remove at the end, if we made it.
    Unix(std::os::unix::net::UnixListener, Option<PathBuf>),
}

/// A client's socket before a worker has it.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socketed,
    /// `address:port`, or the path of the Unix socket with `:0`.
    pub(crate) peer: String,
    pub(crate) own: String,
    pub(crate) descriptor: i32,
    /// It comes from this machine.
    pub(crate) loopback: bool,
}

#[derive(Debug)]
pub(crate) enum Socketed {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// After an error that will last (no descriptors left): long enough to cost nothing, short enough that service resumes within a second.
const BACK_OFF: Duration = Duration::from_millis(100);

impl Door {
    /// Opens TCP sockets for a host name or address. An address written `-address` may be missing on this machine.
    ///
    /// # Errors
    /// No such address, or it is in use.
    pub(crate) fn tcp(host: &str, port: u16, backlog: i32) -> Result<Vec<Door>> {
        let (optional, host) = host.strip_prefix('-').map_or((false, host), |host| (true, host));
        let name = if host == "*" { "0.0.0.0" } else { host };
        let refused = |source: io::Error| Error::Listen { address: format!("{host}:{port}"), source };
        let mut doors = Vec::new();
        for address in (name, port).to_socket_addrs().map_err(refused)? {
            match open_tcp(address, backlog) {
                Ok(listener) => doors.push(Door::Tcp(listener)),
                Err(error) if optional && matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(doors)
    }

    /// Opens a Unix socket. The permissions are set before anybody can connect: bind, chmod, then listen.
    ///
    /// # Errors
    /// The path cannot be used.
    pub(crate) fn unix(path: &Path, mode: Option<u32>, backlog: i32) -> Result<Door> {
        let open = || -> io::Result<std::os::unix::net::UnixListener> {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket.bind(&SockAddr::unix(path)?)?;
            if let Some(mode) = mode {
                fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
            }
            socket.listen(backlog)?;
            Ok(socket.into())
        };
        let listener = open().map_err(|source| Error::Listen { address: path.display().to_string(), source })?;
        Ok(Door::Unix(listener, Some(path.to_owned())))
    }

    /// The port, for a TCP socket.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Door::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Door::Unix(..) => None,
        }
    }

    /// Accepts for ever, handing each socket to `arrived`. An error never ends the loop and never makes it spin: a connection that was given up
    /// before it was accepted is passed over, and when descriptors or memory run out it waits a moment.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub(crate) async fn accept_all(
        self,
        keepalive_seconds: u64,
        failed: impl Fn(&io::Error),
        arrived: impl AsyncFn(Accepted),
    ) -> io::Result<()> {
        match self {
            Door::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let listener = TcpListener::from_std(listener)?;
                loop {
                    match listener.accept().await {
                        Ok((socket, peer)) => {
                            if let Ok(accepted) = prepare_tcp(socket, peer, keepalive_seconds) {
                                arrived(accepted).await;
                            }
                        }
                        Err(error) => after_error(&error, &failed).await,
                    }
                }
            }
            Door::Unix(listener, path) => {
                listener.set_nonblocking(true)?;
                let listener = UnixListener::from_std(listener)?;
                let name = path.map_or_else(|| "unix".to_owned(), |path| path.display().to_string());
                loop {
                    match listener.accept().await.and_then(|(socket, _)| socket.into_std()) {
                        Ok(socket) => {
                            let descriptor = socket.as_raw_fd();
                            let (peer, own) = (format!("{name}:0"), format!("{name}:0"));
                            arrived(Accepted { socket: Socketed::Unix(socket), peer, own, descriptor, loopback: true }).await;
                        }
                        Err(error) => after_error(&error, &failed).await,
                    }
                }
            }
        }
    }
}

impl Accepted {
    /// Registers the socket with the runtime of the calling thread.
    ///
    /// # Errors
    /// The runtime does not take it.
    pub(crate) fn into_stream(self) -> io::Result<super::Stream> {
        Ok(match self.socket {
            Socketed::Tcp(socket) => super::Stream::Tcp(TcpStream::from_std(socket)?),
            Socketed::Unix(socket) => super::Stream::Unix(UnixStream::from_std(socket)?),
        })
    }

    /// Says one thing to the client and hangs up. What does not fit the socket's empty buffer at once is not worth waiting for.
    pub(crate) fn refuse(self, text: &str) {
        let _ = match &self.socket {
            Socketed::Tcp(socket) => io::Write::write(&mut &*socket, text.as_bytes()),
            Socketed::Unix(socket) => io::Write::write(&mut &*socket, text.as_bytes()),
        };
    }
}

fn open_tcp(address: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn prepare_tcp(socket: TcpStream, peer: SocketAddr, keepalive_seconds: u64) -> io::Result<Accepted> {
    socket.set_nodelay(true)?;
    if keepalive_seconds > 0 {
        // As Redis: first probe after the interval, three more within it.
        let interval = Duration::from_secs((keepalive_seconds / 3).max(1));
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(keepalive_seconds)).with_interval(interval).with_retries(3);
        SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    }
    let own = socket.local_addr()?.to_string();
    let socket = socket.into_std()?;
    let descriptor = socket.as_raw_fd();
    let loopback = peer.ip().to_canonical().is_loopback();
    Ok(Accepted { socket: Socketed::Tcp(socket), peer: peer.to_string(), own, descriptor, loopback })
}

async fn after_error(error: &io::Error, failed: &impl Fn(&io::Error)) {
    failed(error);
    // What concerns one connection only is over with it; everything else may last.
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted) {
        tokio::time::sleep(BACK_OFF).await;
    }
}
