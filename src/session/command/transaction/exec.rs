//! EXEC: the queued calls run as one, cheapest way first (`router/block.rs`), and are answered together.
//!
//! What the session answers itself (SELECT, PING..) it answers on the way, in order. What it must ask others for (INFO, CLIENT LIST..) it asks when the rest is
//! done: whoever holds keyspaces asks nobody.

use crate::command::{Args, Fault, Row};
use crate::metrics::CommandTally;
use crate::resp::Reply;
use crate::router::{Needs, Round, Way};
use crate::session::transaction::{Block, Queued, Watched};
use crate::session::{Asked, Handler, Session, monitor, subscribe};
use crate::shard::batch::Watching;

const STOPPING: Fault = Fault::Because("ERR the server is stopping");

pub(super) fn run<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let Some(transaction) = session.transaction.take() else { return Err(Fault::Because("ERR EXEC without MULTI")) };
        let watched = session.watched.take();
        session.tell_queued();
        if transaction.spoiled {
            return Err(Fault::Because("EXECABORT Transaction discarded because of previous errors."));
        }
        let block = transaction.into_block();
        session.in_block = true;
        let local = session.local.clone();
        let mut turn = local.take_turn();
        let done = done(session, &block, watched.as_deref(), &mut turn.round).await;
        match done {
            Ok(true) => {
                reply.array(block.calls.len());
                reply.raw(turn.round.stitch(&mut turn.scratch, local.router.pick()));
            }
            Ok(false) => reply.null_array(),
            Err(_) => {}
        }
        if matches!(done, Ok(true)) && local.board.broker.is_watched() {
            block.calls.iter().for_each(|call| monitor::show(&mut turn.shown, session, call.spec, &block.args(call)));
            subscribe::show(session, &mut turn).await.map_err(|_| STOPPING)?;
        }
        turn.round.reset(&local.batches);
        local.put_turn(turn);
        done.map(|_| ())
    })
}

/// Does the block, and has the replies in the round; false if a watched key was changed, and nothing done.
async fn done(session: &mut Session, block: &Block, watched: Option<&Watched>, round: &mut Round) -> Result<bool, Fault> {
    let local = session.local.clone();
    let mut needs = Needs::new(local.router.shards());
    let mut asks_shards = false;
    // Asked once: what is known of scripts may change meanwhile.
    let rows: Vec<Option<&'static Row>> = block.calls.iter().map(|call| row_of(session, call, &block.args(call))).collect();
    for (call, row) in block.calls.iter().zip(&rows) {
        if let Some(row) = row {
            needs.call(row, &block.args(call));
            asks_shards = true;
        }
    }
    watched.into_iter().flat_map(|watched| &watched.keys).for_each(|key| needs.watched(key));
    let answers_itself =
        !asks_shards || block.calls.iter().any(|call| !matches!(call.handler, Handler::Data(_) | Handler::Waits(_) | Handler::Script(_)));
    let way = needs.way(watched.is_some(), answers_itself);
    let later = match way {
        Way::Hold(owners) => {
            let mut hold = local.router.hold(owners).await.map_err(|_| STOPPING)?;
            if let Some(watched) = watched
                && !hold.is_unchanged(&watched.watch)
            {
                hold.finish(session.durability).await;
                return Ok(false);
            }
            let later = assemble(session, block, &rows, round, way);
            mark(session, round);
            hold.run(round, block.input.clone());
            hold.finish(session.durability).await;
            later
        }
        Way::Batch | Way::Unit => {
            let later = assemble(session, block, &rows, round, way);
            round.close_block(way, &watched.map_or(Watching::Nothing, |watched| Watching::Until(watched.watch.clone())));
            mark(session, round);
            if asks_shards {
                round.durability = session.durability;
                local.router.send(round, block.input.clone()).await.map_err(|_| STOPPING)?;
            }
            if round.is_refused() {
                return Ok(false);
            }
            later
        }
    };
    round.be_told().await;
    subscribe::post_published(session, round.published()).await.map_err(|_| STOPPING)?;
    for (number, call) in later {
        let mut written = Vec::new();
        let (args, protocol) = (block.args(&call), session.protocol);
        let result = match call.handler {
            Handler::Ask(ask) => ask(session, args, Reply::new(&mut written, protocol)).await,
            Handler::Post(post) => {
                let counts = subscribe::publish(session, vec![post(&args)]).await.map_err(|_| STOPPING)?;
                let receivers = counts.iter().sum::<usize>();
                Reply::new(&mut written, protocol).integer(i64::try_from(receivers).unwrap_or(i64::MAX));
                Ok(())
            }
            Handler::Data(_) | Handler::Waits(_) | Handler::Script(_) | Handler::Here(_) | Handler::Container => Ok(()),
        };
        settle(session, &call, result, &mut written);
        round.fill(number, written);
    }
    Ok(true)
}

/// If the client caches what it reads, shards are to know.
fn mark(session: &Session, round: &mut Round) {
    if session.tracks {
        round.read_by(session.reader.as_ref());
    }
}

/// Deals the calls out, and answers those that the session can answer at once. Returns those that it must ask others for.
fn assemble(session: &mut Session, block: &Block, rows: &[Option<&'static Row>], round: &mut Round, way: Way) -> Vec<(u32, Queued)> {
    let local = session.local.clone();
    let shards = local.router.shards();
    let mut later = Vec::new();
    for (call, row) in block.calls.iter().zip(rows) {
        let args = block.args(call);
        if let Some(row) = row {
            match way {
                Way::Hold(_) => round.push_held(row, call.id, session.manner(), &args, &local.batches),
                Way::Batch | Way::Unit => round.push(row, call.id, session.manner(), &args, shards, &local.batches, false),
            }
            continue;
        }
        match (call.handler, way) {
            (Handler::Here(here), _) => {
                let mut written = Vec::new();
                let result = here(session, &args, &mut Reply::new(&mut written, session.protocol));
                settle(session, call, result, &mut written);
                round.answer(session.protocol, false, |reply| reply.raw(&written));
            }
            (Handler::Ask(_) | Handler::Post(_), _) => later.push((round.answer_later(), *call)),
            (Handler::Data(_) | Handler::Waits(_) | Handler::Script(_), _) => {}
            (Handler::Container, _) => round.answer(session.protocol, false, |reply| reply.error(&Fault::Arity(call.spec.name).text())),
        }
    }
    later
}

/// The row that shards run, if they do. A script that is not known yet may be loaded before its turn comes, and may then look at any key.
fn row_of(session: &Session, call: &Queued, args: &Args<'_>) -> Option<&'static Row> {
    match call.handler {
        Handler::Data(row) | Handler::Waits(row) => Some(row),
        Handler::Script(script) => Some(session.place(script, args).unwrap_or(&script.far)),
        Handler::Here(_) | Handler::Ask(_) | Handler::Post(_) | Handler::Container => None,
    }
}

/// Counts a call that the session answered, and writes its fault if it has one.
fn settle(session: &Session, call: &Queued, result: Result<(), Fault>, written: &mut Vec<u8>) {
    let mut tally = session.local.tally.borrow_mut();
    tally.count(call.id, CommandTally { calls: 1, nanos: 0, failed: u64::from(result.is_err()) });
    if let Err(fault) = result {
        written.clear();
        Reply::new(written, session.protocol).error(&fault.text());
        fault.count_in(&mut tally.errors);
    }
}
