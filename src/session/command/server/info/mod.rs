//! INFO [section ...]: the figures of the server, section by section in Redis's order, since tools look for the first line that fits.

mod data;
mod process;
mod text;

use std::sync::Arc;

use crate::command::Args;
use crate::command::Fault;
use crate::metrics::{SessionTally, Tally};
use crate::pubsub::{Registry as Listeners, Space};
use crate::resp::Reply;
use crate::session::{Asked, Board, Session, clients};
use crate::settings::Settings;
use crate::time::UnixMillis;

use text::Text;

/// What the sections are written from: the figures of one moment, as far as shards and workers can tell of one.
pub(super) struct Figures {
    pub(super) board: Arc<Board>,
    pub(super) settings: Arc<Settings>,
    pub(super) now: UnixMillis,
    pub(super) shards: Vec<Tally>,
    /// The sum of `shards`.
    pub(super) whole: Tally,
    pub(super) sessions: SessionTally,
    /// Channels, patterns and sharded channels that somebody listens to.
    pub(super) listened: [u64; 3],
    /// Clients that are told of keys they keep, and prefixes of keys that are told of.
    pub(super) tracking: (usize, usize),
    /// By shard: messages that wait.
    pub(super) waiting: Vec<usize>,
}

struct Section {
    title: &'static str,
    /// When it is shown without having been named.
    shown: Shown,
    write: fn(&Figures, &mut Text),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// By a plain INFO.
    Plain,
    /// By INFO ALL.
    All,
    /// By INFO EVERYTHING.
    Everything,
}

/// Our own section comes last: no line of it may be found before Redis's.
static SECTIONS: &[Section] = &[
    Section { title: "Server", shown: Shown::Plain, write: process::server },
    Section { title: "Clients", shown: Shown::Plain, write: process::clients },
    Section { title: "Memory", shown: Shown::Plain, write: process::memory },
    Section { title: "Persistence", shown: Shown::Plain, write: data::persistence },
    Section { title: "Stats", shown: Shown::Plain, write: data::stats },
    Section { title: "Replication", shown: Shown::Plain, write: data::replication },
    Section { title: "CPU", shown: Shown::Plain, write: process::cpu },
    Section { title: "Modules", shown: Shown::Plain, write: |_, _| {} },
    Section { title: "Commandstats", shown: Shown::All, write: data::commandstats },
    Section { title: "Errorstats", shown: Shown::Plain, write: data::errorstats },
    Section { title: "Latencystats", shown: Shown::All, write: |_, _| {} },
    Section { title: "Cluster", shown: Shown::Plain, write: data::cluster },
    Section { title: "Keyspace", shown: Shown::Plain, write: data::keyspace },
    Section { title: "Shards", shown: Shown::Everything, write: data::shards },
];

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let text = told(&collect(session).await?, args);
        reply.verbatim("txt", text.as_bytes());
        Ok(())
    })
}

fn told(figures: &Figures, args: Args<'_>) -> String {
    let mut text = Text::default();
    for section in SECTIONS.iter().filter(|section| is_wanted(section, args)) {
        text.heading(section.title);
        (section.write)(figures, &mut text);
    }
    text.finish()
}

fn is_wanted(section: &Section, args: Args<'_>) -> bool {
    let is_named = |word: &[u8]| {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        is(section.title) || is("everything") || is("all") && section.shown <= Shown::All || is("default") && section.shown <= Shown::Plain
    };
    if args.len() == 1 { section.shown == Shown::Plain } else { args.from(1).any(is_named) }
}

/// The figures of now.
pub(super) async fn collect(session: &Session) -> Result<Figures, Fault> {
    let local = &session.local;
    // How long the mailboxes were before we asked.
    let waiting = local.router.mailboxes().iter().map(crate::shard::Mailbox::waiting).collect();
    // While a script holds a thread, its shard tells nothing.
    let is_held = local.board.scripts.watchdog.is_any_held();
    let shards = if is_held {
        local.router.survey_of_some().await
    } else {
        local.router.survey(false).await.map_err(|_| Fault::Because("ERR the server is stopping"))?
    };
    let mut whole = Tally::default();
    shards.iter().for_each(|shard| whole.add(shard));
    let sessions = if is_held { SessionTally::new(local.board.registry.len()) } else { clients::tallies(local, false).await };
    let count = |registry: &Listeners| (Space::SUBSCRIBED.map(|space| registry.count(space) as u64), registry.trackers.counts());
    let (listened, tracking) = if is_held { Default::default() } else { local.board.broker.look(count).await.unwrap_or_default() };
    let settings = local.board.settings.borrow().clone();
    Ok(Figures { board: local.board.clone(), settings, now: UnixMillis::now(), shards, whole, sessions, listened, tracking, waiting })
}
