//! TIME: the server's clock, in seconds and microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(_: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let now = i64::try_from(micros()).unwrap_or(i64::MAX);
    reply.array(2);
    reply.bulk_integer(now / 1_000_000);
    reply.bulk_integer(now % 1_000_000);
    Ok(())
}

/// Microseconds since 1970: finer than what deadlines are counted in.
pub(super) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
