//! Clients that want too much: memory, connections, descriptors, time. What they may cost, and that others are served meanwhile.
//!
//! tests/it/protocol.rs holds abuse of the protocol itself.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;
use crate::wire::{self, Wire};

const PONG: &[u8] = b"+PONG\r\n";
const OK: &[u8] = b"+OK\r\n";

/// A line of INFO, as a number.
fn info(wire: &mut Wire, field: &str) -> u64 {
    let text = wire.call(&["INFO", "everything"]);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {field}")).parse().expect("a number")
}

/// Asks until the answer is as wished; that it never is is a failure.
fn await_that(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < patience, "still not: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Row 3: what a stranger may have unread is a megabyte, which no sequence of small requests fills. (Redis ends who lets its replies pile up.)
#[test]
fn a_stranger_who_reads_is_answered_for_as_long_as_he_likes() {
    let server = Daemon::start(&["--requirepass", "secret"]);
    let mut wire = server.wire();
    for _ in 0..20 {
        wire.send_raw(&b"PING\r\n".repeat(20_000));
        for _ in 0..20_000 {
            assert_eq!(wire.reply().as_deref(), Some(b"-NOAUTH Authentication required.\r\n".as_slice()));
        }
    }
    assert_eq!(wire.call(&["AUTH", "secret"]), OK);
    assert_eq!(info(&mut wire, "client_query_buffer_limit_disconnections"), 0);
}

/// Row 4: who floods and never reads is not kept for ever either. What he holds meanwhile is bounded by tests/it/protocol.rs.
#[test]
fn a_stranger_who_never_reads_is_ended() {
    let server = Daemon::start(&["--requirepass", "secret", "--authentication-timeout", "1"]);
    let mut judge = server.wire();
    assert_eq!(judge.call(&["AUTH", "secret"]), OK);
    let mut strangers: Vec<Wire> = (0..5).map(|_| server.wire()).collect();
    for stranger in &mut strangers {
        stranger.flood(&b"PING\r\n".repeat(10_000), 200, Duration::from_millis(300));
    }
    await_that("only the one who gave the password is there", Duration::from_secs(10), || info(&mut judge, "connected_clients") == 1);
}

/// As above, for `timeout`: to take nothing of a reply is to be silent.
#[test]
fn who_takes_nothing_of_a_reply_is_idle() {
    let server = Daemon::start(&["--timeout", "1"]);
    let mut judge = server.wire();
    assert_eq!(judge.call(&[b"SET".as_slice(), b"k", &vec![b'x'; 8 << 20]]), OK);
    let mut sluggard = server.wire();
    sluggard.send_raw(&wire::request(&["GET", "k"]).repeat(10));
    await_that("the one who does not read is gone", Duration::from_secs(10), || info(&mut judge, "connected_clients") == 1);
}

/// Row 15, the half of it that needs no transactions.
#[test]
fn an_unfinished_request_has_a_limit() {
    for (name, server) in [
        ("trencadis", Daemon::start(&["--client-query-buffer-limit", "1mb"])),
        ("redis-server", Peer::redis_server_with(&["--client-query-buffer-limit", "1mb"])),
    ] {
        let mut judge = server.wire();
        assert_eq!(judge.call(&[b"SET".as_slice(), b"k", &vec![b'x'; 900_000]]), OK, "{name}");
        let mut greedy = server.wire();
        greedy.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3000000\r\n");
        greedy.flood(&[b'y'; 10_000], 300, Duration::from_secs(5));
        assert_eq!(greedy.until_closed(), b"", "{name}");
        assert_eq!(judge.ask(&["STRLEN", "k"]), Reply::Integer(900_000), "{name}");
        if name == "trencadis" || judge.call(&["INFO", "everything"]).windows(20).any(|text| text == b"client_query_buffer_") {
            assert_eq!(info(&mut judge, "client_query_buffer_limit_disconnections"), 1, "{name}");
        }
    }
}

/// Row 16: an attacker cannot fill the log.
#[test]
fn attacks_are_logged_once_a_minute() {
    let server = Daemon::start(&["--shards", "2"]);
    for _ in 0..20 {
        let mut browser = server.wire();
        browser.send_raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(browser.until_closed(), b"");
    }
    assert_eq!(server.log().matches("Possible SECURITY ATTACK detected.").count(), 1, "{}", server.log());
}

/// The last words of a connection that we end arrive, though its client is still sending.
#[test]
fn last_words_are_not_lost() {
    let server = Daemon::start(&[]);
    for _ in 0..20 {
        let mut wire = server.wire();
        wire.send_raw(&[b"*x\r\n".to_vec(), vec![b'A'; 200_000]].concat());
        let told = wire.until_closed();
        assert!(told.starts_with(b"-ERR Protocol error: invalid multibulk length\r\n"), "{:?}", String::from_utf8_lossy(&told));
    }
}

/// Row 21.
#[test]
fn one_client_too_many_is_told_so() {
    for (name, server) in [
        ("trencadis", Daemon::start(&["--maxclients", "5", "--shards", "2"])),
        ("redis-server", Peer::redis_server_with(&["--maxclients", "5"])),
    ] {
        let mut wires: Vec<Wire> = (0..5).map(|_| server.wire()).collect();
        // The connection that waited for the start may be there for a moment longer.
        await_that("five clients", Duration::from_secs(5), || {
            for wire in &mut wires {
                if wire.is_closed_within(Duration::ZERO) {
                    *wire = server.wire();
                }
            }
            wires.iter_mut().all(|wire| {
                wire.send(&["PING"]);
                wire.reply().is_some_and(|reply| reply == PONG)
            })
        });
        let rejected = info(&mut wires[0], "rejected_connections");
        let mut sixth = server.wire();
        assert_eq!(sixth.until_closed(), b"-ERR max number of clients reached\r\n", "{name}");
        assert_eq!(info(&mut wires[0], "rejected_connections"), rejected + 1, "{name}");
        wires.pop();
        await_that("a place is free", Duration::from_secs(5), || {
            let mut next = server.wire();
            next.send(&["PING"]);
            next.reply().is_some_and(|reply| reply == PONG)
        });
    }
}

/// Row 21, all at once: those on their way to a worker count too.
#[test]
fn a_rush_passes_no_limit() {
    let server = Daemon::start(&["--maxclients", "20", "--shards", "4"]);
    let mut judge = server.wire();
    assert_eq!(judge.call(&["PING"]), PONG);
    let port = server.port();
    let connecting: Vec<_> =
        (0..8).map(|_| thread::spawn(move || (0..25).filter_map(|_| Wire::connect(port).ok()).collect::<Vec<Wire>>())).collect();
    let wires: Vec<Wire> = connecting.into_iter().flat_map(|thread| thread.join().expect("a thread that connects")).collect();
    await_that("every connection is let in or not", Duration::from_secs(10), || {
        info(&mut judge, "connected_clients") + info(&mut judge, "rejected_connections") >= wires.len() as u64
    });
    assert!(info(&mut judge, "connected_clients") <= 20);
}

/// Row 22.
#[test]
fn without_descriptors_it_waits_and_does_not_spin() {
    let server = Daemon::start_after("ulimit -n 72", &["--shards", "2"]);
    let mut first = server.wire();
    assert_eq!(first.call(&["PING"]), PONG);
    // The kernel takes connections that the daemon cannot.
    let mut wires: Vec<Wire> = (0..80).map(|_| server.wire()).collect();
    server.await_log("accept failed");
    let before = server.processor_time();
    thread::sleep(Duration::from_secs(1));
    let used = server.processor_time().saturating_sub(before);
    assert!(used < Duration::from_millis(100), "{used:?} of processor time in a second of nothing");
    let started = Instant::now();
    assert_eq!(first.call(&["SET", "k", "v"]), OK);
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(server.log().matches("accept failed").count(), 1, "told once a minute");
    // The first half goes; what waited is served.
    wires.drain(..40);
    let mut last = wires.pop().expect("eighty less forty");
    last.send(&["PING"]);
    assert_eq!(last.reply_within(Duration::from_secs(5)).as_deref(), Some(PONG));
}

/// Row 23: a client that asks for much in one write and reads nothing has what it was given, not what it asked for.
#[test]
fn replies_wait_for_their_reader() {
    for shards in ["1", "4"] {
        let server = Daemon::start(&["--shards", shards]);
        let mut judge = server.wire();
        let keys: Vec<String> = (0..16).map(|i| format!("big:{i}")).collect();
        for key in &keys {
            assert_eq!(judge.call(&[b"SET".as_slice(), key.as_bytes(), &vec![b'x'; 1 << 20]]), OK);
        }
        let before = server.resident_bytes();
        let requests: Vec<u8> = (0..400).flat_map(|i| wire::request(&["GET", &keys[i % keys.len()]])).collect();
        assert!(requests.len() < 16 << 10, "one read holds them all");
        let mut sluggard = server.wire();
        sluggard.send_raw(&requests);
        let mut most = 0;
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(50));
            most = most.max(server.resident_bytes().saturating_sub(before));
            assert_eq!(judge.call(&["PING"]), PONG);
        }
        assert!(most < 64 << 20, "{most} bytes for 400 MB that nobody reads, on {shards} shards");
        // And who reads after all gets everything.
        for _ in 0..400 {
            let reply = sluggard.reply().expect("a value");
            assert!(reply.starts_with(b"$1048576\r\n") && reply.len() == (1 << 20) + 12);
        }
        assert!(sluggard.reply_within(Duration::from_millis(20)).is_none(), "and no more than that");
    }
}

