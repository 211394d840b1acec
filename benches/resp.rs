//! What does the protocol cost per command: one request out of the read buffer, one reply into the write buffer?
//!
//! At a pipeline depth of 100 there is hardly anything else to pay for, so these are the figures to watch: 25 ns for a SET of three
//! words, 8 ns for a bulk reply.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

// Included and not imported: the crate does not export its protocol, and the protocol imports nothing of the crate.
#[allow(dead_code, unused_imports)]
#[path = "../src/resp/mod.rs"]
mod resp;

use resp::number::{DOUBLE_BYTES_MAX, add_long_double, format_double, parse_double};
use resp::{Decoder, Limits, Protocol, Reply};

/// Requests of one pipelined read.
const DEPTH: usize = 100;

fn decode(c: &mut Criterion) {
    let set: String = (0..DEPTH).map(|index| format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{index:012}\r\n$3\r\nxxx\r\n")).collect();
    let get: String = (0..DEPTH).map(|index| format!("*2\r\n$3\r\nGET\r\n$16\r\nkey:{index:012}\r\n")).collect();
    let inline = "PING\r\n".repeat(DEPTH);
    let large = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\n{}\r\n", "v".repeat(1000)).repeat(DEPTH);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(DEPTH as u64));
    for (name, bytes) in [("set", &set), ("get", &get), ("ping_inline", &inline), ("set_1000_bytes", &large)] {
        let mut buffer = bytes.clone().into_bytes();
        let (mut decoder, mut words, limits) = (Decoder::new(), Vec::new(), Limits::default());
        group.bench_function(name, |b| {
            b.iter(|| {
                words.clear();
                let mut at = 0;
                while let Ok(Some(end)) = decoder.next(black_box(&mut buffer), at, &limits, &mut words) {
                    at = end;
                }
                assert_eq!(at, buffer.len());
                words.len()
            });
        });
    }
    // Where every read tears a request apart, the careful reader does all of the work.
    group.bench_function("set_torn", |b| {
        let (mut decoder, mut words, limits) = (Decoder::new(), Vec::new(), Limits::default());
        let request = &set[..set.len() / DEPTH];
        b.iter_batched_ref(
            || request.as_bytes().to_vec(),
            |buffer| {
                for _ in 0..DEPTH {
                    words.clear();
                    let half = buffer.len() / 2;
                    assert_eq!(decoder.next(&mut buffer[..half], 0, &limits, &mut words), Ok(None));
                    assert_eq!(decoder.next(buffer, 0, &limits, &mut words), Ok(Some(buffer.len())));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn reply(c: &mut Criterion) {
    let mut out = Vec::new();
    let mut group = c.benchmark_group("reply");
    group.throughput(Throughput::Elements(DEPTH as u64));
    let mut bench = |name: &str, write: &dyn Fn(&mut Reply<'_>)| {
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                let mut reply = Reply::new(&mut out, Protocol::Resp2);
                write(&mut reply);
                black_box(reply.mark())
            });
        });
    };
    bench("ok", &|reply| (0..DEPTH).for_each(|_| reply.ok()));
    bench("bulk_3_bytes", &|reply| (0..DEPTH).for_each(|_| reply.bulk(black_box(b"xxx"))));
    bench("bulk_32_bytes", &|reply| (0..DEPTH).for_each(|_| reply.bulk(black_box(b"abcdefghijklmnopqrstuvwxyz012345"))));
    bench("bulk_1000_bytes", &|reply| (0..DEPTH).for_each(|_| reply.bulk(black_box(&[b'x'; 1000]))));
    bench("integer_small", &|reply| (0..DEPTH).for_each(|_| reply.integer(black_box(1))));
    bench("integer", &|reply| (0..DEPTH).for_each(|_| reply.integer(black_box(1_234_567))));
    bench("null", &|reply| (0..DEPTH).for_each(|_| reply.null()));
    group.finish();
}

fn numbers(c: &mut Criterion) {
    let mut group = c.benchmark_group("number");
    let mut scratch = [0; DOUBLE_BYTES_MAX];
    group.bench_function("format_double_integer", |b| b.iter(|| format_double(black_box(1_234_567.0), &mut scratch).len()));
    group.bench_function("format_double_fraction", |b| b.iter(|| format_double(black_box(0.1), &mut scratch).len()));
    group.bench_function("parse_double", |b| b.iter(|| parse_double(black_box(b"1234.5678"))));
    group.bench_function("add_long_double", |b| b.iter(|| add_long_double(black_box(b"1234.5678"), black_box(b"0.1"))));
    group.finish();
}

criterion_group!(benches, decode, reply, numbers);
criterion_main!(benches);
