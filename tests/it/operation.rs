//! What operators do to a running daemon: look, lock, pause, close connections, and end it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;
use crate::wire::Wire;

const SHORT: Duration = Duration::from_millis(200);

/// The text of a bulk string.
fn text(reply: Reply) -> String {
    match reply {
        Reply::Bulk(bytes) | Reply::Verbatim(_, bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => panic!("not a text: {other}"),
    }
}

fn field(wire: &mut Wire, name: &str) -> String {
    let info = text(wire.line("INFO everything"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
    line.unwrap_or_else(|| panic!("INFO has no {name}"))
}

fn number(wire: &mut Wire, name: &str) -> u64 {
    let value = field(wire, name);
    value.parse().unwrap_or_else(|_| panic!("{name} is {value}"))
}

#[test]
fn debug_is_locked() {
    let locked = "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local \
                  connection, otherwise you need to set this option in the configuration file, and then restart the server.\r\n";
    let peer = Peer::redis_server_with(&["--enable-debug-command", "no"]);
    for server in [Daemon::start(&[]), peer] {
        let mut wire = server.wire();
        for call in [&["DEBUG", "SLEEP", "0"][..], &["debug", "object", "k"], &["DEBUG", "NONESUCH"], &["DEBUG", "HELP"]] {
            assert_eq!(String::from_utf8_lossy(&wire.call(call)), locked);
        }
        assert_eq!(wire.call(&["DEBUG"]), b"-ERR wrong number of arguments for 'debug' command\r\n");
    }
    let local = Daemon::start(&["--enable-debug-command", "local"]);
    assert_eq!(local.wire().call(&["DEBUG", "SLEEP", "0"]), b"+OK\r\n");
}

#[test]
fn debug_sleep_holds_data_and_nothing_else() {
    let daemon = Daemon::start(&["--shards", "3", "--enable-debug-command", "yes"]);
    let (mut sleeper, mut reader, mut pinger) = (daemon.wire(), daemon.wire(), daemon.wire());
    let started = Instant::now();
    sleeper.send(&["DEBUG", "SLEEP", "1"]);
    // Once a key of every shard waits, the sleep has begun.
    assert_eq!(sleeper.reply_within(Duration::from_millis(50)), None);
    for key in ["a", "b", "c", "d", "e", "f"] {
        reader.send(&["GET", key]);
    }
    assert_eq!(reader.reply_within(Duration::from_millis(50)), None);
    assert_eq!(pinger.call(&["PING"]), b"+PONG\r\n");
    assert!(started.elapsed() < Duration::from_millis(900), "PING waited");
    assert_eq!(sleeper.reply().as_deref(), Some(b"+OK\r\n".as_slice()));
    assert!(started.elapsed() >= Duration::from_secs(1));
    for _ in 0..6 {
        assert_eq!(reader.reply().as_deref(), Some(b"$-1\r\n".as_slice()));
    }
}

#[test]
fn clients_are_closed_by_others_and_by_themselves() {
    for server in [Daemon::start(&["--shards", "2"]), Peer::redis_server()] {
        let (mut killer, mut victim, mut bystander) = (server.wire(), server.wire(), server.wire());
        let Reply::Integer(id) = victim.line("CLIENT ID") else { panic!("an id is an integer") };
        assert_eq!(bystander.call(&["PING"]), b"+PONG\r\n");
        assert_eq!(killer.line(&format!("CLIENT KILL ID {id}")), Reply::Integer(1));
        assert_eq!(victim.until_closed(), b"");
        assert_eq!(killer.line(&format!("CLIENT KILL ID {id}")), Reply::Integer(0));
        assert_eq!(bystander.call(&["PING"]), b"+PONG\r\n");
        // By its address, the old way.
        let line = text(bystander.line("CLIENT INFO"));
        let address = line.split(' ').find_map(|field| field.strip_prefix("addr=")).expect("every client has an address").to_owned();
        assert_eq!(killer.call(&["CLIENT", "KILL", &address]), b"+OK\r\n");
        assert_eq!(bystander.until_closed(), b"");
        assert_eq!(killer.call(&["CLIENT", "KILL", &address]), b"-ERR No such client\r\n");
        // Oneself is spared unless one says otherwise, and is answered first.
        let mut other = server.wire();
        assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
        assert_eq!(killer.line("CLIENT KILL TYPE normal"), Reply::Integer(1));
        assert_eq!(other.until_closed(), b"");
        killer.send_raw(b"CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n");
        assert_eq!(killer.until_closed(), b":1\r\n");
    }
}

/// A client that reads nothing, or waits for a pause to end, is closed all the same.
#[test]
fn a_client_that_waits_can_be_closed() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let (mut killer, mut victim) = (daemon.wire(), daemon.wire());
    let Reply::Integer(id) = victim.line("CLIENT ID") else { panic!("an id is an integer") };
    assert_eq!(killer.call(&["CLIENT", "PAUSE", "100000", "WRITE"]), b"+OK\r\n");
    victim.send(&["SET", "k", "v"]);
    assert_eq!(victim.reply_within(SHORT), None);
    assert_eq!(killer.line(&format!("CLIENT KILL ID {id}")), Reply::Integer(1));
    assert_eq!(victim.until_closed(), b"");
    assert_eq!(killer.call(&["CLIENT", "UNPAUSE"]), b"+OK\r\n");
    assert_eq!(killer.line("EXISTS k"), Reply::Integer(0));
}

#[test]
fn clients_are_listed_by_number() {
    let daemon = Daemon::start(&["--shards", "3"]);
    let mut wires: Vec<Wire> = (0..7).map(|_| daemon.wire()).collect();
    let ids: Vec<i64> = wires
        .iter_mut()
        .map(|wire| match wire.line("CLIENT ID") {
            Reply::Integer(id) => id,
            other => panic!("an id is an integer, not {other}"),
        })
        .collect();
    let listed = |text: String| -> Vec<i64> {
        let id = |line: &str| line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).and_then(|id| id.parse().ok());
        text.lines().map(|line| id(line).unwrap_or_else(|| panic!("a line begins with its id: {line}"))).collect()
    };
    let all = listed(text(wires[0].line("CLIENT LIST")));
    assert!(all.is_sorted() && ids.iter().all(|id| all.contains(id)), "{all:?} lacks some of {ids:?}");
    // In the order asked, and as often.
    let asked = format!("CLIENT LIST ID {} {} 999999 {}", ids[5], ids[1], ids[5]);
    assert_eq!(listed(text(wires[0].line(&asked))), [ids[5], ids[1], ids[5]]);
}

#[test]
fn shutdown_ends_the_process() {
    for call in ["SHUTDOWN NOSAVE", "SHUTDOWN", "SHUTDOWN NOW FORCE"] {
        let mut daemon = Daemon::start(&["--shards", "2"]);
        let (mut idle, mut wire) = (daemon.wire(), daemon.wire());
        assert_eq!(idle.call(&["PING"]), b"+PONG\r\n");
        wire.send_raw(format!("{call}\r\n").as_bytes());
        assert_eq!(wire.until_closed(), b"", "the end of the connection is the answer");
        assert_eq!(idle.until_closed(), b"");
        assert!(daemon.await_end().success(), "{call}");
    }
}

/// Some tools look for the first place where `name:` stands, in whatever line.
#[test]
fn figures_are_found_by_their_first_mention() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let mut wire = daemon.wire();
    assert_eq!(wire.call(&["SET", "k", "v"]), b"+OK\r\n");
    let info = text(wire.line("INFO everything"));
    for name in [
        "redis_version",
        "used_memory",
        "used_memory_human",
        "connected_clients",
        "blocked_clients",
        "total_commands_processed",
        "total_connections_received",
        "rdb_bgsave_in_progress",
        "bgsave_in_progress",
        "aof_rewrite_in_progress",
        "loading",
        "role",
        "maxmemory",
        "maxmemory_policy",
        "run_id",
        "process_id",
        "tcp_port",
        "uptime_in_seconds",
        "db0:keys=",
    ] {
        let at = info.find(&format!("{name}:")).or_else(|| info.find(name)).unwrap_or_else(|| panic!("INFO has no {name}"));
        let line = &info[info[..at].rfind('\n').map_or(0, |end| end + 1)..];
        let begins = line.starts_with(name) || line.starts_with(&format!("rdb_{name}"));
        assert!(begins, "the first {name} stands in {}", line.lines().next().unwrap_or_default());
    }
    assert!(!info.contains("dragonfly_version") && !info.contains("valkey_version"));
    assert!(info.lines().filter(|line| line.contains(':') && !line.starts_with('#')).all(|line| !line.starts_with(' ')));
}

