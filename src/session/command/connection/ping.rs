//! PING \[message\] and ECHO message: is anybody there?

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::Session;

pub(super) fn run(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match args.len() {
        // In the form of a message, which is what such a client waits for.
        words @ 1..=2 if session.is_confined() => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(if words == 2 { args.get(1) } else { b"" });
        }
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.get(1)),
        _ => return Err(Fault::Arity("ping")),
    }
    Ok(())
}

pub(super) fn echo(_: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.bulk(args.get(1));
    Ok(())
}
