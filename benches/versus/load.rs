//! The duel: redis-benchmark against two seats in turn, test by test and depth by depth.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Seat};
use crate::spread::Spread;
use crate::wire::{Wire, encode};

/// Keys and members are drawn from this many, so that the load spreads over shards. Without `-r` redis-benchmark uses one key.
const KEYS: u64 = 100_000;
const CLIENTS: u32 = 50;
const VALUE: &[u8] = b"xxxxxxxxxxxxxxxx";

#[derive(Clone, Copy)]
pub struct Test {
    /// The name in redis-benchmark's default set.
    pub name: &'static str,
    stage: Stage,
}

/// What has to lie in the server before a test means what its name says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Nothing,
    /// Every key the test may draw exists, from the first run on.
    Keys(&'static str),
    /// A list of a thousand elements; `-t lrange_N` would spend half its time on pushing them, so the command is spelled out.
    Range(u32),
    /// Emptied before every run: these grow one value without end.
    Empty,
    /// Popping from an empty value is cheap and says nothing: as many elements as a run will take are put there before each.
    List,
    Set,
    SortedSet,
    /// One value of many elements, and the words that ask it: redis-benchmark has no such test of its own.
    Large(&'static [&'static str]),
    /// The same, built again before every run, which makes it grow.
    LargeAgain(&'static [&'static str]),
}

pub const TESTS: [Test; 20] = [
    Test { name: "ping_inline", stage: Stage::Nothing },
    Test { name: "ping_mbulk", stage: Stage::Nothing },
    Test { name: "set", stage: Stage::Keys("key") },
    Test { name: "get", stage: Stage::Keys("key") },
    Test { name: "incr", stage: Stage::Keys("counter") },
    Test { name: "lpush", stage: Stage::Empty },
    Test { name: "rpush", stage: Stage::Empty },
    Test { name: "lpop", stage: Stage::List },
    Test { name: "rpop", stage: Stage::List },
    Test { name: "sadd", stage: Stage::Empty },
    Test { name: "hset", stage: Stage::Empty },
    Test { name: "spop", stage: Stage::Set },
    Test { name: "zadd", stage: Stage::Empty },
    Test { name: "zpopmin", stage: Stage::SortedSet },
    Test { name: "lrange_100", stage: Stage::Range(100) },
    Test { name: "lrange_300", stage: Stage::Range(300) },
    Test { name: "lrange_500", stage: Stage::Range(500) },
    Test { name: "lrange_600", stage: Stage::Range(600) },
    Test { name: "mset", stage: Stage::Keys("key") },
    Test { name: "xadd", stage: Stage::Empty },
];

/// The depth of those below.
pub const LARGE_DEPTH: u32 = 16;

/// Values of a million elements (a stream of a tenth of that), asked for any of them or for ten in the middle.
pub const LARGE_TESTS: [Test; 7] = [
    Test { name: "zadd_large", stage: Stage::Large(&["zadd", ZSET, ANY, "element:__rand_int__"]) },
    Test { name: "zrank_large", stage: Stage::Large(&["zrank", ZSET, "element:__rand_int__"]) },
    Test { name: "zrange_large", stage: Stage::Large(&["zrange", ZSET, MIDDLE, MIDDLE_END]) },
    Test { name: "hget_large", stage: Stage::Large(&["hget", HASH, "element:__rand_int__"]) },
    Test { name: "sismember_large", stage: Stage::Large(&["sismember", SET, "element:__rand_int__"]) },
    Test { name: "xadd_large", stage: Stage::LargeAgain(&["xadd", STREAM, "*", "myfield", "xxxxxxxxxxxxxxxx"]) },
    Test { name: "xrange_large", stage: Stage::Large(&["xrange", STREAM, ANY, "+", "COUNT", "10"]) },
];

const ZSET: &str = "large_zset";
const HASH: &str = "large_hash";
const SET: &str = "large_set";
const STREAM: &str = "large_stream";
/// redis-benchmark puts a number of twelve digits there.
const ANY: &str = "__rand_int__";
/// Replaced by ranks, which depend on how many elements there are.
const MIDDLE: &str = "MIDDLE";
const MIDDLE_END: &str = "MIDDLE_END";

/// One test at one depth: ratios are ours over theirs.
pub struct Row {
    pub test: &'static str,
    pub depth: u32,
    pub requests: u64,
    pub throughput: Spread,
    pub cpu: Spread,
    /// The server's own code alone: what the kernel does for a request is the same for both.
    own_cpu: Spread,
    ours: Sums,
    theirs: Sums,
}

struct Sums {
    requests_per_second: Spread,
    cpu_microseconds: Spread,
    own_microseconds: Spread,
}

pub struct Report {
    pub rows: Vec<Row>,
    pub failures: Vec<String>,
    ours: String,
    theirs: String,
}

struct Run {
    requests_per_second: f64,
    cpu_microseconds: f64,
    /// Of those, in the server's own code.
    own_microseconds: f64,
}

