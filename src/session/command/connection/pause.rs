//! CLIENT PAUSE timeout [WRITE | ALL] and CLIENT UNPAUSE: everybody waits.
//!
//! As in redis-server, a pause of ALL holds every call that passed the gates before it, CLIENT UNPAUSE included: only time ends it. A pause of
//! WRITE holds what may change data or reach replicas.

use crate::command::{Args, Fault};
use crate::resp::{Reply, number};
use crate::session::{Session, misused};
use crate::time::UnixMillis;

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let writes_only = match args.len() {
        3 => false,
        4 if args.is(3, "write") => true,
        4 if args.is(3, "all") => false,
        4 => return Err(Fault::Because("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(misused(args)),
    };
    let timeout = number::parse_integer(args.get(2)).ok_or(Fault::Because("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Fault::Because("ERR timeout is negative"))?;
    let now = UnixMillis::now();
    session.local.board.pause.begin(UnixMillis(now.0.saturating_add(timeout)), writes_only, now);
    reply.ok();
    Ok(())
}

pub(super) fn end(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    session.local.board.pause.end();
    reply.ok();
    Ok(())
}
