//! Is the daemon strictly serializable? Clients on connections of their own read and write a few keys that live on different shards, all at
//! once; what each was answered, and when, is a history that the checker must be able to explain.
//!
//! The simulation (`src/router/tests.rs`) meets far more interleavings. Here they are those of real threads, sockets and wake-ups.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use trencadis::internal::shard_of;

use crate::checker::{self, Answer, Event, Operation};
use crate::daemon::Daemon;
use crate::reply::Reply;
use crate::wire::{Wire, request};

const SHARDS: u32 = 4;
/// One key more than there are shards: the last lives beside the first.
const KEYS: usize = SHARDS as usize + 1;
const CLIENTS: usize = 6;
/// Few enough that the checker explains a history in no time.
const OPERATIONS: usize = 12;

/// One read of 16 KiB holds about two hundred units and the plain batches between them; with all connections that is more than a mailbox takes.
const STORM_CLIENTS: usize = 16;
const STORM_REQUESTS: usize = 1000;

/// How many rounds, each from a seed of its own: `TRENCADIS_SEEDS`, or what takes a second or two.
fn rounds() -> usize {
    std::env::var("TRENCADIS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

/// How the clients of a test behave.
#[derive(Clone, Copy)]
struct Manner {
    /// Requests per write.
    depth: usize,
    /// How many times the first two clients go away with requests under way, in each round.
    deaths: usize,
}

/// A generator that repeats (Marsaglia's xorshift).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }

    /// `count` different keys.
    fn keys(&mut self, count: usize) -> Vec<usize> {
        let first = self.below(KEYS);
        let step = 1 + self.below(KEYS - 1);
        // KEYS is a prime, so that no step comes back early.
        (0..count).map(|at| (first + at * step) % KEYS).collect()
    }

    fn operation(&mut self, next_value: &mut u32) -> Operation {
        let several = 2 + self.below(2);
        match self.below(15) {
            12..=14 => Operation::Block((0..several).map(|_| self.call(next_value)).collect()),
            _ => self.call(next_value),
        }
    }

    /// An operation that is one call.
    fn call(&mut self, next_value: &mut u32) -> Operation {
        let mut pairs = |keys: Vec<usize>| {
            *next_value += 1;
            keys.into_iter().map(|key| (key, *next_value)).collect()
        };
        let several = 2 + self.below(2);
        match self.below(12) {
            0 | 1 => Operation::Read(self.keys(1)),
            2..=4 => Operation::Read(self.keys(several)),
            5 => Operation::Write(pairs(self.keys(1))),
            6 | 7 => Operation::Write(pairs(self.keys(several))),
            8 => Operation::WriteIfNone(pairs(self.keys(several))),
            9 => Operation::Delete(self.keys(several)),
            _ => {
                let keys = self.keys(2);
                Operation::Rename(keys[0], keys[1])
            }
        }
    }
}

/// The keys of a round: nobody else's, so that what a dead client has left behind disturbs no later round.
fn keys_of(round: usize) -> Vec<String> {
    let find = |at: usize| {
        let shard = u32::try_from(at).expect("a few keys") % SHARDS;
        let mut names = (0..).map(|number| format!("{round}:{at}:{number}"));
        names.find(|name| shard_of(name.as_bytes(), SHARDS) == shard).expect("every shard has keys")
    };
    (0..KEYS).map(find).collect()
}

fn words_of(operation: &Operation, keys: &[String]) -> Vec<String> {
    let names = |name: &str, of: &[usize]| std::iter::once(name.to_owned()).chain(of.iter().map(|&key| keys[key].clone())).collect();
    let pairs = |name: &str, of: &[(usize, u32)]| {
        let words = of.iter().flat_map(|&(key, value)| [keys[key].clone(), value.to_string()]);
        std::iter::once(name.to_owned()).chain(words).collect()
    };
    match operation {
        Operation::Read(of) if of.len() == 1 => names("GET", of),
        Operation::Read(of) => names("MGET", of),
        Operation::Write(of) if of.len() == 1 => pairs("SET", of),
        Operation::Write(of) => pairs("MSET", of),
        Operation::WriteIfNone(of) => pairs("MSETNX", of),
        Operation::Rename(from, to) => names("RENAME", &[*from, *to]),
        Operation::Delete(of) => names("DEL", of),
        Operation::Push(list, value) => pairs("RPUSH", &[(*list, *value)]),
        Operation::Block(_) | Operation::Swap { .. } | Operation::Take(_) | Operation::Carry(..) | Operation::List(_) => {
            panic!("not one call: {operation:?}")
        }
    }
}

/// The requests of an operation.
fn requests(operation: &Operation, keys: &[String]) -> Vec<u8> {
    let Operation::Block(calls) = operation else { return request(&words_of(operation, keys)) };
    let calls = calls.iter().map(|call| words_of(call, keys));
    let control = |word: &str| vec![word.to_owned()];
    std::iter::once(control("MULTI")).chain(calls).chain([control("EXEC")]).flat_map(|words| request(&words)).collect()
}

fn answer_of(reply: Reply) -> Answer {
    let value = |reply: Reply| match reply {
        Reply::Nil => None,
        Reply::Bulk(text) => String::from_utf8_lossy(&text).parse().ok(),
        other => panic!("a value was due: {other}"),
    };
    match reply {
        Reply::Simple(_) => Answer::Done,
        Reply::Integer(count) => Answer::Count(u32::try_from(count).expect("counts are small")),
        Reply::Error(text) if text == b"ERR no such key" => Answer::NoSuchKey,
        Reply::Array(values) => Answer::Values(values.into_iter().map(value).collect()),
        one => Answer::Values(vec![value(one)]),
    }
}

/// One client in one round.
struct Client<'r> {
    number: usize,
    daemon: &'r Daemon,
    wire: Wire,
    keys: &'r [String],
    begin: Instant,
    dice: Dice,
    next_value: u32,
    events: Vec<Event>,
}

