//! Values in their written form: both ways with redis-server, files of six versions, and damage of every kind.
//!
//! `TRENCADIS_SEEDS` is how many rounds of random damage there are; each round is some hundred payloads.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::json::{Json, unhex};
use crate::reply::Reply;

/// Whoever answers calls: a server, or shards in this process.
pub trait Answers {
    /// None if there is no such command.
    fn try_ask(&mut self, words: &[&[u8]]) -> Option<Reply>;

    fn ask(&mut self, words: &[&[u8]]) -> Reply {
        self.try_ask(words).unwrap_or_else(|| panic!("{} is no command", words[0].escape_ascii()))
    }

    fn line(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.ask(&words)
    }

    /// The bytes of a bulk reply.
    fn bulk(&mut self, words: &[&[u8]]) -> Vec<u8> {
        match self.ask(words) {
            Reply::Bulk(bytes) => bytes,
            other => panic!("{}: {other}", words[0].escape_ascii()),
        }
    }
}

impl Answers for InProcess {
    fn try_ask(&mut self, words: &[&[u8]]) -> Option<Reply> {
        self.call(words).map(|bytes| Reply::decode(&bytes).expect("a whole reply").0)
    }
}

impl Answers for crate::wire::Wire {
    fn try_ask(&mut self, words: &[&[u8]]) -> Option<Reply> {
        Some(crate::wire::Wire::ask(self, words))
    }
}

/// All that a key holds, in an order of its own where the type has none.
pub fn contents(server: &mut impl Answers, key: &[u8]) -> (String, Reply) {
    let kind = match server.ask(&[b"TYPE", key]) {
        Reply::Simple(kind) => String::from_utf8(kind).unwrap(),
        other => panic!("TYPE: {other}"),
    };
    let reply = match kind.as_str() {
        "string" => server.ask(&[b"GET", key]),
        "list" => server.ask(&[b"LRANGE", key, b"0", b"-1"]),
        "set" => sorted(server.ask(&[b"SMEMBERS", key]), 1),
        "zset" => numbers(server.ask(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"])),
        "hash" => sorted(server.ask(&[b"HGETALL", key]), 2),
        "stream" => server.ask(&[b"XRANGE", key, b"-", b"+"]),
        _ => Reply::Nil,
    };
    (kind, reply)
}

/// What hangs beside the entries of a stream: what it remembers, its groups, and what is pending in them, without the idle times.
fn beside(server: &mut impl Answers, key: &[u8]) -> Vec<Reply> {
    let mut facts = elements(server.ask(&[b"XINFO", b"STREAM", key]));
    // Up to the entries, which are compared themselves, and without what is said of the tree of nodes.
    facts.truncate(14);
    facts.drain(2..6);
    let groups = elements(server.ask(&[b"XINFO", b"GROUPS", key]));
    for group in &groups {
        let Reply::Bulk(name) = &elements(group.clone())[1] else { panic!("a group has a name: {group}") };
        let mut pending = elements(server.ask(&[b"XPENDING", key, name, b"-", b"+", b"10000"]));
        for entry in &mut pending {
            let Reply::Array(entry) = entry else { panic!("{entry}") };
            entry.remove(2);
        }
        facts.push(Reply::Array(pending));
        for consumer in elements(server.ask(&[b"XINFO", b"CONSUMERS", key, name])) {
            facts.push(Reply::Array(elements(consumer)[..4].to_vec()));
        }
    }
    facts.extend(groups);
    facts
}

/// The deadlines of all members, which only we have for sets.
fn deadlines(shards: &mut InProcess, key: &[u8], kind: &str, held: &Reply) -> Reply {
    let (command, stride, word) = match kind {
        "hash" => ("HPEXPIRETIME", 2, "FIELDS"),
        "set" => ("SPEXPIRETIME", 1, "MEMBERS"),
        "zset" => ("ZPEXPIRETIME", 2, "MEMBERS"),
        _ => return Reply::Nil,
    };
    let members: Vec<Vec<u8>> = elements(held.clone()).into_iter().step_by(stride).map(bulk).collect();
    let count = members.len().to_string();
    let words = [command.as_bytes(), key, word.as_bytes(), count.as_bytes()];
    let words: Vec<&[u8]> = words.into_iter().chain(members.iter().map(Vec::as_slice)).collect();
    shards.ask(&words)
}

fn bulk(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Bulk(bytes) => bytes,
        other => panic!("a string was due: {other}"),
    }
}

fn elements(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(elements) => elements,
        other => panic!("an array was due: {other}"),
    }
}

fn sorted(reply: Reply, stride: usize) -> Reply {
    let elements = elements(reply);
    let mut groups: Vec<&[Reply]> = elements.chunks(stride).collect();
    groups.sort();
    Reply::Array(groups.concat())
}

