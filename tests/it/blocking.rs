//! Calls that wait, from outside: in which order they are served, who may end them, and that nothing is lost or served twice, whoever goes away when.
//!
//! What each command answers is in tests/transcripts/blocking.txt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use trencadis::internal::shard_of;

use crate::daemon::Daemon;
use crate::reply::Reply;
use crate::wire::Wire;

fn text(reply: Reply) -> String {
    match reply {
        Reply::Bulk(bytes) | Reply::Verbatim(_, bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => panic!("not a text: {other}"),
    }
}

fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(number) => *number,
        other => panic!("not a number: {other}"),
    }
}

fn field(wire: &mut Wire, name: &str) -> u64 {
    let info = text(wire.line("INFO clients"));
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("INFO has no {name}"))
}

/// Waits until so many clients wait.
fn await_blocked(wire: &mut Wire, count: u64) {
    let started = Instant::now();
    while field(wire, "blocked_clients") != count {
        assert!(started.elapsed() < Duration::from_secs(20), "still not {count} clients wait");
        thread::sleep(Duration::from_millis(2));
    }
}

fn next(wire: &mut Wire) -> Reply {
    Reply::decode(&wire.reply().expect("an answer")).expect("a whole reply").0
}

/// Keys that live on different shards of four, one for each.
fn keys(name: &str) -> Vec<String> {
    let find = |shard| (0..).map(|at| format!("{name}:{at}")).find(|key| shard_of(key.as_bytes(), 4) == shard);
    (0..4).map(|shard| find(shard).expect("every shard has keys")).collect()
}

/// The element of a BLPOP's answer.
fn popped(reply: Reply) -> String {
    match reply {
        Reply::Array(mut words) if words.len() == 2 => text(words.remove(1)),
        other => panic!("not a key and an element: {other}"),
    }
}

#[test]
fn who_came_first_is_served_first() {
    for shards in ["1", "4"] {
        let daemon = Daemon::start(&["--shards", shards]);
        let mut judge = daemon.wire();
        let keys = keys("q");
        let mut wires: Vec<Wire> = (0..24).map(|_| daemon.wire()).collect();
        // Some wait for one key, some for keys of several shards, some to move what comes to another shard.
        for (at, wire) in wires.iter_mut().enumerate() {
            match at % 4 {
                0 | 1 => wire.send(&["BLPOP", &keys[0], "0"]),
                2 => wire.send(&["BLPOP", &keys[1], &keys[2], &keys[0], &keys[3], "0"]),
                _ => wire.send(&["BLMOVE", &keys[0], "elsewhere", "LEFT", "RIGHT", "0"]),
            }
            await_blocked(&mut judge, at as u64 + 1);
        }
        // One by one, several at once, and in a transaction.
        for value in 0..8 {
            judge.line(&format!("RPUSH {} {value}", keys[0]));
        }
        judge.line(&format!("RPUSH {} 8 9 10 11 12 13 14 15", keys[0]));
        judge.line("MULTI");
        for value in 16..24 {
            judge.line(&format!("RPUSH {} {value}", keys[0]));
        }
        judge.line("EXEC");
        for (at, wire) in wires.iter_mut().enumerate() {
            let element = match next(wire) {
                bulk @ Reply::Bulk(_) => text(bulk),
                other => popped(other),
            };
            assert_eq!(element, at.to_string(), "client {at} of {shards} shards");
        }
        assert_eq!(judge.line(&format!("EXISTS {}", keys[0])), Reply::Integer(0));
        assert_eq!(judge.line("LLEN elsewhere"), Reply::Integer(6));
        await_blocked(&mut judge, 0);
        assert_eq!(field(&mut judge, "total_blocking_keys"), 0);
    }
}

/// Everything that may wait, with a key on each shard; and what makes it go on.
fn calls(keys: &[String]) -> Vec<(String, String)> {
    let [a, b, c, d] = keys else { panic!("four keys") };
    let (push, add) = (format!("RPUSH {a} v"), format!("ZADD {a} 1 v"));
    let mut calls: Vec<(String, String)> = Vec::new();
    for several in [String::new(), format!("{b} {c} {d} ")] {
        let count = 1 + several.split_whitespace().count();
        calls.push((format!("BLPOP {several}{a} 0"), push.clone()));
        calls.push((format!("BRPOP {several}{a} 0"), push.clone()));
        calls.push((format!("BLMPOP 0 {count} {several}{a} LEFT"), push.clone()));
        calls.push((format!("BZPOPMIN {several}{a} 0"), add.clone()));
        calls.push((format!("BZPOPMAX {several}{a} 0"), add.clone()));
        calls.push((format!("BZMPOP 0 {count} {several}{a} MIN"), add.clone()));
        let from = "$ ".repeat(count);
        calls.push((format!("XREAD BLOCK 0 STREAMS {several}{a} {from}"), format!("XADD {a} 1-1 f v")));
    }
    calls.push((format!("BLMOVE {a} {a} LEFT LEFT 0"), push.clone()));
    calls.push((format!("BLMOVE {a} {b} LEFT LEFT 0"), push.clone()));
    calls.push((format!("BRPOPLPUSH {a} {c} 0"), push));
    calls
}

