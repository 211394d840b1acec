//! COMMAND and its kin: what there is to call, told from the rows of the tables.

pub(super) mod describe;
pub(super) mod docs;
pub(super) mod keys;
pub(super) mod list;
mod syntax;

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Entry, Registry, Session};

/// Finds `name` or `container|name`, in any case.
fn find<'r>(registry: &'r Registry, name: &[u8]) -> Option<&'r Entry> {
    let mut parts = name.splitn(2, |&byte| byte == b'|');
    let entry = registry.find(parts.next()?)?;
    match parts.next() {
        Some(sub) => listed(entry).iter().find(|entry| entry.short_name().as_bytes().eq_ignore_ascii_case(sub)),
        None => Some(entry),
    }
}

/// The subcommands that COMMAND tells of. DEBUG does not tell of its own, in Redis neither.
fn listed(entry: &Entry) -> &[Entry] {
    if entry.is_debug() { &[] } else { &entry.subcommands }
}

/// COMMAND COUNT
pub(super) fn count(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.integer(i64::try_from(session.local.board.registry.entries().len()).unwrap_or(i64::MAX));
    Ok(())
}