/// Scores as the shortest text of each, since versions print them differently.
fn numbers(reply: Reply) -> Reply {
    let mut elements = elements(reply);
    for score in elements.iter_mut().skip(1).step_by(2) {
        if let Reply::Bulk(text) = score {
            let number: f64 = std::str::from_utf8(text).unwrap().parse().expect("a score");
            *score = Reply::Bulk(number.to_string().into_bytes());
        }
    }
    Reply::Array(elements)
}

fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5 } else { crc >> 1 })
    })
}

/// A dump with the right checksum, whatever is in it.
fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = body.to_vec();
    payload.extend_from_slice(&version.to_le_bytes());
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

fn restore(server: &mut impl Answers, key: &[u8], payload: &[u8]) -> Reply {
    server.ask(&[b"RESTORE", key, b"0", payload])
}

fn is_ok(reply: &Reply) -> bool {
    *reply == Reply::Simple(b"OK".to_vec())
}

/// What makes a key of every type and encoding: its name, and the calls.
pub fn samples() -> Vec<(&'static str, Vec<Vec<Vec<u8>>>)> {
    let calls = |calls: &[&str]| calls.iter().map(|call| call.split(' ').map(|word| word.as_bytes().to_vec()).collect()).collect();
    let many = |command: &str, key: &str, words: &dyn Fn(u32) -> Vec<String>, count: u32| {
        let call = |numbers: Vec<u32>| -> Vec<Vec<u8>> {
            let head = [command.to_owned(), key.to_owned()].into_iter();
            head.chain(numbers.into_iter().flat_map(words)).map(String::into_bytes).collect()
        };
        (0..count).collect::<Vec<_>>().chunks(500).map(|chunk| call(chunk.to_vec())).collect::<Vec<_>>()
    };
    let word = |bytes: Vec<u8>| vec![vec![b"SET".to_vec(), b"k".to_vec(), bytes]];
    let mut samples: Vec<(&'static str, Vec<Vec<Vec<u8>>>)> = vec![
        ("an empty string", word(Vec::new())),
        ("a short integer", word(b"-7".to_vec())),
        ("an integer of 32 bits", word(b"-2147483648".to_vec())),
        ("an integer of 64 bits", word(b"9223372036854775807".to_vec())),
        ("bytes", word((0..=255).collect())),
        ("a run", word(vec![b'x'; 3000])),
        ("text that compresses", word("all work and no play ".repeat(100).into_bytes())),
        ("noise", word((0..70_000u32).map(|number| (number.wrapping_mul(number).wrapping_mul(0x9e37_79b9) >> 22) as u8).collect())),
        ("a short list", calls(&["RPUSH k a 1 -5000 70000 99999999999 ", "RPUSH k x"])),
        ("a long list", many("RPUSH", "k", &|number| vec![format!("element {number}")], 3000)),
        ("a list of long elements", many("RPUSH", "k", &|number| vec!["y".repeat(3000 * number as usize)], 6)),
        ("integers", calls(&["SADD k 1 2 -3"])),
        ("wide integers", calls(&["SADD k 1 99999 -99999999999"])),
        ("a short set", calls(&["SADD k a b 17"])),
        ("a long set", many("SADD", "k", &|number| vec![format!("member {number}")], 1000)),
        ("many integers", many("SADD", "k", &|number| vec![number.to_string()], 1000)),
        ("a short hash", calls(&["HSET k a 1 b two 3 x"])),
        ("a long hash", many("HSET", "k", &|number| vec![format!("field {number}"), number.to_string()], 1000)),
        ("a hash with a long value", vec![vec![b"HSET".to_vec(), b"k".to_vec(), b"f".to_vec(), vec![b'v'; 500]]]),
        ("a short sorted set", calls(&["ZADD k 1 a -1.5 b inf c -inf d 0.1 e 1e300 f 12345678901234567 g 3 17"])),
        ("a long sorted set", many("ZADD", "k", &|number| vec![format!("{}", f64::from(number) / 7.0), format!("member {number}")], 1000)),
        ("a sorted set with a long member", vec![vec![b"ZADD".to_vec(), b"k".to_vec(), b"-0.5".to_vec(), vec![b'm'; 500]]]),
        ("an empty stream", calls(&["XADD k MAXLEN 0 7-7 a 1"])),
        (
            "a stream of other fields each time",
            calls(&["XADD k 1-1 a 1", "XADD k 1-2 b 2 c 3", "XADD k 9-0 a 4", "XADD k 18446744073709551615-5 z 1 a 2"]),
        ),
    ];
    let mut stream: Vec<Vec<Vec<u8>>> = Vec::new();
    for number in 0..350u32 {
        let call = format!("XADD k {}-{} temperature {number} place room-{}", number / 3 + 5, number % 3 + 1, number % 4);
        stream.push(call.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    }
    samples.push((
        "a stream with groups",
        calls(&[
            "XADD k 1-1 a 1",
            "XADD k 1-2 a 2",
            "XADD k 1-3 b 3",
            "XADD k 2-0 a 4",
            "XADD k 2-1 a 5",
            "XGROUP CREATE k g 0",
            "XGROUP CREATE k other 1-2",
            "XGROUP CREATE k idle $",
            "XREADGROUP GROUP g alice COUNT 3 STREAMS k >",
            "XREADGROUP GROUP g bob COUNT 1 STREAMS k >",
            "XREADGROUP GROUP other alice STREAMS k >",
            "XACK k g 1-2",
            "XDEL k 1-3",
            "XGROUP CREATECONSUMER k g carol",
        ]),
    ));
    samples.push(("a long stream", stream.clone()));
    for call in ["XTRIM k MAXLEN 300", "XDEL k 50-1 50-2 90-3"] {
        stream.push(call.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    }
    samples.push(("a stream with gaps", stream));
    samples
}

/// What only we have: deadlines of members, and pending entries that were given back.
fn own_samples() -> Vec<Vec<&'static str>> {
    vec![
        vec!["HSET k a 1 b 2 c 3", "HPEXPIREAT k 9000000000000 FIELDS 1 b", "HPEXPIREAT k 9000000000001 FIELDS 1 c"],
        vec!["HSET k a 1", "HPEXPIREAT k 9000000000000 FIELDS 1 a", "HPERSIST k FIELDS 1 a"],
        vec!["SADD k a b c 4", "SPEXPIREAT k 9000000000000 MEMBERS 2 b 4"],
        vec!["ZADD k 1 a 2.5 b -inf c", "ZPEXPIREAT k 70368744177663 MEMBERS 1 a"],
        vec![
            "XADD k 1-1 a 1",
            "XADD k 1-2 a 1",
            "XGROUP CREATE k g 0",
            "XREADGROUP GROUP g alice STREAMS k >",
            "XNACK k g SILENT IDS 1 1-1",
        ],
    ]
}

/// Makes a sample; commands that are not there make it less than it could be.
pub fn make(server: &mut impl Answers, calls: &[Vec<Vec<u8>>]) {
    for call in calls {
        let words: Vec<&[u8]> = call.iter().map(Vec::as_slice).collect();
        server.try_ask(&words);
    }
}

#[test]
fn dumps_go_both_ways_between_us_and_redis() {
    let (ours, peer) = (Daemon::start(&["--shards", "2"]), Peer::redis_server());
    let (mut ours, mut peer) = (ours.wire(), peer.wire());
    for (name, calls) in samples() {
        let mut servers: [&mut crate::wire::Wire; 2] = [&mut ours, &mut peer];
        for turn in 0..2 {
            let (from, to) = (turn, 1 - turn);
            servers.iter_mut().for_each(|server| assert!(is_ok(&server.line("FLUSHALL"))));
            make(servers[from], &calls);
            let expected = contents(servers[from], b"k");
            assert_ne!(expected.0, "none", "{name}");
            let payload = servers[from].bulk(&[b"DUMP", b"k"]);
            assert!(is_ok(&restore(servers[to], b"k", &payload)), "{name}, turn {turn}");
            assert_eq!(contents(servers[to], b"k"), expected, "{name}, turn {turn}");
            if expected.0 == "stream" {
                assert_eq!(beside(servers[to], b"k"), beside(servers[from], b"k"), "{name}, turn {turn}");
            }
            // And back again, which must be what began.
            let payload = servers[to].bulk(&[b"DUMP", b"k"]);
            assert!(is_ok(&restore(servers[from], b"back", &payload)), "{name}, turn {turn}");
            assert_eq!(contents(servers[from], b"back"), expected, "{name}, turn {turn}");
            let (first, second) = (servers[from].line("OBJECT ENCODING k"), servers[from].line("OBJECT ENCODING back"));
            assert_eq!(first, second, "{name}, turn {turn}");
        }
    }
}

pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// What a server of that version said of its keys.
fn assert_holds(shards: &mut InProcess, name: &str, key: &[u8], expected: &Json) {
    let fields = expected.object();
    shards.database = u16::try_from(fields["db"].number()).unwrap();
    let shown = key.escape_ascii();
    let text = |json: &Json| Reply::Bulk(json.bytes());
    let (kind, reply) = contents(shards, key);
    assert_eq!(kind.as_bytes(), fields["type"].bytes(), "{name}: {shown}");
    let value = &fields["value"];
    let wanted = match kind.as_str() {
        "string" => text(value),
        "list" => Reply::Array(value.array().iter().map(text).collect()),
        "set" => sorted(Reply::Array(value.array().iter().map(text).collect()), 1),
        "zset" => numbers(Reply::Array(value.array().iter().map(text).collect())),
        "hash" => sorted(Reply::Array(value.array().iter().flat_map(Json::array).map(text).collect()), 2),
        "stream" => {
            let words = |fields: &Json| Reply::Array(fields.array().iter().map(text).collect());
            Reply::Array(value.array().iter().map(|entry| Reply::Array(vec![text(&entry.array()[0]), words(&entry.array()[1])])).collect())
        }
        other => panic!("{name}: {shown} is a {other}"),
    };
    assert_eq!(reply, wanted, "{name}: {shown}");
    assert_eq!(shards.ask(&[b"PEXPIRETIME", key]), Reply::Integer(fields["pexpiretime"].number()), "{name}: {shown}");
    if let Some(times) = fields.get("fieldpexpiretime") {
        let names: Vec<Vec<u8>> = value.array().iter().map(|pair| pair.array()[0].bytes()).collect();
        let count = names.len().to_string();
        let words = [&b"HPEXPIRETIME"[..], key, b"FIELDS", count.as_bytes()];
        let words: Vec<&[u8]> = words.into_iter().chain(names.iter().map(Vec::as_slice)).collect();
        assert_eq!(shards.ask(&words), reply_of(times), "{name}: {shown}");
    }
    if let Some(count) = fields.get("pfcount")
        && let Some(reply) = shards.try_ask(&[b"PFCOUNT", key])
    {
        assert_eq!(reply, reply_of(count), "{name}: {shown}");
    }
    if kind == "stream" {
        let without_nodes = |facts: Reply| {
            let mut facts = elements(facts);
            facts.drain(4..6);
            facts.truncate(12);
            facts
        };
        assert_eq!(without_nodes(shards.ask(&[b"XINFO", b"STREAM", key])), without_nodes(reply_of(&fields["info"])), "{name}: {shown}");
        assert_eq!(shards.ask(&[b"XINFO", b"GROUPS", key]), reply_of(&fields["groups"]), "{name}: {shown}");
        if let Json::Array(pending) = &fields["pending"] {
            let found = elements(shards.ask(&[b"XPENDING", key, b"g1", b"-", b"+", b"1000"]));
            let without_idle = |entry: Reply| {
                let mut entry = elements(entry);
                entry.remove(2);
                entry
            };
            let wanted: Vec<_> = pending.iter().map(reply_of).map(without_idle).collect();
            assert_eq!(found.into_iter().map(without_idle).collect::<Vec<_>>(), wanted, "{name}: {shown}");
        }
    }
}

/// The reply that a server's answer was, which was written down as JSON.
fn reply_of(json: &Json) -> Reply {
    match json {
        Json::Null => Reply::Nil,
        Json::Number(_) => Reply::Integer(json.number()),
        Json::Array(elements) => Reply::Array(elements.iter().map(reply_of).collect()),
        _ => Reply::Bulk(json.bytes()),
    }
}

#[test]
fn files_of_every_version_hold_what_their_servers_said() {
    for name in ["redis-7.0", "redis-7.0-nocompress", "redis-8-dev", "valkey-8.1-dev"] {
        let file = fs::read(data(&format!("rdb/{name}.rdb"))).unwrap();
        let said = Json::read(&fs::read_to_string(data(&format!("rdb/{name}.json"))).unwrap());
        for piece in [usize::MAX, 4096, 7] {
            let mut shards = InProcess::new(2);
            let told = shards.load(&file, piece).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            assert!(told.iter().any(|item| item.starts_with("End")), "{name}: {told:?}");
            let mut keys = 0;
            for (place, expected) in said.object() {
                let key = place.split_once(':').unwrap().1;
                let key = key.strip_prefix("hex:").map_or_else(|| key.as_bytes().to_vec(), unhex);
                assert_holds(&mut shards, name, &key, expected);
                keys += 1;
            }
            let mut sizes = 0;
            for database in 0..16 {
                shards.database = database;
                if let Reply::Integer(size) = shards.line("DBSIZE") {
                    sizes += size;
                }
            }
            assert_eq!(sizes, keys, "{name}");
        }
    }
}

/// Every key of the selected database, and what it holds.
pub fn everything(server: &mut impl Answers) -> BTreeMap<Vec<u8>, (String, Reply)> {
    let keys = elements(server.line("KEYS *"));
    keys.into_iter().map(bulk).map(|key| (key.clone(), contents(server, &key))).collect()
}

#[test]
fn files_of_older_versions_hold_what_redis_finds_in_them() {
    for name in ["encodings", "hash-ziplist", "hash-zipmap", "list-quicklist", "zset-ziplist", "corrupt_empty_keys"] {
        let folder = data("rdb");
        let peer = Peer::redis_server_with(&["--dir", folder.to_str().unwrap(), "--dbfilename", &format!("{name}.rdb")]);
        let mut shards = InProcess::new(2);
        shards.load(&fs::read(folder.join(format!("{name}.rdb"))).unwrap(), 50).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        let (ours, theirs) = (everything(&mut shards), everything(&mut peer.wire()));
        assert_eq!(ours.is_empty(), name == "corrupt_empty_keys", "{name}");
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn everything_is_the_same_after_a_reload() {
    for shards in [1, 3] {
        let mut shards = InProcess::new(shards);
        for (index, (_, calls)) in samples().into_iter().enumerate() {
            make(&mut shards, &calls);
            let payload = shards.bulk(&[b"DUMP", b"k"]);
            let ttl = if index % 3 == 0 { "9000000" } else { "0" };
            let name = format!("sample {index}");
            assert!(is_ok(&shards.ask(&[b"RESTORE", name.as_bytes(), ttl.as_bytes(), &payload, b"IDLETIME", b"50"])));
            shards.line("DEL k");
        }
        let own = own_samples();
        for (index, calls) in own.iter().enumerate() {
            for call in calls {
                let name = format!("own-{index}");
                let words: Vec<&[u8]> = call.split(' ').map(|word| if word == "k" { name.as_bytes() } else { word.as_bytes() }).collect();
                shards.ask(&words);
            }
        }
        shards.database = 9;
        shards.line("SET elsewhere 1");
        look(&mut shards); // After this all were last used at the same time.
        let before = look(&mut shards);
        assert!(is_ok(&shards.line("DEBUG RELOAD")));
        for (before, after) in before.into_iter().zip(look(&mut shards)) {
            assert!(before == after, "{}: {}, then {}", before.0.escape_ascii(), before.1, after.1);
        }
        shards.database = 9;
        assert_eq!(shards.line("GET elsewhere"), Reply::Bulk(b"1".to_vec()));
        shards.database = 0;
        shards.now_ms += 8_999_999;
        let count = samples().len() + own.len();
        assert_eq!(shards.line("DBSIZE"), Reply::Integer(count as i64));
        shards.now_ms += 2;
        assert!(is_ok(&shards.line("DEBUG RELOAD")));
        assert_eq!(shards.line("DBSIZE"), Reply::Integer((count - samples().len().div_ceil(3)) as i64), "what is due is not loaded");
    }
}

/// Keys of database 0: when they were last used, deadlines and encodings; contents.
fn look(shards: &mut InProcess) -> Vec<(Vec<u8>, String, (String, Reply))> {
    shards.database = 0;
    let mut keys = elements(shards.line("KEYS *"));
    keys.sort();
    let mut about = |key: Reply| {
        let Reply::Bulk(key) = key else { panic!("a key is a string") };
        let facts = [["OBJECT", "IDLETIME"], ["OBJECT", "ENCODING"]]
            .map(|[command, what]| shards.ask(&[command.as_bytes(), what.as_bytes(), &key]));
        let held = contents(shards, &key);
        let more = if held.0 == "stream" { Reply::Array(beside(shards, &key)) } else { deadlines(shards, &key, &held.0, &held.1) };
        let facts = format!("{} {} {} {more}", facts[0], facts[1], shards.ask(&[b"PEXPIRETIME", &key]));
        // Looking was a use: back to what it was.
        let payload = shards.bulk(&[b"DUMP", &key]);
        let time = shards.ask(&[b"PEXPIRETIME", &key]).to_string();
        let ttl = if time == ":-1" { "0" } else { &time[1..] };
        restore_idle(shards, &key, ttl, &payload);
        (key, facts, held)
    };
    keys.into_iter().map(&mut about).collect()
}

fn restore_idle(shards: &mut InProcess, key: &[u8], ttl: &str, payload: &[u8]) {
    assert!(is_ok(&shards.ask(&[b"RESTORE", key, ttl.as_bytes(), payload, b"IDLETIME", b"50", b"ABSTTL", b"REPLACE"])));
}

fn check(name: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trencadis")).arg("check").arg(data(&format!("rdb/{name}"))).output().expect("our binary runs")
}

#[test]
fn check_says_what_is_in_a_file() {
    let output = check("rdb-preamble.aof");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for line in
        ["version 10", "redis-bits: 64", "database 0: 2 keys (2 string), 0 with a deadline", "sound to the end; the checksum is right"]
    {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
    assert!(text.contains("behind the end: 52 bytes"), "{text}");
    let text = String::from_utf8(check("corrupt_empty_keys.rdb").stdout).unwrap();
    assert!(text.contains("passed over: keys without elements (9)"), "{text}");
}

#[test]
fn check_says_where_a_file_is_damaged() {
    let output = check("corrupt_ziplist.rdb");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.ends_with("corrupt_ziplist.rdb: byte 494: database 0, key \"key:000000000091\": a ziplist that is none\n"), "{text}");
    let output = check("redis-7.0.json");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr).unwrap().ends_with("byte 9: this is no RDB file: it begins neither with REDIS nor with VALKEY\n")
    );
    let output = check("missing");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("missing: No such file or directory"));
}

