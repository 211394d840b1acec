//! The loop of a conversation: read, take up every whole request, let the shards work, write once.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::command::{Args, Fault, Flags, Patience, Row};
use crate::metrics::CommandTally;
use crate::resp::{self, Decoder, Reply, Span, Violation};
use crate::router::{Round, ShardsGone, WaitingCall};
use crate::session::admit::{Refusal, admit, find};
use crate::session::local::{READ_BYTES, Turn};
use crate::session::{Ask, Entry, Handler, Local, Replies, Session, monitor, subscribe, wait};
use crate::time::UnixMillis;

/// What a client that has not said who he is may have unread in our buffer before we hang up.
const UNAUTHENTICATED_QUERY_BYTES_MAX: usize = 1 << 20;

/// What the session's own answers to one read may take before they are written: some commands answer a hundred thousand bytes to ten. A stranger
/// gets less.
const ANSWERED_BYTES_MAX: usize = 256 << 10;
const UNAUTHENTICATED_ANSWERED_BYTES_MAX: usize = 16 << 10;

/// Letters posted at once: enough to share a message to the broker, not so many that other publishers wait long for it.
const LETTERS_MAX: usize = 128;

/// Why taking up requests stopped.
enum Stop {
    /// There is enough to write.
    Enough,
    /// The buffer holds no further whole request.
    NeedsMore,
    /// The next request has to wait until everything before it is answered: this handler must ask others.
    Barrier { ask: Ask, id: u16, start: usize, end: usize },
    /// As with a barrier; and the call, whose words are all of the turn's, may then wait for what is not there yet.
    Wait { row: &'static Row, id: u16, patience: Patience },
    /// The next request has to wait until the pause is over; it begins here.
    Paused { at: usize },
    /// The client broke the protocol, or said goodbye: nothing more is read.
    Close,
}

/// Serves one client until it leaves, breaks the protocol or is ended.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut session: Session, mut stream: S) {
    let local = session.local.clone();
    let mut decoder = Decoder::new();
    let mut input: Option<Arc<Vec<u8>>> = None;
    poll_fn(|cx| {
        session.client.wakes_by(cx.waker());
        Poll::Ready(())
    })
    .await;
    loop {
        session.client.busy.set(false);
        if session.client.ending.get() || local.stopping.get() {
            return linger(&session, &mut stream).await;
        }
        let filled = if session.client.listener.get().is_some() {
            subscribe::listen(&session, &mut stream, &mut input, &decoder).await
        } else {
            let Some(filled) = subscribe::idle(&session, &mut stream, &mut input, &decoder).await else { continue };
            filled
        };
        match filled {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                local.counters().bytes_in.add(read as u64);
                session.client.bytes_in.set(session.client.bytes_in.get() + read as u64);
            }
        }
        // What a client is told of what it keeps comes before the answer to what it asks afterwards.
        if session.tracks && subscribe::push_out(&session, &mut stream).await.is_err() {
            return;
        }
        session.client.busy.set(true);
        session.client.last_used.set(local.coarse_now.get());
        let mut turn = local.take_turn();
        let ended = answer(&mut session, &mut stream, &mut decoder, &mut input, &mut turn).await;
        local.put_turn(turn);
        if ended.is_err() || session.closing {
            return linger(&session, &mut stream).await;
        }
    }
}

/// How long a client whose connection we end may take to read our last words.
const LINGER: Duration = Duration::from_millis(500);

/// Says that nothing more will come, and throws away what the client still sends, until it hangs up too or its time is over: a socket closed
/// with unread bytes in it is reset, and what we said last may be lost.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(session: &Session, stream: &mut S) {
    session.hang_up();
    let last_words = async {
        stream.shutdown().await?;
        while poll_fn(|cx| poll_discard(stream, cx)).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever becomes of it, the connection is over.
    let _ = tokio::time::timeout(LINGER, last_words).await;
}

