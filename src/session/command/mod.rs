//! The commands of the conversation and of the server: what no shard can answer alone.

mod connection;
mod help;
mod pubsub;
#[cfg(test)]
mod reference;
mod scripting;
mod server;
mod transaction;

use crate::command::{Arity, Categories, Flags};
use crate::session::{Here, SessionRow};
pub(crate) use server::rewrite;

/// Every family of session commands.
pub(crate) static SESSION_FAMILIES: &[&[SessionRow]] =
    &[CONTAINERS, connection::TABLE, pubsub::TABLE, scripting::TABLE, server::TABLE, transaction::TABLE];

/// Containers whose subcommands are data rows.
static CONTAINERS: &[SessionRow] = &[
    SessionRow::container("object", Arity::at_least(2)).doc(
        "generic",
        "2.2.3",
        "Holds the commands that look inside a value.",
        "Depends on subcommand.",
        "",
    ),
    here("object|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::KEYSPACE).doc(
        "generic",
        "6.2.0",
        "Lists the subcommands of OBJECT.",
        "O(1)",
        "",
    ),
    SessionRow::container("memory", Arity::at_least(2)).doc(
        "server",
        "4.0.0",
        "Holds the commands on memory.",
        "Depends on subcommand.",
        "",
    ),
    here("memory|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "server",
        "4.0.0",
        "Lists the subcommands of MEMORY.",
        "O(1)",
        "",
    ),
    SessionRow::container("xgroup", Arity::at_least(2)).doc(
        "stream",
        "5.0.0",
        "Holds the commands that make and change consumer groups.",
        "Depends on subcommand.",
        "",
    ),
    here("xgroup|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::STREAM).doc(
        "stream",
        "5.0.0",
        "Lists the subcommands of XGROUP.",
        "O(1)",
        "",
    ),
    SessionRow::container("xinfo", Arity::at_least(2)).doc(
        "stream",
        "5.0.0",
        "Holds the commands that tell of streams.",
        "Depends on subcommand.",
        "",
    ),
    here("xinfo|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::STREAM).doc(
        "stream",
        "5.0.0",
        "Lists the subcommands of XINFO.",
        "O(1)",
        "",
    ),
];

/// The Redis we claim to be. Clients choose what they use by it; our own version has fields of its own in INFO.
pub(crate) const REDIS_VERSION: &str = "7.2.4";

/// A row that is answered at once.
const fn here(name: &'static str, arity: Arity, run: Here) -> SessionRow {
    SessionRow::here(name, arity, run)
}