// Damage ----------------------------------------------------------------------------------------------------------------------

/// Calls on a key of a type, readers and writers. Commands that are not there yet are passed over.
fn traffic(kind: &str) -> &'static [&'static str] {
    match kind {
        "string" => &[
            "STRLEN k",
            "GETRANGE k -3 -1",
            "BITCOUNT k",
            "PFCOUNT k",
            "PFADD k a",
            "APPEND k x",
            "SETRANGE k 1 y",
            "SETBIT k 9 1",
            "INCR k",
        ],
        "list" => &[
            "LLEN k",
            "LINDEX k 0",
            "LINDEX k -1",
            "LRANGE k -3 -2",
            "LPOS k a",
            "LPOS k a RANK -1 COUNT 0",
            "LINSERT k BEFORE a b",
            "LSET k 0 x",
            "LSET k -1 7",
            "LPUSH k 5",
            "RPUSH k y",
            "LREM k -1 5",
            "LREM k 0 a",
            "SORT k ALPHA",
            "LMOVE k k LEFT RIGHT",
            "LTRIM k 1 -2",
            "LPOP k 2",
            "RPOP k 2",
        ],
        "set" => &[
            "SCARD k",
            "SISMEMBER k a",
            "SMISMEMBER k a 1",
            "SRANDMEMBER k 5",
            "SRANDMEMBER k -5",
            "SSCAN k 0",
            "SADD k a 1 zz",
            "SREM k a",
            "SINTER k k",
            "SUNION k k2",
            "SMOVE k k2 1",
            "SPOP k",
            "SPOP k 2",
            "SADD k 99999999999 new",
        ],
        "zset" => &[
            "ZCARD k",
            "ZSCORE k a",
            "ZRANK k a",
            "ZREVRANK k a",
            "ZRANGEBYSCORE k -inf +inf",
            "ZRANGEBYLEX k - +",
            "ZCOUNT k 0 5",
            "ZLEXCOUNT k - +",
            "ZRANDMEMBER k 3",
            "ZSCAN k 0",
            "ZRANGE k -3 -1 REV",
            "ZADD k 3 a 4 new",
            "ZINCRBY k 2 a",
            "ZREM k a",
            "ZUNION 2 k k2",
            "ZPOPMIN k",
            "ZPOPMAX k",
            "ZREMRANGEBYRANK k 0 0",
        ],
        "hash" => &[
            "HLEN k",
            "HGET k a",
            "HMGET k a 1",
            "HKEYS k",
            "HVALS k",
            "HSTRLEN k a",
            "HRANDFIELD k 3 WITHVALUES",
            "HRANDFIELD k -3",
            "HSCAN k 0",
            "HTTL k FIELDS 1 a",
            "HSET k a 1 new 2",
            "HINCRBY k a 3",
            "HEXPIRE k 100 FIELDS 1 a",
            "HPERSIST k FIELDS 1 a",
            "HDEL k a",
            "HDEL k 1",
        ],
        "stream" => &[
            "XLEN k",
            "XRANGE k - + COUNT 2",
            "XREVRANGE k + - COUNT 3",
            "XINFO STREAM k",
            "XINFO STREAM k FULL",
            "XINFO GROUPS k",
            "XINFO CONSUMERS k g",
            "XREAD STREAMS k 0",
            "XPENDING k g",
            "XPENDING k mygroup - + 10",
            "XAUTOCLAIM k mygroup eve 0 0",
            "XREADGROUP GROUP g eve STREAMS k >",
            "XREADGROUP GROUP g eve STREAMS k 0",
            "XADD k * a 1 b 2",
            "XADD k * c 3",
            "XDEL k 1-1",
            "XGROUP CREATE k fresh 0",
            "XGROUP DELCONSUMER k g eve",
            "XGROUP DESTROY k g",
            "XTRIM k MAXLEN 2",
            "XTRIM k MAXLEN 0",
        ],
        _ => &[],
    }
}

