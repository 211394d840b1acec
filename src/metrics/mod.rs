//! What is counted, and by whom: shards own plain integers and tell them when asked; only workers share atomics.

mod counter;
mod tally;

pub(crate) use counter::{Counter, WorkerCounters};
pub(crate) use tally::{CommandTally, DatabaseTally, Tally};
