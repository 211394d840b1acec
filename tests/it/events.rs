//! Events of keys: every transcript once more, with somebody who listens. After each call the events that came are compared with those of the
//! reference, one by one.
//!
//! What newer commands tell, which the reference does not know, is in tests/transcripts/events.txt.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use crate::daemon::{Daemon, Peer};
use crate::reply::{self, Reply};
use crate::transcripts::{self, Said, SaidStep};
use crate::wire::Wire;

/// All classes of events.
const ALL: &str = "KEAnm";

/// A channel of the test's own: when its message arrives, so has every event before it.
const MARK: &str = "that is all";

/// A listener to all events, and one who tells it where they end.
struct Listener {
    wire: Wire,
    control: Wire,
}

impl Listener {
    fn new(server: &Daemon) -> Listener {
        let (mut wire, mut control) = (server.wire(), server.wire());
        assert_eq!(control.ask(&["CONFIG", "SET", "notify-keyspace-events", ALL]).to_string(), "+OK");
        wire.call(&["PSUBSCRIBE", "__key*__:*"]);
        wire.call(&["SUBSCRIBE", MARK]);
        Listener { wire, control }
    }

    /// The events until now: channel and message of each.
    fn events(&mut self) -> Vec<(String, String)> {
        self.control.send(&["PUBLISH", MARK, ""]);
        let mut events = Vec::new();
        loop {
            let Some(bytes) = self.wire.reply() else { panic!("the mark does not arrive") };
            let Reply::Array(words) = Reply::decode(&bytes).expect("a whole reply").0 else { panic!("not a message") };
            let words: Vec<String> = words.iter().map(Reply::to_string).collect();
            match words.as_slice() {
                [kind, _, channel, text] if kind == "\"pmessage\"" => events.push((channel.clone(), text.clone())),
                [kind, ..] if kind == "\"message\"" => break,
                other => panic!("not a message: {other:?}"),
            }
        }
        self.control.reply().expect("the answer to PUBLISH");
        events
    }
}

/// Of each call of a block: its place, its words, and the events that came of it.
type Told = Vec<(String, String, Vec<(String, String)>)>;

/// Says what a block says, and notes the events of every call.
fn told(server: &Daemon, listener: &mut Listener, block: &Said) -> Told {
    let mut wires = std::collections::BTreeMap::new();
    listener.control.call(&["FLUSHALL"]);
    let mut before = Vec::new();
    for (name, value) in &block.config {
        before.push((name, listener.control.ask(&["CONFIG", "GET", name])));
        listener.control.call(&["CONFIG", "SET", name, value]);
    }
    listener.events();
    let mut told = Vec::new();
    for SaidStep { line, connection, words } in &block.steps {
        let Some(words) = words else {
            thread::sleep(block.pause);
            continue;
        };
        let wire: &mut Wire = wires.entry(*connection).or_insert_with(|| {
            let mut wire = server.wire();
            if block.resp3 {
                wire.call(&["HELLO", "3"]);
            }
            wire
        });
        wire.send(words);
        // None comes to who is told to be silent.
        wire.reply_within(Duration::from_secs(1));
        told.push((format!("{}:{line}", block.file), reply::quote_words(words), listener.events()));
    }
    for (name, value) in before {
        if let Reply::Array(pair) = value
            && let Some(Reply::Bulk(value)) = pair.get(1)
        {
            listener.control.call(&[b"CONFIG".as_slice(), b"SET", name.as_bytes(), value]);
        }
    }
    told
}

/// The events of each key, in their order; nothing is said of the order among keys.
fn by_key(events: &[(String, String)]) -> Vec<(String, String)> {
    let mut events = events.to_vec();
    let key_of = |(channel, text): &(String, String)| {
        if channel.starts_with("\"__keyspace") {
            channel.split_once("__:").unwrap_or_default().1.to_owned()
        } else {
            text.trim_start_matches('"').to_owned()
        }
    };
    events.sort_by_key(key_of);
    events
}