/// Fails unless what a key holds is as every key's contents must be.
fn assert_sound(shards: &mut InProcess, key: &[u8], of: &str) -> (String, Reply) {
    let (kind, reply) = contents(shards, key);
    let Reply::Array(elements) = &reply else {
        assert!(kind == "string" || kind == "none", "{of}: {kind} {reply}");
        return (kind, reply);
    };
    let (length, stride) = match kind.as_str() {
        "list" => ("LLEN", 1),
        "set" => ("SCARD", 1),
        "zset" => ("ZCARD", 2),
        "hash" => ("HLEN", 2),
        _ => ("XLEN", 1),
    };
    if let Some(reply) = shards.try_ask(&[length.as_bytes(), key]) {
        assert_eq!(reply, Reply::Integer((elements.len() / stride) as i64), "{of}");
    }
    assert!(elements.len().is_multiple_of(stride) && (kind == "stream" || !elements.is_empty()), "{of}: an empty {kind}");
    let names: Vec<&Reply> = elements.iter().step_by(stride).collect();
    if kind == "set" || kind == "hash" {
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{of}: something comes twice");
    }
    if kind == "zset" {
        let score = |reply: &Reply| match reply {
            Reply::Bulk(text) => String::from_utf8_lossy(text).parse::<f64>().expect("a score"),
            other => panic!("{other}"),
        };
        let pairs: Vec<(f64, &Reply)> = elements.chunks(2).map(|pair| (score(&pair[1]), &pair[0])).collect();
        assert!(pairs.windows(2).all(|pair| pair[0] < pair[1]), "{of}: out of order, or NaN");
    }
    if kind == "stream" {
        let ids: Vec<(u64, u64)> = elements.iter().map(id_of).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{of}: ids out of order");
    }
    (kind, reply)
}

