//! What is counted, and by whom: shards own plain integers and tell them when asked; only workers share atomics.

mod counter;
pub(crate) mod process;
mod rate;
mod tally;

pub(crate) use counter::WorkerCounters;
pub(crate) use rate::{Pulse, SAMPLE_EVERY, Sampler, Totals};
pub(crate) use tally::{CommandTally, DatabaseTally, SessionTally, Tally, add_errors};