pub fn duel(options: &Options, ours: &Recipe, theirs: &Recipe, tests: &[Test], depths: &[u32]) -> Outcome<Report> {
    let seats = [ours.start()?, theirs.start()?];
    let mut report = Report { rows: Vec::new(), failures: Vec::new(), ours: ours.name.clone(), theirs: theirs.name.clone() };
    println!("{}", HEAD.join(" | "));
    for test in tests {
        for depth in depths {
            match cell(options, &seats, test, *depth) {
                Ok(row) => {
                    println!("{}", row.cells().join(" | "));
                    report.rows.push(row);
                }
                Err(error) if options.keep_going => {
                    println!("{} | {depth} | failed: {error}", test.name);
                    report.failures.push(format!("{} at depth {depth}: {error}", test.name));
                }
                Err(error) => return Err(format!("{} at depth {depth}: {error}", test.name).into()),
            }
        }
    }
    Ok(report)
}

fn cell(options: &Options, seats: &[Seat; 2], test: &Test, depth: u32) -> Outcome<Row> {
    let trial = if options.smoke { 400 } else { 2_000 * u64::from(depth.min(32)) / test.weight() + 500 };
    let mut trials = Vec::new();
    for seat in seats {
        set_the_stage(options, &mut seat.wire()?, test, trial + u64::from(CLIENTS * depth))?;
        trials.push(run(options, seat, test, depth, trial)?);
    }
    // Both get the same number of requests, for which the faster takes less and the slower more than the time aimed at.
    let rate = (trials[0].requests_per_second * trials[1].requests_per_second).sqrt();
    let most = if test.takes_away() { 1_500_000 } else { 10_000_000 };
    let requests = if options.smoke { 1_000 } else { ((rate * options.seconds) as u64).clamp(1_000, most) };

    let mut runs: [Vec<Run>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        for (seat, runs) in seats.iter().zip(&mut runs) {
            if test.is_changed_by_running() {
                set_the_stage(options, &mut seat.wire()?, test, requests + u64::from(CLIENTS * depth))?;
            }
            if !options.smoke {
                seat.settle();
            }
            runs.push(run(options, seat, test, depth, requests)?);
        }
    }
    let ratio = |of: fn(&Run) -> f64| Spread::of(runs[0].iter().zip(&runs[1]).map(|(ours, theirs)| of(ours) / of(theirs)).collect());
    Ok(Row {
        test: test.name,
        depth,
        requests,
        throughput: ratio(|run| run.requests_per_second),
        cpu: ratio(|run| run.cpu_microseconds),
        own_cpu: ratio(|run| run.own_microseconds),
        ours: Sums::of(&runs[0]),
        theirs: Sums::of(&runs[1]),
    })
}

fn set_the_stage(options: &Options, wire: &mut Wire, test: &Test, count: u64) -> Outcome<()> {
    if test.stage == Stage::Nothing {
        return Ok(());
    }
    wire.call(&[b"FLUSHALL"])?;
    match test.stage {
        Stage::Nothing | Stage::Empty => Ok(()),
        Stage::Keys("counter") => wire.fill(KEYS, |i, out| encode(out, &[b"SET", format!("counter:{i:012}").as_bytes(), b"0"])),
        Stage::Keys(prefix) => wire.fill(KEYS, |i, out| encode(out, &[b"SET", format!("{prefix}:{i:012}").as_bytes(), VALUE])),
        Stage::Range(_) => wire.fill(1000, |_, out| encode(out, &[b"RPUSH", b"mylist", VALUE])),
        Stage::List => wire.fill(count, |_, out| encode(out, &[b"RPUSH", b"mylist", VALUE])),
        Stage::Set => wire.fill(count, |i, out| encode(out, &[b"SADD", b"myset", format!("element:{i:012}").as_bytes()])),
        Stage::SortedSet => wire.fill(count, |i, out| {
            let score = i.wrapping_mul(0x9e37_79b9) % count;
            encode(out, &[b"ZADD", b"myzset", score.to_string().as_bytes(), format!("element:{i:012}").as_bytes()]);
        }),
        Stage::Large(words) | Stage::LargeAgain(words) => {
            let (key, elements) = (words[1], test.elements(options));
            wire.fill(elements, |i, out| {
                let element = format!("element:{i:012}");
                match key {
                    ZSET => {
                        let score = i.wrapping_mul(0x9e37_79b9) % elements;
                        encode(out, &[b"ZADD", key.as_bytes(), score.to_string().as_bytes(), element.as_bytes()]);
                    }
                    HASH => encode(out, &[b"HSET", key.as_bytes(), element.as_bytes(), VALUE]),
                    SET => encode(out, &[b"SADD", key.as_bytes(), element.as_bytes()]),
                    _ => encode(out, &[b"XADD", key.as_bytes(), format!("{}-1", i + 1).as_bytes(), b"myfield", VALUE]),
                }
            })
        }
    }
}

