//! MONITOR: from now on this connection is shown what every client asks.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Asked, Session, subscribe};

pub(super) fn run<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        if session.in_block {
            return Err(Fault::Because("ERR MONITOR isn't allowed for DENY BLOCKING client"));
        }
        // Said once more it is not even answered, as in Redis.
        if subscribe::watch(session).await? {
            reply.ok();
        }
        Ok(())
    })
}
