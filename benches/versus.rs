//! How does trencadis compare with Debian's redis-server, side by side on one machine?
//!
//! Both servers are started on free loopback ports and driven in turn (ours, theirs, ours, theirs, ..) by redis-benchmark;
//! what is reported are ratios of medians, since absolute times mean nothing on a shared machine. Beside throughput stands
//! the CPU time the server spent per request, which does not depend on how much of the machine the load program took.
//!
//! ```text
//! cargo bench --bench versus                              the default set, depths 1, 16, 100, one shard
//! cargo bench --bench versus -- --tests set,get --depths 16 --rounds 5
//! cargo bench --bench versus -- --shards default          as many shards as the daemon chooses
//! cargo bench --bench versus -- --scaling                 our two shards against our one
//! cargo bench --bench versus -- --memory | --idle | --stall | --fanout
//! cargo bench --bench versus -- --large               values of a million elements, depth 16
//! cargo bench --bench versus -- --collections         memory of small collections and of a large one
//! cargo bench --bench versus -- --waits               the wait of others while a million members or keys are dealt with
//! cargo bench --bench versus -- --persist             snapshots: time, waits, throughput and memory meanwhile
//! cargo bench --bench versus -- --all --write             everything, and docs/benchmarks.md with its plots
//! ```
//!
//! `--quick` makes every run small, `--ours PATH` and `--theirs PATH` put any binary into a seat, `--seconds S` is how long a
//! run aims to last, `--keep-going` continues when a server refuses a test. Under `cargo test` a few thousand requests run, so
//! that this program does not rot, and nothing is said about time.

#[path = "versus/bars.rs"]
mod bars;
#[path = "versus/collections.rs"]
mod collections;
#[path = "versus/fanout.rs"]
mod fanout;
#[path = "versus/idle.rs"]
mod idle;
#[path = "versus/load.rs"]
mod load;
#[path = "versus/memory.rs"]
mod memory;
#[path = "versus/options.rs"]
mod options;
#[path = "versus/page.rs"]
mod page;
#[path = "versus/persist.rs"]
mod persist;
#[path = "versus/plot.rs"]
mod plot;
#[path = "versus/probe.rs"]
mod probe;
#[path = "versus/seat.rs"]
mod seat;
#[path = "versus/spread.rs"]
mod spread;
#[path = "versus/stall.rs"]
mod stall;
#[path = "versus/waits.rs"]
mod waits;
#[path = "versus/wire.rs"]
mod wire;

use std::error::Error;
use std::process::ExitCode;

use options::{Mode, Options};
use seat::{Recipe, Shards};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versus: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    if options.modes.contains(&Mode::Idle) && idle::started_again_with_more_files()? {
        return Ok(());
    }
    let mut verdicts = bars::Verdicts::default();
    let mut page = page::Page::default();
    for mode in &options.modes {
        let from = verdicts.count();
        match mode {
            Mode::Load(shards) => {
                let (ours, theirs) = (Recipe::ours(&options, *shards), Recipe::theirs(&options));
                let name = format!("load-{}", shards.label().replace(' ', "-"));
                println!("\n== {} against {} ==\n", ours.name, theirs.name);
                let report = load::duel(&options, &ours, &theirs, &options.tests, &options.depths)?;
                verdicts.load(*shards, &report);
                page.add(&name, report.markdown() + &verdicts.markdown(from));
                page.plot(&name, plot::ratios(&report, &ours.name, &theirs.name));
            }
            Mode::Scaling => {
                let (two, one) = (Recipe::ours(&options, Shards::Exactly(2)), Recipe::ours(&options, Shards::Exactly(1)));
                println!("\n== two shards against one ==\n");
                let tests = options.tests.iter().filter(|test| matches!(test.name, "set" | "get" | "incr")).copied().collect::<Vec<_>>();
                let report = load::duel(&options, &two, &one, &tests, &options.depths)?;
                verdicts.scaling(&report);
                page.add("scaling", report.markdown() + &verdicts.markdown(from));
            }
            Mode::Memory => {
                let report = memory::measure(&options)?;
                verdicts.memory(&report);
                page.add("memory", report.markdown() + &verdicts.markdown(from));
                page.plot("memory", plot::memory(&report));
            }
            Mode::Idle => {
                let report = idle::measure(&options)?;
                verdicts.idle(&report);
                page.add("idle", report.markdown() + &verdicts.markdown(from));
            }
            Mode::Stall => {
                let report = stall::measure(&options)?;
                verdicts.stall(&report);
                page.add("stall", report.markdown() + &verdicts.markdown(from));
            }
            Mode::Fanout => {
                let report = fanout::measure(&options)?;
                verdicts.fanout(&report);
                page.add("fanout", report.markdown() + &verdicts.markdown(from));
            }
            Mode::Large => {
                let (ours, theirs) = (Recipe::ours(&options, Shards::Exactly(1)), Recipe::theirs(&options));
                println!("\n== large values: {} against {} ==\n", ours.name, theirs.name);
                let report = load::duel(&options, &ours, &theirs, &load::LARGE_TESTS, &[load::LARGE_DEPTH])?;
                page.add("large", report.markdown());
                page.plot("large", plot::ratios(&report, &ours.name, &theirs.name));
            }
            Mode::Collections => {
                let report = collections::measure(&options)?;
                page.add("collections", report.markdown());
                page.plot("collections", plot::collections(&report));
            }
            Mode::Waits => {
                let report = waits::measure(&options)?;
                page.add("waits", report.markdown());
                page.plot("waits", plot::waits(&report));
            }
            Mode::Persist => {
                let report = persist::measure(&options)?;
                page.add("persist", report.markdown());
            }
        }
    }
    if options.smoke {
        return Ok(());
    }
    if verdicts.count() > 0 {
        print!("{}", verdicts.text());
    }
    if options.write {
        page.write()?;
    }
    Ok(())
}
