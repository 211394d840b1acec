//! What the journal is told of each call: that it does the same again, and that it says what Redis would have written.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::reply::{self, Reply};
use crate::transcripts::{Block, Deed, all_blocks, selected};
use crate::wire::Wire;

type Words = Vec<Vec<u8>>;

/// The calls of a block that are for shards, with the database each is for; nothing if some call needs a session.
fn calls(block: &Block, shards: &InProcess) -> Vec<(u16, Words, u64)> {
    let mut databases: BTreeMap<usize, u16> = BTreeMap::new();
    let (mut calls, mut waited) = (Vec::new(), 0);
    for step in &block.steps {
        match &step.deed {
            Deed::Call(words) => {
                let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                if let Some(database) = selected(words) {
                    databases.insert(step.connection, database);
                } else if shards.knows(&slices) {
                    let database = databases.get(&step.connection).copied().unwrap_or(0);
                    calls.push((database, words.clone(), std::mem::take(&mut waited)));
                } else {
                    return Vec::new();
                }
            }
            Deed::Pause(time) => waited += time.as_millis() as u64,
            Deed::Raw(_) => return Vec::new(),
            Deed::Expect(_) => {}
        }
    }
    calls
}

fn say(shards: &mut InProcess, words: &[&[u8]]) -> Reply {
    Reply::decode(&shards.call(words).expect("a call for shards")).expect("a whole reply").0
}

fn bulks(reply: Reply) -> Vec<Vec<u8>> {
    let Reply::Array(items) = reply else { panic!("an array was expected: {reply}") };
    let bulk = |item| if let Reply::Bulk(bytes) = item { bytes } else { panic!("bulks were expected") };
    items.into_iter().map(bulk).collect()
}

