//! What does growing cost? The longest single insert on the way to five million keys, and the bytes a key takes at each size.
//!
//! `cargo bench --bench growth [-- KEYS]`. Keys of 16 bytes, values of 32. "table" is what the database counts besides its entries,
//! "resident" what the process holds over its start, less key and value: the figure of design.md. Every run does the same work at the same
//! insert, so the times given are the shortest of three runs for each: what other programs took of the machine is not in them.

use std::time::Instant;

use tikv_jemalloc_ctl::{epoch, stats};
use trencadis::internal::store::{Keep, Keyspace, Part};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const VALUE: &[u8; 32] = b"value:0123456789:abcdefghijklmno";
const ENTRY_BYTES: usize = 64;
const KEYS: usize = 5_000_000;
/// What a run in the tests takes.
const KEYS_SMALL: usize = 20_000;

fn resident() -> usize {
    epoch::advance().and_then(|_| stats::resident::read()).expect("jemalloc is this program's allocator, with its statistics")
}

/// Runs of which the shortest time counts.
const RUNS: usize = 3;

fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// Nanoseconds that a call takes.
fn timed(call: impl FnOnce()) -> u32 {
    let before = Instant::now();
    call();
    u32::try_from(before.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// Fills an empty keyspace and empties it again. Keeps the shortest time of each call; prints what keys take, if asked to.
fn run(inserts: &mut [u32], removals: &mut [u32], print: bool) -> usize {
    let mut keyspace = Keyspace::new(1, Part { index: 0, of: 1 }, [11, 22, 33, 44]);
    let start = resident();
    let (mut samples, mut tables, mut report) = (0usize, 0.0, 1000);
    let keys = inserts.len();
    for (number, shortest) in inserts.iter_mut().enumerate() {
        let key = key(number);
        let hash = keyspace.hash(&key);
        *shortest = (*shortest).min(timed(|| {
            keyspace.database_mut(0).set_text(hash, &key, VALUE, Keep::Clear);
        }));
        let count = number + 1;
        if !print || count < 1000 {
            continue;
        }
        let table = || (keyspace.database(0).bytes() - count * ENTRY_BYTES) as f64 / count as f64;
        if count.is_multiple_of(count / 1000) {
            samples += 1;
            tables += table();
        }
        if count == report || count == keys {
            let over = resident().saturating_sub(start) as f64 / count as f64 - 48.0;
            println!("{count:>9} {:>12.2} {:>14.2} {over:>18.2}", table(), tables / samples.max(1) as f64);
            report = report * 3 / 2;
        }
    }
    // The way back: segments join and the directory halves.
    for (number, shortest) in removals.iter_mut().enumerate() {
        let key = key(number);
        let hash = keyspace.hash(&key);
        *shortest = (*shortest).min(timed(|| {
            keyspace.database_mut(0).remove(hash, &key);
        }));
    }
    keyspace.database(0).bytes()
}

fn print_longest(what: &str, mut times: Vec<u32>) {
    times.sort_unstable_by(|one, other| other.cmp(one));
    let micros = |rank: usize| f64::from(times[rank]) / 1000.0;
    let mean = times.iter().map(|&time| f64::from(time)).sum::<f64>() / times.len() as f64;
    println!(
        "{what}: mean {mean:.0} ns with the clock's own time; longest {:.0}, {:.0}, {:.0} us; 10th {:.0}, 100th {:.0}, 1000th {:.0} us",
        micros(0),
        micros(1),
        micros(2),
        micros(9),
        micros(99),
        micros(999)
    );
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` says --bench; without it this is a test.
    let number = words.iter().find_map(|word| word.parse().ok());
    let keys = number.unwrap_or(if words.iter().any(|word| word == "--bench") { KEYS } else { KEYS_SMALL }).max(KEYS_SMALL);
    let (mut inserts, mut removals) = (vec![u32::MAX; keys], vec![u32::MAX; keys]);
    println!("{:>9} {:>12} {:>14} {:>18}", "keys", "table B/key", "table mean", "resident over k+v");
    let mut left = 0;
    for turn in 0..RUNS {
        left = run(&mut inserts, &mut removals, turn == 0);
    }
    print_longest("insert", inserts);
    print_longest("remove", removals);
    println!("{left} bytes left of the emptied database");
}
