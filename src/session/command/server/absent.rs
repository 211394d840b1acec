//! Modules and cluster mode, which are not there, and what clients that ask for them expect to hear.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

/// MODULE LIST: none.
pub(super) fn modules(_: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.array(0);
    Ok(())
}

/// MODULE LOAD, LOADEX and UNLOAD.
pub(super) fn locked(_: &mut Session, _: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    Err(Fault::Because(
        "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, \
         otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

/// CLUSTER, READONLY, READWRITE and ASKING. redis-cli --bigkeys goes on only after exactly this text.
pub(super) fn cluster(_: &mut Session, _: &Args<'_>, _: &mut Reply<'_>) -> Result<(), Fault> {
    Err(Fault::Because("ERR This instance has cluster support disabled"))
}