fn id_of(entry: &Reply) -> (u64, u64) {
    let Reply::Array(parts) = entry else { panic!("{entry}") };
    let Reply::Bulk(id) = &parts[0] else { panic!("{entry}") };
    let (ms, seq) = std::str::from_utf8(id).unwrap().split_once('-').unwrap();
    (ms.parse().unwrap(), seq.parse().unwrap())
}

/// Hands a payload to RESTORE. What loads must be sound, go round once more, and stand traffic. Returns whether it loaded.
fn survives(shards: &mut InProcess, payload: &[u8], of: &str) -> bool {
    let reply = restore(shards, b"k", payload);
    if !is_ok(&reply) {
        let refusals = ["ERR Bad data format", "ERR DUMP payload version or checksum are wrong"];
        assert!(refusals.iter().any(|text| reply == Reply::Error(text.as_bytes().to_vec())), "{of}: {reply}");
        return false;
    }
    let (kind, before) = assert_sound(shards, b"k", of);
    if kind == "none" {
        // It was of members whose deadlines have passed.
        shards.line("FLUSHALL");
        return true;
    }
    let again = shards.bulk(&[b"DUMP", b"k"]);
    assert!(is_ok(&restore(shards, b"k2", &again)), "{of}: our own dump is refused");
    let expected = if kind == "stream" { Reply::Array(beside(shards, b"k")) } else { deadlines(shards, b"k", &kind, &before) };
    let found = if kind == "stream" { Reply::Array(beside(shards, b"k2")) } else { deadlines(shards, b"k2", &kind, &before) };
    assert_eq!(found, expected, "{of}");
    assert_eq!(contents(shards, b"k2"), (kind.clone(), before), "{of}");
    for call in traffic(&kind) {
        let words: Vec<&[u8]> = call.split(' ').map(str::as_bytes).collect();
        shards.try_ask(&words);
    }
    assert_sound(shards, b"k", of);
    assert_sound(shards, b"k2", of);
    shards.line("FLUSHALL");
    true
}

