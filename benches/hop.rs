//! What does one hop cost? A message to an actor and its answer by oneshot, within one thread and across two; and what a message that
//! carries many calls saves.
//!
//! `cargo bench --bench hop -- --quick`. The actor is a shard without its data: it takes what has arrived, adds one to every number, and sends
//! each box back. The time is that of all the messages, and `thrpt` counts calls: compare `16 messages of 1` with `1 messages of 16`. Across two
//! threads there is the wake-up besides, which is a system call if the other thread sleeps.

use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, oneshot};

/// Calls in one message, and the way home.
struct Hop {
    calls: Vec<u64>,
    back: oneshot::Sender<Vec<u64>>,
}

/// As long as a shard's mailbox, so that nobody waits for room.
const MAILBOX_MESSAGES_MAX: usize = 1024;
const TURN_MESSAGES_MAX: usize = 64;

async fn actor(mut inbox: mpsc::Receiver<Hop>) {
    let mut messages = Vec::with_capacity(TURN_MESSAGES_MAX);
    while inbox.recv_many(&mut messages, TURN_MESSAGES_MAX).await > 0 {
        for mut hop in messages.drain(..) {
            hop.calls.iter_mut().for_each(|call| *call += 1);
            drop(hop.back.send(hop.calls));
        }
    }
}

/// `rounds` times: all of `boxes` on their way at once, and all home again.
async fn rounds(mailbox: &mpsc::Sender<Hop>, boxes: &mut Vec<Vec<u64>>, rounds: u64) {
    let mut on_the_way = Vec::with_capacity(boxes.len());
    for _ in 0..rounds {
        for calls in boxes.drain(..) {
            let (back, home) = oneshot::channel();
            assert!(mailbox.send(Hop { calls, back }).await.is_ok(), "the actor lives as long as its mailbox");
            on_the_way.push(home);
        }
        for home in on_the_way.drain(..) {
            boxes.push(home.await.expect("the actor answers every hop"));
        }
    }
}

fn runtime() -> LocalRuntime {
    Builder::new_current_thread().build_local(LocalOptions::default()).expect("a runtime without timers and sockets")
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, runtime: &LocalRuntime, mailbox: &mpsc::Sender<Hop>) {
    for (messages, calls) in [(1, 1), (16, 1), (1, 16), (100, 1), (1, 100)] {
        group.throughput(Throughput::Elements(messages * calls));
        group.bench_function(BenchmarkId::from_parameter(format!("{messages} messages of {calls}")), |bencher| {
            bencher.iter_custom(|times| -> Duration {
                let mut boxes: Vec<_> = (0..messages).map(|_| vec![0; usize::try_from(calls).expect("a few calls")]).collect();
                let begin = Instant::now();
                runtime.block_on(rounds(mailbox, &mut boxes, times));
                let elapsed = begin.elapsed();
                assert!(boxes.iter().all(|calls| calls.iter().all(|call| *call == times)), "every call ran every time");
                elapsed
            });
        });
    }
}

fn hops(criterion: &mut Criterion) {
    let here = runtime();
    let (mailbox, inbox) = mpsc::channel(MAILBOX_MESSAGES_MAX);
    here.spawn_local(actor(inbox));
    let mut group = criterion.benchmark_group("within one thread");
    measure(&mut group, &here, &mailbox);
    group.finish();

    let (mailbox, inbox) = mpsc::channel(MAILBOX_MESSAGES_MAX);
    let there = thread::spawn(move || runtime().block_on(actor(inbox)));
    let mut group = criterion.benchmark_group("across two threads");
    measure(&mut group, &here, &mailbox);
    group.finish();
    drop(mailbox);
    there.join().expect("the actor ends when its mailbox does");
}

criterion_group!(benches, hops);
criterion_main!(benches);
