//! The daemon under everything at once: about forty clients in a dozen roles, each of which knows something that must hold whatever the others do.
//! Money is moved and counted, pairs are written and read, queues are filled and emptied, databases are swapped; clients are killed, hang up in the
//! middle of things, give up waiting.
//!
//! It takes two seconds in the gate, and as long as `TRENCADIS_MINUTES` says; `TRENCADIS_SEED` chooses where the choices begin. What is found wrong
//! ends the round, and is told with its seed and with what the clients of that role did last. Of the ways two threads can meet a seed decides
//! nothing: it repeats what clients ask for, not what becomes of it.
//!
//! `tests/planted` has bugs that this must find.

mod bank;
mod channels;
mod counters;
mod databases;
mod pairs;
mod queues;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use trencadis::internal::shard_of;

use crate::daemon::Daemon;
use crate::reply::Reply;
use crate::serial::{self, Dice};
use crate::wire::{Wire, request};

const SHARDS: u32 = 4;

/// How long an answer may take before it is called missing.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often somebody who waits looks whether the round is over.
const LOOK: Duration = Duration::from_millis(200);

/// Everything that is remembered of a round is judged at its end and forgotten.
const ROUND: Duration = Duration::from_secs(10);
const ROUND_IN_THE_GATE: Duration = Duration::from_secs(1);

/// What a client remembers of what it did.
const STEPS: usize = 30;
const STEPS_TOLD: usize = 120;

/// Clients that others may kill.
const VICTIMS: usize = 12;

/// What all clients of a round share.
struct Stage<'d> {
    daemon: &'d Daemon,
    round: usize,
    seed: u64,
    begin: Instant,
    ends: Instant,
    /// Something was found wrong.
    over: AtomicBool,
    complaint: Mutex<Option<(&'static str, String)>>,
    /// Whether there are scripts to move money with.
    has_scripts: bool,
    /// Ids of those who may be killed; 0 is nobody.
    victims: [AtomicU64; VICTIMS],
    kills: AtomicU64,
    calls: AtomicU64,
}

/// The connection is over, or the round: what was being done is given up.
#[derive(Debug)]
struct Gone;

type Lived<T> = Result<T, Gone>;

impl Stage<'_> {
    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).expect("a round is short")
    }

    /// Whether it is the turn of the daemon whose threads are slowed down.
    fn is_held_up(&self) -> bool {
        self.round % 2 == 1
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed) && Instant::now() < self.ends
    }

    /// Something is wrong. The first who says so is heard.
    fn complain(&self, role: &'static str, what: String) -> Gone {
        self.complaint.lock().expect("nobody panics with it").get_or_insert((role, what));
        self.over.store(true, Ordering::Relaxed);
        Gone
    }

    /// Keys that live on one shard after the other.
    fn keys(&self, name: &str, count: usize) -> Vec<String> {
        let find = |at: usize| {
            let shard = u32::try_from(at).expect("a few keys") % SHARDS;
            let mut names = (0..).map(|number| format!("{name}:{at}:{number}"));
            names.find(|name| shard_of(name.as_bytes(), SHARDS) == shard).expect("every shard has keys")
        };
        (0..count).map(find).collect()
    }
}

/// One client, on a connection of its own.
struct Client<'s> {
    stage: &'s Stage<'s>,
    role: &'static str,
    number: usize,
    /// Where its id stands, if it may be killed.
    victim: Option<usize>,
    dice: Dice,
    wire: Wire,
    steps: VecDeque<(u64, String)>,
}

/// What became of a transaction.
enum Outcome {
    Done(Vec<Reply>),
    /// A watched key was changed.
    Refused,
}

