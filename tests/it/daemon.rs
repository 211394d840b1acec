//! Servers of a test's own: our daemon, and Debian's redis-server beside it as the reference.
//!
//! Each has its own port on 127.0.0.1 and its own folder, where its files and its log (`log`) lie; both are gone when it is
//! dropped. `TRENCADIS_DAEMON=/usr/bin/redis-server` puts another binary into our place, to try a test out on the reference;
//! `TRENCADIS_REFERENCE` names another reference.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::wire::Wire;

/// How long a server may take to answer its first PING: generous, for two cores that compile beside it.
const PATIENCE: Duration = Duration::from_secs(30);

/// One started server, ours or the reference.
pub struct Daemon {
    child: Child,
    port: u16,
    binary: PathBuf,
    /// Words before the binary's: a program that starts it in a way of its own. `{port}` stands for the port.
    under: Vec<String>,
    arguments: Vec<String>,
    folder: PathBuf,
}

/// The reference server, where a test reads better with its name.
pub struct Peer;

impl Daemon {
    /// Our daemon, answering, with nothing saved on exit unless the arguments say so.
    pub fn start(arguments: &[&str]) -> Daemon {
        Daemon::start_in(&new_folder(), arguments)
    }

    /// As `start`, but in a folder that exists: what an earlier daemon left there is found. It too is removed in the end.
    pub fn start_in(folder: &Path, arguments: &[&str]) -> Daemon {
        let binary = std::env::var_os("TRENCADIS_DAEMON").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_trencadis")), PathBuf::from);
        let mut all = with_defaults(arguments, &[("--bind", "127.0.0.1"), ("--save", "")]);
        if binary.ends_with("redis-server") {
            all.extend(["--enable-debug-command".to_owned(), "yes".to_owned()]);
            // The reference does not know how many shards it has: one.
            if let Some(at) = all.iter().position(|argument| argument == "--shards") {
                all.drain(at..at + 2);
            }
        }
        Daemon::launch(binary, Vec::new(), all, folder.to_owned())
    }

    /// Our daemon started by another program, which is given its command line and must become it (`exec`).
    pub fn start_under(under: &[&str], arguments: &[&str]) -> Daemon {
        let all = with_defaults(arguments, &[("--bind", "127.0.0.1"), ("--save", "")]);
        let under = under.iter().map(|word| (*word).to_owned()).collect();
        Daemon::launch(PathBuf::from(env!("CARGO_BIN_EXE_trencadis")), under, all, new_folder())
    }

    /// Our daemon started by a shell that first does `preparation`.
    pub fn start_after(preparation: &str, arguments: &[&str]) -> Daemon {
        Daemon::start_under(&["sh", "-c", &format!("{preparation}; exec \"$0\" \"$@\"")], arguments)
    }

    fn launch(binary: PathBuf, under: Vec<String>, arguments: Vec<String>, folder: PathBuf) -> Daemon {
        // The port is free when we ask and may be taken when the server binds it, hence a few attempts.
        let mut told = String::new();
        for _ in 0..5 {
            let port = free_port();
            let child = spawn(&binary, &under, &arguments, port, &folder);
            let mut daemon =
                Daemon { child, port, binary: binary.clone(), under: under.clone(), arguments: arguments.clone(), folder: folder.clone() };
            match daemon.await_first_answer() {
                Ok(()) => return daemon,
                Err(why) => told = format!("{why}; it logged:\n{}", daemon.log()),
            }
            // The folder is used again by the next attempt.
            daemon.finish();
            std::mem::forget(daemon);
        }
        let _ = fs::remove_dir_all(&folder);
        panic!("{} {arguments:?} does not start: {told}", binary.display());
    }

