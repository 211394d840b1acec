//! Scripts from outside: where they run makes no difference, what they know is known to everybody at once, and one that does not end holds up nobody
//! who can do without it.
//!
//! What each command answers is in tests/transcripts/script.txt and function.txt.

use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;
use crate::wire::Wire;

fn eval(wire: &mut Wire, script: &str, keys: &[&str], args: &[&str]) -> Reply {
    let count = keys.len().to_string();
    wire.ask(&[&["EVAL", script, &count], keys, args].concat())
}

fn text(reply: &Reply) -> String {
    reply.to_string()
}

/// Numbers that seem random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % below
    }
}

/// A script of a few calls. In `key` the name of a key becomes an expression: one that can be proven, or one that cannot.
fn script(dice: &mut Dice, key: impl Fn(u64) -> String) -> String {
    let mut lines = vec!["local out = {}".to_owned()];
    for _ in 0..=dice.roll(5) {
        let (one, other, number) = (key(dice.roll(3)), key(dice.roll(3)), dice.roll(9));
        lines.push(match dice.roll(9) {
            0 => format!("out[#out + 1] = redis.call('INCRBY', {one}, {number})"),
            1 => format!("out[#out + 1] = redis.pcall('APPEND', {one}, '{number}')"),
            2 => format!("out[#out + 1] = redis.pcall('RPUSH', {one}, '{number}')"),
            3 => format!("out[#out + 1] = redis.call('EXISTS', {one}, {other})"),
            4 => format!("redis.pcall('RENAME', {one}, {other})"),
            5 => format!("out[#out + 1] = redis.pcall('LRANGE', {one}, 0, -1)"),
            6 => format!("if redis.call('EXISTS', {one}) == 1 then out[#out + 1] = redis.call('TYPE', {one}).ok end"),
            7 => format!("out[#out + 1] = redis.call('DEL', {one})"),
            _ => format!("for i = 1, 3 do out[#out + 1] = redis.pcall('GET', {one}) end"),
        });
    }
    lines.push("return out".to_owned());
    // INCRBY of a list is an error, and ends the script: so must it everywhere.
    lines.join("\n")
}

/// The same scripts, proven and not, with one shard and with four, alone and in transactions: every answer is the same, and so is what is left.
#[test]
fn where_a_script_runs_makes_no_difference() {
    let keys = ["one", "two", "three"];
    let places = [(1, true, false), (4, true, false), (4, false, false), (4, true, true), (4, false, true)];
    let mut histories = Vec::new();
    for (shards, is_proven, in_block) in places {
        let daemon = Daemon::start(&["--shards", &shards.to_string()]);
        let (mut wire, mut dice, mut history) = (daemon.wire(), Dice(7), Vec::new());
        for round in 0..300 {
            let name = |number: u64| if is_proven { format!("KEYS[{}]", number + 1) } else { format!("ARGV[{}]", number + 1) };
            let script = script(&mut dice, name);
            let (given, others): (&[&str], &[&str]) = if is_proven { (&keys, &[]) } else { (&[], &keys) };
            let answer = if in_block {
                wire.line("MULTI");
                eval(&mut wire, &script, given, others);
                match wire.line("EXEC") {
                    Reply::Array(mut replies) => replies.remove(0),
                    other => panic!("not the replies of a block: {other}"),
                }
            } else {
                eval(&mut wire, &script, given, others)
            };
            // The digest differs with the text.
            let answer = text(&answer);
            history.push(answer.split(" script: ").next().unwrap_or_default().to_owned());
            if round % 10 == 9 {
                for key in keys {
                    history.push(text(&wire.line(&format!("TYPE {key}"))));
                    history.push(text(&wire.line(&format!("GET {key}"))));
                    history.push(text(&wire.line(&format!("LRANGE {key} 0 -1"))));
                }
                wire.line("FLUSHALL");
            }
        }
        histories.push(history);
    }
    for (history, place) in histories.iter().zip(places) {
        assert_eq!(history.len(), histories[0].len());
        for (at, (answer, expected)) in history.iter().zip(&histories[0]).enumerate() {
            assert_eq!(answer, expected, "answer {at} with (shards, proven, in a block) = {place:?}");
        }
    }
}