impl Client<'_> {
    fn nanos(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).expect("a round is short")
    }

    /// Sends `depth` requests in one write: called at the same time, a pipeline to the checker. The last `cut` bytes stay here.
    fn send(&mut self, depth: usize, cut: usize) {
        let operations: Vec<Operation> = (0..depth).map(|_| self.dice.operation(&mut self.next_value)).collect();
        let bytes: Vec<u8> = operations.iter().flat_map(|operation| requests(operation, self.keys)).collect();
        let called = self.nanos();
        let client = self.number;
        self.events.extend(operations.into_iter().map(|operation| Event { client, operation, called, answered: None }));
        self.wire.send_raw(&bytes[..bytes.len() - cut]);
    }

    /// Awaits the answers of the last `depth` requests.
    fn await_answers(&mut self, depth: usize) {
        for at in self.events.len() - depth..self.events.len() {
            let answer = match self.events[at].operation.clone() {
                Operation::Block(calls) => {
                    // MULTI's OK, and one QUEUED for each call.
                    for _ in 0..=calls.len() {
                        assert!(matches!(self.next_reply(at), Reply::Simple(_)));
                    }
                    let Reply::Array(replies) = self.next_reply(at) else { panic!("EXEC answers an array") };
                    // A reply of GET in an array is a value like one of MGET: the call tells.
                    Answer::All(replies.into_iter().map(answer_of).collect())
                }
                _ => answer_of(self.next_reply(at)),
            };
            self.events[at].answered = Some((self.nanos(), answer));
        }
    }

    fn next_reply(&mut self, at: usize) -> Reply {
        let reply = self.wire.reply().unwrap_or_else(|| panic!("no answer to {:?}", self.events[at]));
        Reply::decode(&reply).expect("a whole reply").0
    }

    /// Reads some keys and writes some, if nobody wrote those read meanwhile. A swap that was refused did nothing, and is no event.
    fn swap(&mut self) {
        let called = self.nanos();
        let (read_count, written_count) = (1 + self.dice.below(2), 1 + self.dice.below(2));
        let (read, written) = (self.dice.keys(read_count), self.dice.keys(written_count));
        self.next_value += 1;
        let written: Vec<(usize, u32)> = written.into_iter().map(|key| (key, self.next_value)).collect();
        let mut names = words_of(&Operation::Delete(read.clone()), self.keys);
        for word in ["WATCH", "MGET"] {
            word.clone_into(&mut names[0]);
            self.wire.send_raw(&request(&names));
        }
        assert!(matches!(self.reply_to_swap(), Reply::Simple(_)));
        let Answer::Values(values) = answer_of(self.reply_to_swap()) else { panic!("MGET answers values") };
        self.wire.send_raw(&requests(&Operation::Block(vec![Operation::Write(written.clone())]), self.keys));
        assert!(matches!((self.reply_to_swap(), self.reply_to_swap()), (Reply::Simple(_), Reply::Simple(_))));
        if let Reply::Array(_) = self.reply_to_swap() {
            let operation = Operation::Swap { read: read.into_iter().zip(values).collect(), written };
            let answered = Some((self.nanos(), Answer::Done));
            self.events.push(Event { client: self.number, operation, called, answered });
        }
    }

    fn reply_to_swap(&mut self) -> Reply {
        let reply = self.wire.reply().expect("every call of a swap is answered");
        Reply::decode(&reply).expect("a whole reply").0
    }

    /// Goes away with requests under way, the last of them cut off now and then, and comes back on another connection. What nobody saw and
    /// changed nothing needs no explanation.
    fn die(&mut self, depth: usize) {
        let cut = if self.dice.below(3) == 0 { 1 + self.dice.below(20) } else { 0 };
        self.send(depth, cut);
        for _ in 0..self.dice.below(3) {
            thread::yield_now();
        }
        self.wire = self.daemon.wire();
        self.events.retain(|event| event.answered.is_some() || !matches!(event.operation, Operation::Read(_)));
    }

    fn live(mut self, manner: Manner) -> (Wire, Vec<Event>) {
        let deaths = if self.number < 2 { manner.deaths } else { 0 };
        let writes = OPERATIONS / manner.depth;
        for at in 0..writes {
            if manner.depth == 1 && self.dice.below(5) == 0 {
                self.swap();
            } else if at % 4 == 3 && at / 4 < deaths {
                self.die(manner.depth);
            } else {
                self.send(manner.depth, 0);
                self.await_answers(manner.depth);
            }
        }
        (self.wire, self.events)
    }
}

