//! An entry of the command table: what is known of a command, and who handles it.
//!
//! Data commands are rows of `command`; what changes or asks about the conversation, the settings or the server is a session row. The types are
//! here and the tables that fill them in `registry.rs`, so that no handler imports the registry.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use ahash::RandomState;

use crate::command::{Args, Arity, Categories, Doc, Fault, Flags, KeySpec, Row, ScriptRow, Secret, Spec};
use crate::pubsub::Letter;
use crate::resp::Reply;
use crate::session::Session;

/// A session command that can answer at once.
pub(crate) type Here = fn(&mut Session, &Args<'_>, &mut Reply<'_>) -> Result<(), Fault>;

/// A session command that must ask others. Everything the client sent before has been answered when it starts.
pub(crate) type Ask = for<'a> fn(&'a mut Session, Args<'a>, Reply<'a>) -> Asked<'a>;

/// A session command that posts a letter. It goes out when everything the client sent before has been done, together with those that follow it; the
/// reply is how many get it.
pub(crate) type Post = fn(&Args<'_>) -> Letter;

/// The answer under way.
pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + 'a>>;

/// Who handles a command.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// A shard.
    Data(&'static Row),
    /// A shard, and the call may wait there: everything the client sent before has been answered then.
    Waits(&'static Row),
    /// A shard or a borrower, with the keyspaces that the script needs.
    Script(&'static ScriptRow),
    Here(Here),
    Ask(Ask),
    /// The broker.
    Post(Post),
    /// Nobody: it only has subcommands.
    Container,
}

impl Handler {
    /// Who handles calls of a data row.
    pub(crate) fn of(row: &'static Row) -> Handler {
        if row.waits.is_some() { Handler::Waits(row) } else { Handler::Data(row) }
    }

    /// The row, if it is a command on data.
    pub(crate) fn row(self) -> Option<&'static Row> {
        match self {
            Handler::Data(row) | Handler::Waits(row) => Some(row),
            Handler::Script(_) | Handler::Here(_) | Handler::Ask(_) | Handler::Post(_) | Handler::Container => None,
        }
    }
}

/// A session command, as its table writes it.
pub(crate) struct SessionRow {
    pub(crate) spec: Spec,
    pub(crate) handler: Handler,
}

/// A command or subcommand, as the session finds it.
pub(crate) struct Entry {
    pub(crate) spec: &'static Spec,
    pub(crate) handler: Handler,
    /// Where its calls are counted.
    pub(crate) id: u16,
    /// Of a container.
    pub(crate) subcommands: Vec<Entry>,
    /// Its first word alone says what it is: neither a container nor a subcommand.
    pub(crate) plain: bool,
}

/// Every command there is.
pub(crate) struct Registry {
    entries: Vec<Entry>,
    /// By name in lower case.
    by_name: HashMap<&'static [u8], usize, RandomState>,
    /// Names by id, containers' subcommands included.
    names: Vec<&'static str>,
}

/// The longest name of a command or subcommand that can be known; longer words need not be looked up.
const NAME_BYTES_MAX: usize = 32;

impl SessionRow {
    pub(crate) const fn here(name: &'static str, arity: Arity, here: Here) -> SessionRow {
        SessionRow { spec: Spec::new(name, arity, &[], Flags::NONE), handler: Handler::Here(here) }
    }

    pub(crate) const fn ask(name: &'static str, arity: Arity, ask: Ask) -> SessionRow {
        SessionRow { spec: Spec::new(name, arity, &[], Flags::NONE), handler: Handler::Ask(ask) }
    }

    pub(crate) const fn post(name: &'static str, arity: Arity, post: Post) -> SessionRow {
        SessionRow { spec: Spec::new(name, arity, &[], Flags::NONE), handler: Handler::Post(post) }
    }

    /// A command that only has subcommands.
    pub(crate) const fn container(name: &'static str, arity: Arity) -> SessionRow {
        SessionRow { spec: Spec::new(name, arity, &[], Flags::NONE), handler: Handler::Container }
    }

    pub(crate) const fn flags(mut self, flags: Flags) -> SessionRow {
        self.spec.flags = self.spec.flags.and(flags);
        self
    }

    /// Words that COMMAND describes as keys.
    pub(crate) const fn keys(mut self, keys: &'static [KeySpec]) -> SessionRow {
        self.spec.keys = keys;
        self
    }

    pub(crate) const fn categories(mut self, categories: Categories) -> SessionRow {
        self.spec.categories = self.spec.categories.and(categories);
        self
    }

    pub(crate) const fn secret(mut self, secret: Secret) -> SessionRow {
        self.spec.secret = secret;
        self
    }

    pub(crate) const fn tips(mut self, tips: &'static [&'static str]) -> SessionRow {
        self.spec.tips = tips;
        self
    }

    pub(crate) const fn doc(
        mut self,
        group: &'static str,
        since: &'static str,
        summary: &'static str,
        complexity: &'static str,
        syntax: &'static str,
    ) -> SessionRow {
        self.spec.doc = Doc { group, since, summary, complexity, syntax };
        self
    }
}

impl Registry {
    /// Builds the registry from data rows and session rows. A row named `container|sub` becomes a subcommand of the row `container`, which
    /// stands before it.
    ///
    /// # Panics
    /// If two rows have one name or a container is missing: the tables are constant and a test builds them.
    pub(crate) fn new(rows: impl Iterator<Item = (&'static Spec, Handler)>) -> Registry {
        let mut registry =
            Registry { entries: Vec::new(), by_name: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)), names: Vec::new() };
        for (spec, handler) in rows {
            let id = u16::try_from(registry.names.len()).expect("there are far fewer than 65536 commands");
            registry.names.push(spec.name);
            let plain = spec.container().is_none() && !matches!(handler, Handler::Container);
            let entry = Entry { spec, handler, id, subcommands: Vec::new(), plain };
            match spec.container() {
                Some(container) => {
                    let at = registry.by_name.get(container.as_bytes()).copied();
                    let at = at.unwrap_or_else(|| panic!("{}: its container has no row before it", spec.name));
                    registry.entries[at].plain = false;
                    registry.entries[at].subcommands.push(entry);
                }
                None => {
                    let before = registry.by_name.insert(spec.name.as_bytes(), registry.entries.len());
                    assert!(before.is_none(), "{}: two rows", spec.name);
                    registry.entries.push(entry);
                }
            }
        }
        registry
    }

    /// The command of that name, in any case.
    pub(crate) fn find(&self, name: &[u8]) -> Option<&Entry> {
        let mut lower = [0u8; NAME_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).map(|&at| &self.entries[at])
    }

    /// Every command, containers included, in the order of the tables.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The name of the row with this id, `container|sub` for a subcommand.
    pub(crate) fn name(&self, id: u16) -> &'static str {
        self.names.get(usize::from(id)).copied().unwrap_or_default()
    }

    /// Whether the row with this id is among those that one who listens may ask: their confirmations come by way of his outbox.
    pub(crate) fn is_subscribed(&self, id: u16) -> bool {
        self.entries.iter().any(|entry| entry.id == id && entry.spec.flags.has(Flags::SUBSCRIBED))
    }

    /// How many rows are counted.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

impl Entry {
    /// Whether it is locked, as DEBUG is, the only command that Redis locks and knows the subcommands of by other means than its table.
    pub(crate) fn is_debug(&self) -> bool {
        self.spec.flags.has(Flags::PROTECTED)
    }

    /// The subcommand of that name, in any case.
    pub(crate) fn subcommand(&self, name: &[u8]) -> Option<&Entry> {
        self.subcommands.iter().find(|entry| entry.short_name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name without its container.
    pub(crate) fn short_name(&self) -> &'static str {
        self.spec.name.split_once('|').map_or(self.spec.name, |(_, sub)| sub)
    }
}
