//! What does a server cost that nobody talks to, and a connection that says nothing?

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Outcome;
use crate::options::Options;
use crate::seat::{Recipe, Shards};
use crate::wire::Wire;

pub struct Report {
    pub rows: Vec<Row>,
    connections: u64,
}

pub struct Row {
    pub name: String,
    pub shards: Option<Shards>,
    /// Share of one core, in percent.
    pub cpu_percent: f64,
    pub resident_bytes: u64,
    pub bytes_per_connection: f64,
}

/// Ten thousand connections need as many descriptors, here and in the servers, which inherit our limit. The standard library
/// cannot raise it, the shell can: so this program starts itself again below one that did.
pub fn started_again_with_more_files() -> Outcome<bool> {
    const ENOUGH: u64 = 10_500;
    const MARK: &str = "VERSUS_HAS_MORE_FILES";
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let soft = line.split_whitespace().next().unwrap_or_default();
    if soft == "unlimited" || soft.parse::<u64>().is_ok_and(|soft| soft >= ENOUGH) || std::env::var_os(MARK).is_some() {
        return Ok(false);
    }
    let status = Command::new("sh")
        .args(["-c", &format!("ulimit -n {ENOUGH} || exit 1; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe()?)
        .args(std::env::args().skip(1))
        .env(MARK, "1")
        .status()?;
    if status.success() { Ok(true) } else { Err("the run with more descriptors failed".into()) }
}

pub fn measure(options: &Options) -> Outcome<Report> {
    let (connections, seconds) = if options.quick { (500, 2) } else { (10_000, 10) };
    println!("\n== idle: {seconds} s, then {connections} connections ==\n");
    let mut rows = Vec::new();
    let candidates = [
        (Recipe::ours(options, Shards::Exactly(1)), Some(Shards::Exactly(1))),
        (Recipe::ours(options, Shards::Default), Some(Shards::Default)),
        (Recipe::theirs(options), None),
    ];
    for (recipe, shards) in candidates {
        let recipe = recipe.with("--maxclients 10200");
        let seat = recipe.start()?;
        std::thread::sleep(Duration::from_secs(2));
        let before = seat.cpu();
        std::thread::sleep(Duration::from_secs(seconds));
        let cpu_percent = seat.cpu().since(&before).as_secs_f64() / seconds as f64 * 100.0;
        let resident_bytes = seat.resident_bytes();

        // Every connection has asked once: a buffer that only the first request allocates, and that stays, is part of the price.
        let mut wires = Vec::new();
        for _ in 0..connections {
            let mut wire = Wire::connect(seat.port)?;
            wire.call(&[b"PING"])?;
            wires.push(wire);
        }
        std::thread::sleep(Duration::from_secs(if options.quick { 1 } else { 5 }));
        let bytes_per_connection = seat.resident_bytes().saturating_sub(resident_bytes) as f64 / connections as f64;
        println!(
            "{}: {cpu_percent:.3} % of a core, {:.1} MiB, {bytes_per_connection:.0} bytes per connection",
            recipe.name,
            resident_bytes as f64 / 1_048_576.0
        );
        rows.push(Row { name: recipe.name.clone(), shards, cpu_percent, resident_bytes, bytes_per_connection });
    }
    Ok(Report { rows, connections })
}

impl Report {
    pub fn markdown(&self) -> String {
        let mut text = format!("Each of the {} connections sent one PING and then nothing.\n\n", self.connections);
        text += "| server | CPU, share of a core | resident | resident per idle connection |\n|---|---|---|---|\n";
        for row in &self.rows {
            text += &format!(
                "| {} | {:.3} % | {:.1} MiB | {:.0} bytes |\n",
                row.name,
                row.cpu_percent,
                row.resident_bytes as f64 / 1_048_576.0,
                row.bytes_per_connection
            );
        }
        text
    }
}
