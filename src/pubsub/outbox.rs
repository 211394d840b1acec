//! A listener: what it listens to, and its outbox, where pushes wait for its session to write them.
//!
//! The outbox holds references to pushes that are shared, and is bounded in bytes as if it held them: what is not read costs the reader his
//! connection before it costs others their memory.

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::pubsub::push::Push;
use crate::pubsub::{ListenerId, Name, Space};
use crate::resp::{Protocol, Reply};

/// The limits of both kinds of listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) subscriber: Limit,
    /// Of one that only monitors: an ordinary client's.
    pub(crate) monitor: Limit,
}

/// When a client that does not read is disconnected: at `hard` bytes, or when it has been above `soft` for so long. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) hard: u64,
    pub(crate) soft: u64,
    pub(crate) patience: Duration,
}

/// A push as the desk of one worker shares it: counted without atomics from here on.
pub(crate) type Shared = Rc<Arc<Push>>;

#[derive(Debug)]
struct Waiting {
    push: Shared,
    /// What the listener spoke when it was put in.
    protocol: Protocol,
}

/// See the module's page. Lives on its client's worker.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    /// Its address, for the log.
    pub(crate) peer: Box<str>,
    /// How its session is ended while it waits for a socket that takes nothing.
    session: AbortHandle,
    /// What it listens to: what the registry knows of it, or will know when it has taken up what is on its way there.
    names: RefCell<[BTreeSet<Name>; 4]>,
    protocol: Cell<Protocol>,
    waiting: RefCell<VecDeque<Waiting>>,
    /// Of `waiting`, and of what the session has taken from it and not written yet.
    bytes: Cell<u64>,
    over_soft_since: Cell<Option<Instant>>,
    /// The session, while it waits for something to write.
    waker: RefCell<Option<Waker>>,
    /// The desk has it on its list of those to wake.
    pub(super) is_due: Cell<bool>,
    /// It was disconnected: it gets nothing more.
    is_over: Cell<bool>,
    /// CLIENT TRACKING, while it is on.
    tracking: RefCell<Option<Tracking>>,
}

/// What a client that caches keys has asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tracking {
    /// Of every change to keys with these prefixes, instead of those that it has read. Never empty if it is there.
    pub(crate) prefixes: Option<BTreeSet<Name>>,
    pub(crate) choice: Choice,
    pub(crate) no_loop: bool,
    /// Who is told in its place.
    pub(crate) redirect: Option<ListenerId>,
    /// That one was gone when it was to be told.
    pub(crate) is_broken: bool,
}

/// Of which calls the keys are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    #[default]
    All,
    /// Of those behind CLIENT CACHING YES.
    OptIn,
    /// Of those that are not behind CLIENT CACHING NO.
    OptOut,
}

/// What came of putting a push into an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Kept,
    /// It is over, and now or before its limit.
    Over,
}

/// What a session takes from its outbox to write.
#[derive(Debug)]
pub(crate) enum Taken {
    Nothing,
    /// Several, copied behind one another: so many bytes.
    Copied(u64),
    /// One that is too large to copy once more.
    Large {
        first: &'static [u8],
        push: Shared,
    },
}

/// What one write takes at most, unless a single push is larger.
const COPIED_BYTES_MAX: usize = 64 << 10;
/// From here on a push is written from where it lies.
const LARGE_BYTES: usize = 16 << 10;
/// An empty queue with more places than this gives them back.
const PLACES_KEPT_MAX: usize = 64;

impl Listener {
    pub(crate) fn new(id: ListenerId, peer: Box<str>, session: AbortHandle, protocol: Protocol) -> Listener {
        Listener {
            id,
            peer,
            session,
            names: RefCell::default(),
            protocol: Cell::new(protocol),
            waiting: RefCell::default(),
            bytes: Cell::new(0),
            over_soft_since: Cell::new(None),
            waker: RefCell::default(),
            is_due: Cell::new(false),
            is_over: Cell::new(false),
            tracking: RefCell::default(),
        }
    }

