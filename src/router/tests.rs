//! A seeded simulation of several shards: the real plans, rounds, shard cores and borrowing code; mailboxes, the sequencer's steps, clients and
//! their deaths are chosen one step at a time by a generator. The histories go to the checker. The same seed gives the same run.
//!
//! The mechanism is proven by taking parts of it away: without the gate, without the one order, or with a borrow torn in two, the checker must
//! find a violation; with all of them, never.

use std::collections::VecDeque;
use std::sync::Arc;

use super::round::Kind;
use super::{Needs, Round, Spare, Way};
use crate::command::{Args, Cx, Effects, Limits, Reach};
use crate::resp::frame::Frame;
use crate::resp::{Protocol, Span};
use crate::session::{Handler, Registry};
use crate::shard::batch::{Manner, Watching};
use crate::shard::core::run_calls;
use crate::shard::meter::Meter;
use crate::shard::{Batch, Returned, Shard};
use crate::slot;
use crate::store::{Keyspace, Part};
use crate::time::UnixMillis;

#[path = "../../tests/it/checker.rs"]
mod checker;
use checker::{Answer, Event, Operation};

const SHARDS: u32 = 3;
const KEYS: usize = 4;
const CLIENTS: usize = 4;
const OPERATIONS: usize = 30;
/// Small, so that full mailboxes are common.
const MAILBOX: usize = 2;
const NOW: UnixMillis = UnixMillis(1_000_000);

/// What is taken away from the mechanism.
#[derive(Clone, Copy, Default)]
struct Faults {
    no_gate: bool,
    no_order: bool,
    torn_borrow: bool,
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }
}

/// A message in a mailbox. Clients, gates and borrowers by number.
enum Mail {
    Run { client: usize, life: u32, batch: Box<Batch> },
    Part { client: usize, life: u32, batch: Box<Batch>, gate: usize },
    Borrow { borrower: usize },
}

struct Borrower {
    client: usize,
    life: u32,
    batch: Option<Box<Batch>>,
    lenders: Vec<usize>,
    lent: Vec<Option<Keyspace>>,
    /// Of a torn borrow: the value that is between two keys, and where it goes.
    between: Option<(Vec<u8>, Vec<u8>)>,
    finished: bool,
}

/// Where a client is with its operation.
enum Stage {
    Idle,
    /// Reserving places, in ascending order.
    Reserving {
        targets: Vec<usize>,
        reserved: usize,
    },
    /// Placing, within the sequencer's critical section.
    Placing {
        targets: Vec<usize>,
        placed: usize,
        gate: usize,
    },
    Waiting {
        batches: usize,
    },
}

struct Client {
    stage: Stage,
    round: Round,
    input: Arc<Vec<u8>>,
    event: usize,
    /// Batches that are back.
    back: usize,
    /// A client that dies is followed by another in its place; what was under way answers nobody.
    life: u32,
}

struct World {
    dice: Dice,
    faults: Faults,
    registry: Registry,
    limits: Limits,
    spare: Spare,
    shards: Vec<Shard>,
    mailboxes: Vec<VecDeque<Mail>>,
    reserved: Vec<usize>,
    parked: Vec<bool>,
    gates: Vec<bool>,
    sequencer_held: bool,
    borrowers: Vec<Borrower>,
    clients: Vec<Client>,
    history: Vec<Event>,
    clock: u64,
    /// Who is held up, and until when.
    held_up: (usize, u64),
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

impl World {
    fn new(seed: u64, faults: Faults) -> World {
        let registry = Registry::whole();
        let limits = Limits::default();
        let shard = |index| {
            let keyspace = Keyspace::new(1, Part { index, of: SHARDS }, [1, 2, 3, 4]);
            Shard::new(keyspace, Arc::new(Limits::default()), registry.len(), 1, || 0)
        };
        let shards = (0..SHARDS).map(shard).collect();
        let count = SHARDS as usize;
        let client = |_| Client { stage: Stage::Idle, round: Round::default(), input: Arc::default(), event: 0, back: 0, life: 0 };
        World {
            dice: Dice(seed),
            faults,
            registry,
            limits,
            spare: Spare::default(),
            shards,
            mailboxes: (0..count).map(|_| VecDeque::new()).collect(),
            reserved: vec![0; count],
            parked: vec![false; count],
            gates: Vec::new(),
            sequencer_held: false,
            borrowers: Vec::new(),
            clients: (0..CLIENTS).map(client).collect(),
            history: Vec::new(),
            clock: 0,
            held_up: (0, 0),
        }
    }

