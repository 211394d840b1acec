//! The conversation with one client: what it selected, who it is, how it wants its replies, and the loop that serves it.

mod admit;
pub(crate) mod clients;
mod command;
mod entry;
mod local;
mod monitor;
mod pause;
mod registry;
mod scripting;
mod serve;
mod subscribe;
mod transaction;
mod wait;

use admit::misused;
pub(crate) use clients::Client;
pub(crate) use command::rewrite;
pub(crate) use entry::{Ask, Asked, Entry, Handler, Here, Registry, SessionRow};
pub(crate) use local::{Board, Local, NotEnding, Seat, Seldom, Shutdown};
pub(crate) use pause::Pause;
pub(crate) use scripting::Commands;
pub(crate) use serve::serve;
pub(crate) use wait::{Unblocked, Waiting};

use std::rc::Rc;
use std::sync::Arc;

use crate::command::{Args, Fault, Flags, Reader, Row, ScriptRow};
use crate::pubsub::{Choice, Tracking};
use crate::time::UnixMillis;

use transaction::{Transaction, Watched};

use crate::resp::Protocol;
use crate::shard::Durability;
use crate::shard::batch::Manner;

/// The number of a row that is no command of its own, and whose calls are counted nowhere.
const UNCOUNTED: u16 = u16::MAX;

/// One client's side of the conversation.
pub(crate) struct Session {
    /// What others may see of it (CLIENT LIST).
    pub(crate) client: Rc<Client>,
    /// The worker it lives on.
    pub(crate) local: Rc<Local>,
    pub(crate) database: u16,
    pub(crate) protocol: Protocol,
    pub(crate) authenticated: bool,
    /// CLIENT NO-TOUCH is off.
    pub(crate) touches: bool,
    pub(crate) replies: Replies,
    /// CLIENT DURABILITY.
    pub(crate) durability: Durability,
    /// Between MULTI and EXEC: calls wait here.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// WATCH.
    pub(crate) watched: Option<Box<Watched>>,
    /// How shards know it, once it has asked to be told of keys that it keeps (CLIENT TRACKING).
    pub(crate) reader: Option<Arc<Reader>>,
    /// It wants to be told of them now.
    pub(crate) tracks: bool,
    /// CLIENT CACHING: an exception is made for the next call.
    pub(crate) has_chosen: bool,
    /// So the keys that the next call reads are remembered.
    caches: bool,
    /// EXEC is running its block: a confirmation is an element of its reply, and what else is pushed comes behind that.
    pub(crate) in_block: bool,
    /// The connection ends when what is owed has been written.
    pub(crate) closing: bool,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    On,
    Off,
    /// Not for the next call.
    SkipNext,
    /// Not for this call.
    SkipThis,
}

impl Session {
    pub(crate) fn new(client: Rc<Client>, local: Rc<Local>) -> Session {
        let authenticated = local.settings().requirepass.is_none();
        Session {
            client,
            local,
            database: 0,
            protocol: Protocol::Resp2,
            authenticated,
            touches: true,
            replies: Replies::On,
            durability: Durability::Server,
            transaction: None,
            watched: None,
            reader: None,
            tracks: false,
            has_chosen: false,
            caches: false,
            in_block: false,
            closing: false,
        }
    }

    /// Works on another database from now on.
    pub(crate) fn select(&mut self, database: u16) {
        self.database = database;
        self.client.database.set(database);
    }

    /// Speaks another protocol from now on.
    pub(crate) fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.client.resp.set(if protocol == Protocol::Resp3 { 3 } else { 2 });
        if let Some(listener) = self.client.listener.get() {
            listener.speak(protocol);
        }
    }

    /// Whether the client may do what strangers may not: it said who it is, or nobody has to.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.authenticated || self.local.settings().requirepass.is_none()
    }

    /// Whether it may ask only a few things, because a message would be taken for the answer.
    pub(crate) fn is_confined(&self) -> bool {
        self.protocol == Protocol::Resp2 && self.client.listens()
    }

    /// It will be told nothing any more.
    fn hang_up(&self) {
        if let Some(listener) = self.client.listener.get() {
            self.local.desk.strike_off(listener);
        }
    }

    /// A call was answered, or was not to be: CLIENT REPLY SKIP is over with it.
    fn said(&mut self) {
        if self.replies == Replies::SkipThis {
            self.replies = Replies::On;
        }
    }

    /// Lets others see how many calls wait for EXEC.
    fn tell_queued(&self) {
        let queued = self.transaction.as_ref().map(|transaction| (transaction.len(), transaction.memory()));
        self.client.queued.set(queued);
    }

    /// Ends a transaction, and its watch, with nothing done.
    fn forget_transaction(&mut self) {
        self.transaction = None;
        self.watched = None;
        self.tell_queued();
    }

    /// Whether a pause makes this call wait.
    fn is_held(&self, entry: &Entry, now: UnixMillis) -> bool {
        let writes = entry.spec.flags.has(Flags::RUNS_QUEUE) && self.transaction.as_ref().is_some_and(|transaction| transaction.writes());
        self.local.board.pause.holds(entry, writes, now)
    }

    /// Which row runs a script that it calls.
    fn place(&self, script: &'static ScriptRow, args: &Args<'_>) -> Result<&'static Row, Fault> {
        let undeclared = self.local.settings().script_undeclared_keys;
        self.local.scripts.place(script, args, undeclared)
    }

    /// What those are told who would have to wait for a script that has been running for too long.
    #[cold]
    fn busy(&self) -> Option<Fault> {
        let threshold = self.local.settings().busy_reply_threshold;
        let is_function = self.local.board.scripts.watchdog.busy(threshold, UnixMillis::now())?;
        Some(Fault::Because(if is_function {
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
        } else {
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
        }))
    }

    /// How its calls are to be run.
    fn manner(&self) -> Manner {
        Manner { database: self.database, protocol: self.protocol, touches: self.touches, caches: self.caches, block: 0 }
    }

    /// Whether an exception is made for the next call, from what is asked of all (CLIENT CACHING).
    pub(crate) fn choose(&mut self, has_chosen: bool) {
        self.has_chosen = has_chosen;
        let caches = |tracking: &Tracking| match tracking.choice {
            _ if tracking.prefixes.is_some() => false,
            Choice::All => true,
            Choice::OptIn => has_chosen,
            Choice::OptOut => !has_chosen,
        };
        self.caches = self.client.listener.get().is_some_and(|listener| listener.tracking().as_ref().is_some_and(caches));
    }

    /// A call of this name is over, and with it the exception that was made for it. What MULTI queues is one call with it, and what a client says of
    /// itself does not count.
    fn spend_choice(&mut self, name: &str) {
        if self.has_chosen && self.transaction.is_none() && !name.starts_with("client|") {
            self.choose(false);
        }
    }
}
