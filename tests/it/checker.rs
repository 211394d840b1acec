//! Is this history strictly serializable? A search after Wing and Gong, with Lowe's memory of configurations already seen
//! (Wing, Gong: "Testing and Verifying Concurrent Objects", 1993; Lowe: "Testing for linearizability", 2017).
//!
//! A history is a list of operations on a few keys, each with the times of its call and of its answer. It is strictly serializable if there
//! is an order of them in which every operation gives the answer it gave, and in which none that was answered before another was called comes
//! after it. An operation whose answer nobody saw (its client was killed) may stand anywhere after its call, or nowhere.

use std::collections::HashSet;

/// A value; a key that is missing has none.
pub type Held = Option<u32>;

/// What there is: values by the number of their key, and lists by a number of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    held: Vec<Held>,
    lists: Vec<Vec<u32>>,
}

impl State {
    fn empty(keys: usize) -> State {
        State { held: vec![None; keys], lists: vec![Vec::new(); keys] }
    }
}

/// What a client asked, on keys by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// GET, MGET.
    Read(Vec<usize>),
    /// SET, MSET.
    Write(Vec<(usize, u32)>),
    /// MSETNX: all or none.
    WriteIfNone(Vec<(usize, u32)>),
    /// RENAME.
    Rename(usize, usize),
    /// DEL.
    Delete(Vec<usize>),
    /// MULTI .. EXEC.
    Block(Vec<Operation>),
    /// RPUSH.
    Push(usize, u32),
    /// BLPOP: it waits for an element of the first list that has one. If it was killed it took none: such an operation is no event.
    #[allow(dead_code, reason = "of the simulation; over TCP elements are counted")]
    Take(Vec<usize>),
    /// BLMOVE from the front of a list to the end of another.
    #[allow(dead_code, reason = "of the simulation; over TCP elements are counted")]
    Carry(usize, usize),
    /// LRANGE 0 -1.
    #[allow(dead_code, reason = "of the simulation; over TCP elements are counted")]
    List(usize),
    /// WATCH, MGET, MULTI, MSET, EXEC: writes if the keys still hold what was read.
    Swap { read: Vec<(usize, Held)>, written: Vec<(usize, u32)> },
}

/// What it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Values(Vec<Held>),
    Done,
    /// MSETNX: whether it wrote; DEL: how many there were; RPUSH: how many there are.
    Count(u32),
    /// BLPOP, BLMOVE: the element and its list; none, if its time was over.
    Took(Option<(usize, u32)>),
    NoSuchKey,
    /// EXEC: one for each call.
    All(Vec<Answer>),
}

/// One operation of a history.
#[derive(Clone, Debug)]
pub struct Event {
    #[allow(dead_code, reason = "for who reads the history of a failure")]
    pub client: usize,
    pub operation: Operation,
    pub called: u64,
    /// When the answer came, and what it was; `None` if nobody was there to see it.
    pub answered: Option<(u64, Answer)>,
}

impl Operation {
    fn names(&self, key: usize) -> bool {
        match self {
            Operation::Read(keys) | Operation::Delete(keys) => keys.contains(&key),
            Operation::Write(pairs) | Operation::WriteIfNone(pairs) => pairs.iter().any(|pair| pair.0 == key),
            Operation::Rename(from, to) => [*from, *to].contains(&key),
            Operation::Block(calls) => calls.iter().any(|call| call.names(key)),
            Operation::Push(..) | Operation::Take(_) | Operation::Carry(..) | Operation::List(_) => false,
            Operation::Swap { read, written } => read.iter().any(|pair| pair.0 == key) || written.iter().any(|pair| pair.0 == key),
        }
    }

    /// Whether this answer tells that it changed nothing, whatever the state was. (A block that writes a key and deletes it again may leave one state as it
    /// was and change another, with the same answers.)
    fn changed_nothing(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Operation::Read(_) | Operation::List(_), _) | (_, Answer::Count(0) | Answer::NoSuchKey | Answer::Took(None)) => true,
            (Operation::Block(calls), Answer::All(answers)) => calls.iter().zip(answers).all(|(call, answer)| call.changed_nothing(answer)),
            _ => false,
        }
    }

    /// What it does to the state, and what it answers.
    fn apply(&self, all: &mut State) -> Answer {
        let State { held: state, lists } = all;
        match self {
            Operation::Read(keys) => Answer::Values(keys.iter().map(|&key| state[key]).collect()),
            Operation::Write(pairs) => {
                pairs.iter().for_each(|&(key, value)| state[key] = Some(value));
                Answer::Done
            }
            Operation::WriteIfNone(pairs) => {
                if pairs.iter().any(|&(key, _)| state[key].is_some()) {
                    return Answer::Count(0);
                }
                pairs.iter().for_each(|&(key, value)| state[key] = Some(value));
                Answer::Count(1)
            }
            Operation::Rename(from, to) => match state[*from].take() {
                None => Answer::NoSuchKey,
                value => {
                    state[*to] = value;
                    Answer::Done
                }
            },
            Operation::Delete(keys) => Answer::Count(keys.iter().map(|&key| u32::from(state[key].take().is_some())).sum()),
            Operation::Block(calls) => Answer::All(calls.iter().map(|call| call.apply(all)).collect()),
            Operation::Push(list, value) => {
                lists[*list].push(*value);
                Answer::Count(u32::try_from(lists[*list].len()).unwrap_or(u32::MAX))
            }
            Operation::Take(wanted) => {
                Answer::Took(wanted.iter().find(|&&list| !lists[list].is_empty()).map(|&list| (list, lists[list].remove(0))))
            }
            Operation::Carry(from, to) => {
                if lists[*from].is_empty() {
                    return Answer::Took(None);
                }
                let value = lists[*from].remove(0);
                lists[*to].push(value);
                Answer::Took(Some((*from, value)))
            }
            Operation::List(list) => Answer::Values(lists[*list].iter().copied().map(Some).collect()),
            Operation::Swap { read, written } => {
                if read.iter().any(|&(key, value)| state[key] != value) {
                    return Answer::Count(0);
                }
                written.iter().for_each(|&(key, value)| state[key] = Some(value));
                Answer::Done
            }
        }
    }
}

