//! How the daemon begins and ends as a service: signals, SHUTDOWN, sockets handed over, what systemd is told, and what a panic does.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::wire::{self, Wire};

const PONG: &[u8] = b"+PONG\r\n";
const OK: &[u8] = b"+OK\r\n";

/// A path of this test's own that does not exist yet.
fn path(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("trencadis-ends-{}-{number}-{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

/// A client whose pipeline is under way: its first call holds the shards for a second.
fn busy(server: &Daemon) -> Wire {
    let mut wire = server.wire();
    let mut pipeline = b"PING\r\nDEBUG SLEEP 1\r\n".to_vec();
    (0..50).for_each(|i| pipeline.extend(wire::request(&["SET", &format!("k{i}"), "v"])));
    wire.send_raw(&pipeline);
    assert_eq!(wire.reply().as_deref(), Some(PONG));
    wire
}

#[test]
fn a_signal_lets_pipelines_finish() {
    for name in ["TERM", "INT"] {
        let mut server = Daemon::start(&["--shards", "2", "--enable-debug-command", "yes"]);
        let mut idle = server.wire();
        assert_eq!(idle.call(&["PING"]), PONG);
        let mut busy = busy(&server);
        server.signal(name);
        // Who asks for nothing is not waited for, and nobody new is let in.
        assert!(idle.is_closed_within(Duration::from_secs(5)));
        server.await_log("draining");
        let started = Instant::now();
        while Wire::connect(server.port()).is_ok() {
            assert!(started.elapsed() < Duration::from_secs(5), "somebody still listens");
        }
        for i in 0..51 {
            assert_eq!(busy.reply().as_deref(), Some(OK), "SIG{name}, reply {i}");
        }
        assert_eq!(busy.until_closed(), b"");
        assert_eq!(server.await_end().code(), Some(0), "SIG{name}");
        let free = std::net::TcpListener::bind(("127.0.0.1", server.port()));
        // Connections that have just ended may linger in the kernel; that nobody listens is what counts.
        assert!(free.is_ok() || Wire::connect(server.port()).is_err());
        server.restart();
        assert_eq!(server.wire().call(&["PING"]), PONG);
    }
}

#[test]
fn shutdown_is_obeyed() {
    for how in ["SHUTDOWN NOSAVE", "SHUTDOWN", "SHUTDOWN NOSAVE NOW FORCE"] {
        let mut server = Daemon::start(&["--shards", "2"]);
        let mut wire = server.wire();
        wire.send_raw(format!("{how}\r\n").as_bytes());
        assert_eq!(wire.until_closed(), b"", "{how}");
        assert_eq!(server.await_end().code(), Some(0), "{how}");
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut server = Daemon::start(&["--shards", "2", "--enable-debug-command", "yes"]);
    let mut wire = server.wire();
    wire.send_raw(b"PING\r\nDEBUG SLEEP 8\r\n");
    assert_eq!(wire.reply().as_deref(), Some(PONG));
    server.signal("TERM");
    server.await_log("draining");
    let started = Instant::now();
    server.signal("TERM");
    assert_eq!(server.await_end().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// A client that takes nothing of its reply is not waited for longer than the settings say.
#[test]
fn a_client_that_reads_nothing_does_not_stop_the_end() {
    let mut server = Daemon::start(&["--shutdown-timeout", "1"]);
    let mut wire = server.wire();
    assert_eq!(wire.call(&[b"SET".as_slice(), b"k", &vec![b'x'; 8 << 20]]), OK);
    wire.send_raw(&wire::request(&["GET", "k"]).repeat(10));
    thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    server.await_log("cut off");
}

#[test]
fn a_hangup_reads_the_file_again() {
    let file = path("trencadis.toml");
    fs::write(&file, "[network]\ntimeout = 7\n").expect("a file");
    // The file comes before every other argument.
    let server = Daemon::start_under(&["sh", "-c", &format!("exec \"$0\" '{}' \"$@\"", file.display())], &[]);
    let mut wire = server.wire();
    let timeout = |wire: &mut Wire| String::from_utf8_lossy(&wire.call(&["CONFIG", "GET", "timeout"])).into_owned();
    assert_eq!(timeout(&mut wire), "*2\r\n$7\r\ntimeout\r\n$1\r\n7\r\n");
    fs::write(&file, "[network]\ntimeout = 33\n[security]\nrequirepass = \"new\"\n").expect("a file");
    server.signal("HUP");
    server.await_log("settings were read again");
    // Who was let in before stays in.
    assert_eq!(timeout(&mut wire), "*2\r\n$7\r\ntimeout\r\n$2\r\n33\r\n");
    let mut stranger = server.wire();
    assert_eq!(stranger.call(&["GET", "k"]), b"-NOAUTH Authentication required.\r\n");
    assert_eq!(stranger.call(&["AUTH", "new"]), OK);
    // What cannot work changes nothing.
    fs::write(&file, "[network]\ntimeout = \"never\"\n").expect("a file");
    server.signal("HUP");
    server.await_log("the settings stay as they were");
    assert_eq!(timeout(&mut wire), "*2\r\n$7\r\ntimeout\r\n$2\r\n33\r\n");
    let _ = fs::remove_file(file);
}

#[test]
fn a_log_that_was_moved_is_opened_again() {
    let (log, moved) = (path("log"), path("log.1"));
    let server = Daemon::start(&["--logfile", log.to_str().expect("text")]);
    fs::rename(&log, &moved).expect("the log was there");
    server.signal("HUP");
    let started = Instant::now();
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("settings were read again")) {
        assert!(started.elapsed() < Duration::from_secs(10), "nothing is written to the new log");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(fs::read_to_string(&moved).is_ok_and(|text| text.contains("Ready to accept connections")));
    let (_, _) = (fs::remove_file(log), fs::remove_file(moved));
}

#[test]
fn a_socket_that_was_handed_over_is_served() {
    let mut server = Daemon::start_under(&["systemd-socket-activate", "-l", "127.0.0.1:{port}", "--fdname=resp"], &["--shards", "2"]);
    let mut wire = server.wire();
    assert_eq!(wire.call(&["SET", "k", "v"]), OK);
    assert_eq!(wire.call(&["GET", "k"]), b"$1\r\nv\r\n");
    server.await_log("handed over");
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn a_unix_socket_that_was_handed_over_is_served_and_left() {
    let socket = path("handed.sock");
    let place = socket.to_str().expect("text").to_owned();
    // The TCP socket is for the test's own first PING.
    let mut server = Daemon::start_under(&["systemd-socket-activate", "-l", "127.0.0.1:{port}", "-l", &place, "--fdname=resp:local"], &[]);
    let mut stream = UnixStream::connect(&socket).expect("somebody listens");
    stream.write_all(b"PING\r\n").expect("it takes a request");
    let mut reply = [0; 7];
    stream.read_exact(&mut reply).expect("a reply");
    assert_eq!(reply, PONG);
    assert_eq!(server.stop().code(), Some(0));
    assert!(socket.exists(), "it is not ours to remove");
    let _ = fs::remove_file(socket);
}

/// What a daemon tells systemd, by lines.
struct Notified {
    socket: UnixDatagram,
    path: PathBuf,
    told: Vec<String>,
}

impl Notified {
    fn new() -> Notified {
        let path = path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket in the folder for temporary files");
        Notified { socket, path, told: Vec::new() }
    }

    fn await_line(&mut self, line: &str) {
        let started = Instant::now();
        while !self.told.iter().any(|told| told == line) {
            assert!(started.elapsed() < Duration::from_secs(20), "{line} was not told: {:?}", self.told);
            self.receive(Duration::from_millis(100));
        }
    }

    fn receive(&mut self, patience: Duration) {
        let mut bytes = [0; 4096];
        self.socket.set_read_timeout(Some(patience)).expect("not zero");
        if let Ok(length) = self.socket.recv(&mut bytes) {
            self.told.extend(String::from_utf8_lossy(&bytes[..length]).lines().map(str::to_owned));
        }
    }

    /// How many lines of this kind come in a time.
    fn count(&mut self, line: &str, time: Duration) -> usize {
        let (before, started) = (self.told.len(), Instant::now());
        while started.elapsed() < time {
            self.receive(Duration::from_millis(50));
        }
        self.told[before..].iter().filter(|told| *told == line).count()
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn systemd_is_told_of_beginning_reload_and_end() {
    let mut systemd = Notified::new();
    let preparation = format!("export NOTIFY_SOCKET={}", systemd.path.display());
    let mut server = Daemon::start_after(&preparation, &["--shards", "2"]);
    systemd.await_line("READY=1");
    assert!(systemd.told.iter().any(|line| line.starts_with("STATUS=serving on port")), "{:?}", systemd.told);
    assert_eq!(systemd.count("WATCHDOG=1", Duration::from_millis(500)), 0, "nobody watches");
    systemd.told.clear();
    server.signal("HUP");
    systemd.await_line("RELOADING=1");
    systemd.await_line("READY=1");
    assert!(systemd.told.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{:?}", systemd.told);
    assert_eq!(server.stop().code(), Some(0));
    systemd.await_line("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_as_long_as_every_shard_answers() {
    let mut systemd = Notified::new();
    let preparation = format!("export NOTIFY_SOCKET={} WATCHDOG_USEC=1000000 WATCHDOG_PID=$$", systemd.path.display());
    let server = Daemon::start_after(&preparation, &["--shards", "2", "--enable-debug-command", "yes"]);
    systemd.await_line("WATCHDOG=1");
    let mut wire = server.wire();
    wire.send_raw(b"PING\r\nDEBUG SLEEP 4\r\n");
    assert_eq!(wire.reply().as_deref(), Some(PONG));
    // One may be on its way.
    assert!(systemd.count("WATCHDOG=1", Duration::from_secs(3)) <= 1, "a shard stands still, and all is said to be well");
    assert_eq!(wire.reply().as_deref(), Some(OK));
    systemd.told.clear();
    systemd.await_line("WATCHDOG=1");
}

#[test]
fn a_watchdog_for_another_process_is_not_fed() {
    let mut systemd = Notified::new();
    let preparation = format!("export NOTIFY_SOCKET={} WATCHDOG_USEC=200000 WATCHDOG_PID=1", systemd.path.display());
    let _server = Daemon::start_after(&preparation, &[]);
    systemd.await_line("READY=1");
    assert_eq!(systemd.count("WATCHDOG=1", Duration::from_secs(1)), 0);
}

/// In a shard, and in a borrower, where what the call was doing might be half done.
#[test]
fn a_panic_ends_the_process() {
    for call in [&["DEBUG", "PANIC"][..], &["DEBUG", "PANIC", "some", "keys", "on", "several", "shards"]] {
        let mut server = Daemon::start(&["--shards", "4", "--enable-debug-command", "yes"]);
        let mut wire = server.wire();
        wire.send(call);
        let _ = wire.until_closed();
        assert_eq!(server.await_end().code(), Some(1));
        let log = server.log();
        assert_eq!(log.matches("panic: DEBUG PANIC").count(), 1, "{log}");
        assert!(log.contains("the process ends, since its data is no longer whole"), "{log}");
        assert!(!log.contains("stack backtrace"), "{log}");
    }
    let server = Daemon::start(&[]);
    assert!(server.wire().call(&["DEBUG", "PANIC"]).starts_with(b"-ERR DEBUG command not allowed."), "it is locked");
}

#[test]
fn a_unix_socket_has_its_permissions() {
    for (mode, given) in [(0o700, "700"), (0o770, "770")] {
        let socket = path("own.sock");
        let mut server = Daemon::start(&["--unixsocket", socket.to_str().expect("text"), "--unixsocketperm", given]);
        let is = fs::metadata(&socket).expect("the socket is there").permissions().mode() & 0o777;
        assert_eq!(is, mode);
        let mut stream = UnixStream::connect(&socket).expect("somebody listens");
        stream.write_all(b"PING\r\nCLIENT LIST\r\nQUIT\r\n").expect("it takes requests");
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("replies, and the end");
        assert!(told.starts_with("+PONG\r\n") && told.contains(&format!("addr={}:0", socket.display())), "{told}");
        drop(stream);
        assert_eq!(server.stop().code(), Some(0));
        assert!(!socket.exists(), "it was ours");
    }
}