    fn await_first_answer(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended with {status}"));
            }
            if let Ok(mut wire) = Wire::connect(self.port) {
                wire.send(&[b"PING"]);
                // A server that wants a password first, or that is still loading, has begun to answer.
                match wire.reply() {
                    Some(reply) if reply.starts_with(b"-LOADING") => {}
                    Some(_) => return Ok(()),
                    None => {}
                }
            }
            sleep(Duration::from_millis(5));
        }
        Err("does not answer PING".to_owned())
    }

    /// A new connection to it.
    pub fn wire(&self) -> Wire {
        Wire::connect(self.port).expect("a daemon that answered PING accepts connections")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets some of its workers get less of the processor than others: they are held up between any two of their steps, and often.
    pub fn slow_down_workers(&self, nice: &[u32]) {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it runs");
        for task in tasks.map(|task| task.expect("its threads can be listed").path()) {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            let worker = name.trim().strip_prefix("worker-").and_then(|number| number.parse::<usize>().ok());
            let (Some(nice), Some(id)) = (worker.and_then(|worker| nice.get(worker)), task.file_name().and_then(|id| id.to_str())) else {
                continue;
            };
            let output = Command::new("renice").args(["-n", &nice.to_string(), "-p", id]).output().expect("renice is in every Debian");
            assert!(output.status.success(), "renice: {}", String::from_utf8_lossy(&output.stderr));
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it wrote to its standard output and error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    /// Resident bytes now.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
    }

    /// The processor time it has used.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // Behind the name, which may hold anything, come the state and ten more fields, then both times in hundredths of a second.
        let ticks = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
        Duration::from_millis(10 * ticks.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
    }

    /// Waits until it has logged `text`.
    pub fn await_log(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < PATIENCE, "{text:?} is not in the log:\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal by its name ("TERM", "HUP", "STOP") to this child only.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().expect("kill is in every Debian");
        assert!(status.success(), "kill -{name}");
    }

    /// SIGTERM, and the end of the process. A daemon that does not end is a failure.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.await_end()
    }

    /// SIGKILL: as a crash of the process, not of the machine.
    pub fn crash(&mut self) {
        self.finish();
    }

    pub fn await_end(&mut self) -> ExitStatus {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("the daemon did not end; it logged:\n{}", self.log());
    }

    /// Starts it again after `stop` or `crash`: same arguments, same folder, another port.
    pub fn restart(&mut self) {
        self.finish();
        let again = Daemon::launch(self.binary.clone(), self.under.clone(), self.arguments.clone(), self.folder.clone());
        let first = std::mem::replace(self, again);
        // Its folder lives on.
        std::mem::forget(first);
    }

    fn finish(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Debian's redis-server with DEBUG allowed and nothing saved.
    pub fn redis_server() -> Daemon {
        Peer::redis_server_with(&[])
    }

    pub fn redis_server_with(arguments: &[&str]) -> Daemon {
        let defaults = [("--bind", "127.0.0.1"), ("--save", ""), ("--appendonly", "no"), ("--enable-debug-command", "yes")];
        let binary = std::env::var_os("TRENCADIS_REFERENCE").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from);
        Daemon::launch(binary, Vec::new(), with_defaults(arguments, &defaults), new_folder())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Only the child that this test started.
        self.finish();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the last the server on port {} logged:", self.port);
            lines.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(binary: &Path, under: &[String], arguments: &[String], port: u16, folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("the folder was just made");
    let port = port.to_string();
    let mut words = under.iter().map(|word| word.replace("{port}", &port).into()).chain([binary.as_os_str().to_owned()]);
    Command::new(words.next().expect("the binary is a word"))
        .args(words)
        .args(arguments)
        .args(["--port", &port])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}; run tests/run, which installs it", binary.display()))
}

/// Defaults first: a server takes the last of two equal directives.
fn with_defaults(arguments: &[&str], defaults: &[(&str, &str)]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (name, value) in defaults.iter().filter(|(name, _)| !arguments.contains(name)) {
        all.extend([(*name).to_owned(), (*value).to_owned()]);
    }
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    all
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("the loopback has free ports").port()
}

fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("trencadis-it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
    folder
}

#[test]
fn the_reference_starts_answers_and_ends() {
    let peer = Peer::redis_server();
    assert_eq!(peer.wire().call(&[b"PING"]), b"+PONG\r\n");
    let (folder, port) = (peer.folder().to_owned(), peer.port());
    drop(peer);
    assert!(!folder.exists());
    assert!(Wire::connect(port).is_err());
}

#[test]
fn our_daemon_starts_answers_and_ends() {
    let mut daemon = Daemon::start(&["--shards", "2"]);
    assert_eq!(daemon.wire().call(&[b"PING"]), b"+PONG\r\n");
    assert!(daemon.stop().success());
    daemon.restart();
    assert_eq!(daemon.wire().call(&[b"PING"]), b"+PONG\r\n");
    daemon.crash();
    assert!(Wire::connect(daemon.port()).is_err());
}

#[test]
fn a_second_daemon_finds_the_folder_of_the_first() {
    let folder = new_folder();
    fs::write(folder.join("left"), "behind").expect("the folder was just made");
    let daemon = Daemon::start_in(&folder, &[]);
    assert!(daemon.folder().join("left").exists());
}
