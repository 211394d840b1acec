//! WATCH key [key ...] and UNWATCH: EXEC runs only if no watched key was changed.
//!
//! The keys are registered with the shards that own them, by a row of its own that no client can name: a call like any other, and so in order with
//! all others.

use std::sync::Arc;

use crate::command::{Args, Fault, WATCH};
use crate::resp::Reply;
use crate::router::Way;
use crate::session::{Asked, Session, UNCOUNTED};
use crate::shard::batch::Watching;

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        if session.transaction.is_some() {
            return Err(Fault::Because("ERR WATCH inside MULTI is not allowed"));
        }
        let local = session.local.clone();
        let manner = session.manner();
        let watched = session.watched.get_or_insert_default();
        watched.keys.extend(args.from(1).map(Box::from));
        let mut input = Vec::new();
        let Some(words) = args.copy_to(&mut input) else { return Err(Fault::StringTooLong) };
        let mut turn = local.take_turn();
        turn.round.push(&WATCH, UNCOUNTED, manner, &Args::new(&input, &words), local.router.shards(), &local.batches, false);
        let way = if turn.round.is_unit() { Way::Unit } else { Way::Batch };
        turn.round.close_block(way, &Watching::From(watched.watch.clone()));
        let sent = local.router.send(&mut turn.round, Arc::new(input)).await;
        turn.round.reset(&local.batches);
        local.put_turn(turn);
        sent.map_err(|_| Fault::Because("ERR the server is stopping"))?;
        reply.ok();
        Ok(())
    })
}

pub(super) fn unwatch(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    session.watched = None;
    reply.ok();
    Ok(())
}
