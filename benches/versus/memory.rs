//! How many resident bytes does a small string cost beyond its key and its value?

use std::time::Duration;

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Shards};
use crate::wire::encode;

pub const KEY_BYTES: u64 = 16;
pub const VALUE_BYTES: u64 = 32;

pub struct Report {
    pub rows: Vec<Row>,
    pub keys: u64,
}

pub struct Row {
    pub name: String,
    pub empty_bytes: u64,
    pub full_bytes: u64,
    pub overhead: f64,
}

pub fn measure(options: &Options) -> Outcome<Report> {
    let keys = if options.smoke {
        20_000
    } else if options.quick {
        200_000
    } else {
        1_000_000
    };
    println!("\n== memory: {keys} strings of {KEY_BYTES} + {VALUE_BYTES} bytes ==\n");
    let mut rows = Vec::new();
    for recipe in [Recipe::ours(options, Shards::Exactly(1)), Recipe::ours(options, Shards::Default), Recipe::theirs(options)] {
        let seat = recipe.start()?;
        let mut wire = seat.wire()?;
        std::thread::sleep(Duration::from_millis(if options.smoke { 10 } else { 500 }));
        let empty_bytes = seat.resident_bytes();
        wire.fill(keys, |i, out| encode(out, &[b"SET", format!("key:{i:012}").as_bytes(), format!("{i:>032}").as_bytes()]))?;
        if !options.smoke {
            // Tables that grow in steps are given the time to finish, and allocators to hand back what they hold in between.
            seat.settle();
            std::thread::sleep(Duration::from_secs(2));
            seat.settle();
        }
        let full_bytes = seat.resident_bytes();
        let overhead = full_bytes.saturating_sub(empty_bytes) as f64 / keys as f64 - (KEY_BYTES + VALUE_BYTES) as f64;
        println!("{}: {overhead:.1} bytes over key + value; resident {empty_bytes} empty, {full_bytes} full", recipe.name);
        rows.push(Row { name: recipe.name.clone(), empty_bytes, full_bytes, overhead });
    }
    Ok(Report { rows, keys })
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("{} strings, keys of {KEY_BYTES} and values of {VALUE_BYTES} bytes.\n\n", self.keys);
        text += "| server | bytes over key + value | resident, empty | resident, full |\n|---|---|---|---|\n";
        for row in &self.rows {
            text += &format!(
                "| {} | {:.1} | {:.1} MiB | {:.1} MiB |\n",
                row.name,
                row.overhead,
                row.empty_bytes as f64 / 1_048_576.0,
                row.full_bytes as f64 / 1_048_576.0
            );
        }
        text
    }
}
