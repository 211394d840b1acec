//! A seat: one server process of this run, what it costs, and its end.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::options::Options;
use crate::wire::Wire;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// What the daemon chooses when it is told nothing.
    Default,
    Exactly(u32),
}

impl Shards {
    pub fn parse(text: &str) -> Outcome<Shards> {
        match text {
            "default" => Ok(Shards::Default),
            number => Ok(Shards::Exactly(number.parse()?)),
        }
    }

    pub fn label(self) -> String {
        match self {
            Shards::Default => "default shards".to_owned(),
            Shards::Exactly(1) => "1 shard".to_owned(),
            Shards::Exactly(count) => format!("{count} shards"),
        }
    }
}

/// How to start a server.
#[derive(Clone)]
pub struct Recipe {
    pub name: String,
    binary: PathBuf,
    arguments: Vec<String>,
}

impl Recipe {
    pub fn ours(options: &Options, shards: Shards) -> Recipe {
        let mut arguments = words("--bind 127.0.0.1 --save");
        arguments.push(String::new());
        // Any server may be put into our seat to try this program out; only ours knows --shards.
        let ours = file_name(&options.ours) == "trencadis";
        if let (true, Shards::Exactly(count)) = (ours, shards) {
            arguments.extend(["--shards".to_owned(), count.to_string()]);
        }
        arguments.extend(options.ours_arguments.iter().cloned());
        let name = if ours { format!("trencadis ({})", shards.label()) } else { format!("{} (our seat)", file_name(&options.ours)) };
        Recipe { name, binary: options.ours.clone(), arguments }
    }

    pub fn theirs(options: &Options) -> Recipe {
        let mut arguments = words("--bind 127.0.0.1 --appendonly no --io-threads 1 --save");
        arguments.push(String::new());
        Recipe { name: file_name(&options.theirs), binary: options.theirs.clone(), arguments }
    }

    /// The same server with more arguments.
    pub fn with(mut self, arguments: &str) -> Recipe {
        self.arguments.extend(words(arguments));
        self
    }

    pub fn start(&self) -> Outcome<Seat> {
        // The port is free when we ask and may be taken when the server binds it, hence a few attempts.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let child = Command::new(&self.binary)
                .args(&self.arguments)
                .args(["--port", &port.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .map_err(|error| format!("cannot start {}: {error}; tests/run installs what is driven here", self.binary.display()))?;
            let mut seat = Seat { child, port };
            if seat.is_ready() {
                return Ok(seat);
            }
        }
        Err(format!("{} does not answer PING", self.binary.display()).into())
    }
}

pub struct Seat {
    child: Child,
    pub port: u16,
}

impl Seat {
    fn is_ready(&mut self) -> bool {
        let patience = Instant::now();
        while patience.elapsed() < Duration::from_secs(10) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if let Ok(mut wire) = Wire::connect(self.port)
                && wire.call(&[b"PING"]).is_ok_and(|reply| reply == b"+PONG\r\n")
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub fn wire(&self) -> Outcome<Wire> {
        Wire::connect(self.port)
    }

    /// CPU time of all threads since the start.
    ///
    /// /proc/PID/stat counts in hundredths of a second, which is coarse for a run of a fifth of one; schedstat has nanoseconds,
    /// but per living thread. A thread that ended would make that sum too small, and then stat is the better of the two.
    pub fn cpu(&self) -> Cpu {
        let folder = format!("/proc/{}", self.child.id());
        let ticks = fs::read_to_string(format!("{folder}/stat")).ok().and_then(|text| {
            let fields: Vec<&str> = text.rsplit(") ").next()?.split(' ').collect();
            Some((fields.get(11)?.parse::<u64>().ok()?, fields.get(12)?.parse::<u64>().ok()?))
        });
        let (user_ticks, system_ticks) = ticks.unwrap_or((0, 0));
        let nanoseconds = fs::read_dir(format!("{folder}/task")).ok().map(|threads| {
            threads
                .flatten()
                .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
                .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
                .sum()
        });
        Cpu { user_ticks, system_ticks, nanoseconds: nanoseconds.unwrap_or(0) }
    }

    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
    }

    /// Waits until the server has stopped working on what came before (freeing, growing), so that it is not counted in what comes after.
    pub fn settle(&self) {
        for _ in 0..100 {
            let before = self.cpu();
            std::thread::sleep(Duration::from_millis(20));
            if self.cpu().since(&before) < Duration::from_millis(1) {
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Only the child that this seat started; nothing here is worth a graceful end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Cpu {
    user_ticks: u64,
    system_ticks: u64,
    nanoseconds: u64,
}

impl Cpu {
    pub fn since(&self, earlier: &Cpu) -> Duration {
        let ticks = self.user_ticks + self.system_ticks - earlier.user_ticks - earlier.system_ticks;
        let by_ticks = Duration::from_millis(ticks.saturating_sub(1) * 10);
        by_ticks.max(Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds)))
    }

    /// Of that, the part spent in the server's own code, not in the kernel on its behalf: 0 to 1, as /proc/PID/stat tells them apart.
    pub fn own_part_since(&self, earlier: &Cpu) -> f64 {
        let (user, system) = (self.user_ticks - earlier.user_ticks, self.system_ticks - earlier.system_ticks);
        user as f64 / (user + system).max(1) as f64
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
