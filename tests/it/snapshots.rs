//! Snapshots: what is saved, when, and that it is found again, by us and by redis-server; under crashes, full disks and damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use trencadis::internal::InProcess;

use crate::daemon::{Daemon, Peer};
use crate::rdb::{Answers, contents, data, everything, make, samples};
use crate::reply::Reply;
use crate::wire::Wire;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn info(wire: &mut Wire, name: &str) -> String {
    let (Reply::Bulk(text) | Reply::Verbatim(_, text)) = wire.line("INFO persistence") else { panic!("INFO is a text") };
    let text = String::from_utf8(text).expect("INFO is text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned));
    line.unwrap_or_else(|| panic!("INFO has no {name}"))
}

fn simple(text: &str) -> Reply {
    Reply::Simple(text.as_bytes().to_vec())
}

fn error(text: &str) -> Reply {
    Reply::Error(text.as_bytes().to_vec())
}

/// Waits until no snapshot is being made.
fn await_save(wire: &mut Wire) {
    let started = Instant::now();
    while info(wire, "rdb_bgsave_in_progress") != "0" {
        assert!(started.elapsed() < PATIENCE, "the snapshot takes for ever");
        sleep(Duration::from_millis(5));
    }
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("trencadis-snapshots-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the folder for temporary files can be written");
    path
}

/// What is in every database.
fn all(wire: &mut Wire) -> BTreeMap<(u16, Vec<u8>), (String, Reply, Reply)> {
    let mut found = BTreeMap::new();
    for number in 0..16 {
        wire.line(&format!("SELECT {number}"));
        for (key, (kind, value)) in everything(wire) {
            let deadline = wire.ask(&[&b"PEXPIRETIME"[..], &key]);
            found.insert((number, key), (kind, value, deadline));
        }
    }
    found
}

/// Values of every kind, small ones and such as are written in parts.
fn furnish(wire: &mut Wire) {
    for (name, calls) in samples() {
        make(wire, &calls);
        wire.ask(&[&b"RENAME"[..], b"k", name.as_bytes()]);
    }
    wire.line("SELECT 5");
    for number in 0..3000 {
        wire.send(&["HSET", "large hash", &format!("field {number}"), &format!("value {number}")]);
        wire.send(&["SADD", "large set", &format!("member {number}")]);
        wire.send(&["ZADD", "large zset", &format!("{}", number / 7), &format!("member {number}")]);
        wire.send(&["RPUSH", "large list", &format!("an element of some length, number {number}")]);
        wire.send(&["XADD", "large stream", &format!("{}-1", number + 1), "field", &format!("value {number}")]);
        for _ in 0..5 {
            assert!(!matches!(Reply::decode(&wire.reply().expect("a reply")).expect("whole").0, Reply::Error(_)));
        }
    }
    wire.line("XGROUP CREATE \"large stream\" group 0");
    wire.line("XREADGROUP GROUP group reader COUNT 500 STREAMS \"large stream\" >");
    wire.ask(&[&b"SET"[..], b"large text", &vec![b'x'; 700_000]]);
    wire.ask(&[&b"SET"[..], b"middle text", &vec![b'y'; 100_000]]);
    wire.line("PEXPIREAT \"large text\" 9000000000000");
    wire.line("SELECT 0");
}

#[test]
fn what_is_saved_is_found_by_us_and_by_redis() {
    let mut daemon = Daemon::start(&["--shards", "3"]);
    let mut wire = daemon.wire();
    furnish(&mut wire);
    let expected = all(&mut wire);
    assert!(expected.len() > 20, "{} keys", expected.len());
    assert_eq!(wire.line("SAVE"), simple("OK"));
    daemon.crash();
    daemon.restart();
    assert_eq!(all(&mut daemon.wire()), expected);
    // Redis 7.0 reads our file, saves it, and we read that.
    let place = folder("redis");
    fs::copy(daemon.folder().join("dump.rdb"), place.join("dump.rdb")).unwrap();
    let place_text = place.to_str().unwrap();
    let peer = Peer::redis_server_with(&["--dir", place_text]);
    let mut wire = peer.wire();
    assert_eq!(all(&mut wire), expected);
    assert_eq!(wire.line("SAVE"), simple("OK"));
    drop(peer);
    let again = Daemon::start_in(&place, &["--shards", "2"]);
    assert_eq!(all(&mut again.wire()), expected);
}

/// Deadlines of members, which Redis 7.0 does not know: in small values and in such as are written in parts.
#[test]
fn deadlines_of_members_are_kept() {
    let mut daemon = Daemon::start(&["--shards", "2"]);
    let mut wire = daemon.wire();
    for (size, count) in [("small", 3), ("large", 4000)] {
        for number in 0..count {
            wire.send(&["HSET", &format!("{size} hash"), &format!("field {number}"), "some value"]);
            wire.send(&["SADD", &format!("{size} set"), &format!("some member {number}")]);
            wire.send(&["ZADD", &format!("{size} zset"), "1.5", &format!("some member {number}")]);
            (0..3).for_each(|_| drop(wire.reply()));
        }
        for number in [0, 2] {
            let at = format!("{}", 9_000_000_000_000u64 + number);
            wire.ask(&["HPEXPIREAT", &format!("{size} hash"), &at, "FIELDS", "1", &format!("field {number}")]);
            wire.ask(&["SPEXPIREAT", &format!("{size} set"), &at, "MEMBERS", "1", &format!("some member {number}")]);
            wire.ask(&["ZPEXPIREAT", &format!("{size} zset"), &at, "MEMBERS", "1", &format!("some member {number}")]);
        }
    }
    let look = |wire: &mut Wire| {
        let mut seen = Vec::new();
        for size in ["small", "large"] {
            for (call, key, word, member) in [
                ("HPEXPIRETIME", "hash", "FIELDS", "field"),
                ("SPEXPIRETIME", "set", "MEMBERS", "some member"),
                ("ZPEXPIRETIME", "zset", "MEMBERS", "some member"),
            ] {
                let members: Vec<String> = (0..3).map(|number| format!("{member} {number}")).collect();
                let words = [call, &format!("{size} {key}"), word, "3", &members[0], &members[1], &members[2]];
                seen.push(wire.ask(&words));
            }
        }
        (seen, all(wire))
    };
    let expected = look(&mut wire);
    assert!(
        expected.0.iter().all(|times| *times == Reply::Array([9_000_000_000_000, -1, 9_000_000_000_002].map(Reply::Integer).to_vec())),
        "{:?}",
        expected.0
    );
    assert_eq!(wire.line("SAVE"), simple("OK"));
    daemon.crash();
    daemon.restart();
    assert_eq!(look(&mut daemon.wire()), expected);
}

#[test]
fn files_of_every_version_are_loaded_at_start() {
    let mut names: Vec<PathBuf> = fs::read_dir(data("rdb")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    names.sort();
    assert!(names.len() > 8);
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut shards = InProcess::new(1);
        let loads = shards.load(&fs::read(&path).unwrap(), usize::MAX).is_ok();
        let place = folder(name);
        fs::copy(&path, place.join("dump.rdb")).unwrap();
        if !loads {
            let refusal = refused(&place, &[]);
            assert!(refusal.contains("dump.rdb: ") && refusal.contains("trencadis check"), "{name}: {refusal}");
            continue;
        }
        let mut daemon = Daemon::start_in(&place, &["--shards", "2"]);
        let mut wire = daemon.wire();
        let found = all(&mut wire);
        for ((number, key), (kind, value, _)) in &found {
            shards.database = *number;
            assert_eq!((kind.clone(), value.clone()), contents(&mut shards, key), "{name}: {}", key.escape_ascii());
        }
        let counted: usize = (0..16)
            .map(|number| {
                shards.database = number;
                everything(&mut shards).len()
            })
            .sum();
        assert_eq!(found.len(), counted, "{name}");
        // And written again in our form.
        assert_eq!(wire.line("SAVE"), simple("OK"));
        daemon.crash();
        daemon.restart();
        assert_eq!(all(&mut daemon.wire()), found, "{name}");
    }
}

/// What a daemon says that does not start.
fn refused(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_trencadis"))
        .args(["--port", "0", "--bind", "127.0.0.1"])
        .args(arguments)
        .current_dir(place)
        .stdin(Stdio::null())
        .output()
        .expect("it was built");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_damaged_file_keeps_the_daemon_from_starting() {
    let mut daemon = Daemon::start(&["--shards", "2"]);
    let mut wire = daemon.wire();
    (0..500).for_each(|number| drop(wire.ask(&["SET", &format!("key:{number}"), "a value"])));
    assert_eq!(wire.line("SAVE"), simple("OK"));
    daemon.crash();
    let (place, file) = (daemon.folder().to_owned(), daemon.folder().join("dump.rdb"));
    let sound = fs::read(&file).unwrap();
    let mut bytes = sound.clone();
    bytes[sound.len() / 2] ^= 1;
    for (damage, bytes) in
        [("a bit", bytes), ("the end", sound[..sound.len() - 20].to_vec()), ("all", Vec::new()), ("another", b"hello world".to_vec())]
    {
        fs::write(&file, &bytes).unwrap();
        let refusal = refused(&place, &["--save", ""]);
        let says = format!("trencadis: {}/dump.rdb: ", place.display());
        assert!(refusal.starts_with(&says) && refusal.contains("`trencadis check"), "{damage}: {refusal}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "it is left as it is");
    }
    // What cannot be opened is not taken for nothing.
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(refused(&place, &["--save", ""]).contains("dump.rdb: it cannot be read"));
    fs::remove_dir(&file).unwrap();
    fs::write(&file, &sound).unwrap();
    daemon.restart();
    assert_eq!(daemon.wire().line("DBSIZE"), Reply::Integer(500));
}

#[test]
fn two_daemons_do_not_share_a_directory() {
    let daemon = Daemon::start(&["--save", "3600 1"]);
    let refusal = refused(daemon.folder(), &[]);
    assert!(refusal.contains("another daemon works in this directory"), "{refusal}");
    // One that saves nothing may look on, and still may not save.
    let other = Daemon::start(&["--dir", daemon.folder().to_str().unwrap()]);
    other.await_log("nothing will be saved");
    assert_eq!(other.wire().line("SAVE"), error("ERR"));
    drop(daemon);
}

#[test]
fn replies_are_those_of_redis() {
    for server in [Daemon::start(&["--shards", "2"]), Peer::redis_server()] {
        let mut wire = server.wire();
        assert_eq!(wire.line("SAVE"), simple("OK"));
        let before = wire.line("LASTSAVE");
        assert!(matches!(before, Reply::Integer(seconds) if seconds > 1_700_000_000));
        for (call, expected) in [
            ("SAVE X", "ERR wrong number of arguments for 'save' command"),
            ("BGSAVE X", "ERR syntax error"),
            ("BGSAVE SCHEDULE X", "ERR syntax error"),
            ("LASTSAVE X", "ERR wrong number of arguments for 'lastsave' command"),
            ("SHUTDOWN ABORT", "ERR No shutdown in progress."),
            ("SHUTDOWN ABORT NOW", "ERR syntax error"),
            ("SHUTDOWN SAVE NOSAVE", "ERR syntax error"),
        ] {
            assert_eq!(wire.line(call), error(expected), "{call}");
        }
        wire.line("SET a b");
        assert_eq!(info(&mut wire, "rdb_changes_since_last_save"), "1");
        assert_eq!(wire.line("BGSAVE"), simple("Background saving started"));
        await_save(&mut wire);
        assert_eq!(info(&mut wire, "rdb_changes_since_last_save"), "0");
        assert_eq!(wire.line("BGSAVE SCHEDULE"), simple("Background saving started"));
        await_save(&mut wire);
        for (name, value) in [("loading", "0"), ("rdb_last_bgsave_status", "ok"), ("rdb_current_bgsave_time_sec", "-1"), ("rdb_saves", "3")]
        {
            assert_eq!(info(&mut wire, name), value, "{name}");
        }
        wire.line("MULTI");
        assert_eq!(wire.line("SAVE"), error("ERR Command not allowed inside a transaction"));
        assert!(matches!(wire.line("EXEC"), Reply::Error(_)));
    }
    let ours = Daemon::start(&[]);
    let idle = "ERR Background saving is currently not in progress or scheduled";
    assert_eq!(ours.wire().line("BGSAVE CANCEL"), error(idle));
}

#[test]
fn save_points_save() {
    for server in [Daemon::start(&["--shards", "2"]), Peer::redis_server()] {
        let mut wire = server.wire();
        wire.line("CONFIG SET save \"1 3\"");
        wire.line("MSET a 1 b 2 c 3");
        let started = Instant::now();
        while !server.folder().join("dump.rdb").exists() {
            assert!(started.elapsed() < PATIENCE, "no snapshot is made");
            sleep(Duration::from_millis(20));
        }
        await_save(&mut wire);
        assert_eq!(info(&mut wire, "rdb_changes_since_last_save"), "0");
    }
}

#[test]
fn a_directory_that_is_gone_stops_writes_until_it_is_back() {
    let misconf = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify \
                   the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails \
                   (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    let (ours, theirs) = (folder("gone-ours"), folder("gone-theirs"));
    let servers = [
        (Daemon::start(&["--shards", "2", "--save", "3600 1", "--dir", ours.to_str().unwrap()]), ours),
        (Peer::redis_server_with(&["--save", "3600 1", "--dir", theirs.to_str().unwrap()]), theirs),
    ];
    for (server, place) in servers {
        let mut wire = server.wire();
        assert_eq!(wire.line("SET before 1"), simple("OK"));
        fs::remove_dir_all(&place).unwrap();
        wire.line("BGSAVE");
        let started = Instant::now();
        while info(&mut wire, "rdb_last_bgsave_status") == "ok" {
            assert!(started.elapsed() < PATIENCE, "it cannot succeed");
            sleep(Duration::from_millis(10));
        }
        for call in ["SET a b", "PING", "DEL before", "FLUSHALL"] {
            assert_eq!(wire.line(call), error(misconf), "{call}");
        }
        assert_eq!(wire.line("GET before"), Reply::Bulk(b"1".to_vec()));
        wire.line("MULTI");
        assert_eq!(wire.line("SET a b"), error(misconf));
        assert_eq!(wire.line("EXEC"), error("EXECABORT Transaction discarded because of previous errors."));
        // The setting opens the way, and so does having no save points.
        wire.line("CONFIG SET stop-writes-on-bgsave-error no");
        assert_eq!(wire.line("SET a b"), simple("OK"));
        wire.line("CONFIG SET stop-writes-on-bgsave-error yes");
        assert_eq!(wire.line("SET a b"), error(misconf));
        wire.line("CONFIG SET save \"\"");
        assert_eq!(wire.line("SET a b"), simple("OK"));
        assert_eq!(wire.line("SAVE"), error("ERR"));
        // The end cannot come while the data would be lost, unless somebody insists.
        assert_eq!(wire.line("SHUTDOWN SAVE"), error("ERR Errors trying to SHUTDOWN. Check logs."));
        assert_eq!(wire.line("SET still here"), simple("OK"));
        let mut server = server;
        wire.send(&["SHUTDOWN", "SAVE", "FORCE"]);
        assert!(server.await_end().success());
    }
}

#[test]
fn ends_save_what_they_are_told_to() {
    // How it ends, whether there are save points, and whether the key is there afterwards.
    for (end, points, survives) in [
        ("TERM", "3600 1", true),
        ("INT", "3600 1", true),
        ("TERM", "", false),
        ("SHUTDOWN", "3600 1", true),
        ("SHUTDOWN", "", false),
        ("SHUTDOWN SAVE", "", true),
        ("SHUTDOWN NOSAVE", "3600 1", false),
        ("SHUTDOWN NOW", "3600 1", true),
    ] {
        let mut daemon = Daemon::start(&["--shards", "2", "--save", points]);
        daemon.wire().line("SET key value");
        match end.strip_prefix("SHUTDOWN") {
            Some(_) => daemon.wire().send_raw(format!("{end}\r\n").as_bytes()),
            None => daemon.signal(end),
        }
        assert!(daemon.await_end().success(), "{end}");
        daemon.restart();
        let expected = if survives { Reply::Bulk(b"value".to_vec()) } else { Reply::Nil };
        assert_eq!(daemon.wire().line("GET key"), expected, "{end}, {points:?}");
    }
    let mut daemon = Daemon::start(&["--save", "3600 1", "--shutdown-on-sigterm", "nosave"]);
    daemon.wire().line("SET key value");
    assert!(daemon.stop().success());
    assert!(!daemon.folder().join("dump.rdb").exists());
}

/// What is written while the daemon ends is either not answered or found again.
#[test]
fn nothing_that_was_answered_is_lost_by_the_end() {
    let mut daemon = Daemon::start(&["--shards", "2", "--save", "3600 1"]);
    let port = daemon.port();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            std::thread::spawn(move || {
                let mut wire = Wire::connect(port).expect("it accepts");
                for number in 0u64.. {
                    wire.send(&["SET", &format!("writer:{writer}"), &number.to_string()]);
                    match wire.reply_within(Duration::from_secs(20)) {
                        Some(reply) if reply == b"+OK\r\n" => {}
                        _ => return number,
                    }
                }
                0
            })
        })
        .collect();
    sleep(Duration::from_millis(300));
    assert!(daemon.stop().success());
    let unanswered: Vec<u64> = writers.into_iter().map(|writer| writer.join().expect("no writer panics")).collect();
    daemon.restart();
    let mut wire = daemon.wire();
    for (writer, unanswered) in unanswered.into_iter().enumerate() {
        let Reply::Bulk(found) = wire.line(&format!("GET writer:{writer}")) else { panic!("it wrote something") };
        let found: u64 = String::from_utf8(found).unwrap().parse().unwrap();
        assert!(found + 1 >= unanswered && found <= unanswered, "writer {writer}: {found} found, {unanswered} was not answered");
    }
}

/// Every file has the sum that transfers leave alone, however they go on while it is written.
#[test]
fn a_snapshot_is_of_one_moment_on_all_shards() {
    const ACCOUNTS: u64 = 8;
    let daemon = Daemon::start(&["--shards", "4", "--enable-debug-command", "yes"]);
    let mut wire = daemon.wire();
    (0..ACCOUNTS).for_each(|account| drop(wire.line(&format!("SET account:{account} 1000"))));
    (0..20_000).for_each(|number| wire.send(&["SET", &format!("ballast:{number}"), "so that it takes a while"]));
    (0..20_000).for_each(|_| drop(wire.reply()));
    let port = daemon.port();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let clerk = std::thread::spawn(move || {
        let mut wire = Wire::connect(port).expect("it accepts");
        let mut dice = 12345u64;
        let mut transfers = 0u32;
        while stopped.try_recv().is_err() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (from, to, sum) = (dice >> 33 & (ACCOUNTS - 1), dice >> 43 & (ACCOUNTS - 1), dice >> 53 & 15);
            for call in
                ["MULTI".to_owned(), format!("DECRBY account:{from} {sum}"), format!("INCRBY account:{to} {sum}"), "EXEC".to_owned()]
            {
                wire.send_raw(format!("{call}\r\n").as_bytes());
            }
            (0..4).for_each(|_| drop(wire.reply()));
            transfers += 1;
        }
        transfers
    });
    let mut sums = Vec::new();
    for _ in 0..12 {
        assert_eq!(wire.line("SAVE"), simple("OK"));
        let mut shards = InProcess::new(1);
        shards.load(&fs::read(daemon.folder().join("dump.rdb")).unwrap(), usize::MAX).unwrap();
        let mut sum = 0i64;
        for account in 0..ACCOUNTS {
            let Reply::Bulk(text) = shards.line(&format!("GET account:{account}")) else { panic!("accounts stay") };
            sum += String::from_utf8(text).unwrap().parse::<i64>().unwrap();
        }
        sums.push(sum);
        assert_eq!(shards.line("DBSIZE"), Reply::Integer(20_000 + i64::try_from(ACCOUNTS).unwrap()));
    }
    stop.send(()).unwrap();
    assert!(clerk.join().unwrap() > 100, "transfers went on");
    assert!(sums.iter().all(|&sum| sum == 1000 * i64::try_from(ACCOUNTS).unwrap()), "{sums:?}");
}

/// Crash loops, many more in the long test.
fn crashes() -> u64 {
    std::env::var("TRENCADIS_CRASHES").ok().and_then(|count| count.parse().ok()).unwrap_or(6)
}

#[test]
fn a_kill_while_saving_leaves_the_last_file() {
    let mut daemon = Daemon::start(&["--shards", "2"]);
    for round in 0..crashes() {
        let mut wire = daemon.wire();
        wire.ask(&["SET", "round", &round.to_string()]);
        for number in 0..4000 {
            wire.send(&["SET", &format!("key:{number}"), &format!("value {number} of round {round}, which takes some room")]);
        }
        (0..4000).for_each(|_| drop(wire.reply()));
        assert_eq!(wire.line("SAVE"), simple("OK"));
        // The next one is begun and not finished, or just so.
        wire.line("SET round unfinished");
        wire.send(&["BGSAVE"]);
        sleep(Duration::from_millis(round % 20 * 3));
        daemon.crash();
        daemon.restart();
        let mut wire = daemon.wire();
        let found = wire.line("GET round");
        let (whole, newer) = (Reply::Bulk(round.to_string().into_bytes()), Reply::Bulk(b"unfinished".to_vec()));
        assert!(found == whole || found == newer, "{found}");
        assert_eq!(wire.line("DBSIZE"), Reply::Integer(4001));
    }
}

#[test]
fn a_failing_sync_is_an_error_and_not_a_file() {
    for call in ["fdatasync", "fsync", "rename,renameat,renameat2"] {
        let inject = format!("inject={call}:error=EIO");
        let mut daemon = Daemon::start_under(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], &["--shards", "2"]);
        let mut wire = daemon.wire();
        wire.line("SET a b");
        assert_eq!(wire.line("SAVE"), error("ERR"), "{call}");
        // A name that may not be durable is there all the same; anything else is not.
        assert_eq!(daemon.folder().join("dump.rdb").exists(), call == "fsync");
        assert!(!daemon.folder().join("temp-snapshot.rdb").exists());
        wire.line("BGSAVE");
        await_save(&mut wire);
        assert_eq!(info(&mut wire, "rdb_last_bgsave_status"), "err");
        wire.send(&["SHUTDOWN", "NOSAVE"]);
        daemon.await_end();
    }
}