/// The published damaged payloads: names and bytes.
fn published() -> Vec<(String, Vec<u8>)> {
    let text = fs::read_to_string(data("corrupt-dump.tsv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').expect("a name and a payload"));
    rows.map(|(name, payload)| (name.to_owned(), unhex(payload))).collect()
}

#[test]
fn published_damage_is_refused_or_loads_sound() {
    let mut shards = InProcess::new(1);
    let cases = published();
    assert!(cases.len() >= 70);
    for (name, payload) in &cases {
        if survives(&mut shards, payload, name) {
            println!("loads: {name}");
        }
        // With a checksum that is right, too, where theirs is wrong already.
        survives(&mut shards, &sealed(&payload[..payload.len().saturating_sub(10)], 12), name);
    }
}

/// Numbers that look random (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides.max(1) as u64) as usize
    }

    /// Does something to the bytes that an accident or an enemy might.
    fn damage(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        const TELLING: [u8; 16] = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xf0, 0xf1, 0xf4, 0xfd, 0xfe, 0xff];
        let at = self.roll(bytes.len());
        let len = (1 + self.roll(8)).min(bytes.len() - at);
        match self.roll(8) {
            0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.roll(256) as u8),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = TELLING[self.roll(16)]),
            3 => bytes.iter_mut().skip(at).take(len).for_each(|byte| *byte = TELLING[self.roll(16)]),
            4 => drop(bytes.drain(at..at + len)),
            5 => {
                let piece = bytes[at..at + len].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let other = &others[self.roll(others.len())];
                let from = self.roll(other.len());
                let piece = other[from..other.len().min(from + 1 + self.roll(20))].to_vec();
                bytes.splice(at..at + len, piece);
            }
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.roll(8)),
        }
    }
}

