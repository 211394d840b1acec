//! A worker's desk: deals what the broker sends out to the outboxes of this worker's listeners, and wakes their sessions to write.
//!
//! It wakes a few at a time, and between them lets the worker look at its sockets: while a hundred subscribers are written to, the next messages
//! come in, and those who have not had their turn get several with one write. A publisher's reply does not wait behind a hundred writes either.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use ahash::RandomState;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::yield_now;

use crate::command::Receipt;
use crate::pubsub::broker::PARCELS_MAX;
use crate::pubsub::outbox::{Put, Shared};
use crate::pubsub::push::Push;
use crate::pubsub::{Broker, Limits, Listener, ListenerId, Name, Space};
use crate::resp::Protocol;

/// What a parcel holds.
#[derive(Debug)]
pub(crate) enum Item {
    /// For these clients of this worker.
    Push { push: Arc<Push>, clients: Arc<Vec<u64>> },
    /// These clients of this worker cache what has changed.
    Stale { push: Arc<Push>, clients: Vec<u64> },
    /// So does `origin`, who wants this client of this worker to be told of it.
    Redirected { push: Arc<Push>, target: u64, origin: ListenerId },
    /// This client of this worker has named one to be told in its place who is gone.
    Broken { client: u64, target: u64 },
    /// Everybody here has what came before: it is let go.
    Told(#[allow(dead_code, reason = "held only to be dropped")] Receipt),
    /// A change is known; all before it has been dealt out.
    Known(oneshot::Sender<()>),
    /// The same for a publisher who listens himself.
    Counts(oneshot::Sender<Vec<usize>>, Vec<usize>),
}

/// Sessions woken before the worker looks at its sockets: their writes take some fifty microseconds, the look about half a one.
const WOKEN_AT_ONCE: usize = 16;

/// Pushes put into outboxes before the rest of this worker has its turn: about half a millisecond.
const PUT_AT_ONCE: usize = 20_000;

/// The listeners of one worker.
#[derive(Debug)]
pub(crate) struct Desk {
    listeners: RefCell<HashMap<u64, Rc<Listener>, RandomState>>,
    /// Those with something to write, in the order in which they will be woken.
    due: RefCell<VecDeque<Rc<Listener>>>,
    /// Those that are gone and of whom the broker has not been told: at most as many as there were clients.
    gone: RefCell<Vec<Rc<Listener>>>,
    /// Clients that are to hear that who should be told in their place is gone, and who that is.
    broken: RefCell<Vec<(ListenerId, u64)>>,
    /// Somebody left, or is to hear that somebody has.
    somebody_left: Notify,
}

/// Clients that are to hear so at one time. Who misses it hears it the next time something of his changes.
const BROKEN_MAX: usize = 1000;

impl Desk {
    pub(crate) fn new(seeds: [u64; 4]) -> Desk {
        let [a, b, c, d] = seeds;
        Desk {
            listeners: RefCell::new(HashMap::with_hasher(RandomState::with_seeds(a, b, c, d))),
            due: RefCell::default(),
            gone: RefCell::default(),
            broken: RefCell::default(),
            somebody_left: Notify::new(),
        }
    }

    /// Knows a listener from now on.
    pub(crate) fn enter(&self, listener: Rc<Listener>) {
        self.listeners.borrow_mut().insert(listener.id.client, listener);
    }

    /// Forgets a listener whose connection is over. The registry is told by [`see_off`], since this must not wait.
    pub(crate) fn strike_off(&self, listener: &Rc<Listener>) {
        self.listeners.borrow_mut().remove(&listener.id.client);
        self.gone.borrow_mut().push(listener.clone());
        self.somebody_left.notify_one();
    }

    fn next_gone(&self) -> Option<Rc<Listener>> {
        self.gone.borrow_mut().pop()
    }

    fn next_broken(&self) -> Option<(ListenerId, u64)> {
        self.broken.borrow_mut().pop()
    }

    /// Disconnects those who have been above the soft limit for too long. To be asked once in a while: whom nobody sends anything is not looked at
    /// otherwise.
    pub(crate) fn keep_house(&self, limits: &Limits) {
        let late: Vec<Rc<Listener>> = self.listeners.borrow().values().filter(|listener| listener.is_past(limits)).cloned().collect();
        late.iter().for_each(|listener| end(listener));
    }

