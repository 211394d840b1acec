//! Gathering: pages of many senders become one history, in an order that agrees with the order of every shard.
//!
//! Pages of a shard arrive in its order. A unit's parts arrive one by one; what its shards did afterwards waits until all are there, and then the unit
//! stands at one place. All shards meet units in the same order, so the oldest one that is not whole waits for parts that are on their way,
//! and for nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::command::Record;
use crate::persist::History;
use crate::shard::pages::Content;

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// By shard: what waits, oldest first. All are empty but for moments.
    lanes: Vec<VecDeque<Waiting>>,
    blocks: BTreeMap<Block, Parts>,
    settled: Settled,
    /// Pages that wait in lanes.
    waiting: usize,
}

#[derive(Debug)]
enum Waiting {
    Calls { number: u64, record: Record },
    Block(Block),
}

/// What is written as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Block {
    Unit(u64),
    /// Named for its page.
    Held(u64),
}

#[derive(Debug)]
struct Parts {
    shards: u64,
    /// With the numbers of the pages they came in.
    parts: Vec<(u64, Record)>,
}

impl Gather {
    /// Takes up a page. What is in order now is added to the history.
    pub(crate) fn take(&mut self, number: u64, content: Content, history: &mut History) {
        match content {
            Content::Calls { shard, record } => {
                if self.lane(shard).is_empty() {
                    history.add(&record);
                    self.settled.add(number);
                    return;
                }
                self.wait(shard, Waiting::Calls { number, record });
            }
            Content::Part { unit, shard, shards, record } => {
                let block = Block::Unit(unit);
                self.wait(shard, Waiting::Block(block));
                self.blocks.entry(block).or_insert_with(|| Parts { shards, parts: Vec::new() }).parts.push((number, record));
            }
            Content::Held { shards, record } => {
                let block = Block::Held(number);
                of(shards).for_each(|shard| self.wait(shard, Waiting::Block(block)));
                self.blocks.insert(block, Parts { shards, parts: vec![(number, record)] });
            }
            Content::Sync | Content::Turn(..) => self.settled.add(number),
        }
        self.advance(history);
    }

    /// Every page up to here is in the history.
    pub(crate) fn settled(&self) -> u64 {
        self.settled.upto
    }

    /// Whether nothing waits for the rest of its unit.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    fn lane(&mut self, shard: usize) -> &mut VecDeque<Waiting> {
        if self.lanes.len() <= shard {
            self.lanes.resize_with(shard + 1, VecDeque::new);
        }
        &mut self.lanes[shard]
    }

    fn wait(&mut self, shard: usize, waiting: Waiting) {
        self.lane(shard).push_back(waiting);
        self.waiting += 1;
    }

    /// Moves everything that waits for nothing more.
    fn advance(&mut self, history: &mut History) {
        let mut moved = true;
        while moved && self.waiting > 0 {
            moved = false;
            for shard in 0..self.lanes.len() {
                while let Some(Waiting::Calls { .. }) = self.lanes[shard].front() {
                    if let Some(Waiting::Calls { number, record }) = self.lanes[shard].pop_front() {
                        history.add(&record);
                        self.settled.add(number);
                        self.waiting -= 1;
                    }
                }
                if let Some(&Waiting::Block(block)) = self.lanes[shard].front()
                    && self.is_whole(block)
                {
                    self.place(block, history);
                    moved = true;
                }
            }
        }
    }

    /// Whether a block has come to the front of every lane that it is in.
    fn is_whole(&self, block: Block) -> bool {
        let Some(parts) = self.blocks.get(&block) else { return false };
        let is_first =
            |shard: usize| matches!(self.lanes.get(shard).and_then(VecDeque::front), Some(Waiting::Block(first)) if *first == block);
        of(parts.shards).all(is_first)
    }

    fn place(&mut self, block: Block, history: &mut History) {
        let Some(Parts { shards, parts }) = self.blocks.remove(&block) else { return };
        for shard in of(shards) {
            self.lanes[shard].pop_front();
            self.waiting -= 1;
        }
        history.add_unit(&parts.iter().map(|(_, record)| record).collect::<Vec<_>>());
        parts.iter().for_each(|(number, _)| self.settled.add(*number));
    }
}

/// The shards of a set of bits.
fn of(shards: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |shard| shards & (1 << shard) != 0)
}

/// Numbers that come in almost any order, and up to which of them none is missing.
#[derive(Debug, Default)]
struct Settled {
    upto: u64,
    beyond: BTreeSet<u64>,
}

