//! SCRIPT LOAD, EXISTS, SHOW, FLUSH, KILL, DEBUG: the scripts that the server knows, and the one that runs.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::script::Kill;
use crate::session::Session;
use crate::time::UnixMillis;

pub(super) fn load(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let digest = session.local.scripts.load(args.get(2))?;
    reply.bulk(digest.hex().as_bytes());
    Ok(())
}

pub(super) fn exists(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.array(args.len() - 2);
    args.from(2).for_each(|digest| reply.integer(i64::from(session.local.scripts.knows(digest))));
    Ok(())
}

pub(super) fn show(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let text = session.local.scripts.text(args.get(2));
    reply.bulk(&text.ok_or(Fault::Because("NOSCRIPT No matching script. Please use EVAL."))?);
    Ok(())
}

/// SYNC and ASYNC are the same: texts are freed by whoever lets go of them last.
pub(super) fn flush(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.len() > 3 || (args.len() == 3 && !args.is(2, "sync") && !args.is(2, "async")) {
        return Err(Fault::Because("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    session.local.scripts.flush();
    reply.ok();
    Ok(())
}

pub(super) fn kill(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    end_running(session, false, reply)
}

/// Ends the script, or the function, that runs.
pub(super) fn end_running(session: &Session, functions: bool, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let threshold = session.local.settings().busy_reply_threshold;
    match session.local.board.scripts.watchdog.kill(functions, threshold, UnixMillis::now()) {
        Kill::Done => {
            reply.ok();
            Ok(())
        }
        Kill::NotBusy => Err(Fault::Because("NOTBUSY No scripts in execution right now.")),
        Kill::Unkillable => Err(Fault::Because(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination \
             or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        )),
        Kill::Other if functions => {
            Err(Fault::Because("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."))
        }
        Kill::Other => Err(Fault::Because("BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.")),
    }
}

pub(super) fn debug(_: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    if args.is(2, "no") {
        reply.ok();
        return Ok(());
    }
    if args.is(2, "yes") || args.is(2, "sync") {
        return Err(Fault::Because("ERR there is no debugger for scripts here"));
    }
    Err(Fault::Because("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
}
