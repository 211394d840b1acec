//! Publish and subscribe from outside: order, slow readers, ends of connections at every moment, many channels, and a stress against a naive model.
//!
//! What each command answers is in tests/transcripts/pubsub.txt.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::reply::Reply;
use crate::wire::{self, Wire};

/// A message as a subscriber in RESP2 gets it.
fn message(channel: &str, text: &str) -> Reply {
    Reply::Array(["message", channel, text].map(|word| Reply::Bulk(word.as_bytes().to_vec())).to_vec())
}

fn bulk(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("not a text: {other}"),
    }
}

/// The next message: its channel and its text.
fn next(wire: &mut Wire) -> (String, String) {
    let bytes = wire.reply().expect("a message");
    match Reply::decode(&bytes).expect("a whole reply").0 {
        Reply::Array(words) | Reply::Push(words) if words.len() == 3 => (bulk(&words[1]), bulk(&words[2])),
        other => panic!("not a message: {other}"),
    }
}

/// Subscribes and takes the confirmations.
fn subscribe(wire: &mut Wire, channels: &[&str]) {
    wire.send(&[&["SUBSCRIBE"], channels].concat());
    for (at, channel) in channels.iter().enumerate() {
        let told = Reply::decode(&wire.reply().expect("a confirmation")).expect("a whole reply").0;
        let (Reply::Array(words) | Reply::Push(words)) = told else { panic!("not a confirmation") };
        assert_eq!(bulk(&words[1]), *channel);
        assert!(matches!(words[2], Reply::Integer(count) if count > at as i64), "{}", words[2]);
    }
}

fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(number) => *number,
        other => panic!("not a number: {other}"),
    }
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "still not: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Nobody listens to anything any more.
fn await_silence(judge: &mut Wire) {
    await_that("no subscription is left", || {
        let left = ["PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS"].map(|line| judge.line(line));
        left == [Reply::Array(Vec::new()), Reply::Array(Vec::new())] && judge.line("PUBSUB NUMPAT") == Reply::Integer(0)
    });
}

/// Several publishers at once: every subscriber, wherever it lives, sees all messages in one order, and those of each publisher in the order sent.
#[test]
fn every_subscriber_sees_one_order() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = 300;
    for shards in ["1", "4"] {
        let server = Daemon::start(&["--shards", shards]);
        let mut subscribers: Vec<Wire> = (0..9).map(|_| server.wire()).collect();
        for (at, wire) in subscribers.iter_mut().enumerate() {
            if at % 3 == 0 {
                wire.line("HELLO 3");
            }
            subscribe(wire, &["c", "d"]);
        }
        let publishing: Vec<_> = (0..PUBLISHERS)
            .map(|publisher| {
                let mut wire = server.wire();
                thread::spawn(move || {
                    for at in (0..MESSAGES).step_by(3) {
                        // One alone, then two in one write.
                        let text = |at: usize| format!("{publisher}:{at}");
                        assert_eq!(wire.ask(&["PUBLISH", "c", &text(at)]), Reply::Integer(9));
                        wire.send_raw(
                            &[wire::request(&["PUBLISH", "d", &text(at + 1)]), wire::request(&["PUBLISH", "c", &text(at + 2)])].concat(),
                        );
                        assert_eq!([wire.reply(), wire.reply()], [Some(b":9\r\n".to_vec()), Some(b":9\r\n".to_vec())]);
                    }
                })
            })
            .collect();
        let mut orders: Vec<Vec<String>> = Vec::new();
        for wire in &mut subscribers {
            orders.push((0..PUBLISHERS * MESSAGES).map(|_| next(wire).1).collect());
        }
        publishing.into_iter().for_each(|thread| thread.join().expect("a publisher"));
        assert!(orders.iter().all(|order| *order == orders[0]), "with {shards} shards two subscribers saw different orders");
        for publisher in 0..PUBLISHERS {
            let its: Vec<&String> = orders[0].iter().filter(|text| text.starts_with(&format!("{publisher}:"))).collect();
            let sent: Vec<String> = (0..MESSAGES).map(|at| format!("{publisher}:{at}")).collect();
            assert!(its.into_iter().eq(&sent));
        }
    }
}