/// Who goes away, is killed or is told to give up takes nothing along, and the next one is served.
#[test]
fn who_gives_up_takes_nothing() {
    for shards in ["1", "4"] {
        let daemon = Daemon::start(&["--shards", shards]);
        let mut judge = daemon.wire();
        let keys = keys("k");
        for (call, push) in calls(&keys) {
            for way in ["goes away", "goes away in half a request", "is killed", "unblocked", "unblocked with an error"] {
                judge.line("FLUSHALL");
                let (mut first, mut second) = (daemon.wire(), daemon.wire());
                let id = number(&first.line("CLIENT ID"));
                first.send_raw(format!("{call}\r\n").as_bytes());
                await_blocked(&mut judge, 1);
                second.send_raw(format!("{call}\r\n").as_bytes());
                await_blocked(&mut judge, 2);
                let line = text(judge.line(&format!("CLIENT LIST ID {id}")));
                assert!(line.contains(" flags=b "), "{line}");
                let told = match way {
                    "goes away" => {
                        drop(first);
                        None
                    }
                    "goes away in half a request" => {
                        first.send_raw(b"PING\r\n*2\r\n$4\r\nLLEN\r\n$100\r\n");
                        drop(first);
                        None
                    }
                    "is killed" => {
                        assert_eq!(judge.line(&format!("CLIENT KILL ID {id}")), Reply::Integer(1));
                        assert_eq!(first.until_closed(), b"");
                        None
                    }
                    "unblocked" => {
                        assert_eq!(judge.line(&format!("CLIENT UNBLOCK {id}")), Reply::Integer(1));
                        Some((first, b"*-1\r\n".as_slice()))
                    }
                    _ => {
                        assert_eq!(judge.line(&format!("CLIENT UNBLOCK {id} ERROR")), Reply::Integer(1));
                        Some((first, b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n".as_slice()))
                    }
                };
                if let Some((mut first, told)) = told {
                    assert_eq!(first.reply().as_deref(), Some(told), "{call}, {way}");
                    assert_eq!(judge.line(&format!("CLIENT UNBLOCK {id}")), Reply::Integer(0));
                    assert_eq!(first.call(&["PING"]), b"+PONG\r\n");
                }
                await_blocked(&mut judge, 1);
                judge.line(&push);
                assert!(!matches!(next(&mut second), Reply::Error(_) | Reply::NilArray), "{call}, {way}");
                await_blocked(&mut judge, 0);
                assert_eq!(field(&mut judge, "total_blocking_keys"), 0, "{call}, {way}");
            }
        }
    }
}

/// What is still in a list, sorted set or key of any of these.
fn drain(wire: &mut Wire, keys: &[String], seen: &mut BTreeMap<String, u32>) {
    for key in keys {
        let Reply::Array(left) = wire.line(&format!("LRANGE {key} 0 -1")) else { panic!("LRANGE answers an array") };
        left.into_iter().for_each(|element| *seen.entry(text(element)).or_default() += 1);
    }
}

/// Consumers are killed all the time, at whatever point of their wait, while others push: every element ends in exactly one place.
fn queues_with_killed_consumers(shards: &str, elements: u64) {
    const CONSUMERS: usize = 6;
    let daemon = Daemon::start(&["--shards", shards]);
    let keys = keys("q");
    let (victims, over) = ((0..CONSUMERS).map(|_| AtomicU64::new(0)).collect::<Vec<_>>(), AtomicBool::new(false));
    let (mut seen, mut kills) = (BTreeMap::<String, u32>::new(), 0u32);
    thread::scope(|scope| {
        let consume = |number: usize| {
            let (daemon, keys, victims, over) = (&daemon, &keys, &victims, &over);
            move || {
                let mut got = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let mut wire = daemon.wire();
                    let Some(id) = ({
                        wire.send(&["CLIENT", "ID"]);
                        wire.reply()
                    }) else {
                        continue;
                    };
                    let Reply::Integer(id) = Reply::decode(&id).expect("a whole reply").0 else { continue };
                    victims[number].store(u64::try_from(id).expect("ids are positive"), Ordering::Relaxed);
                    loop {
                        match number % 3 {
                            0 => wire.send(&["BLPOP", &keys[number % 4], "0"]),
                            1 => wire.send(&["BRPOP", &keys[0], &keys[1], &keys[2], &keys[3], "0"]),
                            _ => wire.send(&["BLMPOP", "0", "2", &keys[3], &keys[1], "LEFT"]),
                        }
                        let Some(reply) = wire.reply() else { break };
                        match Reply::decode(&reply).expect("a whole reply").0 {
                            Reply::Array(mut words) if words.len() == 2 => match words.remove(1) {
                                Reply::Array(mut elements) => got.push(text(elements.remove(0))),
                                element => got.push(text(element)),
                            },
                            other => panic!("not an element: {other}"),
                        }
                    }
                }
                got
            }
        };
        let consumers: Vec<_> = (0..CONSUMERS).map(|number| scope.spawn(consume(number))).collect();
        // Moves elements from list to list across shards, and is killed like the others.
        let killer = scope.spawn(|| {
            let mut wire = daemon.wire();
            let (mut kills, mut dice) = (0u32, 0x9e37_79b9_7f4a_7c15u64);
            while !over.load(Ordering::Relaxed) {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let victim = victims[usize::try_from(dice % CONSUMERS as u64).expect("a few")].swap(0, Ordering::Relaxed);
                if victim != 0 {
                    kills += u32::from(wire.line(&format!("CLIENT KILL ID {victim}")) == Reply::Integer(1));
                }
                if dice & 3 == 0 {
                    thread::sleep(Duration::from_micros(dice >> 8 & 0x1ff));
                }
            }
            kills
        });
        let mut producer = daemon.wire();
        for element in 0..elements {
            let key = &keys[usize::try_from(element * 7 % 4).expect("four")];
            match element % 5 {
                0 => {
                    producer.send_raw(format!("MULTI\r\nRPUSH {key} {element}\r\nEXEC\r\n").as_bytes());
                    for _ in 0..3 {
                        producer.reply().expect("every call is answered");
                    }
                }
                _ => {
                    producer.line(&format!("RPUSH {key} {element}"));
                }
            }
            if element % 64 == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
        over.store(true, Ordering::Relaxed);
        kills = killer.join().expect("the killer ends");
        let mut wire = daemon.wire();
        wire.line("CLIENT KILL TYPE normal");
        for consumer in consumers {
            // Who was just about to wait again is ended too.
            while !consumer.is_finished() {
                wire.line("CLIENT KILL TYPE normal");
                thread::sleep(Duration::from_millis(5));
            }
            consumer.join().expect("a consumer ends").into_iter().for_each(|element| *seen.entry(element).or_default() += 1);
        }
        drain(&mut wire, &keys, &mut seen);
    });
    let missing: Vec<u64> = (0..elements).filter(|element| !seen.contains_key(&element.to_string())).collect();
    let twice: Vec<&String> = seen.iter().filter(|(_, count)| **count > 1).map(|(element, _)| element).collect();
    println!("{shards} shards: {elements} elements, {kills} kills");
    assert!(missing.is_empty() && twice.is_empty(), "{shards} shards, {kills} kills: lost {missing:?}, served twice {twice:?}");
    assert!(kills > 50, "only {kills} kills");
}

#[test]
fn nothing_is_lost_when_consumers_are_killed() {
    for shards in ["1", "4"] {
        queues_with_killed_consumers(shards, 4000);
    }
}

/// Moves across shards by clients that are killed: what is in both lists together stays the same, and nothing is there twice.
#[test]
fn nothing_is_lost_when_movers_are_killed() {
    const ELEMENTS: usize = 20;
    let daemon = Daemon::start(&["--shards", "4"]);
    let keys = keys("m");
    let mut judge = daemon.wire();
    for element in 0..ELEMENTS {
        judge.line(&format!("RPUSH {} {element}", keys[0]));
    }
    for round in 0..400 {
        let (from, to) = (&keys[round % 4], &keys[(round + 1 + round % 3) % 4]);
        let mut movers: Vec<Wire> = (0..3).map(|_| daemon.wire()).collect();
        let ids: Vec<i64> = movers.iter_mut().map(|wire| number(&wire.line("CLIENT ID"))).collect();
        for (at, wire) in movers.iter_mut().enumerate() {
            match at {
                0 => wire.send(&["BLMOVE", from, to, "LEFT", "RIGHT", "0"]),
                1 => wire.send(&["BRPOPLPUSH", to, from, "0"]),
                _ => wire.send_raw(format!("MULTI\r\nLMOVE {from} {to} LEFT LEFT\r\nLMOVE {to} {from} LEFT LEFT\r\nEXEC\r\n").as_bytes()),
            }
        }
        for id in ids {
            judge.line(&format!("CLIENT KILL ID {id}"));
        }
    }
    await_blocked(&mut judge, 0);
    let mut seen = BTreeMap::new();
    drain(&mut judge, &keys, &mut seen);
    assert_eq!((seen.len(), seen.values().sum::<u32>()), (ELEMENTS, ELEMENTS as u32), "{seen:?}");
}

#[test]
fn pushes_reach_a_client_that_waits() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let (mut wire, mut other) = (daemon.wire(), daemon.wire());
    wire.send_raw(b"HELLO 3\r\nSUBSCRIBE c\r\nBLPOP l 0\r\n");
    assert!(matches!(next(&mut wire), Reply::Map(_)));
    assert!(matches!(next(&mut wire), Reply::Push(_)));
    await_blocked(&mut other, 1);
    for count in 0..3 {
        assert_eq!(other.line(&format!("PUBLISH c {count}")), Reply::Integer(1));
        assert!(matches!(next(&mut wire), Reply::Push(_)));
    }
    assert_eq!(other.line("RPUSH l v"), Reply::Integer(1));
    assert_eq!(popped(next(&mut wire)), "v");
}

#[test]
fn a_server_that_stops_does_not_wait_for_those_who_wait() {
    for shards in ["1", "4"] {
        let mut daemon = Daemon::start(&["--shards", shards]);
        let keys = keys("k");
        let mut wires: Vec<Wire> = calls(&keys)
            .iter()
            .map(|(call, _)| {
                let mut wire = daemon.wire();
                wire.send_raw(format!("{call}\r\n").as_bytes());
                wire
            })
            .collect();
        let mut wire = daemon.wire();
        await_blocked(&mut wire, wires.len() as u64);
        let started = Instant::now();
        wire.send(&["SHUTDOWN", "NOSAVE"]);
        assert_eq!(wire.until_closed(), b"");
        for wire in &mut wires {
            assert_eq!(wire.until_closed(), b"");
        }
        assert!(daemon.await_end().success());
        assert!(started.elapsed() < Duration::from_secs(5), "it took {:?}", started.elapsed());
    }
}

/// A client that sends on while it waits is read, up to the limit for what one may have unread with us.
#[test]
fn what_is_said_while_waiting_has_a_limit() {
    let daemon = Daemon::start(&["--shards", "2", "--client-query-buffer-limit", "1mb"]);
    let (mut wire, mut other) = (daemon.wire(), daemon.wire());
    wire.send(&["BLPOP", "l", "0"]);
    await_blocked(&mut other, 1);
    for _ in 0..100 {
        wire.send(&["PING"]);
    }
    assert_eq!(other.line("RPUSH l v"), Reply::Integer(1));
    assert_eq!(popped(next(&mut wire)), "v");
    for _ in 0..100 {
        assert_eq!(next(&mut wire), Reply::Simple(b"PONG".to_vec()));
    }
    wire.send(&["BLPOP", "l", "0"]);
    await_blocked(&mut other, 1);
    wire.flood(&[b'x'; 1 << 16], 64, Duration::from_secs(2));
    wire.until_closed();
    await_blocked(&mut other, 0);
}

#[test]
fn a_pause_holds_who_would_wait() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let (mut wire, mut other) = (daemon.wire(), daemon.wire());
    assert_eq!(other.call(&["CLIENT", "PAUSE", "100000", "WRITE"]), b"+OK\r\n");
    wire.send(&["BLPOP", "l", "0"]);
    assert_eq!(wire.reply_within(Duration::from_millis(100)), None);
    assert_eq!(field(&mut other, "blocked_clients"), 0);
    assert_eq!(other.call(&["CLIENT", "UNPAUSE"]), b"+OK\r\n");
    await_blocked(&mut other, 1);
    assert_eq!(other.line("RPUSH l v"), Reply::Integer(1));
    assert_eq!(popped(next(&mut wire)), "v");
}

/// A thousand clients whose time is over at about the same time, on keys of all shards: each is told once, and none is left behind.
#[test]
fn many_timeouts_at_once() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut judge = daemon.wire();
    let keys = keys("t");
    let mut wires: Vec<Wire> = (0..200).map(|_| daemon.wire()).collect();
    for (at, wire) in wires.iter_mut().enumerate() {
        let timeout = format!("0.{}", 2 + at % 3);
        match at % 2 {
            0 => wire.send(&["BLPOP", &keys[at % 4], &timeout]),
            _ => wire.send(&["BLPOP", &keys[0], &keys[1], &keys[2], &timeout]),
        }
    }
    for wire in &mut wires {
        assert_eq!(next(wire), Reply::NilArray);
    }
    await_blocked(&mut judge, 0);
    assert_eq!(field(&mut judge, "total_blocking_keys"), 0);
}