    /// Runs until every operation is over. `None` if nothing can move any more: a deadlock.
    fn run(mut self) -> Option<Vec<Event>> {
        for _ in 0..200_000 {
            self.clock += 1;
            let actors = CLIENTS + self.shards.len() + self.borrowers.len();
            // Now and then somebody is held up for long: a thread that is not scheduled, between any two of its steps. Most telling is who has
            // done one half of something.
            if self.dice.roll(15) == 0 {
                let halfway = (0..actors).find(|&actor| self.is_halfway(actor));
                let slow = halfway.unwrap_or_else(|| self.dice.roll(actors));
                self.held_up = (slow, self.clock + self.dice.roll(150) as u64);
            }
            let (slow, until) = self.held_up;
            let first = self.dice.roll(actors);
            let may_move = |actor: &usize| self.clock >= until || *actor != slow;
            let order: Vec<usize> = (0..actors).map(|turn| (first + turn) % actors).filter(may_move).collect();
            let moved = order.into_iter().any(|actor| self.step(actor)) || self.step(slow.min(actors - 1));
            if !moved {
                let over = self.clients.iter().all(|client| matches!(client.stage, Stage::Idle));
                return over.then_some(self.history);
            }
        }
        panic!("it does not come to an end");
    }

    /// Whether it has placed some parts of a unit and not others, or torn a borrow.
    fn is_halfway(&self, actor: usize) -> bool {
        match self.clients.get(actor) {
            Some(client) => matches!(&client.stage, Stage::Placing { targets, placed, .. } if *placed > 0 && *placed < targets.len()),
            None => {
                let borrower = actor.checked_sub(CLIENTS + self.shards.len()).and_then(|at| self.borrowers.get(at));
                borrower.is_some_and(|borrower| borrower.between.is_some())
            }
        }
    }

    fn step(&mut self, actor: usize) -> bool {
        match actor.checked_sub(CLIENTS) {
            None => self.client_step(actor),
            Some(shard) if shard < self.shards.len() => self.shard_step(shard),
            Some(borrower) => self.borrower_step(borrower - self.shards.len()),
        }
    }

    // Clients -----------------------------------------------------------------------------------------------------------------

    fn client_step(&mut self, number: usize) -> bool {
        let stage = std::mem::replace(&mut self.clients[number].stage, Stage::Idle);
        // Death comes at an await: not within the critical section, which has none.
        let mortal = !matches!(stage, Stage::Idle | Stage::Placing { .. });
        if mortal && self.dice.roll(40) == 0 {
            self.die(number, &stage);
            return true;
        }
        let (stage, moved) = match stage {
            Stage::Idle if self.history.len() < OPERATIONS => (self.begin(number), true),
            Stage::Idle => (Stage::Idle, false),
            Stage::Reserving { targets, reserved } => self.reserve(number, targets, reserved),
            Stage::Placing { targets, placed, gate } => (self.place(number, targets, placed, gate), true),
            Stage::Waiting { batches } if self.clients[number].back == batches => {
                self.finish(number);
                (Stage::Idle, true)
            }
            waiting @ Stage::Waiting { .. } => (waiting, false),
        };
        self.clients[number].stage = stage;
        moved
    }

    fn die(&mut self, number: usize, stage: &Stage) {
        if let Stage::Reserving { targets, reserved } = stage {
            targets[..*reserved].iter().for_each(|&shard| self.reserved[shard] -= 1);
        }
        let client = &mut self.clients[number];
        client.life += 1;
        client.round = Round::default();
        client.stage = Stage::Idle;
    }

