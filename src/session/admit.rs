//! The gates a call passes before anything is done: one function each, in Redis's order.

use crate::command::{Args, Fault, Flags};
use crate::persist::Trouble;
use crate::session::{Entry, Registry, Session};

/// A call that did not pass: what its client is told, and the row it is counted under, if it has one.
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    pub(crate) id: Option<u16>,
    /// It would have run what MULTI queued: the transaction is over.
    pub(crate) ends_transaction: bool,
}

/// Finds the entry of a call and lets it pass, or says why not.
pub(crate) fn admit<'r>(session: &Session, registry: &'r Registry, args: &Args<'_>) -> Result<&'r Entry, Refusal> {
    let command = registry.find(args.get(0)).ok_or_else(|| Refusal { fault: unknown_command(args), id: None, ends_transaction: false })?;
    let ends_transaction = command.spec.flags.has(Flags::RUNS_QUEUE);
    let refused = |id| move |fault| Refusal { fault, id, ends_transaction };
    allowed(session, command, args).map_err(refused(Some(command.id)))?;
    let entry = subcommand(command, args).map_err(refused(None))?;
    arity(command, entry, args)
        .and_then(|()| authenticated(session, entry))
        .and_then(|()| saved(session, entry))
        .and_then(|()| subscribed(session, entry))
        .and_then(|()| monitoring(session, entry))
        .and_then(|()| writable(session, entry))
        .and_then(|()| loaded(session, entry))
        .map_err(refused(Some(entry.id)))?;
    Ok(entry)
}

/// The entry of a call that was let pass.
pub(crate) fn find<'r>(registry: &'r Registry, args: &Args<'_>) -> Option<&'r Entry> {
    registry.find(args.get(0)).and_then(|command| subcommand(command, args).ok())
}

/// Is there such a subcommand? A container that is called without one stands for itself.
fn subcommand<'r>(command: &'r Entry, args: &Args<'_>) -> Result<&'r Entry, Fault> {
    if command.subcommands.is_empty() || args.len() < 2 {
        return Ok(command);
    }
    command.subcommand(args.get(1)).ok_or_else(|| if command.is_debug() { misused(args) } else { no_subcommand("", args) })
}

/// Has it as many words as it must have?
fn arity(command: &Entry, entry: &Entry, args: &Args<'_>) -> Result<(), Fault> {
    match () {
        () if entry.spec.arity.admits(args.len()) => Ok(()),
        () if command.is_debug() && args.len() > 1 => Err(misused(args)),
        () => Err(Fault::Arity(entry.spec.name)),
    }
}

/// What Redis says where a subcommand has forms that its arity does not show, and of all of DEBUG.
pub(crate) fn misused(args: &Args<'_>) -> Fault {
    no_subcommand(" or wrong number of arguments for", args)
}

fn no_subcommand(forms: &str, args: &Args<'_>) -> Fault {
    let (sub, container) = (printable(args.get(1), SHOWN_BYTES_MAX), printable(args.get(0), SHOWN_BYTES_MAX).to_ascii_uppercase());
    Fault::told(format!("ERR unknown subcommand{forms} '{sub}'. Try {container} HELP."))
}

/// Is it locked, and this client not among those that may use it? DEBUG is all there is to lock.
fn allowed(session: &Session, command: &Entry, args: &Args<'_>) -> Result<(), Fault> {
    if !command.spec.flags.has(Flags::PROTECTED)
        || args.len() < 2
        || session.local.settings().enable_debug_command.allows(session.client.is_local())
    {
        return Ok(());
    }
    Err(Fault::Because(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, \
         otherwise you need to set this option in the configuration file, and then restart the server.",
    ))
}

/// May somebody ask this who has not said who he is?
fn authenticated(session: &Session, entry: &Entry) -> Result<(), Fault> {
    if entry.spec.flags.has(Flags::NO_AUTH) || session.is_authenticated() {
        return Ok(());
    }
    Err(Fault::Because("NOAUTH Authentication required."))
}

/// Would it change data that cannot be saved?
fn saved(session: &Session, entry: &Entry) -> Result<(), Fault> {
    let health = &session.local.board.health;
    if health.is_sound() || !health.has(Trouble::Unsaved) {
        return Ok(());
    }
    let flags = entry.spec.flags;
    let runs_writes = || flags.has(Flags::RUNS_QUEUE) && session.transaction.as_ref().is_some_and(|transaction| transaction.writes());
    let settings = session.local.settings();
    if !settings.stop_writes_on_bgsave_error
        || settings.save.is_empty()
        || !flags.has(Flags::WRITE) && !flags.has(Flags::PROBE) && !runs_writes()
    {
        return Ok(());
    }
    Err(Fault::Because(
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data \
         set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails \
         (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
    ))
}

/// Does it need data that is still being loaded?
fn loaded(session: &Session, entry: &Entry) -> Result<(), Fault> {
    let health = &session.local.board.health;
    if health.is_sound() || !health.has(Trouble::Loading) || entry.spec.flags.has(Flags::LOADING) {
        return Ok(());
    }
    Err(Fault::Because("LOADING Redis is loading the dataset in memory"))
}

/// Is it something else than an answer that this client waits for? RESP2 cannot tell the two apart.
fn subscribed(session: &Session, entry: &Entry) -> Result<(), Fault> {
    if entry.spec.flags.has(Flags::SUBSCRIBED) || !session.is_confined() {
        return Ok(());
    }
    Err(Fault::told(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        entry.spec.name
    )))
}

/// Is it a key that somebody asks for who only looks on? To Redis he is a kind of replica.
fn monitoring(session: &Session, entry: &Entry) -> Result<(), Fault> {
    let touches = [Flags::WRITE, Flags::READONLY, Flags::MAY_REPLICATE, Flags::MAY_WRITE].iter().any(|&flag| entry.spec.flags.has(flag));
    if !touches || !session.client.monitors() {
        return Ok(());
    }
    Err(Fault::Because("ERR Replica can't interact with the keyspace"))
}

/// Can what it would do be written down? PING is refused too, as in Redis, so that whoever asks whether all is well learns that it is not.
fn writable(session: &Session, entry: &Entry) -> Result<(), Fault> {
    let health = &session.local.board.health;
    let flags = entry.spec.flags;
    if health.is_sound() || !health.has(Trouble::Unwritten) || !flags.has(Flags::WRITE) && !flags.has(Flags::PROBE) {
        return Ok(());
    }
    let why = session.local.board.journal.reason();
    Err(Fault::told(format!("MISCONF Errors writing to the AOF file: {}", why.as_deref().unwrap_or("unknown"))))
}

/// What Redis shows of a name or an argument that it does not know.
const SHOWN_BYTES_MAX: usize = 128;

fn unknown_command(args: &Args<'_>) -> Fault {
    let mut text = format!("ERR unknown command '{}', with args beginning with: ", printable(args.get(0), SHOWN_BYTES_MAX));
    let start = text.len();
    for word in args.from(1) {
        // Redis stops once the arguments shown pass 128 bytes; the last is cut there.
        let Some(room) = SHOWN_BYTES_MAX.checked_sub(text.len() - start).filter(|&room| room > 0) else { break };
        text.push('\'');
        text.push_str(&printable(word, room));
        text.push_str("' ");
    }
    Fault::told(text)
}

/// The first bytes of a client's word, for an error line. Bytes that are not UTF-8 stay themselves on the wire in Redis; here they become `?`,
/// since an error line is text. CR and LF become spaces where the line is written.
fn printable(word: &[u8], bytes_max: usize) -> String {
    word[..word.len().min(bytes_max)].iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
}