impl<'s> Client<'s> {
    fn new(stage: &'s Stage<'s>, role: &'static str, number: usize, victim: Option<usize>) -> Client<'s> {
        let mixed = role.bytes().fold(stage.seed, |sum, byte| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte));
        let dice = Dice((mixed + number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut client = Client { stage, role, number, victim, dice, wire: stage.daemon.wire(), steps: VecDeque::new() };
        client.show_id();
        client
    }

    fn goes_on(&self) -> bool {
        self.stage.goes_on()
    }

    fn complain(&self, what: impl Into<String>) -> Gone {
        self.stage.complain(self.role, format!("client {}: {}", self.number, what.into()))
    }

    fn show_id(&mut self) {
        let Some(place) = self.victim else { return };
        self.wire.send(&["CLIENT", "ID"]);
        let reply = self.wire.reply_within(PATIENCE).and_then(|bytes| Reply::decode(&bytes));
        if let Some((Reply::Integer(id), _)) = reply {
            self.stage.victims[place].store(u64::try_from(id).expect("ids are positive"), Ordering::Relaxed);
        }
    }

    /// On another connection.
    fn come_back(&mut self) {
        self.wire = self.stage.daemon.wire();
        self.show_id();
    }

    /// Hangs up, whatever is under way.
    fn hang_up(&mut self) {
        self.note("hangs up".to_owned());
        self.come_back();
    }

    fn note(&mut self, what: String) {
        if self.steps.len() == STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back((self.stage.now(), what));
    }

    /// The next reply of the connection.
    fn take(&mut self) -> Lived<Reply> {
        let since = Instant::now();
        let mut arrived = None;
        while arrived.is_none() && !self.wire.is_closed() && since.elapsed() < PATIENCE {
            if self.stage.over.load(Ordering::Relaxed) {
                return Err(Gone);
            }
            arrived = self.wire.reply_within(LOOK);
        }
        match arrived {
            Some(bytes) => Ok(Reply::decode(&bytes).expect("a whole reply").0),
            None if self.wire.is_closed() && self.victim.is_some() => {
                self.note("was killed".to_owned());
                self.come_back();
                Err(Gone)
            }
            None if self.wire.is_closed() => Err(self.complain("its connection was closed, and nobody asked for that")),
            None => {
                let last = self.steps.back().map(|step| step.1.clone()).unwrap_or_default();
                Err(self.complain(format!("no answer within {PATIENCE:?}; what it did before: {last}")))
            }
        }
    }

    fn send(&mut self, words: &[&str]) {
        self.stage.calls.fetch_add(1, Ordering::Relaxed);
        self.wire.send(words);
    }

    /// One call and its reply.
    fn ask(&mut self, words: &[&str]) -> Lived<Reply> {
        self.send(words);
        let reply = self.take()?;
        self.note(format!("{} -> {}", shorten(words.join(" ")), brief(&reply)));
        Ok(reply)
    }

    /// `ask` with the words of one line.
    fn line(&mut self, line: &str) -> Lived<Reply> {
        self.ask(&line.split(' ').collect::<Vec<_>>())
    }

    fn ok(&mut self, line: &str) -> Lived<()> {
        match self.line(line)? {
            Reply::Simple(_) => Ok(()),
            other => Err(self.complain(format!("{line} answers {other}"))),
        }
    }

    fn integer(&mut self, line: &str) -> Lived<i64> {
        let reply = self.line(line)?;
        self.number(&reply, line)
    }

    fn number(&self, reply: &Reply, of: &str) -> Lived<i64> {
        match reply {
            Reply::Integer(number) => Ok(*number),
            other => Err(self.complain(format!("{of} answers {other}"))),
        }
    }

    /// The elements of an array.
    fn items(&self, reply: Reply, of: &str) -> Lived<Vec<Reply>> {
        match reply {
            Reply::Array(items) => Ok(items),
            other => Err(self.complain(format!("{of} answers {other}"))),
        }
    }

    /// What keys hold, by one MGET.
    fn values(&mut self, keys: &[String]) -> Lived<Vec<Option<String>>> {
        let line = format!("MGET {}", keys.join(" "));
        let reply = self.line(&line)?;
        Ok(self.items(reply, &line)?.iter().map(text).collect())
    }

    /// A transaction: in one write, or call by call.
    fn block(&mut self, calls: &[String]) -> Lived<Outcome> {
        let together = self.dice.below(2) == 0;
        let lines = ["MULTI"].into_iter().chain(calls.iter().map(String::as_str)).chain(["EXEC"]);
        if together {
            let bytes: Vec<u8> = lines.flat_map(|line| request(&line.split(' ').collect::<Vec<_>>())).collect();
            self.stage.calls.fetch_add(calls.len() as u64 + 2, Ordering::Relaxed);
            self.wire.send_raw(&bytes);
            for _ in 0..=calls.len() {
                self.queued()?;
            }
        } else {
            for line in lines {
                self.send(&line.split(' ').collect::<Vec<_>>());
                if line != "EXEC" {
                    self.queued()?;
                }
            }
        }
        let reply = self.take()?;
        let manner = if together { "in one write" } else { "call by call" };
        self.note(format!("MULTI {} EXEC, {manner} -> {}", calls.join("; "), brief(&reply)));
        match reply {
            Reply::Array(replies) if replies.len() == calls.len() => Ok(Outcome::Done(replies)),
            Reply::NilArray => Ok(Outcome::Refused),
            other => Err(self.complain(format!("EXEC of {calls:?} answers {other}"))),
        }
    }

    /// The same when nothing is watched.
    fn block_done(&mut self, calls: &[String]) -> Lived<Vec<Reply>> {
        match self.block(calls)? {
            Outcome::Done(replies) => Ok(replies),
            Outcome::Refused => Err(self.complain(format!("EXEC of {calls:?} was refused, and nothing was watched"))),
        }
    }

    fn queued(&mut self) -> Lived<()> {
        match self.take()? {
            Reply::Simple(_) => Ok(()),
            other => Err(self.complain(format!("a call that was to be queued answers {other}"))),
        }
    }

    /// Sends a transaction and is gone; now and then before the end of it.
    fn block_and_hang_up(&mut self, calls: &[String]) {
        let lines = ["MULTI"].into_iter().chain(calls.iter().map(String::as_str)).chain(["EXEC"]);
        let bytes: Vec<u8> = lines.flat_map(|line| request(&line.split(' ').collect::<Vec<_>>())).collect();
        let cut = if self.dice.below(3) == 0 { 1 + self.dice.below(bytes.len() - 1) } else { 0 };
        self.note(format!("MULTI {} EXEC, but for the last {cut} bytes", calls.join("; ")));
        self.wire.send_raw(&bytes[..bytes.len() - cut]);
        for _ in 0..self.dice.below(3) {
            thread::yield_now();
        }
        self.hang_up();
    }

    /// A short sleep of a length by chance, at most so many microseconds.
    fn dawdle(&mut self, micros: usize) {
        thread::sleep(Duration::from_micros(self.dice.below(micros) as u64));
    }
}

fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

fn shorten(mut what: String) -> String {
    if what.len() > 300 {
        let end = (0..=300).rev().find(|&at| what.is_char_boundary(at)).unwrap_or(0);
        what.truncate(end);
        what.push_str("..");
    }
    what
}

/// A reply as it is remembered.
fn brief(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) if bytes.len() > 300 => format!("({} bytes)", bytes.len()),
        Reply::Array(items) => format!("[{}]", items.iter().map(brief).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Kills those who may be killed, and tells some of them to give up waiting.
fn kill(client: &mut Client<'_>) -> Lived<()> {
    let stage = client.stage;
    let place = client.dice.below(VICTIMS);
    let id = stage.victims[place].load(Ordering::Relaxed);
    if id != 0 && client.dice.below(3) == 0 {
        client.integer(&format!("CLIENT UNBLOCK {id}"))?;
    } else if id != 0 {
        stage.victims[place].store(0, Ordering::Relaxed);
        let killed = client.integer(&format!("CLIENT KILL ID {id}"))?;
        stage.kills.fetch_add(u64::try_from(killed).unwrap_or(0), Ordering::Relaxed);
    }
    client.dawdle(4000);
    Ok(())
}

/// Histories of reads, writes, transactions and swaps of a few registers, judged one by one.
fn registers(stage: &Stage<'_>) -> Result<(), String> {
    let mut wires = Vec::new();
    let mut number = 0;
    while stage.goes_on() {
        // Keys of its own for each history.
        serial::one_history(stage.daemon, &mut wires, stage.round * 100_000 + number)?;
        number += 1;
    }
    Ok(())
}

/// What a role leaves behind: what its client did last.
type Steps = Vec<(u64, usize, String)>;

/// Plays a role until the round is over.
fn play(mut client: Client<'_>, mut act: impl FnMut(&mut Client<'_>) -> Lived<()>) -> (&'static str, Steps) {
    while client.goes_on() {
        // Whoever is gone has come back on another connection.
        let _ = act(&mut client);
    }
    left(client)
}

fn left(client: Client<'_>) -> (&'static str, Steps) {
    let number = client.number;
    (client.role, client.steps.into_iter().map(|(when, what)| (when, number, what)).collect())
}

/// Everything at once, once. What was wrong, if something was.
fn round(daemon: &Daemon, round: usize, seed: u64, length: Duration, has_scripts: bool) -> Result<(u64, u64), String> {
    let begin = Instant::now();
    let stage = Stage {
        daemon,
        round,
        seed,
        begin,
        ends: begin + length,
        over: AtomicBool::new(false),
        complaint: Mutex::new(None),
        has_scripts,
        victims: Default::default(),
        kills: AtomicU64::new(0),
        calls: AtomicU64::new(0),
    };
    let stage = &stage;
    daemon.wire().line("FLUSHALL");
    let mut cast: Cast<'_> = Vec::new();
    bank::enter(stage, &mut cast);
    pairs::enter(stage, &mut cast);
    counters::enter(stage, &mut cast);
    queues::enter(stage, &mut cast);
    databases::enter(stage, &mut cast);
    channels::enter(stage, &mut cast);
    cast.push(("killer", Box::new(move || vec![play(Client::new(stage, "killer", 0, None), kill)])));
    let judged = || {
        if let Err(what) = registers(stage) {
            stage.complain("registers", what);
        }
        Vec::new()
    };
    cast.push(("registers", Box::new(judged)));
    let all: Mutex<Vec<(&'static str, Steps)>> = Mutex::default();
    thread::scope(|scope| {
        for (role, body) in cast {
            let all = &all;
            scope.spawn(move || match catch_unwind(AssertUnwindSafe(body)) {
                Ok(steps) => all.lock().expect("nobody panics with it").extend(steps),
                Err(_) => {
                    stage.complain(role, "it panicked; see above".to_owned());
                }
            });
        }
    });
    let complaint = stage.complaint.lock().expect("nobody panics with it").take();
    let Some((role, what)) = complaint else { return Ok((stage.calls.load(Ordering::Relaxed), stage.kills.load(Ordering::Relaxed))) };
    let mut steps: Vec<(u64, usize, String)> =
        all.into_inner().expect("nobody panics with it").into_iter().filter(|(of, _)| *of == role).flat_map(|(_, steps)| steps).collect();
    steps.sort();
    let last = steps.iter().skip(steps.len().saturating_sub(STEPS_TOLD));
    let lines: Vec<String> = last.map(|(when, client, what)| format!("  {:>9} us  client {client}: {what}", when / 1000)).collect();
    let after = begin.elapsed();
    Err(format!("{role}: {what}\nround {round}, seed {seed}, after {after:.1?}; what clients of this role did last:\n{}", lines.join("\n")))
}

/// Roles and who plays them, each on a thread of its own.
type Cast<'s> = Vec<(&'static str, Box<dyn FnOnce() -> Vec<(&'static str, Steps)> + Send + 's>)>;

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_happens_at_once_every_promise_holds() {
    let minutes = number_of("TRENCADIS_MINUTES");
    let (whole, length) = minutes.map_or((2 * ROUND_IN_THE_GATE, ROUND_IN_THE_GATE), |minutes| (Duration::from_secs(60 * minutes), ROUND));
    let first = number_of("TRENCADIS_SEED").unwrap_or(1);
    // One whose threads are alike, and one whose threads are held up in the middle of what they do.
    let daemons = [(); 2].map(|()| Daemon::start(&["--shards", &SHARDS.to_string()]));
    daemons[1].slow_down_workers(&[0, 5, 12, 19]);
    let has_scripts = daemons[0].wire().ask(&["EVAL", "return 1", "0"]) == Reply::Integer(1);
    let started = Instant::now();
    let (mut calls, mut kills) = (0, 0);
    for number in 0.. {
        match round(&daemons[number % 2], number, first + number as u64, length, has_scripts) {
            Ok(counts) => (calls, kills) = (calls + counts.0, kills + counts.1),
            Err(what) => panic!("after {:.1?}: {what}", started.elapsed()),
        }
        if started.elapsed() + length / 2 > whole {
            break;
        }
    }
    println!("{calls} calls, {kills} clients killed, {:.1?}, scripts: {has_scripts}", started.elapsed());
    assert!(calls > 1000 && kills > 0, "hardly anything happened: {calls} calls, {kills} kills");
    daemons.iter().for_each(is_at_rest);
}

/// Nothing is held, and nobody waits, when all are gone.
fn is_at_rest(daemon: &Daemon) {
    let mut judge = daemon.wire();
    let keys: Vec<String> = (0..32).map(|number| format!("end:{number}")).collect();
    assert_eq!(judge.line(&format!("DEL {}", keys.join(" "))), Reply::Integer(0));
    let waited = Instant::now();
    loop {
        let Reply::Bulk(info) = judge.line("INFO clients") else { panic!("INFO answers a text") };
        let info = String::from_utf8_lossy(&info).into_owned();
        if ["blocked_clients:0\r", "total_blocking_keys:0\r"].iter().all(|line| info.contains(line)) {
            break;
        }
        assert!(waited.elapsed() < PATIENCE, "somebody still waits: {info}");
        thread::sleep(Duration::from_millis(10));
    }
}