/// Whether the history is strictly serializable from an empty state of `keys` keys. If it is not: the longest order that could be built, for
/// whoever has to understand why.
pub fn check(events: &[Event], keys: usize) -> Result<(), Vec<Event>> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.called);
    let answered = events.iter().filter(|event| event.answered.is_some()).count();
    // Which operations of its pipeline each one has to wait for: those before it that name one of its keys.
    let waits_for: Vec<Vec<usize>> = (0..events.len())
        .map(|at| {
            let one = events[at];
            let comes_first = |&before: &usize| {
                let other = events[before];
                let pipelined = (other.client, other.called) == (one.client, one.called) && other.answered.is_some();
                pipelined && (0..keys).any(|key| other.operation.names(key) && one.operation.names(key))
            };
            (0..at).filter(comes_first).collect()
        })
        .collect();
    let mut seen: HashSet<(Vec<u64>, State)> = HashSet::new();
    let mut longest: Vec<usize> = Vec::new();
    // A stack of choices instead of recursion: the state before the choice, what was done, and where to go on looking.
    struct Choice {
        state: State,
        done: Vec<u64>,
        next: usize,
    }
    let done_all = vec![0u64; events.len().div_ceil(64)];
    let mut path: Vec<usize> = Vec::new();
    let mut stack = vec![Choice { state: State::empty(keys), done: done_all, next: 0 }];
    while let Some(choice) = stack.last_mut() {
        if path.iter().filter(|&&at| events[at].answered.is_some()).count() == answered {
            return Ok(());
        }
        let is_done = |done: &[u64], at: usize| done[at / 64] >> (at % 64) & 1 == 1;
        // Only what was called before every waiting operation was answered can come next.
        let horizon = (0..events.len())
            .filter(|&at| !is_done(&choice.done, at))
            .filter_map(|at| events[at].answered.as_ref().map(|(when, _)| *when))
            .min()
            .unwrap_or(u64::MAX);
        let mut found = None;
        while choice.next < events.len() {
            let at = choice.next;
            choice.next += 1;
            if is_done(&choice.done, at) {
                continue;
            }
            if events[at].called > horizon {
                choice.next = events.len();
                break;
            }
            if waits_for[at].iter().any(|&before| !is_done(&choice.done, before)) {
                continue;
            }
            let mut state = choice.state.clone();
            let answer = events[at].operation.apply(&mut state);
            if events[at].answered.as_ref().is_some_and(|(_, told)| *told != answer) {
                continue;
            }
            if events[at].answered.is_some() && events[at].operation.changed_nothing(&answer) {
                // If any order goes on from here, one goes on with this.
                choice.next = events.len();
            }
            let mut done = choice.done.clone();
            done[at / 64] |= 1 << (at % 64);
            if seen.insert((done.clone(), state.clone())) {
                found = Some((at, Choice { state, done, next: 0 }));
                break;
            }
        }
        match found {
            Some((at, next)) => {
                path.push(at);
                if path.len() > longest.len() {
                    longest.clone_from(&path);
                }
                stack.push(next);
            }
            None => {
                stack.pop();
                path.pop();
            }
        }
    }
    Err(longest.into_iter().map(|at| events[at].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(client: usize, operation: Operation, called: u64, answered: Option<(u64, Answer)>) -> Event {
        Event { client, operation, called, answered }
    }

    #[test]
    fn one_after_the_other_is_fine() {
        let history = [
            event(0, Operation::Write(vec![(0, 1), (1, 1)]), 0, Some((1, Answer::Done))),
            event(1, Operation::Read(vec![0, 1]), 2, Some((3, Answer::Values(vec![Some(1), Some(1)])))),
        ];
        assert!(check(&history, 2).is_ok());
    }

    #[test]
    fn a_stale_read_is_not() {
        let history = [
            event(0, Operation::Write(vec![(0, 1)]), 0, Some((1, Answer::Done))),
            event(1, Operation::Read(vec![0]), 2, Some((3, Answer::Values(vec![None])))),
        ];
        assert!(check(&history, 1).is_err());
    }

    #[test]
    fn half_a_write_is_not() {
        let history = [
            event(0, Operation::Write(vec![(0, 1), (1, 1)]), 0, Some((9, Answer::Done))),
            event(1, Operation::Read(vec![0, 1]), 1, Some((2, Answer::Values(vec![Some(1), None])))),
        ];
        assert!(check(&history, 2).is_err());
    }

    #[test]
    fn new_then_old_on_two_keys_is_not() {
        // The case the gate is for: both reads are inside the write's time, and still no order fits.
        let history = [
            event(0, Operation::Write(vec![(0, 1), (1, 1)]), 0, Some((9, Answer::Done))),
            event(1, Operation::Read(vec![0]), 1, Some((2, Answer::Values(vec![Some(1)])))),
            event(1, Operation::Read(vec![1]), 3, Some((4, Answer::Values(vec![None])))),
        ];
        assert!(check(&history, 2).is_err());
    }

    #[test]
    fn a_block_that_others_saw_half_of_is_not() {
        let block = Operation::Block(vec![Operation::Write(vec![(0, 1)]), Operation::Write(vec![(1, 1)])]);
        let history = |seen: Held| {
            [
                event(0, block.clone(), 0, Some((9, Answer::All(vec![Answer::Done, Answer::Done])))),
                event(1, Operation::Read(vec![0, 1]), 1, Some((2, Answer::Values(vec![Some(1), seen])))),
            ]
        };
        assert!(check(&history(Some(1)), 2).is_ok());
        assert!(check(&history(None), 2).is_err());
    }

    #[test]
    fn a_block_that_changes_one_state_and_not_another_may_have_to_wait() {
        // From nothing the block leaves everything as it was; but only behind the write it explains the read.
        let block = Operation::Block(vec![Operation::Write(vec![(0, 1)]), Operation::Delete(vec![0])]);
        let history = [
            event(0, block, 0, Some((9, Answer::All(vec![Answer::Done, Answer::Count(1)])))),
            event(1, Operation::Write(vec![(0, 2)]), 1, Some((2, Answer::Done))),
            event(1, Operation::Read(vec![0]), 3, Some((4, Answer::Values(vec![None])))),
        ];
        assert!(check(&history, 1).is_ok());
    }

    #[test]
    fn a_swap_that_lost_another_write_is_not() {
        let swap = |value| Operation::Swap { read: vec![(0, None)], written: vec![(0, value)] };
        let history = [event(0, swap(1), 0, Some((9, Answer::Done))), event(1, swap(2), 1, Some((8, Answer::Done)))];
        assert!(check(&history[..1], 1).is_ok());
        assert!(check(&history, 1).is_err());
    }

    #[test]
    fn a_pipeline_keeps_the_order_of_a_key_and_of_no_other() {
        let pipeline = |read: usize, seen: Held| {
            [
                event(0, Operation::Read(vec![read]), 0, Some((8, Answer::Values(vec![seen])))),
                event(0, Operation::Write(vec![(0, 1), (1, 1)]), 0, Some((9, Answer::Done))),
                event(1, Operation::Rename(1, 2), 1, Some((2, Answer::Done))),
            ]
        };
        assert!(check(&pipeline(0, None), 3).is_ok());
        assert!(check(&pipeline(0, Some(1)), 3).is_err());
        assert!(check(&pipeline(2, Some(1)), 3).is_ok());
    }

    #[test]
    fn who_waits_takes_what_comes_and_nothing_twice() {
        let took = |element| Some((9, Answer::Took(element)));
        let history = |first, second| {
            [
                event(0, Operation::Take(vec![1, 0]), 0, took(first)),
                event(1, Operation::Take(vec![0]), 1, took(second)),
                event(2, Operation::Push(0, 7), 2, Some((3, Answer::Count(1)))),
                event(2, Operation::List(0), 10, Some((11, Answer::Values(vec![])))),
            ]
        };
        assert!(check(&history(Some((0, 7)), None), 2).is_ok());
        assert!(check(&history(None, Some((0, 7))), 2).is_ok());
        assert!(check(&history(Some((0, 7)), Some((0, 7))), 2).is_err());
        assert!(check(&history(None, None), 2).is_err(), "an element is lost");
    }

    #[test]
    fn what_nobody_saw_may_have_happened_or_not() {
        for value in [None, Some(7)] {
            let history = [
                event(0, Operation::Write(vec![(0, 7)]), 0, None),
                event(1, Operation::Read(vec![0]), 5, Some((6, Answer::Values(vec![value])))),
            ];
            assert!(check(&history, 1).is_ok());
        }
    }
}