/// What a conversation is not replayed for: it listens itself or is told of what it keeps, ends something, or speaks of the server and not of keys.
fn is_fit(block: &Said) -> bool {
    const OTHERS: [&str; 7] = ["pubsub.txt", "tracking.txt", "monitor.txt", "connection.txt", "server.txt", "protocol.txt", "events.txt"];
    block.is_plain && !OTHERS.iter().any(|other| block.file.ends_with(other))
}

fn compare(shards: u32) {
    let ours = Daemon::start(&["--shards", &shards.to_string(), "--enable-debug-command", "yes"]);
    let reference = Peer::redis_server();
    let mut listeners = [Listener::new(&ours), Listener::new(&reference)];
    for listener in &mut listeners {
        // A key is found expired when it is asked for, so that both find it then.
        assert_eq!(listener.control.line("DEBUG SET-ACTIVE-EXPIRE 0").to_string(), "+OK");
    }
    let [our_listener, its_listener] = &mut listeners;
    let (mut calls, mut events, mut differences) = (0, 0, String::new());
    for block in transcripts::all_said().iter().filter(|block| is_fit(block) && !block.ours && !block.peer) {
        // With several shards those who wait are served when it is their session's turn, not before the call is over that made their keys ready.
        if shards > 1 && block.file.ends_with("blocking.txt") {
            continue;
        }
        let expected = told(&reference, its_listener, block);
        let got = told(&ours, our_listener, block);
        for ((place, words, expected), (_, _, got)) in expected.into_iter().zip(got) {
            calls += 1;
            events += expected.len();
            let same = if shards == 1 { expected == got } else { by_key(&expected) == by_key(&got) };
            if !same && !is_known(&place, &expected, &got) {
                let show = |events: &[(String, String)]| {
                    let texts = events.iter().filter(|(channel, _)| channel.starts_with("\"__keyspace"));
                    texts.map(|(channel, text)| format!("{channel} {text}")).collect::<Vec<_>>().join(", ")
                };
                let _ = writeln!(differences, "{place} {words}\n  expected {}\n  got      {}", show(&expected), show(&got));
            }
        }
    }
    println!("{calls} calls, {events} events");
    assert!(differences.is_empty(), "{} differences:\n{differences}", differences.lines().count() / 3);
    let selected = std::env::var_os("TRANSCRIPTS").is_some();
    assert!(selected || (calls > 3000 && events > 3000), "only {calls} calls and {events} events");
}

/// Where we know better: WATCH and EXEC remove what they find expired, and Redis leaves it for the next who asks.
fn is_known(place: &str, expected: &[(String, String)], got: &[(String, String)]) -> bool {
    let rest = |events: &[(String, String)]| -> Vec<(String, String)> {
        events.iter().filter(|(channel, text)| !(channel.contains("expired") || text.contains("expired"))).cloned().collect()
    };
    // Who waits asks again when it is his turn, as in Redis 7.2, and so misses what he missed before; and a group's consumer is there when he begins
    // to wait, where in 7.0 it comes when he is served.
    let of_turns = |events: &[(String, String)]| -> Vec<(String, String)> {
        let is_of_turn = |told: &str| ["xgroup-createconsumer", "keymiss"].iter().any(|name| told.contains(name));
        events.iter().filter(|(channel, text)| !is_of_turn(&format!("{channel}{text}"))).cloned().collect()
    };
    (place.contains("transaction.txt") && rest(expected) == rest(got))
        || (place.contains("blocking.txt") && of_turns(expected) == of_turns(got))
}

#[test]
fn one_shard_tells_what_redis_server_tells() {
    compare(1);
}

#[test]
fn four_shards_tell_of_each_key_what_redis_server_tells() {
    compare(4);
}

/// What is known of a key from its events.
#[derive(Default)]
struct Life {
    is_there: bool,
    events: usize,
}