#[test]
fn figures_follow_what_happens() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let mut wire = daemon.wire();
    let started = Instant::now();
    let calls = 2000;
    wire.send_raw(&b"PING\r\n".repeat(calls));
    for _ in 0..calls {
        assert_eq!(wire.reply().as_deref(), Some(b"+PONG\r\n".as_slice()));
    }
    // The first sample that saw them comes within 100 ms and is remembered for a second and a half.
    let mut rate = 0;
    while rate == 0 && started.elapsed() < Duration::from_secs(5) {
        rate = number(&mut wire, "instantaneous_ops_per_sec");
    }
    assert!(rate > 0);
    assert!(number(&mut wire, "total_commands_processed") >= calls as u64);
    assert!(number(&mut wire, "total_net_input_bytes") >= 6 * calls as u64);
    assert!(number(&mut wire, "used_memory_peak") >= number(&mut wire, "used_memory_startup"));
    assert_eq!(number(&mut wire, "connected_clients"), 1);
    let mut other = daemon.wire();
    assert_eq!(other.call(&["PING"]), b"+PONG\r\n");
    assert_eq!(number(&mut wire, "connected_clients"), 2);
    drop(other);
    assert_eq!(wire.call(&["CONFIG", "RESETSTAT"]), b"+OK\r\n");
    assert!(number(&mut wire, "total_commands_processed") < 10);
    assert_eq!(number(&mut wire, "total_connections_received"), 0);
}

