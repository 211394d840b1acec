//! What keeps the daemon from serving everything, seen by every session: data is being loaded, or cannot be saved.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::time::UnixMillis;

/// One load for every read of a session tells whether there is any of it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    troubles: AtomicU32,
    pub(crate) loading: Progress,
}

/// A reason not to serve something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The data is not there yet.
    Loading = 1,
    /// The last snapshot failed.
    Unsaved = 2,
    /// The journal cannot be written.
    Unwritten = 4,
}

impl Health {
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        self.troubles.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.load(Ordering::Relaxed) & trouble as u32 != 0
    }

    pub(crate) fn set(&self, trouble: Trouble, is_there: bool) {
        if is_there {
            self.troubles.fetch_or(trouble as u32, Ordering::Relaxed);
        } else {
            self.troubles.fetch_and(!(trouble as u32), Ordering::Relaxed);
        }
    }
}

/// How far loading has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Milliseconds since the epoch; 0: nothing is loaded yet.
    started: AtomicU64,
    total: AtomicU64,
    done: AtomicU64,
    keys: AtomicU64,
}

/// As much at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loading {
    pub(crate) started: UnixMillis,
    /// Bytes of the file.
    pub(crate) total: u64,
    pub(crate) done: u64,
    pub(crate) keys: u64,
}

impl Progress {
    pub(crate) fn begin(&self, total: u64) {
        self.started.store(UnixMillis::now().0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.keys.store(0, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, bytes: u64, keys: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.keys.store(keys, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Loading {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Loading { started: UnixMillis(read(&self.started)), total: read(&self.total), done: read(&self.done), keys: read(&self.keys) }
    }
}

impl Loading {
    /// Hundredths done.
    pub(crate) fn percent(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.done as f64 * 100.0 / self.total as f64 }
    }

    /// Seconds that it may still take, if it goes on as it went.
    pub(crate) fn seconds_left(&self, now: UnixMillis) -> u64 {
        let passed = now.since(self.started);
        match self.done {
            0 => 1,
            done => (u128::from(passed) * u128::from(self.total.saturating_sub(done)) / u128::from(done) / 1000) as u64,
        }
    }
}
