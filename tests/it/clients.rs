//! Real programs with our daemon: redis-cli in its modes, redis-benchmark with all of its tests, and redis-rs as the library of a client.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Client, Commands, RedisResult, Value};

use crate::daemon::Daemon;
use crate::reply::Reply;

/// How long a program may take; all of them end by themselves.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program wrote and how it ended.
struct Ran {
    status: ExitStatus,
    out: String,
    err: String,
}

impl Ran {
    /// What it wrote to its standard output, if it found nothing to complain of.
    fn fine(self) -> String {
        assert!(self.status.success(), "{}\n{}{}", self.status, self.out, self.err);
        assert_eq!(self.err, "", "{}", self.out);
        self.out
    }
}

/// A program with `daemon` as its server. What it reads comes from a file, and what it writes goes to files: no pipe can fill up.
fn start(daemon: &Daemon, program: &str, arguments: &[&str], input: &[u8]) -> Command {
    let at = |name: &str| daemon.folder().join(format!("client.{name}"));
    fs::write(at("in"), input).expect("the daemon's folder can be written");
    let file = |name| File::create(at(name)).expect("the daemon's folder can be written");
    let mut command = match program {
        // With its output in a file it would keep its lines to itself; --stat never ends.
        "redis-cli" => {
            let mut command = Command::new("stdbuf");
            command.args(["-oL", "redis-cli"]);
            command
        }
        program => Command::new(program),
    };
    command
        .args(["-h", "127.0.0.1", "-p", &daemon.port().to_string()])
        .args(arguments)
        .stdin(File::open(at("in")).expect("it was just written"))
        .stdout(file("out"))
        .stderr(file("err"))
        .env_remove("REDISCLI_AUTH");
    command
}

fn written(daemon: &Daemon, name: &str) -> String {
    let bytes = fs::read(daemon.folder().join(format!("client.{name}"))).expect("the program's output is a file");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a program until it ends, or until `enough` says so of what it has written.
fn run_until(daemon: &Daemon, program: &str, arguments: &[&str], input: &[u8], enough: impl Fn(&str) -> bool) -> Ran {
    let mut child = start(daemon, program, arguments, input)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {program}: {error}; run tests/run, which installs it"));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        let late = started.elapsed() > PATIENCE;
        if late || enough(&written(daemon, "out")) {
            let _ = child.kill();
            let status = child.wait().expect("it is our child");
            assert!(!late, "{program} {arguments:?} did not end; it wrote:\n{}{}", written(daemon, "out"), written(daemon, "err"));
            break status;
        }
        sleep(Duration::from_millis(5));
    };
    Ran { status, out: written(daemon, "out"), err: written(daemon, "err") }
}

fn cli(daemon: &Daemon, arguments: &[&str]) -> String {
    cli_reads(daemon, arguments, b"")
}

fn cli_reads(daemon: &Daemon, arguments: &[&str], input: &[u8]) -> String {
    run_until(daemon, "redis-cli", arguments, input, |_| false).fine()
}

#[test]
fn redis_cli_speaks_with_us() {
    let daemon = Daemon::start(&["--shards", "4"]);
    assert_eq!(cli(&daemon, &["ping"]), "PONG\n");
    assert_eq!(cli(&daemon, &["set", "k", "a b"]), "OK\n");
    assert_eq!(cli(&daemon, &["--no-raw", "get", "k"]), "\"a b\"\n");
    assert_eq!(cli(&daemon, &["-n", "3", "exists", "k"]), "0\n");
    assert_eq!(cli_reads(&daemon, &["-x", "set", "read"], b"from a file"), "OK\n");
    assert_eq!(cli_reads(&daemon, &["--no-raw"], b"get read\nincr n\n"), "\"from a file\"\n(integer) 1\n");
    assert_eq!(cli(&daemon, &["-r", "3", "incr", "n"]), "2\n3\n4\n");
    assert_eq!(cli(&daemon, &["hset", "h", "f", "1"]), "1\n");
    assert_eq!(cli(&daemon, &["-3", "--no-raw", "hgetall", "h"]), "1# \"f\" => \"1\"\n");
    assert_eq!(cli(&daemon, &["-2", "--no-raw", "hgetall", "h"]), "1) \"f\"\n2) \"1\"\n");
    let url = format!("redis://127.0.0.1:{}/0", daemon.port());
    assert_eq!(cli(&daemon, &["-u", &url, "get", "k"]), "a b\n");
    assert!(cli(&daemon, &["info", "server"]).contains("redis_version:"));
}

