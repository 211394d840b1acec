//! The directory of one worker's clients, and how any session asks every worker about theirs (CLIENT LIST, CLIENT KILL).
//!
//! A client's record is a handful of cells on its own thread. Who wants to know of another worker's clients asks that worker's desk.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::metrics::SessionTally;
use crate::pubsub::{Listener, ListenerId};
use crate::resp::Protocol;
use crate::session::{Local, Unblocked, Waiting};
use crate::time::UnixMillis;

/// What others may see of a client.
#[derive(Debug)]
pub(crate) struct Client {
    /// Never used twice in the life of a process.
    pub(crate) id: u64,
    pub(crate) peer: Box<str>,
    pub(crate) own: Box<str>,
    pub(crate) descriptor: i32,
    pub(crate) unix: bool,
    pub(crate) created: UnixMillis,
    pub(crate) last_used: Cell<UnixMillis>,
    pub(crate) authenticated: Cell<bool>,
    pub(crate) name: RefCell<Box<[u8]>>,
    pub(crate) library_name: RefCell<Box<str>>,
    pub(crate) library_version: RefCell<Box<str>>,
    pub(crate) user: RefCell<Box<str>>,
    pub(crate) database: Cell<u16>,
    pub(crate) resp: Cell<u8>,
    pub(crate) no_evict: Cell<bool>,
    pub(crate) no_touch: Cell<bool>,
    /// The last command, by its row's number.
    pub(crate) command: Cell<Option<u16>>,
    pub(crate) calls: Cell<u64>,
    pub(crate) bytes_in: Cell<u64>,
    pub(crate) bytes_out: Cell<u64>,
    /// Calls that wait for EXEC and the bytes they take; `None` outside a transaction.
    pub(crate) queued: Cell<Option<(usize, usize)>>,
    /// Bytes of an unfinished request.
    pub(crate) query_bytes: Cell<usize>,
    /// It is answering, not waiting for its client.
    pub(crate) busy: Cell<bool>,
    /// Its reply is being written, and it may be its client that is waited for.
    pub(crate) writing: Cell<bool>,
    /// It was killed, or the server stops: it ends when what it is doing is done.
    pub(crate) ending: Cell<bool>,
    /// From its first subscription on.
    pub(crate) listener: OnceCell<Rc<Listener>>,
    /// While a call of it may wait.
    pub(crate) waiting: RefCell<Option<Rc<Waiting>>>,
    abort: RefCell<Option<AbortHandle>>,
    /// Of its task, which looks around when it is woken: somebody may have made it a listener.
    waker: RefCell<Option<Waker>>,
}

impl Client {
    pub(crate) fn new(id: u64, peer: String, own: String, descriptor: i32, unix: bool, now: UnixMillis) -> Client {
        Client {
            id,
            peer: peer.into(),
            own: own.into(),
            descriptor,
            unix,
            created: now,
            last_used: Cell::new(now),
            authenticated: Cell::new(false),
            name: RefCell::default(),
            library_name: RefCell::default(),
            library_version: RefCell::default(),
            user: RefCell::new("default".into()),
            database: Cell::new(0),
            resp: Cell::new(2),
            no_evict: Cell::new(false),
            no_touch: Cell::new(false),
            command: Cell::new(None),
            calls: Cell::new(0),
            bytes_in: Cell::new(0),
            bytes_out: Cell::new(0),
            queued: Cell::new(None),
            query_bytes: Cell::new(0),
            busy: Cell::new(false),
            writing: Cell::new(false),
            ending: Cell::new(false),
            listener: OnceCell::new(),
            waiting: RefCell::new(None),
            abort: RefCell::new(None),
            waker: RefCell::new(None),
        }
    }

    /// Its id as replies show it.
    pub(crate) fn number(&self) -> i64 {
        i64::try_from(self.id).unwrap_or(i64::MAX)
    }

