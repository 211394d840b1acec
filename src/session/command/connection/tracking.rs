//! CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: a client that keeps what it has read wants to know when that changes.
//!
//! Who is told is known in three places: the listener (what was asked for; the session and its worker's desk see it), the broker (how to tell whom), and
//! the shards (who has read what). `docs/tracking.md` is the whole story.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::command::{Args, Fault, Reader};
use crate::pubsub::{Choice, ListenerId, Manner, Name, Tracking};
use crate::resp::{Reply, number};
use crate::session::{Asked, Session, clients};

const STOPPING: Fault = Fault::Because("ERR the server is stopping");
const NO_SUCH_TARGET: Fault = Fault::Because("ERR The client ID you want redirect to does not exist");

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let wanted = Wanted::read(session, &args).await?;
        match () {
            () if args.is(2, "on") => wanted.turn_on(session).await?,
            () if args.is(2, "off") => turn_off(session).await?,
            () => return Err(Fault::Syntax),
        }
        reply.ok();
        Ok(())
    })
}

/// The options of one call.
#[derive(Default)]
struct Wanted<'a> {
    redirect: Option<ListenerId>,
    broadcasts: bool,
    opts_in: bool,
    opts_out: bool,
    no_loop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// Reads the options; a client that is to be told in the place of this one must be there now.
    async fn read(session: &Session, args: &Args<'a>) -> Result<Wanted<'a>, Fault> {
        let mut wanted = Wanted::default();
        let mut options = args.options(3);
        while let Some(option) = options.next() {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            match () {
                () if is("redirect") && options.left() > 0 => {
                    if wanted.redirect.is_some() {
                        return Err(Fault::Because("ERR A client can only redirect to a single other client"));
                    }
                    let id = number::parse_integer(options.next().unwrap_or_default()).ok_or(Fault::NotInteger)?;
                    let id = u64::try_from(id).map_err(|_| NO_SUCH_TARGET)?;
                    wanted.redirect = Some(clients::listener_of(&session.local, id).await.ok_or(NO_SUCH_TARGET)?);
                }
                () if is("bcast") => wanted.broadcasts = true,
                () if is("optin") => wanted.opts_in = true,
                () if is("optout") => wanted.opts_out = true,
                () if is("noloop") => wanted.no_loop = true,
                () if is("prefix") && options.left() > 0 => wanted.prefixes.extend(options.next()),
                () => return Err(Fault::Syntax),
            }
        }
        Ok(wanted)
    }

    /// Whether what is asked for goes together, and with what was asked for before.
    fn check(&self, before: Option<&Tracking>) -> Result<(), Fault> {
        let switches = |from: Choice| before.is_some_and(|before| before.choice == from);
        let refusal = match () {
            () if !self.broadcasts && !self.prefixes.is_empty() => "ERR PREFIX option requires BCAST mode to be enabled",
            () if before.is_some_and(|before| before.prefixes.is_some() != self.broadcasts) => {
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a \
                 different mode."
            }
            () if self.broadcasts && (self.opts_in || self.opts_out) => "ERR OPTIN and OPTOUT are not compatible with BCAST",
            () if self.opts_in && self.opts_out => "ERR You can't specify both OPTIN mode and OPTOUT mode",
            () if self.opts_in && switches(Choice::OptOut) || self.opts_out && switches(Choice::OptIn) => {
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a \
                 different mode."
            }
            () => return self.check_prefixes(before.and_then(|before| before.prefixes.as_ref())),
        };
        Err(Fault::Because(refusal))
    }

    /// A key must not be told of twice. (In redis-server a clash behind the first prefix is answered with this error and then with OK.)
    fn check_prefixes(&self, before: Option<&BTreeSet<Name>>) -> Result<(), Fault> {
        let clash = |prefix: &[u8], kind: &str, other: &[u8]| {
            let [prefix, other] = [prefix, other].map(String::from_utf8_lossy);
            Fault::told(format!(
                "ERR Prefix '{prefix}' overlaps with {kind} prefix '{other}'. Prefixes for a single client must not overlap."
            ))
        };
        let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        for (at, &prefix) in self.prefixes.iter().enumerate() {
            if let Some(known) = before.into_iter().flatten().find(|known| overlap(known, prefix)) {
                return Err(clash(prefix, "an existing", known));
            }
            if let Some(other) = self.prefixes[at + 1..].iter().find(|other| overlap(other, prefix)) {
                return Err(clash(prefix, "another provided", other));
            }
        }
        Ok(())
    }

    async fn turn_on(self, session: &mut Session) -> Result<(), Fault> {
        let listener = clients::listener(&session.local, &session.client).ok_or(STOPPING)?;
        self.check(listener.tracking().as_ref())?;
        let place = session.local.board.broker.reserve().await.ok_or(STOPPING)?;
        // From here to the message there is no await: what the listener says of itself is what the broker knows, or is about to.
        let mut added: Vec<Name> = self.prefixes.iter().map(|&prefix| Name::from(prefix)).collect();
        if self.broadcasts && added.is_empty() {
            added.push(Name::from(&b""[..]));
        }
        let before = listener.tracking().as_ref().and_then(|before| before.prefixes.clone());
        let prefixes = self.broadcasts.then(|| before.into_iter().flatten().chain(added.iter().cloned()).collect());
        let choice = match () {
            () if self.opts_in => Choice::OptIn,
            () if self.opts_out => Choice::OptOut,
            () => Choice::All,
        };
        let manner = Manner { broadcasts: self.broadcasts, no_loop: self.no_loop, redirect: self.redirect };
        listener.track(Some(Tracking { prefixes, choice, no_loop: self.no_loop, redirect: self.redirect, is_broken: false }));
        place.track(listener.id, Some(manner), added).await.map_err(|_| STOPPING)?;
        let ListenerId { client, worker } = listener.id;
        session.reader.get_or_insert_with(|| Arc::new(Reader { client, worker }));
        session.tracks = true;
        session.choose(session.has_chosen);
        Ok(())
    }
}

