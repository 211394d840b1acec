//! MEMORY STATS, DOCTOR, MALLOC-STATS and PURGE: where the memory is. (MEMORY USAGE asks a shard: `command/keys/memory.rs`.)

use std::sync::atomic::Ordering;

use tikv_jemalloc_ctl::stats_print::{Options, stats_print};

use super::info::{Figures, collect};
use crate::command::{Args, Fault};
use crate::metrics::process::{self, Memory};
use crate::metrics::{DatabaseTally, Tally};
use crate::resp::Reply;
use crate::session::{Asked, Session};

pub(super) fn stats<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let figures = collect(session).await?;
        let sums = Sums::of(&figures);
        let map = reply.map_later();
        let mut fields = Fields { reply: &mut reply, count: 0 };
        sums.tell(&figures, &mut fields);
        let count = fields.count;
        reply.close(map, count);
        Ok(())
    })
}

/// The pairs of a map under way.
struct Fields<'r, 'a> {
    reply: &'r mut Reply<'a>,
    count: usize,
}

impl Fields<'_, '_> {
    fn named(&mut self, name: &str) -> &mut Self {
        self.reply.bulk(name.as_bytes());
        self.count += 1;
        self
    }

    fn bytes(&mut self, name: &str, bytes: u64) {
        self.named(name).reply.integer(signed(bytes));
    }

    fn share(&mut self, name: &str, share: f64) {
        self.named(name).reply.double(share);
    }

    /// What one level of memory holds beyond the level inside it.
    fn overheads(&mut self, name: &str, outer: u64, inner: u64) {
        self.share(&format!("{name}.ratio"), ratio(outer, inner));
        self.named(&format!("{name}.bytes")).reply.integer(signed(outer) - signed(inner));
    }

    fn database(&mut self, name: &str, tally: DatabaseTally) {
        self.named(name).reply.map(3);
        for (name, value) in [("keys.count", tally.keys), ("expires.count", tally.volatile), ("bytes", tally.bytes)] {
            self.reply.bulk(name.as_bytes());
            self.reply.integer(signed(value));
        }
    }
}

/// The sums that several fields and the doctor speak of.
struct Sums {
    memory: Memory,
    peak: u64,
    at_start: u64,
    dataset: u64,
    keys: u64,
}

impl Sums {
    fn of(figures: &Figures) -> Sums {
        let memory = process::memory();
        let pulse = &figures.board.pulse;
        let whole = sum(&figures.whole);
        Sums {
            memory,
            peak: pulse.memory_peak(memory.allocated),
            at_start: pulse.memory_at_start.load(Ordering::Relaxed),
            dataset: whole.bytes,
            keys: whole.keys,
        }
    }

    fn tell(&self, figures: &Figures, fields: &mut Fields<'_, '_>) {
        let Memory { allocated, active, resident, rss, .. } = self.memory;
        let overhead = allocated.saturating_sub(self.dataset);
        fields.bytes("peak.allocated", self.peak);
        fields.bytes("total.allocated", allocated);
        fields.bytes("startup.allocated", self.at_start);
        for nothing_yet in
            ["replication.backlog", "clients.slaves", "clients.normal", "cluster.links", "aof.buffer", "lua.caches", "functions.caches"]
        {
            fields.bytes(nothing_yet, 0);
        }
        for (number, tally) in figures.whole.databases.iter().enumerate().filter(|(_, tally)| tally.keys > 0) {
            fields.database(&format!("db.{number}"), *tally);
        }
        for (number, shard) in figures.shards.iter().enumerate() {
            fields.database(&format!("shard.{number}"), sum(shard));
        }
        fields.bytes("overhead.total", overhead);
        fields.bytes("keys.count", self.keys);
        fields.bytes("keys.bytes-per-key", self.dataset.checked_div(self.keys).unwrap_or(0));
        fields.bytes("dataset.bytes", self.dataset);
        fields.share("dataset.percentage", 100.0 * ratio(self.dataset, allocated.saturating_sub(self.at_start)).min(1.0));
        fields.share("peak.percentage", 100.0 * ratio(allocated, self.peak));
        fields.bytes("allocator.allocated", allocated);
        fields.bytes("allocator.active", active);
        fields.bytes("allocator.resident", resident);
        fields.overheads("allocator-fragmentation", active, allocated);
        fields.overheads("allocator-rss", resident, active);
        fields.overheads("rss-overhead", rss, resident);
        fields.share("fragmentation", ratio(rss, allocated));
        fields.named("fragmentation.bytes").reply.integer(signed(rss) - signed(allocated));
    }