/// Reads bytes that nobody wants. They pass over the stack, and only while there are any.
fn poll_discard<S: AsyncRead + Unpin>(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut void = [MaybeUninit::uninit(); 2048];
    let mut read = ReadBuf::uninit(&mut void);
    ready!(pin!(stream).poll_read(cx, &mut read))?;
    Poll::Ready(Ok(read.filled().len()))
}

/// Reads once into the session's buffer; takes a spare buffer only while there is something to read.
pub(super) async fn fill<S: AsyncRead + Unpin>(
    stream: &mut S,
    input: &mut Option<Arc<Vec<u8>>>,
    decoder: &Decoder,
    local: &Local,
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut buffer = input.take().unwrap_or_else(|| local.take_buffer());
        // Nobody else holds the session's own buffer between reads.
        let Some(bytes) = Arc::get_mut(&mut buffer) else { return Poll::Ready(Err(io::ErrorKind::Other.into())) };
        if bytes.capacity() - bytes.len() < READ_BYTES / 4 {
            // Room for what the unfinished request is known to need, but never more than has already arrived: an announced length alone
            // allocates nothing.
            let more = decoder.wanted().clamp(READ_BYTES, bytes.len().max(READ_BYTES));
            bytes.reserve(more);
        }
        let read = pin!(stream.read_buf(bytes)).poll(cx);
        if read.is_pending() && bytes.is_empty() {
            local.put_buffer(buffer);
        } else {
            *input = Some(buffer);
        }
        read
    })
    .await
}

use std::future::Future;

/// Answers everything whole in the buffer; leaves what is not whole at the front of one.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    decoder: &mut Decoder,
    input: &mut Option<Arc<Vec<u8>>>,
    turn: &mut Turn,
) -> Result<(), Ended> {
    let mut at = 0;
    loop {
        let Some(mut buffer) = input.take() else { return Ok(()) };
        let Some(bytes) = Arc::get_mut(&mut buffer) else { return Err(Ended) };
        let (stop, consumed) = take_up(session, decoder, bytes, at, turn);
        at = consumed;
        if let Some(transaction) = session.transaction.as_deref_mut()
            && !transaction.keep(bytes)
        {
            return Err(Ended);
        }
        buffer = flush(session, stream, buffer, turn).await?;
        match stop {
            Stop::NeedsMore => {
                let kept = keep_rest(session, buffer, at)?;
                *input = kept;
                return Ok(());
            }
            Stop::Barrier { ask, id, start, end } => {
                // The words of the request stay in `turn.words[start..]`.
                let args = Args::new(&buffer, &turn.words[start..end]);
                ask_others(session, stream, ask, id, args, &mut turn.scratch).await?;
                if session.local.board.broker.is_watched() {
                    let entry = find(&session.local.board.registry, &args);
                    entry.into_iter().for_each(|entry| monitor::show(&mut turn.shown, session, entry.spec, &args));
                    subscribe::show(session, turn).await?;
                }
                turn.words.clear();
                session.spend_choice(session.local.clone().board.registry.name(id));
            }
            Stop::Wait { row, id, patience } => {
                let args = Args::new(&buffer, &turn.words);
                let mut bytes = Vec::new();
                let spans = args.copy_to(&mut bytes).ok_or(Ended)?;
                if session.local.board.broker.is_watched() {
                    monitor::show(&mut turn.shown, session, &row.spec, &args);
                    subscribe::show(session, turn).await?;
                }
                let call = WaitingCall { row, id, manner: session.manner(), input: Arc::new(bytes), spans };
                // Nothing is kept for a client that waits but what it says meanwhile.
                *input = keep_rest(session, buffer, at)?;
                at = 0;
                session.local.put_turn(Box::new(std::mem::take(turn)));
                // In a box, so that those who never wait have no place for it.
                Box::pin(wait::run(session, stream, decoder, input, call, patience)).await?;
                session.spend_choice(row.spec.name);
                if session.client.ending.get() {
                    return Err(Ended);
                }
                continue;
            }
            Stop::Paused { at: held } => {
                at = held;
                let local = session.local.clone();
                local.board.pause.over().await;
                if local.stopping.get() {
                    // It was held until all was saved: it comes too late, and is not answered.
                    return Err(Ended);
                }
            }
            Stop::Close => {
                session.closing = true;
                return Ok(());
            }
            Stop::Enough => {}
        }
        if session.closing {
            return Ok(());
        }
        *input = Some(buffer);
    }
}

