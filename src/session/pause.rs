//! CLIENT PAUSE: until when clients wait, seen by every worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::command::Flags;
use crate::session::Entry;
use crate::time::UnixMillis;

/// The pause of a process. Not set, it costs one relaxed load per read.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Milliseconds since the epoch; 0 while nothing is paused.
    until: AtomicU64,
    /// Only commands that write wait.
    writes_only: AtomicBool,
    ended: Notify,
}

impl Pause {
    /// Pauses until `until`. A pause that is running is never shortened, and never becomes milder, as in Redis.
    pub(crate) fn begin(&self, until: UnixMillis, writes_only: bool, now: UnixMillis) {
        let running = self.until.load(Ordering::Acquire) > now.0;
        let writes_only = writes_only && (!running || self.writes_only.load(Ordering::Acquire));
        self.writes_only.store(writes_only, Ordering::Release);
        self.until.fetch_max(until.0, Ordering::AcqRel);
    }

    /// CLIENT UNPAUSE.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::Release);
        self.ended.notify_waiters();
    }

    /// Whether anybody might have to wait.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.until.load(Ordering::Relaxed) != 0
    }

    /// Whether this command has to wait now. `writes`: it will do what writes, whatever it is itself.
    pub(crate) fn holds(&self, entry: &Entry, writes: bool, now: UnixMillis) -> bool {
        let until = self.until.load(Ordering::Acquire);
        if until <= now.0 {
            return false;
        }
        !self.writes_only.load(Ordering::Acquire)
            || writes
            || entry.spec.flags.has(Flags::WRITE)
            || entry.spec.flags.has(Flags::MAY_REPLICATE)
            || entry.spec.flags.has(Flags::MAY_WRITE)
    }

    /// Returns when the pause is over.
    pub(crate) async fn over(&self) {
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            let left = self.until.load(Ordering::Acquire).saturating_sub(UnixMillis::now().0);
            if left == 0 {
                return;
            }
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep(Duration::from_millis(left)) => {}
            }
        }
    }
}
