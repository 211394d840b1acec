//! Whatever is said, do we answer what Redis answers? Random commands of every family, said to our daemon with one shard and with four and to
//! the reference, in RESP2 and in RESP3, and every reply compared.
//!
//! An episode begins with an empty keyspace and follows from its seed and from the command tables of both servers: `grammar` reads what can be
//! said, `words` knows what makes sense where, `speech` says it, `verdict` compares. At its end everything about every key is asked, and where
//! both servers can, what DUMP says of each key is restored by the other. What differs is shrunk, and told as a block for tests/transcripts.
//!
//! ```text
//! TRENCADIS_SEED=7        that episode only (odd seeds speak RESP3)
//! TRENCADIS_SEEDS=10000   so many episodes, from TRENCADIS_SEED or from 0 on
//! TRENCADIS_FAMILIES=hash,set   only commands of these families
//! ```

mod dice;
mod grammar;
mod shrink;
mod speech;
mod verdict;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::commands::described;
use crate::daemon::{Daemon, Peer};
use crate::reply::{Reply, quote_words};
use crate::wire::{Wire, request};
use speech::{Command, Speaker, Step};
use verdict::Difference;
use words::Word;

/// 90,000 commands, and what is asked at the end of each episode.
const EPISODES: u64 = 600;
/// After so many different differences nothing new is learned.
const FOUND_MAX: usize = 12;
/// Requests that are sent before replies are read: little enough for the buffers of both ends.
const BATCH_BYTES: usize = 32 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// One server, and a connection in either protocol.
struct Server {
    name: &'static str,
    daemon: Daemon,
    wires: [Wire; 2],
    resp3: bool,
}

/// What became of an episode.
struct Found {
    difference: Difference,
    step: Step,
    ours: Vec<Reply>,
    reference: Vec<Reply>,
    /// In the episode itself, or in what was asked behind it.
    at: Option<usize>,
}

impl Server {
    fn new(name: &'static str, daemon: Daemon) -> Server {
        let (resp2, mut resp3) = (daemon.wire(), daemon.wire());
        resp3.call(&[b"HELLO".as_slice(), b"3"]);
        Server { name, daemon, wires: [resp2, resp3], resp3: false }
    }

    fn wire(&mut self) -> &mut Wire {
        &mut self.wires[usize::from(self.resp3)]
    }

    fn send(&mut self, commands: &[&Command]) {
        let bytes: Vec<u8> = commands.iter().flat_map(|command| request(command)).collect();
        self.wire().send_raw(&bytes);
    }

    fn replies(&mut self, commands: &[&Command]) -> Vec<Reply> {
        let name = self.name;
        let reply = |command: &&Command| match self.wire().reply_within(PATIENCE) {
            Some(bytes) => Reply::decode(&bytes).expect("a whole reply").0,
            None => panic!("{name} does not answer {}", quote_words(command)),
        };
        commands.iter().map(reply).collect()
    }

    fn ask(&mut self, words: &[&[u8]]) -> Reply {
        self.wire().ask(words)
    }
}

/// The replies of each server to all commands. The servers work at the same time.
fn say(servers: &mut [&mut Server], commands: &[&Command]) -> Vec<Vec<Reply>> {
    let mut replies: Vec<Vec<Reply>> = servers.iter().map(|_| Vec::new()).collect();
    let mut rest = commands;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |command: &&&Command| {
            bytes += command.iter().map(|word| word.len() + 16).sum::<usize>();
            bytes <= BATCH_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (batch, more) = rest.split_at(count);
        servers.iter_mut().for_each(|server| server.send(batch));
        for (server, replies) in servers.iter_mut().zip(&mut replies) {
            replies.extend(server.replies(batch));
        }
        rest = more;
    }
    replies
}

