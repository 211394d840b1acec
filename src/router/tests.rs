//! A seeded simulation of several shards: the real plans, rounds, shard cores and borrowing code; mailboxes, the sequencer's steps, clients and
//! their deaths are chosen one step at a time by a generator. The histories go to the checker. The same seed gives the same run.
//!
//! The mechanism is proven by taking parts of it away: without the gate, without the one order, or with a borrow torn in two, the checker must
//! find a violation; with all of them, never.

use std::collections::VecDeque;
use std::sync::Arc;

use super::round::Kind;
use super::wait::stays;
use super::{Needs, Plan, Round, Spare, Way};
use crate::command::{Args, Cx, Effects, Limits, Reach};
use crate::resp::frame::Frame;
use crate::resp::{Protocol, Span};
use crate::session::{Handler, Registry};
use crate::shard::batch::{Manner, Watching};
use crate::shard::core::{attempt, run_calls};
use crate::shard::meter::Meter;
use crate::shard::{Batch, Claim, Leave, Returned, Shard, Stay};
use crate::slot;
use crate::store::{Keyspace, Part};
use crate::time::UnixMillis;

#[path = "../../tests/it/checker.rs"]
mod checker;
use checker::{Answer, Event, Operation};

const SHARDS: u32 = 3;
const KEYS: usize = 4;
/// Each lives on a shard of its own.
const LISTS: usize = SHARDS as usize;
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
    /// Who gives up waiting does not go through the claim.
    no_claim: bool,
    /// Who waits on several shards is entered there only after the keyspaces have gone home.
    late_stay: bool,
    /// A client dies whatever has been taken for it.
    careless_death: bool,
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
    Forget { claim: Arc<Claim> },
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
    /// Its call found nothing on several shards.
    Blocked {
        batch: Box<Batch>,
    },
    /// The same, and what it leaves with the shards is still on its way, which is a fault.
    Entering {
        batch: Box<Batch>,
        stays: Vec<(usize, Stay)>,
    },
}

/// A call that found nothing, and what shards are still to be told of it.
type Unanswered = (Box<Batch>, Vec<(usize, Stay)>);

