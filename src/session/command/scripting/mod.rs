//! SCRIPT and FUNCTION: what is known of scripts and of libraries. EVAL and kin, which run them, are rows of `command/script.rs`.

mod function;
mod script;

use crate::command::{Arity, Categories, Flags};
use crate::session::SessionRow;
use crate::session::command::{help, here};

const KEEPS: Flags = Flags::NOSCRIPT;
const KILLS: Flags = Flags::NOSCRIPT.and(Flags::ALLOW_BUSY);
const EVERYWHERE: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const ANYWHERE: &[&str] = &["request_policy:all_shards", "response_policy:one_succeeded"];
const UNORDERED: &[&str] = &["nondeterministic_output_order"];
const VARYING: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];
const LOGICALLY: &[&str] = &["request_policy:all_shards", "response_policy:agg_logical_and"];

/// The commands about scripts.
pub(crate) static TABLE: &[SessionRow] = &[
    SessionRow::container("script", Arity::at_least(2)).doc(
        "scripting",
        "2.6.0",
        "Holds the commands on scripts.",
        "Depends on subcommand.",
        "",
    ),
    here("script|load", Arity::exactly(3), script::load)
        .flags(KEEPS.and(Flags::STALE))
        .categories(Categories::SCRIPTING)
        .tips(EVERYWHERE)
        .doc(
            "scripting",
            "2.6.0",
            "Lets the server know a script, and answers the SHA1 by which EVALSHA runs it.",
            "O(N) where N is the length of the script",
            "script",
        ),
    here("script|exists", Arity::at_least(3), script::exists).flags(KEEPS).categories(Categories::SCRIPTING).tips(LOGICALLY).doc(
        "scripting",
        "2.6.0",
        "Tells of each SHA1 whether the server knows its script.",
        "O(N) where N is the number of scripts to look up",
        "sha1 [sha1 ...]",
    ),
    here("script|show", Arity::exactly(3), script::show).flags(KEEPS).categories(Categories::SCRIPTING).doc(
        "scripting",
        "8.0.0",
        "Answers the text of a script.",
        "O(1)",
        "sha1",
    ),
    here("script|flush", Arity::at_least(2), script::flush).flags(KEEPS).categories(Categories::SCRIPTING).tips(EVERYWHERE).doc(
        "scripting",
        "2.6.0",
        "Forgets every script.",
        "O(N) where N is the number of scripts",
        "[ASYNC | SYNC]",
    ),
    here("script|kill", Arity::exactly(2), script::kill).flags(KILLS).categories(Categories::SCRIPTING).tips(ANYWHERE).doc(
        "scripting",
        "2.6.0",
        "Ends the script that runs, if it has written nothing.",
        "O(1)",
        "",
    ),
    here("script|debug", Arity::exactly(3), script::debug).flags(KEEPS).categories(Categories::SCRIPTING).doc(
        "scripting",
        "3.2.0",
        "Would let scripts be debugged; there is no debugger here.",
        "O(1)",
        "<YES | SYNC | NO>",
    ),
    here("script|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::SCRIPTING).doc(
        "scripting",
        "5.0.0",
        "Lists the subcommands of SCRIPT.",
        "O(1)",
        "",
    ),
    SessionRow::container("function", Arity::at_least(2)).doc(
        "scripting",
        "7.0.0",
        "Holds the commands on libraries of functions.",
        "Depends on subcommand.",
        "",
    ),
    here("function|load", Arity::at_least(3), function::load)
        .flags(KEEPS.and(Flags::WRITE).and(Flags::DENYOOM))
        .categories(Categories::SCRIPTING)
        .tips(EVERYWHERE)
        .doc(
            "scripting",
            "7.0.0",
            "Makes a library of the code, whose functions FCALL calls from then on.",
            "O(N) where N is the length of the code",
            "[REPLACE] function-code",
        ),
    here("function|delete", Arity::exactly(3), function::delete)
        .flags(KEEPS.and(Flags::WRITE))
        .categories(Categories::SCRIPTING)
        .tips(EVERYWHERE)
        .doc("scripting", "7.0.0", "Removes a library and its functions.", "O(N) where N is the number of libraries", "library-name"),
    here("function|list", Arity::at_least(2), function::list).flags(KEEPS).categories(Categories::SCRIPTING).tips(UNORDERED).doc(
        "scripting",
        "7.0.0",
        "Tells of every library, or of those whose names match, and of their functions.",
        "O(N) where N is the number of functions",
        "[LIBRARYNAME library-name-pattern] [WITHCODE]",
    ),
    here("function|stats", Arity::exactly(2), function::stats).flags(KILLS).categories(Categories::SCRIPTING).tips(VARYING).doc(
        "scripting",
        "7.0.0",
        "Tells what runs, and how many libraries and functions there are.",
        "O(N) where N is the number of libraries",
        "",
    ),
    here("function|kill", Arity::exactly(2), function::kill).flags(KILLS).categories(Categories::SCRIPTING).tips(ANYWHERE).doc(
        "scripting",
        "7.0.0",
        "Ends the function that runs, if it has written nothing.",
        "O(1)",
        "",
    ),
    here("function|flush", Arity::at_least(2), function::flush)
        .flags(KEEPS.and(Flags::WRITE))
        .categories(Categories::SCRIPTING)
        .tips(EVERYWHERE)
        .doc("scripting", "7.0.0", "Removes every library.", "O(N) where N is the number of libraries", "[ASYNC | SYNC]"),
    here("function|dump", Arity::exactly(2), function::dump).flags(KEEPS).categories(Categories::SCRIPTING).doc(
        "scripting",
        "7.0.0",
        "Answers all libraries in one piece, for FUNCTION RESTORE.",
        "O(N) where N is the number of libraries",
        "",
    ),
    here("function|restore", Arity::at_least(3), function::restore)
        .flags(KEEPS.and(Flags::WRITE).and(Flags::DENYOOM))
        .categories(Categories::SCRIPTING)
        .tips(EVERYWHERE)
        .doc(
            "scripting",
            "7.0.0",
            "Takes in the libraries of a dump.",
            "O(N) where N is the number of libraries of the dump",
            "serialized-value [FLUSH | APPEND | REPLACE]",
        ),
    here("function|help", Arity::exactly(2), help::run).flags(Flags::LOADING.and(Flags::STALE)).categories(Categories::SCRIPTING).doc(
        "scripting",
        "7.0.0",
        "Lists the subcommands of FUNCTION.",
        "O(1)",
        "",
    ),
];
