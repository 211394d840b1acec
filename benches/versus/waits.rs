//! How long does one client wait at worst while another asks for something that touches a million elements or keys?

use std::time::Duration;

use crate::Outcome;
use crate::options::Options;
use crate::probe::{self, Run, Waits};
use crate::seat::{Recipe, Seat, Shards};
use crate::wire::{Wire, encode};

pub struct Report {
    pub rows: Vec<Row>,
    count: u64,
}

pub struct Row {
    pub deed: &'static str,
    pub server: String,
    pub waits: Waits,
}

/// What is done while the probe asks, and what must be there for it.
struct Deed {
    name: &'static str,
    fills: Fill,
    words: &'static [&'static [u8]],
    /// The reply has as many elements as were put there, and is read to its end.
    is_long: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fill {
    Set,
    Keys,
}

const DEEDS: [Deed; 4] = [
    Deed { name: "DEL of a set", fills: Fill::Set, words: &[b"DEL", b"large_set"], is_long: false },
    Deed { name: "SMEMBERS of a set", fills: Fill::Set, words: &[b"SMEMBERS", b"large_set"], is_long: true },
    Deed { name: "KEYS *", fills: Fill::Keys, words: &[b"KEYS", b"key:*"], is_long: true },
    Deed { name: "FLUSHALL", fills: Fill::Keys, words: &[b"FLUSHALL"], is_long: false },
];

/// What a server frees after it has answered, it has freed by then.
const AFTER: Duration = Duration::from_millis(500);
const PROBED: &[u8] = b"probed";

pub fn measure(options: &Options) -> Outcome<Report> {
    let count = if options.smoke {
        5_000
    } else if options.quick {
        100_000
    } else {
        1_000_000
    };
    println!("\n== waits: PING and GET every millisecond while {count} members or keys are deleted, listed, matched, flushed ==\n");
    let recipes = [Recipe::ours(options, Shards::Exactly(1)), Recipe::ours(options, Shards::Default), Recipe::theirs(options)];
    let mut rows = Vec::new();
    for deed in &DEEDS {
        let mut runs: Vec<Vec<Run>> = recipes.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (recipe, runs) in recipes.iter().zip(&mut runs) {
                let after = if options.smoke { Duration::ZERO } else { AFTER };
                runs.push(run(&recipe.start()?, deed, count, after)?);
            }
        }
        for (recipe, runs) in recipes.iter().zip(&runs) {
            let row = Row { deed: deed.name, server: recipe.name.clone(), waits: Waits::of(runs) };
            let waits = &row.waits;
            println!(
                "{}, {}: worst {} ms, half {} ms; it took {} s; probe overslept {} ms",
                row.deed, row.server, waits.worst_ms, waits.p50_ms, waits.seconds, waits.overslept_ms
            );
            rows.push(row);
        }
    }
    Ok(Report { rows, count })
}

fn run(seat: &Seat, deed: &Deed, count: u64, after: Duration) -> Outcome<Run> {
    let mut wire = seat.wire()?;
    wire.call(&[b"SET", PROBED, b"xxxxxxxxxxxxxxxx"])?;
    fill(&mut wire, deed.fills, count)?;
    if !after.is_zero() {
        seat.settle();
    }
    probe::during(seat, PROBED, after, || {
        if !deed.is_long {
            return wire.call(deed.words).map(drop);
        }
        let elements = wire.count_elements(deed.words)?;
        if elements == count { Ok(()) } else { Err(format!("{}: {elements} elements of {count}", deed.name).into()) }
    })
}

fn fill(wire: &mut Wire, what: Fill, count: u64) -> Outcome<()> {
    wire.fill(count, |i, out| match what {
        Fill::Set => encode(out, &[b"SADD", b"large_set", format!("element:{i:012}").as_bytes()]),
        Fill::Keys => encode(out, &[b"SET", format!("key:{i:012}").as_bytes(), b"xxxxxxxxxxxxxxxx"]),
    })
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("Another client's wait in milliseconds while {} members or keys are dealt with at once.\n\n", self.count);
        text += "| deed | server | worst | 99.9 % | half | probe overslept at worst | seconds it took |\n|---|---|---|---|---|---|---|\n";
        for Row { deed, server, waits } in &self.rows {
            text += &format!(
                "| {deed} | {server} | {} | {} | {} | {} | {} |\n",
                waits.worst_ms, waits.p999_ms, waits.p50_ms, waits.overslept_ms, waits.seconds
            );
        }
        text
    }
}
