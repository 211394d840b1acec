//! CONFIG GET, SET, RESETSTAT and REWRITE: the settings of the running daemon.

use crate::command::{Args, Fault};
use crate::glob;
use crate::resp::Reply;
use crate::session::{Asked, Session};
use crate::shard::pages::Turn;

pub(super) fn get(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    let found = session.local.settings().get(&patterns, glob::matches);
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    Ok(())
}

/// All directives change, or none.
pub(super) fn set<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        if !args.len().is_multiple_of(2) {
            return Err(Fault::Syntax);
        }
        let changes: Vec<(&[u8], &[u8])> = args.pairs(2).collect();
        let is_local = session.client.is_local();
        let board = session.local.board.clone();
        board.adjust(|settings| settings.set(&changes, is_local)).map_err(|fault| Fault::told(fault.to_string()))?;
        let wanted = board.settings.borrow().appendonly;
        if wanted != board.pages.is_on()
            && let Err(why) = switch_journal(session, wanted).await
        {
            tracing::error!(why, "the journal could not be switched");
            let back: &[u8] = if wanted { b"no" } else { b"yes" };
            let _ = board.adjust(|settings| settings.set(&[(b"appendonly", back)], true));
            return Err(Fault::told(format!("ERR CONFIG SET failed (possibly related to argument 'appendonly') - {why}")));
        }
        reply.ok();
        Ok(())
    })
}

/// Lets the journal begin or end, at one place of the history of all shards: nothing is written while their keyspaces are in hand.
async fn switch_journal(session: &Session, on: bool) -> Result<(), String> {
    let local = &session.local;
    let mut hold = local.router.hold(u64::MAX).await.map_err(|_| "the server is stopping".to_owned())?;
    if local.board.pages.is_on() == on {
        return Ok(());
    }
    if on {
        local.board.pages.turn(Turn::Open { base: None }).await?;
        hold.record(true);
        hold.held().record_all();
    } else {
        hold.record(false);
        local.board.pages.turn(Turn::Close).await?;
    }
    hold.finish(session.durability).await;
    Ok(())
}

pub(super) fn resetstat<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        session.local.reset_statistics().await;
        reply.ok();
        Ok(())
    })
}

/// The daemon's file has sections and comments that nothing here could keep, so it is never written; the error is the one that a server without
/// a file gives, since tools know it.
pub(super) fn rewrite(_: &mut Session, _: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    Err(Fault::Because("ERR The server is running without a config file"))
}