    /// Whether it is on this machine, as far as its address tells.
    pub(crate) fn is_local(&self) -> bool {
        let address = self.peer.parse::<std::net::SocketAddr>();
        self.unix || address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// Whether it is subscribed to anything.
    pub(crate) fn listens(&self) -> bool {
        self.listener.get().is_some_and(|listener| listener.listens())
    }

    /// Who is told in its place that keys have changed which it caches: nobody 0, and -1 if nobody is told at all.
    pub(crate) fn redirect(&self) -> i64 {
        let told =
            |listener: &Rc<Listener>| listener.tracking().as_ref().map(|tracking| tracking.redirect.map_or(0, |target| target.client));
        self.listener.get().and_then(told).map_or(-1, |client| i64::try_from(client).unwrap_or(i64::MAX))
    }

    /// Whether MONITOR shows it everything.
    pub(crate) fn monitors(&self) -> bool {
        self.listener.get().is_some_and(|listener| listener.monitors())
    }

    /// How the client's task is ended from elsewhere.
    pub(super) fn abort_handle(&self) -> Option<AbortHandle> {
        self.abort.borrow().clone()
    }

    /// How to wake the client's task while it waits for its client.
    pub(super) fn wakes_by(&self, waker: &Waker) {
        self.waker.replace(Some(waker.clone()));
    }

    /// How to end the client's task while it waits.
    pub(crate) fn ends_by(&self, abort: AbortHandle) {
        *self.abort.borrow_mut() = Some(abort);
    }

    /// Whether it waits for a key.
    pub(crate) fn waits(&self) -> bool {
        self.waiting.borrow().as_ref().is_some_and(|waiting| waiting.waits())
    }

    /// Lets it give up waiting for a key; false if it does not.
    pub(crate) fn unblock(&self, how: Unblocked) -> bool {
        self.waiting.borrow().as_ref().is_some_and(|waiting| waiting.unblock(how))
    }

    /// Ends the client: at once if it waits for its peer or for a key, else when the replies it is working on are written. `hard`: at once in any
    /// case, but for what a wait has just taken for it: that is written, if its peer takes it within a moment.
    pub(crate) fn end(&self, hard: bool) {
        self.ending.set(true);
        let Some(abort) = self.abort_handle() else { return };
        match self.waiting.borrow().as_ref().map(|waiting| waiting.end()) {
            Some(true) => abort.abort(),
            Some(false) if hard => {
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(LAST_WORDS).await;
                    abort.abort();
                });
            }
            None if hard || !self.busy.get() => abort.abort(),
            Some(false) | None => {}
        }
    }
}

/// How long a client that was killed may take to read what was taken out of a key for it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The clients of one worker.
#[derive(Debug, Default)]
pub(crate) struct Clients(RefCell<BTreeMap<u64, Rc<Client>>>);

impl Clients {
    /// Enters a client; it is struck off when the returned entry is dropped.
    pub(crate) fn enter(local: &Rc<Local>, client: Rc<Client>) -> Entered {
        local.counters().connections.add(1);
        local.clients.0.borrow_mut().insert(client.id, client.clone());
        Entered { local: local.clone(), id: client.id }
    }

    /// Every client there is now, by id.
    pub(crate) fn all(&self) -> Vec<Rc<Client>> {
        self.0.borrow().values().cloned().collect()
    }
}

/// A client's place in the directory.
pub(crate) struct Entered {
    local: Rc<Local>,
    id: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.local.counters().connections.subtract(1);
        let client = self.local.clients.0.borrow_mut().remove(&self.id);
        if let Some(listener) = client.as_ref().and_then(|client| client.listener.get()) {
            self.local.desk.strike_off(listener);
        }
    }
}

