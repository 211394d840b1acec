//! SELECT index: the database that later calls of this connection work on.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    // Redis reads a C int here.
    let index = i32::try_from(args.int(1)?)
        .map_err(|_| Fault::Because("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    let databases = session.local.settings().databases;
    let chosen = usize::try_from(index).ok().filter(|&index| index < databases).and_then(|index| u16::try_from(index).ok());
    session.select(chosen.ok_or(Fault::DatabaseOutOfRange)?);
    reply.ok();
    Ok(())
}