#[test]
fn what_one_worker_learns_all_know() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut wires: Vec<Wire> = (0..8).map(|_| daemon.wire()).collect();
    for round in 0..20 {
        let body = format!("return {round}");
        let teacher = round % wires.len();
        let Reply::Bulk(digest) = wires[teacher].ask(&["SCRIPT", "LOAD", &body]) else { panic!("no digest") };
        let code = format!("#!lua name=lib{round}\nredis.register_function('f{round}', function() return {round} end)");
        assert_eq!(text(&wires[teacher].ask(&["FUNCTION", "LOAD", &code])), format!("\"lib{round}\""));
        for wire in &mut wires {
            assert_eq!(wire.ask(&[&b"EVALSHA"[..], &digest, b"0"]), Reply::Integer(round as i64));
            assert_eq!(wire.ask(&[&b"FCALL"[..], format!("f{round}").as_bytes(), b"0"]), Reply::Integer(round as i64));
        }
        wires[teacher].line("SCRIPT FLUSH");
        wires[teacher].line("FUNCTION FLUSH");
        for wire in &mut wires {
            assert!(text(&wire.ask(&[&b"EVALSHA"[..], &digest, b"0"])).starts_with("-NOSCRIPT"));
            assert_eq!(text(&wire.line(&format!("FCALL f{round} 0"))), "-ERR Function not found");
        }
    }
}

#[test]
fn money_that_scripts_move_stays_the_same() {
    const ACCOUNTS: u64 = 8;
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut wire = daemon.wire();
    for account in 0..ACCOUNTS {
        wire.line(&format!("SET account{account} 1000"));
    }
    // One names its keys, the other makes them up.
    let named = "local n = tonumber(ARGV[1]) if tonumber(redis.call('GET', KEYS[1])) < n then return 0 end \
                 redis.call('DECRBY', KEYS[1], n) redis.call('INCRBY', KEYS[2], n) return n";
    let made_up = named.replace("KEYS[1]", "'account'..ARGV[2]").replace("KEYS[2]", "'account'..ARGV[3]");
    let total = "local sum = 0 for i = 0, 7 do sum = sum + redis.call('GET', 'account'..i) end return sum";
    thread::scope(|scope| {
        for client in 0..4 {
            let (mut wire, made_up) = (daemon.wire(), &made_up);
            scope.spawn(move || {
                let mut dice = Dice(client);
                for _ in 0..150 {
                    let (from, to, amount) = (dice.roll(ACCOUNTS), dice.roll(ACCOUNTS), dice.roll(300).to_string());
                    let (source, target) = (format!("account{from}"), format!("account{to}"));
                    let moved = if dice.roll(2) == 0 {
                        eval(&mut wire, named, &[&source, &target], &[&amount])
                    } else {
                        eval(&mut wire, made_up, &[], &[&amount, &from.to_string(), &to.to_string()])
                    };
                    assert!(matches!(moved, Reply::Integer(_)), "{moved}");
                    assert_eq!(eval(&mut wire, total, &[], &[]), Reply::Integer(1000 * ACCOUNTS as i64));
                }
            });
        }
    });
}

#[test]
fn keys_that_were_not_given_can_be_refused() {
    for shards in ["1", "4"] {
        let daemon = Daemon::start(&["--shards", shards, "--script-undeclared-keys", "deny"]);
        let mut wire = daemon.wire();
        assert_eq!(eval(&mut wire, "return redis.call('INCR', KEYS[1])", &["a"], &[]), Reply::Integer(1));
        let elsewhere = "return redis.call('INCR', ARGV[1])";
        let answers: Vec<String> = (0..16).map(|key| text(&eval(&mut wire, elsewhere, &["a"], &[&format!("k{key}")]))).collect();
        assert!(
            answers.iter().all(|answer| answer == ":1" || answer.starts_with("-ERR Script attempted to access a non local key")),
            "{answers:?}"
        );
        assert_eq!(answers.iter().any(|answer| answer.starts_with('-')), shards == "4");
    }
}

