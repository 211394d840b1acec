//! Work on shards: which shards a call needs, how it gets there, and how the replies come back in the order asked.
//!
//! [`plan`] decides (one shard, split, borrow), [`round`] collects what one read asks of each shard, [`sequencer`] gives units on several
//! shards one order, [`mod@unit`] is the borrower, [`block`] decides how the calls of a transaction run as one, [`wait`] is the way of a call that may wait, [`mod@cut`] begins a snapshot, [`send`] sends a round and waits for it, [`join`] makes one reply of several parts.

mod block;
mod cut;
mod join;
mod plan;
mod round;
mod send;
mod sequencer;
mod survey;
#[cfg(test)]
mod tests;
mod unit;
mod wait;

pub(crate) use block::{Needs, Way};
pub(crate) use plan::Plan;
pub(crate) use round::{Round, Spare};
pub(crate) use send::{Router, ShardsGone};
pub(crate) use sequencer::Sequencer;
pub(crate) use wait::WaitingCall;

/// The most shards there can be: sets of shards are bits of a `u64`.
pub(crate) const SHARDS_MAX: u32 = 64;