    fn begin(&mut self, number: usize) -> Stage {
        let operation = self.choose();
        let calls = if let Operation::Block(calls) = &operation { calls.as_slice() } else { std::slice::from_ref(&operation) };
        let (mut buffer, mut words) = (Vec::new(), Vec::new());
        for call in calls {
            let spans = words_of(call).into_iter().map(|word| {
                let start = buffer.len() as u32;
                buffer.extend_from_slice(&word);
                Span { start, len: word.len() as u32 }
            });
            words.push(spans.collect::<Vec<Span>>());
        }
        let rows = words.iter().map(|spans| {
            let entry = self.registry.find(spans[0].of(&buffer)).expect("the commands of the simulation are known");
            let Handler::Data(row) = entry.handler else { panic!("{} is no data command", entry.spec.name) };
            (row, entry.id, Args::new(&buffer, spans))
        });
        let manner = Manner { database: 0, protocol: Protocol::Resp2, touches: true, caches: false, block: 0 };
        let client = &mut self.clients[number];
        let mut needs = Needs::new(SHARDS);
        rows.clone().for_each(|(row, _, args)| needs.call(row, &args));
        let is_block = matches!(operation, Operation::Block(_));
        let held = if let (true, Way::Hold(owners)) = (is_block, needs.way(false, false)) { Some(owners) } else { None };
        for (row, id, args) in rows {
            match held {
                Some(_) => client.round.push_held(row, id, manner, &args, &self.spare),
                None => client.round.push(row, id, manner, &args, SHARDS, &self.spare, false),
            }
        }
        if is_block && held.is_none() {
            client.round.close_block(needs.way(false, false), &Watching::Nothing);
        }
        client.input = Arc::new(buffer);
        client.event = self.history.len();
        client.back = 0;
        self.history.push(Event { client: number, operation, called: self.clock, answered: None });
        let group = &client.round.groups[0];
        let targets = match group.kind {
            Kind::Borrow(owners) => {
                let owners = held.unwrap_or(owners);
                (0..SHARDS as usize).filter(|shard| owners >> shard & 1 == 1).collect()
            }
            Kind::Plain | Kind::Unit => (0..group.batches.len()).filter(|&shard| group.batches[shard].is_some()).collect(),
        };
        Stage::Reserving { targets, reserved: 0 }
    }

    fn choose(&mut self) -> Operation {
        if self.dice.roll(4) == 0 && !self.faults.torn_borrow {
            let calls = 2 + self.dice.roll(2);
            return Operation::Block((0..calls).map(|_| self.choose_call()).collect());
        }
        self.choose_call()
    }

    fn choose_call(&mut self) -> Operation {
        let value = self.history.len() as u32 + 1;
        let one = self.dice.roll(KEYS);
        let other = (one + 1 + self.dice.roll(KEYS - 1)) % KEYS;
        match self.dice.roll(10) {
            0..=3 => Operation::Read(vec![one]),
            4 => Operation::Read(vec![one, other]),
            5 => Operation::Write(vec![(one, value)]),
            6 => Operation::Write(vec![(one, value), (other, value)]),
            7 => Operation::WriteIfNone(vec![(one, value), (other, value)]),
            8 => Operation::Rename(one, other),
            _ => Operation::Delete(vec![one, other]),
        }
    }

    fn reserve(&mut self, number: usize, targets: Vec<usize>, reserved: usize) -> (Stage, bool) {
        if let Some(&shard) = targets.get(reserved) {
            if self.mailboxes[shard].len() + self.reserved[shard] >= MAILBOX {
                return (Stage::Reserving { targets, reserved }, false);
            }
            self.reserved[shard] += 1;
            return (Stage::Reserving { targets, reserved: reserved + 1 }, true);
        }
        let ordered = self.clients[number].round.groups[0].kind != Kind::Plain && !self.faults.no_order;
        if ordered {
            if self.sequencer_held {
                return (Stage::Reserving { targets, reserved }, false);
            }
            self.sequencer_held = true;
        }
        self.gates.push(false);
        (Stage::Placing { targets, placed: 0, gate: self.gates.len() - 1 }, true)
    }

    fn place(&mut self, number: usize, targets: Vec<usize>, placed: usize, gate: usize) -> Stage {
        let client = &mut self.clients[number];
        let (kind, life) = (client.round.groups[0].kind, client.life);
        let Some(&shard) = targets.get(placed) else {
            self.gates[gate] = true;
            self.sequencer_held &= kind == Kind::Plain || self.faults.no_order;
            return Stage::Waiting { batches: if matches!(kind, Kind::Borrow(_)) { 1 } else { placed } };
        };
        self.reserved[shard] -= 1;
        let mut taken = |at: usize| {
            let mut batch = client.round.groups[0].batches[at].take().expect("a target has a batch");
            batch.input = Some(client.input.clone());
            batch
        };
        let mail = match kind {
            Kind::Plain => Mail::Run { client: number, life, batch: taken(shard) },
            Kind::Unit => Mail::Part { client: number, life, batch: taken(shard), gate },
            Kind::Borrow(_) => {
                if placed == 0 {
                    let lent = (0..SHARDS).map(|_| None).collect();
                    let batch = Some(taken(0));
                    self.borrowers.push(Borrower {
                        client: number,
                        life,
                        batch,
                        lenders: targets.clone(),
                        lent,
                        between: None,
                        finished: false,
                    });
                }
                let mine = |borrower: &Borrower| borrower.client == number && borrower.life == life && !borrower.finished;
                Mail::Borrow { borrower: self.borrowers.iter().rposition(mine).expect("the borrower was made with the first request") }
            }
        };
        self.mailboxes[shard].push_back(mail);
        Stage::Placing { targets, placed: placed + 1, gate }
    }