/// As above, for what needs no shard: COMMAND answers much to few bytes, a stranger's PING is refused at length.
#[test]
fn answers_wait_for_their_reader() {
    let server = Daemon::start(&["--shards", "2"]);
    let mut judge = server.wire();
    let size = judge.call(&["COMMAND"]).len();
    let before = server.resident_bytes();
    let mut sluggard = server.wire();
    sluggard.send_raw(&b"COMMAND\r\n".repeat(1800));
    thread::sleep(Duration::from_millis(500));
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for {} that nobody reads", 1800 * size);
    for _ in 0..1800 {
        assert_eq!(sluggard.reply().map(|reply| reply.len()), Some(size));
    }
}

/// Row 4, many of them: little memory for each.
#[test]
fn strangers_who_flood_are_cheap() {
    const STRANGERS: usize = 40;
    let server = Daemon::start(&["--requirepass", "secret", "--authentication-timeout", "60"]);
    let mut judge = server.wire();
    assert_eq!(judge.call(&["AUTH", "secret"]), OK);
    let before = server.resident_bytes();
    let mut strangers: Vec<Wire> = (0..STRANGERS).map(|_| server.wire()).collect();
    for stranger in &mut strangers {
        stranger.flood(&b"PING\r\n".repeat(10_000), 200, Duration::from_millis(100));
    }
    let grown = server.resident_bytes().saturating_sub(before) as usize;
    assert!(grown < STRANGERS * (80 << 10), "{grown} bytes for {STRANGERS} strangers");
    assert_eq!(judge.call(&["PING"]), PONG);
}