/// Debian's own tools, as somebody would try them first.
#[test]
fn the_tools_of_redis_work() {
    let daemon = Daemon::start(&["--shards", "2"]);
    let port = daemon.port().to_string();
    let run = |tool: &str, arguments: &[&str]| {
        let output = Command::new(tool).args(["-p", &port]).args(arguments).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
        let (told, complaints) =
            (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{tool} {arguments:?}: {told}{complaints}");
        assert!(!complaints.contains("ERR") && !complaints.contains("WARNING"), "{tool} {arguments:?}: {complaints}");
        told
    };
    let told = run("redis-benchmark", &["-q", "-n", "1000", "-c", "5", "-t", "ping,set,get,incr,mset"]);
    assert_eq!(told.matches("requests per second").count(), 6, "{told}");
    let told = run("redis-benchmark", &["-q", "-3", "-n", "1000", "-c", "5", "-P", "16", "-r", "100", "-t", "set,get"]);
    assert_eq!(told.matches("requests per second").count(), 2, "{told}");
    let told = run("redis-cli", &["--bigkeys"]);
    assert!(told.contains("Biggest string found"), "{told}");
    let told = run("redis-cli", &["-3", "SET", "tools", "work"]);
    assert_eq!(told, "OK\n");
    let told = run("redis-cli", &["--scan", "--pattern", "tool?"]);
    assert_eq!(told, "tools\n");
    let told = run("redis-cli", &["INFO", "server"]);
    assert!(told.contains("redis_version:7.2"), "{told}");
    let told = run("redis-cli", &["HELP", "GET"]);
    assert!(told.contains("GET"), "{told}");
}
