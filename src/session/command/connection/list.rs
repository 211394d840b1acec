//! CLIENT LIST [TYPE type] [ID id ...] and CLIENT INFO: clients, a line for each.

use std::fmt::Write;

use crate::command::{Args, Fault};
use crate::pubsub::{Space, Tracking};
use crate::resp::{Reply, number};
use crate::session::command::connection::filter::Kind;
use crate::session::{Asked, Client, Registry, Session, clients};
use crate::time::UnixMillis;

pub(super) fn info(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let line = line(&session.client, &session.local.board.registry, UnixMillis::now());
    reply.verbatim("txt", line.as_bytes());
    Ok(())
}

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let (mut kind, mut ids) = (None, Vec::new());
        if args.len() == 4 && args.is(2, "type") {
            kind = Some(Kind::read(args.get(3))?);
        } else if args.len() > 3 && args.is(2, "id") {
            for word in args.from(3) {
                ids.push(number::parse_integer(word).ok_or(Fault::Because("ERR Invalid client ID"))?);
            }
        } else if args.len() != 2 {
            return Err(Fault::Syntax);
        }
        let now = UnixMillis::now();
        let lines = clients::look_at_all(&session.local, || {
            let (board, ids) = (session.local.board.clone(), ids.clone());
            Box::new(move |client| {
                let wanted = kind.is_none_or(|kind| kind == Kind::of(client)) && (ids.is_empty() || ids.contains(&client.number()));
                wanted.then(|| line(client, &board.registry, now))
            })
        })
        .await;
        let mut text = String::new();
        if ids.is_empty() {
            text.extend(lines.iter().map(|(_, line)| line.as_str()));
        } else {
            // In the order in which they were named, and as often.
            let found = |id| lines.iter().find(move |(found, _)| i64::try_from(*found) == Ok(id)).map(|(_, line)| line.as_str());
            text.extend(ids.into_iter().filter_map(found));
        }
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    })
}

/// One client, as Redis 7.2 writes it, with its line end.
fn line(client: &Client, registry: &Registry, now: UnixMillis) -> String {
    let (age, idle) = (now.since(client.created) / 1000, now.since(client.last_used.get()) / 1000);
    let command = client.command.get().map_or("NULL", |id| registry.name(id));
    let query_bytes = client.query_bytes.get();
    let (multi, multi_bytes) = client.queued.get().map_or((-1, 0), |(calls, bytes)| (i64::try_from(calls).unwrap_or(i64::MAX), bytes));
    // Buffers belong to the worker and are lent while there is something to do, so that a client at rest holds its record only.
    let listens = |space| client.listener.get().map_or(0, |listener| listener.count(space));
    let (pushes, push_bytes) = client.listener.get().map_or((0, 0), |listener| listener.backlog());
    let held = query_bytes + multi_bytes + usize::try_from(push_bytes).unwrap_or(0);
    let total = std::mem::size_of::<Session>() + std::mem::size_of::<Client>() + held;
    let mut line = String::with_capacity(320);
    // Writing to a String cannot fail.
    let _ = write!(line, "id={} addr={} laddr={} fd={}", client.id, client.peer, client.own, client.descriptor);
    let _ = write!(line, " name={} age={age} idle={idle}", String::from_utf8_lossy(&client.name.borrow()));
    let _ = write!(line, " flags={} db={}", Flags(client), client.database.get());
    let (sub, psub, ssub) = (listens(Space::Channels), listens(Space::Patterns), listens(Space::ShardChannels));
    let _ = write!(line, " sub={sub} psub={psub} ssub={ssub} multi={multi}");
    let _ = write!(line, " qbuf={query_bytes} qbuf-free=0 argv-mem=0 multi-mem={multi_bytes} rbs=0 rbp=0");
    let _ = write!(line, " obl=0 oll={pushes} omem={push_bytes}");
    let _ = write!(line, " tot-mem={total} events=r cmd={command} user={} redir={}", client.user.borrow(), client.redirect());
    let _ =
        write!(line, " resp={} lib-name={} lib-ver={}", client.resp.get(), client.library_name.borrow(), client.library_version.borrow());
    line.push('\n');
    line
}

/// The letters of the `flags` field, in Redis's order.
struct Flags<'a>(&'a Client);

impl std::fmt::Display for Flags<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let client = self.0;
        let tracks =
            |is: &dyn Fn(&Tracking) -> bool| client.listener.get().is_some_and(|listener| listener.tracking().as_ref().is_some_and(is));
        let letters = [
            (client.monitors(), 'O'),
            (client.listens(), 'P'),
            (client.queued.get().is_some(), 'x'),
            (tracks(&|_| true), 't'),
            (tracks(&|tracking| tracking.is_broken), 'R'),
            (tracks(&|tracking| tracking.prefixes.is_some()), 'B'),
            (client.waits(), 'b'),
            (client.ending.get(), 'A'),
            (client.unix, 'U'),
            (client.no_evict.get(), 'e'),
            (client.no_touch.get(), 'T'),
        ];
        let mut set = letters.into_iter().filter(|&(is_set, _)| is_set).peekable();
        if set.peek().is_none() {
            return f.write_char('N');
        }
        set.try_for_each(|(_, letter)| f.write_char(letter))
    }
}