/// The connection is over; nothing more can be said on it.
pub(super) struct Ended;

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Ended {
        Ended
    }
}

impl From<ShardsGone> for Ended {
    fn from(_: ShardsGone) -> Ended {
        Ended
    }
}

/// Takes up whole requests from `at` on, until there is none or one that has to wait. Says where the next one begins.
fn take_up(session: &mut Session, decoder: &mut Decoder, bytes: &mut [u8], mut at: usize, turn: &mut Turn) -> (Stop, usize) {
    let local = session.local.clone();
    let registry = &local.board.registry;
    let mut paused = local.board.pause.is_set();
    let busy = if local.board.scripts.watchdog.is_any_held() { session.busy() } else { None };
    // Whether something is to be done behind each call.
    let mut is_attended = local.board.broker.is_watched() || session.has_chosen;
    let is_sound = local.board.health.is_sound();
    let mut limits = query_limits(session);
    let shards = local.router.shards();
    let mut last: Option<(&Entry, Span)> = None;
    loop {
        turn.words.clear();
        let end = match decoder.next(bytes, at, &limits, &mut turn.words) {
            Ok(Some(end)) => end,
            Ok(None) => return (Stop::NeedsMore, at),
            Err(_) if !turn.letters.is_empty() => {
                // Their answers come before the complaint.
                *decoder = Decoder::new();
                return (Stop::Enough, at);
            }
            Err(violation) => {
                complain(session, turn, &violation);
                return (Stop::Close, at);
            }
        };
        if turn.words.is_empty() {
            at = end;
            continue;
        }
        let args = Args::new(bytes, &turn.words);
        // A pipeline mostly repeats one command: compare with the last, byte for byte, before looking the name up.
        let admitted = match last {
            Some((entry, name))
                if args.get(0) == name.of(bytes) && session.authenticated && is_sound && entry.spec.arity.admits(args.len()) =>
            {
                Ok(entry)
            }
            _ => admit(session, registry, &args),
        };
        let admitted = match &busy {
            None => admitted,
            Some(fault) => admitted.and_then(|entry| undisturbed(entry, fault)),
        };
        if paused && admitted.as_ref().is_ok_and(|entry| session.is_held(entry, UnixMillis::now())) {
            return (Stop::Paused { at }, at);
        }
        // Nothing asked after a letter overtakes it.
        if !turn.letters.is_empty() && !admitted.as_ref().is_ok_and(|entry| matches!(entry.handler, Handler::Post(_))) {
            return (Stop::Enough, at);
        }
        if session.replies == Replies::SkipNext {
            session.replies = Replies::SkipThis;
        }
        let silent = session.replies != Replies::On;
        let entry = match admitted {
            Ok(entry) => entry,
            Err(refusal) => {
                refuse(session, turn, &refusal);
                if has_enough(session, turn) {
                    return (Stop::Enough, end);
                }
                at = end;
                continue;
            }
        };
        session.client.command.set(Some(entry.id));
        if session.transaction.is_some() && !entry.spec.flags.has(Flags::IMMEDIATE) {
            if !queue(session, &mut turn.round, entry, &args) {
                return (Stop::Close, end);
            }
            at = end;
            continue;
        }
        let mut is_enough = false;
        match entry.handler {
            Handler::Data(row) => {
                last = entry.plain.then_some((entry, turn.words[0]));
                turn.round.push(row, entry.id, session.manner(), &args, shards, &local.batches, silent);
                session.said();
            }
            Handler::Waits(row) => {
                if let Some(patience) = row.waits.and_then(|waits| (waits.patience)(&args)) {
                    return (Stop::Wait { row, id: entry.id, patience }, end);
                }
                turn.round.push(row, entry.id, session.manner(), &args, shards, &local.batches, silent);
                session.said();
            }
            Handler::Script(script) => {
                match session.place(script, &args) {
                    Ok(row) => turn.round.push(row, entry.id, session.manner(), &args, shards, &local.batches, silent),
                    Err(fault) => {
                        fault.count_in(&mut local.tally.borrow_mut().errors);
                        turn.round.answer(session.protocol, silent, |reply| reply.error(&fault.text()));
                        local.tally.borrow_mut().count(entry.id, CommandTally { calls: 1, nanos: 0, failed: 1 });
                    }
                }
                session.said();
            }
            Handler::Here(here) => {
                let (round, words) = (&mut turn.round, &turn.words);
                let mut written = std::mem::take(&mut turn.scratch);
                written.clear();
                let result = here(session, &Args::new(bytes, words), &mut Reply::new(&mut written, session.protocol));
                let failed = result.is_err();
                if let Err(fault) = result {
                    written.clear();
                    Reply::new(&mut written, session.protocol).error(&fault.text());
                    fault.count_in(&mut local.tally.borrow_mut().errors);
                }
                // CLIENT REPLY may just have changed whether this very call is answered.
                round.answer(session.protocol, session.replies != Replies::On, |reply| reply.raw(&written));
                session.said();
                turn.scratch = written;
                local.tally.borrow_mut().count(entry.id, CommandTally { calls: 1, nanos: 0, failed: u64::from(failed) });
                limits = query_limits(session);
                paused = local.board.pause.is_set();
                is_attended = local.board.broker.is_watched() || session.has_chosen;
                is_enough = has_enough(session, turn);
            }
            Handler::Ask(ask) => {
                let runs_queue = entry.spec.flags.has(Flags::RUNS_QUEUE);
                if !runs_queue || silent || local.board.broker.is_watched() || !session.join_block(&mut turn.round, bytes) {
                    let words = turn.words.len();
                    return (Stop::Barrier { ask, id: entry.id, start: 0, end: words }, end);
                }
                session.said();
                local.tally.borrow_mut().count(entry.id, CommandTally { calls: 1, nanos: 0, failed: 0 });
                is_enough = has_enough(session, turn);
            }
            Handler::Post(post) => {
                // It overtakes nothing that was asked before.
                if turn.round.asks_shards() {
                    return (Stop::Enough, at);
                }
                turn.letters.push((post(&args), entry.id, silent));
                session.said();
                // Who listens himself gets each message before its answer.
                is_enough = turn.letters.len() >= LETTERS_MAX || session.client.listens();
            }
            Handler::Container => {
                refuse(session, turn, &Refusal { fault: Fault::Arity(entry.spec.name), id: Some(entry.id), ends_transaction: false });
            }
        }
        if is_attended {
            if local.board.broker.is_watched() {
                monitor::show(&mut turn.shown, session, entry.spec, &Args::new(bytes, &turn.words));
            }
            session.spend_choice(entry.spec.name);
        }
        at = end;
        if session.closing {
            return (Stop::Close, at);
        }
        if is_enough {
            return (Stop::Enough, at);
        }
    }
}

