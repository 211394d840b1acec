//! CLIENT ID, GETNAME, SETNAME, SETINFO, NO-EVICT, NO-TOUCH, REPLY and DURABILITY: what a connection says about itself.

use crate::command::{Args, Fault};
use crate::resp::Reply;
use crate::session::{Replies, Session};
use crate::shard::Durability;

pub(super) fn id(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.integer(session.client.number());
    Ok(())
}

pub(super) fn getname(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let name = session.client.name.borrow();
    if name.is_empty() {
        reply.null();
    } else {
        reply.bulk(&name);
    }
    Ok(())
}

pub(super) fn setname(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    check_name(args.get(2))?;
    name(session, args.get(2));
    reply.ok();
    Ok(())
}

/// Gives the connection a name that was checked.
pub(super) fn name(session: &Session, name: &[u8]) {
    session.client.name.replace(name.into());
}

pub(super) fn check_name(name: &[u8]) -> Result<(), Fault> {
    if is_one_word(name) {
        return Ok(());
    }
    Err(Fault::Because("ERR Client names cannot contain spaces, newlines or special characters."))
}

/// A space would end the field in a line of CLIENT LIST.
fn is_one_word(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}

pub(super) fn setinfo(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let client = &session.client;
    let field = match () {
        () if args.is(2, "lib-name") => &client.library_name,
        () if args.is(2, "lib-ver") => &client.library_version,
        () => return Err(Fault::told(format!("ERR Unrecognized option '{}'", String::from_utf8_lossy(args.get(2))))),
    };
    if !is_one_word(args.get(3)) {
        let option = String::from_utf8_lossy(args.get(2));
        return Err(Fault::told(format!("ERR {option} cannot contain spaces, newlines or special characters.")));
    }
    field.replace(String::from_utf8_lossy(args.get(3)).into());
    reply.ok();
    Ok(())
}

pub(super) fn no_evict(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    session.client.no_evict.set(switch(args)?);
    reply.ok();
    Ok(())
}

pub(super) fn no_touch(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let on = switch(args)?;
    session.touches = !on;
    session.client.no_touch.set(on);
    reply.ok();
    Ok(())
}

fn switch(args: &Args<'_>) -> Result<bool, Fault> {
    match () {
        () if args.is(2, "on") => Ok(true),
        () if args.is(2, "off") => Ok(false),
        () => Err(Fault::Syntax),
    }
}

/// The loop drops what is written while replies are off, the one to this call included.
pub(super) fn reply(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    match () {
        () if args.is(2, "on") => session.replies = Replies::On,
        () if args.is(2, "off") => session.replies = Replies::Off,
        () if args.is(2, "skip") => {
            if session.replies != Replies::Off {
                session.replies = Replies::SkipNext;
            }
        }
        () => return Err(Fault::Syntax),
    }
    reply.ok();
    Ok(())
}

/// When replies may leave, for this connection: `memory`, as soon as there is one; `disk`, when nothing that it tells can be lost any more; `server`, as
/// appendfsync says.
pub(super) fn durability(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    session.durability = match () {
        () if args.is(2, "memory") => Durability::Memory,
        () if args.is(2, "server") => Durability::Server,
        () if args.is(2, "disk") && session.local.board.pages.is_on() => Durability::Disk,
        () if args.is(2, "disk") => return Err(Fault::Because("ERR CLIENT DURABILITY disk needs appendonly")),
        () => return Err(Fault::Syntax),
    };
    reply.ok();
    Ok(())
}