/// Everything there is, in an order of its own: what two keyspaces that hold the same agree upon.
fn contents(shards: &mut InProcess) -> Vec<String> {
    let mut all = Vec::new();
    for database in 0..16 {
        shards.database = database;
        let mut keys = bulks(say(shards, &[b"KEYS", b"*"]));
        keys.sort();
        for key in keys {
            let Reply::Simple(kind) = say(shards, &[b"TYPE", &key]) else { panic!("TYPE is a simple string") };
            let deadline = say(shards, &[b"PEXPIRETIME", &key]);
            let mut told = match &*kind {
                b"string" => say(shards, &[b"GET", &key]).to_string(),
                b"list" => say(shards, &[b"LRANGE", &key, b"0", b"-1"]).to_string(),
                b"set" => members(shards, &key, &[b"SMEMBERS", &key], 1, &[b"SPEXPIRETIME", b"MEMBERS"]),
                b"hash" => members(shards, &key, &[b"HGETALL", &key], 2, &[b"HPEXPIRETIME", b"FIELDS"]),
                b"zset" => members(shards, &key, &[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"], 2, &[b"ZPEXPIRETIME", b"MEMBERS"]),
                _ => without_times(&say(shards, &[b"XINFO", b"STREAM", &key, b"FULL", b"COUNT", b"0"]).to_string()),
            };
            told.truncate(20_000);
            all.push(format!("{database} {} {deadline} {} {told}", reply::quote(&key), String::from_utf8_lossy(&kind)));
        }
    }
    shards.database = 0;
    all
}

/// Members with what belongs to each, and its deadline, in order.
fn members(shards: &mut InProcess, key: &[u8], read: &[&[u8]], width: usize, ask: &[&[u8]; 2]) -> String {
    let flat = bulks(say(shards, read));
    let mut told: Vec<String> = flat
        .chunks(width)
        .map(|one| {
            let deadline = say(shards, &[ask[0], key, ask[1], b"1", &one[0]]);
            format!("{} {deadline}", one.iter().map(|word| reply::quote(word)).collect::<Vec<_>>().join(" "))
        })
        .collect();
    told.sort();
    told.join(", ")
}

/// When a consumer last asked is not worth a line in the journal, and entries delivered once more are not either, as in Redis.
fn without_times(text: &str) -> String {
    let mut shown = String::new();
    let mut lines = text.split(", ").peekable();
    while let Some(part) = lines.next() {
        shown.push_str(part);
        shown.push_str(", ");
        // Nor is how often a producer was told that an entry is there already.
        if ["\"seen-time\"", "\"active-time\"", "\"iids-duplicates\""].iter().any(|name| part.ends_with(name)) {
            lines.next();
        }
    }
    shown
}

/// Files whose blocks deliver entries a second time: see [`without_times`].
fn delivers_again(words: &Words) -> bool {
    words[0].eq_ignore_ascii_case(b"XREADGROUP") && words.last().is_some_and(|id| id != b">")
}

#[test]
fn what_was_recorded_does_the_same_again() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for number in [1, 4] {
        for block in all_blocks().iter().filter(|block| !block.directives.peer && block.directives.config.is_empty()) {
            let mut first = InProcess::new(number);
            let all = calls(block, &first);
            if all.is_empty() || all.iter().any(|(_, words, _)| delivers_again(words)) {
                continue;
            }
            first.record();
            let mut journal = Vec::new();
            for (database, words, waited) in &all {
                first.now_ms += waited;
                if *waited > 0 {
                    first.sweep(1000);
                }
                first.database = *database;
                first.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
                journal.extend(first.recorded());
            }
            let mut second = InProcess::new(number);
            // Much later: what is said in the journal must not depend on when it is read.
            second.now_ms = first.now_ms + 3_600_000;
            let refused = second.replay(&journal);
            second.now_ms = first.now_ms;
            let (before, after) = (contents(&mut first), contents(&mut second));
            compared += all.len();
            if before != after || !refused.is_empty() {
                let journal = String::from_utf8_lossy(&journal).replace("\r\n", " ");
                wrong.push(format!(
                    "{}:{} with {number} shards\n  refused {refused:?}\n  was {before:#?}\n  is  {after:#?}\n  journal {journal}",
                    block.file.display(),
                    block.steps[0].line
                ));
            }
        }
    }
    println!("{compared} calls compared");
    assert!(wrong.is_empty(), "{} blocks are not the same again:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 2000 || std::env::var_os("TRANSCRIPTS").is_some(), "only {compared} calls");
}

/// The commands in a piece of a log.
fn commands(mut log: &[u8]) -> Vec<Words> {
    let mut commands = Vec::new();
    while !log.is_empty() {
        let (reply, used) = Reply::decode(log).expect("a log is arrays of bulks");
        commands.push(bulks(reply));
        log = &log[used..];
    }
    commands
}

/// The reference with its log.
struct Logged {
    _server: Daemon,
    wire: Wire,
    log: PathBuf,
    read: usize,
}

impl Logged {
    fn start() -> Logged {
        let server = Peer::redis_server_with(&["--appendonly", "yes", "--appendfsync", "no", "--hz", "1"]);
        let log = server.folder().join("appendonlydir/appendonly.aof.1.incr.aof");
        let mut wire = server.wire();
        wire.line("DEBUG SET-ACTIVE-EXPIRE 0");
        Logged { wire, log, read: 0, _server: server }
    }

    /// What was written since it was last asked.
    fn written(&mut self) -> Vec<Words> {
        // The log is written before the reply leaves.
        let log = fs::read(&self.log).expect("the log of the reference");
        let new = commands(&log[self.read..]);
        self.read = log.len();
        new
    }
}

/// A command as it is compared: times and what was chosen at random left out.
fn shape(words: &Words, call: &Words) -> Option<String> {
    let name = words[0].to_ascii_uppercase();
    if name == b"SELECT" {
        return None;
    }
    let mut shown = vec![String::from_utf8_lossy(&name).into_owned()];
    for (at, word) in words.iter().enumerate().skip(1) {
        let is_time = word.len() == 13 && word.iter().all(u8::is_ascii_digit) && !call.contains(word);
        let is_id = word.len() == 15 && word[13] == b'-' && word[..13].iter().all(u8::is_ascii_digit) && !call.contains(word);
        let is_chance = at > 1 && call[0].eq_ignore_ascii_case(b"SPOP");
        shown.push(match () {
            () if is_time || is_id => "<time>".to_owned(),
            () if is_chance => "<chance>".to_owned(),
            () => reply::quote(word),
        });
    }
    Some(shown.join(" "))
}

/// Where we write something else than Redis 7.0, and why.
fn allowed(call: &Words) -> Option<&'static str> {
    let name = String::from_utf8_lossy(&call[0]).to_ascii_uppercase();
    Some(match &*name {
        "XREADGROUP" | "XCLAIM" => "how many entries a group has read, and its consumers without entries, are kept as well",
        "XAUTOCLAIM" => "an entry that is gone is claimed by who found it gone; either way it is no longer pending",
        "GEOADD" => "its own words, which do the same again",
        "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" | "SET" => "a condition that held is left out, and a word said twice",
        "XADD" => "an id without its second number is recorded with it",
        "SCAN" => "a key that is due is passed over, and removed by the sweep",
        "BITFIELD" => "Redis makes the key, and does not record it",
        _ => return None,
    })
}

#[test]
fn the_log_says_what_that_of_redis_server_says() {
    let mut reference = Logged::start();
    let (mut compared, mut wrong) = (0, Vec::new());
    for block in all_blocks() {
        let directives = &block.directives;
        if directives.ours || directives.peer || !directives.config.is_empty() || directives.shards.is_some_and(|wanted| wanted != 1) {
            continue;
        }
        let mut shards = InProcess::new(1);
        let all = calls(&block, &shards);
        shards.record();
        reference.wire.line("FLUSHALL");
        reference.written();
        for (database, words, waited) in &all {
            std::thread::sleep(std::time::Duration::from_millis(*waited));
            shards.now_ms += waited;
            shards.database = *database;
            shards.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            if *database != 0 {
                reference.wire.line(&format!("SELECT {database}"));
            }
            reference.wire.call(words);
            if *database != 0 {
                reference.wire.line("SELECT 0");
            }
            let shapes = |log: Vec<Words>| log.iter().filter_map(|command| shape(command, words)).collect::<Vec<_>>();
            let (mut ours, mut theirs) = (shapes(commands(&shards.recorded())), shapes(reference.written()));
            compared += 1;
            if all.iter().any(|(.., waited)| *waited > 0) {
                // A deadline of a millisecond has passed for the one and not for the other.
                let of_expiry = |shape: &String| ["DEL ", "MULTI", "EXEC"].iter().any(|start| shape.starts_with(start));
                [&mut ours, &mut theirs].into_iter().for_each(|log| log.retain(|shape| !of_expiry(shape)));
            }
            if ours != theirs && allowed(words).is_none() {
                wrong.push(format!("{}: {}\n  ours   {ours:?}\n  theirs {theirs:?}", block.file.display(), reply::quote_words(words)));
            }
        }
    }
    println!("{compared} calls compared");
    assert!(wrong.is_empty(), "{} calls are recorded otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 2000 || std::env::var_os("TRANSCRIPTS").is_some(), "only {compared} calls");
}
