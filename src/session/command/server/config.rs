//! CONFIG GET, SET, RESETSTAT and REWRITE: the settings of the running daemon.

use crate::command::{Args, Fault};
use crate::glob;
use crate::resp::Reply;
use crate::session::{Asked, Session};

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
pub(super) fn set(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if !args.len().is_multiple_of(2) {
        return Err(Fault::Syntax);
    }
    let changes: Vec<(&[u8], &[u8])> = args.pairs(2).collect();
    let local = session.client.is_local();
    session.local.board.adjust(|settings| settings.set(&changes, local)).map_err(|fault| Fault::told(fault.to_string()))?;
    reply.ok();
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