/// Replies in pieces are the same replies: in order, none left out, whoever answers them.
#[test]
fn replies_in_pieces_keep_their_order() {
    let server = Daemon::start(&["--shards", "4"]);
    let mut wire = server.wire();
    let value =
        |i: usize| format!("{i}:").into_bytes().into_iter().chain(std::iter::repeat_n(b'x', (i * 7919) % 300_000)).collect::<Vec<u8>>();
    for i in 0..40 {
        assert_eq!(wire.call(&[b"SET".as_slice(), format!("k{i}").as_bytes(), &value(i)]), OK);
    }
    let mut requests = Vec::new();
    for i in 0..300 {
        requests.extend(wire::request(&["GET", &format!("k{}", (i * 31) % 40)]));
        if i % 10 == 0 {
            requests.extend(b"CLIENT REPLY SKIP\r\n");
            requests.extend(wire::request(&["GET", &format!("k{}", i % 40)]));
        }
        if i % 7 == 0 {
            requests.extend(format!("ECHO {i}\r\n").bytes());
        }
        if i % 13 == 0 {
            requests.extend(wire::request(&["APPEND", &format!("log{}", i % 5), "x"]));
        }
    }
    wire.send_raw(&requests);
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let mut lengths = [0; 5];
    for i in 0..300 {
        assert!(wire.reply() == Some(bulk(&value((i * 31) % 40))), "GET {i}");
        if i % 7 == 0 {
            assert_eq!(wire.reply(), Some(bulk(i.to_string().as_bytes())), "ECHO {i}");
        }
        if i % 13 == 0 {
            lengths[i % 5] += 1;
            assert_eq!(wire.reply(), Some(format!(":{}\r\n", lengths[i % 5]).into_bytes()), "APPEND {i}");
        }
    }
    assert_eq!(wire.call(&["PING"]), PONG);
}

