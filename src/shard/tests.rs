//! What a shard promises about a single batch: that large values leave it unfreed, and that a batch that may stop does.

use std::sync::Arc;

use super::batch::Manner;
use super::{Batch, Claim, Leave, Shard};
use crate::command::Limits;
use crate::resp::{Protocol, Span};
use crate::session::Registry;
use crate::store::{Keyspace, Part};
use crate::time::UnixMillis;

const NOW: UnixMillis = UnixMillis(1_000_000);

struct Bench {
    registry: Registry,
    shard: Shard,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]))
    }

    fn with(keyspace: Keyspace) -> Bench {
        let registry = Registry::whole();
        let shard = Shard::new(keyspace, Arc::new(Limits::default()), registry.len(), 1, || 0);
        Bench { registry, shard }
    }

    fn batch(&self, calls: &[Vec<String>]) -> Batch {
        self.blocks(&calls.iter().map(|call| (call.clone(), 0)).collect::<Vec<_>>())
    }

    /// Calls, and the number of the transaction that each is of.
    fn blocks(&self, calls: &[(Vec<String>, u8)]) -> Batch {
        let (mut input, mut batch) = (Vec::new(), Batch::default());
        for (call, block) in calls {
            let entry = self.registry.find(call[0].as_bytes()).expect("a command");
            let row = entry.handler.row().unwrap_or_else(|| panic!("{}: not for shards", call[0]));
            let spans: Vec<Span> = call
                .iter()
                .map(|word| {
                    let start = u32::try_from(input.len()).unwrap();
                    input.extend_from_slice(word.as_bytes());
                    Span { start, len: u32::try_from(word.len()).unwrap() }
                })
                .collect();
            batch.push(
                row,
                entry.id,
                Manner { database: 0, protocol: Protocol::Resp2, touches: true, caches: false, block: *block },
                &spans,
            );
        }
        batch.input = Some(Arc::new(input));
        batch
    }

    fn run(&mut self, line: &str) -> Vec<u8> {
        let mut batch = self.batch(&[line.split(' ').map(str::to_owned).collect()]);
        self.shard.run(&mut batch, NOW);
        batch.reply
    }

    /// A call that may wait, as it comes from a session.
    fn wait(&mut self, line: &str) -> Arc<Claim> {
        let (claim, words) = (Claim::new(), line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let whole = self.batch(std::slice::from_ref(&words));
        let entry = self.registry.find(words[0].as_bytes()).expect("a command");
        let mut batch = Box::<Batch>::default();
        let manner = Manner { database: 0, protocol: Protocol::Resp2, touches: true, caches: false, block: 0 };
        batch.push_waiting(entry.handler.row().expect("a data command"), entry.id, manner, whole.args(0).spans(), &claim);
        batch.input = whole.input.clone();
        self.shard.run_or_keep(batch, NOW);
        claim
    }

    /// What those who waited were answered, in the order in which they were.
    fn served(&mut self) -> Vec<(Arc<Claim>, String)> {
        let of = |batch: Box<Batch>| (batch.claim.clone().expect("it waited"), String::from_utf8_lossy(&batch.reply).replace("\r\n", " "));
        self.shard.served().map(of).collect()
    }

    fn fill(&mut self, command: &str, key: &str) {
        let mut words = vec![command.to_owned(), key.to_owned()];
        words.extend((0..20_000).map(|i| i.to_string()));
        let mut batch = self.batch(&[words]);
        self.shard.run(&mut batch, NOW);
        assert!(batch.reply.starts_with(b":"), "{}", String::from_utf8_lossy(&batch.reply));
    }
}

#[test]
fn large_values_are_freed_elsewhere() {
    let mut bench = Bench::new();
    for command in ["RPUSH", "SADD", "HSET", "ZADD"] {
        for end in
            ["DEL large", "UNLINK large", "SET large x", "RENAME small large", "PEXPIREAT large 1", "FLUSHALL", "COPY small large REPLACE"]
        {
            bench.run("FLUSHALL");
            bench.shard.discarded().for_each(drop);
            bench.run("SET small 1");
            bench.fill(command, "large");
            assert!(!bench.shard.has_discarded());
            bench.run(end);
            assert_eq!(bench.shard.discarded().count(), 1, "{command}, {end}");
        }
        bench.fill(command, "mortal");
        bench.run("PEXPIRE mortal 10");
        assert_eq!(bench.shard.sweep(UnixMillis(NOW.0 + 100), 1000), 1);
        assert_eq!(bench.shard.discarded().count(), 1, "{command}, expired");
    }
}