    fn finish(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let mut scratch = Vec::new();
        let answer = answer_of(&self.history[client.event].operation, client.round.stitch(&mut scratch, 0));
        client.round = Round::default();
        self.history[client.event].answered = Some((self.clock, answer));
    }

    fn come_back(&mut self, client: usize, life: u32, at: usize, batch: Box<Batch>) {
        let client = &mut self.clients[client];
        if client.life == life {
            client.back += 1;
            client.round.groups[0].batches[at] = Some(batch);
        }
    }

    // Shards ------------------------------------------------------------------------------------------------------------------

    fn shard_step(&mut self, number: usize) -> bool {
        if self.parked[number] {
            return false;
        }
        match self.mailboxes[number].front() {
            None => return false,
            Some(Mail::Part { gate, .. }) if !self.gates[*gate] && !self.faults.no_gate => return false,
            Some(_) => {}
        }
        match self.mailboxes[number].pop_front() {
            None => return false,
            Some(Mail::Run { client, life, mut batch } | Mail::Part { client, life, mut batch, .. }) => {
                self.shards[number].run(&mut batch, NOW);
                self.come_back(client, life, number, batch);
            }
            Some(Mail::Borrow { borrower }) => {
                self.parked[number] = true;
                let keyspace = self.shards[number].lend();
                self.borrowers[borrower].lent[number] = Some(keyspace);
            }
        }
        true
    }

    // Borrowers ---------------------------------------------------------------------------------------------------------------

    fn borrower_step(&mut self, number: usize) -> bool {
        let borrower = &mut self.borrowers[number];
        if borrower.finished || borrower.lenders.iter().any(|&shard| borrower.lent[shard].is_none() && borrower.between.is_none()) {
            return false;
        }
        let Some(mut batch) = borrower.batch.take() else { return false };
        let mut effects = Effects::default();
        let mut seed = 1;
        let name = batch.args(0).get(0).to_vec();
        if self.faults.torn_borrow && name == b"RENAME" && borrower.between.is_none() {
            return self.tear(number, batch);
        }
        if let Some((to, value)) = borrower.between.take() {
            // The second half of a torn RENAME, on a keyspace borrowed a second time.
            let shard = slot::shard_of(&to, SHARDS) as usize;
            if self.parked[shard] {
                borrower.between = Some((to, value));
                borrower.batch = Some(batch);
                return false;
            }
            borrower.lent[shard] = Some(self.shards[shard].lend());
            let mut cx = Cx::new(Reach::Several(&mut borrower.lent), &self.limits, &mut effects, &mut seed, NOW);
            cx.set_text(&to, &value, crate::store::Keep::Clear);
            batch.reply.extend_from_slice(b"+OK\r\n");
            batch.ends.push(5);
            let keyspace = borrower.lent[shard].take().expect("the target was just lent");
            self.give_back(shard, keyspace);
        } else {
            let mut cx = Cx::new(Reach::Several(&mut borrower.lent), &self.limits, &mut effects, &mut seed, NOW);
            run_calls(&mut batch, &mut cx, &mut Meter::new(|| 0), |_, _| {});
            for shard in borrower.lenders.clone() {
                let keyspace = self.borrowers[number].lent[shard].take().expect("every lender has lent");
                self.give_back(shard, keyspace);
            }
        }
        let borrower = &mut self.borrowers[number];
        borrower.finished = true;
        let (client, life) = (borrower.client, borrower.life);
        self.come_back(client, life, 0, batch);
        true
    }

    /// The first half of a torn RENAME: the source is taken, and both keyspaces go home before the target is written. (To give back only the source
    /// would be harmless: nobody can see the target before it is written.)
    fn tear(&mut self, number: usize, mut batch: Box<Batch>) -> bool {
        let borrower = &mut self.borrowers[number];
        let (from, to) = (batch.args(0).key(1).to_vec(), batch.args(0).key(2).to_vec());
        let mut effects = Effects::default();
        let mut seed = 1;
        let mut cx = Cx::new(Reach::Several(&mut borrower.lent), &self.limits, &mut effects, &mut seed, NOW);
        let value = cx.read_text(&from).ok().flatten().map(|text| text.to_vec());
        cx.remove(&from);
        let torn = value.is_some();
        match value {
            Some(value) => borrower.between = Some((to, value)),
            None => {
                batch.reply.extend_from_slice(b"-ERR no such key\r\n");
                batch.ends.push(batch.reply.len());
            }
        }
        for shard in borrower.lenders.clone() {
            let keyspace = self.borrowers[number].lent[shard].take().expect("every lender has lent");
            self.give_back(shard, keyspace);
        }
        let borrower = &mut self.borrowers[number];
        if torn {
            borrower.batch = Some(batch);
        } else {
            borrower.finished = true;
            let (client, life) = (borrower.client, borrower.life);
            self.come_back(client, life, 0, batch);
        }
        true
    }

