//! CLIENT TRACKING from outside: who is told in whose place, and that no cache keeps what is not so any more.
//!
//! What does not need the number of a client is in tests/transcripts/tracking.txt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;
use crate::wire::{self, Wire};

fn read(wire: &mut Wire) -> Reply {
    Reply::decode(&wire.reply().expect("something is told")).expect("a whole reply").0
}

fn told(wire: &mut Wire) -> String {
    read(wire).to_string()
}

/// Says something, and compares the answer.
fn say(wire: &mut Wire, line: &str, expected: &str) {
    assert_eq!(wire.line(line).to_string(), expected, "{line}");
}

fn number(wire: &mut Wire) -> i64 {
    match wire.line("CLIENT ID") {
        Reply::Integer(number) => number,
        other => panic!("not a number: {other}"),
    }
}

fn resp3(server: &Daemon) -> Wire {
    let mut wire = server.wire();
    wire.line("HELLO 3");
    wire
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "still not: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

const K: &str = r#"["message", "__redis__:invalidate", ["k"]]"#;

fn one_is_told_in_the_place_of_another(server: &Daemon) {
    let (mut writer, mut target, mut reader) = (server.wire(), server.wire(), server.wire());
    let id = number(&mut target);
    say(
        &mut reader,
        &format!("CLIENT TRACKING ON REDIRECT {id} REDIRECT {id}"),
        "-ERR A client can only redirect to a single other client",
    );
    say(&mut reader, &format!("CLIENT TRACKING ON REDIRECT {id}"), "+OK");
    say(&mut reader, "CLIENT GETREDIR", &format!(":{id}"));
    say(&mut reader, "CLIENT TRACKINGINFO", &format!(r#"["flags", ["on"], "redirect", :{id}, "prefixes", []]"#));
    // Who listens to nothing cannot be told in RESP2; who listens to anything can.
    say(&mut reader, "GET k", "(nil)");
    say(&mut writer, "SET k 1", "+OK");
    say(&mut target, "SUBSCRIBE x", r#"["subscribe", "x", :1]"#);
    say(&mut reader, "GET k", "\"1\"");
    say(&mut writer, "SET k 2", "+OK");
    assert_eq!(told(&mut target), K);
    say(&mut reader, "GET k", "\"2\"");
    say(&mut reader, "SET k 3", "+OK");
    assert_eq!(told(&mut target), K);
    say(&mut reader, "GET k", "\"3\"");
    say(&mut writer, "FLUSHALL", "+OK");
    assert_eq!(told(&mut target), r#"["message", "__redis__:invalidate", (nil)]"#);
    say(&mut writer, "PUBLISH __redis__:invalidate text", ":0");
    // Gone: it is said the next time there would have been something to tell.
    say(&mut reader, "GET k", "(nil)");
    drop(target);
    await_that("the target is gone", || !writer.line("CLIENT LIST").to_string().contains(&format!("id={id} ")));
    say(&mut writer, "SET k 1", "+OK");
    await_that("the redirection is known to be broken", || reader.line("CLIENT TRACKINGINFO").to_string().contains("broken_redirect"));
    let line = reader.line("CLIENT INFO").to_string();
    assert!(line.contains(" flags=tR ") && line.contains(&format!(" redir={id} ")), "{line}");
    say(&mut reader, "CLIENT TRACKING ON", "+OK");
    say(&mut reader, "CLIENT TRACKINGINFO", r#"["flags", ["on"], "redirect", :0, "prefixes", []]"#);
    say(&mut reader, &format!("CLIENT TRACKING ON REDIRECT {id}"), "-ERR The client ID you want redirect to does not exist");

    // From RESP3 to RESP2, and broken.
    let (mut target, mut reader) = (server.wire(), resp3(server));
    let id = number(&mut target);
    say(&mut target, "SUBSCRIBE x", r#"["subscribe", "x", :1]"#);
    say(&mut reader, &format!("CLIENT TRACKING ON REDIRECT {id}"), "+OK");
    say(&mut reader, "GET k", "\"1\"");
    say(&mut writer, "SET k 1", "+OK");
    assert_eq!(told(&mut target), K);
    say(&mut reader, "GET k", "\"1\"");
    drop(target);
    await_that("the target is gone", || !writer.line("CLIENT LIST").to_string().contains(&format!("id={id} ")));
    say(&mut writer, "SET k 2", "+OK");
    assert_eq!(told(&mut reader), format!(r#">["tracking-redir-broken", :{id}]"#));
    say(&mut writer, "FLUSHALL", "+OK");
    assert_eq!(told(&mut reader), format!(r#">["tracking-redir-broken", :{id}]"#));

    // To one in RESP3 that says nothing and has subscribed to nothing; several at once.
    let (mut target, mut reader, mut other) = (resp3(server), server.wire(), server.wire());
    let id = number(&mut target);
    thread::sleep(Duration::from_millis(20));
    say(&mut reader, &format!("CLIENT TRACKING ON REDIRECT {id}"), "+OK");
    say(&mut other, &format!("CLIENT TRACKING ON BCAST PREFIX k REDIRECT {id} NOLOOP"), "+OK");
    say(&mut reader, "GET a", "(nil)");
    say(&mut writer, "SET a 1", "+OK");
    assert_eq!(told(&mut target), r#">["invalidate", ["a"]]"#);
    say(&mut other, "SET k 1", "+OK");
    say(&mut writer, "MSET k{t}2 1 k{t}1 1", "+OK");
    assert_eq!(told(&mut target), r#">["invalidate", ["k{t}1", "k{t}2"]]"#);
    say(&mut target, "PING", "+PONG");

    // To itself.
    let id = number(&mut target);
    say(&mut target, &format!("CLIENT TRACKING ON REDIRECT {id}"), "+OK");
    say(&mut target, "GET b", "(nil)");
    say(&mut writer, "SET b 1", "+OK");
    assert_eq!(told(&mut target), r#">["invalidate", ["b"]]"#);
}

#[test]
fn redis_server_tells_one_in_the_place_of_another() {
    one_is_told_in_the_place_of_another(&Peer::redis_server());
}

#[test]
fn one_shard_tells_one_in_the_place_of_another() {
    one_is_told_in_the_place_of_another(&Daemon::start(&["--shards", "1"]));
}

#[test]
fn four_shards_tell_one_in_the_place_of_another() {
    one_is_told_in_the_place_of_another(&Daemon::start(&["--shards", "4"]));
}

const KEYS: u64 = 24;
const WRITERS: u64 = 3;

/// A client with a cache.
struct Cache {
    wire: Wire,
    values: BTreeMap<String, u64>,
    told: usize,
}

impl Cache {
    /// The next reply; what is told before it is taken out of the cache.
    fn reply(&mut self) -> Reply {
        loop {
            match read(&mut self.wire) {
                Reply::Push(words) => self.forget(&words),
                reply => return reply,
            }
        }
    }

    fn forget(&mut self, words: &[Reply]) {
        let [Reply::Bulk(verb), what] = words else { panic!("{words:?}") };
        assert_eq!(verb, b"invalidate");
        match what {
            Reply::Array(keys) => self.values.retain(|key, _| !keys.iter().any(|stale| text(stale) == *key)),
            _ => self.values.clear(),
        }
        self.told += 1;
    }

    fn keep(&mut self, key: &str, value: &Reply) {
        let version = if *value == Reply::Nil { 0 } else { text(value).parse().expect("versions are numbers") };
        self.values.insert(key.to_owned(), version);
    }
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("not a text: {other}"),
    }
}

fn key(number: u64) -> String {
    format!("k{number}")
}

fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    *seed >> 33
}

/// Each key is written by one writer only, by SET, MSET over shards, and in transactions, with versions that grow. `written`: what was answered.
fn write(mut wire: Wire, writer: u64, rounds: u64, written: &[AtomicU64]) {
    let mut seed = writer + 77;
    for version in 1..=rounds {
        let own = |seed: &mut u64| next(seed) % (KEYS / WRITERS) * WRITERS + writer;
        let (one, other) = (own(&mut seed), own(&mut seed));
        let pair = format!("{} {version} {} {version}", key(one), key(other));
        match next(&mut seed) % 3 {
            0 => say(&mut wire, &format!("SET {} {version}", key(one)), "+OK"),
            1 => say(&mut wire, &format!("MSET {pair}"), "+OK"),
            _ => {
                say(&mut wire, "MULTI", "+OK");
                say(&mut wire, &format!("MSET {pair}"), "+QUEUED");
                say(&mut wire, "EXEC", "[+OK]");
            }
        }
        written[one as usize].store(version, Ordering::SeqCst);
        if version % 8 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads what it does not have in its cache, one key, several in a pipeline, over shards and in a transaction; and compares the cache with what was
/// answered to the writers before a PING was answered.
fn cache(wire: Wire, reader: u64, broadcasts: bool, done: &AtomicU64, written: &[AtomicU64]) -> (usize, BTreeMap<String, u64>) {
    let (mut cache, mut seed) = (Cache { wire, values: BTreeMap::new(), told: 0 }, reader + 1000);
    say(&mut cache.wire, if broadcasts { "CLIENT TRACKING ON BCAST PREFIX k" } else { "CLIENT TRACKING ON" }, "+OK");
    loop {
        let is_last = done.load(Ordering::SeqCst) == WRITERS;
        let known: Vec<u64> = written.iter().map(|version| version.load(Ordering::SeqCst)).collect();
        cache.wire.send(&["PING"]);
        assert_eq!(cache.reply().to_string(), "+PONG");
        for number in 0..KEYS {
            if let Some(&version) = cache.values.get(&key(number)) {
                assert!(
                    version >= known[number as usize],
                    "reader {reader} keeps {version} of {}, which was {}",
                    key(number),
                    known[number as usize]
                );
            }
        }
        if is_last {
            return (cache.told, cache.values);
        }
        let wanted: Vec<String> = (0..4).map(|_| key(next(&mut seed) % KEYS)).filter(|key| !cache.values.contains_key(key)).collect();
        if wanted.is_empty() {
            continue;
        }
        match next(&mut seed) % 3 {
            0 => {
                let pipeline: Vec<u8> = wanted.iter().flat_map(|key| wire::request(&["GET", key])).collect();
                cache.wire.send_raw(&pipeline);
                for key in &wanted {
                    let value = cache.reply();
                    cache.keep(key, &value);
                }
            }
            1 => {
                cache.wire.send(&[vec!["MGET"], wanted.iter().map(String::as_str).collect()].concat());
                let Reply::Array(values) = cache.reply() else { panic!("not an array") };
                wanted.iter().zip(values).for_each(|(key, value)| cache.keep(key, &value));
            }
            _ => {
                let pipeline =
                    [vec!["MULTI".to_owned()], wanted.iter().map(|key| format!("GET {key}")).collect(), vec!["EXEC".to_owned()]].concat();
                cache.wire.send_raw((pipeline.join("\r\n") + "\r\n").as_bytes());
                (0..=wanted.len()).for_each(|_| drop(cache.reply()));
                let Reply::Array(values) = cache.reply() else { panic!("not an array") };
                wanted.iter().zip(values).for_each(|(key, value)| cache.keep(key, &value));
            }
        }
    }
}

/// No cache ever holds what was outdated before its last question was answered, and in the end each holds what is there.
fn no_cache_is_stale(shards: &str) {
    const ROUNDS: u64 = 400;
    const READERS: u64 = 4;
    let server = Daemon::start(&["--shards", shards]);
    let written: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let done = AtomicU64::new(0);
    let caches: Vec<(usize, BTreeMap<String, u64>)> = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let (wire, done, written) = (resp3(&server), &done, &written);
                scope.spawn(move || cache(wire, reader, reader == 0, done, written))
            })
            .collect();
        for writer in 0..WRITERS {
            let (wire, done, written) = (server.wire(), &done, &written);
            scope.spawn(move || {
                write(wire, writer, ROUNDS, written);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        readers.into_iter().map(|reader| reader.join().expect("a reader finds nothing stale")).collect()
    });
    let mut judge = server.wire();
    for (told, values) in caches {
        assert!(told > 20, "{told} is too little to prove anything");
        for (key, version) in values {
            let there = judge.ask(&["GET", &key]);
            let there = if there == Reply::Nil { "0".to_owned() } else { text(&there) };
            assert_eq!(there, version.to_string(), "{key}");
        }
    }
    await_that("nobody caches anything", || judge.line("INFO clients").to_string().contains("tracking_clients:0"));
    assert!(judge.line("INFO stats").to_string().contains("tracking_total_prefixes:0"));
}

#[test]
fn no_cache_of_one_shard_is_stale() {
    no_cache_is_stale("1");
}

#[test]
fn no_cache_of_four_shards_is_stale() {
    no_cache_is_stale("4");
}

/// One that does not read what it is told is disconnected at its limit, and those who write do not wait for it.
#[test]
fn who_does_not_read_is_disconnected() {
    let server = Daemon::start(&["--shards", "2", "--client-output-buffer-limit", "pubsub 200000 0 0"]);
    let (mut deaf, mut writer) = (resp3(&server), server.wire());
    say(&mut deaf, "CLIENT TRACKING ON BCAST", "+OK");
    let name = "n".repeat(50_000);
    let started = Instant::now();
    await_that("the deaf one is gone", || {
        writer.ask(&["SET", &name, "1"]);
        writer.line("INFO clients").to_string().contains("tracking_clients:0")
    });
    assert!(started.elapsed() < Duration::from_secs(8));
    assert!(deaf.until_closed().len() < 16 << 20);
}