#[test]
fn messages_that_scripts_publish_arrive_in_order() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let (mut listener, mut wire) = (daemon.wire(), daemon.wire());
    listener.send(&["SUBSCRIBE", "c"]);
    listener.reply().expect("a confirmation");
    eval(&mut wire, "for i = 1, 3 do redis.call('PUBLISH', 'c', i) end return redis.call('SET', 'x', 'y')", &[], &[]);
    wire.line("MULTI");
    eval(&mut wire, "return redis.call('PUBLISH', 'c', 4)", &[], &[]);
    wire.line("EXEC");
    eval(&mut wire, "redis.call('PUBLISH', 'c', KEYS[1]) error('after it')", &["5"], &[]);
    for number in 1..=5 {
        let message = Reply::decode(&listener.reply().expect("a message")).expect("a whole reply").0;
        assert_eq!(text(&message), format!("[\"message\", \"c\", \"{number}\"]"));
    }
}

/// Waits until new connections are told BUSY.
fn await_busy(daemon: &Daemon) -> Wire {
    let started = Instant::now();
    loop {
        let mut wire = daemon.wire();
        wire.send(&["GET", "x"]);
        if wire.reply_within(Duration::from_millis(500)).is_some_and(|reply| reply.starts_with(b"-BUSY")) {
            return wire;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "nobody is told BUSY");
    }
}

#[test]
fn a_script_that_does_not_end_holds_up_nobody_who_can_do_without_it() {
    for shards in ["1", "2"] {
        let daemon = Daemon::start(&["--shards", shards, "--busy-reply-threshold", "100"]);
        let mut runner = daemon.wire();
        for body in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "while true do xpcall(function() while true do end end, function() while true do end end) end",
            "while true do local c = coroutine.wrap(function() while true do end end) pcall(c) end",
            "while true do redis.call('GET', 'x') end",
            "while true do redis.pcall('GET', 'x', 'y') end",
        ] {
            runner.send(&["EVAL", body, "0"]);
            let mut other = await_busy(&daemon);
            let asked = Instant::now();
            assert_eq!(text(&daemon.wire().line("PING")), "+PONG");
            assert!(asked.elapsed() < Duration::from_secs(1), "PONG after {:?}", asked.elapsed());
            assert!(text(&other.line("INFO server")).contains("redis_version"));
            assert!(
                text(&other.line("EVAL 'return 1' 0")).starts_with("-BUSY Redis is busy running a script. You can only call SCRIPT KILL")
            );
            assert!(text(&other.line("FUNCTION KILL")).starts_with("-BUSY"));
            assert!(text(&other.line("FUNCTION STATS")).contains("\"duration_ms\""));
            assert_eq!(text(&other.line("SCRIPT KILL")), "+OK");
            let told = text(&Reply::decode(&runner.reply().expect("an answer")).expect("a whole reply").0);
            assert!(told.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "), "{body}: {told}");
            assert!(told.ends_with(", on @user_script:1."), "{body}: {told}");
            assert_eq!(text(&other.line("SCRIPT KILL")), "-NOTBUSY No scripts in execution right now.");
            assert_eq!(text(&other.line("GET x")), "(nil)");
        }
        runner.ask(&["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('loop', function() while true do end end)"]);
        runner.send(&["FCALL", "loop", "0"]);
        let mut other = await_busy(&daemon);
        assert!(text(&other.line("SCRIPT KILL")).starts_with("-BUSY Redis is busy running a script. You can only call FUNCTION KILL"));
        assert_eq!(text(&other.line("FUNCTION KILL")), "+OK");
        assert!(runner.reply().is_some_and(|told| told.starts_with(b"-ERR Script killed by user with SCRIPT KILL... script: loop")));
        let told = text(&runner.ask(&["FUNCTION", "LOAD", "#!lua name=m\nwhile true do end"]));
        assert_eq!(told, "-ERR Error registering functions: ERR FUNCTION LOAD timeout");
    }
}

