//! The commands of the conversation and of the server: what no shard can answer alone.

mod connection;
mod server;

use crate::command::{Arity, Categories, Flags};
use crate::session::SessionRow;

/// Every family of session commands.
pub(crate) static SESSION_FAMILIES: &[&[SessionRow]] = &[CONTAINERS, DEBUG, connection::TABLE, server::TABLE];

/// DEBUG, whose OBJECT is a data row.
static DEBUG: &[SessionRow] = &[SessionRow::container("debug", Arity::at_least(2))
    .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED))
    .doc("server", "1.0.0", "Holds the commands for who hunts a bug.", "Depends on subcommand.", "")];

/// Containers whose subcommands are data rows.
static CONTAINERS: &[SessionRow] = &[
    SessionRow::container("object", Arity::at_least(2)).flags(Flags::NONE).categories(Categories::KEYSPACE).doc(
        "generic",
        "2.2.3",
        "Holds the commands that look inside a value.",
        "Depends on subcommand.",
        "",
    ),
    SessionRow::container("debug", Arity::at_least(2))
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED))
        .doc("server", "1.0.0", "Holds the commands for who hunts a bug.", "Depends on subcommand.", ""),
];
