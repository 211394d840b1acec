//! The journal from outside: what was acknowledged is there after a crash, files go to redis-server and come back, and who asks for it waits for the disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Peer};
use crate::reply::Reply;
use crate::wire::Wire;

const LOG: &str = "appendonlydir/appendonly.aof.1.incr.aof";

/// How often the daemon is killed: `TRENCADIS_CRASHES`, or enough for the gate.
fn crashes() -> u64 {
    std::env::var("TRENCADIS_CRASHES").ok().and_then(|crashes| crashes.parse().ok()).unwrap_or(20)
}

const WRITERS: usize = 8;

/// What one writer has been promised: the last number of each kind of write that was acknowledged.
#[derive(Default)]
struct Promised {
    single: AtomicU64,
    pair: AtomicU64,
    block: AtomicU64,
}

fn integer(reply: &Reply) -> u64 {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).parse().expect("a number"),
        Reply::Nil => 0,
        other => panic!("a number was expected: {other}"),
    }
}

/// Writes until the connection ends.
fn write(mut wire: Wire, writer: usize, from: u64, promised: &Promised, over: &AtomicBool) {
    let mut number = from;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let text = number.to_string();
        let (one, other) = (format!("pair:{writer}:a"), format!("pair:{writer}:b"));
        let said = match number % 3 {
            0 => wire.call_or_none(&["SET", &format!("single:{writer}"), &text]),
            1 => wire.call_or_none(&["MSET", &one, &text, &other, &text]),
            _ => {
                let keys = [format!("block:{writer}:a"), format!("block:{writer}:b"), format!("block:{writer}:c")];
                let mut calls = vec![vec!["MULTI"]];
                calls.extend(keys.iter().map(|key| vec!["SET", key, &text]));
                calls.push(vec!["EXEC"]);
                calls.iter().map(|call| wire.call_or_none(call)).last().flatten()
            }
        };
        if said.is_none_or(|reply| reply.starts_with(b"-")) {
            return;
        }
        let kind = [&promised.single, &promised.pair, &promised.block][(number % 3) as usize];
        kind.store(number, Ordering::SeqCst);
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_no_unit_is_torn_by_a_kill() {
    let mut daemon = Daemon::start(&["--shards", "4", "--appendonly", "yes", "--appendfsync", "always"]);
    let promised: Vec<Arc<Promised>> = (0..WRITERS).map(|_| Arc::default()).collect();
    let (mut last, mut acknowledged) = (0, 0);
    for crash in 0..crashes() {
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = promised
            .iter()
            .cloned()
            .enumerate()
            .map(|(writer, promised)| {
                let (wire, over, from) = (daemon.wire(), over.clone(), last);
                thread::spawn(move || write(wire, writer, from, &promised, &over))
            })
            .collect();
        thread::sleep(Duration::from_millis(30 + crash * 37 % 90));
        daemon.crash();
        over.store(true, Ordering::Relaxed);
        writers.into_iter().for_each(|writer| writer.join().expect("a writer only writes"));
        daemon.restart();
        let mut wire = daemon.wire();
        for (writer, promised) in promised.iter().enumerate() {
            let mut numbers = |keys: &[String]| {
                let words: Vec<String> = std::iter::once("MGET".to_owned()).chain(keys.iter().cloned()).collect();
                let Reply::Array(found) = wire.ask(&words.iter().map(String::as_str).collect::<Vec<_>>()) else {
                    panic!("MGET is an array")
                };
                found.iter().map(integer).collect::<Vec<_>>()
            };
            let single = numbers(&[format!("single:{writer}")]);
            let pair = numbers(&[format!("pair:{writer}:a"), format!("pair:{writer}:b")]);
            let block = numbers(&[format!("block:{writer}:a"), format!("block:{writer}:b"), format!("block:{writer}:c")]);
            for (kind, found, at_least) in
                [("single", &single, &promised.single), ("pair", &pair, &promised.pair), ("block", &block, &promised.block)]
            {
                let at_least = at_least.load(Ordering::SeqCst);
                acknowledged = acknowledged.max(at_least);
                assert!(found.iter().all(|number| *number == found[0]), "crash {crash}, writer {writer}: a torn {kind}: {found:?}");
                assert!(found[0] >= at_least, "crash {crash}, writer {writer}: {kind} {at_least} was acknowledged, {} is there", found[0]);
                last = last.max(found[0]);
            }
        }
    }
    println!("{} crashes, up to {acknowledged} writes of each writer acknowledged", crashes());
    check(daemon.folder());
}

/// redis-check-aof, on the whole folder.
fn check(folder: &Path) {
    let checked =
        Command::new("redis-check-aof").arg(folder.join("appendonlydir/appendonly.aof.manifest")).output().expect("redis-check-aof");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Something of every kind, in two databases.
fn fill(wire: &mut Wire) {
    for line in [
        "SET s v",
        "SET t v EX 1000",
        "INCRBYFLOAT f 10.5",
        "RPUSH l a b c",
        "SADD set a b c",
        "SPOP set",
        "SADD ints 1 2 3",
        "HSET h f v g w",
        "ZADD z 1 a 2.5 b",
        "XADD x * k v",
        "XGROUP CREATE x g 0",
        "XREADGROUP GROUP g c STREAMS x >",
        "PFADD p a b c",
        "SETBIT bits 7 1",
        "GEOADD geo 13.361389 38.115556 Palermo",
        "MSET a1 1 a2 2 a3 3 a4 4",
        "RENAME a1 renamed",
        "DEL a2 a3",
        "EXPIRE a4 2000",
        "SORT l ALPHA STORE sorted",
        "LMOVE l l2 LEFT RIGHT",
        "COPY s copied",
        "MOVE copied 1",
        "SELECT 2",
        "SET there 1",
        "SELECT 0",
        "MULTI",
        "SET m1 1",
        "SET m2 2",
        "EXEC",
    ] {
        let said = wire.line(line);
        assert!(!matches!(said, Reply::Error(_)), "{line}: {said}");
    }
}

/// What both servers can say of all that.
fn contents(wire: &mut Wire) -> Vec<String> {
    let mut told = Vec::new();
    for line in [
        "DBSIZE",
        "GET s",
        "GET t",
        "PEXPIRETIME t",
        "GET f",
        "LRANGE l 0 -1",
        "LRANGE l2 0 -1",
        "LRANGE sorted 0 -1",
        "SORT set ALPHA",
        "SORT ints",
        "HGET h f",
        "HGET h g",
        "ZRANGE z 0 -1 WITHSCORES",
        "XRANGE x - +",
        "XPENDING x g",
        "PFCOUNT p",
        "GETBIT bits 7",
        "GEOHASH geo Palermo",
        "MGET renamed a1 a2 a3 a4 m1 m2",
        "PEXPIRETIME a4",
        "SELECT 1",
        "GET copied",
        "SELECT 2",
        "GET there",
        "SELECT 0",
    ] {
        told.push(format!("{line}: {}", wire.line(line)));
    }
    told
}

#[test]
fn redis_server_reads_our_log_and_we_read_its() {
    let mut ours = Daemon::start(&["--shards", "4", "--appendonly", "yes"]);
    fill(&mut ours.wire());
    let before = contents(&mut ours.wire());
    assert!(ours.stop().success());
    check(ours.folder());
    let folder = ours.folder().to_owned();
    let arguments = ["--appendonly", "yes", "--dir", folder.to_str().expect("a path of ASCII")];
    {
        // The folder stays ours; the reference has its log file elsewhere.
        let mut theirs = Peer::redis_server_with(&arguments);
        assert_eq!(contents(&mut theirs.wire()), before);
        theirs.wire().line("SET from redis");
        assert!(theirs.stop().success());
    }
    ours.restart();
    let mut wire = ours.wire();
    assert_eq!(wire.line("GET from").to_string(), "\"redis\"");
    wire.line("DEL from");
    assert_eq!(contents(&mut wire), before);
    // What Redis appended has no batches: it is followed by a file of our own.
    // A reply that comes only when it is on disk: with everysec a crash may come before the journal has written it.
    wire.line("CLIENT DURABILITY disk");
    wire.line("SET behind 1");
    drop(wire);
    ours.crash();
    ours.restart();
    assert_eq!(ours.wire().line("GET behind").to_string(), "\"1\"");
}

#[test]
fn a_log_of_redis_server_is_gone_on_with() {
    let mut theirs = Peer::redis_server_with(&["--appendonly", "yes", "--aof-use-rdb-preamble", "yes"]);
    fill(&mut theirs.wire());
    theirs.wire().line("BGREWRITEAOF");
    let began = Instant::now();
    while theirs.wire().line("INFO persistence").to_string().contains("aof_rewrite_in_progress:1")
        && began.elapsed() < Duration::from_secs(10)
    {
        thread::sleep(Duration::from_millis(20));
    }
    theirs.wire().line("SET behind the-base");
    let before = contents(&mut theirs.wire());
    theirs.stop();
    let ours = Daemon::start(&["--shards", "3", "--appendonly", "yes", "--dir", theirs.folder().to_str().expect("a path of ASCII")]);
    assert_eq!(contents(&mut ours.wire()), before);
    assert_eq!(ours.wire().line("GET behind").to_string(), "\"the-base\"");
}

#[test]
fn the_single_file_of_older_versions_is_taken_in() {
    let folder = std::env::temp_dir().join(format!("trencadis-old-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    fs::write(
        folder.join("appendonly.aof"),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$1\r\n1\r\n*3\r\n$3\r\nSET\r\n$4\r\nto",
    )
    .expect("it is ours");
    let mut daemon = Daemon::start_in(&folder, &["--appendonly", "yes"]);
    assert_eq!(daemon.wire().line("GET old").to_string(), "\"1\"");
    assert!(daemon.log().contains("the end of the journal was never durable"), "{}", daemon.log());
    assert!(!folder.join("appendonly.aof").exists() && folder.join("appendonlydir/appendonly.aof").exists());
    daemon.wire().line("SET new 2");
    assert!(daemon.stop().success());
    daemon.restart();
    assert_eq!(daemon.wire().line("MGET old new").to_string(), "[\"1\", \"2\"]");
}

/// What the daemon says when it does not start.
fn refusal(folder: &Path) -> String {
    let binary = env!("CARGO_BIN_EXE_trencadis");
    let folder = folder.to_str().expect("a path of ASCII");
    let arguments = ["--port", "0", "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", folder];
    let mut child = Command::new("timeout")
        .arg("20")
        .arg(binary)
        .args(arguments)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(1));
    let output = child.wait_with_output().expect("it has ended");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn damage_is_told_and_never_passed_over() {
    let mut daemon = Daemon::start(&["--appendonly", "yes"]);
    (0..20).for_each(|number| drop(daemon.wire().line(&format!("SET k{number} v"))));
    assert!(daemon.stop().success());
    let folder = daemon.folder().to_owned();
    let log = fs::read(folder.join(LOG)).expect("the log");
    let mut damaged = log.clone();
    damaged[log.len() / 2] ^= 1;
    fs::write(folder.join(LOG), &damaged).expect("the folder is ours");
    let said = refusal(&folder);
    assert!(said.contains(LOG) && said.contains(": byte ") && said.contains("was durable once"), "{said}");
    // The command it names does what it says, when it is told to.
    let repair = |answer: &str| {
        let command = format!("echo {answer} | {} check {} --fix", env!("CARGO_BIN_EXE_trencadis"), folder.join(LOG).display());
        let output = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(repair("n").contains("stays as it is"));
    assert!(repair("y").contains("bytes were cut off"));
    assert!(repair("y").contains("sound to the end"));
    fs::write(folder.join(LOG), &log).expect("the folder is ours");
    let manifest = folder.join("appendonlydir/appendonly.aof.manifest");
    let told = Command::new(env!("CARGO_BIN_EXE_trencadis")).arg("check").arg(&manifest).output().expect("our binary runs");
    assert!(told.status.success() && String::from_utf8_lossy(&told.stdout).contains("sound to the end"), "{told:?}");
    // The end of it: cut off, and told.
    fs::write(folder.join(LOG), &log[..log.len() - 40]).expect("the folder is ours");
    daemon.restart();
    assert!(daemon.log().contains("has been cut off"), "{}", daemon.log());
    assert_eq!(daemon.wire().line("DBSIZE").to_string(), ":19");
    daemon.stop();
    let manifest = folder.join("appendonlydir/appendonly.aof.manifest");
    let text = fs::read_to_string(&manifest).expect("the manifest");
    for (bad, why) in [
        ("file ../x seq 1 type i\n", "File can't be a path, just a filename"),
        ("", "empty AOF manifest"),
        ("file gone.aof seq 1 type i\n", "gone.aof"),
        ("file a seq 2 type i\nfile b seq 1 type i\n", "Found a non-monotonic sequence number"),
    ] {
        fs::write(&manifest, bad).expect("the folder is ours");
        let said = refusal(&folder);
        assert!(said.contains(why), "{bad:?}: {said}");
    }
    fs::remove_file(&manifest).expect("the folder is ours");
    let said = refusal(&folder);
    assert!(said.contains("it is missing"), "{said}");
    fs::write(&manifest, text).expect("the folder is ours");
    daemon.restart();
    assert_eq!(daemon.wire().line("DBSIZE").to_string(), ":19");
}

#[test]
fn the_journal_is_switched_on_and_off_while_the_daemon_runs() {
    let mut daemon = Daemon::start(&["--shards", "3"]);
    let mut wire = daemon.wire();
    fill(&mut wire);
    let info = |wire: &mut Wire| wire.line("INFO persistence").to_string();
    assert!(info(&mut wire).contains("aof_enabled:0"));
    assert_eq!(wire.line("CLIENT DURABILITY disk").to_string(), "-ERR CLIENT DURABILITY disk needs appendonly");
    assert_eq!(wire.line("WAITAOF 1 0 0").to_string(), "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    assert_eq!(wire.line("WAITAOF 0 0 0").to_string(), "[:0, :0]");
    assert_eq!(wire.line("CONFIG SET appendonly yes").to_string(), "+OK");
    assert!(info(&mut wire).contains("aof_enabled:1") && info(&mut wire).contains("aof_last_write_status:ok"));
    wire.line("SET since 1");
    assert_eq!(wire.line("WAITAOF 1 0 0").to_string(), "[:1, :0]");
    assert_eq!(wire.line("WAITAOF 1 1 10").to_string(), "[:1, :0]");
    for durability in ["disk", "memory", "server"] {
        assert_eq!(wire.line(&format!("CLIENT DURABILITY {durability}")).to_string(), "+OK");
        assert_eq!(wire.line("INCR since").to_string().chars().next(), Some(':'));
    }
    assert_eq!(wire.line("CLIENT DURABILITY paper").to_string(), "-ERR syntax error");
    let before = contents(&mut wire);
    drop(wire);
    daemon.crash();
    // The configuration said no: the log is left alone, and so are its files.
    daemon.restart();
    assert_eq!(daemon.wire().line("DBSIZE").to_string(), ":0");
    let folder = daemon.folder().to_owned();
    daemon.crash();
    let again = Daemon::start(&["--appendonly", "yes", "--dir", folder.to_str().expect("a path of ASCII")]);
    assert_eq!(again.wire().line("GET since").to_string(), "\"4\"");
    again.wire().line("DEL since");
    let mut without = before.clone();
    without[0] = contents(&mut again.wire())[0].clone();
    assert_eq!(contents(&mut again.wire()), without);
    // Off and on: a new log, and nothing is left of the old one.
    let mut wire = again.wire();
    assert_eq!(wire.line("CONFIG SET appendonly no").to_string(), "+OK");
    wire.line("SET not-logged 1");
    assert_eq!(wire.line("CONFIG SET appendonly yes").to_string(), "+OK");
    let names: Vec<String> = fs::read_dir(folder.join("appendonlydir"))
        .expect("the log")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names.iter().filter(|name| name.contains(".incr.")).count(), 1, "{names:?}");
    check(&folder);
}

#[test]
fn a_disk_that_fails_ends_the_daemon_before_it_answers() {
    // Syncs fail from the fifth on.
    let mut daemon = Daemon::start_under(
        &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=12+"],
        &["--appendonly", "yes", "--appendfsync", "always"],
    );
    let mut wire = daemon.wire();
    let mut acknowledged = 0;
    for number in 1..100 {
        match wire.call_or_none(&["SET", "k", &number.to_string()]) {
            Some(reply) if reply == b"+OK\r\n" => acknowledged = number,
            _ => break,
        }
    }
    assert!((1..99).contains(&acknowledged), "{acknowledged}");
    assert!(!daemon.await_end().success());
    assert!(daemon.log().contains("the process ends before anybody is told"), "{}", daemon.log());
    let again = Daemon::start(&["--appendonly", "yes", "--dir", daemon.folder().to_str().expect("a path of ASCII")]);
    assert!(integer(&again.wire().line("GET k")) >= acknowledged);
}