    /// What somebody who looks after the server should know.
    fn complaints(&self, figures: &Figures) -> Vec<String> {
        let mut complaints = Vec::new();
        let Memory { allocated, active, resident, rss, .. } = self.memory;
        if ratio(self.peak, allocated) > 1.5 {
            complaints.push(format!(
                "The most memory that was ever in use is {:.1} times what is now. Most of it is given back within seconds; what is not \
                 will be used again before more is taken.",
                ratio(self.peak, allocated)
            ));
        }
        if ratio(active, allocated) > 1.3 && active - allocated > NOTICEABLE_BYTES {
            complaints.push(format!(
                "Pages in use are only partly filled: {:.1} bytes are held for each one. Values of very different sizes came and went.",
                ratio(active, allocated)
            ));
        }
        if ratio(resident, active) > 1.3 && resident - active > NOTICEABLE_BYTES {
            complaints.push("The allocator holds many pages that nobody uses. They go back to the system within seconds.".to_owned());
        }
        if ratio(rss, resident) > 1.3 && rss - resident > NOTICEABLE_BYTES {
            complaints.push("The process is larger than what it has allocated.".to_owned());
        }
        let largest = figures.shards.iter().map(|shard| sum(shard).bytes).max().unwrap_or(0);
        let mean = self.dataset / (figures.shards.len() as u64).max(1);
        if largest > 2 * mean && largest - mean > NOTICEABLE_BYTES {
            complaints.push(
                "One shard holds more than twice what a shard holds on average: a few large values, or keys with one hash tag. INFO shards \
                 shows them all."
                    .to_owned(),
            );
        }
        complaints
    }
}

/// Less than this is not worth a word of the doctor.
const NOTICEABLE_BYTES: u64 = 32 << 20;
/// Below this there is too little in use for any ratio to mean something.
const LITTLE_BYTES: u64 = 5 << 20;

pub(super) fn doctor<'a>(session: &'a mut Session, _: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let figures = collect(session).await?;
        let sums = Sums::of(&figures);
        let complaints = if sums.memory.allocated < LITTLE_BYTES { Vec::new() } else { sums.complaints(&figures) };
        let report = if complaints.is_empty() {
            "No memory issue was found.\n".to_owned()
        } else {
            complaints.iter().map(|complaint| format!(" * {complaint}\n")).collect()
        };
        reply.verbatim("txt", report.as_bytes());
        Ok(())
    })
}

pub(super) fn malloc_stats(_: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    let mut report = Vec::new();
    let mut options = Options::default();
    (options.skip_per_arena, options.skip_bin_size_classes, options.skip_large_size_classes) = (true, true, true);
    stats_print(&mut report, options).map_err(|_| Fault::Because("ERR the allocator tells nothing"))?;
    reply.verbatim("txt", &report);
    Ok(())
}

/// Nothing to do: a thread of the allocator gives unused pages back all the time.
pub(super) fn purge(_: &mut Session, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<(), Fault> {
    reply.ok();
    Ok(())
}

/// All databases of a tally as one.
fn sum(tally: &Tally) -> DatabaseTally {
    let sum = |of: fn(&DatabaseTally) -> u64| tally.databases.iter().map(of).sum();
    DatabaseTally { keys: sum(|of| of.keys), volatile: sum(|of| of.volatile), ttl_ms_mean: 0, bytes: sum(|of| of.bytes) }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
