//! What can be said: the syntax of every command, as the reference's COMMAND DOCS tells it, less what cannot be compared.

use std::collections::BTreeSet;

use crate::reply::Reply;
use crate::wire::Wire;

/// A command or a subcommand, and what may follow its name.
pub struct Rule {
    /// Lower case; a subcommand is written `container|name`.
    pub name: String,
    /// The family, as COMMAND DOCS calls it (`sorted-set`).
    pub group: String,
    pub arguments: Vec<Argument>,
}

pub struct Argument {
    pub name: String,
    pub kind: Kind,
    /// The word that stands before it, or that is all of it.
    pub token: Option<Vec<u8>>,
    pub is_optional: bool,
    pub is_multiple: bool,
    /// Of several, each has the token before it.
    pub repeats_token: bool,
    /// Of which one is chosen, or that follow each other.
    pub parts: Vec<Argument>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Double,
    Key,
    Pattern,
    Time,
    Token,
    OneOf,
    Block,
}

const FAMILIES: &[&str] = &["generic", "string", "bitmap", "hyperloglog", "list", "set", "hash", "sorted-set", "geo", "stream"];

/// Of other families, what is about data all the same.
const MORE: &[&str] = &["select", "swapdb", "dbsize", "flushdb", "flushall"];

/// What is never said, and why.
const EXCLUDED: &[(&str, &str)] = &[
    ("blmove", "waits for other clients"),
    ("blmpop", "waits for other clients"),
    ("blpop", "waits for other clients"),
    ("brpop", "waits for other clients"),
    ("brpoplpush", "waits for other clients"),
    ("bzmpop", "waits for other clients"),
    ("bzpopmax", "waits for other clients"),
    ("bzpopmin", "waits for other clients"),
    ("wait", "waits for replicas"),
    ("migrate", "needs a third server"),
    ("object|idletime", "tells the time"),
    ("object|help", "is made from our own table"),
    ("xgroup|help", "is made from our own table"),
    ("xinfo|help", "is made from our own table"),
    ("pfdebug", "shows the inside of one implementation"),
    ("pfselftest", "tests the inside of one implementation"),
    ("restore", "is said with what DUMP answered, by the exchange at the end of an episode"),
];

/// Options that are never said, and why: the command, and the token or the argument.
const EXCLUDED_OPTIONS: &[(&str, &str, &str)] =
    &[("xread", "BLOCK", "waits for other clients"), ("xreadgroup", "BLOCK", "waits for other clients"), ("xadd", "*", "tells the time")];

/// The rules of what ours knows too, which is `known`, and the names of what only the reference does.
pub fn learn(reference: &mut Wire, known: &BTreeSet<String>) -> (Vec<Rule>, Vec<String>) {
    let mut rules = Vec::new();
    let Reply::Array(documented) = reference.line("COMMAND DOCS") else { panic!("COMMAND DOCS answers an array") };
    for pair in documented.chunks(2) {
        let subcommands = part(&pair[1], "subcommands");
        if subcommands.is_empty() {
            rules.push(Rule::read(&text(&pair[0]), &pair[1]));
        }
        rules.extend(subcommands.chunks(2).map(|pair| Rule::read(&text(&pair[0]), &pair[1])));
    }
    rules.retain(|rule| FAMILIES.contains(&rule.group.as_str()) || MORE.contains(&rule.name.as_str()));
    rules.retain(|rule| EXCLUDED.iter().all(|(name, _)| *name != rule.name));
    let (rules, missing): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(|rule| known.contains(&rule.name));
    (rules, missing.into_iter().map(|rule| rule.name).collect())
}

impl Rule {
    fn read(name: &str, description: &Reply) -> Rule {
        let mut arguments: Vec<Argument> = part(description, "arguments").iter().map(Argument::read).collect();
        for (_, option, _) in EXCLUDED_OPTIONS.iter().filter(|(command, _, _)| *command == name) {
            leave_out(&mut arguments, option.as_bytes());
        }
        Rule { name: name.to_owned(), group: text_part(description, "group"), arguments }
    }
}

/// Leaves out what has this token, and choices of which nothing is left.
fn leave_out(arguments: &mut Vec<Argument>, token: &[u8]) {
    arguments.retain_mut(|argument| {
        leave_out(&mut argument.parts, token);
        let is_empty = matches!(argument.kind, Kind::OneOf | Kind::Block) && argument.parts.is_empty();
        !is_empty && argument.token.as_deref() != Some(token)
    });
}

impl Argument {
    fn read(description: &Reply) -> Argument {
        let flags: Vec<String> = part(description, "flags")
            .iter()
            .map(|flag| match flag {
                Reply::Simple(flag) | Reply::Bulk(flag) => String::from_utf8_lossy(flag).into_owned(),
                other => panic!("a flag is a text, not {other}"),
            })
            .collect();
        let has = |flag: &str| flags.iter().any(|own| own == flag);
        let token = text_part(description, "token").into_bytes();
        let kind = match text_part(description, "type").as_str() {
            "integer" => Kind::Integer,
            "double" => Kind::Double,
            "key" => Kind::Key,
            "pattern" => Kind::Pattern,
            "unix-time" => Kind::Time,
            "pure-token" => Kind::Token,
            "oneof" => Kind::OneOf,
            "block" => Kind::Block,
            _ => Kind::Text,
        };
        Argument {
            name: text_part(description, "name"),
            kind,
            token: (!token.is_empty()).then_some(token),
            is_optional: has("optional"),
            is_multiple: has("multiple"),
            repeats_token: has("multiple_token"),
            parts: part(description, "arguments").iter().map(Argument::read).collect(),
        }
    }
}

/// What stands under this name in a map that RESP2 writes flat.
fn find<'a>(map: &'a Reply, name: &str) -> Option<&'a Reply> {
    let Reply::Array(flat) = map else { panic!("a description is an array, not {map}") };
    flat.chunks(2).find(|pair| text(&pair[0]) == name).map(|pair| &pair[1])
}

fn part<'a>(map: &'a Reply, name: &str) -> &'a [Reply] {
    match find(map, name) {
        Some(Reply::Array(items)) => items,
        _ => &[],
    }
}

fn text_part(map: &Reply, name: &str) -> String {
    find(map, name).map(text).unwrap_or_default()
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) | Reply::Simple(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("a text, not {other}"),
    }
}
