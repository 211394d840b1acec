//! COMMAND GETKEYS and GETKEYSANDFLAGS: which words of a call are keys.

use crate::command::{Access, Args, Fault, Find, Flags, keys_of};
use crate::resp::Reply;
use crate::session::{Entry, Session};

use super::describe;

pub(crate) fn getkeys(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let call = args.after(2);
    let keys = keys(session, &call)?;
    reply.array(keys.len());
    keys.iter().for_each(|&(at, _)| reply.bulk(call.key(at)));
    Ok(())
}

pub(crate) fn getkeysandflags(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let call = args.after(2);
    let keys = keys(session, &call)?;
    reply.array(keys.len());
    for (at, access) in keys {
        reply.array(2);
        reply.bulk(call.key(at));
        describe::words(reply, access.names());
    }
    Ok(())
}

/// The keys of a call, by their words' places.
fn keys(session: &Session, call: &Args<'_>) -> Result<Vec<(usize, Access)>, Fault> {
    let named = session.local.board.registry.find(call.get(0));
    let entry: Option<&Entry> = named.and_then(|entry| match entry.subcommands.as_slice() {
        [] => Some(entry),
        _ if call.len() < 2 => Some(entry),
        _ => entry.subcommand(call.get(1)),
    });
    let Some(Entry { spec, .. }) = entry else { return Err(Fault::Because("ERR Invalid command specified")) };
    // Channels are described as keys are, and are none.
    if spec.keys.iter().all(|keys| keys.access == Access::NOT_KEY) {
        return Err(Fault::Because("ERR The command has no key arguments"));
    }
    if !spec.arity.admits(call.len()) {
        return Err(Fault::Because("ERR Invalid number of arguments specified for command"));
    }
    // Keys that may be left out (PFMERGE's sources) may not be here.
    if spec.keys.iter().any(|keys| matches!(keys.find, Find::Range { .. }) && keys.begin >= call.len()) {
        return Err(Fault::Because("ERR Invalid arguments specified for command"));
    }
    let mut keys = Vec::new();
    match keys_of(spec, call, |at, access| keys.push((at, access))) {
        Ok(()) => Ok(keys),
        Err(_) if spec.flags.has(Flags::NO_MANDATORY_KEYS) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}