/// Wants to be told nothing any more. What it has read stays in the tables of the shards until it changes, as in Redis.
pub(super) async fn turn_off(session: &mut Session) -> Result<(), Fault> {
    if !session.tracks {
        return Ok(());
    }
    let Some(listener) = session.client.listener.get().cloned() else { return Ok(()) };
    let place = session.local.board.broker.reserve().await.ok_or(STOPPING)?;
    listener.track(None);
    place.track(listener.id, None, Vec::new()).await.map_err(|_| STOPPING)?;
    session.tracks = false;
    session.choose(false);
    Ok(())
}

pub(super) fn caching(session: &mut Session, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let Some(choice) = asked_for(session, |tracking| tracking.choice) else {
        return Err(Fault::Because(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    match () {
        () if args.is(2, "yes") && choice != Choice::OptIn => {
            return Err(Fault::Because("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."));
        }
        () if args.is(2, "no") && choice != Choice::OptOut => {
            return Err(Fault::Because("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."));
        }
        () if args.is(2, "yes") || args.is(2, "no") => session.choose(true),
        () => return Err(Fault::Syntax),
    }
    reply.ok();
    Ok(())
}

pub(super) fn getredir(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.integer(redirect(session));
    Ok(())
}

pub(super) fn info(session: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let tracking = asked_for(session, Tracking::clone);
    let mut flags = vec![if tracking.is_some() { "on" } else { "off" }];
    let (mut prefixes, chosen) = (None, session.has_chosen);
    if let Some(tracking) = tracking {
        flags.extend(tracking.prefixes.is_some().then_some("bcast"));
        match tracking.choice {
            Choice::OptIn => flags.extend([Some("optin"), chosen.then_some("caching-yes")].into_iter().flatten()),
            Choice::OptOut => flags.extend([Some("optout"), chosen.then_some("caching-no")].into_iter().flatten()),
            Choice::All => {}
        }
        flags.extend(tracking.no_loop.then_some("noloop"));
        flags.extend(tracking.is_broken.then_some("broken_redirect"));
        prefixes = tracking.prefixes;
    }
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirect(session));
    reply.bulk(b"prefixes");
    let prefixes = prefixes.unwrap_or_default();
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

/// Who is told in its place: nobody 0, and -1 if nobody is told at all.
fn redirect(session: &Session) -> i64 {
    session.client.redirect()
}

fn asked_for<T>(session: &Session, look: impl FnOnce(&Tracking) -> T) -> Option<T> {
    session.client.listener.get().and_then(|listener| listener.tracking().as_ref().map(look))
}
