//! What does a call cost inside a batch? Requests as they come on the wire, taken up, planned, run and answered in this process: all of a
//! call but the socket and the hop.
//!
//! `cargo bench --bench pipeline -- --quick`. The time is that of the whole pipeline, at depths 1, 16 and 100, and `thrpt` counts calls; over
//! 100 000 keys of 16 bytes in random order with values of 3, as redis-benchmark sends them. Depth 1 pays for the batch alone; from 16 on a window of keys is asked for ahead of its turn.
//! With four shards each pipeline is cut into four batches; MGET and MSET of ten keys show what splitting and joining one call cost.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use trencadis::internal::InProcess;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keys of one call of MGET and MSET.
const SEVERAL: usize = 10;

/// How many keys: few when this is only to be seen to work, which is when cargo does not say `--bench`.
fn keys_max() -> usize {
    if std::env::args().any(|argument| argument == "--bench") { 100_000 } else { 1000 }
}

/// Keys in an order that caches and prefetchers cannot guess.
fn shuffled(prefix: &str, count: usize) -> Vec<String> {
    let mut keys: Vec<String> = (0..count).map(|number| format!("{prefix}:{number:012}")).collect();
    let mut state = 1u64;
    for at in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        keys.swap(at, usize::try_from(state >> 33).expect("31 bits fit") % (at + 1));
    }
    keys
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

/// One request for each `each` keys: the name, then every key with `value` behind it.
fn requests(name: &str, keys: &[String], each: usize, value: Option<&str>) -> Vec<Vec<u8>> {
    let words = |keys: &[String]| {
        let mut words = vec![name];
        keys.iter().for_each(|key| words.extend(std::iter::once(&**key).chain(value)));
        request(&words)
    };
    keys.chunks_exact(each).map(words).collect()
}

fn fill(shards: &mut InProcess, keys: &[String], value: &str) {
    for key in keys {
        shards.call(&[b"SET", key.as_bytes(), value.as_bytes()]).expect("SET is for shards");
    }
}

fn depths(criterion: &mut Criterion) {
    let keys = shuffled("key", keys_max());
    let counters = shuffled("num", keys_max());
    for number in [1, 4] {
        let mut shards = InProcess::new(number);
        fill(&mut shards, &keys, "xxx");
        fill(&mut shards, &counters, "0");
        let tests = [
            ("GET", requests("GET", &keys, 1, None)),
            ("SET", requests("SET", &keys, 1, Some("xxx"))),
            ("INCR", requests("INCR", &counters, 1, None)),
            ("MGET of 10", requests("MGET", &keys, SEVERAL, None)),
            ("MSET of 10", requests("MSET", &keys, SEVERAL, Some("xxx"))),
        ];
        for (name, requests) in tests {
            let mut group = criterion.benchmark_group(format!("{name}, {number} shards"));
            for depth in [1, 16, 100] {
                let pipelines: Vec<Vec<u8>> = requests.chunks_exact(depth).map(<[Vec<u8>]>::concat).collect();
                let mut next = pipelines.iter().cycle();
                let mut replies = Vec::new();
                group.throughput(Throughput::Elements(depth as u64));
                group.bench_function(BenchmarkId::from_parameter(depth), |bencher| {
                    bencher.iter(|| {
                        let requests = next.next().expect("a cycle does not end");
                        replies.clear();
                        assert_eq!(shards.pipeline(black_box(requests), &mut replies), depth, "every call is for shards");
                        replies.len()
                    });
                });
                assert!(!replies.is_empty() && replies[0] != b'-', "{}", String::from_utf8_lossy(&replies));
            }
            group.finish();
        }
    }
}

criterion_group!(benches, depths);
criterion_main!(benches);
