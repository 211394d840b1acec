//! The broker: the one task that owns the registry, and the handle by which everybody reaches it.
//!
//! It lives on the first worker: with one shard a message then crosses no thread at all, and with several it costs what a call on another shard
//! does. One task for all channels is what gives every subscriber the same order over all of them; its share of the work is small (a look-up and a
//! message to each worker), writing to the subscribers is the workers'.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::{self, Permit};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::command::{Lot, Outdated, Prefixes, Receipt};
use crate::pubsub::desk::Item;
use crate::pubsub::events::letters;
use crate::pubsub::{Events, Letter, ListenerId, Manner, Name, Registry, Space};

/// Requests that wait for the broker. Each session has at most one there, so that more only wait in their sessions.
const REQUESTS_MAX: usize = 1024;

/// Requests taken up before the workers get what came of them: enough to share a parcel, not so many that the first waits long.
const REQUESTS_AT_ONCE: usize = 64;

/// Look-ups and matches after which the rest of this worker has its turn: about half a millisecond.
const LOOKS_AT_ONCE: usize = 10_000;

/// Names that are struck off in one request when a listener is gone.
const NAMES_AT_ONCE: usize = 1000;

/// Parcels that wait for a worker. While one is that busy the broker waits for it: for the worker, never for a subscriber.
pub(crate) const PARCELS_MAX: usize = 16;

/// The way to the broker.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    requests: mpsc::Sender<Request>,
    /// Whether anybody monitors: what every session looks at.
    is_watched: Arc<AtomicBool>,
}

/// A place in the broker's mailbox. What was decided while it was held goes there without waiting.
#[derive(Debug)]
pub(crate) struct Place<'b>(Permit<'b, Request>);

/// What the broker is asked.
enum Request {
    /// Send these on, in order. The answer, how many get each, comes straight back or, for a publisher on this worker who also listens, behind his
    /// own messages.
    Publish { letters: Vec<Letter>, behind: Option<u32>, answer: oneshot::Sender<Vec<usize>> },
    /// Enter or strike off a listener. `done` is fired by the listener's desk, behind all messages sent before.
    Change { listener: ListenerId, change: Change, space: Space, names: Vec<Name>, done: oneshot::Sender<()> },
    /// A client caches keys and wants to be told when they change: from now on in this manner, or not any more. `done` as above.
    Track { client: ListenerId, manner: Option<Manner>, prefixes: Vec<Name>, done: Option<oneshot::Sender<()>> },
    /// Tell a client that who was to be told in its place is gone.
    Broken { client: ListenerId, target: u64 },
    /// A listener is gone.
    Left { listener: ListenerId, space: Space, names: Vec<Name> },
    /// Look something up.
    Look(Look),
}

/// Lets every shard know which prefixes of keys somebody wants to hear of, and whether anybody caches keys at all.
pub(crate) type Announce = Box<dyn Fn(Prefixes, bool)>;

type Look = Box<dyn FnOnce(&Registry) + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Join,
    Leave,
}

impl Broker {
    /// The handle, and what the task receives.
    pub(crate) fn new() -> (Broker, Requests) {
        let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
        let is_watched = Arc::<AtomicBool>::default();
        (Broker { requests: sender, is_watched: is_watched.clone() }, Requests { receiver, is_watched })
    }

    /// Whether anybody monitors.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    /// Sends letters to their listeners, in order, and answers how many get each: by then they are on their way, so that a message that is published
    /// on hearing this comes after them. `behind`: answers only when that worker's desk has dealt out what its listeners get of them.
    pub(crate) async fn publish(&self, letters: Vec<Letter>, behind: Option<u32>) -> Option<Vec<usize>> {
        let (answer, counts) = oneshot::channel();
        self.requests.send(Request::Publish { letters, behind, answer }).await.ok()?;
        counts.await.ok()
    }