#[test]
fn a_script_that_has_written_is_ended_with_the_server_only() {
    let mut daemon = Daemon::start(&["--shards", "1", "--busy-reply-threshold", "100"]);
    let mut runner = daemon.wire();
    runner.send(&["EVAL", "redis.call('SET', KEYS[1], 1) while true do end", "1", "k"]);
    let mut other = await_busy(&daemon);
    assert!(text(&other.line("SCRIPT KILL")).starts_with("-UNKILLABLE Sorry the script already executed write commands"));
    other.send(&["SHUTDOWN", "NOSAVE"]);
    assert!(daemon.await_end().success());
}

#[test]
fn a_script_that_wants_too_much_memory_fails_alone() {
    let daemon = Daemon::start(&["--shards", "1", "--script-memory-limit", "20mb"]);
    let mut wire = daemon.wire();
    for body in [
        "return #string.rep('x', 1000000000)",
        "local t = {} for i = 1, 1e9 do t[i] = tostring(i) end",
        "local s = 'x' while true do s = s .. s end",
    ] {
        let told = text(&eval(&mut wire, body, &[], &[]));
        assert!(told.contains("not enough memory"), "{told}");
        assert_eq!(eval(&mut wire, "return #string.rep('x', 1000000)", &[], &[]), Reply::Integer(1_000_000));
    }
    assert!(daemon.resident_bytes() < 200 << 20);
}

#[test]
fn nothing_that_is_nested_deeply_ends_the_server() {
    let daemon = Daemon::start(&["--shards", "1"]);
    let mut wire = daemon.wire();
    let deep = format!("return {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    for body in [
        "local function f(s) return (s:gsub('.', f)) end return f('x')",
        "local function f() return 1 + f() end return f()",
        "local t = {} for i = 1, 100000 do t = {t} end return t",
        "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
        "local f = function() end for i = 1, 100000 do local g = f f = function() return g() end end return f()",
        "return loadstring(('('):rep(100000))",
        &deep,
    ] {
        wire.send(&["EVAL", body, "0"]);
        assert!(wire.reply().is_some(), "{}", &body[..60.min(body.len())]);
        assert_eq!(text(&wire.line("PING")), "+PONG");
    }
}

#[test]
fn libraries_go_to_redis_and_back() {
    let (ours, peer) = (Daemon::start(&["--shards", "2"]), Peer::redis_server());
    let (mut ours, mut theirs) = (ours.wire(), peer.wire());
    for name in ["a", "b"] {
        let filler = "-- a comment that is long enough to be compressed, ".repeat(20);
        let code = format!(
            "#!lua name={name}\n{filler}\nredis.register_function('f_{name}', function(keys) return redis.call('INCR', keys[1]) end)"
        );
        ours.ask(&["FUNCTION", "LOAD", &code]);
    }
    let Reply::Bulk(dump) = ours.line("FUNCTION DUMP") else { panic!("no dump") };
    assert_eq!(text(&theirs.ask(&[&b"FUNCTION"[..], b"RESTORE", &dump])), "+OK");
    assert_eq!(theirs.line("FCALL f_a 1 k"), Reply::Integer(1));
    let Reply::Bulk(dump) = theirs.line("FUNCTION DUMP") else { panic!("no dump") };
    assert!(text(&ours.ask(&[&b"FUNCTION"[..], b"RESTORE", &dump])).ends_with("already exists"));
    assert_eq!(text(&ours.ask(&[&b"FUNCTION"[..], b"RESTORE", &dump, b"REPLACE"])), "+OK");
    assert_eq!(text(&ours.ask(&[&b"FUNCTION"[..], b"RESTORE", &dump, b"FLUSH"])), "+OK");
    assert_eq!(ours.line("FCALL f_b 1 k"), Reply::Integer(1));
    assert_eq!(text(&ours.line("FUNCTION RESTORE nonsense")), "-ERR DUMP payload version or checksum are wrong");
}