#[test]
fn redis_cli_tells_an_error() {
    let daemon = Daemon::start(&[]);
    let ran = run_until(&daemon, "redis-cli", &["-e", "nonsense"], b"", |_| false);
    assert_eq!(ran.status.code(), Some(1));
    assert!(format!("{}{}", ran.out, ran.err).contains("ERR unknown command 'nonsense'"), "{}{}", ran.out, ran.err);
}

#[test]
fn redis_cli_pipes_a_thousand_requests() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut input = String::new();
    for number in 0..1000 {
        let _ = write!(input, "*3\r\n$3\r\nSET\r\n$8\r\nkey:{number:04}\r\n$4\r\n{number:04}\r\n");
    }
    let out = cli_reads(&daemon, &["--pipe"], input.as_bytes());
    assert!(out.ends_with("errors: 0, replies: 1000\n"), "{out}");
    assert_eq!(daemon.wire().line("DBSIZE"), Reply::Integer(1000));
    // Lines are requests as well.
    let lines: String = (0..1000).map(|number| format!("SET line:{number} {number}\r\n")).collect();
    let out = cli_reads(&daemon, &["--pipe"], lines.as_bytes());
    assert!(out.ends_with("errors: 0, replies: 1000\n"), "{out}");
    let mut keys: Vec<String> = cli(&daemon, &["--scan", "--pattern", "key:*"]).lines().map(str::to_owned).collect();
    keys.sort();
    assert_eq!(keys.len(), 1000);
    assert_eq!((keys[0].as_str(), keys[999].as_str()), ("key:0000", "key:0999"));
    assert_eq!(cli(&daemon, &["--scan"]).lines().count(), 2000);
}

#[test]
fn redis_cli_finds_the_big_keys() {
    let daemon = Daemon::start(&["--shards", "4"]);
    let mut wire = daemon.wire();
    for line in ["SET s 12345", "RPUSH l a b", "SADD set a b c", "ZADD z 1 a 2 b", "XADD x 1-1 f v"] {
        assert!(!matches!(wire.line(line), Reply::Error(_)), "{line}");
    }
    (0..500).for_each(|number| drop(wire.line(&format!("SET filler:{number} 1"))));
    let out = cli(&daemon, &["--bigkeys"]);
    for line in [
        "Sampled 505 keys in the keyspace!",
        "Biggest   list found '\"l\"' has 2 items",
        "Biggest string found '\"s\"' has 5 bytes",
        "Biggest stream found '\"x\"' has 1 entries",
        "Biggest    set found '\"set\"' has 3 members",
        "Biggest   zset found '\"z\"' has 2 members",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
}

#[test]
fn redis_cli_watches() {
    let daemon = Daemon::start(&["--shards", "4"]);
    daemon.wire().line("MSET a 1 b 2 c 3");
    // A heading of two lines, then a line each time.
    let ran = run_until(&daemon, "redis-cli", &["--stat", "-i", "0.05"], b"", |out| out.lines().count() >= 4);
    assert_eq!(ran.err, "");
    for line in ran.out.lines().skip(2).take(2) {
        let keys = line.split_whitespace().next();
        assert_eq!(keys, Some("3"), "{}", ran.out);
    }
    let out = cli(&daemon, &["--latency", "-i", "0.2"]);
    let numbers: Vec<f64> = out.split_whitespace().map(|number| number.parse().expect("redis-cli prints numbers")).collect();
    // The least, the most, the mean, and how many.
    assert!(numbers.len() == 4 && numbers[3] >= 1.0, "{out}");
}

/// All of its default tests; what it prints is one line for each.
fn benchmark(daemon: &Daemon, more: &[&str]) {
    let arguments = [&["-n", "2000", "-P", "16", "-q", "-r", "1000"], more].concat();
    let out = run_until(daemon, "redis-benchmark", &arguments, b"", |_| false).fine();
    // A line is overwritten until it is final.
    let lines: Vec<&str> = out.split(['\r', '\n']).filter(|line| line.contains("requests per second")).collect();
    let tests: Vec<&str> = lines.iter().map(|line| line.split([':', ' ']).next().unwrap_or_default()).collect();
    for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "RPUSH", "LPOP", "RPOP", "SADD", "HSET", "SPOP", "ZADD"] {
        assert!(tests.contains(&test), "{test} is missing:\n{out}");
    }
    for test in ["ZPOPMIN", "LRANGE_100", "LRANGE_300", "LRANGE_500", "LRANGE_600", "MSET"] {
        assert!(tests.contains(&test), "{test} is missing:\n{out}");
    }
    let lower = out.to_lowercase();
    assert!(!lower.contains("error") && !lower.contains("warning"), "{out}");
}