    /// Deals out one item. Says into how many outboxes.
    fn deal(&self, item: Item, limits: &Limits) -> usize {
        match item {
            Item::Push { push, clients } => {
                self.put(&Rc::new(push), &clients, limits);
                return clients.len();
            }
            Item::Stale { push, clients } => {
                let (push, message) = (Rc::new(push), OnceCell::new());
                let listeners = self.listeners.borrow();
                let told = clients.iter().filter_map(|client| listeners.get(client));
                // It may have turned it off while this was on its way. In RESP2 it can be told nothing on its own connection.
                for listener in told.filter(|listener| listener.tracking().is_some() && listener.speaks() == Protocol::Resp3) {
                    self.note(listener, listener.put_stale(&push, &message, limits));
                }
                return clients.len();
            }
            Item::Redirected { push, target, origin } => {
                let listeners = self.listeners.borrow();
                match listeners.get(&target) {
                    Some(listener) => self.note(listener, listener.put_stale(&Rc::new(push), &OnceCell::new(), limits)),
                    None => self.miss(origin, target),
                }
                return 1;
            }
            Item::Broken { client, target } => {
                if let Some(listener) = self.listeners.borrow().get(&client) {
                    self.note(listener, listener.put_broken(target, limits));
                }
                return 1;
            }
            Item::Told(receipt) => drop(receipt),
            // Whoever asked may be gone.
            Item::Known(done) => drop(done.send(())),
            Item::Counts(answer, counts) => drop(answer.send(counts)),
        }
        0
    }

    fn put(&self, push: &Shared, clients: &[u64], limits: &Limits) {
        let listeners = self.listeners.borrow();
        for listener in clients.iter().filter_map(|client| listeners.get(client)) {
            self.note(listener, Some(listener.put(push, limits)));
        }
    }

    /// Something was put into an outbox, or was not.
    fn note(&self, listener: &Rc<Listener>, put: Option<Put>) {
        match put {
            Some(Put::Kept) if !listener.is_due.get() => {
                listener.is_due.set(true);
                self.due.borrow_mut().push_back(listener.clone());
            }
            Some(Put::Over) => end(listener),
            Some(Put::Kept) | None => {}
        }
    }

    /// Who was to be told is gone: the one in whose place it was hears so from [`see_off`], since this must not wait.
    fn miss(&self, origin: ListenerId, target: u64) {
        let mut broken = self.broken.borrow_mut();
        if broken.len() < BROKEN_MAX {
            broken.push((origin, target));
            self.somebody_left.notify_one();
        }
    }

    /// Wakes the next few. Says whether more are due.
    fn wake_some(&self) -> bool {
        for _ in 0..WOKEN_AT_ONCE {
            let Some(listener) = self.due.borrow_mut().pop_front() else { return false };
            listener.is_due.set(false);
            listener.wake();
        }
        !self.due.borrow().is_empty()
    }
}

/// Disconnects a listener that does not read.
fn end(listener: &Listener) {
    let (pushes, bytes) = listener.backlog();
    if listener.end() {
        tracing::warn!(client = %listener.peer, pushes, bytes, "closing a client that does not read what it listens to: client-output-buffer-limit");
    }
}

/// The desk's task. `limits` are asked for before each parcel.
pub(crate) async fn run(desk: Rc<Desk>, mut parcels: mpsc::Receiver<Vec<Item>>, limits: impl Fn() -> Limits) {
    while let Some(parcel) = parcels.recv().await {
        unpack(&desk, parcel, &limits()).await;
        loop {
            // No more than the mailbox holds: a broker on another thread could fill it for ever.
            for _ in 0..PARCELS_MAX {
                let Ok(parcel) = parcels.try_recv() else { break };
                unpack(&desk, parcel, &limits()).await;
            }
            if !desk.wake_some() {
                break;
            }
            yield_now().await;
        }
    }
}

async fn unpack(desk: &Desk, parcel: Vec<Item>, limits: &Limits) {
    let mut put = 0;
    for item in parcel {
        put += desk.deal(item, limits);
        if put >= PUT_AT_ONCE {
            put = 0;
            yield_now().await;
        }
    }
}

/// Tells the broker of those who are gone: a task of its own, since a desk waits for nobody.
pub(crate) async fn see_off(desk: Rc<Desk>, broker: Broker) {
    loop {
        desk.somebody_left.notified().await;
        while let Some(listener) = desk.next_gone() {
            let names: Vec<(Space, Vec<Name>)> = listener.leave_all();
            if !names.is_empty() {
                broker.left(listener.id, names).await;
            }
            if listener.tracking().is_some() {
                broker.forget(listener.id).await;
            }
        }
        while let Some((origin, target)) = desk.next_broken() {
            broker.redirect_broken(origin, target).await;
        }
    }
}