    /// Waits for a place in the mailbox. `None`: the broker has ended, as the process is about to.
    pub(crate) async fn reserve(&self) -> Option<Place<'_>> {
        self.requests.reserve().await.ok().map(Place)
    }

    /// Tells that a listener is gone.
    pub(crate) async fn left(&self, listener: ListenerId, names: Vec<(Space, Vec<Name>)>) {
        for (space, names) in names {
            for names in names.chunks(NAMES_AT_ONCE) {
                // A broker that has ended has forgotten it already.
                let _ = self.requests.send(Request::Left { listener, space, names: names.to_vec() }).await;
            }
        }
    }

    /// Tells that a client is gone that cached keys.
    pub(crate) async fn forget(&self, client: ListenerId) {
        let _ = self.requests.send(Request::Track { client, manner: None, prefixes: Vec::new(), done: None }).await;
    }

    /// Lets a client know that who was to be told in its place is gone.
    pub(crate) async fn redirect_broken(&self, client: ListenerId, target: u64) {
        let _ = self.requests.send(Request::Broken { client, target }).await;
    }

    /// Looks at the registry, between two messages.
    pub(crate) async fn look<T: Send + 'static>(&self, look: impl FnOnce(&Registry) -> T + Send + 'static) -> Option<T> {
        let (answer, seen) = oneshot::channel();
        let look: Look = Box::new(move |registry| {
            let _ = answer.send(look(registry));
        });
        self.requests.send(Request::Look(look)).await.ok()?;
        seen.await.ok()
    }
}

impl Place<'_> {
    /// Enters or strikes off a listener. The answer comes when the registry knows, and all that was sent to the listener before is in its outbox.
    pub(crate) fn change(self, listener: ListenerId, change: Change, space: Space, names: Vec<Name>) -> oneshot::Receiver<()> {
        let (done, known) = oneshot::channel();
        self.0.send(Request::Change { listener, change, space, names, done });
        known
    }
}

impl Place<'_> {
    /// A client wants to be told of keys that it caches, in this manner and with these prefixes besides those it has; or no more. Answers as
    /// [`Place::change`] does; by then shards know of the prefixes.
    pub(crate) fn track(self, client: ListenerId, manner: Option<Manner>, prefixes: Vec<Name>) -> oneshot::Receiver<()> {
        let (done, known) = oneshot::channel();
        self.0.send(Request::Track { client, manner, prefixes, done: Some(done) });
        known
    }
}

/// What the broker's task receives.
pub(crate) struct Requests {
    receiver: mpsc::Receiver<Request>,
    is_watched: Arc<AtomicBool>,
}

/// The task. `desks`: by worker.
pub(crate) async fn run(
    mut registry: Registry,
    mut requests: Requests,
    mut events: Events,
    desks: Box<[mpsc::Sender<Vec<Item>>]>,
    announce: Announce,
) {
    let mut taken = Vec::with_capacity(REQUESTS_AT_ONCE);
    let parcels = desks.iter().map(|_| Vec::new()).collect();
    let mut round = Round { parcels, answers: Vec::new(), looks: 0, channel: Vec::new(), announce };
    loop {
        tokio::select! {
            biased;
            received = requests.receiver.recv_many(&mut taken, REQUESTS_AT_ONCE) => {
                if received == 0 {
                    return;
                }
            }
            Some(lot) = events.lots.recv() => round.tell(&registry, &events, lot, &desks).await,
        }
        // What a client's calls have done comes before what it asks for next. Not what comes in meanwhile: that could go on for ever.
        for _ in 0..events.lots.len() {
            let Some(lot) = events.next() else { break };
            round.tell(&registry, &events, lot, &desks).await;
        }
        for request in taken.drain(..) {
            round.take_up(&mut registry, request);
            requests.is_watched.store(registry.count(Space::Monitors) > 0, Ordering::Relaxed);
            events.note(&registry);
            if round.looks >= LOOKS_AT_ONCE {
                round.send_off(&desks).await;
                yield_now().await;
            }
        }
        round.send_off(&desks).await;
    }
}

/// What comes of the requests taken up together.
struct Round {
    /// By worker.
    parcels: Vec<Vec<Item>>,
    answers: Vec<(oneshot::Sender<Vec<usize>>, Vec<usize>)>,
    /// What was looked up and matched for it.
    looks: usize,
    /// For the name of a channel.
    channel: Vec<u8>,
    announce: Announce,
}

