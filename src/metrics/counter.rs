//! Counters that one worker writes and everybody may read: one cache line apiece, so that no worker slows another.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// A counter with one writer. Readers see a recent value.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds. Only the owner calls this, so that a load and a store suffice and no locked instruction is needed.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(count), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT. An addition of the owner at the same moment may survive it.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// What a worker counts over its connections.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters(CachePadded<Counts>);

#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections open now.
    pub(crate) connections: Counter,
    /// Calls, whether they succeeded or not (`total_commands_processed`).
    pub(crate) commands: Counter,
    /// Bytes read and written.
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    /// Clients closed because what they sent grew past its limit.
    pub(crate) query_limit_closed: Counter,
}

impl std::ops::Deref for WorkerCounters {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        &self.0
    }
}