/// Who sees the message sees what its publisher had written before, on whatever shard.
#[test]
fn a_message_overtakes_no_write() {
    let server = Daemon::start(&["--shards", "4"]);
    let (mut subscriber, mut reader, mut publisher) = (server.wire(), server.wire(), server.wire());
    subscribe(&mut subscriber, &["c"]);
    for round in 0..200 {
        let value = round.to_string();
        let mut requests: Vec<u8> = (0..8).flat_map(|key| wire::request(&["SET", &format!("k{key}"), &value])).collect();
        requests.extend(wire::request(&["PUBLISH", "c", &value]));
        publisher.send_raw(&requests);
        assert_eq!(next(&mut subscriber), ("c".to_owned(), value.clone()));
        let seen = reader.line("MGET k0 k1 k2 k3 k4 k5 k6 k7");
        assert_eq!(seen, Reply::Array(vec![Reply::Bulk(value.into_bytes()); 8]));
        (0..9).for_each(|_| drop(publisher.reply().expect("a reply to each")));
    }
}

/// Row 24: who does not read is disconnected at the hard limit, is told of in the log, and costs the others nothing.
#[test]
fn a_subscriber_who_does_not_read_is_disconnected() {
    for shards in ["1", "3"] {
        let server = Daemon::start(&["--shards", shards, "--client-output-buffer-limit", "pubsub 8mb 2mb 60"]);
        let mut judge = server.wire();
        let mut sluggards: Vec<Wire> = (0..4).map(|_| server.wire()).collect();
        sluggards.iter_mut().for_each(|wire| subscribe(wire, &["c"]));
        let mut reader = server.wire();
        subscribe(&mut reader, &["c"]);
        let before = server.resident_bytes();
        let text = "x".repeat(100_000);
        let mut longest = Duration::ZERO;
        for _ in 0..400 {
            let started = Instant::now();
            assert!(number(&judge.ask(&["PUBLISH", "c", &text])) >= 1);
            longest = longest.max(started.elapsed());
            assert_eq!(next(&mut reader).1.len(), text.len());
        }
        // Four outboxes of eight megabytes, whose messages are the same ones.
        let grown = server.resident_bytes().saturating_sub(before);
        assert!(grown < 40 << 20, "{grown} bytes for four outboxes of shared messages");
        assert!(longest < Duration::from_millis(500), "a publisher waited {longest:?}");
        await_that("only the reader is left", || {
            judge.ask(&["PUBSUB", "NUMSUB", "c"]) == Reply::Array(vec![Reply::Bulk(b"c".to_vec()), Reply::Integer(1)])
        });
        assert_eq!(server.log().matches("closing a client that does not read what it listens to").count(), 4, "{}", server.log());
        for wire in &mut sluggards {
            // What the kernel had is still there; then it ends.
            assert!(wire.until_closed().len() < 40 << 20);
        }
        assert_eq!(judge.ask(&["PUBLISH", "c", "last"]), Reply::Integer(1));
        assert_eq!(next(&mut reader), ("c".to_owned(), "last".to_owned()));
    }
}

