//! MULTI begins a transaction, DISCARD ends it with nothing done.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if session.transaction.is_some() {
        return Err(Fault::Because("ERR MULTI calls can not be nested"));
    }
    session.transaction = Some(Box::default());
    session.tell_queued();
    reply.ok();
    Ok(())
}

pub(super) fn discard(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if session.transaction.is_none() {
        return Err(Fault::Because("ERR DISCARD without MULTI"));
    }
    session.forget_transaction();
    reply.ok();
    Ok(())
}
