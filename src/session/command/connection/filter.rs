//! Which clients CLIENT LIST shows and CLIENT KILL closes.

use crate::command::Fault;
use crate::session::Client;

/// What a client is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Primary,
    Replica,
    Subscriber,
}

impl Kind {
    /// Reads the operand of TYPE.
    pub(super) fn read(word: &[u8]) -> Result<Kind, Fault> {
        const NAMES: [(&str, Kind); 5] = [
            ("normal", Kind::Normal),
            ("slave", Kind::Replica),
            ("replica", Kind::Replica),
            ("pubsub", Kind::Subscriber),
            ("master", Kind::Primary),
        ];
        let found = NAMES.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, kind)| kind).ok_or_else(|| Fault::told(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(word))))
    }

    /// What this client is. There are no primaries and replicas yet.
    pub(super) fn of(client: &Client) -> Kind {
        if client.listens() { Kind::Subscriber } else { Kind::Normal }
    }
}

/// What CLIENT KILL asks of a client; what is not asked is `None`, and all that is asked must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) id: Option<u64>,
    pub(super) kind: Option<Kind>,
    pub(super) user: Option<Box<str>>,
    pub(super) address: Option<Box<[u8]>>,
    pub(super) own_address: Option<Box<[u8]>>,
    pub(super) age_seconds_least: Option<u64>,
}

impl Filter {
    pub(super) fn admits(&self, client: &Client, now_seconds: u64) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind == Kind::of(client))
            && self.user.as_ref().is_none_or(|user| *user == *client.user.borrow())
            && self.address.as_ref().is_none_or(|address| **address == *client.peer.as_bytes())
            && self.own_address.as_ref().is_none_or(|address| **address == *client.own.as_bytes())
            && self.age_seconds_least.is_none_or(|least| now_seconds.saturating_sub(client.created.seconds()) >= least)
    }
}