/// Eight clients change a few keys on four shards in every way that shards have of doing so. Whatever the order in which that is done, the events of each
/// key must make a life: new only when it was not there, changed or gone only when it was.
#[test]
fn the_events_of_a_key_come_in_the_order_of_its_changes() {
    const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const ROUNDS: u64 = 300;
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut listener = Listener::new(&daemon);
    let writers: Vec<_> = (1..=8u64)
        .map(|seed| {
            let mut wire = daemon.wire();
            thread::spawn(move || {
                let mut state = seed;
                let mut next = |most: usize| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    usize::try_from(state >> 33).expect("31 bits") % most
                };
                for _ in 0..ROUNDS {
                    let (one, other) = (KEYS[next(6)], KEYS[next(6)]);
                    let line = match next(8) {
                        0 => format!("SET {one} v"),
                        1 => format!("DEL {one} {other}"),
                        2 | 3 => format!("RENAMENX {one} {other}"),
                        4 => format!("MSET {one} v {other} w"),
                        5 => format!("SET {one} v PX {}", 1 + next(3)),
                        6 => format!("COPY {one} {other}"),
                        _ => {
                            for line in ["MULTI", &format!("APPEND {one} x"), &format!("RENAMENX {one} {other}"), &format!("DEL {other}")] {
                                wire.line(line);
                            }
                            "EXEC".to_owned()
                        }
                    };
                    wire.line(&line);
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().expect("the writer goes through"));
    let mut lives: std::collections::BTreeMap<String, Life> = std::collections::BTreeMap::new();
    for (channel, event) in listener.events() {
        let Some(key) = channel.strip_prefix("\"__keyspace@0__:") else { continue };
        let life = lives.entry(key.to_owned()).or_default();
        life.events += 1;
        match event.trim_matches('"') {
            "keymiss" => {}
            "new" => assert!(!std::mem::replace(&mut life.is_there, true), "{key} is new while it is there"),
            "del" | "rename_from" | "expired" => {
                assert!(std::mem::replace(&mut life.is_there, false), "{event} of {key}, which is not there")
            }
            _ => assert!(life.is_there, "{event} of {key}, which is not there"),
        }
    }
    assert_eq!(lives.len(), KEYS.len());
    assert!(lives.values().all(|life| life.events > 100));
}

/// A subscriber that stops reading is disconnected at its limit, and neither holds up who writes nor costs more memory than that.
#[test]
fn who_does_not_read_events_holds_up_nobody() {
    let daemon = Daemon::start(&["--shards", "2", "--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let mut listener = Listener::new(&daemon);
    let mut deaf = daemon.wire();
    deaf.call(&["PSUBSCRIBE", "__key*__:*"]);
    let mut writer = daemon.wire();
    let pipeline: Vec<u8> = (0..500).flat_map(|number| crate::wire::request(&["SET", &format!("key:{number}"), "v"])).collect();
    let before = daemon.resident_bytes();
    for _ in 0..200 {
        writer.send_raw(&pipeline);
        for _ in 0..500 {
            assert_eq!(writer.reply().as_deref(), Some(b"+OK\r\n".as_slice()));
        }
        // The other one hears all of it meanwhile.
        assert!(listener.events().len() >= 1000);
    }
    assert!(daemon.log().contains("closing a client that does not read"), "{}", daemon.log());
    let grown = daemon.resident_bytes().saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes more");
}

/// While nobody listens nothing is told, and who begins to listen hears everything from his confirmation on.
#[test]
fn who_subscribes_misses_nothing_from_then_on() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut writer = daemon.wire();
    writer.line("CONFIG SET notify-keyspace-events KEA");
    for round in 0..50 {
        let key = format!("k{round}");
        writer.ask(&["SET", &key, "v"]);
        let mut wire = daemon.wire();
        wire.call(&["PSUBSCRIBE", &format!("__keyspace@0__:{key}")]);
        writer.ask(&["APPEND", &key, "w"]);
        writer.line(&format!("RENAME {key} other{round}"));
        for event in ["append", "rename_from"] {
            let told = String::from_utf8(wire.reply().expect("an event")).expect("plain text");
            assert!(told.contains(event), "{told}");
        }
    }
}
