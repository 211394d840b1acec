//! CLIENT UNBLOCK id \[TIMEOUT | ERROR\]: a client that waits for a key gives up.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Asked, Session, Unblocked, clients, misused};

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let how = match args.len() {
            3 => Unblocked::Timeout,
            4 if args.is(3, "timeout") => Unblocked::Timeout,
            4 if args.is(3, "error") => Unblocked::Error,
            4 => return Err(Fault::Because("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
            _ => return Err(misused(&args)),
        };
        let id = args.int(2)?;
        let unblocked = clients::look_at_all(&session.local, || {
            Box::new(move |client| (client.number() == id && client.unblock(how)).then(String::new))
        })
        .await;
        reply.integer(i64::from(!unblocked.is_empty()));
        Ok(())
    })
}