/// Row 41: patterns made to run for ever do not.
#[test]
fn no_pattern_takes_for_ever() {
    let mut shards = InProcess::new(1);
    for i in 0..10_000 {
        shards.call(&[b"SET", format!("{}{i}", "a".repeat(60)).as_bytes(), b""]);
    }
    let started = Instant::now();
    let patterns =
        [vec![b'*'; 100_000], [b"*a".repeat(30), b"b".to_vec()].concat(), vec![b'a'; 1 << 20], b"a*".repeat(1 << 19), b"[".repeat(1 << 20)];
    for (pattern, found) in patterns.iter().zip([10_000, 0, 0, 0, 0]) {
        let (reply, _) = Reply::decode(&shards.call(&[b"KEYS", pattern]).expect("a data command")).expect("a whole reply");
        let Reply::Array(keys) = reply else { panic!("an array was due") };
        assert_eq!(keys.len(), found, "{}...", String::from_utf8_lossy(&pattern[..20]));
        let scan = shards.call(&[b"SCAN", b"0", b"MATCH", pattern, b"COUNT", b"10000"]).expect("a data command");
        assert!(scan.starts_with(b"*2\r\n"));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// Row 42: ordinary keys are spread evenly. A cursor names its shard: its remainder.
#[test]
fn keys_are_spread_evenly() {
    const SHARDS: usize = 4;
    const KEYS: usize = 40_000;
    for shape in ["key:", "user:1000:", ""] {
        let mut shards = InProcess::new(SHARDS as u32);
        for i in 0..KEYS {
            shards.call(&[b"SET", format!("{shape}{i}").as_bytes(), b""]);
        }
        let mut held = [0; SHARDS];
        let mut cursor = b"0".to_vec();
        loop {
            let shard = String::from_utf8_lossy(&cursor).parse::<u64>().expect("a cursor is a number") as usize % SHARDS;
            let reply = shards.call(&[b"SCAN", &cursor, b"COUNT", b"1000"]).expect("a data command");
            let Some((Reply::Array(parts), _)) = Reply::decode(&reply) else { panic!("an array was due") };
            let [Reply::Bulk(next), Reply::Array(keys)] = parts.as_slice() else { panic!("a cursor and keys were due") };
            held[shard] += keys.len();
            if next == b"0" {
                break;
            }
            cursor = next.clone();
        }
        assert_eq!(held.iter().sum::<usize>(), KEYS);
        let most = held.iter().max().copied().unwrap_or(0);
        assert!(most * SHARDS * 10 <= KEYS * 13, "{shape}: {held:?}");
    }
}

/// Row 43: to get rid of a million elements holds nobody up. That they go to the reclaimer is asserted beside the shard.
#[test]
fn a_large_value_leaves_without_a_stop() {
    let server = Daemon::start(&["--shards", "1", "--enable-debug-command", "yes"]);
    let mut maker = server.wire();
    assert_eq!(maker.call(&["SET", "small", "1"]), OK);
    for (number, command) in ["RPUSH", "SADD", "HSET", "ZADD"].into_iter().enumerate() {
        let key = format!("large:{number}");
        for chunk in 0..100 {
            let mut words = vec![command.to_owned(), key.clone()];
            for i in 0..5000 {
                words.push(format!("{}", chunk * 5000 + i));
                words.push(if command == "ZADD" { format!("member:{}", chunk * 5000 + i) } else { format!("e:{chunk}:{i}:a longer one") });
            }
            maker.send(&words);
            assert!(maker.reply().is_some_and(|reply| reply.starts_with(b":")));
        }
    }
    let mut pinger = server.wire();
    let mut longest = |times: usize| {
        let waits = (0..times).map(|_| {
            let started = Instant::now();
            assert_eq!(pinger.call(&["GET", "small"]), b"$1\r\n1\r\n");
            started.elapsed()
        });
        waits.max().unwrap_or_default()
    };
    let idle = longest(500);
    maker.send_raw(b"DEL large:0\r\nSET large:1 x\r\nPEXPIRE large:2 1\r\nRENAME small other\r\nCOPY other small\r\nDEL large:3\r\n");
    let busy = longest(500);
    for _ in 0..6 {
        assert!(maker.reply().is_some_and(|reply| !reply.starts_with(b"-")));
    }
    assert!(busy < idle + Duration::from_millis(100), "{busy:?} beside the deletions, {idle:?} before");
    assert_eq!(maker.ask(&["EXISTS", "large:0", "large:2", "large:3"]), Reply::Integer(0));
}

/// Clients that are killed in the middle of units take nothing with them: no shard stays lent, nothing is half done, nobody is left over.
#[test]
fn the_killed_leave_nothing_behind() {
    const CLIENTS: usize = 8;
    let server = Daemon::start(&["--shards", "4"]);
    let port = server.port();
    let mut judge = server.wire();
    let until = Instant::now() + Duration::from_secs(4);
    let storm: Vec<_> = (0..CLIENTS)
        .map(|client| {
            thread::spawn(move || {
                let (mut lives, mut turn) = (0, 0);
                while Instant::now() < until {
                    lives += 1;
                    let Ok(mut wire) = Wire::connect(port) else { continue };
                    loop {
                        turn += 1;
                        let mut pipeline = Vec::new();
                        for step in 0..20 {
                            let value = format!("{client}:{turn}:{step}");
                            let pair = step % 4;
                            // Both halves of a pair have one value, whoever wrote it.
                            let (left, right) = (format!("left:{pair}"), format!("right:{pair}"));
                            pipeline.extend(wire::request(&["MSET", &left, &value, &right, &value]));
                            // A thing of this client's walks from name to name.
                            let (from, to) = (format!("thing:{client}:{}", step % 2), format!("thing:{client}:{}", (step + 1) % 2));
                            pipeline.extend(wire::request(&["SET", &from, "thing"]));
                            pipeline.extend(wire::request(&["RENAME", &from, &to]));
                        }
                        wire.send_raw(&pipeline);
                        if Instant::now() >= until || (0..60).any(|_| wire.reply_within(Duration::from_secs(5)).is_none()) {
                            break;
                        }
                    }
                }
                lives
            })
        })
        .collect();
    let (mut kills, mut dice) = (0, 1_u64);
    while Instant::now() < until {
        let list = judge.call(&["CLIENT", "LIST"]);
        let list = String::from_utf8_lossy(&list);
        let ids: Vec<&str> =
            list.lines().filter(|line| line.contains("cmd=mset") || line.contains("cmd=rename") || line.contains("cmd=set")).collect();
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if !ids.is_empty() {
            let line = ids[(dice >> 33) as usize % ids.len()];
            let id = line.split_once("id=").map_or("0", |(_, rest)| rest.split(' ').next().unwrap_or("0"));
            kills += u64::from(judge.ask(&["CLIENT", "KILL", "ID", id]) == Reply::Integer(1));
        }
        // Meanwhile no pair is ever seen torn.
        let Reply::Array(pair) = judge.ask(&["MGET", "left:0", "right:0"]) else { panic!("an array was due") };
        assert_eq!(pair[0], pair[1]);
        thread::sleep(Duration::from_micros(dice >> 53));
    }
    let lives: u64 = storm.into_iter().map(|thread| thread.join().expect("a client's thread")).sum();
    assert!(kills > 20 && lives > kills / 2, "{kills} kills, {lives} lives");
    await_that("only the judge is there", Duration::from_secs(10), || info(&mut judge, "connected_clients") == 1);
    for pair in 0..4 {
        let Reply::Array(halves) = judge.ask(&["MGET", &format!("left:{pair}"), &format!("right:{pair}")]) else {
            panic!("an array was due")
        };
        assert_eq!(halves[0], halves[1], "pair {pair}");
    }
    // Every shard answers, and holds no key that nobody made.
    for i in 0..100 {
        assert_eq!(judge.call(&["SET", &format!("after:{i}"), "x"]), OK);
    }
    let Reply::Array(keys) = judge.ask(&["KEYS", "thing:*"]) else { panic!("an array was due") };
    let clients: BTreeSet<Vec<u8>> =
        keys.iter().map(|key| if let Reply::Bulk(key) = key { key[..7].to_vec() } else { Vec::new() }).collect();
    assert_eq!(clients.len(), CLIENTS);
    assert!(keys.len() <= 2 * CLIENTS);
}