/// All clients at once, from empty keys: the history.
fn round(daemon: &Daemon, wires: &mut Vec<Wire>, number: usize, manner: Manner) -> Vec<Event> {
    let keys = keys_of(number);
    let barrier = Barrier::new(CLIENTS);
    let begin = Instant::now();
    let ended: Vec<(Wire, Vec<Event>)> = thread::scope(|scope| {
        let mut clients = Vec::new();
        for (client, wire) in wires.drain(..).enumerate() {
            let seed = (number * CLIENTS + client) as u64 + 1;
            let next_value = u32::try_from(client * 1000).expect("a few clients");
            let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let client = Client { number: client, daemon, wire, keys: &keys, begin, dice, next_value, events: Vec::new() };
            let barrier = &barrier;
            clients.push(scope.spawn(move || {
                barrier.wait();
                client.live(manner)
            }));
        }
        clients.into_iter().map(|client| client.join().expect("a client's own failure is told above")).collect()
    });
    let (back, histories): (Vec<Wire>, Vec<Vec<Event>>) = ended.into_iter().unzip();
    wires.extend(back);
    histories.concat()
}

/// How many answered operations were called while another client's was under way: what a history without any would prove is nothing.
fn overlapping(history: &[Event]) -> usize {
    let until = |event: &Event| event.answered.as_ref().map_or(u64::MAX, |(when, _)| *when);
    let overlaps = |a: &Event, b: &Event| a.client != b.client && b.called <= a.called && a.called <= until(b);
    history.iter().filter(|event| history.iter().any(|other| overlaps(event, other))).count()
}

/// A history as lines, in the order called.
fn told(history: &[Event]) -> String {
    let mut events: Vec<&Event> = history.iter().collect();
    events.sort_by_key(|event| event.called);
    let line = |event: &&Event| {
        let answered = event.answered.as_ref().map_or("never".to_owned(), |(when, answer)| format!("{when:>9} {answer:?}"));
        format!("  client {} {:>9} {:?} -> {answered}\n", event.client, event.called, event.operation)
    };
    events.iter().map(line).collect()
}