/// The client's listener, known to its worker's desk from now on.
pub(crate) fn listener(local: &Local, client: &Client) -> Option<Rc<Listener>> {
    if let Some(listener) = client.listener.get() {
        return Some(listener.clone());
    }
    let id = ListenerId { worker: u32::try_from(local.index).unwrap_or(u32::MAX), client: client.id };
    let protocol = if client.resp.get() == 3 { Protocol::Resp3 } else { Protocol::Resp2 };
    let listener = Rc::new(Listener::new(id, client.peer.clone(), client.abort_handle()?, protocol));
    let listener = client.listener.get_or_init(|| listener).clone();
    local.desk.enter(listener.clone());
    Some(listener)
}

/// Lets a client be told what it has not asked for, on whichever worker it lives.
pub(crate) async fn listener_of(local: &Local, client: u64) -> Option<ListenerId> {
    let mut asked = Vec::with_capacity(local.board.desks.len());
    for desk in &local.board.desks {
        let (answer, found) = oneshot::channel();
        if desk.send(Question::Listen { client, answer }).await.is_ok() {
            asked.push(found);
        }
    }
    let mut listener = None;
    for found in asked {
        listener = listener.or(found.await.unwrap_or_default());
    }
    listener
}

/// What a worker's desk can be asked.
pub(crate) enum Question {
    /// Looks at every client on its own thread and sends back what the look returned, with the client's id.
    Clients { look: Look, answer: oneshot::Sender<Vec<(u64, String)>> },
    /// Makes a client a listener, if it is here and not about to go.
    Listen { client: u64, answer: oneshot::Sender<Option<ListenerId>> },
    /// The tallies of session commands and the refused calls, by row.
    Tallies { reset: bool, answer: oneshot::Sender<SessionTally> },
}

/// What is done with each client of a worker: a line to list, an empty one to count it, or nothing.
pub(crate) type Look = Box<dyn Fn(&Client) -> Option<String> + Send>;

/// Questions waiting at a desk: one for every session that might ask at once is plenty, and more only wait.
pub(crate) const QUESTIONS_MAX: usize = 64;

/// A worker's desk: answers questions about its clients.
pub(crate) async fn answer(local: Rc<Local>, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        match question {
            Question::Clients { look, answer } => {
                let seen = local.clients.all().iter().filter_map(|client| look(client).map(|line| (client.id, line))).collect();
                let _ = answer.send(seen);
            }
            Question::Listen { client, answer } => {
                let client = local.clients.0.borrow().get(&client).cloned();
                let listener = client.filter(|client| !client.ending.get()).and_then(|client| {
                    let listener = listener(&local, &client)?;
                    client.waker.borrow().iter().for_each(Waker::wake_by_ref);
                    Some(listener.id)
                });
                let _ = answer.send(listener);
            }
            Question::Tallies { reset, answer } => {
                let mut tally = local.tally.borrow_mut();
                if reset {
                    *tally = SessionTally::new(local.board.registry.len());
                }
                let _ = answer.send(tally.clone());
            }
        }
    }
}

/// Lets every worker look at its clients; what the looks returned, in order of id.
pub(crate) async fn look_at_all(local: &Local, look: impl Fn() -> Look) -> Vec<(u64, String)> {
    let mut asked = Vec::with_capacity(local.board.desks.len());
    for desk in &local.board.desks {
        let (answer, seen) = oneshot::channel();
        if desk.send(Question::Clients { look: look(), answer }).await.is_ok() {
            asked.push(seen);
        }
    }
    let mut all = Vec::new();
    for seen in asked {
        all.extend(seen.await.unwrap_or_default());
    }
    all.sort_by_key(|&(id, _)| id);
    all
}

/// What the sessions of all workers counted. `reset`: they start again from nothing.
pub(crate) async fn tallies(local: &Local, reset: bool) -> SessionTally {
    let mut asked = Vec::with_capacity(local.board.desks.len());
    for desk in &local.board.desks {
        let (answer, told) = oneshot::channel();
        if desk.send(Question::Tallies { reset, answer }).await.is_ok() {
            asked.push(told);
        }
    }
    let mut sum = SessionTally::new(local.board.registry.len());
    for told in asked {
        sum.add(&told.await.unwrap_or_default());
    }
    sum
}