impl Round {
    async fn send_off(&mut self, desks: &[mpsc::Sender<Vec<Item>>]) {
        for (desk, parcel) in desks.iter().zip(&mut self.parcels) {
            if !parcel.is_empty() {
                // A desk that is gone ended with its worker, which ends the process.
                let _ = desk.send(std::mem::take(parcel)).await;
            }
        }
        // Only now: whoever hears of it may rely on the messages being on their way.
        for (answer, counts) in self.answers.drain(..) {
            let _ = answer.send(counts);
        }
        self.looks = 0;
    }

    /// Tells events of keys.
    async fn tell(&mut self, registry: &Registry, events: &Events, lot: Lot, desks: &[mpsc::Sender<Vec<Item>>]) {
        for event in &lot.events {
            let parcels = &mut self.parcels;
            let mut hand = |worker: u32, push: &Arc<_>, clients: &Arc<_>| {
                parcels[worker as usize].push(Item::Push { push: Arc::clone(push), clients: Arc::clone(clients) });
            };
            letters(event, registry, &mut self.channel, |letter| {
                registry.deal(letter, &mut hand);
            });
            self.looks += 2 * (1 + registry.count(Space::Patterns));
            if self.looks >= LOOKS_AT_ONCE {
                self.send_off(desks).await;
                yield_now().await;
            }
        }
        self.invalidate(registry, &lot.outdated, lot.receipt);
        events.done(lot.weight);
    }

    /// Tells those who cache keys which have changed.
    fn invalidate(&mut self, registry: &Registry, outdated: &[Outdated], receipt: Option<Receipt>) {
        if outdated.is_empty() {
            return;
        }
        let (parcels, mut workers, mut looks) = (&mut self.parcels, 0u64, 0);
        registry.trackers.tell(outdated, |worker, item| {
            parcels[worker as usize].push(item);
            workers |= 1 << worker;
            looks += 1;
        });
        self.looks += looks + outdated.len();
        // Each desk that has something of it lets go when it has dealt that out.
        for (_, parcel) in parcels.iter_mut().enumerate().filter(|(worker, _)| workers & (1 << worker) != 0) {
            parcel.extend(receipt.clone().map(Item::Told));
        }
    }

    fn take_up(&mut self, registry: &mut Registry, request: Request) {
        match request {
            Request::Publish { letters, behind, answer } => {
                self.looks += letters.len() * (1 + registry.count(Space::Patterns));
                let parcels = &mut self.parcels;
                let mut hand = |worker: u32, push: &Arc<_>, clients: &Arc<_>| {
                    parcels[worker as usize].push(Item::Push { push: Arc::clone(push), clients: Arc::clone(clients) });
                };
                let counts = letters.into_iter().map(|letter| registry.deal(letter, &mut hand)).collect();
                match behind {
                    Some(worker) => self.parcels[worker as usize].push(Item::Counts(answer, counts)),
                    None => self.answers.push((answer, counts)),
                }
            }
            Request::Change { listener, change, space, names, done } => {
                for name in names {
                    match change {
                        Change::Join => registry.join(space, name, listener),
                        Change::Leave => registry.leave(space, &name, listener),
                    }
                }
                self.parcels[listener.worker as usize].push(Item::Known(done));
            }
            Request::Track { client, manner, prefixes, done } => {
                let trackers = &mut registry.trackers;
                let before = trackers.counts();
                match manner {
                    Some(manner) => trackers.track(client, manner, prefixes),
                    None => trackers.forget(client.client),
                }
                let (clients, prefixes) = trackers.counts();
                if prefixes != before.1 || (clients > 0) != (before.0 > 0) {
                    (self.announce)(Prefixes::new(trackers.prefixes()), clients > 0);
                }
                if let Some(done) = done {
                    self.parcels[client.worker as usize].push(Item::Known(done));
                }
            }
            Request::Broken { client, target } => self.parcels[client.worker as usize].push(Item::Broken { client: client.client, target }),
            Request::Left { listener, space, names } => names.iter().for_each(|name| registry.leave(space, name, listener)),
            Request::Look(look) => look(registry),
        }
    }
}