/// One history, of pipelines or not, of clients that die or not, judged: for who has a daemon that does other things besides. `wires` are its
/// clients' connections, made at the first call.
pub fn one_history(daemon: &Daemon, wires: &mut Vec<Wire>, number: usize) -> Result<(), String> {
    wires.extend((wires.len()..CLIENTS).map(|_| daemon.wire()));
    let depth = 1 + number % 2;
    let deaths = if number % 3 == 2 { 2 - number % 2 } else { 0 };
    let history = round(daemon, wires, number, Manner { depth, deaths });
    checker::check(&history, KEYS)
        .map_err(|longest| format!("no order explains\n{}the longest that could be built:\n{}", told(&history), told(&longest)))
}

fn hold(manner: Manner) {
    let daemon = Daemon::start(&["--shards", &SHARDS.to_string()]);
    let mut wires: Vec<Wire> = (0..CLIENTS).map(|_| daemon.wire()).collect();
    let started = Instant::now();
    let (mut events, mut overlapped, mut unseen) = (0, 0, 0);
    for number in 0..rounds() {
        let history = round(&daemon, &mut wires, number, manner);
        if let Err(longest) = checker::check(&history, KEYS) {
            panic!("round {number}: no order explains\n{}the longest that could be built:\n{}", told(&history), told(&longest));
        }
        events += history.len();
        overlapped += overlapping(&history);
        unseen += history.iter().filter(|event| event.answered.is_none()).count();
    }
    println!("{events} operations, {overlapped} met others, {unseen} unseen, {:?}", started.elapsed());
    assert!(overlapped > events / 10, "only {overlapped} of {events} operations met another");
    assert_eq!(unseen > 0, manner.deaths > 0);
    every_shard_answers(&daemon);
}

/// Long pipelines in which nearly every request is a unit of its own: mailboxes fill up, and shards are lent all the time. Every second client
/// goes away without a look at its answers.
#[test]
fn a_storm_of_units_passes() {
    let daemon = Daemon::start(&["--shards", &SHARDS.to_string()]);
    let keys = keys_of(0);
    let storm = |client: usize| {
        let mut dice = Dice(client as u64 + 1);
        let mut value = 0;
        let mut requests = Vec::new();
        for at in 0..STORM_REQUESTS {
            let echoed = ["ECHO".to_owned(), at.to_string()];
            requests.extend(request(&words_of(&dice.call(&mut value), &keys)));
            requests.extend(request(&words_of(&Operation::Rename(dice.below(KEYS), dice.below(KEYS)), &keys)));
            requests.extend(request(&echoed));
        }
        let mut wire = daemon.wire();
        wire.send_raw(&requests);
        if client % 2 == 1 {
            return;
        }
        for at in 0..STORM_REQUESTS {
            for _ in 0..2 {
                assert!(wire.reply().is_some(), "client {client} waits for answer {at}");
            }
            let echoed = wire.reply().map(|reply| Reply::decode(&reply).expect("a whole reply").0);
            assert_eq!(echoed, Some(Reply::Bulk(at.to_string().into_bytes())), "client {client}");
        }
    };
    thread::scope(|scope| (0..STORM_CLIENTS).for_each(|client| drop(scope.spawn(move || storm(client)))));
    every_shard_answers(&daemon);
}

/// No shard is lent any more, and no mailbox waits for a gate that nobody opens.
fn every_shard_answers(daemon: &Daemon) {
    let mut wire = daemon.wire();
    let keys = keys_of(rounds());
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(wire.line(&format!("SET {key} {at}")), Reply::Simple(b"OK".to_vec()));
    }
    for pair in keys.windows(2).rev() {
        assert_eq!(wire.line(&format!("RENAME {} {}", pair[0], pair[1])), Reply::Simple(b"OK".to_vec()));
    }
    assert_eq!(wire.line(&format!("EXISTS {}", keys.join(" "))), Reply::Integer(i64::try_from(KEYS).expect("a few keys") - 1));
    let Reply::Integer(_) = wire.line("DBSIZE") else { panic!("DBSIZE answers an integer") };
}

#[test]
fn every_history_is_strictly_serializable() {
    hold(Manner { depth: 1, deaths: 0 });
}

#[test]
fn pipelines_are_strictly_serializable() {
    hold(Manner { depth: 2, deaths: 0 });
}

#[test]
fn clients_that_die_leave_no_trace_but_whole_operations() {
    hold(Manner { depth: 1, deaths: 3 });
}

#[test]
fn pipelines_of_clients_that_die_are_all_or_nothing_each() {
    hold(Manner { depth: 2, deaths: 1 });
}