fn run(options: &Options, seat: &Seat, test: &Test, depth: u32, requests: u64) -> Outcome<Run> {
    let mut command = Command::new("redis-benchmark");
    command.args(["--csv", "-p", &seat.port.to_string(), "-c", &CLIENTS.to_string(), "-d", &VALUE.len().to_string()]);
    command.args(["-r", &test.elements(options).to_string(), "-P", &depth.to_string(), "-n", &requests.to_string()]);
    match test.stage {
        Stage::Range(length) => command.args(["lrange", "mylist", "0", &(length - 1).to_string()]),
        // Debian's redis-benchmark does not know this test yet.
        Stage::Empty if test.name == "xadd" => command.args(["xadd", "mystream", "*", "myfield", "xxxxxxxxxxxxxxxx"]),
        Stage::Large(words) | Stage::LargeAgain(words) => command.args(words.iter().map(|word| {
            let middle = test.elements(options) / 2;
            match *word {
                MIDDLE => middle.to_string(),
                MIDDLE_END => (middle + 9).to_string(),
                word => word.to_owned(),
            }
        })),
        _ => command.args(["-t", test.name]),
    };
    let before = seat.cpu();
    let output = finish(command)?;
    let after = seat.cpu();
    let (cpu, own_part) = (after.since(&before), after.own_part_since(&before));
    if output.contains("Error") || output.contains("ERR ") {
        return Err(output.trim().into());
    }
    let line = output.lines().last().unwrap_or_default();
    let rate = line.split(',').nth(1).map(|field| field.trim_matches('"'));
    let requests_per_second = rate.and_then(|rate| rate.parse::<f64>().ok()).ok_or_else(|| format!("redis-benchmark said: {output}"))?;
    let cpu_microseconds = cpu.as_secs_f64() * 1e6 / requests as f64;
    Ok(Run { requests_per_second, cpu_microseconds, own_microseconds: cpu_microseconds * own_part })
}

/// Runs the load program to its end, but not for ever: a server that stops answering would otherwise hold us too.
fn finish(mut command: Command) -> Outcome<String> {
    const PATIENCE: Duration = Duration::from_secs(180);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start redis-benchmark: {error}; tests/run installs it"))?;
    let started = Instant::now();
    while child.try_wait()?.is_none() {
        if started.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err("redis-benchmark did not come to an end".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

impl Test {
    /// How many times heavier than a SET one request is, roughly: only the length of the trial depends on it.
    fn weight(&self) -> u64 {
        match self.stage {
            Stage::Range(length) => u64::from(length) / 20,
            _ => 1,
        }
    }

    /// From how many keys, members or entries the load chooses.
    fn elements(&self, options: &Options) -> u64 {
        let many = match self.stage {
            Stage::Large(words) | Stage::LargeAgain(words) if words[1] == STREAM => 100_000,
            Stage::Large(_) | Stage::LargeAgain(_) => 1_000_000,
            _ => return KEYS,
        };
        if options.smoke {
            many / 500
        } else if options.quick {
            many / 10
        } else {
            many
        }
    }

    fn takes_away(&self) -> bool {
        matches!(self.stage, Stage::List | Stage::Set | Stage::SortedSet)
    }

    fn is_changed_by_running(&self) -> bool {
        self.takes_away() || matches!(self.stage, Stage::Empty | Stage::LargeAgain(_))
    }
}

const HEAD: [&str; 8] = [
    "test",
    "depth",
    "throughput, ours/theirs",
    "CPU per request, ours/theirs",
    "of that in the server's own code",
    "requests/s ours, theirs",
    "CPU us (own code) ours, theirs",
    "requests",
];

impl Row {
    fn cells(&self) -> [String; 8] {
        [
            self.test.to_owned(),
            self.depth.to_string(),
            self.throughput.to_string(),
            self.cpu.to_string(),
            self.own_cpu.to_string(),
            format!("{:.0}, {:.0}", self.ours.requests_per_second.median, self.theirs.requests_per_second.median),
            format!("{}, {}", self.ours.cpu(), self.theirs.cpu()),
            self.requests.to_string(),
        ]
    }
}

impl Report {
    pub fn row(&self, test: &str, depth: u32) -> Option<&Row> {
        self.rows.iter().find(|row| row.test == test && row.depth == depth)
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("{} against {}; medians of the rounds, smallest and largest in brackets.\n\n", self.ours, self.theirs);
        let _ = writeln!(text, "| {} |\n|{}", HEAD.join(" | "), "---|".repeat(HEAD.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.cells().join(" | "));
        }
        for failure in &self.failures {
            let _ = writeln!(text, "\nNot measured: {failure}");
        }
        text
    }
}

impl Sums {
    fn of(runs: &[Run]) -> Sums {
        Sums {
            requests_per_second: Spread::of(runs.iter().map(|run| run.requests_per_second).collect()),
            cpu_microseconds: Spread::of(runs.iter().map(|run| run.cpu_microseconds).collect()),
            own_microseconds: Spread::of(runs.iter().map(|run| run.own_microseconds).collect()),
        }
    }

    fn cpu(&self) -> String {
        format!("{:.3} ({:.3})", self.cpu_microseconds.median, self.own_microseconds.median)
    }
}