    /// What it has asked for about keys that it caches.
    pub(crate) fn tracking(&self) -> Ref<'_, Option<Tracking>> {
        self.tracking.borrow()
    }

    /// As the broker has been told, or is about to be.
    pub(crate) fn track(&self, tracking: Option<Tracking>) {
        self.tracking.replace(tracking);
    }

    /// How it can be told that keys have changed: directly, in `push`, or as a message if it listens to any.
    pub(super) fn put_stale(&self, push: &Shared, message: &OnceCell<Shared>, limits: &Limits) -> Option<Put> {
        match self.protocol.get() {
            Protocol::Resp3 => Some(self.put(push, limits)),
            Protocol::Resp2 if self.listens() => Some(self.put(message.get_or_init(|| Rc::new(Arc::new(push.as_message()))), limits)),
            Protocol::Resp2 => None,
        }
    }

    /// Who was to be told in its place is gone. It hears so, if it can. `None`: it cannot, or has asked for something else meanwhile.
    pub(super) fn put_broken(&self, target: u64, limits: &Limits) -> Option<Put> {
        let mut tracking = self.tracking.borrow_mut();
        let tracking = tracking.as_mut().filter(|tracking| tracking.redirect.is_some_and(|redirect| redirect.client == target))?;
        tracking.is_broken = true;
        (self.protocol.get() == Protocol::Resp3).then(|| self.put(&Rc::new(Arc::new(Push::redirect_broken(target))), limits))
    }

    /// What its client speaks.
    pub(crate) fn speaks(&self) -> Protocol {
        self.protocol.get()
    }

    /// Its client speaks another protocol from now on.
    pub(crate) fn speak(&self, protocol: Protocol) {
        self.protocol.set(protocol);
    }

    /// Adds a name, and returns it if it is new: the registry must then be told before anything else is waited for.
    pub(crate) fn join(&self, space: Space, name: &[u8]) -> Option<Name> {
        let names = &mut self.names.borrow_mut()[space as usize];
        if names.contains(name) {
            return None;
        }
        let name = Name::from(name);
        names.insert(name.clone());
        Some(name)
    }

    /// Takes a name away, and returns it if it was there: as for `join`.
    pub(crate) fn leave(&self, space: Space, name: &[u8]) -> Option<Name> {
        self.names.borrow_mut()[space as usize].take(name)
    }

    /// The names of one kind.
    pub(crate) fn names(&self, space: Space) -> Vec<Name> {
        self.names.borrow()[space as usize].iter().cloned().collect()
    }

    /// All names, taken away.
    pub(crate) fn leave_all(&self) -> Vec<(Space, Vec<Name>)> {
        let names = self.names.take();
        Space::ALL
            .into_iter()
            .zip(names)
            .filter(|(_, names)| !names.is_empty())
            .map(|(space, names)| (space, names.into_iter().collect()))
            .collect()
    }

    /// How many names of one kind it listens to.
    pub(crate) fn count(&self, space: Space) -> usize {
        self.names.borrow()[space as usize].len()
    }

    /// Whether it listens to anything but what MONITOR shows.
    pub(crate) fn listens(&self) -> bool {
        let names = self.names.borrow();
        Space::SUBSCRIBED.iter().any(|&space| !names[space as usize].is_empty())
    }

    /// Whether MONITOR shows it what everybody does.
    pub(crate) fn monitors(&self) -> bool {
        self.count(Space::Monitors) > 0
    }

    /// Pushes that wait, and the bytes of those and of what is being written.
    pub(crate) fn backlog(&self) -> (usize, u64) {
        (self.waiting.borrow().len(), self.bytes.get())
    }

    /// Puts a push behind what waits.
    pub(super) fn put(&self, push: &Shared, limits: &Limits) -> Put {
        if self.is_over.get() {
            return Put::Over;
        }
        let protocol = self.protocol.get();
        self.waiting.borrow_mut().push_back(Waiting { push: push.clone(), protocol });
        self.bytes.set(self.bytes.get() + push.len() as u64);
        if self.is_past(limits) { Put::Over } else { Put::Kept }
    }

    /// Whether it has passed a limit; notes since when it is above the soft one.
    pub(super) fn is_past(&self, limits: &Limits) -> bool {
        let limit = if self.monitors() && !self.listens() { &limits.monitor } else { &limits.subscriber };
        let bytes = self.bytes.get();
        if limit.hard > 0 && bytes >= limit.hard {
            return true;
        }
        if limit.soft == 0 || bytes < limit.soft {
            self.over_soft_since.set(None);
            return false;
        }
        let now = Instant::now();
        match self.over_soft_since.get() {
            Some(since) => now.duration_since(since) > limit.patience,
            None => {
                self.over_soft_since.set(Some(now));
                false
            }
        }
    }

    /// Ends its session, wherever that waits, and forgets what waits here. Says whether it was there until now.
    pub(super) fn end(&self) -> bool {
        self.waiting.take();
        self.session.abort();
        !self.is_over.replace(true)
    }

    /// Puts what `write` writes before what waits, or behind it: the confirmation of a change, which takes its place among messages.
    pub(crate) fn confirm(&self, before: bool, write: impl FnOnce(&mut Reply<'_>)) {
        let protocol = self.protocol.get();
        let push = Rc::new(Arc::new(Push::of(protocol, write)));
        self.bytes.set(self.bytes.get() + push.len() as u64);
        let mut waiting = self.waiting.borrow_mut();
        if before {
            waiting.push_front(Waiting { push, protocol });
        } else {
            waiting.push_back(Waiting { push, protocol });
        }
    }

    /// Ready when something waits.
    pub(crate) fn poll_waiting(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Wakes the session if it waits for something to write.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Takes as much as one write should hold; `copies` is emptied first. What was taken is off the books only when it is [`written`](Self::written).
    pub(crate) fn take(&self, copies: &mut Vec<u8>) -> Taken {
        copies.clear();
        let mut waiting = self.waiting.borrow_mut();
        while let Some(Waiting { push, protocol }) = waiting.pop_front_if(|next| {
            let bytes = next.push.len();
            copies.is_empty() || bytes < LARGE_BYTES && copies.len() + bytes <= COPIED_BYTES_MAX
        }) {
            if push.len() >= LARGE_BYTES {
                return Taken::Large { first: push.first(protocol), push };
            }
            copies.extend_from_slice(push.first(protocol));
            copies.extend_from_slice(push.rest());
        }
        if waiting.is_empty() && waiting.capacity() > PLACES_KEPT_MAX {
            *waiting = VecDeque::new();
        }
        match copies.len() {
            0 => Taken::Nothing,
            bytes => Taken::Copied(bytes as u64),
        }
    }

    /// So much of what was taken is with the kernel.
    pub(crate) fn written(&self, bytes: u64) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: Limit = Limit { hard: 0, soft: 0, patience: Duration::ZERO };

    fn limits(hard: u64, soft: u64, patience: Duration) -> Limits {
        Limits { subscriber: Limit { hard, soft, patience }, monitor: NO_LIMIT }
    }

    fn listener() -> Listener {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let session = runtime.spawn(std::future::pending::<()>()).abort_handle();
        Listener::new(ListenerId { worker: 0, client: 1 }, "peer".into(), session, Protocol::Resp3)
    }

    fn push(text: &[u8]) -> Shared {
        Rc::new(Arc::new(Push::of(Protocol::Resp3, |reply| {
            reply.push(1);
            reply.bulk(text);
        })))
    }

    /// Everything that waits, as it would be written, and in how many writes.
    fn written(listener: &Listener) -> (Vec<u8>, usize) {
        let (mut all, mut copies, mut writes) = (Vec::new(), Vec::new(), 0);
        loop {
            match listener.take(&mut copies) {
                Taken::Nothing => return (all, writes),
                Taken::Copied(bytes) => {
                    assert_eq!(bytes, copies.len() as u64);
                    all.extend_from_slice(&copies);
                    listener.written(bytes);
                }
                Taken::Large { first, push } => {
                    all.extend_from_slice(first);
                    all.extend_from_slice(push.rest());
                    listener.written(push.len() as u64);
                }
            }
            writes += 1;
        }
    }

    #[test]
    fn what_waits_is_taken_in_order() {
        let listener = listener();
        let none = limits(0, 0, Duration::ZERO);
        let texts: Vec<Vec<u8>> = [3, 20_000, 5, 1000, 70_000, 16_000].map(|bytes| vec![b'x'; bytes]).into();
        for text in &texts {
            assert_eq!(listener.put(&push(text), &none), Put::Kept);
        }
        let expected: Vec<u8> = texts.iter().flat_map(|text| [&b">"[..], push(text).rest()].concat()).collect();
        assert_eq!(listener.backlog(), (6, expected.len() as u64));
        let (all, writes) = written(&listener);
        assert!(all == expected);
        // Small ones together, large ones for themselves.
        assert_eq!(writes, 5);
        assert_eq!(listener.backlog(), (0, 0));
    }

    #[test]
    fn each_is_in_the_protocol_of_its_time_and_confirmations_in_their_place() {
        let listener = listener();
        let none = limits(0, 0, Duration::ZERO);
        listener.put(&push(b"a"), &none);
        listener.speak(Protocol::Resp2);
        listener.put(&push(b"b"), &none);
        listener.confirm(true, |reply| reply.push(0));
        listener.confirm(false, |reply| reply.push(9));
        listener.put(&Rc::new(Arc::new(Push::of(Protocol::Resp3, |reply| reply.simple("line")))), &none);
        assert_eq!(String::from_utf8_lossy(&written(&listener).0), "*0\r\n>1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n*9\r\n+line\r\n");
        assert_eq!(listener.backlog(), (0, 0));
    }

    #[test]
    fn limits_hold() {
        let bytes = push(b"text").len() as u64;
        let listener = listener();
        let hard = limits(3 * bytes, 0, Duration::ZERO);
        assert_eq!([(); 3].map(|()| listener.put(&push(b"text"), &hard)), [Put::Kept, Put::Kept, Put::Over]);
        // What is being written still counts.
        assert!(matches!(listener.take(&mut Vec::new()), Taken::Copied(_)));
        assert!(listener.is_past(&hard));
        listener.written(3 * bytes);
        assert!(!listener.is_past(&hard));

        let soft = limits(0, 2 * bytes, Duration::from_secs(60));
        assert_eq!([(); 3].map(|()| listener.put(&push(b"text"), &soft)), [Put::Kept; 3]);
        let impatient = limits(0, 2 * bytes, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(listener.is_past(&impatient));
        // Back below it, the clock starts anew.
        written(&listener);
        assert!(!listener.is_past(&impatient));
        assert_eq!([(); 2].map(|()| listener.put(&push(b"text"), &soft)), [Put::Kept; 2]);

        // Who only monitors has the limits of other clients; who is over gets nothing more.
        listener.join(Space::Monitors, b"");
        assert!(!listener.is_past(&hard) && !listener.is_past(&limits(1, 0, Duration::ZERO)));
        listener.join(Space::Channels, b"c");
        assert!(listener.is_past(&limits(1, 0, Duration::ZERO)));
        assert!(listener.end() && !listener.end());
        assert_eq!(listener.put(&push(b"text"), &soft), Put::Over);
        assert_eq!(listener.backlog().0, 0);
    }
}
