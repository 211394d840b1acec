//! Values in their written form: both ways with redis-server, files of six versions, and damage of every kind.
//!
//! `TRENCADIS_SEEDS` is how many rounds of random damage there are; each round is some hundred payloads.

use std::fs;
use std::path::PathBuf;

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::json::{Json, unhex};
use crate::reply::Reply;

/// Whoever answers calls: a server, or shards in this process.
trait Answers {
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
fn contents(server: &mut impl Answers, key: &[u8]) -> (String, Reply) {
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
fn samples() -> Vec<(&'static str, Vec<Vec<Vec<u8>>>)> {
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
        ("a run", word(vec![b'x'; 100_000])),
        ("text that compresses", word("all work and no play ".repeat(500).into_bytes())),
        ("noise", word((0..70_000u32).map(|number| (number.wrapping_mul(number).wrapping_mul(0x9e37_79b9) >> 22) as u8).collect())),
        ("a short list", calls(&["RPUSH k a 1 -5000 70000 99999999999 " , "RPUSH k x"])),
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
        ("a stream of other fields each time", calls(&["XADD k 1-1 a 1", "XADD k 1-2 b 2 c 3", "XADD k 9-0 a 4", "XADD k 18446744073709551615-5 z 1 a 2"])),
    ];
    let mut stream: Vec<Vec<Vec<u8>>> = Vec::new();
    for number in 0..350u32 {
        let call = format!("XADD k {}-{} temperature {number} place room-{}", number / 3 + 5, number % 3 + 1, number % 4);
        stream.push(call.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    }
    samples.push(("a long stream", stream.clone()));
    for call in ["XTRIM k MAXLEN 300", "XDEL k 50-1 50-2 90-3"] {
        stream.push(call.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    }
    samples.push(("a stream with gaps", stream));
    samples
}

/// Makes a sample; commands that are not there make it less than it could be.
fn make(server: &mut impl Answers, calls: &[Vec<Vec<u8>>]) {
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
            // And back again, which must be what began.
            let payload = servers[to].bulk(&[b"DUMP", b"k"]);
            assert!(is_ok(&restore(servers[from], b"back", &payload)), "{name}, turn {turn}");
            assert_eq!(contents(servers[from], b"back"), expected, "{name}, turn {turn}");
            let (first, second) = (servers[from].line("OBJECT ENCODING k"), servers[from].line("OBJECT ENCODING back"));
            assert_eq!(first, second, "{name}, turn {turn}");
        }
    }
}

fn data(name: &str) -> PathBuf {
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
