//! SHUTDOWN \[NOSAVE | SAVE\] \[NOW\] \[FORCE\] \[ABORT\]: lets everybody finish what they are doing and ends the process.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(session: &mut Session, args: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    let (mut save, mut nosave, mut force, mut now, mut abort) = (false, false, false, false, false);
    for word in args.from(1) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("nosave") => nosave = true,
            () if is("save") => save = true,
            () if is("now") => now = true,
            () if is("force") => force = true,
            () if is("abort") => abort = true,
            () => return Err(Fault::Syntax),
        }
    }
    if save && nosave || abort && (save || nosave || now || force) {
        return Err(Fault::Syntax);
    }
    if abort {
        // Who could still send this is not served any more once a shutdown is under way.
        return Err(Fault::Because("ERR No shutdown in progress."));
    }
    if save && !force {
        tracing::error!("SHUTDOWN SAVE was refused: nothing can be saved yet");
        return Err(Fault::Because("ERR Errors trying to SHUTDOWN. Check logs."));
    }
    tracing::info!(client = %session.client.peer, "a client asked for the shutdown");
    session.local.board.stop();
    // The end of the connection is the answer.
    session.closing = true;
    Ok(())
}
