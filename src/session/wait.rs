//! A client that waits: for one of its keys, until its time is over, until somebody tells it to give up, or until it goes away.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::command::{Fault, Patience};
use crate::resp::{Decoder, Reply};
use crate::router::{Plan, WaitingCall};
use crate::session::serve::{Ended, fill, write};
use crate::session::{Client, Replies, Session, subscribe};
use crate::shard::{Batch, Claim, Leave};

/// A client's wait, as others on its thread see it.
#[derive(Debug)]
pub(crate) struct Waiting {
    claim: Arc<Claim>,
    /// Somebody told it to give up: with an error, or as if its time were over.
    told: Cell<Option<Unblocked>>,
    tell: Notify,
}

/// CLIENT UNBLOCK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unblocked {
    Timeout,
    Error,
}

impl Waiting {
    /// Whether it waits now; not while it is being answered.
    pub(crate) fn waits(&self) -> bool {
        self.claim.waits()
    }

    /// Tells it to give up; false if it does not wait.
    pub(crate) fn unblock(&self, how: Unblocked) -> bool {
        let left = self.claim.leave_if_waiting();
        if left {
            self.told.set(Some(how));
            self.tell.notify_one();
        }
        left
    }

    /// Its client is to end. False if it is being answered: what was taken for it is to be written first.
    pub(crate) fn end(&self) -> bool {
        self.claim.leave() == Leave::Now
    }
}

/// What a wait takes from its client and its shards, and gives back whatever becomes of it.
struct Entered {
    client: Rc<Client>,
    local: Rc<crate::session::Local>,
    waiting: Rc<Waiting>,
    /// Shards where it may stand in a queue.
    owners: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.client.waiting.replace(None);
        let claim = &self.waiting.claim;
        // A shard that answered has forgotten it; a session that did not has to say so.
        let _ = claim.leave();
        if self.owners != 0 {
            self.local.router.forget(self.owners, claim);
        }
    }
}

/// What ends a wait, or comes in between.
enum Event {
    /// The batch came back, or will not any more.
    Back(Option<Box<Batch>>),
    /// All its shards' keyspaces are to be asked again.
    Turn,
    TimeOver,
    Told,
    Read(io::Result<usize>),
    /// There is something to be pushed.
    Push,
}

/// How it ended.
enum End {
    Answered(Box<Batch>),
    TimeOver,
    Told,
}

/// Runs a call that may wait, and writes its answer. What the client says meanwhile is read, and not taken up.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    decoder: &Decoder,
    input: &mut Option<Arc<Vec<u8>>>,
    call: WaitingCall,
    patience: Patience,
) -> Result<(), Ended> {
    let local = session.local.clone();
    let waiting = Rc::new(Waiting { claim: Claim::new(), told: Cell::new(None), tell: Notify::new() });
    let mut entered = Entered { client: session.client.clone(), local: local.clone(), waiting: waiting.clone(), owners: 0 };
    session.client.waiting.replace(Some(waiting.clone()));
    let deadline = match patience {
        Patience::Endless => None,
        // Beyond what the runtime's clock can count nobody waits.
        Patience::For(time) => Instant::now().checked_add(time.min(YEARS)),
    };
    let protocol = session.protocol;
    let plan = call.plan(local.router.shards());
    let mut batch = call.into_batch(&waiting.claim);
    batch.durability = session.durability;
    if session.tracks {
        batch.reader.clone_from(&session.reader);
    }
    let mut end = match plan {
        Plan::One(shard) => {
            entered.owners = 1 << shard;
            let back = local.router.run_or_wait(shard, batch).await?;
            let end = wait(session, stream, decoder, input, Source::Shard(back), &waiting, deadline).await?;
            if matches!(end, End::Answered(_)) {
                entered.owners = 0;
            }
            end
        }
        Plan::Borrow(owners) => {
            entered.owners = owners;
            // Nothing is tried before the keyspaces are in hand: until then the client may give up.
            waiting.claim.wait();
            wait(session, stream, decoder, input, Source::Turns { owners, batch, first: true }, &waiting, deadline).await?
        }
        Plan::Split | Plan::Every => return Err(Ended),
    };
    local.counters().commands.add(1);
    session.client.calls.set(session.client.calls.get() + 1);
    if let End::Answered(batch) = &mut end
        && let Some(told) = batch.told.take()
    {
        // Those who cache what this call changed know of it before its client does.
        let _ = told.await;
    }
    let silent = session.replies != Replies::On;
    session.said();
    let mut told = Vec::new();
    let reply = match &end {
        End::Answered(batch) => &batch.reply,
        End::TimeOver => {
            Reply::new(&mut told, protocol).null_array();
            &told
        }
        End::Told => {
            match waiting.told.get() {
                Some(Unblocked::Error) => {
                    let fault = Fault::Because("UNBLOCKED client unblocked via CLIENT UNBLOCK");
                    fault.count_in(&mut local.tally.borrow_mut().errors);
                    Reply::new(&mut told, protocol).error(&fault.text());
                }
                Some(Unblocked::Timeout) | None => Reply::new(&mut told, protocol).null_array(),
            }
            &told
        }
    };
    if !silent {
        // Whoever kills the client now lets this be written first.
        write(session, stream, reply).await?;
    }
    drop(entered);
    Ok(())
}

