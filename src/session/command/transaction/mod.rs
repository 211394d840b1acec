//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: calls that run as one.

mod exec;
mod multi;
mod watch;

use crate::command::{Access, Arity, Categories, Flags, KeySpec};
use crate::session::SessionRow;
use crate::session::command::here;

/// Part of the conversation rather than of the data: never queued.
const CONTROL: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY).and(Flags::IMMEDIATE);
const KEYS: &[KeySpec] = &[KeySpec::rest(1, 1, Access::RO)];

pub(crate) static TABLE: &[SessionRow] = &[
    here("multi", Arity::exactly(1), multi::run).flags(CONTROL.and(Flags::FAST)).categories(Categories::TRANSACTION).doc(
        "transactions",
        "1.2.0",
        "Begins a transaction: the calls that follow wait for EXEC.",
        "O(1)",
        "",
    ),
    SessionRow::ask("exec", Arity::exactly(1), exec::run)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::SKIP_SLOWLOG).and(Flags::IMMEDIATE).and(Flags::RUNS_QUEUE))
        .categories(Categories::TRANSACTION)
        .doc("transactions", "1.2.0", "Runs every call of the transaction as one.", "Depends on the calls.", ""),
    here("discard", Arity::exactly(1), multi::discard).flags(CONTROL.and(Flags::FAST)).categories(Categories::TRANSACTION).doc(
        "transactions",
        "2.0.0",
        "Ends a transaction without running its calls.",
        "O(N) for N calls",
        "",
    ),
    SessionRow::ask("watch", Arity::at_least(2), watch::run)
        .keys(KEYS)
        .flags(CONTROL.and(Flags::FAST))
        .categories(Categories::TRANSACTION)
        .doc(
            "transactions",
            "2.2.0",
            "Lets the next EXEC run its calls only if none of the keys has been changed until then.",
            "O(N) for N keys",
            "key [key ...]",
        ),
    here("unwatch", Arity::exactly(1), watch::unwatch)
        .flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::ALLOW_BUSY).and(Flags::FAST))
        .categories(Categories::TRANSACTION)
        .doc("transactions", "2.2.0", "Forgets the keys that are watched.", "O(1)", ""),
];
