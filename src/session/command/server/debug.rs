//! DEBUG SLEEP and SET-ACTIVE-EXPIRE: for tests, and locked unless `enable-debug-command` opens them.

use std::time::Duration;

use crate::command::{Args, Fault};
use crate::resp::{Reply, number};
use crate::session::{Asked, Session};

/// The shards do nothing for a while, so that every call on data waits, on every connection; the connections themselves do not.
pub(super) fn sleep<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        // What is not a number is none, as in Redis.
        let seconds = number::parse_double(args.get(2)).unwrap_or(0.0).max(0.0);
        let how_long = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        session.local.router.hold_all(how_long).await.map_err(|_| Fault::Because("ERR the server is stopping"))?;
        reply.ok();
        Ok(())
    })
}

pub(super) fn set_active_expire(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let is_on = number::parse_integer(args.get(2)).unwrap_or(0) != 0;
    let value: &[u8] = if is_on { b"yes" } else { b"no" };
    let change = session.local.board.adjust(|settings| settings.set(&[(b"active-expire", value)], true));
    change.map_err(|fault| Fault::told(fault.to_string()))?;
    reply.ok();
    Ok(())
}