/// Lets a call pass while a script holds shards, if it can be answered all the same.
#[cold]
fn undisturbed<'r>(entry: &'r Entry, fault: &Fault) -> Result<&'r Entry, Refusal> {
    let flags = entry.spec.flags;
    let waits =
        !matches!(entry.handler, Handler::Here(_) | Handler::Container) && !flags.has(Flags::ALLOW_BUSY) && !flags.has(Flags::UNDISTURBED);
    if waits {
        return Err(Refusal { fault: fault.clone(), id: Some(entry.id), ends_transaction: flags.has(Flags::RUNS_QUEUE) });
    }
    Ok(entry)
}

/// What the decoder lets pass for this client.
fn query_limits(session: &Session) -> resp::Limits {
    let settings = session.local.settings();
    resp::Limits { bulk_bytes_max: settings.proto_max_bulk_len, words_max: settings.query_words_max, authenticated: session.authenticated }
}

/// Whether what the session answered itself should be written before it answers more.
fn has_enough(session: &Session, turn: &Turn) -> bool {
    let most = if session.is_authenticated() { ANSWERED_BYTES_MAX } else { UNAUTHENTICATED_ANSWERED_BYTES_MAX };
    turn.round.answered_bytes() >= most
}

/// MULTI: the call waits for EXEC. False if the client has no more room for it.
#[cold]
fn queue(session: &mut Session, round: &mut Round, entry: &Entry, args: &Args<'_>) -> bool {
    let silent = session.replies != Replies::On;
    let local = session.local.clone();
    let Some(transaction) = session.transaction.as_deref_mut() else { return true };
    if entry.spec.flags.has(Flags::NO_MULTI) || matches!(entry.handler, Handler::Container) {
        transaction.spoiled = true;
        round.answer(session.protocol, silent, |reply| reply.error("ERR Command not allowed inside a transaction"));
        session.said();
        return true;
    }
    let fits = transaction.queue(entry, args) && transaction.memory() <= local.settings().client_query_buffer_limit;
    if !fits {
        local.counters().query_limit_closed.add(1);
        tracing::warn!(client = %session.client.peer, "closing a client whose transaction passes the query buffer limit");
        return false;
    }
    round.answer(session.protocol, silent, |reply| reply.simple("QUEUED"));
    session.tell_queued();
    session.said();
    true
}

