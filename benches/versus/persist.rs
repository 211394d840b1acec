//! What does a snapshot cost: time to save and to load, throughput and waits of others meanwhile, and memory?

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::options::Options;
use crate::probe::{self, Waits};
use crate::seat::{Recipe, Seat, Shards};
use crate::spread::Spread;
use crate::wire::{Wire, encode};

pub struct Report {
    rows: Vec<Row>,
    keys: u64,
    fields: u64,
}

struct Row {
    name: String,
    save_seconds: Spread,
    load_seconds: Spread,
    empty_start_ms: Spread,
    /// Calls answered while a snapshot is made over those without, both per second.
    throughput: Spread,
    waits: Waits,
    /// Resident memory at its highest meanwhile over that before. Redis's is what its child copied, as it says itself.
    memory: Spread,
}

/// One server's figures of one round.
struct Round {
    save_seconds: f64,
    load_seconds: f64,
    empty_start_ms: f64,
    throughput: f64,
    waits: probe::Run,
    memory: f64,
}

pub fn measure(options: &Options) -> Outcome<Report> {
    let (keys, fields) = if options.smoke {
        (3000, 1000)
    } else if options.quick {
        (300_000, 100_000)
    } else {
        (2_000_000, 1_000_000)
    };
    println!("\n== snapshots: {keys} keys and a hash of {fields} fields ==\n");
    let mut rows = Vec::new();
    for (number, recipe) in [Recipe::ours(options, Shards::Exactly(2)), Recipe::theirs(options)].into_iter().enumerate() {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            rounds.push(round(&recipe, number == 0, options, keys, fields)?);
        }
        let spread = |of: fn(&Round) -> f64| Spread::of(rounds.iter().map(of).collect());
        let row = Row {
            name: recipe.name.clone(),
            save_seconds: spread(|round| round.save_seconds),
            load_seconds: spread(|round| round.load_seconds),
            empty_start_ms: spread(|round| round.empty_start_ms),
            throughput: spread(|round| round.throughput),
            memory: spread(|round| round.memory),
            waits: Waits::of(&rounds.into_iter().map(|round| round.waits).collect::<Vec<_>>()),
        };
        println!(
            "{}: save {} s, load {} s, empty start {} ms; while saving: throughput {} times, worst wait {} ms (probe overslept {} ms), memory {} times",
            row.name,
            row.save_seconds,
            row.load_seconds,
            row.empty_start_ms,
            row.throughput,
            row.waits.worst_ms,
            row.waits.overslept_ms,
            row.memory
        );
        rows.push(row);
    }
    if let [ours, theirs] = rows.as_slice() {
        println!(
            "ours over theirs: save {:.2}, load {:.2}",
            ours.save_seconds.median / theirs.save_seconds.median,
            ours.load_seconds.median / theirs.load_seconds.median
        );
    }
    Ok(Report { rows, keys, fields })
}

/// A directory that is gone when this is.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn round(recipe: &Recipe, is_ours: bool, options: &Options, keys: u64, fields: u64) -> Outcome<Round> {
    let place = Place(std::env::temp_dir().join(format!("versus-persist-{}-{is_ours}", std::process::id())));
    fs::create_dir_all(&place.0)?;
    let recipe = recipe.clone().with(&format!("--dir {}", place.0.display()));
    let started = Instant::now();
    let seat = recipe.start()?;
    let empty_start_ms = started.elapsed().as_secs_f64() * 1e3;
    let mut wire = seat.wire()?;
    let key = |number: u64| format!("key:{number:012}");
    wire.fill(keys, |i, out| encode(out, &[b"SET", key(i).as_bytes(), format!("{i:032x}").as_bytes()]))?;
    wire.fill(fields, |i, out| encode(out, &[b"HSET", b"hash", format!("field:{i}").as_bytes(), b"value"]))?;
    seat.settle();
    let started = Instant::now();
    wire.call(&[b"SAVE"])?;
    let save_seconds = started.elapsed().as_secs_f64();
    let load = if options.smoke { Duration::from_millis(50) } else { Duration::from_secs_f64(options.seconds * 2.0) };
    let without = under_load(&seat, keys, || {
        std::thread::sleep(load);
        Ok(())
    })?;
    let before = seat.resident_bytes();
    let mut highest = before;
    let mut with = 0.0;
    let waits = probe::during(&seat, key(0).as_bytes(), Duration::ZERO, || {
        with = under_load(&seat, keys, || {
            wire.call(&[b"BGSAVE"])?;
            while info(&mut wire, "rdb_bgsave_in_progress:")? != 0 {
                highest = highest.max(seat.resident_bytes());
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(())
        })?;
        Ok(())
    })?;
    let copied = if is_ours { highest - before } else { info(&mut wire, "rdb_last_cow_size:")? };
    drop(wire);
    drop(seat);
    let started = Instant::now();
    let seat = recipe.start()?;
    let load_seconds = started.elapsed().as_secs_f64();
    drop(seat);
    let memory = (before + copied) as f64 / before.max(1) as f64;
    Ok(Round { save_seconds, load_seconds, empty_start_ms, throughput: with / without, waits, memory })
}

fn info(wire: &mut Wire, field: &str) -> Outcome<u64> {
    let text = String::from_utf8(wire.call(&[b"INFO", b"persistence"])?)?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)).ok_or("INFO lacks a field")?;
    Ok(value.trim().parse()?)
}

/// Calls per second that two writers are answered while `deed` is done: sixteen SETs of random keys at a time each.
fn under_load(seat: &Seat, keys: u64, deed: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    const DEPTH: u64 = 16;
    let (done, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..3u64)
            .map(|writer| {
                let (done, answered) = (&done, &answered);
                scope.spawn(move || -> Result<(), String> {
                    let mut wire = seat.wire().map_err(|error| error.to_string())?;
                    let (mut dice, mut requests) = (writer, Vec::new());
                    while !done.load(Ordering::Relaxed) {
                        requests.clear();
                        for _ in 0..DEPTH {
                            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                            let number = (dice >> 20) % keys;
                            encode(&mut requests, &[b"SET", format!("key:{number:012}").as_bytes(), format!("{dice:032x}").as_bytes()]);
                        }
                        wire.pipeline(&requests, DEPTH as usize).map_err(|error| error.to_string())?;
                        answered.fetch_add(DEPTH, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        let started = Instant::now();
        let outcome = deed();
        let rate = answered.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().map_err(|_| "a writer panicked")??;
        }
        outcome?;
        Ok(rate)
    })
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "Snapshots of {} keys of 16 and 32 bytes and a hash of {} fields, and, while one is made under a load of writes, what that costs others.\n\n",
            self.keys, self.fields
        );
        text += "| server | save, s | load, s | empty start, ms | throughput while saving | worst wait, ms | probe overslept, ms | memory while saving |\n";
        text += "|---|---|---|---|---|---|---|---|\n";
        for row in &self.rows {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.name,
                row.save_seconds,
                row.load_seconds,
                row.empty_start_ms,
                row.throughput,
                row.waits.worst_ms,
                row.waits.overslept_ms,
                row.memory
            );
        }
        text
    }
}