#[test]
fn a_full_disk_is_told_and_survived() {
    let place = folder("full");
    let script = format!("mount -t tmpfs -o size=256k none {0} && cd {0} && exec \"$0\" \"$@\"", place.display());
    let daemon = Daemon::start_under(&["unshare", "-m", "sh", "-c", &script], &["--shards", "2", "--rdbcompression", "no"]);
    let mut wire = daemon.wire();
    wire.line("SET small 1");
    assert_eq!(wire.line("SAVE"), simple("OK"));
    wire.ask(&[&b"SET"[..], b"large", &vec![b'x'; 1 << 20]]);
    assert_eq!(wire.line("SAVE"), error("ERR"));
    daemon.await_log("No space left on device");
    // What half of it took was given back, so that a smaller one succeeds.
    wire.line("DEL large");
    assert_eq!(wire.line("SAVE"), simple("OK"));
}

#[test]
fn clients_are_told_to_wait_while_data_is_loaded() {
    let mut daemon = Daemon::start(&["--shards", "2"]);
    let mut wire = daemon.wire();
    for chunk in 0..100 {
        (0..1500).for_each(|number| {
            wire.send(&["RPUSH", &format!("list:{chunk}:{number}"), "a", "b", "c", "d", "e", "some longer element", "1", "2"])
        });
        (0..1500).for_each(|_| drop(wire.reply()));
    }
    assert_eq!(wire.line("SAVE"), simple("OK"));
    daemon.crash();
    let port = crate::daemon::free_port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_trencadis"))
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--shards", "2", "--save", ""])
        .current_dir(daemon.folder())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("it was built");
    let (started, mut waits, mut shown) = (Instant::now(), 0, false);
    loop {
        assert!(started.elapsed() < PATIENCE, "it never comes up");
        let Ok(mut wire) = Wire::connect(port) else { continue };
        match wire.line("PING") {
            Reply::Simple(_) => break,
            reply => assert_eq!(reply, error("LOADING Redis is loading the dataset in memory")),
        }
        waits += 1;
        assert_eq!(wire.line("GET list:1:1"), error("LOADING Redis is loading the dataset in memory"));
        if info(&mut wire, "loading") == "1" && info(&mut wire, "loading_total_bytes") != "0" {
            shown = true;
        }
    }
    let mut wire = Wire::connect(port).unwrap();
    assert_eq!(wire.line("DBSIZE"), Reply::Integer(150_000));
    assert_eq!((info(&mut wire, "loading"), info(&mut wire, "rdb_last_load_keys_loaded")), ("0".to_owned(), "150000".to_owned()));
    wire.send(&["SHUTDOWN", "NOSAVE"]);
    let _ = child.wait();
    assert!(waits > 0 && shown, "loading was over before anybody could look: {waits}");
}
