//! How long does one client wait at worst while another loads five million keys?

use std::time::Duration;

use crate::Outcome;
use crate::options::Options;
use crate::probe::{self, Run, Waits};
use crate::seat::{Recipe, Seat, Shards};
use crate::wire::encode;

pub struct Report {
    pub rows: Vec<Row>,
    keys: u64,
}

pub struct Row {
    pub name: String,
    pub waits: Waits,
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
    let rows: Vec<Row> =
        recipes.iter().zip(&runs).map(|(recipe, runs)| Row { name: recipe.name.clone(), waits: Waits::of(runs) }).collect();
    for Row { name, waits } in &rows {
        println!(
            "{name}: worst {} ms, 99.9 % {} ms, half {} ms; probe overslept {} ms",
            waits.worst_ms, waits.p999_ms, waits.p50_ms, waits.overslept_ms
        );
    }
    Ok(Report { rows, keys })
}

fn run(seat: &Seat, keys: u64) -> Outcome<Run> {
    let mut loader = seat.wire()?;
    probe::during(seat, b"key:000000000000", Duration::ZERO, || {
        loader.fill(keys, |i, out| encode(out, &[b"SET", format!("key:{i:012}").as_bytes(), b"xxxxxxxxxxxxxxxx"]))
    })
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("Another client's wait in milliseconds while {} keys are loaded.\n\n", self.keys);
        text += "| server | worst | 99.9 % | half | probe overslept at worst | seconds to load |\n|---|---|---|---|---|---|\n";
        for Row { name, waits } in &self.rows {
            text += &format!(
                "| {name} | {} | {} | {} | {} | {} |\n",
                waits.worst_ms, waits.p999_ms, waits.p50_ms, waits.overslept_ms, waits.seconds
            );
        }
        text
    }
}