#[test]
fn each_transaction_among_other_calls_is_recorded_whole() {
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [1, 2, 3, 4]);
    keyspace.record(true);
    let mut bench = Bench::with(keyspace);
    let calls = [
        ("SET a 1", 0),
        ("SET b 2", 1),
        ("INCR b", 1),
        ("SET c 3", 2),
        ("GET c", 2),
        ("INCR c", 2),
        ("INCR d", 0),
        ("INCR d", 0),
        ("SET e 1", 3),
    ];
    let mut batch = bench.blocks(&calls.map(|(call, block)| (call.split(' ').map(str::to_owned).collect(), block)));
    bench.shard.run(&mut batch, NOW);
    let record = bench.shard.take_record();
    let written: Vec<u8> = record.pieces().flat_map(|(_, bytes)| bytes.to_vec()).collect();
    let words = String::from_utf8(written).unwrap();
    let words: Vec<&str> = words.lines().filter(|line| !line.starts_with(['*', '$'])).collect();
    let expected = "SET a 1 MULTI SET b 2 INCR b EXEC MULTI SET c 3 INCR c EXEC INCR d INCR d SET e 1";
    assert_eq!(words.join(" "), expected);
}

#[test]
fn a_batch_that_may_stop_stops_behind_its_budget() {
    let mut bench = Bench::new();
    bench.run(&format!("SET large {}", "x".repeat(300_000)));
    let calls: Vec<Vec<String>> = (0..10).map(|_| vec!["GET".to_owned(), "large".to_owned()]).collect();
    let mut batch = bench.batch(&calls);
    bench.shard.run(&mut batch, NOW);
    assert!(batch.is_whole() && batch.ends.len() == 10, "unless it may");
    let mut batch = bench.batch(&calls);
    batch.may_stop = true;
    let mut answered = Vec::new();
    loop {
        bench.shard.run(&mut batch, NOW);
        answered.push(batch.ends.len());
        if batch.is_whole() {
            break;
        }
        batch.go_on();
        assert!(batch.reply.capacity() < 300_000, "what was written is not kept");
    }
    assert_eq!(answered, [4, 4, 2]);
}

#[test]
fn who_waits_is_served_in_the_order_of_arrival() {
    let mut bench = Bench::new();
    let waiting: Vec<Arc<Claim>> =
        (0..4).map(|at| bench.wait(["BLPOP l 0", "BLPOP m l 0", "BRPOP l 0", "BLMOVE l m LEFT LEFT 0"][at])).collect();
    assert!(bench.served().is_empty() && waiting.iter().all(|claim| claim.waits()));
    assert_eq!(waiting[1].leave(), Leave::Now);
    bench.run("RPUSH l a b");
    bench.shard.forget(&waiting[1], NOW);
    let told = |number: usize, text: &str| (number, text.to_owned());
    let served = |bench: &mut Bench| -> Vec<(usize, String)> {
        let number = |claim: &Arc<Claim>| waiting.iter().position(|one| Arc::ptr_eq(one, claim)).expect("one of those who wait");
        bench.served().into_iter().map(|(claim, text)| (number(&claim), text)).collect()
    };
    assert_eq!(served(&mut bench), [told(0, "*2 $1 l $1 a "), told(2, "*2 $1 l $1 b ")]);
    bench.run("SET l wrong");
    bench.run("DEL l");
    assert!(served(&mut bench).is_empty() && waiting[3].waits());
    bench.run("LPUSH l c");
    assert_eq!(served(&mut bench), [told(3, "$1 c ")]);
    assert!(waiting.iter().all(|claim| !claim.waits() && claim.leave() == Leave::AfterAttempt));
    let tally = bench.shard.tally(NOW);
    assert_eq!((tally.waiting, tally.awaited_keys), (0, 0), "nobody is left behind");
    assert_eq!(bench.run("LLEN m"), b":1\r\n");
}

#[test]
fn who_gives_up_is_forgotten() {
    let mut bench = Bench::new();
    let claims: Vec<Arc<Claim>> = (0..100).map(|at| bench.wait(&format!("BLPOP l l{at} 0"))).collect();
    let tally = bench.shard.tally(NOW);
    assert_eq!((tally.waiting, tally.awaited_keys), (100, 101));
    for claim in &claims {
        assert_eq!(claim.leave(), Leave::Now);
        bench.shard.forget(claim, NOW);
    }
    let tally = bench.shard.tally(NOW);
    assert_eq!((tally.waiting, tally.awaited_keys), (0, 0));
    bench.run("RPUSH l a");
    assert!(bench.served().is_empty());
    assert_eq!(bench.run("LLEN l"), b":1\r\n");
}
