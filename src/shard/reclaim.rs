//! The reclaimer: a thread that frees large values and whole databases, so that no shard stands still for it.

use std::sync::mpsc;
use std::thread;

use crate::command::Discard;

/// Large values waiting to be freed. When the thread is this far behind, the shard frees the next one itself: memory that is on its
/// way to the reclaimer still counts, and must not grow without bound.
const RECLAIM_WAITING_MAX: usize = 1024;

/// The handle of the reclaimer.
#[derive(Clone, Debug)]
pub(crate) struct Reclaimer(mpsc::SyncSender<Discard>);

impl Reclaimer {
    /// Starts the thread; it ends when the last handle is gone.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start() -> std::io::Result<Reclaimer> {
        let (sender, waiting) = mpsc::sync_channel::<Discard>(RECLAIM_WAITING_MAX);
        thread::Builder::new().name("reclaimer".into()).spawn(move || {
            for discard in waiting {
                drop(discard);
            }
        })?;
        Ok(Reclaimer(sender))
    }

    /// Hands over something to be freed.
    pub(crate) fn free(&self, discard: Discard) {
        // Full, or ended at shutdown: the error holds the value and drops it here.
        let _ = self.0.try_send(discard);
    }
}