/// Answers a call that did not pass a gate.
fn refuse(session: &mut Session, turn: &mut Turn, refusal: &Refusal) {
    let mut text = refusal.fault.text();
    if refusal.ends_transaction {
        session.forget_transaction();
        text = format!("EXECABORT Transaction discarded because of: {}", text.strip_prefix("ERR ").unwrap_or(&text)).into();
    } else if let Some(transaction) = &mut session.transaction {
        transaction.spoiled = true;
    }
    let local = session.local.clone();
    let mut tally = local.tally.borrow_mut();
    refusal.fault.count_in(&mut tally.errors);
    if let Some(id) = refusal.id {
        tally.count_refused(id);
    }
    drop(tally);
    let name = refusal.id.map_or("", |id| local.board.registry.name(id));
    turn.round.answer(session.protocol, session.replies != Replies::On, |reply| reply.error(&text));
    session.said();
    session.spend_choice(name);
}

/// Answers a breach of the protocol, as far as it deserves an answer.
fn complain(session: &Session, turn: &mut Turn, violation: &Violation) {
    if matches!(violation, Violation::Smuggled) {
        if session.local.board.attack_told.is_due() {
            tracing::warn!(client = %session.client.peer, "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection aborted.");
        }
        return;
    }
    turn.round.answer(session.protocol, false, |reply| reply.error(&format!("ERR {violation}")));
}

/// Sends what was taken up, waits for it, and writes the replies in the order asked. Returns the buffer, whose words nobody needs any more.
async fn flush<S: AsyncWrite + Unpin>(
    session: &Session,
    stream: &mut S,
    buffer: Arc<Vec<u8>>,
    turn: &mut Turn,
) -> Result<Arc<Vec<u8>>, Ended> {
    if !turn.letters.is_empty() {
        subscribe::post(session, stream, turn).await?;
    }
    if turn.round.is_empty() {
        return Ok(buffer);
    }
    let local = &session.local;
    let calls = turn.round.calls();
    local.counters().commands.add(calls);
    session.client.calls.set(session.client.calls.get() + calls);
    let mut kept = None;
    if turn.round.asks_shards() {
        turn.round.durability = session.durability;
        if session.tracks {
            turn.round.read_by(session.reader.as_ref());
        }
        local.router.send(&mut turn.round, buffer).await?;
        subscribe::post_published(session, turn.round.published()).await?;
        // Not one that keeps what it reads: nothing may be told before the answers that it outdates.
        if session.client.listens() && !session.tracks {
            subscribe::catch_up(session, stream).await?;
        }
    } else {
        kept = Some(buffer);
    }
    subscribe::show(session, turn).await?;
    let Turn { round, scratch, .. } = turn;
    // Replies that grow large come in pieces: no further one is asked for before the client has taken the last.
    let result = loop {
        round.be_told().await;
        let replies = round.stitch(scratch, local.router.pick());
        let written = write(session, stream, replies).await;
        if written.is_err() || !local.router.go_on(round).await? {
            break written;
        }
        subscribe::post_published(session, round.published()).await?;
    };
    let input = round.reset(&local.batches);
    result?;
    kept.or(input).ok_or(Ended)
}

