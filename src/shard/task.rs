//! The shard's task: receive many, handle, answer, park while lent, sweep.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::command::Limits;
use crate::shard::batch::Bond;
use crate::shard::dispatch::Dispatch;
use crate::shard::mailbox::Inbox;
use crate::shard::reclaim::Reclaimer;
use crate::shard::saving::Saving;
use crate::shard::{Batch, Gate, Loan, Message, Outbox, Shard};
use crate::store::Keyspace;
use crate::time::UnixMillis;

/// Messages handled before the connections of the same thread get a turn. 64 batches of a deep pipeline are about a millisecond.
const TURN_MESSAGES_MAX: usize = 64;

/// Keys removed by one sweep before messages get a turn, times active-expire-effort: well under a millisecond at effort 1.
const SWEEP_KEYS_MAX: usize = 1000;

/// The shortest time between two sweeps that find nothing urgent: expiry by the clock need not be finer.
const SWEEP_PAUSE: Duration = Duration::from_millis(10);

/// Runs a shard until every mailbox handle is gone. `home`: its keyspace, which whoever loads data has in hand to begin with.
pub(crate) async fn run(
    mut shard: Shard,
    home: oneshot::Receiver<Keyspace>,
    mut inbox: Inbox,
    mut limits: watch::Receiver<Arc<Limits>>,
    reclaimer: Reclaimer,
    outbox: Outbox,
    mut dispatch: Dispatch,
) {
    // Before anything can be held: no rise is missed.
    let mut durable = dispatch.pages().watch_durable();
    let Some(first) = await_keyspace(&mut shard, home, &mut inbox).await else { return };
    let mut saving = None;
    if let Some(message) = first {
        handle(&mut shard, &mut saving, message, UnixMillis::now(), &outbox, &mut dispatch).await;
        dispatch.flush(&mut shard);
    }
    let mut messages = Vec::with_capacity(TURN_MESSAGES_MAX);
    let mut timer = pin!(sleep_until(Instant::now()));
    // The deadline the timer is set for; `None` while it is not set.
    let mut set_for: Option<UnixMillis> = None;
    loop {
        // No further batch is taken while the journal has more than it can write: so nobody has to wait who holds anything.
        let may_take = !shard.is_recorded() || dispatch.pages().has_room();
        let received = tokio::select! {
            biased;
            Ok(()) = durable.changed(), if dispatch.is_holding() => {
                dispatch.release(*durable.borrow_and_update());
                usize::MAX
            }
            received = inbox.recv_many(&mut messages, TURN_MESSAGES_MAX), if may_take => received,
            () = dispatch.pages().room(), if !may_take => usize::MAX,
            () = &mut timer, if set_for.is_some() => {
                set_for = None;
                let budget = SWEEP_KEYS_MAX * shard.expire_effort();
                shard.hear(outbox.is_heard());
                let swept = shard.sweep(UnixMillis::now(), budget);
                post(&mut shard, &outbox, None).await;
                answer_served(&mut shard, &outbox, &mut dispatch).await;
                if swept == budget {
                    // More is due: let the connections have their turn and go on.
                    tokio::task::yield_now().await;
                }
                usize::MAX
            }
            () = is_due(&saving), if saving.is_some() => usize::MAX,
            // Nobody asks for anything, but keys may be due that were not to be looked for until now.
            Ok(()) = limits.changed() => {
                shard.limit(limits.borrow_and_update().clone());
                usize::MAX
            }
        };
        if received == 0 {
            return;
        }
        if limits.has_changed().unwrap_or(false) {
            shard.limit(limits.borrow_and_update().clone());
        }
        // One look at the clock for all that arrived together: every command of a batch sees one time.
        let now = UnixMillis::now();
        shard.hear(outbox.is_heard());
        shard.wake();
        for message in messages.drain(..) {
            handle(&mut shard, &mut saving, message, now, &outbox, &mut dispatch).await;
            answer_served(&mut shard, &outbox, &mut dispatch).await;
        }
        if shard.is_recorded() {
            dispatch.flush(&mut shard);
        }
        shard.rest();
        if let Some(under_way) = &mut saving
            && under_way.go_on(&mut shard, received != usize::MAX)
        {
            saving = None;
        }
        if shard.has_discarded() {
            shard.discarded().for_each(|discard| reclaimer.free(discard));
        }
        if let Some(next) = shard.next_deadline()
            && set_for.is_none_or(|set| next < set)
        {
            let wait = Duration::from_millis(next.since(now)).max(SWEEP_PAUSE);
            // Beyond a day the timer is simply set again: far deadlines must not overflow the runtime's wheel.
            timer.as_mut().reset(Instant::now() + wait.min(Duration::from_secs(86_400)));
            set_for = Some(next);
        }
    }
}

