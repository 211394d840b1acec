//! SHUTDOWN \[NOSAVE | SAVE\] \[NOW\] \[FORCE\] \[ABORT\]: saves what there is to save, lets everybody finish what they are doing, and ends the process.

use tokio::sync::oneshot;

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Asked, Session, Shutdown};
use crate::settings::Stop;

const FAILED: Fault = Fault::Because("ERR Errors trying to SHUTDOWN. Check logs.");

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let (mut how, mut abort) = (Stop::default(), false);
        for word in args.from(1) {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("nosave") && how.save != Some(true) => how.save = Some(false),
                () if is("save") && how.save != Some(false) => how.save = Some(true),
                () if is("now") => how.now = true,
                () if is("force") => how.force = true,
                () if is("abort") => abort = true,
                () => return Err(Fault::Syntax),
            }
        }
        if abort && how != Stop::default() {
            return Err(Fault::Syntax);
        }
        let door = &session.local.board.shutdown;
        if abort {
            let (answer, aborted) = oneshot::channel();
            let is_sent = door.send(Shutdown::Abort { answer }).await.is_ok();
            if !is_sent || !aborted.await.unwrap_or(false) {
                return Err(Fault::Because("ERR No shutdown in progress."));
            }
            reply.ok();
            return Ok(());
        }
        tracing::info!(client = %session.client.peer, "a client asked for the shutdown");
        let (answer, begun) = oneshot::channel();
        if door.send(Shutdown::Begin { how, answer }).await.is_err() {
            return Err(FAILED);
        }
        // Not to be answered means that the end has come.
        if matches!(begun.await, Ok(Err(_))) {
            return Err(FAILED);
        }
        // The end of the connection is the answer.
        session.closing = true;
        Ok(())
    })
}