#[test]
fn redis_benchmark_runs_with_one_shard() {
    let daemon = Daemon::start(&["--shards", "1"]);
    benchmark(&daemon, &[]);
    benchmark(&daemon, &["-3"]);
}

#[test]
fn redis_benchmark_runs_with_as_many_shards_as_we_choose() {
    let daemon = Daemon::start(&[]);
    benchmark(&daemon, &[]);
    benchmark(&daemon, &["-3"]);
}

/// What a program does with its library: every reply must be of the type that the library makes of it.
async fn work(mut connection: MultiplexedConnection) -> RedisResult<()> {
    let connection = &mut connection;
    let () = connection.set("k", "v").await?;
    assert_eq!(connection.get::<_, Option<String>>("k").await?.as_deref(), Some("v"));
    assert_eq!(connection.get::<_, Option<String>>("missing").await?, None);
    assert_eq!(connection.incr::<_, _, i64>("n", 41).await?, 41);
    assert_eq!(connection.incr::<_, _, i64>("n", 1).await?, 42);
    assert_eq!(connection.incr::<_, _, f64>("d", 1.5).await?, 1.5);
    let () = connection.mset(&[("a", 1), ("b", 2), ("c", 3)]).await?;
    assert_eq!(connection.mget::<_, Vec<Option<i64>>>(&["a", "b", "missing", "c"]).await?, [Some(1), Some(2), None, Some(3)]);
    let mut pipeline = redis::pipe();
    pipeline.set("p", 1).ignore().incr("p", 1).mget(&["p", "a"]).del(&["a", "b"]).exists("a");
    let piped: (i64, Vec<i64>, i64, bool) = pipeline.query_async(connection).await?;
    assert_eq!(piped, (2, vec![2, 1], 2, false));
    assert_eq!(connection.del::<_, i64>(&["c", "missing"]).await?, 1);
    let error = connection.incr::<_, _, i64>("k", 1).await.expect_err("no number");
    assert_eq!(error.detail(), Some("value is not an integer or out of range"));
    let mut keys = Vec::new();
    let mut cursor = connection.scan::<String>().await?;
    while let Some(key) = cursor.next_item().await {
        keys.push(key?);
    }
    drop(cursor);
    keys.sort();
    assert_eq!(keys, ["d", "k", "n", "p"]);
    assert_eq!(connection.hset::<_, _, _, i64>("h", "f", "1").await?, 1);
    assert_eq!(connection.hset::<_, _, _, i64>("h", "g", "2").await?, 1);
    assert_eq!(connection.hget::<_, _, i64>("h", "g").await?, 2);
    let mut fields: Vec<(String, i64)> = connection.hgetall("h").await?;
    fields.sort();
    assert_eq!(fields, [("f".to_owned(), 1), ("g".to_owned(), 2)]);
    assert_eq!(connection.zadd::<_, _, _, i64>("z", "one", 1.5).await?, 1);
    assert_eq!(connection.zadd_multiple::<_, _, _, i64>("z", &[(2.5, "two"), (-1.0, "none")]).await?, 2);
    assert_eq!(connection.zrange::<_, Vec<String>>("z", 0, -1).await?, ["none", "one", "two"]);
    let scores: Vec<(String, f64)> = connection.zrange_withscores("z", 0, 1).await?;
    assert_eq!(scores, [("none".to_owned(), -1.0), ("one".to_owned(), 1.5)]);
    let id: String = redis::cmd("XADD").arg(&["x", "7-1", "f", "v"]).query_async(connection).await?;
    assert_eq!(id, "7-1");
    type Entries = Vec<(String, Vec<(String, String)>)>;
    let entries: Entries = redis::cmd("XRANGE").arg(&["x", "-", "+"]).query_async(connection).await?;
    assert_eq!(entries, [("7-1".to_owned(), vec![("f".to_owned(), "v".to_owned())])]);
    Ok(())
}

