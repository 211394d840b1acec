//! BGREWRITEAOF: the log is written anew, as what makes the data that there are, and what led to them is forgotten.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Local, Session};
use crate::shard::Durability;
use crate::shard::pages::{Pages, Turn};

const OFF: Fault = Fault::Because("ERR BGREWRITEAOF needs appendonly");
const BUSY: Fault = Fault::Because("ERR Background append only file rewriting already in progress");

pub(super) fn run(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let local = &session.local;
    if !local.board.pages.is_on() {
        return Err(OFF);
    }
    if local.board.journal.rewriting.load(Ordering::Acquire) {
        return Err(BUSY);
    }
    tokio::task::spawn_local(rewrite(local.clone()));
    reply.simple("Background append only file rewriting started");
    Ok(())
}

/// Writes the log anew if it has grown too much, or cannot be trusted any more.
pub(crate) fn if_due(local: &Rc<Local>) {
    let board = &local.board;
    if !board.pages.is_on() || board.journal.rewriting.load(Ordering::Acquire) {
        return;
    }
    let (percentage, min_size) = {
        let settings = local.settings();
        (settings.auto_aof_rewrite_percentage, settings.auto_aof_rewrite_min_size)
    };
    if board.journal.broken.load(Ordering::Acquire) || board.journal.is_overgrown(percentage, min_size) {
        tokio::task::spawn_local(rewrite(local.clone()));
    }
}

/// Writes the log anew.
async fn rewrite(local: Rc<Local>) {
    let (journal, began) = (local.board.journal.clone(), Instant::now());
    if journal.rewriting.swap(true, Ordering::AcqRel) {
        return;
    }
    let done = make(&local).await;
    journal.rewrite_millis.store(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    match done {
        Ok(()) => {
            journal.rewrites.fetch_add(1, Ordering::Relaxed);
            journal.rewrites_failed.store(0, Ordering::Relaxed);
            tracing::info!(bytes = journal.size.load(Ordering::Relaxed), "the journal was written anew");
        }
        Err(why) => {
            journal.rewrites_failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(why, "the journal could not be written anew; the old files stay");
        }
    }
    journal.rewriting.store(false, Ordering::Release);
}

/// With the keyspaces of all shards in hand a new file begins, and all data are told as its first page; then what was before is history.
async fn make(local: &Local) -> Result<(), String> {
    let mut hold = local.router.hold(u64::MAX).await.map_err(|_| "the server is stopping".to_owned())?;
    let pages = &local.board.pages;
    if !pages.is_on() {
        return Err("the journal is off".to_owned());
    }
    let turned = pages.begin_turn(Turn::NewFile);
    hold.held().record_all();
    hold.finish(Durability::Memory).await;
    Pages::turned(turned).await?;
    pages.turn(Turn::BaseDone { bytes: None }).await
}