/// The insides of small dumps: of our samples, and the damaged ones, which are of older forms.
fn bodies() -> Vec<Vec<u8>> {
    let mut shards = InProcess::new(1);
    let mut bodies = Vec::new();
    for (_, calls) in samples() {
        shards.line("FLUSHALL");
        make(&mut shards, &calls);
        bodies.push(shards.bulk(&[b"DUMP", b"k"]));
    }
    for calls in own_samples() {
        shards.line("FLUSHALL");
        calls.into_iter().for_each(|call| drop(shards.line(call)));
        bodies.push(shards.bulk(&[b"DUMP", b"k"]));
    }
    bodies.extend(published().into_iter().map(|(_, payload)| payload));
    bodies.iter_mut().for_each(|body| body.truncate(body.len().saturating_sub(10)));
    bodies.retain(|body| !body.is_empty() && body.len() < 600);
    bodies
}

#[test]
fn no_byte_can_be_changed_or_missing_to_any_harm() {
    let mut shards = InProcess::new(1);
    for (index, body) in bodies().into_iter().enumerate() {
        for at in 0..body.len() {
            survives(&mut shards, &sealed(&body[..at], 10), &format!("sample {index} cut at {at}"));
            for mask in [0xff, 0x01, 0x80] {
                let mut body = body.clone();
                body[at] ^= mask;
                survives(&mut shards, &sealed(&body, 12), &format!("sample {index}, byte {at} ^ {mask:#x}"));
            }
        }
    }
}

