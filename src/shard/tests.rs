//! What a shard promises about a single batch: that large values leave it unfreed, and that a batch that may stop does.

use std::sync::Arc;

use super::batch::Manner;
use super::{Batch, Shard};
use crate::command::Limits;
use crate::resp::{Protocol, Span};
use crate::session::{Handler, Registry};
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
            let Handler::Data(row) = entry.handler else { panic!("{}: not for shards", call[0]) };
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