    fn give_back(&mut self, shard: usize, keyspace: Keyspace) {
        self.shards[shard].take_back(Returned { keyspace, effects: Effects::default(), tallies: Vec::new(), seen: 0 });
        self.parked[shard] = false;
    }
}

fn words_of(operation: &Operation) -> Vec<Vec<u8>> {
    let pairs = |name: &str, pairs: &[(usize, u32)]| {
        let mut words = vec![name.as_bytes().to_vec()];
        words.extend(pairs.iter().flat_map(|&(at, value)| [key(at), value.to_string().into_bytes()]));
        words
    };
    let keys = |name: &str, keys: &[usize]| {
        let mut words = vec![name.as_bytes().to_vec()];
        words.extend(keys.iter().map(|&at| key(at)));
        words
    };
    match operation {
        Operation::Read(read) if read.len() == 1 => keys("GET", read),
        Operation::Read(read) => keys("MGET", read),
        Operation::Write(written) if written.len() == 1 => pairs("SET", written),
        Operation::Write(written) => pairs("MSET", written),
        Operation::WriteIfNone(written) => pairs("MSETNX", written),
        Operation::Rename(from, to) => keys("RENAME", &[*from, *to]),
        Operation::Delete(deleted) => keys("DEL", deleted),
        Operation::Block(_) | Operation::Swap { .. } => panic!("not one call: {operation:?}"),
    }
}

fn answer_of(operation: &Operation, reply: &[u8]) -> Answer {
    let Operation::Block(calls) = operation else { return answer_of_call(operation, reply) };
    // The replies of a block stand one behind the other; EXEC would put their number before them.
    let mut rest = reply;
    let answers = calls.iter().map(|call| {
        let mut cursor = std::io::Cursor::new(rest);
        Frame::check(&mut cursor).expect("whole replies");
        let (one, more) = rest.split_at(cursor.position() as usize);
        rest = more;
        answer_of_call(call, one)
    });
    Answer::All(answers.collect())
}

fn answer_of_call(operation: &Operation, reply: &[u8]) -> Answer {
    let text = std::str::from_utf8(reply).expect("replies of the simulation are text");
    let lines: Vec<&str> = text.split("\r\n").collect();
    match (operation, lines[0].as_bytes()[0]) {
        (_, b'+') => Answer::Done,
        (_, b'-') if text.contains("no such key") => Answer::NoSuchKey,
        (_, b':') => Answer::Count(lines[0][1..].parse().expect("an integer follows the colon")),
        (Operation::Read(_), _) => {
            let mut lines = lines.into_iter().filter(|line| !line.is_empty() && !line.starts_with('*'));
            let mut values = Vec::new();
            while let Some(header) = lines.next() {
                values.push(if header == "$-1" { None } else { lines.next().and_then(|value| value.parse().ok()) });
            }
            Answer::Values(values)
        }
        _ => panic!("an answer that no operation expects: {text}"),
    }
}

/// How many seeds: `TRENCADIS_SEEDS`, or enough to find every planted fault many times over.
fn seeds() -> u64 {
    std::env::var("TRENCADIS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1500)
}

fn violations(faults: Faults) -> impl Iterator<Item = (u64, Vec<Event>)> {
    (0..seeds()).filter_map(move |seed| {
        let Some(history) = World::new(seed * 7919 + 1, faults).run() else { return Some((seed, Vec::new())) };
        checker::check(&history, KEYS).is_err().then_some((seed, history))
    })
}

#[test]
fn every_history_is_strictly_serializable() {
    if let Some((seed, history)) = violations(Faults::default()).next() {
        panic!("seed {seed}: a deadlock, or no order explains {history:#?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = || format!("{:?}", World::new(42, Faults::default()).run());
    assert_eq!(run(), run());
}

#[test]
fn without_the_gate_a_violation_is_found() {
    assert!(violations(Faults { no_gate: true, ..Faults::default() }).next().is_some());
}

#[test]
fn without_the_one_order_a_violation_is_found() {
    assert!(violations(Faults { no_order: true, ..Faults::default() }).next().is_some());
}

#[test]
fn a_torn_borrow_is_found() {
    assert!(violations(Faults { torn_borrow: true, ..Faults::default() }).next().is_some());
}