struct Client {
    stage: Stage,
    round: Round,
    input: Arc<Vec<u8>>,
    event: usize,
    /// Batches that are back.
    back: usize,
    /// A client that dies is followed by another in its place; what was under way answers nobody.
    life: u32,
    /// Of a call that may wait, where it does, and whether it was attempted.
    claim: Option<Arc<Claim>>,
    owners: u64,
    tried: bool,
    /// What an attempt that found nothing left behind; the client takes it up with its next step.
    unanswered: Option<Unanswered>,
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
        let client = |_| Client {
            stage: Stage::Idle,
            round: Round::default(),
            input: Arc::default(),
            event: 0,
            back: 0,
            life: 0,
            claim: None,
            owners: 0,
            tried: false,
            unanswered: None,
        };
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
                if !self.is_over() {
                    return None;
                }
                // Who waits would do so for ever, and ask for nothing more.
                let waits = |client: &Client| client.claim.as_ref().is_some_and(|claim| claim.waits());
                match self.clients.iter().position(waits) {
                    Some(number) if self.history.len() < OPERATIONS => {
                        let left = self.clients[number].claim.as_ref().map(|claim| claim.leave());
                        assert_eq!(left, Some(Leave::Now));
                        self.time_over(number);
                        self.clients[number].stage = Stage::Idle;
                    }
                    _ => return Some(self.told()),
                }
            }
        }
        panic!("it does not come to an end");
    }

    /// Whether everybody has an answer, or waits for what is not there.
    fn is_over(&mut self) -> bool {
        if self.parked.contains(&true) {
            return false;
        }
        let lists: Vec<Vec<u32>> = (0..LISTS).map(|list| self.list(list)).collect();
        let waits_in_vain = |client: &Client| match &self.history[client.event].operation {
            Operation::Take(wanted) => wanted.iter().all(|&list| lists[list].is_empty()),
            Operation::Carry(from, _) => lists[*from].is_empty(),
            _ => false,
        };
        self.clients.iter().all(|client| match client.stage {
            Stage::Idle => true,
            Stage::Waiting { .. } | Stage::Blocked { .. } => client.claim.is_some() && waits_in_vain(client),
            _ => false,
        })
    }

    /// What is in a list while nothing moves.
    fn list(&mut self, number: usize) -> Vec<u32> {
        let mut batch = Batch::default();
        let entry = self.registry.find(b"lrange").expect("a command");
        let Handler::Data(row) = entry.handler else { panic!("a data command") };
        let (mut input, mut spans) = (Vec::new(), Vec::new());
        for word in [b"LRANGE".to_vec(), list_key(number), b"0".to_vec(), b"-1".to_vec()] {
            spans.push(Span { start: input.len() as u32, len: word.len() as u32 });
            input.extend_from_slice(&word);
        }
        batch.push(row, entry.id, Manner { database: 0, protocol: Protocol::Resp2, touches: true, caches: false, block: 0 }, &spans);
        batch.input = Some(Arc::new(input));
        self.shards[number].run(&mut batch, NOW);
        let text = std::str::from_utf8(&batch.reply).expect("text");
        let lines = text.split("\r\n").skip(2).step_by(2);
        lines.map(|value| value.parse().expect("elements are numbers")).collect()
    }

    /// The history, with what is left at the end. Who still waits, or died while it did, has done nothing.
    fn told(mut self) -> Vec<Event> {
        for list in 0..LISTS {
            let values = self.list(list).into_iter().map(Some).collect();
            let answered = Some((self.clock + 2, Answer::Values(values)));
            self.history.push(Event { client: CLIENTS, operation: Operation::List(list), called: self.clock + 1, answered });
        }
        let waits = |event: &Event| matches!(event.operation, Operation::Take(_) | Operation::Carry(..));
        self.history.retain(|event| event.answered.is_some() || !waits(event));
        self.history
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
        if mortal && self.dice.roll(40) == 0 && self.may_die(number) {
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
            Stage::Waiting { .. } if self.gives_up(number) => {
                self.time_over(number);
                (Stage::Idle, true)
            }
            Stage::Waiting { .. } if self.clients[number].unanswered.is_some() => {
                let (batch, stays) = self.clients[number].unanswered.take().expect("it is there");
                (if stays.is_empty() { Stage::Blocked { batch } } else { Stage::Entering { batch, stays } }, true)
            }
            Stage::Blocked { batch } => self.blocked(number, batch),
            Stage::Entering { batch, stays } => self.enter(batch, stays),
            waiting @ Stage::Waiting { .. } => (waiting, false),
        };
        self.clients[number].stage = stage;
        moved
    }

    fn die(&mut self, number: usize, stage: &Stage) {
        if let Stage::Reserving { targets, reserved } = stage {
            targets[..*reserved].iter().for_each(|&shard| self.reserved[shard] -= 1);
        }
        self.forget(number);
        let client = &mut self.clients[number];
        client.life += 1;
        client.round = Round::default();
        client.unanswered = None;
        client.stage = Stage::Idle;
    }

    // Who waits ---------------------------------------------------------------------------------------------------------------

    /// Whether nothing has been taken for it, or may be.
    fn may_die(&self, number: usize) -> bool {
        let Some(claim) = self.clients[number].claim.as_ref() else { return true };
        claim.leave_if_waiting() || self.faults.careless_death
    }

    /// Tells shards that it waits no more.
    fn forget(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let Some(claim) = client.claim.take() else { return };
        for shard in (0..SHARDS as usize).filter(|shard| client.owners >> shard & 1 == 1) {
            // What finds no room is sent by a task that has no client.
            self.mailboxes[shard].push_back(Mail::Forget { claim: claim.clone() });
        }
    }

    /// Whether its time is over now: only if it waits, and if nobody is serving it.
    fn gives_up(&mut self, number: usize) -> bool {
        let Some(claim) = self.clients[number].claim.clone() else { return false };
        if self.clients[number].owners.count_ones() > 1 && !self.clients[number].tried {
            // Time is not looked at before the first attempt.
            return false;
        }
        claim.waits() && self.dice.roll(30) == 0 && (self.faults.no_claim || claim.leave() == Leave::Now)
    }

    fn time_over(&mut self, number: usize) {
        if self.faults.no_claim {
            self.clients[number].claim = None;
        }
        self.forget(number);
        let client = &mut self.clients[number];
        client.round = Round::default();
        client.unanswered = None;
        client.life += 1;
        self.history[client.event].answered = Some((self.clock, Answer::Took(None)));
    }

    fn blocked(&mut self, number: usize, batch: Box<Batch>) -> (Stage, bool) {
        if self.gives_up(number) {
            self.time_over(number);
            return (Stage::Idle, true);
        }
        let client = &mut self.clients[number];
        if !client.claim.as_ref().is_some_and(|claim| claim.is_called()) {
            return (Stage::Blocked { batch }, false);
        }
        client.round.groups[0].batches[0] = Some(batch);
        (Stage::Reserving { targets: shards_of(client.owners), reserved: 0 }, true)
    }

    fn enter(&mut self, batch: Box<Batch>, mut stays: Vec<(usize, Stay)>) -> (Stage, bool) {
        let Some((shard, stay)) = stays.pop() else { return (Stage::Blocked { batch }, true) };
        if self.parked[shard] {
            stays.push((shard, stay));
            return (Stage::Entering { batch, stays }, false);
        }
        let keyspace = self.shards[shard].lend();
        self.give_back(shard, keyspace, Some(stay));
        (Stage::Entering { batch, stays }, true)
    }

    /// Brings home what a shard has answered.
    fn hand_out(&mut self, shard: usize) {
        let served: Vec<Box<Batch>> = self.shards[shard].served().collect();
        for batch in served {
            let is_of = |client: &Client| matches!((&client.claim, &batch.claim), (Some(one), Some(other)) if Arc::ptr_eq(one, other));
            if let Some(number) = self.clients.iter().position(is_of) {
                let life = self.clients[number].life;
                self.come_back(number, life, shard, batch);
            }
        }
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
            let row = entry.handler.row().expect("a data command");
            (row, entry.id, Args::new(&buffer, spans))
        });
        let manner = Manner { database: 0, protocol: Protocol::Resp2, touches: true, caches: false, block: 0 };
        let client = &mut self.clients[number];
        let mut needs = Needs::new(SHARDS);
        rows.clone().for_each(|(row, _, args)| needs.call(row, &args));
        let is_block = matches!(operation, Operation::Block(_));
        let held = if let (true, Way::Hold(owners)) = (is_block, needs.way(false, false)) { Some(owners) } else { None };
        if matches!(operation, Operation::Take(_) | Operation::Carry(..)) {
            let (row, id, args) = rows.clone().next().expect("it is one call");
            let (plan, claim) = (Plan::of(row, &args, SHARDS), Claim::new());
            client.round.push(row, id, manner, &args, SHARDS, &self.spare, false);
            for batch in client.round.groups[0].batches.iter_mut().flatten() {
                **batch = Batch::default();
                batch.push_waiting(row, id, manner, args.spans(), &claim);
            }
            client.owners = match plan {
                Plan::One(shard) => 1 << shard,
                Plan::Borrow(owners) => {
                    claim.wait();
                    owners
                }
                Plan::Split | Plan::Every => panic!("not a plan of a call that waits: {plan:?}"),
            };
            client.input = Arc::new(buffer);
            (client.event, client.back, client.tried) = (self.history.len(), 0, false);
            client.claim = Some(claim);
            self.history.push(Event { client: number, operation, called: self.clock, answered: None });
            return Stage::Reserving { targets: shards_of(client.owners), reserved: 0 };
        }
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
        if self.dice.roll(4) == 0 && !self.faults.torn_borrow {
            let (one, other) = (self.dice.roll(LISTS), self.dice.roll(LISTS));
            return match self.dice.roll(3) {
                0 => Operation::Take(vec![one]),
                1 if one != other => Operation::Take(vec![one, other]),
                _ => Operation::Carry(one, other),
            };
        }
        self.choose_call()
    }

    fn choose_call(&mut self) -> Operation {
        let value = self.history.len() as u32 + 1;
        let one = self.dice.roll(KEYS);
        let other = (one + 1 + self.dice.roll(KEYS - 1)) % KEYS;
        match self.dice.roll(14) {
            10..=13 => Operation::Push(self.dice.roll(LISTS), value),
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
            batch.input.get_or_insert_with(|| client.input.clone());
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
        // Of those who wait on several shards, the shards have not forgotten it.
        if matches!(self.clients[number].round.groups[0].kind, Kind::Borrow(_)) {
            self.forget(number);
        }
        let client = &mut self.clients[number];
        client.claim = None;
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
            Some(Mail::Run { batch, .. }) if batch.claim.is_some() => self.shards[number].run_or_keep(batch, NOW),
            Some(Mail::Forget { claim }) => self.shards[number].forget(&claim, NOW),
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
        self.hand_out(number);
        true
    }

    // Borrowers ---------------------------------------------------------------------------------------------------------------

    fn borrower_step(&mut self, number: usize) -> bool {
        let borrower = &mut self.borrowers[number];
        if borrower.finished || borrower.lenders.iter().any(|&shard| borrower.lent[shard].is_none() && borrower.between.is_none()) {
            return false;
        }
        let Some(mut batch) = borrower.batch.take() else { return false };
        if let Some(claim) = batch.claim.clone() {
            self.attempt_or_stay(number, batch, &claim);
            return true;
        }
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
            self.give_back(shard, keyspace, None);
        } else {
            let mut cx = Cx::new(Reach::Several(&mut borrower.lent), &self.limits, &mut effects, &mut seed, NOW);
            run_calls(&mut batch, &mut cx, &mut Meter::new(|| 0), |_, _| {});
            for shard in borrower.lenders.clone() {
                let keyspace = self.borrowers[number].lent[shard].take().expect("every lender has lent");
                self.give_back(shard, keyspace, None);
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
            self.give_back(shard, keyspace, None);
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

    /// As a session does with a hold in hand, if it is still there.
    fn attempt_or_stay(&mut self, number: usize, mut batch: Box<Batch>, claim: &Arc<Claim>) {
        let (mut effects, mut seed) = (Effects::default(), 1);
        let borrower = &mut self.borrowers[number];
        borrower.finished = true;
        let (client, life, lenders) = (borrower.client, borrower.life, borrower.lenders.clone());
        let mut cx = Cx::new(Reach::Several(&mut borrower.lent), &self.limits, &mut effects, &mut seed, NOW);
        let is_there = claim.take();
        let answered = is_there && attempt(&mut batch, &mut cx, &mut Meter::new(|| 0), |_, _| {});
        let (mut at_home, mut later) = (Vec::new(), Vec::new());
        if answered {
            claim.answer();
        } else if is_there && claim.wait() {
            at_home = stays(&batch, SHARDS);
        }
        // It may be about something else by now than what this attempt was made for.
        let is_current = self.clients[client].life == life;
        let was_tried = !is_current || std::mem::replace(&mut self.clients[client].tried, true);
        if self.faults.late_stay && !was_tried {
            std::mem::swap(&mut at_home, &mut later);
        }
        for shard in lenders {
            let keyspace = self.borrowers[number].lent[shard].take().expect("every lender has lent");
            let stay = at_home.iter().position(|&(at, _)| at == shard).map(|at| at_home.swap_remove(at).1);
            self.give_back(shard, keyspace, stay);
        }
        if answered {
            self.come_back(client, life, 0, batch);
        } else if self.clients[client].life == life {
            self.clients[client].unanswered = Some((batch, later));
        }
    }

    fn give_back(&mut self, shard: usize, keyspace: Keyspace, stay: Option<Stay>) {
        self.shards[shard].take_back(Returned { keyspace, effects: Effects::default(), tallies: Vec::new(), seen: 0, stay }, NOW);
        self.parked[shard] = false;
        self.hand_out(shard);
    }
}

/// The name of a list, which lives on the shard of its number.
fn list_key(number: usize) -> Vec<u8> {
    let mut names = (0..).map(|at| format!("list:{at}").into_bytes());
    names.find(|name| slot::shard_of(name, SHARDS) as usize == number).expect("every shard has keys")
}

fn shards_of(owners: u64) -> Vec<usize> {
    (0..SHARDS as usize).filter(|shard| owners >> shard & 1 == 1).collect()
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
        Operation::Push(list, value) => vec![b"RPUSH".to_vec(), list_key(*list), value.to_string().into_bytes()],
        Operation::Take(lists) => {
            let names = lists.iter().map(|&list| list_key(list));
            std::iter::once(b"BLPOP".to_vec()).chain(names).chain([b"0".to_vec()]).collect()
        }
        Operation::Carry(from, to) => {
            [b"BLMOVE".to_vec(), list_key(*from), list_key(*to), b"LEFT".to_vec(), b"RIGHT".to_vec(), b"0".to_vec()].into()
        }
        Operation::Block(_) | Operation::Swap { .. } | Operation::List(_) => panic!("not one call: {operation:?}"),
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
        (Operation::Carry(from, _), _) => Answer::Took(Some((*from, lines[1].parse().expect("elements are numbers")))),
        (Operation::Take(lists), _) => {
            let list = lists.iter().find(|&&list| list_key(list) == lines[2].as_bytes()).expect("it is one of the lists asked for");
            Answer::Took(Some((*list, lines[4].parse().expect("elements are numbers"))))
        }
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
fn who_gives_up_without_the_claim_is_found() {
    assert!(violations(Faults { no_claim: true, ..Faults::default() }).next().is_some());
}

#[test]
fn who_is_entered_too_late_is_found() {
    assert!(violations(Faults { late_stay: true, ..Faults::default() }).next().is_some());
}

#[test]
fn what_dies_with_a_client_is_found() {
    assert!(violations(Faults { careless_death: true, ..Faults::default() }).next().is_some());
}

#[test]
fn a_torn_borrow_is_found() {
    assert!(violations(Faults { torn_borrow: true, ..Faults::default() }).next().is_some());
}
