//! A session that listens: how it joins and leaves, posts letters, and writes pushes between replies.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::command::{Fault, Published};
use crate::metrics::CommandTally;
use crate::pubsub::broker::Change;
use crate::pubsub::{Letter, Listener, Space, Taken};
use crate::resp::{Decoder, Reply};
use crate::session::local::Turn;
use crate::session::serve::{Ended, fill, write};
use crate::session::{Session, clients};

/// The broker ends with the first worker only.
const STOPPING: Fault = Fault::Because("ERR the server is stopping");

/// Subscribes to `names`, and confirms each of them under the name `verb`.
pub(super) async fn join(
    session: &mut Session,
    space: Space,
    verb: &str,
    names: impl Iterator<Item = &[u8]> + Clone,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let listener = listener(session)?;
    let place = session.local.board.broker.reserve().await.ok_or(STOPPING)?;
    // From here to the message there is no await: a client that goes away leaves nothing in the registry that its listener does not know of.
    let mut added = Vec::new();
    let mut counts = Vec::new();
    for name in names.clone() {
        added.extend(listener.join(space, name));
        counts.push(counted(&listener, space));
    }
    if !added.is_empty() {
        place.change(listener.id, Change::Join, space, added).await.map_err(|_| STOPPING)?;
    }
    let confirm = |reply: &mut Reply<'_>| names.zip(counts).for_each(|(name, count)| confirmation(reply, verb, Some(name), count));
    // What was sent on these channels meanwhile comes after the confirmations.
    if session.in_block {
        confirm(reply)
    } else {
        listener.confirm(true, confirm)
    }
    Ok(())
}

/// Unsubscribes from `names`, or from all of that kind if none are named, and confirms each of them.
pub(super) async fn leave<'a>(
    session: &mut Session,
    space: Space,
    verb: &str,
    names: impl ExactSizeIterator<Item = &'a [u8]>,
    reply: &mut Reply<'_>,
) -> Result<(), Fault> {
    let listener = listener(session)?;
    let place = session.local.board.broker.reserve().await.ok_or(STOPPING)?;
    let names: Vec<Arc<[u8]>> = if names.len() == 0 { listener.names(space) } else { names.map(Arc::from).collect() };
    let mut removed = Vec::new();
    let mut counts = Vec::with_capacity(names.len());
    for name in &names {
        removed.extend(listener.leave(space, name));
        counts.push(counted(&listener, space));
    }
    if !removed.is_empty() {
        place.change(listener.id, Change::Leave, space, removed).await.map_err(|_| STOPPING)?;
    }
    let confirm = |reply: &mut Reply<'_>| {
        if names.is_empty() {
            confirmation(reply, verb, None, counted(&listener, space));
        }
        names.iter().zip(counts).for_each(|(name, count)| confirmation(reply, verb, Some(name), count));
    };
    // What was sent on these channels until now comes before the confirmations.
    if session.in_block {
        confirm(reply)
    } else {
        listener.confirm(false, confirm)
    }
    Ok(())
}

/// Is shown what everybody does from now on (MONITOR). Says whether it was not already.
pub(super) async fn watch(session: &mut Session) -> Result<bool, Fault> {
    let listener = listener(session)?;
    let place = session.local.board.broker.reserve().await.ok_or(STOPPING)?;
    let Some(name) = listener.join(Space::Monitors, b"") else { return Ok(false) };
    place.change(listener.id, Change::Join, Space::Monitors, vec![name]).await.map_err(|_| STOPPING)?;
    Ok(true)
}

/// Unsubscribes from everything and confirms nothing (RESET).
pub(super) async fn leave_all(session: &mut Session) -> Result<(), Fault> {
    let Some(listener) = session.client.listener.get() else { return Ok(()) };
    let broker = &session.local.board.broker;
    for space in Space::ALL.into_iter().filter(|&space| listener.count(space) > 0) {
        let place = broker.reserve().await.ok_or(STOPPING)?;
        let names = listener.names(space);
        names.iter().for_each(|name| drop(listener.leave(space, name)));
        place.change(listener.id, Change::Leave, space, names).await.map_err(|_| STOPPING)?;
    }
    Ok(())
}