pub(super) async fn write<S: AsyncWrite + Unpin>(session: &Session, stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    session.local.counters().bytes_out.add(bytes.len() as u64);
    let client = &session.client;
    client.bytes_out.set(client.bytes_out.get() + bytes.len() as u64);
    client.writing.set(true);
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = stream.write(rest).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[written..];
        if !rest.is_empty() {
            // A client that takes a large reply slowly is not idle; one that takes nothing is.
            client.last_used.set(session.local.coarse_now.get());
        }
    }
    client.writing.set(false);
    Ok(())
}

/// Runs a command that must ask others, and writes its reply.
async fn ask_others<S: AsyncWrite + Unpin>(
    session: &mut Session,
    stream: &mut S,
    ask: Ask,
    id: u16,
    args: Args<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), Ended> {
    let (protocol, started) = (session.protocol, Instant::now());
    let local = session.local.clone();
    scratch.clear();
    let result = ask(session, args, Reply::new(scratch, protocol)).await;
    let failed = u64::from(result.is_err());
    if let Err(fault) = result {
        scratch.clear();
        Reply::new(scratch, protocol).error(&fault.text());
        fault.count_in(&mut local.tally.borrow_mut().errors);
    }
    // RESET may just have changed whether this very call is answered.
    let silent = session.replies != Replies::On;
    session.said();
    let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    local.tally.borrow_mut().count(id, CommandTally { calls: 1, nanos, failed });
    local.counters().commands.add(1);
    session.client.calls.set(session.client.calls.get() + 1);
    // What it has subscribed to or not, if it is that what was asked, and messages of before. Behind the answer to EXEC, which holds the former; and
    // behind what a client may keep: that a key has changed must not be told before it was told the value that is outdated by it.
    let confirms = || local.board.registry.is_subscribed(id);
    if !std::mem::take(&mut session.in_block) && (!session.tracks || confirms()) {
        subscribe::push_out(session, stream).await?;
    }
    if !silent {
        write(session, stream, scratch).await?;
    }
    Ok(())
}

/// Keeps the unfinished request behind `at` at the front of a buffer; `None` if there is nothing left.
fn keep_rest(session: &Session, mut buffer: Arc<Vec<u8>>, at: usize) -> Result<Option<Arc<Vec<u8>>>, Ended> {
    let local = &session.local;
    let rest = buffer.len() - at;
    session.client.query_bytes.set(rest);
    if rest == 0 {
        local.put_buffer(buffer);
        return Ok(None);
    }
    let limit = if session.authenticated { local.settings().client_query_buffer_limit } else { UNAUTHENTICATED_QUERY_BYTES_MAX };
    if rest > limit {
        local.counters().query_limit_closed.add(1);
        tracing::warn!(client = %session.client.peer, bytes = rest, "closing a client whose unfinished request passes the query buffer limit");
        return Err(Ended);
    }
    match Arc::get_mut(&mut buffer) {
        // Nobody else holds it: move the rest to the front, unless it is there already.
        Some(bytes) => {
            if at > 0 {
                bytes.drain(..at);
            }
            Ok(Some(buffer))
        }
        None => Err(Ended),
    }
}