/// Says `steps` to all servers, the reference being the last, and then asks about everything. The first difference of each of ours.
fn episode(servers: &mut [&mut Server], steps: &[Step], known: &BTreeSet<String>, said: &mut usize) -> Vec<Option<Found>> {
    for server in servers.iter_mut() {
        server.ask(&[b"SELECT", b"0"]);
        server.ask(&[b"FLUSHALL"]);
    }
    let mut found = compare(servers, steps, true, said);
    for database in [b"0", b"1"] {
        if found.iter().any(Option::is_some) {
            break;
        }
        servers.iter_mut().for_each(|server| drop(server.ask(&[b"SELECT", database])));
        let reference = servers.last_mut().expect("the reference is there");
        let keys: Vec<Word> = match reference.ask(&[b"KEYS", b"*"]) {
            Reply::Array(names) | Reply::Set(names) => names.into_iter().filter_map(text).collect(),
            _ => Vec::new(),
        };
        let types: Vec<Command> = keys.iter().map(|key| vec![b"TYPE".to_vec(), key.clone()]).collect();
        let kinds = say(&mut [reference], &types.iter().collect::<Vec<_>>()).remove(0);
        let mut looks = vec![Step::One(vec![b"KEYS".to_vec(), b"*".to_vec()]), Step::One(vec![b"DBSIZE".to_vec()])];
        for (key, kind) in keys.iter().zip(kinds) {
            let kind = text(kind).unwrap_or_default();
            looks.extend(speech::look(key, &kind).into_iter().filter(|command| knows(known, command)).map(Step::One));
        }
        looks.extend(types.into_iter().map(Step::One));
        found = compare(servers, &looks, false, said);
        if found.iter().all(Option::is_none) && known.contains("dump") && known.contains("restore") {
            found = exchange(servers, &keys);
            // What was restored must look as what was there.
            if found.iter().all(Option::is_none) {
                found = compare(servers, &looks, false, said);
            }
        }
    }
    found
}

fn text(reply: Reply) -> Option<Word> {
    if let Reply::Bulk(text) | Reply::Simple(text) = reply { Some(text) } else { None }
}

/// What DUMP says of each key, restored in its place by another: ours take the reference's, and the reference takes one of ours.
fn exchange(servers: &mut [&mut Server], keys: &[Word]) -> Vec<Option<Found>> {
    let last = servers.len() - 1;
    let asks: Vec<Command> =
        keys.iter().flat_map(|key| [b"DUMP".as_slice(), b"PEXPIRETIME"].map(|name| vec![name.to_vec(), key.clone()])).collect();
    let told = say(servers, &asks.iter().collect::<Vec<_>>());
    let mut found: Vec<Option<Found>> = (0..last).map(|_| None).collect();
    for at in 0..=last {
        let from = if at == last { 0 } else { last };
        let restores: Vec<Command> = keys
            .iter()
            .zip(told[from].chunks(2))
            .filter_map(|(key, told)| match told {
                [Reply::Bulk(dump), Reply::Integer(deadline)] => {
                    let deadline = (*deadline).max(0).to_string().into_bytes();
                    Some(vec![b"RESTORE".to_vec(), key.clone(), deadline, dump.clone(), b"REPLACE".to_vec(), b"ABSTTL".to_vec()])
                }
                _ => None,
            })
            .collect();
        let replies = say(&mut servers[at..=at], &restores.iter().collect::<Vec<_>>()).remove(0);
        for (restore, reply) in restores.iter().zip(replies).filter(|(_, reply)| *reply != Reply::Simple(b"OK".to_vec())) {
            let why = format!("{} refuses what {} dumped", servers[at].name, servers[from].name);
            let found = &mut found[if at == last { 0 } else { at }];
            let (ours, reference) = (vec![reply.clone()], vec![reply]);
            *found = Some(Found { difference: Difference { at: 0, why }, step: Step::One(restore.clone()), ours, reference, at: None });
        }
    }
    found
}