fn confirmation(reply: &mut Reply<'_>, verb: &str, name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(verb.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

/// What a confirmation counts: channels and patterns together, sharded channels for themselves.
fn counted(listener: &Listener, space: Space) -> usize {
    match space {
        Space::ShardChannels | Space::Monitors => listener.count(space),
        Space::Channels | Space::Patterns => listener.count(Space::Channels) + listener.count(Space::Patterns),
    }
}

/// This session's listener, known to its worker's desk from now on.
fn listener(session: &Session) -> Result<Rc<Listener>, Fault> {
    clients::listener(&session.local, &session.client).ok_or(STOPPING)
}

/// Waits for something to read, as [`fill`] does. `None`: meanwhile somebody has made this client a listener (CLIENT TRACKING REDIRECT).
pub(super) async fn idle<S: AsyncRead + Unpin>(
    session: &Session,
    stream: &mut S,
    input: &mut Option<Arc<Vec<u8>>>,
    decoder: &Decoder,
) -> Option<io::Result<usize>> {
    let mut filling = pin!(fill(stream, input, decoder, &session.local));
    poll_fn(|cx| match filling.as_mut().poll(cx) {
        Poll::Pending if session.client.listener.get().is_some() => Poll::Ready(None),
        read => read.map(Some),
    })
    .await
}

/// Waits for something to read, as [`fill`] does, and writes pushes meanwhile.
pub(super) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(
    session: &Session,
    stream: &mut S,
    input: &mut Option<Arc<Vec<u8>>>,
    decoder: &Decoder,
) -> io::Result<usize> {
    let Some(listener) = session.client.listener.get() else { return fill(stream, input, decoder, &session.local).await };
    loop {
        push_out(session, stream).await?;
        if session.client.ending.get() {
            return Ok(0);
        }
        let mut filling = pin!(fill(stream, input, decoder, &session.local));
        // What the client says comes first: it may want to hear less.
        let read = poll_fn(|cx| match filling.as_mut().poll(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => listener.poll_waiting(cx).map(|()| None),
        });
        if let Some(read) = read.await {
            return read;
        }
    }
}

/// Writes the pushes that wait, but not those that come meanwhile: a client that is sent more than it can take would never be listened to again.
pub(super) async fn push_out<S: AsyncWrite + Unpin>(session: &Session, stream: &mut S) -> io::Result<()> {
    let Some(listener) = session.client.listener.get() else { return Ok(()) };
    let (mut left, _) = listener.backlog();
    if left == 0 {
        return Ok(());
    }
    let was_busy = session.client.busy.replace(true);
    let mut turn = session.local.take_turn();
    while left > 0 {
        let (before, _) = listener.backlog();
        let taken = listener.take(&mut turn.scratch);
        let (after, _) = listener.backlog();
        left = left.saturating_sub(before - after);
        match taken {
            Taken::Nothing => break,
            Taken::Copied(bytes) => {
                write(session, stream, &turn.scratch).await?;
                listener.written(bytes);
            }
            Taken::Large { first, push } => {
                write(session, stream, first).await?;
                write(session, stream, push.rest()).await?;
                listener.written(push.len() as u64);
            }
        }
    }
    session.local.put_turn(turn);
    session.client.busy.set(was_busy);
    Ok(())
}

/// Sends letters to their listeners and says how many get each; those that the client gets itself are in its outbox then.
pub(super) async fn publish(session: &Session, letters: Vec<Letter>) -> Result<Vec<usize>, Ended> {
    let behind = session.client.listens().then(|| u32::try_from(session.local.index).unwrap_or(u32::MAX));
    session.local.board.broker.publish(letters, behind).await.ok_or(Ended)
}

/// Lets a client that listens have the events of what it has just done, before the answers.
pub(super) async fn catch_up<S: AsyncWrite + Unpin>(session: &Session, stream: &mut S) -> Result<(), Ended> {
    if session.local.settings().notify_keyspace_events.is_empty() {
        return Ok(());
    }
    // Nothing to publish: the answer comes behind what the shards have posted.
    publish(session, Vec::new()).await?;
    push_out(session, stream).await?;
    Ok(())
}

/// Posts the letters of a turn, and answers how many get each. A client that gets one itself gets it before the answer.
pub(super) async fn post<S: AsyncWrite + Unpin>(session: &Session, stream: &mut S, turn: &mut Turn) -> Result<(), Ended> {
    let local = &session.local;
    let listens = session.client.listens();
    let (letters, calls): (Vec<_>, Vec<_>) = turn.letters.drain(..).map(|(letter, id, silent)| (letter, (id, silent))).unzip();
    let counts = publish(session, letters).await?;
    if listens {
        push_out(session, stream).await?;
    }
    for ((id, silent), count) in calls.into_iter().zip(counts) {
        turn.round.answer(session.protocol, silent, |reply| reply.integer(i64::try_from(count).unwrap_or(i64::MAX)));
        local.tally.borrow_mut().count(id, CommandTally { calls: 1, nanos: 0, failed: 0 });
    }
    Ok(())
}

/// Posts what the scripts of a round published.
pub(super) async fn post_published(session: &Session, published: Vec<Published>) -> Result<(), Ended> {
    if published.is_empty() {
        return Ok(());
    }
    let letter = |Published { sharded, channel, message }: Published| match sharded {
        false => Letter::to_channel(&channel, &message),
        true => Letter::to_shard_channel(&channel, &message),
    };
    publish(session, published.into_iter().map(letter).collect()).await.map(|_| ())
}

/// Shows those who monitor what was done. They wait for nobody, and nobody waits for them.
pub(super) async fn show(session: &Session, turn: &mut Turn) -> Result<(), Ended> {
    if turn.shown.is_empty() {
        return Ok(());
    }
    let letter = Letter::to_monitors(std::mem::take(&mut turn.shown));
    session.local.board.broker.publish(vec![letter], None).await.ok_or(Ended)?;
    Ok(())
}
