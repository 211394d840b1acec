//! The outbox: events of keys leave a shard here, one way.
//!
//! A shard posts what came of a batch before the batch goes back, and a borrower what came of its unit before the keyspaces go home: so the events of a
//! key leave in the order of its changes, and before anybody hears that they were made. To post takes no waiting. Who posts waits for room before
//! it begins with the next thing, and holds nothing then; so what is on its way is bounded by [`ROOM_BYTES`] and by what is being run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::command::{Event, Lot, News, Outdated, Receipt};

/// Events that wait to be told may take so much before shards wait: a few tens of thousands, which is what the broker tells in a tenth of a second.
const ROOM_BYTES: usize = 4 << 20;

/// The way out. All shards have the same.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    lots: UnboundedSender<Lot>,
    /// Bytes there is room for.
    room: Arc<Semaphore>,
    is_heard: Arc<AtomicBool>,
}

/// The other end, as whoever tells the events has it.
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) lots: UnboundedReceiver<Lot>,
    /// To be given back what each lot weighs, when it has been told.
    pub(crate) room: Arc<Semaphore>,
    /// To be kept true while anybody listens.
    pub(crate) is_heard: Arc<AtomicBool>,
}

impl Outbox {
    #[expect(clippy::disallowed_methods, reason = "bounded by the room that who posts waits for before")]
    pub(crate) fn new() -> (Outbox, Posted) {
        let (sender, lots) = mpsc::unbounded_channel();
        let (room, is_heard) = (Arc::new(Semaphore::new(ROOM_BYTES)), Arc::<AtomicBool>::default());
        (Outbox { lots: sender, room: room.clone(), is_heard: is_heard.clone() }, Posted { lots, room, is_heard })
    }

    /// Whether anybody listens. Who subscribed and was told so is known here.
    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        self.is_heard.load(Ordering::Relaxed)
    }

    /// Whether [`Outbox::has_room`] would wait.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.room.available_permits() == 0
    }

    /// Waits until there is room. Not to be asked by who holds what others wait for.
    pub(crate) async fn has_room(&self) {
        // It is closed when nobody tells anything any more.
        drop(self.room.acquire().await);
    }

    /// Posts events, and what those who cache keys are to be told, each in their order. `receipt` is let go when the latter have been told.
    pub(crate) fn post(&self, News { events, outdated }: News, receipt: Option<Receipt>) {
        let weights = events.iter().map(Event::weight).chain(outdated.iter().map(Outdated::weight));
        let bytes = weights.fold(0, usize::saturating_add);
        let weight = self.room.forget_permits(bytes);
        // Whoever tells them ends with the process.
        let _ = self.lots.send(Lot { events, outdated, receipt, weight });
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::command::Classes;

    fn event(key: &[u8]) -> Event {
        Event { database: 0, name: "set", key: key.into(), told: Classes::BY_KEY }
    }

    fn post(outbox: &Outbox, events: Vec<Event>) {
        outbox.post(News { events, outdated: Vec::new() }, None);
    }

    #[test]
    fn who_posts_too_much_waits_before_the_next() {
        let (outbox, mut posted) = Outbox::new();
        let mut cx = Context::from_waker(Waker::noop());
        post(&outbox, vec![event(b"a")]);
        assert!(!outbox.is_full() && pin!(outbox.has_room()).poll(&mut cx).is_ready());
        // One that is larger than all the room goes out as well.
        post(&outbox, vec![event(b"b"), event(&vec![b'k'; 2 * ROOM_BYTES])]);
        post(&outbox, vec![event(b"c")]);
        assert!(outbox.is_full());
        let mut waiting = Box::pin(outbox.has_room());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        let mut keys = Vec::new();
        for _ in 0..3 {
            let lot = posted.lots.try_recv().unwrap();
            keys.extend(lot.events.iter().map(|event| event.key[0]));
            posted.room.add_permits(lot.weight);
        }
        assert_eq!(keys, b"abkc");
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
        drop(waiting);
        // What was taken has all been given back.
        assert_eq!(posted.room.available_permits(), ROOM_BYTES);
        assert!(!outbox.is_heard());
        posted.is_heard.store(true, Ordering::Relaxed);
        assert!(outbox.is_heard());
    }
}