/// Do both know it? Containers are listed with their subcommands.
fn knows(known: &BTreeSet<String>, command: &Command) -> bool {
    let name = verdict::name(command);
    let subcommand = command.get(1).map(|word| format!("{name}|{}", String::from_utf8_lossy(word).to_ascii_lowercase()));
    if name == "xinfo" || name == "object" { subcommand.is_some_and(|name| known.contains(&name)) } else { known.contains(&name) }
}

fn compare(servers: &mut [&mut Server], steps: &[Step], is_episode: bool, said: &mut usize) -> Vec<Option<Found>> {
    let commands: Vec<&Command> = steps.iter().flat_map(Step::commands).collect();
    *said += commands.len();
    let mut replies = say(servers, &commands);
    let reference = replies.pop().expect("the reference is the last");
    let judge = |ours: &Vec<Reply>| {
        let mut start = 0;
        for (at, step) in steps.iter().enumerate() {
            let range = start..start + step.commands().len();
            start = range.end;
            if let Some(difference) = verdict::judge(step, &ours[range.clone()], &reference[range.clone()]) {
                let (ours, reference) = (ours[range.clone()].to_vec(), reference[range].to_vec());
                return Some(Found { difference, step: step.clone(), ours, reference, at: is_episode.then_some(at) });
            }
        }
        None
    };
    replies.iter().map(judge).collect()
}

impl Found {
    /// By which two differences are held for the same: the command's name, and the beginnings of both replies.
    fn kind(&self) -> String {
        let command = &self.step.commands()[self.difference.at];
        let form = |reply: &Reply| match reply {
            Reply::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
            other => other.to_string().chars().take(1).collect(),
        };
        let at = self.difference.at;
        format!("{}: {} / {}", verdict::name(command), form(&self.ours[at]), form(&self.reference[at]))
    }
}

/// The steps that lead to the difference and the one that shows it, with what the reference answers, as a block of a transcript.
fn told(seed: u64, servers: &mut [&mut Server], steps: &[Step], found: &Found) -> String {
    let (ours, resp3) = (servers[0].name, servers[0].resp3);
    let mut text = format!("# seed {seed}: {ours}: {}\n", found.difference.why);
    text += if resp3 { "@ resp3\n" } else { "" };
    let mut commands: Vec<&Command> = steps.iter().flat_map(Step::commands).collect();
    if found.at.is_none() {
        commands.extend(found.step.commands());
    }
    let reference = servers.last_mut().expect("the reference is the last");
    reference.ask(&[b"SELECT", b"0"]);
    reference.ask(&[b"FLUSHALL"]);
    let replies = say(&mut [reference], &commands).remove(0);
    for (command, reply) in commands.iter().zip(replies) {
        let mark = match verdict::unordered(command) {
            Some(1) => "~",
            Some(_) if !resp3 => "~2",
            Some(_) => "~",
            None => "",
        };
        let mark = if matches!(reply, Reply::Error(_)) { "" } else { mark };
        let _ = writeln!(text, "> {}\n<{mark} {reply}", plain_words(command));
    }
    let _ = writeln!(text, "# ours: {}", found.ours[found.difference.at]);
    text
}

