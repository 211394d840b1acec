//! The gate of a unit: its parts run only once all of them are placed.
//!
//! Without it a client could see a unit's effect on one shard, ask another shard whose part is not placed yet, and see the old state
//! there: an order that no serial execution has.

use std::hint;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// How often a shard looks at a closed gate before it awaits it. The sequencer needs well under a microsecond between the first
/// placement and the opening, so that a few dozen looks nearly always suffice; more would burn the sequencer's own core.
const LOOKS_MAX: u32 = 64;

/// One unit's gate, shared by its parts.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicBool,
    opened: Notify,
}

impl Gate {
    /// Lets the parts run. Called once, when every part is placed.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
        self.opened.notify_waiters();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
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
