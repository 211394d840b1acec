//! COMMAND, CONFIG, INFO and kin: what the server tells of itself and is told.

mod command;
mod config;

use crate::command::{Arity, Categories, Flags};
use crate::session::SessionRow;
use crate::session::command::{help, here};

use command::{count, describe, docs, keys, list};

/// May be asked at any time.
const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
/// For operators.
const OPERATORS: Flags = ANYTIME.and(Flags::ADMIN).and(Flags::NOSCRIPT);
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

/// The commands on the server.
pub(crate) static TABLE: &[SessionRow] = &[
    here("command", Arity::at_least(1), describe::all).flags(ANYTIME).categories(Categories::CONNECTION).tips(UNORDERED).doc(
        "server",
        "2.8.13",
        "Tells arity, flags, keys and categories of every command.",
        "O(N) where N is the number of commands",
        "",
    ),
    here("command|count", Arity::exactly(2), count).flags(ANYTIME).categories(Categories::CONNECTION).doc(
        "server",
        "2.8.13",
        "Answers how many commands there are.",
        "O(1)",
        "",
    ),
    here("command|info", Arity::at_least(2), describe::run).flags(ANYTIME).categories(Categories::CONNECTION).tips(UNORDERED).doc(
        "server",
        "2.8.13",
        "Tells arity, flags, keys and categories of the named commands, or of all.",
        "O(N) where N is the number of commands to look up",
        "[command-name [command-name ...]]",
    ),
    here("command|docs", Arity::at_least(2), docs::run).flags(ANYTIME).categories(Categories::CONNECTION).tips(UNORDERED).doc(
        "server",
        "7.0.0",
        "Explains the named commands and their arguments, or all.",
        "O(N) where N is the number of commands to look up",
        "[command-name [command-name ...]]",
    ),
    here("command|list", Arity::at_least(2), list::run).flags(ANYTIME).categories(Categories::CONNECTION).tips(UNORDERED).doc(
        "server",
        "7.0.0",
        "Names every command, or those of a module, of a category or that match a pattern.",
        "O(N) where N is the number of commands",
        "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
    ),
    here("command|getkeys", Arity::at_least(4), keys::getkeys).flags(ANYTIME).categories(Categories::CONNECTION).doc(
        "server",
        "2.8.13",
        "Answers those words of a whole call that are keys.",
        "O(N) where N is the number of words of the call",
        "command [arg [arg ...]]",
    ),
    here("command|getkeysandflags", Arity::at_least(4), keys::getkeysandflags).flags(ANYTIME).categories(Categories::CONNECTION).doc(
        "server",
        "7.0.0",
        "Answers those words of a whole call that are keys, and what the call does to each.",
        "O(N) where N is the number of words of the call",
        "command [arg [arg ...]]",
    ),
    here("command|help", Arity::exactly(2), help::run).flags(ANYTIME).categories(Categories::CONNECTION).doc(
        "server",
        "5.0.0",
        "Lists the subcommands of COMMAND.",
        "O(1)",
        "",
    ),
    SessionRow::container("config", Arity::at_least(2)).doc(
        "server",
        "2.0.0",
        "Holds the commands on settings.",
        "Depends on subcommand.",
        "",
    ),
    here("config|get", Arity::at_least(3), config::get).flags(OPERATORS).doc(
        "server",
        "2.0.0",
        "Answers the settings whose names match any of the patterns.",
        "O(N) where N is the number of settings and patterns",
        "parameter [parameter ...]",
    ),
    here("config|set", Arity::at_least(4), config::set).flags(OPERATORS).tips(EVERYWHERE).doc(
        "server",
        "2.0.0",
        "Changes settings while the server runs: all of the given ones, or none.",
        "O(N) where N is the number of settings given",
        "parameter value [parameter value ...]",
    ),
    SessionRow::ask("config|resetstat", Arity::exactly(2), config::resetstat).flags(OPERATORS).tips(EVERYWHERE).doc(
        "server",
        "2.0.0",
        "Sets the counters that INFO shows back to zero.",
        "O(1)",
        "",
    ),
    here("config|rewrite", Arity::exactly(2), config::rewrite).flags(OPERATORS).tips(EVERYWHERE).doc(
        "server",
        "2.8.0",
        "Would write the settings in force to the configuration file; the file is left to its owner.",
        "O(1)",
        "",
    ),
    here("config|help", Arity::exactly(2), help::run).flags(ANYTIME).doc("server", "5.0.0", "Lists the subcommands of CONFIG.", "O(1)", ""),
];
