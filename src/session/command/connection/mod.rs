//! AUTH, HELLO, PING, SELECT and CLIENT: who the client is and how it is spoken to.

mod auth;
mod client;
mod filter;
mod hello;
mod kill;
mod list;
mod pause;
mod ping;
mod reset;
mod select;
mod tracking;
mod unblock;

use crate::command::{Arity, Categories, Flags, Secret};
use crate::session::SessionRow;
use crate::session::command::{help, here};

/// What may be asked before anybody said who he is, and even while a script runs for too long.
const HANDSHAKE: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE).and(Flags::FAST).and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);
/// What ends something, and so may be said in whatever state.
const LEAVES: Flags = HANDSHAKE.and(Flags::SUBSCRIBED).and(Flags::IMMEDIATE);
/// Most of CLIENT.
const OWN: Flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
/// CLIENT commands that reach other clients.
const OTHERS: Flags = OWN.and(Flags::ADMIN);
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const VARIES: &[&str] = &["nondeterministic_output"];

/// The commands of the conversation.
pub(crate) static TABLE: &[SessionRow] = &[
    here("auth", Arity::at_least(2), auth::run).secret(Secret::Everything).flags(HANDSHAKE).categories(Categories::CONNECTION).doc(
        "connection",
        "1.0.0",
        "Says who the client is, by a password and, where there are several users, a name.",
        "O(1)",
        "[username] password",
    ),
    here("hello", Arity::at_least(1), hello::run).secret(Secret::Behind("auth")).flags(HANDSHAKE).categories(Categories::CONNECTION).doc(
        "connection",
        "6.0.0",
        "Opens the conversation: chooses the protocol, and may authenticate and name the connection in the same call.",
        "O(1)",
        "[protover [AUTH username password] [SETNAME clientname]]",
    ),
    here("ping", Arity::at_least(1), ping::run)
        .flags(Flags::FAST.and(Flags::SUBSCRIBED).and(Flags::PROBE))
        .categories(Categories::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .doc("connection", "1.0.0", "Answers PONG, or the message it was given.", "O(1)", "[message]"),
    here("echo", Arity::exactly(2), ping::echo)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::CONNECTION)
        .doc("connection", "1.0.0", "Answers the message it was given.", "O(1)", "message"),
    here("select", Arity::exactly(2), select::run)
        .flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
        .categories(Categories::CONNECTION)
        .doc("connection", "1.0.0", "Chooses the numbered database that later calls of this connection work on.", "O(1)", "index"),
    here("quit", Arity::at_least(1), reset::quit).flags(LEAVES).categories(Categories::CONNECTION).doc(
        "connection",
        "1.0.0",
        "Answers OK and closes the connection.",
        "O(1)",
        "",
    ),
    SessionRow::ask("reset", Arity::exactly(1), reset::run).flags(LEAVES).categories(Categories::CONNECTION).doc(
        "connection",
        "6.2.0",
        "Brings the connection back to the state of a new one: RESP2, database 0, no name, the default user.",
        "O(1)",
        "",
    ),
    SessionRow::container("client", Arity::at_least(2)).doc(
        "connection",
        "2.4.0",
        "Holds the commands on connections.",
        "Depends on subcommand.",
        "",
    ),
    here("client|id", Arity::exactly(2), client::id).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "5.0.0",
        "Answers the number of this connection, which is never given out again.",
        "O(1)",
        "",
    ),
    here("client|info", Arity::exactly(2), list::info).flags(OWN).categories(Categories::CONNECTION).tips(VARIES).doc(
        "connection",
        "6.2.0",
        "Describes this connection as CLIENT LIST would.",
        "O(1)",
        "",
    ),
    SessionRow::ask("client|list", Arity::at_least(2), list::run).flags(OTHERS).categories(Categories::CONNECTION).tips(VARIES).doc(
        "connection",
        "2.4.0",
        "Describes connections, a line for each: all of them, those of one type, or those with the given numbers.",
        "O(N) where N is the number of connections",
        "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
    ),
    SessionRow::ask("client|kill", Arity::at_least(3), kill::run).flags(OTHERS).categories(Categories::CONNECTION).doc(
        "connection",
        "2.4.0",
        "Closes the connection from an address, or every connection that all of the given filters match.",
        "O(N) where N is the number of connections",
        "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | \
         [LADDR ip:port] | [SKIPME yes/no] | [MAXAGE maxage]> ...>",
    ),
    here("client|getname", Arity::exactly(2), client::getname).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "2.6.9",
        "Answers the name that this connection was given.",
        "O(1)",
        "",
    ),
    here("client|setname", Arity::exactly(3), client::setname).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "2.6.9",
        "Names this connection; an empty name takes the name away.",
        "O(1)",
        "connection-name",
    ),
    here("client|setinfo", Arity::exactly(4), client::setinfo).flags(OWN).categories(Categories::CONNECTION).tips(EVERYWHERE).doc(
        "connection",
        "7.2.0",
        "Tells which client library this is, and which version of it, for CLIENT LIST to show.",
        "O(1)",
        "<LIB-NAME libname | LIB-VER libver>",
    ),
    here("client|no-evict", Arity::exactly(3), client::no_evict).flags(OTHERS).categories(Categories::CONNECTION).doc(
        "connection",
        "7.0.0",
        "Keeps this connection when memory for clients runs out, or no longer.",
        "O(1)",
        "<ON | OFF>",
    ),
    here("client|no-touch", Arity::exactly(3), client::no_touch).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "7.2.0",
        "Whether reading a key on this connection leaves its access time and frequency as they were.",
        "O(1)",
        "<ON | OFF>",
    ),
    here("client|durability", Arity::exactly(3), client::durability).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "0.1.0",
        "When this connection's replies may leave: at once, when nothing they tell can be lost, or as appendfsync says.",
        "O(1)",
        "<MEMORY | DISK | SERVER>",
    ),
    here("client|reply", Arity::exactly(3), client::reply).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "3.2.0",
        "Whether calls on this connection are answered: all, none, or all but the next.",
        "O(1)",
        "<ON | OFF | SKIP>",
    ),
    here("client|pause", Arity::at_least(3), pause::run).flags(OTHERS).categories(Categories::CONNECTION).doc(
        "connection",
        "2.9.50",
        "Lets the calls of every client, or only those that write, wait for so many milliseconds.",
        "O(1)",
        "timeout [WRITE | ALL]",
    ),
    here("client|unpause", Arity::exactly(2), pause::end).flags(OTHERS).categories(Categories::CONNECTION).doc(
        "connection",
        "6.2.0",
        "Ends a pause before its time.",
        "O(N) where N is the number of paused clients",
        "",
    ),
    SessionRow::ask("client|unblock", Arity::at_least(3), unblock::run).flags(OTHERS).categories(Categories::CONNECTION).doc(
        "connection",
        "5.0.0",
        "Lets a connection give up that waits for a key, as if its time were over or with an error.",
        "O(N) where N is the number of connections",
        "client-id [TIMEOUT | ERROR]",
    ),
    SessionRow::ask("client|tracking", Arity::at_least(3), tracking::run).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "6.0.0",
        "Lets the client be told when keys change that it has read, or that begin with given prefixes, so that it can keep what it reads.",
        "O(1). Some options may introduce additional complexity.",
        "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
    ),
    here("client|caching", Arity::exactly(3), tracking::caching).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "6.0.0",
        "Lets the keys of the next call be remembered (tracking with OPTIN), or not (with OPTOUT).",
        "O(1)",
        "<YES | NO>",
    ),
    here("client|getredir", Arity::exactly(2), tracking::getredir).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "6.0.0",
        "Answers the number of the connection that is told of changed keys in place of this one: 0 is none, -1 no tracking.",
        "O(1)",
        "",
    ),
    here("client|trackinginfo", Arity::exactly(2), tracking::info).flags(OWN).categories(Categories::CONNECTION).doc(
        "connection",
        "6.2.0",
        "Tells what CLIENT TRACKING was asked for on this connection.",
        "O(1)",
        "",
    ),
    here("client|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::CONNECTION).doc(
        "connection",
        "5.0.0",
        "Lists the subcommands of CLIENT.",
        "O(1)",
        "",
    ),
];