/// As a person would write them: quotes only where they are needed.
fn plain_words(command: &Command) -> String {
    let plain = |word: &Vec<u8>| {
        let is_plain = !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && !b"\"'\\#".contains(byte));
        if is_plain { String::from_utf8_lossy(word).into_owned() } else { quote_words(&[word]) }
    };
    command.iter().map(plain).collect::<Vec<_>>().join(" ")
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Every different difference between each of `ours` and the reference, by its kind: how often it was found, and the first of them, told.
fn hunt(ours: &mut [Server], reference: &mut Server, seeds: Range<u64>, families: Option<&str>) -> BTreeMap<String, (usize, String)> {
    let started = Instant::now();
    let known: BTreeSet<String> = described(&ours[0].daemon).into_keys().collect();
    let (mut rules, missing) = grammar::learn(&mut reference.wires[0], &known);
    if let Some(families) = families {
        rules.retain(|rule| families.split(',').any(|family| family == rule.group));
        assert!(!rules.is_empty(), "{families}: no commands");
    }
    println!("{} commands; not there yet: {}", rules.len(), missing.join(" "));
    let has_blocks = families.is_none() && known.contains("multi") && known.contains("exec");
    let (mut said, mut all_found) = (0, BTreeMap::<String, (usize, String)>::new());
    for seed in seeds {
        let steps = Speaker::new(seed, &rules, has_blocks).episode();
        let mut servers: Vec<&mut Server> = ours.iter_mut().chain([&mut *reference]).collect();
        servers.iter_mut().for_each(|server| server.resp3 = seed % 2 == 1);
        let found = episode(&mut servers, &steps, &known, &mut said);
        for (found, ours) in found.into_iter().zip(&mut *ours) {
            let Some(found) = found else { continue };
            let kind = found.kind();
            if let Some((times, _)) = all_found.get_mut(&kind) {
                *times += 1;
                continue;
            }
            let text = shrunk(seed, &mut [ours, reference], steps.clone(), found, &known);
            println!("\n{text}");
            all_found.insert(kind, (1, text));
        }
        if all_found.len() >= FOUND_MAX {
            break;
        }
    }
    println!("{said} replies compared with each of ours in {:.1} s", started.elapsed().as_secs_f64());
    all_found
}

#[test]
fn no_reply_differs_from_redis_server() {
    let mut ours = [
        Server::new("trencadis, 1 shard", Daemon::start(&["--shards", "1"])),
        Server::new("trencadis, 4 shards", Daemon::start(&["--shards", "4"])),
    ];
    let mut reference = Server::new("redis-server", Peer::redis_server());
    let first = number("TRENCADIS_SEED");
    let count = number("TRENCADIS_SEEDS").unwrap_or(if first.is_some() { 1 } else { EPISODES });
    let first = first.unwrap_or(0);
    let families = std::env::var("TRENCADIS_FAMILIES").ok();
    let found = hunt(&mut ours, &mut reference, first..first + count, families.as_deref());
    let texts: Vec<String> = found.values().map(|(times, text)| format!("{text}# {times} time(s)\n")).collect();
    assert!(texts.is_empty(), "{} differences:\n\n{}", texts.len(), texts.join("\n"));
}

#[test]
fn a_difference_is_found_and_shrunk() {
    // The reference in our place, with one setting changed.
    let mut ours = [Server::new("another redis-server", Peer::redis_server_with(&["--zset-max-listpack-entries", "3"]))];
    let mut reference = Server::new("redis-server", Peer::redis_server());
    let found = hunt(&mut ours, &mut reference, 0..60, Some("sorted-set,generic"));
    let encodings: Vec<&str> = found.values().map(|(_, text)| text.as_str()).filter(|text| text.contains("> OBJECT ENCODING")).collect();
    assert!(!encodings.is_empty(), "found {found:?}");
    for text in encodings {
        assert!(text.contains("< \"listpack\"\n# ours: \"skiplist\"\n"), "{text}");
        let said = text.lines().filter(|line| line.starts_with("> ")).count();
        assert!(said <= 5, "not shrunk:\n{text}");
    }
}

/// The shortest way to this difference, told.
fn shrunk(seed: u64, pair: &mut [&mut Server; 2], steps: Vec<Step>, found: Found, known: &BTreeSet<String>) -> String {
    let kind = found.kind();
    let mut steps = steps;
    if let Some(at) = found.at {
        steps.truncate(at + 1);
    }
    let mut again = |steps: &[Step]| episode(pair, steps, known, &mut 0).remove(0).filter(|found| found.kind() == kind);
    let mut last = again(&steps);
    let steps = shrink::shrink(steps, |steps| {
        let found = again(steps);
        let differs = found.is_some();
        last = found.or(last.take());
        differs
    });
    match last {
        Some(found) => told(seed, pair, &steps, &found),
        None => format!("# did not happen again\n{}", told(seed, pair, &steps, &found)),
    }
}