/// The soft limit: above it for too long, even if nothing is published any more.
#[test]
fn a_subscriber_who_stays_behind_is_disconnected() {
    let server = Daemon::start(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let (mut judge, mut sluggard, mut late) = (server.wire(), server.wire(), server.wire());
    subscribe(&mut sluggard, &["c"]);
    subscribe(&mut late, &["c"]);
    let text = "x".repeat(100_000);
    for _ in 0..200 {
        assert!(number(&judge.ask(&["PUBLISH", "c", &text])) >= 1);
    }
    // One of the two catches up in time.
    for _ in 0..200 {
        assert_eq!(next(&mut late).1.len(), text.len());
    }
    await_that("the other one is gone", || judge.line("PUBLISH c x") == Reply::Integer(1));
    sluggard.until_closed();
    assert_eq!(next(&mut late).1, "x");
    await_that("it is logged", || server.log().contains("closing a client that does not read what it listens to"));
}

/// Without limits a subscriber may read as late as he likes, and misses nothing.
#[test]
fn a_late_reader_misses_nothing() {
    let server = Daemon::start(&["--shards", "2", "--client-output-buffer-limit", "pubsub 0 0 0"]);
    let (mut judge, mut late) = (server.wire(), server.wire());
    late.line("HELLO 3");
    subscribe(&mut late, &["c"]);
    let text = |at: usize| format!("{at}:{}", "x".repeat(if at.is_multiple_of(7) { 50_000 } else { at % 900 }));
    for at in 0..3000 {
        assert_eq!(judge.ask(&["PUBLISH", "c", &text(at)]), Reply::Integer(1));
    }
    // It asks in between, and is answered.
    late.send(&["PING"]);
    let (mut seen, mut is_answered) = (0, false);
    while seen < 3000 || !is_answered {
        match Reply::decode(&late.reply().expect("a message or the answer")).expect("a whole reply").0 {
            Reply::Push(words) => {
                assert_eq!(bulk(&words[2]), text(seen));
                seen += 1;
            }
            other => {
                assert_eq!(other, Reply::Simple(b"PONG".to_vec()));
                is_answered = true;
            }
        }
    }
    let list = judge.line("CLIENT LIST TYPE pubsub").to_string();
    assert!(list.contains("oll=0 omem=0"), "{list}");
}

/// Row 28: a subscriber that leaves or is killed at any moment leaves nothing behind.
#[test]
fn whoever_goes_is_forgotten() {
    for shards in ["1", "3"] {
        let server = Daemon::start(&["--shards", shards]);
        let mut judge = server.wire();
        let channels: Vec<String> = (0..50).map(|at| format!("c{at}")).collect();
        let names: Vec<&str> = channels.iter().map(String::as_str).collect();
        let whole: Vec<u8> = [
            wire::request(&[&["SUBSCRIBE"], &names[..]].concat()),
            wire::request(&["PSUBSCRIBE", "a*", "b*", "c*"]),
            wire::request(&["SSUBSCRIBE", "s", "t"]),
            wire::request(&["UNSUBSCRIBE", "c1", "c2"]),
            wire::request(&["SUBSCRIBE", "c1"]),
            wire::request(&["PUNSUBSCRIBE"]),
            wire::request(&["UNSUBSCRIBE"]),
            wire::request(&["SUBSCRIBE", "z"]),
        ]
        .concat();
        for round in 0..120 {
            let mut wires: Vec<Wire> = (0..3).map(|_| server.wire()).collect();
            for (at, wire) in wires.iter_mut().enumerate() {
                let cut = whole.len() * (round + 1) / 120;
                wire.send_raw(&whole[..if at == 0 { cut } else { whole.len() }]);
            }
            judge.send_raw(&wire::request(&["PUBLISH", "c1", "x"]).repeat(20));
            match round % 4 {
                // Gone at once, or a little later; killed from outside, with what is under way.
                0 => drop(wires),
                1 => {
                    thread::sleep(Duration::from_micros(200 * (round as u64 % 9)));
                    drop(wires);
                }
                2 => judge.send(&["CLIENT", "KILL", "TYPE", "pubsub"]),
                _ => {
                    judge.send(&["CLIENT", "KILL", "TYPE", "normal"]);
                    wires[0].send(&["RESET"]);
                    wires[1].send(&["QUIT"]);
                }
            }
            (0..20 + usize::from(round % 4 > 1)).for_each(|_| drop(judge.reply().expect("the judge is answered")));
        }
        await_silence(&mut judge);
        assert_eq!(judge.line("PUBLISH c1 x"), Reply::Integer(0));
    }
}

/// After UNSUBSCRIBE and after RESET are confirmed nothing comes any more, though others publish without a pause.
#[test]
fn nothing_comes_after_goodbye() {
    let server = Daemon::start(&["--shards", "3"]);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let publishing: Vec<_> = (0..3)
        .map(|_| {
            let (mut wire, stop) = (server.wire(), stop.clone());
            thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    wire.send_raw(&wire::request(&["PUBLISH", "c", "x"]).repeat(5));
                    (0..5).for_each(|_| drop(wire.reply().expect("a count")));
                }
            })
        })
        .collect();
    let mut wire = server.wire();
    for round in 0..150 {
        wire.send(&["SUBSCRIBE", "c"]);
        let told = Reply::decode(&wire.reply().expect("the confirmation comes first")).expect("whole").0;
        assert_eq!(told.to_string(), r#"["subscribe", "c", :1]"#);
        (0..round % 5).for_each(|_| assert_eq!(next(&mut wire).1, "x"));
        let last = if round % 2 == 0 { r#"["unsubscribe", "c", :0]"# } else { "+RESET" };
        wire.send(&[if round % 2 == 0 { "UNSUBSCRIBE" } else { "RESET" }]);
        loop {
            let told = Reply::decode(&wire.reply().expect("messages, then the end")).expect("whole").0;
            if told.to_string() == last {
                break;
            }
            assert_eq!(told, message("c", "x"));
        }
        assert_eq!(wire.line("PING"), Reply::Simple(b"PONG".to_vec()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    publishing.into_iter().for_each(|thread| thread.join().expect("a publisher"));
}

/// A thousand channels in one call, and each on a subscriber of its own.
#[test]
fn there_may_be_many_channels() {
    let server = Daemon::start(&["--shards", "2"]);
    let (mut judge, mut all) = (server.wire(), server.wire());
    let channels: Vec<String> = (0..1000).map(|at| format!("channel:{at}")).collect();
    let names: Vec<&str> = channels.iter().map(String::as_str).collect();
    subscribe(&mut all, &names);
    let mut each: Vec<Wire> = (0..100).map(|_| server.wire()).collect();
    for (wire, names) in each.iter_mut().zip(names.chunks(10)) {
        subscribe(wire, names);
    }
    let Reply::Array(known) = judge.line("PUBSUB CHANNELS channel:*") else { panic!("an array") };
    assert_eq!(known.iter().map(bulk).collect::<BTreeSet<_>>(), channels.iter().cloned().collect());
    let requests: Vec<u8> = names.iter().flat_map(|name| wire::request(&["PUBLISH", name, name])).collect();
    judge.send_raw(&requests);
    for name in &names {
        assert_eq!(judge.reply().as_deref(), Some(b":2\r\n".as_slice()));
        assert_eq!(next(&mut all), ((*name).to_owned(), (*name).to_owned()));
    }
    for (wire, names) in each.iter_mut().zip(names.chunks(10)) {
        names.iter().for_each(|name| assert_eq!(next(wire).1, *name));
    }
    all.send(&["UNSUBSCRIBE"]);
    let mut left: BTreeSet<String> = channels.iter().cloned().collect();
    for count in (0..1000).rev() {
        let Reply::Array(words) = Reply::decode(&all.reply().expect("a confirmation")).expect("whole").0 else { panic!("an array") };
        assert!(left.remove(&bulk(&words[1])));
        assert_eq!(words[2], Reply::Integer(count));
    }
    drop((all, each));
    await_silence(&mut judge);
}

/// Row 26: who monitors and does not read is disconnected like any client, and holds nobody up.
#[test]
fn a_monitor_who_does_not_read_is_disconnected() {
    for shards in ["1", "3"] {
        let server = Daemon::start(&["--shards", shards, "--client-output-buffer-limit", "normal 4mb 0 0"]);
        let (mut sluggard, mut reader, mut busy) = (server.wire(), server.wire(), server.wire());
        assert_eq!(sluggard.line("MONITOR"), Reply::Simple(b"OK".to_vec()));
        assert_eq!(reader.line("MONITOR"), Reply::Simple(b"OK".to_vec()));
        let text = "x".repeat(100_000);
        for at in 0..200 {
            assert_eq!(busy.ask(&["SET", &format!("k{at}"), &text]), Reply::Simple(b"OK".to_vec()));
            let Reply::Simple(line) = Reply::decode(&reader.reply().expect("a line")).expect("whole").0 else {
                panic!("a line is a status")
            };
            assert!(String::from_utf8_lossy(&line).contains(&format!("\"SET\" \"k{at}\" \"xxx")));
        }
        await_that("the one who does not read is gone", || server.log().contains("closing a client that does not read what it listens to"));
        sluggard.until_closed();
        assert_eq!(busy.line("PING"), Reply::Simple(b"PONG".to_vec()));
        // It is a status, and shown to the one who is left.
        assert!(reader.reply().expect("a line").ends_with(b"\"PING\"\r\n"));
    }
}

/// What one client listens to, as a model: the three kinds of names.
#[derive(Default)]
struct Model {
    channels: BTreeSet<String>,
    patterns: BTreeSet<String>,
    sharded: BTreeSet<String>,
}

/// Random subscriptions and messages, and what a naive model says of each: who gets what, how often, how many are counted.
#[test]
fn it_does_what_a_naive_model_says() {
    for (shards, seed) in [("1", 1), ("4", 2), ("4", 3)] {
        stress(shards, seed);
    }
}

fn stress(shards: &str, seed: u64) {
    const CLIENTS: usize = 8;
    let server = Daemon::start(&["--shards", shards]);
    let mut publisher = server.wire();
    let mut wires: Vec<Wire> = (0..CLIENTS).map(|_| server.wire()).collect();
    wires.iter_mut().step_by(2).for_each(|wire| drop(wire.line("HELLO 3")));
    let mut models: Vec<Model> = (0..CLIENTS).map(|_| Model::default()).collect();
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    // A letter of the pattern is `?`, so that the model needs no matcher of its own.
    let matches = |pattern: &str, channel: &str| {
        pattern.len() == channel.len() && pattern.bytes().zip(channel.bytes()).all(|(pattern, byte)| pattern == b'?' || pattern == byte)
    };
    for step in 0..3000 {
        let name: String = (0..2).map(|_| char::from(b"abc"[random(3) as usize])).collect();
        let pattern: String = name.bytes().map(|byte| if random(2) == 0 { '?' } else { char::from(byte) }).collect();
        let who = random(CLIENTS as u64) as usize;
        let (wire, model) = (&mut wires[who], &mut models[who]);
        let deed = random(10);
        if deed < 6 {
            let (verb, names, word) = match deed % 3 {
                0 => ("SUBSCRIBE", &mut model.channels, &name),
                1 => ("PSUBSCRIBE", &mut model.patterns, &pattern),
                _ => ("SSUBSCRIBE", &mut model.sharded, &name),
            };
            let verb = if random(2) == 0 {
                names.insert(word.clone());
                verb.to_owned()
            } else {
                names.remove(word);
                verb.replace("SUB", "UNSUB")
            };
            let told = wire.ask(&[verb.as_str(), word.as_str()]);
            let (Reply::Array(words) | Reply::Push(words)) = &told else { panic!("step {step}: {told}") };
            assert_eq!(bulk(&words[0]), verb.to_lowercase());
            let count = if deed % 3 == 2 { model.sharded.len() } else { model.channels.len() + model.patterns.len() };
            assert_eq!(words[2], Reply::Integer(count as i64), "step {step}: {told}");
            continue;
        }
        let is_sharded = deed == 6;
        let text = step.to_string();
        let count = publisher.ask(&[if is_sharded { "SPUBLISH" } else { "PUBLISH" }, &name, &text]);
        let mut expected = 0;
        for (wire, model) in wires.iter_mut().zip(&models) {
            let mut due: Vec<String> = Vec::new();
            if is_sharded {
                due.extend(model.sharded.contains(&name).then(|| format!("smessage {name} {text}")));
            } else {
                due.extend(model.channels.contains(&name).then(|| format!("message {name} {text}")));
                due.extend(
                    model
                        .patterns
                        .iter()
                        .filter(|pattern| matches(pattern, &name))
                        .map(|pattern| format!("pmessage {pattern} {name} {text}")),
                );
            }
            expected += due.len() as i64;
            let mut got: BTreeMap<String, usize> = BTreeMap::new();
            for at in 0..due.len() {
                let told = Reply::decode(&wire.reply().unwrap_or_else(|| panic!("step {step}: {due:?}, missing"))).expect("whole").0;
                let (Reply::Array(words) | Reply::Push(words)) = &told else { panic!("step {step}: {told}") };
                let told = words.iter().map(bulk).collect::<Vec<_>>().join(" ");
                // The channel's own message comes before those of patterns.
                assert!(at > 0 || !due[0].starts_with("message") || told == due[0], "step {step}");
                *got.entry(told).or_default() += 1;
            }
            assert_eq!(got, due.into_iter().map(|told| (told, 1)).collect(), "step {step}");
        }
        assert_eq!(count, Reply::Integer(expected), "step {step}");
    }
    drop(wires);
    await_silence(&mut publisher);
}