/// Many calls at once through one connection, answered in the order asked.
async fn crowd(connection: MultiplexedConnection) -> RedisResult<()> {
    let mut tasks = Vec::new();
    for number in 0..100 {
        let mut connection = connection.clone();
        tasks.push(tokio::spawn(async move {
            let key = format!("crowd:{number}");
            let () = connection.set(&key, number).await?;
            connection.get::<_, i64>(&key).await
        }));
    }
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await.expect("the task does not panic")?, number);
    }
    Ok(())
}

fn with_library(query: &str, maps_are_maps: bool) {
    let daemon = Daemon::start(&["--shards", "4"]);
    let client = Client::open(format!("redis://127.0.0.1:{}/{query}", daemon.port())).expect("a sound address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done: RedisResult<()> = runtime.block_on(async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        work(connection.clone()).await?;
        let fields: Value = connection.hgetall("h").await?;
        assert_eq!(matches!(fields, Value::Map(_)), maps_are_maps, "{fields:?}");
        crowd(connection).await
    });
    done.unwrap_or_else(|error| panic!("{error}"));
}

/// The library's blocking half: numbers added under WATCH from several threads, messages, iterators, streams.
fn with_blocking_library(query: &str) {
    let daemon = Daemon::start(&["--shards", "4"]);
    let client = Client::open(format!("redis://127.0.0.1:{}/{query}", daemon.port())).expect("a sound address");
    let add = |client: &Client| -> RedisResult<()> {
        let mut connection = client.get_connection()?;
        for _ in 0..25 {
            // Two keys, so that the watch spans shards.
            let _: (i64, i64) = redis::transaction(&mut connection, &["sum", "count"], |connection, pipeline| {
                let sum: Option<i64> = connection.get("sum")?;
                pipeline.set("sum", sum.unwrap_or(0) + 2).ignore().incr("count", 1).get("sum").query(connection)
            })?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let adders: Vec<_> = (0..4).map(|_| scope.spawn(|| add(&client))).collect();
        for adder in adders {
            adder.join().expect("the thread does not panic").unwrap_or_else(|error| panic!("{error}"));
        }
    });
    let done = || -> RedisResult<()> {
        let mut connection = client.get_connection()?;
        assert_eq!(connection.mget::<_, Vec<i64>>(&["sum", "count"])?, [200, 100]);
        let mut listener = client.get_connection()?;
        listener.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut listening = listener.as_pubsub();
        listening.subscribe("news")?;
        listening.psubscribe("n*")?;
        assert_eq!(connection.publish::<_, _, i64>("news", "hello")?, 2);
        for pattern in [None, Some("n*")] {
            let message = listening.get_message()?;
            let told = (message.get_channel_name(), message.get_payload::<String>()?);
            assert_eq!(told, ("news", "hello".to_owned()));
            assert_eq!(message.from_pattern().then(|| message.get_pattern::<String>()).transpose()?.as_deref(), pattern);
        }
        drop(listening);
        let mut pipeline = redis::pipe();
        for number in 0..1000 {
            pipeline.set(format!("p:{number}"), number).ignore();
        }
        pipeline.exec(&mut connection)?;
        let found: std::collections::HashSet<String> = connection.scan_match("p:*")?.collect::<RedisResult<_>>()?;
        assert_eq!(found.len(), 1000);
        for number in 1..=3 {
            let _: String = redis::cmd("XADD").arg("s").arg(format!("{number}-0")).arg("n").arg(number).query(&mut connection)?;
        }
        let _: () = redis::cmd("XGROUP").arg(&["CREATE", "s", "g", "0"]).query(&mut connection)?;
        let read = redis::cmd("XREADGROUP").arg(&["GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", ">"]).query::<Value>(&mut connection)?;
        assert!(format!("{read:?}").contains("2-0"), "{read:?}");
        assert_eq!(redis::cmd("XACK").arg(&["s", "g", "1-0", "2-0"]).query::<i64>(&mut connection)?, 2);
        Ok(())
    };
    done().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_blocking_half_of_redis_rs_works_with_us_in_resp2() {
    with_blocking_library("");
}

#[test]
fn the_blocking_half_of_redis_rs_works_with_us_in_resp3() {
    with_blocking_library("?protocol=resp3");
}

#[test]
fn redis_rs_works_with_us_in_resp2() {
    with_library("", false);
}

#[test]
fn redis_rs_works_with_us_in_resp3() {
    with_library("?protocol=resp3", true);
}