impl Settled {
    fn add(&mut self, number: u64) {
        if number != self.upto + 1 {
            self.beyond.insert(number);
            return;
        }
        self.upto = number;
        while self.beyond.first() == Some(&(self.upto + 1)) {
            self.beyond.pop_first();
            self.upto += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record of one command that names its maker.
    fn record(name: &str) -> Record {
        let mut record = Record::default();
        record.besides(0, [name.as_bytes()]);
        record
    }

    fn part(name: &str) -> Record {
        let mut record = Record::default();
        record.begin_part();
        record.besides(0, [name.as_bytes()]);
        record.end_part();
        record
    }

    fn names(history: &mut History) -> Vec<String> {
        let text = String::from_utf8(history.take()).expect("text");
        let words = text.split("\r\n").filter(|line| !line.is_empty() && !line.starts_with(['*', '$']));
        words.filter(|word| !["SELECT", "0"].contains(word)).map(str::to_owned).collect()
    }

    #[test]
    fn what_comes_behind_a_part_waits_for_the_others() {
        let (mut gather, mut history) = (Gather::default(), History::default());
        gather.take(1, Content::Part { unit: 7, shard: 0, shards: 0b11, record: part("u0") }, &mut history);
        gather.take(3, Content::Calls { shard: 0, record: record("a") }, &mut history);
        gather.take(2, Content::Calls { shard: 1, record: record("b") }, &mut history);
        assert_eq!(names(&mut history), ["b"]);
        assert_eq!((gather.settled(), gather.is_idle()), (0, false));
        gather.take(4, Content::Held { shards: 0b1, record: part("h") }, &mut history);
        gather.take(5, Content::Part { unit: 7, shard: 1, shards: 0b11, record: part("u1") }, &mut history);
        assert_eq!(names(&mut history), ["MULTI", "u0", "u1", "EXEC", "a", "h"]);
        assert_eq!((gather.settled(), gather.is_idle()), (5, true));
    }

    proptest! {
        /// Shards that do things in an order of their own, units in one order, pages that arrive interleaved at will: the history has every page once,
        /// each shard's in its order, and units whole.
        #[test]
        fn the_history_agrees_with_every_shard(
            deeds in prop::collection::vec((0_u64..16, 0_u8..3), 1..40),
            choices in prop::collection::vec(any::<u8>(), 400),
        ) {
            const SHARDS: usize = 4;
            let mut orders: Vec<VecDeque<(String, Option<Content>)>> = (0..SHARDS).map(|_| VecDeque::new()).collect();
            let mut expected: Vec<Vec<String>> = vec![Vec::new(); SHARDS];
            let mut helds = Vec::new();
            for (at, (shards, kind)) in deeds.iter().enumerate() {
                let (shards, at) = (shards.max(&1), at as u64);
                match kind {
                    0 => {
                        let shard = shards.trailing_zeros() as usize;
                        let name = format!("c{at}");
                        expected[shard].push(name.clone());
                        orders[shard].push_back((name.clone(), Some(Content::Calls { shard, record: record(&name) })));
                    }
                    1 => for shard in of(*shards) {
                        let name = format!("u{at}.{shard}");
                        expected[shard].push(name.clone());
                        let content = Content::Part { unit: at, shard, shards: *shards, record: part(&name) };
                        orders[shard].push_back((name, Some(content)));
                    },
                    _ => {
                        let name = format!("h{at}");
                        for shard in of(*shards) {
                            expected[shard].push(name.clone());
                            // Sent when every lender has come to it.
                            orders[shard].push_back((name.clone(), None));
                        }
                        helds.push((name, *shards));
                    }
                }
            }
            let (mut gather, mut history, mut number) = (Gather::default(), History::default(), 0);
            let mut choices = choices.into_iter().cycle();
            while orders.iter().any(|order| !order.is_empty()) {
                let shard = usize::from(choices.next().unwrap_or(0)) % SHARDS;
                match orders[shard].front() {
                    None => {}
                    Some((_, Some(_))) => {
                        if let Some((_, Some(content))) = orders[shard].pop_front() {
                            number += 1;
                            gather.take(number, content, &mut history);
                        }
                    }
                    Some((name, None)) => {
                        let name = name.clone();
                        let shards = helds.iter().find(|(held, _)| *held == name).map_or(0, |(_, shards)| *shards);
                        if of(shards).all(|shard| orders[shard].front().is_some_and(|(first, _)| *first == name)) {
                            of(shards).for_each(|shard| drop(orders[shard].pop_front()));
                            number += 1;
                            gather.take(number, Content::Held { shards, record: part(&name) }, &mut history);
                        }
                    }
                }
            }
            prop_assert!(gather.is_idle());
            prop_assert_eq!(gather.settled(), number);
            let all = names(&mut history);
            for (shard, expected) in expected.iter().enumerate() {
                let mine: Vec<&String> = all.iter().filter(|name| expected.contains(name)).collect();
                prop_assert_eq!(mine, expected.iter().collect::<Vec<_>>(), "shard {}", shard);
            }
            for (at, _) in deeds.iter().enumerate().filter(|(_, (_, kind))| *kind == 1) {
                let places: Vec<usize> = (0..all.len()).filter(|&place| all[place].starts_with(&format!("u{at}."))).collect();
                prop_assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 1), "unit {} is torn", at);
            }
        }
    }
}