/// Longer than any client waits.
const YEARS: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Where the answer comes from.
enum Source {
    /// The one shard that has the call.
    Shard(oneshot::Receiver<Box<Batch>>),
    /// An attempt with several keyspaces in hand, whenever it is our turn.
    Turns { owners: u64, batch: Box<Batch>, first: bool },
}

async fn wait<S: AsyncRead + AsyncWrite + Unpin>(
    session: &Session,
    stream: &mut S,
    decoder: &Decoder,
    input: &mut Option<Arc<Vec<u8>>>,
    mut source: Source,
    waiting: &Waiting,
    deadline: Option<Instant>,
) -> Result<End, Ended> {
    let (local, claim) = (&session.local, &waiting.claim);
    let mut timer = pin!(sleep_until(deadline.unwrap_or_else(Instant::now)));
    // It gives up as soon as the outcome of the attempt under way is known.
    let mut leaving = false;
    let mut is_gone = false;
    loop {
        if let Source::Turns { owners, batch, first } = &mut source
            && (std::mem::take(first) || claim.is_called())
        {
            let mut hold = local.router.hold(*owners).await?;
            // From here to the return there is no await. Whoever gave up meanwhile is told so below.
            if claim.take() && hold.attempt_or_stay(batch, claim) {
                hold.finish(session.durability).await;
                return Ok(End::Answered(std::mem::take(batch)));
            }
        }
        subscribe::push_out(session, stream).await?;
        let event = {
            let mut filling = pin!(fill(stream, input, decoder, local));
            let (mut told, mut turn) = (pin!(waiting.tell.notified()), pin!(claim.turn()));
            poll_fn(|cx| {
                match &mut source {
                    Source::Shard(back) => {
                        if let Poll::Ready(back) = pin!(back).poll(cx) {
                            return Poll::Ready(Event::Back(back.ok()));
                        }
                    }
                    Source::Turns { .. } => {
                        if turn.as_mut().poll(cx).is_ready() {
                            return Poll::Ready(Event::Turn);
                        }
                    }
                }
                if told.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::Told);
                }
                if deadline.is_some() && !leaving && timer.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Event::TimeOver);
                }
                if !is_gone && let Poll::Ready(read) = filling.as_mut().poll(cx) {
                    return Poll::Ready(Event::Read(read));
                }
                let listener = session.client.listener.get();
                if listener.is_some_and(|listener| listener.poll_waiting(cx).is_ready()) {
                    return Poll::Ready(Event::Push);
                }
                Poll::Pending
            })
            .await
        };
        match event {
            Event::Back(Some(batch)) => return Ok(End::Answered(batch)),
            Event::Back(None) if is_gone || session.client.ending.get() => return Err(Ended),
            Event::Back(None) if leaving => return Ok(End::TimeOver),
            // Told to give up, or the shard has ended.
            Event::Back(None) if waiting.told.get().is_none() => return Err(Ended),
            Event::Back(None) | Event::Told => return Ok(End::Told),
            Event::TimeOver => {
                if claim.leave() == Leave::Now {
                    return Ok(End::TimeOver);
                }
                leaving = true;
            }
            Event::Read(Ok(read)) if read > 0 => {
                local.counters().bytes_in.add(read as u64);
                session.client.bytes_in.set(session.client.bytes_in.get() + read as u64);
                let held = input.as_ref().map_or(0, |bytes| bytes.len());
                session.client.query_bytes.set(held);
                if held > local.settings().client_query_buffer_limit {
                    local.counters().query_limit_closed.add(1);
                    tracing::warn!(client = %session.client.peer, bytes = held, "closing a client that sends on while it waits");
                    return Err(Ended);
                }
            }
            Event::Read(_) => {
                // The client went away. What was taken for it already is written all the same.
                if claim.leave() == Leave::Now {
                    return Err(Ended);
                }
                is_gone = true;
            }
            Event::Turn | Event::Push => {}
        }
    }
}
