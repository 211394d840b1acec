//! The gate of a unit: its parts run only once all of them are placed.
//!
//! Without it a client could see a unit's effect on one shard, ask another shard whose part is not placed yet, and see the old state
//! there: an order that no serial execution has.

use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// How often a shard looks at a closed gate before it awaits it. The sequencer needs well under a microsecond between the first
/// placement and the opening, so that a few dozen looks nearly always suffice; more would burn the sequencer's own core.
const LOOKS_MAX: u32 = 64;

/// One unit's gate, shared by its parts.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The unit's number; 0 while the gate is closed.
    unit: AtomicU64,
    /// Its shards, bit i for shard i.
    pub(crate) shards: u64,
    /// What its parts do is one thing to the journal. Not so if none of them writes: what expires on the way stands for itself.
    pub(crate) binds: bool,
    opened: Notify,
}

impl Gate {
    pub(crate) fn new(shards: u64, binds: bool) -> Gate {
        Gate { unit: AtomicU64::new(0), shards, binds, opened: Notify::new() }
    }

    /// Lets the parts run. Called once, when every part is placed, with the number of the unit, which is above 0.
    pub(crate) fn open(&self, unit: u64) {
        self.unit.store(unit, Ordering::Release);
        self.opened.notify_waiters();
    }

    /// The number of the unit, once the gate is open.
    pub(crate) fn unit(&self) -> u64 {
        self.unit.load(Ordering::Acquire)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.unit() != 0
    }

    /// Returns when the gate is open.
    pub(crate) async fn passed(&self) {
        for _ in 0..LOOKS_MAX {
            if self.is_open() {
                return;
            }
            hint::spin_loop();
        }
        let mut opened = std::pin::pin!(self.opened.notified());
        // Registered before the last look, so that an opening between the two is not missed.
        opened.as_mut().enable();
        if !self.is_open() {
            opened.await;
        }
    }
}
