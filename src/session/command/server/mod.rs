//! COMMAND, CONFIG, INFO and kin: what the server tells of itself and is told.

mod absent;
mod command;
mod config;
mod debug;
mod info;
mod lolwut;
mod memory;
mod monitor;
pub(crate) mod rewrite;
mod save;
mod shutdown;
mod time;
mod waitaof;

use crate::command::{Arity, Categories, Flags};
use crate::session::SessionRow;
use crate::session::command::{help, here};

use command::{count, describe, docs, keys, list};

/// May be asked at any time.
const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
/// For operators.
const OPERATORS: Flags = ANYTIME.and(Flags::ADMIN).and(Flags::NOSCRIPT);
/// What would bring foreign code in.
const LOADS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING);
/// What writes files.
const SAVES: Flags = LOADS;
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const VARYING: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
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
    SessionRow::ask("config|set", Arity::at_least(4), config::set).flags(OPERATORS).tips(EVERYWHERE).doc(
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
    here("bgrewriteaof", Arity::exactly(1), rewrite::run).flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::NO_ASYNC_LOADING)).doc(
        "server",
        "1.0.0",
        "Writes the log anew, as what makes the data that there are.",
        "O(N) where N is the size of all data",
        "",
    ),
    SessionRow::ask("waitaof", Arity::exactly(4), waitaof::run).flags(Flags::BLOCKING).categories(Categories::CONNECTION).doc(
        "generic",
        "7.2.0",
        "Waits until what was done on this connection is durable here and on so many replicas, and answers where it is.",
        "O(1)",
        "numlocal numreplicas timeout",
    ),
    SessionRow::ask("info", Arity::at_least(1), info::run)
        .flags(ANYTIME.and(Flags::UNDISTURBED))
        .categories(Categories::DANGEROUS)
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc(
            "server",
            "1.0.0",
            "Tells the figures of the server: all usual sections, or the named ones.",
            "O(1)",
            "[section [section ...]]",
        ),
    SessionRow::ask("memory|stats", Arity::exactly(2), memory::stats).tips(VARYING).doc(
        "server",
        "4.0.0",
        "Tells where the memory of the server is, by kind, database and shard.",
        "O(1)",
        "",
    ),
    SessionRow::ask("memory|doctor", Arity::exactly(2), memory::doctor).tips(VARYING).doc(
        "server",
        "4.0.0",
        "Tells what is odd about the memory of the server, if anything.",
        "O(1)",
        "",
    ),
    here("memory|malloc-stats", Arity::exactly(2), memory::malloc_stats).tips(VARYING).doc(
        "server",
        "4.0.0",
        "Shows the allocator's own report.",
        "Depends on how much memory is allocated, could be slow",
        "",
    ),
    here("memory|purge", Arity::exactly(2), memory::purge).tips(&["request_policy:all_shards", "response_policy:all_succeeded"]).doc(
        "server",
        "4.0.0",
        "Would give unused pages back to the system, which the allocator does all the time.",
        "O(1)",
        "",
    ),
    here("time", Arity::exactly(1), time::run).flags(ANYTIME.and(Flags::FAST)).tips(&["nondeterministic_output"]).doc(
        "server",
        "2.6.0",
        "Answers the server's time: seconds since 1970 and microseconds.",
        "O(1)",
        "",
    ),
    here("lolwut", Arity::at_least(1), lolwut::run).flags(Flags::READONLY.and(Flags::FAST)).doc(
        "server",
        "5.0.0",
        "Lays a mosaic of broken tiles and tells the version.",
        "",
        "[VERSION version] [columns [rows [tiles]]]",
    ),
    SessionRow::ask("monitor", Arity::exactly(1), monitor::run).flags(OPERATORS).doc(
        "server",
        "1.0.0",
        "Shows every call of every client, as it is done, until RESET or the end.",
        "",
        "",
    ),
    SessionRow::ask("save", Arity::exactly(1), save::save).flags(SAVES.and(Flags::NO_MULTI)).doc(
        "server",
        "1.0.0",
        "Writes a snapshot of all data, and answers when it is on disk.",
        "O(N) where N is the number of keys",
        "",
    ),
    SessionRow::ask("bgsave", Arity::at_least(1), save::bgsave).flags(SAVES).doc(
        "server",
        "1.0.0",
        "Begins to write a snapshot of all data, or stops that.",
        "O(1)",
        "[SCHEDULE | CANCEL]",
    ),
    here("lastsave", Arity::exactly(1), save::lastsave)
        .flags(ANYTIME.and(Flags::FAST))
        .categories(Categories::ADMIN.and(Categories::DANGEROUS))
        .tips(&["nondeterministic_output"])
        .doc("server", "1.0.0", "Answers when the last snapshot was done, in seconds since 1970.", "O(1)", ""),
    SessionRow::ask("shutdown", Arity::at_least(1), shutdown::run).flags(OPERATORS.and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY)).doc(
        "server",
        "1.0.0",
        "Lets running calls finish and ends the server.",
        "O(1)",
        "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    ),
    SessionRow::container("debug", Arity::at_least(2)).flags(OPERATORS.and(Flags::PROTECTED)).doc(
        "server",
        "1.0.0",
        "Holds commands for tests.",
        "Depends on subcommand.",
        "",
    ),
    SessionRow::ask("debug|sleep", Arity::exactly(3), debug::sleep).flags(OPERATORS).doc(
        "server",
        "1.0.0",
        "Lets every call on data wait for so many seconds, fractions allowed.",
        "O(1)",
        "seconds",
    ),
    here("debug|set-active-expire", Arity::exactly(3), debug::set_active_expire).flags(OPERATORS).doc(
        "server",
        "1.0.0",
        "Whether keys past their deadline are removed without being touched: 1 or 0.",
        "O(1)",
        "<0 | 1>",
    ),
    here("debug|help", Arity::exactly(2), help::run).flags(OPERATORS).doc("server", "1.0.0", "Lists the subcommands of DEBUG.", "O(1)", ""),
    SessionRow::container("module", Arity::at_least(2)).doc(
        "server",
        "4.0.0",
        "Holds the commands on modules, of which there are none.",
        "Depends on subcommand.",
        "",
    ),
    here("module|list", Arity::exactly(2), absent::modules).flags(Flags::ADMIN.and(Flags::NOSCRIPT)).tips(UNORDERED).doc(
        "server",
        "4.0.0",
        "Answers the loaded modules: none.",
        "O(1)",
        "",
    ),
    here("module|load", Arity::at_least(3), absent::locked).flags(LOADS).doc(
        "server",
        "4.0.0",
        "Refused: there are no modules.",
        "O(1)",
        "path [arg [arg ...]]",
    ),
    here("module|loadex", Arity::at_least(3), absent::locked).flags(LOADS).doc(
        "server",
        "7.0.0",
        "Refused: there are no modules.",
        "O(1)",
        "path [CONFIG name value [CONFIG name value ...]] [ARGS arg [arg ...]]",
    ),
    here("module|unload", Arity::exactly(3), absent::locked).flags(LOADS).doc(
        "server",
        "4.0.0",
        "Refused: there are no modules.",
        "O(1)",
        "name",
    ),
    here("module|help", Arity::exactly(2), help::run).flags(ANYTIME).doc("server", "5.0.0", "Lists the subcommands of MODULE.", "O(1)", ""),
    here("cluster", Arity::at_least(2), absent::cluster).doc(
        "cluster",
        "3.0.0",
        "Refused: this server is no node of a cluster.",
        "O(1)",
        "subcommand [arg [arg ...]]",
    ),
    here("readonly", Arity::exactly(1), absent::cluster).flags(ANYTIME.and(Flags::FAST)).categories(Categories::CONNECTION).doc(
        "cluster",
        "3.0.0",
        "Refused: this server is no node of a cluster.",
        "O(1)",
        "",
    ),
    here("readwrite", Arity::exactly(1), absent::cluster).flags(ANYTIME.and(Flags::FAST)).categories(Categories::CONNECTION).doc(
        "cluster",
        "3.0.0",
        "Refused: this server is no node of a cluster.",
        "O(1)",
        "",
    ),
    here("asking", Arity::exactly(1), absent::cluster).flags(Flags::FAST).categories(Categories::CONNECTION).doc(
        "cluster",
        "3.0.0",
        "Refused: this server is no node of a cluster.",
        "O(1)",
        "",
    ),
];
