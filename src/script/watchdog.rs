//! Scripts that do not end: what others may see of them while their thread can answer nobody, and how they are stopped.
//!
//! A script's own hook, which Lua calls every so many instructions, writes here, and reads whether the script shall be killed. A script that is
//! done before the first of these costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::time::UnixMillis;

/// What runs for long.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    /// The function's name, or the script's digest.
    pub(crate) name: String,
    pub(crate) is_function: bool,
    pub(crate) since: UnixMillis,
}

/// The scripts of one thread, seen from others.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Milliseconds since the epoch when the running script began; 0: none that has run for long enough to be noticed.
    since: AtomicU64,
    is_function: AtomicBool,
    has_written: AtomicBool,
    kill: AtomicBool,
    /// The server stops: the script ends, whatever it has written.
    end: AtomicBool,
    running: watch::Sender<Option<Arc<Running>>>,
}

/// What there is to see of all threads that run scripts.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// Threads whose script has been noticed.
    held: AtomicU32,
    threads: Box<[Seen]>,
}

/// What came of an attempt to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    Done,
    NotBusy,
    /// It has written.
    Unkillable,
    /// It is a script and not a function, or the other way round.
    Other,
}

impl Watchdog {
    pub(crate) fn new(threads: usize) -> Arc<Watchdog> {
        Arc::new(Watchdog { held: AtomicU32::new(0), threads: (0..threads).map(|_| Seen::default()).collect() })
    }

    /// Whether any thread's script has been noticed. Asked for every read.
    #[inline]
    pub(crate) fn is_any_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) != 0
    }

    /// Whether that thread answers nobody for the time being.
    pub(crate) fn is_held(&self, thread: usize) -> bool {
        self.threads.get(thread).is_some_and(|seen| seen.since.load(Ordering::Relaxed) != 0)
    }

    /// Whether a script has run for longer than that many milliseconds (`busy-reply-threshold`; 0: never), and if so, whether it is a function.
    pub(crate) fn busy(&self, threshold: u64, now: UnixMillis) -> Option<bool> {
        if threshold == 0 || !self.is_any_held() {
            return None;
        }
        let late = |seen: &&Seen| {
            let since = seen.since.load(Ordering::Relaxed);
            since != 0 && now.since(UnixMillis(since)) >= threshold
        };
        self.threads.iter().find(late).map(|seen| seen.is_function.load(Ordering::Relaxed))
    }

    /// Ends what runs for longer than the threshold, if it has written nothing.
    pub(crate) fn kill(&self, functions: bool, threshold: u64, now: UnixMillis) -> Kill {
        let mut outcome = Kill::NotBusy;
        for seen in &self.threads {
            let since = seen.since.load(Ordering::Relaxed);
            if since == 0 || threshold == 0 || now.since(UnixMillis(since)) < threshold {
                continue;
            }
            if seen.is_function.load(Ordering::Relaxed) != functions {
                outcome = Kill::Other;
            } else if seen.has_written.load(Ordering::Acquire) {
                outcome = Kill::Unkillable;
            } else {
                seen.kill.store(true, Ordering::Release);
                return Kill::Done;
            }
        }
        outcome
    }

    /// Ends everything that runs for long: nothing it has done will be seen by anybody.
    pub(crate) fn end_all(&self) {
        self.threads.iter().for_each(|seen| seen.end.store(true, Ordering::Release));
    }

    /// What has been running for the longest time.
    pub(crate) fn running(&self) -> Option<Arc<Running>> {
        self.threads.iter().filter_map(|seen| seen.running.borrow().clone()).min_by_key(|running| running.since)
    }

    pub(super) fn of(&self, thread: usize) -> &Seen {
        &self.threads[thread]
    }

    /// A script has been noticed.
    pub(super) fn notice(&self, thread: usize, running: Running) {
        let seen = &self.threads[thread];
        seen.is_function.store(running.is_function, Ordering::Relaxed);
        seen.kill.store(false, Ordering::Relaxed);
        seen.since.store(running.since.0.max(1), Ordering::Release);
        seen.running.send_replace(Some(Arc::new(running)));
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// The script that was noticed is done.
    pub(super) fn forget(&self, thread: usize) {
        let seen = &self.threads[thread];
        seen.running.send_replace(None);
        seen.since.store(0, Ordering::Release);
        seen.kill.store(false, Ordering::Relaxed);
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Seen {
    /// Whether the script shall end now.
    pub(super) fn must_end(&self) -> bool {
        self.end.load(Ordering::Acquire) || (self.kill.load(Ordering::Acquire) && !self.has_written.load(Ordering::Relaxed))
    }

    pub(super) fn wrote(&self, written: bool) {
        if self.has_written.load(Ordering::Relaxed) != written {
            self.has_written.store(written, Ordering::Release);
        }
    }
}