/// Waits until the keyspace has been loaded, and says how the shard is meanwhile. Returns what was asked first that needs the keyspace, if that
/// was before; `None` if all is over.
async fn await_keyspace(shard: &mut Shard, home: oneshot::Receiver<Keyspace>, inbox: &mut Inbox) -> Option<Option<Message>> {
    let mut home = pin!(home);
    let mut first = None;
    loop {
        tokio::select! {
            biased;
            keyspace = &mut home => {
                shard.move_in(keyspace.ok()?);
                return Some(first);
            }
            message = inbox.recv(), if first.is_none() => match message? {
                Message::Report { answer, reset: _ } => drop(answer.send(shard.tally(UnixMillis::now()))),
                message => first = Some(message),
            },
        }
    }
}

async fn is_due(saving: &Option<Saving>) {
    if let Some(saving) = saving {
        saving.is_due().await;
    }
}

async fn handle(
    shard: &mut Shard,
    saving: &mut Option<Saving>,
    message: Message,
    now: UnixMillis,
    outbox: &Outbox,
    dispatch: &mut Dispatch,
) {
    match message {
        Message::Run(batch) if batch.claim.is_some() => {
            shard.run_or_keep(batch, now);
            // Whether it is answered or waits, what it has looked for is told now.
            post(shard, outbox, None).await;
        }
        Message::Run(mut batch) => {
            shard.run(&mut batch, now);
            post(shard, outbox, Some(&mut batch)).await;
            dispatch.answer(shard, batch);
        }
        Message::Part(mut batch, gate) => {
            if !gate.is_open() {
                shard.rest();
                gate.passed().await;
                shard.wake();
            }
            if shard.is_recorded() {
                run_part(shard, &mut batch, &gate, now, dispatch);
            } else {
                shard.run(&mut batch, now);
            }
            post(shard, outbox, Some(&mut batch)).await;
            dispatch.answer(shard, batch);
        }
        Message::Borrow(borrow) => {
            shard.rest();
            let (home, back) = oneshot::channel();
            // What was done here is told before what others do with it.
            dispatch.flush(shard);
            let loan = Loan::new(shard.lend(), home, dispatch.seen());
            // If the borrower is gone the loan is dropped in here, and so is on its way home already.
            drop(borrow.lend_to.send(loan));
            // A loan returns itself when it is dropped, so that this can fail only when the borrower's thread died with the keyspace
            // in hand; the process is ending then.
            let returned = back.await.expect("a loan returns when it is dropped");
            dispatch.saw(returned.seen);
            shard.wake();
            shard.take_back(returned, UnixMillis::now());
        }
        Message::Forget(claim) => shard.forget(&claim, now),
        Message::Save(save, gate) => {
            shard.rest();
            gate.passed().await;
            debug_assert!(saving.is_none(), "who asks waits until the last one is over");
            *saving = Some(Saving::begin(shard, *save));
            shard.wake();
        }
        Message::Report { answer, reset } => {
            shard.rest();
            if reset {
                shard.reset_tally();
            }
            let _ = answer.send(shard.tally(now));
            shard.wake();
        }
    }
}

/// Answers those who waited and were served by what was just done.
#[inline]
async fn answer_served(shard: &mut Shard, outbox: &Outbox, dispatch: &mut Dispatch) {
    if shard.has_served() {
        post(shard, outbox, None).await;
        let served: Vec<Box<Batch>> = shard.served().collect();
        served.into_iter().for_each(|batch| dispatch.answer(shard, batch));
    }
}

/// Runs a part of a unit while the journal is on.
fn run_part(shard: &mut Shard, batch: &mut Batch, gate: &Gate, now: UnixMillis, dispatch: &mut Dispatch) {
    if !gate.binds {
        batch.bond = Bond::Loose;
        shard.run(batch, now);
        return;
    }
    dispatch.flush(shard);
    batch.bond = Bond::Part;
    shard.run(batch, now);
    dispatch.part(shard, gate.unit(), gate.shards);
}

/// Lets out the events of what was just done, before anybody hears that it was, and then waits while too many are on their way: between two
/// batches, and with nothing in hand that others wait for but the answer to the last.
#[inline]
async fn post(shard: &mut Shard, outbox: &Outbox, batch: Option<&mut Batch>) {
    if shard.has_news() {
        let news = shard.take_news();
        let receipt = batch.filter(|_| !news.outdated.is_empty()).map(Batch::expect_told);
        outbox.post(news, receipt);
        if outbox.is_full() {
            shard.rest();
            outbox.has_room().await;
            shard.wake();
        }
    }
}
