//! What does one key cost a shard? Hash and call together, keys of 16 bytes and values of 32, met in random order.
//!
//! `cargo bench --bench store -- --quick`. With 10 000 keys everything lies in the second cache, with 100 000 the tables do, and with
//! 1 000 000 each call waits for a line of the table and one of the entry; `prefetched` is how a batch hides that.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use trencadis::internal::store::{Keep, Keyspace, Part};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const VALUE: &[u8; 32] = b"value:0123456789:abcdefghijklmno";
/// Commands of one pipelined batch.
const BATCH: usize = 16;

fn empty() -> Keyspace {
    Keyspace::new(1, Part { index: 0, of: 1 }, [11, 22, 33, 44])
}

fn key(number: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Keys in an order that caches and prefetchers cannot guess (a full cycle of a linear congruence, then spread).
fn shuffled(count: usize) -> Vec<[u8; 16]> {
    let mut keys: Vec<_> = (0..count).map(key).collect();
    let mut state = 1u64;
    for at in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        keys.swap(at, (state >> 33) as usize % (at + 1));
    }
    keys
}

fn filled(keys: &[[u8; 16]]) -> Keyspace {
    let mut keyspace = empty();
    for key in keys {
        let hash = keyspace.hash(key);
        keyspace.database_mut(0).set_text(hash, key, VALUE, Keep::Clear);
    }
    keyspace
}

fn calls(criterion: &mut Criterion) {
    for count in [10_000, 100_000, 1_000_000] {
        let keys = shuffled(count);
        let mut keyspace = filled(&keys);
        let mut group = criterion.benchmark_group(format!("{count}"));
        let mut at = 0;
        let mut next = move || {
            at = if at + 1 < count { at + 1 } else { 0 };
            at
        };
        group.bench_function("hash", |bencher| bencher.iter(|| keyspace.hash(black_box(&keys[next()]))));
        group.bench_function("get", |bencher| {
            bencher.iter(|| {
                let key = &keys[next()];
                let hash = keyspace.hash(key);
                keyspace.database(0).find(hash, key).and_then(|entry| entry.text()).map(|text| text.len())
            });
        });
        group.bench_function("miss", |bencher| {
            bencher.iter(|| {
                let mut key = keys[next()];
                key[0] = b'x';
                let hash = keyspace.hash(&key);
                keyspace.database(0).find(hash, &key).is_some()
            });
        });
        group.bench_function("set same size", |bencher| {
            bencher.iter(|| {
                let key = &keys[next()];
                let hash = keyspace.hash(key);
                keyspace.database_mut(0).set_text(hash, key, black_box(VALUE), Keep::Clear).is_some()
            });
        });
        group.bench_function("get prefetched, 16", |bencher| {
            bencher.iter(|| {
                let mut batch = [(0u64, 0usize); BATCH];
                for slot in &mut batch {
                    let at = next();
                    *slot = (keyspace.hash(&keys[at]), at);
                    keyspace.database(0).prefetch(slot.0);
                }
                for slot in &batch {
                    keyspace.database(0).prefetch_entry(slot.0);
                }
                batch.iter().filter(|slot| keyspace.database(0).find(slot.0, &keys[slot.1]).is_some()).count()
            });
        });
        for key in &keys {
            let hash = keyspace.hash(key);
            keyspace.database_mut(0).set_text(hash, key, b"0", Keep::Clear);
        }
        group.bench_function("incr", |bencher| {
            bencher.iter(|| {
                let key = &keys[next()];
                let hash = keyspace.hash(key);
                if let Some(mut entry) = keyspace.database_mut(0).find_mut(hash, key)
                    && let Some(number) = entry.integer_mut()
                {
                    *number = number.wrapping_add(1);
                }
            });
        });
        group.finish();
    }
    let keys = shuffled(100_000);
    criterion.bench_function("insert 100000, freeing included", |bencher| {
        bencher.iter_batched(|| (), |()| filled(&keys).database(0).len(), BatchSize::PerIteration);
    });
}

criterion_group!(benches, calls);
criterion_main!(benches);
