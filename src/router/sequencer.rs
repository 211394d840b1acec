//! The sequencer: gives units on several shards one order, the same in every mailbox.
//!
//! Without one order, two MSETs interleave differently on two shards and the result is of neither order. Permits are reserved first (so that
//! placing never waits), in ascending shard order (so that two callers never wait for each other's permits). Then, in a critical section as
//! long as the sends themselves, every message is placed. It guards no data: it is the order.

use std::sync::{Mutex, PoisonError};

use crate::shard::Message;
use crate::shard::mailbox::Permit;

/// The one sequencer of a process.
#[derive(Debug, Default)]
pub(crate) struct Sequencer {
    /// The number of the last unit placed.
    placed: Mutex<u64>,
}

impl Sequencer {
    /// Places a unit's messages, one per permit, between all units before it and all units after it. Never waits for room.
    pub(crate) fn place<'p>(&self, messages: impl Iterator<Item = (Permit<'p>, Message)>) -> u64 {
        // A panic in between ends the process; the order itself cannot be left half changed.
        let mut placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        *placed += 1;
        for (permit, message) in messages {
            permit.send(message);
        }
        *placed
    }
}
