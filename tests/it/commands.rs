//! What COMMAND INFO says of every command that both servers know must be the same, but for what is listed here.

use std::collections::BTreeMap;

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;

/// Commands and subcommands that the reference, Redis 7.0, does not have yet or that are ours alone.
const ONLY_OURS: &[&str] = &[
    "client|durability",
    "waitaof",
    "client|no-touch",
    "client|setinfo",
    "delifeq",
    "msetex",
    "delex",
    "digest",
    "increx",
    "lmovem",
    "sdiffcard",
    "sunioncard",
    "hgetdel",
    "hgetex",
    "hsetex",
    "hexpire",
    "hpexpire",
    "hexpireat",
    "hpexpireat",
    "httl",
    "hpttl",
    "hexpiretime",
    "hpexpiretime",
    "hpersist",
    "sexpire",
    "spexpire",
    "sexpireat",
    "spexpireat",
    "sttl",
    "spttl",
    "sexpiretime",
    "spexpiretime",
    "spersist",
    "zexpire",
    "zpexpire",
    "zexpireat",
    "zpexpireat",
    "zttl",
    "zpttl",
    "zexpiretime",
    "zpexpiretime",
    "zpersist",
    "script|show",
    "xackdel",
    "xcfgset",
    "xdelex",
    "xnack",
];

/// Fields of a description: the numbers by which Redis's documentation counts them. Tips, the 8th, are free to differ: later versions have
/// more of them.
const COMPARED: &[(usize, &str)] =
    &[(1, "arity"), (2, "flags"), (3, "first key"), (4, "last key"), (5, "step"), (6, "categories"), (8, "key specifications")];

/// `name: field`, where we know better.
const ALLOWED: &[&str] = &["zrank: arity", "zrevrank: arity"]; // WITHSCORE came with 7.2.

#[test]
fn commands_are_described_as_redis_describes_them() {
    let (ours, peer) = (Daemon::start(&[]), Peer::redis_server());
    let (ours, peer) = (described(&ours), described(&peer));
    assert!(ours.len() > 30, "COMMAND describes {} commands", ours.len());
    let mut wrong = Vec::new();
    for (name, ours) in &ours {
        let Some(peer) = peer.get(name) else {
            if !ONLY_OURS.contains(&name.as_str()) {
                wrong.push(format!("{name}: the reference has no such command"));
            }
            continue;
        };
        for (field, called) in COMPARED {
            let (ours, peer) = (comparable(&ours[*field]), comparable(&peer[*field]));
            if ours != peer && !ALLOWED.contains(&format!("{name}: {called}").as_str()) {
                wrong.push(format!("{name}: {called}: {ours}, redis-server {peer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every command, subcommands too, by name.
pub fn described(daemon: &Daemon) -> BTreeMap<String, Vec<Reply>> {
    let mut all = BTreeMap::new();
    let Reply::Array(mut waiting) = daemon.wire().line("COMMAND") else { panic!("COMMAND answers an array") };
    while let Some(description) = waiting.pop() {
        let Reply::Array(fields) = description else { panic!("a description is an array, not {description}") };
        assert_eq!(fields.len(), 10);
        let Reply::Bulk(name) = &fields[0] else { panic!("the first field is the name, not {}", fields[0]) };
        let name = String::from_utf8_lossy(name).into_owned();
        if let Reply::Array(subcommands) = &fields[9] {
            waiting.extend(subcommands.iter().cloned());
        }
        all.insert(name, fields);
    }
    all
}

/// As text, sets in one order, and without the notes that some key specifications carry.
fn comparable(field: &Reply) -> String {
    let Reply::Array(elements) = field else { return field.to_string() };
    let mut texts: Vec<String> = elements.iter().map(without_notes).collect();
    texts.sort();
    texts.join(" ")
}

fn without_notes(specification: &Reply) -> String {
    match specification {
        Reply::Array(fields) if fields.first() == Some(&Reply::Bulk(b"notes".to_vec())) => Reply::Array(fields[2..].to_vec()).to_string(),
        other => other.to_string(),
    }
}