/// Rounds of random damage: `TRENCADIS_SEEDS`, or what takes a second or two.
fn rounds() -> u64 {
    std::env::var("TRENCADIS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60)
}

#[test]
fn random_damage_is_refused_or_loads_sound() {
    let bodies = bodies();
    let mut shards = InProcess::new(1);
    let mut loaded = 0;
    for seed in 0..rounds() {
        let mut dice = Dice(seed);
        for number in 0..300 {
            let mut body = bodies[dice.roll(bodies.len())].clone();
            for _ in 0..=dice.roll(4) {
                dice.damage(&mut body, &bodies);
                if body.is_empty() {
                    body.push(dice.roll(30) as u8);
                }
            }
            if dice.roll(10) == 0 {
                body[0] = dice.roll(30) as u8;
            }
            let version = [10, 12, 80, 6][dice.roll(4)];
            loaded += u32::from(survives(
                &mut shards,
                &sealed(&body, version),
                &format!("seed {seed}, payload {number}: {}", body.escape_ascii()),
            ));
        }
    }
    assert!(loaded > 100, "only {loaded} loaded: damage is too heavy to test anything");
}

#[test]
fn random_damage_to_files_is_told_or_loads_sound() {
    let names = [
        "encodings",
        "hash-ziplist",
        "hash-zipmap",
        "list-quicklist",
        "zset-ziplist",
        "corrupt_ziplist",
        "corrupt_empty_keys",
        "redis-7.0",
    ];
    let files: Vec<Vec<u8>> = names.iter().map(|name| fs::read(data(&format!("rdb/{name}.rdb"))).unwrap()).collect();
    for seed in 0..rounds() {
        let mut dice = Dice(seed);
        for number in 0..40 {
            // The large file now and then.
            let which = if number == 0 { 7 } else { dice.roll(7) };
            let mut file = files[which].clone();
            let len = file.len();
            if file[..9] > b"REDIS0004"[..] {
                // A checksum of zero is none.
                file[len - 8..].fill(0);
            }
            for _ in 0..dice.roll(4) {
                dice.damage(&mut file, &files[..7]);
            }
            let mut shards = InProcess::new(1);
            let whole = shards.load(&file, usize::MAX);
            for key in elements(shards.line("KEYS *")).iter().take(50) {
                let Reply::Bulk(key) = key else { panic!("a key is a string") };
                assert_sound(&mut shards, key, &format!("{} with seed {seed}, file {number}", names[which]));
            }
            let mut piecewise = InProcess::new(1);
            assert_eq!(piecewise.load(&file, 1 + dice.roll(100)), whole, "{} with seed {seed}, file {number}", names[which]);
        }
    }
}

/// Lengths of 2^60 and the like before nothing: refused at once, and nothing is made ready for them.
#[test]
fn what_is_announced_and_does_not_come_costs_nothing() {
    let server = Daemon::start(&[]);
    let mut wire = server.wire();
    for (_, payload) in published() {
        restore(&mut wire, b"k", &payload);
        wire.line("FLUSHALL");
    }
    let before = server.resident_bytes();
    for length in
        [&[0x81, 0x10, 0, 0, 0, 0, 0, 0, 0][..], &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x80, 0x7f, 0xff, 0xff, 0xff]]
    {
        for code in 0..=30 {
            for tail in [&b""[..], b"\x01a\x01b", b"\xc3\x05\x81\x10\0\0\0\0\0\0\0\x01a"] {
                let body = [&[code], length, tail].concat();
                for version in [10, 12, 80] {
                    assert_eq!(
                        restore(&mut wire, b"k", &sealed(&body, version)),
                        Reply::Error(b"ERR Bad data format".to_vec()),
                        "type {code}"
                    );
                }
            }
        }
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more for payloads of some twenty");
    assert_eq!(wire.line("PING"), Reply::Simple(b"PONG".to_vec()));
}
