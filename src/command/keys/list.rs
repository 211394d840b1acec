//! What keys there are: TYPE of one, KEYS by pattern, RANDOMKEY.

use crate::command::{Args, Cx, Fault};
use crate::glob::Pattern;
use crate::resp::Reply;

pub(super) fn kind(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.simple(cx.peek(args.key(1)).map_or("none", |entry| entry.kind().name()));
    Ok(())
}

/// Keys after which the rest of the reply is guessed: as many of those to come match.
const FORESEEN_FROM: usize = 1000;

pub(super) fn keys(cx: &mut Cx<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let pattern = Some(args.get(1)).filter(|&pattern| pattern != b"*").map(|pattern| Pattern::new(pattern, false));
    let (now, database) = (cx.now, cx.database);
    let (mut found, mut looked_at) = (0, 0);
    let all: usize = cx.every().map(|keyspace| keyspace.database(database).len()).sum();
    let array = reply.array_of_about(all);
    let mark = reply.mark();
    for keyspace in cx.every() {
        keyspace.database(database).iter().for_each(|entry| {
            if !entry.is_due(now) && pattern.as_ref().is_none_or(|pattern| pattern.matches(entry.key())) {
                reply.bulk(entry.key());
                found += 1;
            }
            looked_at += 1;
            if looked_at == FORESEEN_FROM {
                reply.foresee(mark, FORESEEN_FROM, all.saturating_sub(FORESEEN_FROM));
            }
        });
    }
    reply.close(array, found);
    Ok(())
}

/// How many keys that are due, but not yet removed, are met before the search is given up.
const TRIES_MAX: usize = 100;

pub(super) fn randomkey(cx: &mut Cx<'_>, _args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let (now, database) = (cx.now, cx.database);
    let keys: usize = cx.every().map(|keyspace| keyspace.database(database).len()).sum();
    for _ in 0..TRIES_MAX {
        let (place, seed) = (cx.random(), cx.random());
        // Of several keyspaces, a larger one is the likelier.
        let Some(mut place) = place.checked_rem(keys as u64) else { break };
        for keyspace in cx.every() {
            let data = keyspace.database(database);
            match place.checked_sub(data.len() as u64) {
                Some(beyond) => place = beyond,
                None => {
                    if let Some(entry) = data.random(seed).filter(|entry| !entry.is_due(now)) {
                        reply.bulk(entry.key());
                        return Ok(());
                    }
                    break;
                }
            }
        }
    }
    reply.null();
    Ok(())
}
