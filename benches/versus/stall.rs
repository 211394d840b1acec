//! How long does one client wait at worst while another loads five million keys?
//!
//! The machine itself makes a thread wait now and then. The probe sleeps about a millisecond between its questions; by how much
//! it overslept at worst is printed beside the waits, as what cannot be the server's doing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Seat, Shards};
use crate::spread::Spread;
use crate::wire::encode;

pub struct Report {
    pub rows: Vec<Row>,
    keys: u64,
}

pub struct Row {
    pub name: String,
    pub worst_ms: Spread,
    p999_ms: Spread,
    p50_ms: Spread,
    overslept_ms: Spread,
    load_seconds: Spread,
}

struct Run {
    waits_ms: Vec<f64>,
    overslept_ms: f64,
    load_seconds: f64,
}

pub fn measure(options: &Options) -> Outcome<Report> {
    let keys = if options.quick { 300_000 } else { 5_000_000 };
    println!("\n== stall: PING and GET every millisecond while {keys} keys are loaded ==\n");
    let recipes = [Recipe::ours(options, Shards::Exactly(1)), Recipe::ours(options, Shards::Default), Recipe::theirs(options)];
    let mut runs: Vec<Vec<Run>> = recipes.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (recipe, runs) in recipes.iter().zip(&mut runs) {
            runs.push(run(&recipe.start()?, keys)?);
        }
    }
    let rows: Vec<Row> = recipes.iter().zip(&runs).map(|(recipe, runs)| Row::of(&recipe.name, runs)).collect();
    for row in &rows {
        println!(
            "{}: worst {} ms, 99.9 % {} ms, half {} ms; probe overslept {} ms",
            row.name, row.worst_ms, row.p999_ms, row.p50_ms, row.overslept_ms
        );
    }
    Ok(Report { rows, keys })
}

fn run(seat: &Seat, keys: u64) -> Outcome<Run> {
    const PAUSE: Duration = Duration::from_millis(1);
    let mut loader = seat.wire()?;
    let mut probe = seat.wire()?;
    let loaded = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<(Vec<f64>, f64), String> {
            let (mut waits_ms, mut overslept) = (Vec::new(), Duration::ZERO);
            while !loaded.load(Ordering::Relaxed) {
                let asleep = Instant::now();
                std::thread::sleep(PAUSE);
                overslept = overslept.max(asleep.elapsed().saturating_sub(PAUSE));
                let question: &[&[u8]] = if waits_ms.len() % 2 == 0 { &[b"PING"] } else { &[b"GET", b"key:000000000000"] };
                let asked = Instant::now();
                probe.call(question).map_err(|error| error.to_string())?;
                waits_ms.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            Ok((waits_ms, overslept.as_secs_f64() * 1e3))
        });
        let filled = loader.fill(keys, |i, out| encode(out, &[b"SET", format!("key:{i:012}").as_bytes(), b"xxxxxxxxxxxxxxxx"]));
        loaded.store(true, Ordering::Relaxed);
        let (waits_ms, overslept_ms) = asking.join().map_err(|_| "the probe panicked")??;
        filled?;
        Ok(Run { waits_ms, overslept_ms, load_seconds: started.elapsed().as_secs_f64() })
    })
}

impl Row {
    fn of(name: &str, runs: &[Run]) -> Row {
        let at = |share: f64| {
            Spread::of(
                runs.iter()
                    .map(|run| {
                        let mut waits = run.waits_ms.clone();
                        waits.sort_by(f64::total_cmp);
                        waits.get(((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1))).copied().unwrap_or(0.0)
                    })
                    .collect(),
            )
        };
        Row {
            name: name.to_owned(),
            worst_ms: at(1.0),
            p999_ms: at(0.999),
            p50_ms: at(0.5),
            overslept_ms: Spread::of(runs.iter().map(|run| run.overslept_ms).collect()),
            load_seconds: Spread::of(runs.iter().map(|run| run.load_seconds).collect()),
        }
    }
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("Another client's wait in milliseconds while {} keys are loaded.\n\n", self.keys);
        text += "| server | worst | 99.9 % | half | probe overslept at worst | seconds to load |\n|---|---|---|---|---|---|\n";
        for row in &self.rows {
            text += &format!(
                "| {} | {} | {} | {} | {} | {} |\n",
                row.name, row.worst_ms, row.p999_ms, row.p50_ms, row.overslept_ms, row.load_seconds
            );
        }
        text
    }
}
