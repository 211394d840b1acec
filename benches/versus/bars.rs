//! The bars trencadis holds itself to, and whether this run met them.

use std::fmt::Write as _;

use crate::load::{Report as LoadReport, TESTS};
use crate::seat::Shards;
use crate::{fanout, idle, memory, stall};

#[derive(Default)]
pub struct Verdicts(Vec<Verdict>);

struct Verdict {
    bar: String,
    measured: String,
    holds: bool,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const CHIEF: [&str; 3] = ["set", "get", "incr"];
/// CPU per request of one shard against theirs.
const CHIEF_CPU: [(u32, f64); 3] = [(1, 0.95), (16, 0.45), (100, 0.30)];
const CHIEF_THROUGHPUT: [(u32, f64); 2] = [(16, 1.8), (100, 2.5)];
const DEFAULT_SHARDS_THROUGHPUT: [(u32, f64); 2] = [(16, 1.4), (100, 2.0)];
const WHOLE_SET_CPU: [(u32, f64); 2] = [(1, 1.0), (16, 0.7)];
const TWO_SHARDS_CPU: (u32, f64) = (16, 1.35);
const STRING_OVERHEAD_BYTES: f64 = 40.0;
const STALL_MS: f64 = 10.0;
const FANOUT_RATIO: f64 = 1.2;
const IDLE_CPU_PERCENT: f64 = 0.2;
const IDLE_RESIDENT_MIB: f64 = 15.0;
const IDLE_CONNECTION_KIB: f64 = 8.0;

impl Verdicts {
    pub fn load(&mut self, shards: Shards, report: &LoadReport) {
        let throughput = match shards {
            Shards::Exactly(1) => {
                for (depth, most) in CHIEF_CPU {
                    self.ratios("CPU", shards, report, &CHIEF, depth, Bound::AtMost(most));
                }
                let whole: Vec<&str> = TESTS.iter().map(|test| test.name).filter(|name| !CHIEF.contains(name)).collect();
                for (depth, most) in WHOLE_SET_CPU {
                    self.ratios("CPU", shards, report, &whole, depth, Bound::AtMost(most));
                }
                CHIEF_THROUGHPUT
            }
            Shards::Default => DEFAULT_SHARDS_THROUGHPUT,
            Shards::Exactly(_) => return,
        };
        for (depth, least) in throughput {
            self.ratios("throughput", shards, report, &CHIEF, depth, Bound::AtLeast(least));
        }
    }

    fn ratios(&mut self, what: &str, shards: Shards, report: &LoadReport, tests: &[&str], depth: u32, bound: Bound) {
        for row in tests.iter().filter_map(|test| report.row(test, depth)) {
            let ratio = if what == "CPU" { row.cpu } else { row.throughput };
            self.judge(format!("{what} ratio of {}, depth {depth}, {}", row.test, shards.label()), ratio.median, bound, "");
        }
    }

    pub fn scaling(&mut self, report: &LoadReport) {
        let (depth, most) = TWO_SHARDS_CPU;
        for row in CHIEF.iter().filter_map(|test| report.row(test, depth)) {
            self.judge(format!("CPU ratio of two shards over one, {}, depth {depth}", row.test), row.cpu.median, Bound::AtMost(most), "");
        }
    }

    pub fn memory(&mut self, report: &memory::Report) {
        // The last row is the peer's.
        for row in &report.rows[..report.rows.len() - 1] {
            let bar = format!("memory over key + value, {}", row.name);
            self.judge(bar, row.overhead, Bound::AtMost(STRING_OVERHEAD_BYTES), " bytes");
        }
    }

    pub fn idle(&mut self, report: &idle::Report) {
        for row in report.rows.iter().filter(|row| row.shards.is_some()) {
            self.judge(format!("idle CPU, {}", row.name), row.cpu_percent, Bound::AtMost(IDLE_CPU_PERCENT), " %");
            let mebibytes = row.resident_bytes as f64 / 1_048_576.0;
            self.judge(format!("resident when idle, {}", row.name), mebibytes, Bound::AtMost(IDLE_RESIDENT_MIB), " MiB");
            let kibibytes = row.bytes_per_connection / 1024.0;
            self.judge(format!("an idle connection, {}", row.name), kibibytes, Bound::AtMost(IDLE_CONNECTION_KIB), " KiB");
        }
    }

    pub fn stall(&mut self, report: &stall::Report) {
        for row in &report.rows[..report.rows.len() - 1] {
            let bar = format!("worst wait while keys are loaded, {}", row.name);
            self.judge(bar, row.waits.worst_ms.median, Bound::AtMost(STALL_MS), " ms");
        }
    }

    pub fn fanout(&mut self, report: &fanout::Report) {
        for row in &report.rows {
            let bar = format!("messages to many subscribers per CPU second, {}", row.label());
            self.judge(bar, row.ratio.median, Bound::AtLeast(FANOUT_RATIO), " times");
        }
    }

    fn judge(&mut self, bar: String, value: f64, bound: Bound, unit: &str) {
        let (holds, wanted) = match bound {
            Bound::AtMost(most) => (value <= most, format!("at most {most}{unit}")),
            Bound::AtLeast(least) => (value >= least, format!("at least {least}{unit}")),
        };
        self.0.push(Verdict { bar: format!("{bar}: {wanted}"), measured: format!("{value:.2}{unit}"), holds });
    }

    pub fn text(&self) -> String {
        let mut text = String::from("\n== the bars ==\n\n");
        for verdict in &self.0 {
            let _ = writeln!(text, "{}  {}; measured {}", if verdict.holds { "holds " } else { "MISSED" }, verdict.bar, verdict.measured);
        }
        let missed = self.0.iter().filter(|verdict| !verdict.holds).count();
        let _ = writeln!(text, "\n{} of {} bars hold", self.0.len() - missed, self.0.len());
        text
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The verdicts that were added after the first `from`: those of one section of the page.
    pub fn markdown(&self, from: usize) -> String {
        if from == self.0.len() {
            return String::new();
        }
        let mut text = String::from("\n| bar | measured | holds |\n|---|---|---|\n");
        for verdict in &self.0[from..] {
            let _ = writeln!(text, "| {} | {} | {} |", verdict.bar, verdict.measured, if verdict.holds { "yes" } else { "**no**" });
        }
        text
    }
}
