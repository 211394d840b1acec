//! MONITOR: from now on this connection is shown what every client asks.

use crate::command::Args;
use crate::resp::Reply;
use crate::session::{Asked, Session, subscribe};

pub(super) fn run<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        // Said once more it is not even answered, as in Redis.
        if subscribe::watch(session).await? {
            reply.ok();
        }
        Ok(())
    })
}
